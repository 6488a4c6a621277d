use super::*;
use crate::{
    images::Images,
    plan::{LabPlan, Placement},
    topology::Topology,
};
use notation::document::Document;

const LAB: &str = r#"name: lab
topology:
  nodes:
    pe1:
      kind: chassis
      image: "1.0"
      components: [{slot: A}, {slot: 1, ports: 4}]
    t1: {kind: tester, ports: 1}
    h1: {kind: linux, cmd: sleep 1}
    h2: {kind: linux}
  links:
    - endpoints: ["pe1:1/1", "h1:eth1"]
    - endpoints: ["h1:eth2", "h2:eth1"]
    - endpoints: ["h2:eth2", "t1:p1"]
    - endpoints: ["host:clab0", "pe1:1/2"]
    - endpoints: ["macvlan:eth0", "pe1:1/3"]
"#;

fn plan(dir: &Path) -> LabPlan {
    let topology = Topology::from_document(Document::from_text(Path::new("lab.chassis.yml"), LAB)).unwrap();
    let images = Images::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images")).unwrap();
    LabPlan::new(&topology, dir, &images, Placement::Process).unwrap()
}

#[test]
fn every_wire_has_one_end_that_listens() {
    let plan = plan(Path::new("/run/swact/lab"));
    let names: Vec<_> = plan.nodes.iter().map(|node| node.id.to_string()).collect();
    assert_eq!(names, ["lab/h1/linux", "lab/h2/linux", "lab/host/linux", "lab/macvlan/linux"]);
    let mut ends = std::collections::BTreeMap::<_, Vec<bool>>::new();
    for card in &plan.cards {
        card.config.wires.iter().for_each(|wire| ends.entry(wire.path.clone()).or_default().push(wire.listen));
    }
    for port in plan.nodes.iter().flat_map(|node| &node.bridge.ports) {
        ends.entry(port.wire.clone()).or_default().push(port.listen);
    }
    assert_eq!(ends.len(), 5);
    for (wire, ends) in ends {
        let listens = ends.iter().filter(|listens| **listens).count();
        assert_eq!((ends.len(), listens), (2, 1), "{}", wire.display());
    }
    // Where a card may run as somebody else than a bridge, the card listens.
    assert!(
        plan.nodes.iter().filter(|node| node.id.node != "h1").all(|node| node
            .bridge
            .ports
            .iter()
            .all(|port| !port.listen))
    );
}

#[test]
fn interfaces_have_addresses_and_names_of_their_own() {
    let plan = plan(Path::new("/run/swact/lab"));
    let interfaces: Vec<_> =
        plan.nodes.iter().flat_map(|node| &node.bridge.ports).map(|port| &port.interface).collect();
    let mut macs: Vec<_> = interfaces
        .iter()
        .filter_map(|interface| match interface {
            Interface::Node { mac, .. } => Some(*mac),
            Interface::Host { .. } | Interface::Macvlan { .. } => None,
        })
        .collect();
    assert!(macs.iter().all(|mac| mac[..3] == [0xaa, 0xc1, 0xab]));
    macs.sort();
    macs.dedup();
    assert_eq!(macs.len(), 4);
    assert!(interfaces.iter().all(|interface| interface.name().len() <= 15));
    assert!(plan.nodes.iter().all(|node| node.has_node() == ["h1", "h2"].contains(&node.id.node.as_str())));
}

#[test]
fn a_plan_that_was_moved_has_its_paths_where_it_is() {
    let plan = plan(Path::new("/run/swact/lab")).rooted(Path::new("/tmp/lab")).unwrap();
    let text = serde_json::to_string(&plan.nodes).unwrap();
    assert!(!text.contains("/run/swact"), "{text}");
    let mut evil = plan;
    evil.nodes[0].id.node = "../..".to_owned();
    assert!(evil.rooted(Path::new("/tmp/lab")).is_err());
}
