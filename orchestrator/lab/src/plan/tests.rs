use super::*;
use fabric_proto::{fib::BaseMac, id::LcSlot};
use notation::document::Document;
use std::{collections::BTreeSet, net::Ipv4Addr};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn edge() -> Topology {
    Topology::load(&root().join("topologies/edge/edge.chassis.yml")).unwrap()
}

fn plan_of(topology: &Topology, dir: &Path) -> Result<LabPlan, BadInput> {
    let images = Images::load(&root().join("images")).unwrap();
    LabPlan::new(topology, dir, &images, Placement::Process)
}

fn edge_plan() -> LabPlan {
    plan_of(&edge(), Path::new("/run/swact/edge")).unwrap()
}

#[test]
fn every_card_is_told_of_the_others() {
    let plan = edge_plan();
    assert_eq!(plan.cards.len(), 7);
    let rp = plan.card(&CardId::card("edge", "pe1", Slot::Rp(RpSlot::A))).unwrap();
    assert_eq!(rp.config.cards.len(), 5, "the other RP and four line cards");
    assert_eq!(rp.config.feeds[0].id, CardId::tester("edge", "t1"));
    assert_eq!(rp.config.redundancy, RedundancyTimers { heartbeat_ms: 50, switchover_ms: 300 });
    assert!(rp.config.image.ends_with("images/1.0/manifest.yml"));
    assert_eq!(rp.program, Program::Rp);
    let lc = plan.card(&CardId::card("edge", "pe1", Slot::Lc(LcSlot(3)))).unwrap();
    assert!(lc.config.cards.iter().all(|card| card.data.is_some()), "packets go to route processors, too");
    assert!(rp.config.data.is_some() && lc.config.data.is_some() && lc.startup_config.is_none());
}

#[test]
fn the_ends_of_a_wire_agree_and_the_tester_listens() {
    let plan = edge_plan();
    let mut ends: Vec<_> =
        plan.cards.iter().flat_map(|card| card.config.wires.iter().map(move |wire| (card, wire))).collect();
    ends.sort_by_key(|(_, wire)| &wire.path);
    assert_eq!(ends.len(), 8);
    for pair in ends.chunks(2) {
        assert_eq!(pair[0].1.path, pair[1].1.path);
        for (card, wire) in pair {
            assert_eq!(wire.listen, card.program == Program::Tester, "{wire:?}");
        }
    }
}

#[test]
fn every_endpoint_has_an_address_of_its_own() {
    let plan = edge_plan();
    let mut seen = BTreeSet::new();
    for card in &plan.cards {
        assert!(card.config.control.ip().is_loopback());
        assert!(seen.insert(card.config.control), "{}", card.config.id);
        assert!(card.config.data.is_none_or(|data| seen.insert(data)), "{}", card.config.id);
    }
    let other = plan_of(&edge(), Path::new("/run/swact/other")).unwrap();
    assert_ne!(other.cards[0].config.control, plan.cards[0].config.control, "labs live side by side");
}

#[test]
fn next_hops_are_spread_over_the_links() {
    let hops = next_hops(&edge(), "pe1", 64);
    for slot in 1..=4 {
        let here: Vec<_> = hops.iter().filter(|hop| hop.at.port.slot == LcSlot(slot)).collect();
        assert_eq!(here.len(), 16);
        assert_eq!(here[0].neighbour.ipv4, Ipv4Addr::new(10, slot, 1, 10));
        assert_eq!(here[15].neighbour.ipv6.to_string(), format!("fd00:{slot}:1::19"));
        assert_eq!(here[15].neighbour.mac, [2, 0, slot, 1, 0, 15]);
        assert_eq!(here[0].at.tester_port, slot);
    }
    assert_ne!(hops[0].neighbour.mac, BaseMac::FIRST.of(hops[0].at.port));
    let table = edge_plan().cards[0].config.table.clone().unwrap();
    assert_eq!((table.next_hops_v4.len(), table.next_hops_v6.len(), table.ipv4), (64, 64, 1_000_000));
}

