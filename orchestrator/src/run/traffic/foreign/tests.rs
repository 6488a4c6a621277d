use super::super::draw;
use super::*;
use lab::{plan::node_mac, topology::InterfaceName};
use std::{collections::BTreeSet, path::Path};

fn shipped(file: &str) -> Experiment {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies");
    Experiment::load(&root.join(file)).unwrap_or_else(|error| panic!("{}", error.plain()))
}

fn mac(lab: &str, node: &str, interface: &str) -> fabric_proto::fib::Mac {
    node_mac(lab, node, InterfaceName::parse(interface).unwrap())
}

#[test]
fn between_nodes_packets_go_from_one_own_address_to_the_other() {
    let load = draw(&shipped("neighbours/pair.experiment.yml")).unwrap();
    let (there, back) = load.spec.flows.split_at(20);
    for (flows, from, to, first) in [(there, 1, 2, mac("pair", "a", "eth1")), (back, 2, 1, mac("pair", "b", "eth1"))] {
        for flow in flows {
            assert_eq!((flow.from, flow.vlan, flow.port_mac, flow.hops), (from, None, first, 3));
            assert_eq!(flow.source, format!("10.{from}.0.10").parse::<IpAddr>().unwrap());
            assert_eq!(flow.destination, format!("10.{to}.0.10").parse::<IpAddr>().unwrap());
            assert_eq!(flow.expect, [Exit { port: to, vlan: None, mac: tester_mac(to) }]);
        }
    }
    assert_eq!((load.paths[0].ingress.as_str(), load.paths[0].egress.as_str()), ("a:eth1", "b:eth1"));
}

#[test]
fn a_chassis_part_of_the_way_is_looked_up_in_its_tables() {
    let experiment = shipped("neighbours/through.experiment.yml");
    let load = draw(&experiment).unwrap();
    let (there, back) = load.spec.flows.split_at(20);
    for flow in there {
        assert_eq!((flow.port_mac, flow.hops), (fabric_proto::fib::BaseMac::FIRST.of("1/1".parse().unwrap()), 2));
        assert_eq!(flow.source, "10.1.1.10".parse::<IpAddr>().unwrap(), "of the chassis' network");
        assert_eq!(flow.destination, "10.9.0.10".parse::<IpAddr>().unwrap());
    }
    for flow in back {
        assert_eq!((flow.port_mac, flow.hops), (mac("through", "r1", "eth2"), 2));
        assert_eq!(flow.source, "10.9.0.10".parse::<IpAddr>().unwrap());
        assert_eq!(flow.expect, [Exit { port: 1, vlan: None, mac: [2, 0, 1, 1, 0, 0] }], "the neighbour of the route");
    }
    // Half of them go to the tester itself, which is but one host; each of the others has its own.
    let destinations: BTreeSet<_> = back.iter().map(|flow| flow.destination).collect();
    assert_eq!(destinations.len(), 11);
}

#[test]
fn destinations_behind_the_tester_are_spread_over_the_prefix() {
    let mut experiment = shipped("neighbours/pair.experiment.yml");
    for traffic in &mut experiment.traffic {
        let prefix = Some("10.9.0.0/29".parse().unwrap());
        traffic.through = traffic.through.map(|through| Through { destinations: prefix, ..through });
    }
    let load = draw(&experiment).unwrap();
    let last: BTreeSet<_> = load.spec.flows[..20].iter().map(|flow| flow.destination.to_string()).collect();
    let all: Vec<String> = (1..7).map(|host| format!("10.9.0.{host}")).collect();
    assert_eq!(last.into_iter().collect::<Vec<_>>(), all, "20 flows to 6 hosts");
}
