//! What units of other releases are given, and what is taken of them.

use super::*;
use fabric_proto::offer::Group;

/// The shapes of release 1.0: all of the state at each change.
#[test]
fn a_peer_of_the_first_release_is_given_what_it_reads() {
    let mut clients = clients("native");
    clients.agree(spoken(&clients, Peer::First));
    clients.links.report(NOW, PortId { slot: LcSlot(2), port: 4 }, false);
    for member in clients.given() {
        clients.chunk(member.number, true, Mode::Sso).unwrap();
    }
    clients.links.report(NOW, PortId { slot: LcSlot(1), port: 1 }, true);
    clients.chassis.card(LcSlot(1), true);
    clients.chassis.card(LcSlot(3), true);
    for (number, golden) in [(CfClientId::CHASSIS, vec![1, 3]), (CfClientId::LINKS, vec![1, 1, 1, 2, 4, 0])] {
        let member = clients.members().iter().find(|member| member.number == number).copied().unwrap();
        assert_eq!(clients.change(&member).unwrap().unwrap(), golden);
        assert_eq!(clients.change(&member).unwrap(), None);
    }
}

/// What release 2.0 wrote is read, and written to a unit of that release; `tests/corpus/2.0` is its own programs'.
#[test]
fn a_peer_of_release_2_0_is_given_its_own_bytes() {
    let file = |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/2.0/client");
        std::fs::read(folder.join(name)).unwrap()
    };
    let at = |port: &str| port.parse::<PortId>().unwrap();
    let mut pair = Pair::new(Mode::Sso, Peer::Before);
    for (port, line) in [("1/1", Line::Up), ("1/4", Line::Down), ("3/2", Line::Plain)] {
        pair.active.links.report(NOW, at(port), line);
    }
    for card in [1, 3] {
        pair.active.chassis.card(LcSlot(card), true);
    }
    let own = [
        (CfClientId::STARTUP_CONFIG, "startup-configuration"),
        (CfClientId::RUNNING_CONFIG, "running-configuration"),
        (CfClientId::CHASSIS, "chassis-state"),
        (CfClientId::LINKS, "link-states"),
    ];
    for (client, name) in own {
        let chunk = pair.active.chunk(client, true, Mode::Sso).unwrap();
        assert_eq!((&chunk.data[..], chunk.more), (&file(name)[..], false), "{name}");
        pair.apply(client, file(name).into());
    }
    pair.active.links.report(NOW, at("1/1"), Line::Down);
    pair.active.links.forget(LcSlot(3));
    pair.active.chassis.card(LcSlot(3), false);
    for (client, name) in [(CfClientId::CHASSIS, "chassis-state-change"), (CfClientId::LINKS, "link-states-change")] {
        let member = pair.active.members().iter().find(|member| member.number == client).copied().unwrap();
        assert_eq!(pair.active.change(&member).unwrap().unwrap(), file(name), "{name}");
        pair.apply(client, file(name).into());
    }
    let links = &pair.standby.links;
    assert_eq!(["1/1", "1/4", "3/2"].map(|port| links.get(at(port))), [Some((false, None)), Some((false, None)), None]);
    assert_eq!(pair.standby.chassis.online(), [LcSlot(1)].into());
    let counts = CfClientId::PORT_COUNTS;
    assert!(pair.active.chunk(counts, true, Mode::Sso).is_err(), "2.0 has no such client");
}

/// The code of 2.1 as a program of 2.0: it offers what 2.0 did, and has no client more.
#[test]
fn a_program_of_release_2_0_offers_what_that_did() {
    let [before, own] = [Release::V2_0, Release::V2_1].map(|built| clients_of("native", built));
    let links = |clients: &Registry| clients.offer("x").versions(Group::Client(CfClientId::LINKS)).unwrap().newest();
    assert_eq!((links(&before), links(&own)), (2, 3));
    let has = |clients: &Registry| clients.offer("x").versions(Group::Client(CfClientId::PORT_COUNTS)).is_some();
    assert_eq!((has(&before), has(&own)), (false, true));
}
