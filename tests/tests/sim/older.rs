//! A line card of release 1.0 under a route processor of this one.

use super::*;
use chassis_tests::sim::Fault;

/// A chassis in SSO at rest, one line card of which runs release 1.0.
fn chassis_with(older: LcSlot, feed: Vec<(Prefix, Vec<IpAddr>)>) -> World {
    let mut world = World::new(7, &config("sso"), 3, feed);
    world.set_release(Slot::Lc(older), "1.0");
    settle(&mut world);
    world
}

/// A VRF, subinterfaces, and routes by a tag: added, or removed.
fn vpn(world: &mut World, there: bool) {
    world.strike(&Fault::Vpn(there));
    settle(world);
    // A card says by and by that a port is gone.
    world.run(Duration::from_millis(100), |_| false).unwrap();
}

fn logged(world: &World, what: &str) -> usize {
    happened(world, |_, event| matches!(event, EventKind::Log { line } if line.contains(what)))
}

fn paths(world: &World, slot: u8, to: &str) -> Vec<Path> {
    world.lookup(LcSlot(slot), to.parse().unwrap()).unwrap_or_default()
}

/// Its connection lives through what it has no words for, whether that comes or goes, and nothing else is said to it (the
/// simulation's wires would tell). What it is without is named once.
#[test]
fn a_card_of_release_1_0_goes_on_with_what_it_knows() {
    for older in [1, 2, 3] {
        let mut world = chassis_with(LcSlot(older), routes(60));
        let without = format!("%ISSU-4-BASE_LEVEL: slot {older} runs release 1.0, which has no words for");
        assert_eq!(logged(&world, &without), 0);
        let known = paths(&world, older, "20.0.1.9");
        for times in 1..=2 {
            vpn(&mut world, true);
            for what in ["entries of VRFs, labels and circuits", "paths beyond untagged Ethernet"] {
                assert_eq!(logged(&world, &format!("{without} {what}")), times, "{}", story(&world));
            }
            assert_eq!(paths(&world, older, "20.0.1.9"), known);
            // By a tag where there is one, and never by another route.
            for slot in 1..=3 {
                let [tagged, both] = ["198.51.100.9", "198.51.101.9"].map(|to| paths(&world, slot, to));
                match (older, slot) {
                    (2, _) => assert!(tagged.is_empty() && both.len() == 1, "its own subinterface is down: {tagged:?}"),
                    _ if slot == older => {
                        assert!(matches!(tagged[..], [Path::Unresolved { .. }]), "{tagged:?}");
                        assert_eq!(both.len(), 1);
                    }
                    _ => assert!(matches!(tagged[..], [Path::Port { .. }]) && both.len() == 2, "{tagged:?} {both:?}"),
                }
            }
            vpn(&mut world, false);
        }
        let interfaces =
            logged(&world, &format!("{without} these interfaces, which are down: GigabitEthernet{older}/"));
        assert_eq!(interfaces > 0, older != 3, "{}", story(&world));
        let ended = |event: &EventKind| matches!(event, EventKind::LcLost { .. } | EventKind::LcReset { .. });
        assert_eq!(happened(&world, |_, event| ended(event)), 0, "{}", story(&world));
    }
}

/// It is adopted by what it knows: an SSO switchover sends it nothing.
#[test]
fn a_switchover_finds_it_in_sync() {
    let older = LcSlot(3);
    let mut world = chassis_with(older, routes(60));
    vpn(&mut world, true);
    let told = world.story().len();
    world.kill_rp(RpSlot::A);
    settle(&mut world);
    let adopted = world.story()[told..].iter().find_map(|line| match line.event {
        EventKind::LcInSync { slot, buckets, routes } if slot == older => Some((buckets, routes)),
        _ => None,
    });
    assert_eq!(adopted, Some((0, 0)), "{}", story(&world));
}

/// A port in a VRF is shut down on such a card: nobody waits for its carrier.
#[test]
fn convergence_does_not_wait_for_a_port_that_it_has_no_words_for() {
    let older = LcSlot(2);
    let mut world = World::new(
        7,
        &(config("sso")
            + "vrf definition red\n address-family ipv4\ninterface 2/2\n vrf forwarding red\n ip address 10.9.2.1 255.255.255.0\n"),
        3,
        routes(60),
    );
    world.set_release(Slot::Lc(older), "1.0");
    let converged = |world: &mut World| happened(world, |_, event| matches!(event, EventKind::Converged)) > 0;
    assert!(world.run(Duration::from_secs(5), converged).unwrap(), "{}", story(&world));
    settle(&mut world);
    let shown = &world.exec(RpSlot::A, &["show ip interface brief"])[0].text;
    let line = shown.lines().find(|line| line.starts_with("GigabitEthernet2/2 ")).unwrap();
    assert!(line.ends_with("down                  down"), "{line}");
}

/// Packets of the default table pass it all the while.
#[test]
fn traffic_through_it_goes_on() {
    let mut world = chassis_with(LcSlot(1), load::feed());
    let cost = load::counted(&mut world, |world| {
        vpn(world, true);
        world.kill_rp(RpSlot::A);
        settle(world);
        vpn(world, false);
        vpn(world, true);
    });
    assert!(cost.longest == 0 && cost.heard + 2 >= cost.sent, "{} of {}", cost.heard, cost.sent);
}
