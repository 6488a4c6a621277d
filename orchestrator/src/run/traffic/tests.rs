use super::*;
use fabric_proto::{fib::BaseMac, operator::Exit};
use lab::{plan::table_spec, topology::TableSource};
use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32, path::Path};

fn shipped(file: &str) -> Experiment {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies");
    Experiment::load(&root.join(file)).unwrap()
}

/// The flows of an entry, by its number.
fn entries(experiment: &Experiment, load: &Load) -> Vec<Vec<(FlowSpec, FlowPath)>> {
    let mut flows = load.spec.flows.iter().cloned().zip(load.paths.iter().cloned());
    experiment.traffic.iter().map(|entry| flows.by_ref().take(entry.flows as usize).collect()).collect()
}

#[test]
fn flows_follow_the_tags_tables_and_neighbours_of_the_configuration() {
    let experiment = shipped("vpn/failover.experiment.yml");
    let load = draw(&experiment).unwrap();
    assert_eq!(load.routes, [10_000, 2_000], "what is announced");
    let entries = entries(&experiment, &load);
    let exit = |port, vlan, mac| vec![Exit { port, vlan, mac }];
    let (red, blue) = ([2, 0, 0, 0xa0, 0], [2, 0, 0, 0xb0, 0]);
    let mac = |[a, b, c, d, e]: [u8; 5], site| [a, b, c, d, e, site];
    for (number, sends, from, vlan, expect, vrf) in [
        (0, "internet", 1, None, exit(2, None, [2, 0, 2, 1, 0, 0]), None),
        (1, "red-east", 1, Some(100), exit(2, Some(101), mac(red, 2)), Some("red")),
        (2, "red-west", 2, Some(101), exit(1, Some(100), mac(red, 1)), Some("red")),
        (3, "blue-east", 1, Some(200), exit(2, Some(201), mac(blue, 2)), Some("blue")),
        (4, "blue-west", 2, Some(201), exit(1, Some(200), mac(blue, 1)), Some("blue")),
    ] {
        assert_eq!(experiment.traffic[number].name, sends);
        for (flow, path) in &entries[number] {
            assert_eq!((flow.from, flow.vlan, &flow.expect, flow.hops), (from, vlan, &expect, 1), "{sends}");
            assert_eq!(path.vrf.as_deref(), vrf, "{sends}");
        }
        let families = |v4: bool| entries[number].iter().filter(|(flow, _)| flow.destination.is_ipv4() == v4).count();
        assert!(families(true) > 0 && families(false) > 0, "{sends}");
    }
    let prefixes = |number: usize| entries[number].iter().map(|(_, path)| path.prefix.as_str()).collect::<Vec<_>>();
    assert!(prefixes(1).contains(&"172.17.0.0/16") && prefixes(4).contains(&"172.17.0.0/16"), "one prefix, two ways");
    let (flow, path) = &entries[1][0];
    let source = if flow.destination.is_ipv4() { "10.20.1.10" } else { "fd20:1::a" };
    assert_eq!(flow.source, source.parse::<IpAddr>().unwrap(), "of the subinterface's network");
    assert_eq!((path.ingress.as_str(), path.egress.as_str()), ("1/1.100", "2/1.100"));
    assert_eq!(flow.port_mac, BaseMac::FIRST.of("1/1".parse().unwrap()));
}

#[test]
fn packets_that_cross_two_chassis_are_followed_through_both() {
    let experiment = shipped("core/transit.experiment.yml");
    let load = draw(&experiment).unwrap();
    assert!(load.spec.flows.iter().all(|flow| flow.hops == 2 && flow.expect.iter().all(|exit| exit.port == 2)));
    let macs: std::collections::BTreeSet<_> = load.spec.flows.iter().flat_map(|flow| &flow.expect).collect();
    assert_eq!(macs.len(), 16, "every neighbour that announces is some flow's");
}

const TOPOLOGY: &str = r#"name: lab
topology:
  nodes:
    pe1: {kind: chassis, image: "2.0", startup-config: pe1.cfg, components: [{slot: A}, {slot: 1, ports: 3}]}
    pe2: {kind: chassis, image: "2.0", startup-config: pe2.cfg, components: [{slot: A}, {slot: 1, ports: 2}]}
    t1: {kind: tester, ports: 3}
  links:
    - endpoints: ["t1:p1", "pe1:1/1"]
    - endpoints: ["pe1:1/2", "pe2:1/1"]
    - endpoints: ["t1:p2", "pe2:1/2"]
    - endpoints: ["t1:p3", "pe1:1/3"]
"#;

/// A customer's VRF on pe1; behind the VLAN of a wire, pe2's own table.
const PE1: &str = "\
vrf definition red
 address-family ipv4
interface 1/1
interface 1/1.100
 encapsulation dot1Q 100
 vrf forwarding red
 ip address 10.0.0.1 255.255.255.0
interface 1/2
interface 1/2.5
 encapsulation dot1Q 50
 vrf forwarding red
 ip address 10.0.1.1 255.255.255.0
interface 1/3
 ip address 10.0.9.1 255.255.255.0
