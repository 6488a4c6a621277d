//! Line cards of other releases.

use super::*;
use fabric_proto::{
    codec::{self, Class},
    fib::FibKey,
    offer::Group,
    version::Versions,
};

const PE: &str = "\
vrf definition red
 address-family ipv4
interface 1/1
 ip address 10.0.1.1 255.255.255.0
interface 1/1.100
 encapsulation dot1Q 100
 vrf forwarding red
 ip address 10.9.0.1 255.255.255.0
interface 1/1.200
 encapsulation dot1Q 200
 ip address 10.8.0.1 255.255.255.0
interface 1/2
 vrf forwarding red
 ip address 10.9.2.1 255.255.255.0
end
";

/// The chassis' own addresses that are up, in whatever table.
fn up(chassis: &Chassis) -> Vec<String> {
    let table = chassis.rp.clients.cef.fib.table();
    let own =
        table.routes().filter(|(_, list)| table.paths(*list).is_some_and(|paths| paths.paths() == [Path::Receive]));
    own.filter_map(|(key, _)| FibKey::ip(key))
        .map(|(_, prefix)| prefix.address().to_string())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// What release 1.0 has no words for is down on its card, is said to be, and is not said to it.
#[test]
fn interfaces_that_a_card_has_no_words_for_are_down() {
    let mut chassis = Chassis::booted(PE);
    chassis.adopt_of(1, 7, Offer::of_1_0());
    chassis.report("1/1", true);
    assert_eq!(up(&chassis), ["10.0.1.1"]);
    let said = std::mem::take(&mut chassis.said);
    assert!(said.iter().all(|(_, message)| codec::encode_at(message, 1).is_ok()), "{said:?}");
    let ports = said.iter().find_map(|(_, message)| match message {
        ToLc::Ports(ports) => Some(ports.iter().map(|port| port.enabled).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(ports.unwrap(), [true, false]);
    let without = "%ISSU-4-BASE_LEVEL: slot 1 runs release 1.0, which has no words for these interfaces, which are down: \
                   GigabitEthernet1/1.100, GigabitEthernet1/1.200, GigabitEthernet1/2";
    assert_eq!(chassis.logged().iter().filter(|line| *line == without).count(), 1);
    let shown = |chassis: &mut Chassis| {
        let answer = chassis.rp.line(NOW, 1, "show ip interface brief", &mut Vec::new()).text;
        answer.lines().filter(|line| line.ends_with(" up")).count()
    };
    assert_eq!(shown(&mut chassis), 1);
    // The card comes back with this release.
    chassis.step(Some(Input::LcLost(LcSlot(1))));
    chassis.adopt(1, 8);
    chassis.report("1/1", true);
    chassis.report("1/2", true);
    assert_eq!(up(&chassis), ["10.0.1.1", "10.8.0.1", "10.9.0.1", "10.9.2.1"]);
    assert_eq!(shown(&mut chassis), 4);
    assert!(chassis.said.iter().any(|(_, message)| matches!(message, ToLc::Interfaces { .. })));
}

/// A card that has no version in common with this RP is not spoken to; why, is said once, and routing goes on without it.
#[test]
fn a_card_that_nothing_can_be_said_to_is_left_alone() {
    let mut chassis = Chassis::active();
    for slot in [1, 2] {
        chassis.adopt(slot, 7);
        chassis.report(&format!("{slot}/1"), true);
    }
    assert_eq!(chassis.ports(), ["1/1", "2/1"]);
    chassis.logged();
    chassis.said.clear();
    let alien = Offer::new("9.0").with(Group::Messages(Class::LineCard), Versions::new(7, 8));
    for _ in 0..2 {
        chassis.step(Some(Input::LcLost(LcSlot(1))));
        let agreed = Arc::new(Agreed::between(chassis.rp.offer(), alien.clone()));
        chassis.step(Some(Input::LcConnected(LcSlot(1), agreed)));
    }
    assert!(chassis.said.iter().all(|(slot, _)| *slot == LcSlot(2)), "{:?}", chassis.said);
    assert_eq!(chassis.ports(), ["2/1"]);
    let why = "%ISSU-3-INCOMPATIBLE: slot 1 runs release 9.0: line-card messages: it speaks 7-8, this RP 1-2";
    assert_eq!(chassis.logged().iter().filter(|line| *line == why).count(), 1, "{:?}", chassis.log);
    let shown = chassis.rp.line(NOW, 1, "show issu negotiated version", &mut Vec::new()).text;
    assert!(shown.contains("Slot 1: line card, release 9.0, incompatible\n"), "{shown}");
}