#[test]
fn the_committed_configuration_is_the_generated_one() {
    let topology = edge();
    let generated = startup_config(&topology, &topology.chassis[0]);
    assert_eq!(
        topology.chassis[0].startup_config.as_ref().map(|startup| &startup.text),
        Some(&generated),
        "swact save topologies/edge/edge.chassis.yml"
    );
    assert!(generated.contains("arp 10.4.1.25 0200.0401.000f ARPA\n"));
    assert!(generated.contains("ipv6 neighbor fd00:1:1::a GigabitEthernet1/1 0200.0101.0000\n"));
    let small = Topology::load(&root().join("topologies/edge/small.chassis.yml")).unwrap();
    let plan = plan_of(&small, Path::new("/run/swact/small")).unwrap();
    let rp = plan.card(&CardId::card("small", "pe1", Slot::Rp(RpSlot::B))).unwrap();
    assert!(
        rp.startup_config
            .as_ref()
            .unwrap()
            .contains("interface GigabitEthernet2/1\n ip address 10.2.1.1 255.255.255.0")
    );
}

/// What is generated is what a card takes, whatever its family.
#[test]
fn the_generated_configuration_is_understood_by_every_platform() {
    for profile in fabric_proto::platform::PROFILES {
        for mode in profile.modes {
            let text = edge().document.text().replace("platform: native", &format!("platform: {}", profile.name));
            let text = text.replace("mode: sso", &format!("mode: {mode}")).replace("startup-config: pe1.cfg", "");
            let topology = Topology::from_document(Document::from_text(Path::new("x.chassis.yml"), &text)).unwrap();
            let generated = startup_config(&topology, &topology.chassis[0]);
            let reading = rp_core::config::Reading::of_startup(&generated, "x.cfg", profile);
            assert_eq!(reading.refused, [], "{} in {mode}", profile.name);
        }
    }
}

#[test]
fn a_socket_path_that_the_kernel_refuses_is_refused_here() {
    let deep = Path::new("/tmp").join("x".repeat(80));
    let text = plan_of(&edge(), &deep).unwrap_err().plain();
    assert!(text.contains("the kernel allows 107: set SWACT_DIR to a shorter folder"), "{text}");
}

#[test]
fn a_release_that_is_not_there_is_refused() {
    let text = edge().document.text().replace("\"1.0\"", "\"7.7\"").replace("      startup-config: pe1.cfg\n", "");
    let topology = Topology::from_document(Document::from_text(Path::new("x.chassis.yml"), &text)).unwrap();
    let text = plan_of(&topology, Path::new("/run/swact/edge")).unwrap_err().plain();
    assert!(text.ends_with("there is no release '7.7'\n  the releases are 1.0, 2.0, 2.1"), "{text}");
}

#[test]
fn a_wire_has_a_folder_of_its_own() {
    let folders: BTreeSet<_> = edge_plan()
        .cards
        .iter()
        .flat_map(|card| card.config.wires.clone())
        .filter_map(|wire| Some(wire.path.parent()?.to_owned()))
        .collect();
    assert_eq!(folders.len(), 4, "one a wire, shared by its ends alone: {folders:?}");
}

#[test]
fn a_lab_of_containers_gets_addresses_in_one_network() {
    let (topology, dir) = (edge(), Path::new("/run/swact/edge"));
    let candidates: Vec<_> = Subnet::candidates(&topology, dir).collect();
    assert_eq!(candidates.len(), 512, "a /24 for two nodes");
    assert!(candidates.iter().enumerate().all(|(at, one)| candidates[at + 1..].iter().all(|two| !one.overlaps(two))));
    let subnet = candidates[0];
    assert!(subnet.overlaps(&"198.18.0.0/15".parse().unwrap()) && !subnet.overlaps(&"198.16.0.0/15".parse().unwrap()));
    let images = Images::load(&root().join("images")).unwrap();
    let placement = Placement::Docker { subnet, prefix: "swact".to_owned() };
    let plan = LabPlan::new(&topology, dir, &images, placement).unwrap();
    let addresses: BTreeSet<_> = plan.cards.iter().map(|card| card.config.control.ip()).collect();
    assert_eq!(addresses.len(), plan.cards.len());
    for address in &addresses {
        let one: Subnet = format!("{address}/32").parse().unwrap();
        assert!(one.overlaps(&subnet) && *address != subnet.gateway(), "{address} of {subnet}");
    }
}