ip route vrf red 0.0.0.0 0.0.0.0 10.0.1.2
arp vrf red 10.0.1.2 025a.0001.0101 arpa
end
";

const PE2: &str = "\
interface 1/1
interface 1/1.1
 encapsulation dot1Q 50
 ip address 10.0.1.2 255.255.255.0
interface 1/2
 ip address 10.0.2.1 255.255.255.0
ip route 172.16.0.0 255.255.0.0 10.0.2.10
ip route 10.128.0.0 255.128.0.0 10.0.2.11
ip route 172.16.7.0 255.255.255.0 Null0
arp 10.0.2.10 0200.0000.0001 arpa
arp 10.0.2.11 0200.0000.0002 arpa
end
";

/// An experiment over the two, of which files have been changed.
fn load(changes: &[(&str, &str, &str)], from: &str) -> Result<(Experiment, Load), String> {
    let folder = tempfile::tempdir().unwrap();
    let experiment = format!(
        "title: Test\ntopology: lab.chassis.yml\nmodes: [sso]\ntrials: 1\ntraffic:\n  - {{name: one, from: {from}, to: \
         t1:p2, flows: 100, rate: 1kpps, frame-size: 64}}\nobserve: {{until: converged, at-most: 9s}}\n"
    );
    for (name, text) in
        [("lab.chassis.yml", TOPOLOGY), ("pe1.cfg", PE1), ("pe2.cfg", PE2), ("x.experiment.yml", &experiment)]
    {
        let mut text = text.to_owned();
        for (_, old, new) in changes.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let plain = |error: BadInput| {
        let text = error.plain();
        text[text.find("x.experiment.yml").unwrap_or(0)..].to_owned()
    };
    let experiment = Experiment::load(&folder.path().join("x.experiment.yml")).map_err(plain)?;
    let load = draw(&experiment).map_err(plain)?;
    Ok((experiment, load))
}

#[test]
fn a_vlan_of_a_wire_leads_into_the_table_of_the_next_chassis() {
    let (_, load) = load(&[], "t1:p1.100").unwrap();
    let mut led: BTreeMap<&str, usize> = BTreeMap::new();
    for (flow, path) in load.spec.flows.iter().zip(&load.paths) {
        assert_eq!((flow.vlan, flow.hops, flow.source), (Some(100), 2, "10.0.0.10".parse().unwrap()));
        let mac = if path.prefix == "172.16.0.0/16" || path.prefix == "10.0.2.10/32" { 1 } else { 2 };
        assert_eq!(flow.expect, [Exit { port: 2, vlan: None, mac: [2, 0, 0, 0, 0, mac] }], "{path:?}");
        assert!(!"172.16.7.0/24".parse::<fabric_proto::fib::Prefix>().unwrap().contains(flow.destination), "{path:?}");
        *led.entry(&path.prefix).or_default() += 1;
    }
    assert_eq!(
        led.keys().copied().collect::<Vec<_>>(),
        ["10.0.2.10/32", "10.0.2.11/32", "10.128.0.0/9", "172.16.0.0/16"]
    );
    assert!(led.values().all(|flows| *flows == 25), "each in turn: {led:?}");
}

#[test]
fn a_way_that_does_not_lead_there_is_refused_with_its_place() {
    let at = "x.experiment.yml:6:38: traffic 'one': packets from t1:p1.100 to ";
    for (file, old, new, wanted) in [
        ("pe1.cfg", "ip route vrf red 0.0.0.0 0.0.0.0 10.0.1.2\n", "", "nothing in VRF red of pe1 leads there"),
        ("pe1.cfg", "025a.0001.0101", "025a.0000.0109", "what pe1 sends to pe2:1/1 is for another address"),
        ("pe2.cfg", "dot1Q 50", "dot1Q 51", "nothing at pe2:1/1 takes frames of VLAN 50"),
        ("pe1.cfg", "0.0.0.0 10.0.1.2", "0.0.0.0 10.0.0.10", "nothing in VRF red of pe1 leads there"),
        (
            "pe2.cfg",
            "ip route 172.16.0.0 255.255.0.0 10.0.2.10\n",
            "ip route 172.16.0.0 255.255.0.0 10.0.2.10\nvrf definition blue\n address-family ipv4\ninterface 1/1.1\n vrf \
             forwarding blue\n ip address 10.0.1.2 255.255.255.0\n",
            "nothing in VRF blue of pe2 leads there",
        ),
    ] {
        let text = load(&[(file, old, new)], "t1:p1.100").map(|_| ()).unwrap_err();
        assert!(text.starts_with(at) && text.contains(wanted), "{new}: {text}");
    }
    let text = load(&[], "t1:p3").map(|_| ()).unwrap_err();
    assert!(text.contains("nothing in the default table of pe1 leads there"), "{text}");
    let back =
        "ip route vrf red 172.16.0.0 255.255.0.0 10.0.0.10\narp vrf red 10.0.0.10 0200.0000.0009 arpa\narp vrf red";
    let text = load(&[("pe1.cfg", "arp vrf red", back)], "t1:p1.100").map(|_| ()).unwrap_err();
    assert!(text.contains("they leave elsewhere"), "{text}");
}

/// A shipped experiment, every table of which churns, and the destinations whose longest match somewhere comes and goes.
fn churning(file: &str, ppm: u32, seed: u64) -> (Result<Load, BadInput>, Vec<FlowSpec>) {
    let mut experiment = shipped(file);
    experiment.seed = seed;
    let routes = experiment.topology.chassis.iter_mut().filter_map(|chassis| chassis.routes.as_mut());
    routes.for_each(|routes| routes.churn_ppm = NonZeroU32::new(ppm));
    let load = draw(&experiment);
    let mut struck = load.as_ref().map_or(Vec::new(), |load| load.spec.flows.clone());
    let topology = &experiment.topology;
    let announced = topology.chassis.iter().filter_map(|chassis| Some((chassis, chassis.routes.as_ref()?)));
    let tables: Vec<_> = announced
        .map(|(chassis, routes)| table_spec(topology, &chassis.name, routes))
        .map(|spec| (route_table::load(&spec).unwrap(), spec))
        .map(|(table, spec)| (route_table::churned(&table, &spec), table))
        .collect();
    struck.retain(|flow| {
        let longest = tables.iter().map(|(churned, table)| (churned, table.lookup(flow.destination)));
        longest.into_iter().any(|(churned, found)| found.is_some_and(|found| churned.contains(&found)))
    });
    (load, struck)
}

#[test]
fn nothing_is_sent_by_a_route_that_comes_and_goes() {
    for (file, flows) in [("edge/smoke.experiment.yml", 100), ("core/transit.experiment.yml", 100)] {
        let (load, struck) = churning(file, 0, 1);
        assert_eq!((load.unwrap().spec.flows.len(), struck.len()), (flows, 0), "{file}");
        for seed in 1..6 {
            let (load, struck) = churning(file, 990_000, seed);
            assert_eq!(load.unwrap().spec.flows.len(), flows, "{file}");
            assert_eq!(struck, [], "{file}, seed {seed}");
        }
    }
}

#[test]
fn a_table_that_churns_whole_leaves_the_neighbours_that_are_configured() {
    let (load, struck) = churning("edge/smoke.experiment.yml", 1_000_000, 1);
    assert_eq!(struck, []);
    let prefixes: std::collections::BTreeSet<_> = load.unwrap().paths.into_iter().map(|path| path.prefix).collect();
    assert_eq!(prefixes.len(), 16, "eight behind the port, of each family: {prefixes:?}");
}

/// The way through two routers, the first of which is announced some routes back to the tester; its configured ones lead on.
fn announced_on_the_way(prefixes: &str, churn_ppm: u32) -> Result<Load, String> {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, prefixes).unwrap();
    let mut experiment = shipped("core/transit.experiment.yml");
    let [pe1, pe2] = experiment.topology.chassis.as_mut_slice() else { panic!("two routers") };
    pe1.routes.clone_from(&pe2.routes);
    let routes = pe1.routes.as_mut().unwrap();
    (routes.source, routes.churn_ppm) = (TableSource::File(list), NonZeroU32::new(churn_ppm));
    draw(&experiment).map_err(|error| error.plain())
}

