use super::*;
use notation::document::Document;
use std::path::Path;

/// Two ports with wires to a tester, one without.
const TOPOLOGY: &str = r#"name: lab
topology:
  nodes:
    pe1:
      kind: chassis
      image: "2.0"
      startup-config: pe1.cfg
      components: [{slot: A}, {slot: 1, ports: 3}]
    t1: {kind: tester, ports: 2}
  links:
    - endpoints: ["t1:p1", "pe1:1/1"]
    - endpoints: ["t1:p2", "pe1:1/2"]
"#;

const PE1: &str = "\
vrf definition red
 address-family ipv4
 address-family ipv6
vrf definition blue
 address-family ipv4
interface Loopback0
 ip address 192.0.2.1 255.255.255.255
interface 1/1
 ip address 10.0.0.1 255.255.255.0
interface 1/1.100
 encapsulation dot1Q 100
 vrf forwarding red
 ip address 10.0.1.1 255.255.255.0
 ipv6 address fe80::1/64
 ipv6 address fd00:1::1/64
interface 1/1.200
 encapsulation dot1Q 200
 vrf forwarding blue
 ip address 10.0.1.1 255.255.255.0
interface 1/1.300
 encapsulation dot1Q 300
 shutdown
interface 1/1.400
interface 1/1.500
 encapsulation dot1Q 500
interface 1/2
interface 1/2.7
 encapsulation dot1Q 101
 vrf forwarding red
 ip address 10.0.2.0 255.255.255.254
interface 1/3
interface 1/3.100
 encapsulation dot1Q 100
 vrf forwarding red
 ip address 10.0.3.1 255.255.255.0
interface 1/4
 shutdown
interface 1/4.1
 encapsulation dot1Q 1
 ip address 10.0.4.1 255.255.255.0
arp vrf red 10.0.1.2 0200.0000.0001 arpa
arp vrf red 10.0.1.3 0200.0000.0002 arpa
arp vrf red 10.0.2.1 0200.0000.0003 arpa
arp vrf red 10.0.3.2 0200.0000.0004 arpa
arp vrf blue 10.0.1.2 0200.0000.0005 arpa
ipv6 neighbor fd00:1::2 GigabitEthernet1/1.100 0200.0000.0006
";

/// A topology with `PE1` and more lines, or without a startup configuration.
fn topology(more: Option<&str>) -> Topology {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pe1.cfg"), format!("{PE1}{}end\n", more.unwrap_or_default())).unwrap();
    let text = match more {
        Some(_) => TOPOLOGY.to_owned(),
        None => TOPOLOGY.replace("      startup-config: pe1.cfg\n", ""),
    };
    Topology::from_document(Document::from_text(&folder.path().join("lab.chassis.yml"), &text)).unwrap()
}

fn id(text: &str) -> InterfaceId {
    text.parse().unwrap()
}

/// Where each prefix of a table leads: interfaces and last bytes of MAC addresses.
fn led(topology: &Topology, vrf: Option<&str>) -> BTreeMap<String, Vec<(String, u8)>> {
    let routing = Routing::of(topology, &topology.chassis[0]);
    let (mut routes, _) = routing.table(vrf, &[]);
    routes.sort_by_key(|route| std::cmp::Reverse(route.distance));
    let exit = |exit: &Exit| (exit.interface.number(), exit.mac[5]);
    let led = routes.iter().map(|route| (route.prefix.to_string(), route.exits.iter().map(exit).collect()));
    led.collect()
}

fn exit(interface: &str, mac: u8) -> (String, u8) {
    (interface.to_owned(), mac)
}

#[test]
fn an_interface_has_the_tag_and_the_table_of_its_configuration() {
    let topology = topology(Some(""));
    let routing = Routing::of(&topology, &topology.chassis[0]);
    for name in ["1/1", "1/1.100", "1/1.200", "1/2.7"] {
        assert_eq!(routing.check(id(name)), Ok(()), "{name}");
    }
    assert_eq!((routing.vlan(id("1/2.7")), routing.vrf(id("1/2.7"))), (Some(101), Some("red")));
    assert_eq!((routing.vlan(id("1/1")), routing.vrf(id("1/1"))), (None, None));
    let port: PortId = "1/2".parse().unwrap();
    let by = |vlan| routing.interface_by(port, vlan);
    assert_eq!((by(Some(101)), by(Some(7)), by(None)), (Some(id("1/2.7")), None, Some(id("1/2"))));
    let without_a_wire: PortId = "1/3".parse().unwrap();
    assert_eq!(routing.interface_by(without_a_wire, Some(100)), None);
}

