use super::*;

fn at(ip: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, ip], port))
}

fn begins(gate: &mut Gate, now: Instant, from: SocketAddr) -> bool {
    matches!(gate.begin(now, from), Decision::Begin { .. })
}

fn displaces(gate: &mut Gate, now: Instant, from: SocketAddr) -> Option<SocketAddr> {
    match gate.begin(now, from) {
        Decision::Begin { displaced, .. } => displaced.map(|old| old.from),
        Decision::Full => panic!("no place for {from}"),
    }
}

/// However many sources hold however many handshakes, a configured peer begins its own at once.
#[test]
fn a_configured_peer_always_has_a_place() {
    let now = Instant::now();
    let mut gate = Gate::default();
    gate.expect([at(1, 7400), at(2, 7400)]);
    let begun = (0..2_000).filter(|n| begins(&mut gate, now, at(3 + (n % 40) as u8, 1000 + *n as u16))).count();
    assert_eq!((begun, gate.open()), (STRANGERS, STRANGERS));
    // Another port of a peer's address is anybody's.
    assert!(!begins(&mut gate, now, at(3, 7400)));
    for peer in [at(1, 7400), at(2, 7400)] {
        for _ in 0..PEER {
            assert_eq!(displaces(&mut gate, now, peer), None);
        }
        assert_eq!(displaces(&mut gate, now, peer), Some(peer), "its newest call counts");
    }
    assert_eq!(gate.open(), STRANGERS + 2 * PEER);
}

#[test]
fn one_address_has_its_share_and_no_more() {
    let now = Instant::now();
    let mut gate = Gate::default();
    let begun = (0..1_000).filter(|port| begins(&mut gate, now, at(1, *port))).count();
    assert_eq!(begun, SOURCE);
    assert!(begins(&mut gate, now, at(2, 1)), "another one is not kept out");
    // What has had its time gives way: the oldest first.
    assert_eq!(displaces(&mut gate, now + PATIENCE, at(1, 5000)), Some(at(1, 0)));
    assert_eq!(displaces(&mut gate, now + PATIENCE, at(1, 5001)), Some(at(1, 1)));
}

/// A quiet source gets a place of a greedy one, without waiting; of an equal one it waits.
#[test]
fn whoever_holds_most_gives_way() {
    let now = Instant::now();
    let mut gate = Gate::default();
    for ip in 1..=4 {
        for port in 0..SOURCE as u16 {
            assert_eq!(displaces(&mut gate, now, at(ip, port)), None);
        }
    }
    assert!(displaces(&mut gate, now, at(9, 1)).is_some());
    assert_eq!(gate.open(), STRANGERS);

    let mut gate = Gate::default();
    for ip in 1..=STRANGERS as u8 {
        assert!(begins(&mut gate, now, at(ip, 1)));
    }
    assert!(!begins(&mut gate, now, at(200, 1)), "a signature for every address would be too many");
    assert!(begins(&mut gate, now + PATIENCE, at(200, 1)));
}

#[test]
fn a_handshake_that_has_ended_leaves_its_place() {
    let now = Instant::now();
    let mut gate = Gate::default();
    for round in 0..3 * STRANGERS {
        let Decision::Begin { number, displaced: None } = gate.begin(now, at(1, round as u16)) else {
            panic!("no place in round {round}")
        };
        gate.over(number);
    }
    assert_eq!(gate.open(), 0);
}