#[test]
fn a_route_that_comes_and_goes_on_the_way_is_avoided_too() {
    let half = "128.0.0.0/1\n";
    let text = announced_on_the_way(half, 0).map(|_| ()).unwrap_err();
    assert!(text.contains("do not get to t1:p2"), "one that stays is followed: {text}");
    let load = announced_on_the_way(half, 1_000_000).unwrap();
    let upper = |flow: &FlowSpec| matches!(flow.destination, IpAddr::V4(address) if address.octets()[0] > 127);
    assert!(!load.spec.flows.iter().any(upper));
}

#[test]
fn where_all_ways_come_and_go_nothing_is_left_to_send_to() {
    let text = announced_on_the_way("0.0.0.0/1\n128.0.0.0/1\n::/1\n8000::/1\n", 1_000_000).map(|_| ()).unwrap_err();
    for part in [
        "transit.experiment.yml:10:9: traffic 'through-both': only 0 of 100 flows find a destination behind t1:p2",
        "routes that churn are not sent to: lower 'churn'",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn families_that_cannot_be_sent_are_not_drawn() {
    let mut experiment = shipped("vpn/failover.experiment.yml");
    experiment.traffic.iter_mut().for_each(|entry| entry.frame_size = 64);
    let short = draw(&experiment).unwrap();
    assert!(short.spec.flows.iter().all(|flow| flow.destination.is_ipv4()), "no IPv6 packet is so short");
    let v6 = "ipv6 address fd00:2::1/64\nipv6 route 2001:db8:16::/48 fd00:2::a\n\
              ipv6 neighbor fd00:2::a GigabitEthernet1/2 0200.0000.0003\nip route 172.16.0.0";
    let changes = [("pe2.cfg", "ip route 172.16.0.0", v6), ("x.experiment.yml", "frame-size: 64", "frame-size: 128")];
    let (_, load) = load(&changes, "t1:p1.100").unwrap();
    assert!(load.spec.flows.iter().all(|flow| flow.source.is_ipv4()), "its interface has no IPv6 address");
}