#[test]
fn an_interface_that_no_traffic_can_use_says_why_and_what_to_do() {
    let topology = topology(Some(""));
    let routing = Routing::of(&topology, &topology.chassis[0]);
    for (name, wanted) in [
        (
            "1/1.9",
            "pe1 has no interface GigabitEthernet1/1.9: add it to pe1.cfg, or take GigabitEthernet1/1.100 (VLAN 100) or \
             GigabitEthernet1/1.200 (VLAN 200) or GigabitEthernet1/1.300 (VLAN 300) or GigabitEthernet1/1.500 (VLAN 500)",
        ),
        ("2/1.9", "pe1 has no interface GigabitEthernet2/1.9: add it to pe1.cfg: port 2/1 has no subinterface there"),
        (
            "1/1.300",
            "GigabitEthernet1/1.300 of pe1 is shut down: give it 'no shutdown' in pe1.cfg, or take another one",
        ),
        ("1/4.1", "GigabitEthernet1/4 of pe1 is shut down: give it 'no shutdown' in pe1.cfg, or take another one"),
        ("1/1.400", "GigabitEthernet1/1.400 of pe1 has no VLAN: give it 'encapsulation dot1Q 400' in pe1.cfg"),
        (
            "1/1.500",
            "GigabitEthernet1/1.500 of pe1 has no address: give it an 'ip address' or 'ipv6 address' in pe1.cfg",
        ),
    ] {
        let why = routing.check(id(name)).unwrap_err();
        assert_eq!(format!("{why}: {}", why.remedy()), wanted);
    }
    let generated = self::topology(None);
    let routing = Routing::of(&generated, &generated.chassis[0]);
    assert_eq!(routing.check(id("1/1")), Ok(()));
    let why = routing.check(id("1/1.100")).unwrap_err();
    assert_eq!(
        why.remedy(),
        "the generated configuration has ports only: give the chassis a 'startup-config' that has it"
    );
}

#[test]
fn the_tester_has_an_address_of_the_interfaces_network() {
    let topology = topology(Some(
        "interface 1/1.600\n encapsulation dot1Q 600\n ip address 10.0.6.1 255.255.255.252\n\
         interface 1/1.601\n encapsulation dot1Q 601\n ip address 10.0.6.10 255.255.255.248\n\
         interface 1/1.602\n encapsulation dot1Q 602\n ip address 10.0.7.10 255.255.255.0\n",
    ));
    let routing = Routing::of(&topology, &topology.chassis[0]);
    for (name, family, wanted) in [
        ("1/1", Family::V4, Some("10.0.0.10")),
        ("1/1", Family::V6, None),
        ("1/1.100", Family::V4, Some("10.0.1.10")),
        ("1/1.100", Family::V6, Some("fd00:1::a")),
        ("1/2.7", Family::V4, Some("10.0.2.1")),
        ("1/1.600", Family::V4, Some("10.0.6.2")),
        ("1/1.601", Family::V4, Some("10.0.6.9")),
        ("1/1.602", Family::V4, Some("10.0.7.1")),
        ("Loopback0", Family::V4, None),
    ] {
        let wanted = wanted.map(|address| address.parse().unwrap());
        assert_eq!(routing.host(id(name), family), wanted, "{name} {family}");
    }
}

#[test]
fn the_same_addresses_lead_elsewhere_in_each_table() {
    let topology = topology(Some(
        "ip route vrf red 172.16.0.0 255.240.0.0 10.0.2.1\nip route vrf blue 172.16.0.0 255.240.0.0 10.0.1.2\n",
    ));
    let red = led(&topology, Some("red"));
    assert_eq!(red["172.16.0.0/12"], [exit("1/2.7", 3)]);
    assert_eq!(red["10.0.1.2/32"], [exit("1/1.100", 1)]);
    assert_eq!(red["fd00:1::2/128"], [exit("1/1.100", 6)]);
    assert_eq!((&red["10.0.1.1/32"], &red["10.0.1.0/24"]), (&vec![], &vec![]), "the chassis' own");
    assert!(!red.contains_key("10.0.3.0/24") && !red.contains_key("10.0.3.2/32"), "its port has no wire");
    let blue = led(&topology, Some("blue"));
    assert_eq!((&blue["172.16.0.0/12"], &blue["10.0.1.2/32"]), (&vec![exit("1/1.200", 5)], &vec![exit("1/1.200", 5)]));
    assert!(!blue.contains_key("10.0.2.1/32"));
    assert!(led(&topology, None).keys().all(|prefix| !prefix.starts_with("172.")));
}

#[test]
fn static_routes_are_followed_to_neighbours() {
    let topology = topology(Some(
        "ip route vrf red 172.16.0.0 255.255.0.0 10.0.1.2\n\
         ip route vrf red 172.16.0.0 255.255.0.0 10.0.1.3\n\
         ip route vrf red 172.16.0.0 255.255.0.0 10.0.2.1 5\n\
         ip route vrf red 172.17.0.0 255.255.0.0 172.16.0.1\n\
         ip route vrf red 172.18.0.0 255.255.0.0 10.0.3.2 1\n\
         ip route vrf red 172.18.0.0 255.255.0.0 10.0.2.1 5\n\
         ip route vrf red 172.19.0.0 255.255.0.0 GigabitEthernet1/2.7 10.0.2.1\n\
         ip route vrf red 172.20.0.0 255.255.0.0 10.0.1.2\n\
         ip route vrf red 172.20.0.0 255.255.0.0 Null0\n\
         ip route vrf red 172.21.0.0 255.255.0.0 10.0.1.99\n\
         ip route vrf red 172.22.0.0 255.255.0.0 172.23.0.1\n\
         ip route vrf red 172.23.0.0 255.255.0.0 172.22.0.1\n\
         ip route vrf red 172.24.0.0 255.255.0.0 10.0.1.2 255\n\
         ip route vrf red 10.0.1.2 255.255.255.255 10.0.2.1\n",
    ));
    let red = led(&topology, Some("red"));
    for (prefix, wanted, why) in [
        ("172.16.0.0/16", vec![exit("1/1.100", 2), exit("1/2.7", 3)], "two share the load, the third floats"),
        ("172.17.0.0/16", vec![exit("1/1.100", 2), exit("1/2.7", 3)], "through another route"),
        ("172.18.0.0/16", vec![exit("1/2.7", 3)], "the nearer one's port has no wire"),
        ("172.19.0.0/16", vec![exit("1/2.7", 3)], "on its interface"),
        ("172.20.0.0/16", vec![], "half of it is dropped"),
        ("172.21.0.0/16", vec![], "a neighbour that nobody named"),
        ("172.22.0.0/16", vec![], "a circle"),
        ("172.23.0.0/16", vec![], "a circle"),
        ("10.0.1.2/32", vec![exit("1/2.7", 3)], "more closely than its network"),
    ] {
        assert_eq!(red[prefix], wanted, "{prefix}: {why}");
    }
    assert!(!red.contains_key("172.24.0.0/16"), "255 is never used");
}

#[test]
fn learned_next_hops_are_reached_through_networks_and_static_routes() {
    let topology = topology(Some("arp 10.0.0.10 0200.0000.0007 arpa\nip route 192.0.2.8 255.255.255.248 10.0.0.10\n"));
    let routing = Routing::of(&topology, &topology.chassis[0]);
    let hops = ["10.0.0.10", "192.0.2.9", "10.0.0.11", "10.0.1.2"].map(|hop| hop.parse().unwrap());
    let (_, reached) = routing.table(None, &hops);
    let seven = vec![Exit { interface: id("1/1"), mac: [2, 0, 0, 0, 0, 7] }];
    assert_eq!(reached, [seven.clone(), seven, vec![], vec![]]);
}

/// However many routes lead through each other, a look at them ends.
#[test]
fn long_chains_and_wide_circles_end() {
    let octets = |n: u32| format!("{}.{}", n / 200, n % 200);
    let chain: String =
        (0..2_000).map(|n| format!("ip route 100.{}.0 255.255.255.0 100.{}.1\n", octets(n), octets(n + 1))).collect();
    let net = (0..40).flat_map(|n| (0..16).map(move |m| (n, (n + 1 + m) % 40)));
    let wide: String = net.map(|(n, m)| format!("ip route 101.0.{n}.0 255.255.255.0 101.0.{m}.1\n")).collect();
    let topology = topology(Some(&format!("{chain}{wide}")));
    let default = led(&topology, None);
    assert!(default.len() > 2_000 && default.values().all(Vec::is_empty));
}

/// What a generated configuration says is what generated neighbours are.
#[test]
fn a_generated_configuration_leads_to_its_neighbours() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let small = Topology::load(&root.join("topologies/edge/small.chassis.yml")).unwrap();
    let routing = Routing::of(&small, &small.chassis[0]);
    let hops = crate::plan::next_hops(&small, "pe1", 16);
    let addresses: Vec<IpAddr> =
        hops.iter().flat_map(|hop| [IpAddr::V4(hop.neighbour.ipv4), IpAddr::V6(hop.neighbour.ipv6)]).collect();
    let (_, reached) = routing.table(None, &addresses);
    let wanted = |hop: &crate::plan::PlacedNeighbour| {
        let exit = Exit { interface: hop.at.port.into(), mac: hop.neighbour.mac };
        [vec![exit], vec![exit]]
    };
    assert_eq!(reached, hops.iter().flat_map(wanted).collect::<Vec<_>>());
    let first = crate::plan::Neighbour::on(hops[0].at.port, 0);
    assert_eq!(routing.host(hops[0].at.port.into(), Family::V4), Some(first.ipv4.into()));
    assert_eq!(routing.host(hops[0].at.port.into(), Family::V6), Some(first.ipv6.into()));
}
