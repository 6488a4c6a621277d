//! What must hold in a whole chassis, whatever the fabric does.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use chassis_tests::sim::{Chassis, Fault, Life, Random, Record, Step, Wait, Weather, Who, World};
use etherparse::PacketBuilder;
use fabric_proto::{
    fib::{BaseMac, Family, Path, Prefix},
    id::{LcSlot, PortId, RpSlot, Slot},
    linecard::Adoption,
    operator::EventKind,
    redundancy::Mode,
};
use std::{fmt::Write as _, net::IpAddr, time::Duration};

#[path = "sim/issu.rs"]
mod issu;
#[path = "sim/older.rs"]
mod older;

const MODES: [&str; 4] = ["hsa", "rpr", "rpr-plus", "sso"];
const QUIET: Duration = Duration::from_secs(60);

fn config(mode: &str) -> String {
    let mut text = format!("hostname pe1\nredundancy\n mode {mode}\n!\n");
    for slot in 1..=3 {
        write!(
            text,
            "interface {slot}/1\n ip address 10.{slot}.1.1 255.255.255.0\n ipv6 address fd00:{slot}:1::1/64\n no shutdown\n!\n"
        )
        .unwrap();
        for n in 10..13 {
            writeln!(text, "arp 10.{slot}.1.{n} 0200.0{slot}01.00{n} arpa").unwrap();
        }
    }
    text
}

fn routes(count: u32) -> Vec<(Prefix, Vec<IpAddr>)> {
    (0..count)
        .map(|n| {
            let prefix = Prefix::from_bits(Family::V4, u128::from(0x1400_0000 + (n << 8)) << 96, 24);
            (prefix, vec![format!("10.{}.1.{}", n % 3 + 1, 10 + n % 2).parse().unwrap()])
        })
        .collect()
}

fn chassis(seed: u64, mode: &str) -> World {
    World::new(seed, &config(mode), 3, routes(500))
}

fn settle(world: &mut World) {
    let settled = world.run(QUIET, |world| world.settled().is_ok()).unwrap();
    assert!(settled, "{}\n{}", world.settled().unwrap_err(), story(world));
}

fn story(world: &World) -> String {
    world.story().iter().map(|line| format!("{} {:>2} {:?}\n", line.at, line.slot, line.event)).collect()
}

fn happened(world: &World, what: impl Fn(Slot, &EventKind) -> bool) -> usize {
    world.story().iter().filter(|line| what(line.slot, &line.event)).count()
}

#[test]
fn a_chassis_comes_up_in_every_mode_and_unit_a_wins() {
    for mode in MODES {
        let mut world = chassis(1, mode);
        settle(&mut world);
        assert_eq!(world.active(), Some(RpSlot::A), "{mode}");
        assert_eq!(world.rp(RpSlot::A).unwrap().operating.name(), mode);
        let path = world.lookup(LcSlot(2), "20.0.1.9".parse().unwrap()).unwrap();
        assert!(matches!(path[..], [Path::Port { .. }]), "{path:?}");
    }
}

#[test]
fn the_standby_takes_over_from_a_killed_active_in_every_mode() {
    for mode in MODES {
        let mut world = chassis(2, mode);
        settle(&mut world);
        let resets = happened(&world, |_, event| matches!(event, EventKind::LcReset { .. }));
        world.kill_rp(RpSlot::A);
        settle(&mut world);
        assert_eq!(world.active(), Some(RpSlot::B), "{mode}");
        assert_eq!(world.rp(RpSlot::B).unwrap().switchovers, 1, "{mode}");
        let resets = happened(&world, |_, event| matches!(event, EventKind::LcReset { .. })) - resets;
        assert_eq!(resets > 0, mode == "hsa" || mode == "rpr", "{mode}: line cards are reset in HSA and RPR only");
        let empties = happened(&world, |_, event| matches!(event, EventKind::LcInSync { routes, .. } if *routes == 0));
        let kept = happened(&world, |_, event| matches!(event, EventKind::LcAdopted { how: Adoption::Keep, .. }));
        // A card that starts from nothing may be in step before its ports are up: then the table is empty.
        assert_eq!(kept > 0, mode == "sso", "{mode}: only SSO keeps the line cards' tables");
        assert!(empties > 0 || mode != "sso", "{mode}: SSO adopts tables without sending a route");
    }
}

/// A chassis of release 2.0 in SSO whose route processors go to other releases, one after the other, each fault on a chassis at
/// rest.
fn upgraded(to: &[&'static str]) -> (World, u64) {
    // Line cards are looked at until the fault after the switchover.
    let faults = |to| {
        [Fault::Image(Who::Standby, to), Fault::ReloadPeer, Fault::Image(Who::Active, to), Fault::Force, Fault::Save]
    };
    let steps = to.iter().flat_map(|to| faults(*to)).map(|fault| Step { wait: Wait::Rest, fault }).collect();
    let chassis = Chassis::new(3, config("sso"), routes(200));
    let life = Life { seed: 6, mode: Mode::Sso, chassis, weather: Weather::default(), steps };
    let outcome = life.run(Record::Story);
    assert_eq!(outcome.violation, None, "to {to:?}\n{}", story(&outcome.world));
    for slot in [RpSlot::A, RpSlot::B] {
        assert_eq!(outcome.world.rp(slot).unwrap().operating, Mode::Sso, "both run {to:?}");
    }
    let last = [RpSlot::A, RpSlot::B][to.len() % 2];
    assert_eq!(outcome.world.active(), Some(last), "to {to:?}");
    (outcome.world, outcome.tally.probes)
}

/// Images that differ and are compatible operate in SSO: line cards are probed all the way, and no packet is lost.
#[test]
fn an_upgrade_between_compatible_releases_loses_no_packet() {
    let operated = |world: &World, mode: Mode| {
        happened(world, |_, event| matches!(event, EventKind::OperatingMode { mode: to, .. } if *to == mode))
    };
    let (world, probes) = upgraded(&["2.1"]);
    assert_eq!((operated(&world, Mode::Rpr), operated(&world, Mode::Sso)), (0, 0), "the mode never changes");
    let booted =
        |release: &str| happened(&world, |_, event| *event == EventKind::Booted { release: release.to_owned() });
    assert_eq!((booted("2.0"), booted("2.1")), (2, 2));
    assert!(probes > 0, "nobody looked");
    assert_eq!(world.switchovers(), 1, "{}", story(&world));
    // Release 1.0 does not negotiate: the chassis is in RPR in between, and a switchover resets the line cards.
    let (world, _) = upgraded(&["1.0"]);
    assert!(operated(&world, Mode::Rpr) > 0 && operated(&world, Mode::Sso) > 0, "{}", story(&world));
    assert!(happened(&world, |_, event| matches!(event, EventKind::LcReset { .. })) > 0);
}

/// The way back is as good: the cards of a release that knows less take over from those that know more.
#[test]
fn a_downgrade_between_compatible_releases_loses_no_packet() {
    let (world, probes) = upgraded(&["2.1", "2.0"]);
    let changes = happened(&world, |_, event| matches!(event, EventKind::OperatingMode { .. }));
    assert_eq!((changes, world.switchovers()), (0, 2), "the mode never changes\n{}", story(&world));
    assert_eq!(happened(&world, |_, event| matches!(event, EventKind::LcReset { .. })), 0);
    let booted =
        |release: &str| happened(&world, |_, event| *event == EventKind::Booted { release: release.to_owned() });
    assert_eq!((booted("2.1"), booted("2.0")), (2, 4));
    assert!(probes > 0, "nobody looked");
}

#[test]
fn a_paused_active_that_comes_back_is_fenced_and_returns_as_standby() {
    for mode in MODES {
        let mut world = chassis(3, mode);
        settle(&mut world);
        world.pause_rp(RpSlot::A, true);
        assert!(world.run(QUIET, |world| world.rp(RpSlot::B).is_some_and(|stats| stats.active)).unwrap());
        world.pause_rp(RpSlot::A, false);
        settle(&mut world);
        assert_eq!(world.active(), Some(RpSlot::B), "{mode}");
    }
}

#[test]
fn an_active_killed_during_bulk_sync_takes_the_chassis_down_to_a_reset() {
    let mut world = chassis(4, "sso");
    settle(&mut world);
    world.kill_rp(RpSlot::B);
    let syncing = |world: &World| happened(world, |_, event| matches!(event, EventKind::BulkSync { done: false }));
    let before = syncing(&world);
    assert!(world.run(QUIET, |world| syncing(world) > before).unwrap(), "no second bulk sync\n{}", story(&world));
    world.kill_rp(RpSlot::A);
    settle(&mut world);
    assert!(happened(&world, |_, event| matches!(event, EventKind::ResetChassis { .. })) > 0, "{}", story(&world));
}

#[test]
fn killing_the_standby_changes_nothing_for_line_cards() {
    for mode in MODES {
        let mut world = chassis(5, mode);
        settle(&mut world);
        let epoch = world.rp(RpSlot::A).unwrap().epoch;
        world.kill_rp(RpSlot::B);
        assert!(world.run(QUIET, |world| !world.rp(RpSlot::A).unwrap().redundant).unwrap(), "{mode}");
        settle(&mut world);
        assert_eq!(world.rp(RpSlot::A).unwrap().epoch, epoch, "{mode}");
    }
}

#[test]
fn a_forced_switchover_is_refused_until_the_standby_is_ready() {
    let mut world = chassis(6, "sso");
    settle(&mut world);
    assert!(world.exec(RpSlot::B, &["redundancy force-switchover"])[0].failed, "the standby cannot");
    world.exec(RpSlot::A, &["redundancy force-switchover"]);
    assert!(world.run(QUIET, |world| world.active() == Some(RpSlot::B)).unwrap(), "{}", story(&world));
    let again = world.exec(RpSlot::B, &["redundancy force-switchover"]);
    assert!(again[0].failed, "back to back: {again:?}");
    settle(&mut world);
    assert_eq!(world.active(), Some(RpSlot::B));
    world.exec(RpSlot::B, &["redundancy force-switchover"]);
    settle(&mut world);
    assert_eq!(world.active(), Some(RpSlot::A));
}

#[test]
fn modes_change_on_a_running_chassis() {
    let mut world = chassis(7, "sso");
    settle(&mut world);
    for mode in ["hsa", "rpr-plus", "rpr", "sso"] {
        let line = format!("mode {mode}");
        let printed = world.exec(RpSlot::A, &["configure terminal", "redundancy", &line, "end", "write memory"]);
        assert!(printed.iter().all(|output| !output.failed), "{mode}: {printed:?}");
        settle(&mut world);
        assert_eq!(world.rp(RpSlot::A).unwrap().operating.name(), mode);
        world.kill_rp(RpSlot::A);
        settle(&mut world);
        assert_eq!(world.rp(RpSlot::B).unwrap().operating.name(), mode, "the new active knows the mode");
        world.exec(RpSlot::B, &["redundancy force-switchover"]);
        settle(&mut world);
    }
}

#[test]
fn a_partition_between_the_rps_never_splits_the_line_cards() {
    for seed in 0..20 {
        let mut world = chassis(seed, MODES[seed as usize % 4]);
        settle(&mut world);
        world.partition_rps(true);
        world.run(Duration::from_secs(3), |_| false).unwrap();
        world.partition_rps(false);
        settle(&mut world);
    }
}

/// Faults at random moments, in random weather: afterwards the chassis is whole again, always.
#[test]
fn whatever_strikes_the_chassis_recovers() {
    for seed in 0..60 {
        let mut dice = Random(seed);
        let mut world = chassis(seed, MODES[dice.below(4) as usize]);
        world.set_weather(Weather { delay: Duration::from_millis(1 + dice.below(20)), heartbeat_loss: 0.05 });
        for _ in 0..4 {
            let pause = Duration::from_millis(dice.below(1500));
            let passed = world.run(pause, |_| false);
            passed.unwrap_or_else(|violation| panic!("seed {seed}: {violation}\n{}", story(&world)));
            let slot = if dice.below(2) == 0 { RpSlot::A } else { RpSlot::B };
            match dice.below(4) {
                0 | 1 => world.kill_rp(slot),
                2 => {
                    world.pause_rp(slot, true);
                    world.run(Duration::from_millis(dice.below(1000)), |_| false).unwrap();
                    world.pause_rp(slot, false);
                }
                _ => {
                    world.partition_rps(true);
                    world.run(Duration::from_millis(dice.below(1000)), |_| false).unwrap();
                    world.partition_rps(false);
                }
            }
        }
        world.set_weather(Weather::default());
        // Both may be dead by now, and nobody is left to ask for a reset: the operator restarts one.
        for slot in [RpSlot::A, RpSlot::B] {
            if world.rp(slot).is_none() {
                world.restart_rp(slot);
            }
        }
        let settled = world.run(QUIET * 2, |world| world.settled().is_ok()).unwrap();
        assert!(settled, "seed {seed}: {}\n{}", world.settled().unwrap_err(), story(&world));
    }
}

/// Ports that packets to 20.0.1.9 leave by, as every line card has it; `None` while they differ.
fn ways_out(world: &World) -> Option<Vec<PortId>> {
    let port = |path: &Path| match path {
        Path::Port { port, .. } => Some(*port),
        _ => None,
    };
    let mut all = (1..=3).map(|slot| {
        let paths = world.lookup(LcSlot(slot), "20.0.1.9".parse().unwrap())?;
        paths.iter().map(port).collect::<Option<Vec<PortId>>>()
    });
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Equal-cost traffic leaves a port whose wire is pulled, on every card, and returns with the wire. A switchover
/// meanwhile changes nothing about it.
#[test]
fn a_pulled_wire_moves_traffic_to_the_other_member() {
    let [one, two] = [1, 2].map(|slot| PortId { slot: LcSlot(slot), port: 1 });
    let hops: Vec<IpAddr> = vec!["10.1.1.10".parse().unwrap(), "10.2.1.10".parse().unwrap()];
    let routes: Vec<_> = routes(500).into_iter().map(|(prefix, _)| (prefix, hops.clone())).collect();
    for mode in MODES {
        let mut world = World::new(12, &config(mode), 3, routes.clone());
        settle(&mut world);
        assert_eq!(ways_out(&world), Some(vec![one, two]), "{mode}");
        world.pull_wire(one, true);
        let moved = world.run(Duration::from_millis(50), |world| ways_out(world) == Some(vec![two])).unwrap();
        assert!(moved, "{mode}: {}", story(&world));
        settle(&mut world);
        let told = world.story().len();
        world.kill_rp(RpSlot::A);
        // In SSO no line card gives a packet another path at any moment of it.
        let steady = |world: &mut World| mode != "sso" || ways_out(world) == Some(vec![two]);
        let settled =
            world.run(QUIET, |world| !steady(world) || (world.rp(RpSlot::A).is_some() && world.settled().is_ok()));
        assert!(settled.unwrap() && steady(&mut world), "{mode}\n{}", story(&world));
        assert_eq!(ways_out(&world), Some(vec![two]), "{mode}: the wire is still pulled");
        let flaps = |line: &&chassis_tests::sim::Line| matches!(&line.event, EventKind::Log { line } if line.contains("LINEPROTO"));
        let flaps = world.story()[told..].iter().filter(flaps).count();
        assert!(mode != "sso" || flaps == 0, "no port flaps in SSO: {}", story(&world));
        world.pull_wire(one, false);
        let back = world.run(Duration::from_millis(50), |world| ways_out(world) == Some(vec![one, two])).unwrap();
        assert!(back, "{mode}: {}", story(&world));
    }
}

/// A chassis that says that it has converged forwards: ports that come up after the table was learned are part of it.
#[test]
fn convergence_waits_for_the_ports() {
    for mode in MODES {
        let mut world = chassis(13, mode);
        let converged = |world: &mut World| happened(world, |_, event| matches!(event, EventKind::Converged)) > 0;
        assert!(world.run(QUIET, converged).unwrap(), "{mode}");
        assert_eq!(ways_out(&world).map(|ports| ports.len()), Some(1), "{mode}: {}", story(&world));
    }
}

#[test]
fn a_seed_reproduces_a_run_to_the_last_event() {
    let run = || {
        let mut world = chassis(11, "sso");
        world.set_weather(Weather { delay: Duration::from_millis(9), heartbeat_loss: 0.2 });
        world.run(Duration::from_secs(2), |_| false).unwrap();
        world.kill_rp(RpSlot::A);
        world.run(Duration::from_secs(4), |_| false).unwrap();
        story(&world)
    };
    assert_eq!(run(), run());
}

/// Where an RP says that 100 flows go, by the neighbour's Ethernet address; every line card must do so.
fn flow_paths(world: &mut World, rp: RpSlot) -> Vec<String> {
    let path = |n: u8| {
        let line =
            format!("show ip cef exact-route 10.1.1.10 src-port {} 20.0.{n}.9 dest-port 7 | json", 5000 + u16::from(n));
        let shown: serde_json::Value = serde_json::from_str(&world.exec(rp, &[&line])[0].text).unwrap();
        let neighbour = shown["path"]["destination_mac"].as_str().unwrap().to_owned();
        for slot in (1..=3).map(LcSlot) {
            let builder = PacketBuilder::ethernet2([2; 6], BaseMac::FIRST.of(PortId { slot, port: 1 }));
            let mut frame = Vec::new();
            let builder = builder.ipv4([10, 1, 1, 10], [20, 0, n, 9], 64).udp(5000 + u16::from(n), 7);
            builder.write(&mut frame, &[0; 40]).unwrap();
            world.forward(slot, 1, &mut frame).unwrap();
            let hex: String = frame[..6].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, neighbour.replace('.', ""), "flow {n} at line card {slot}: {shown}");
        }
        neighbour
    };
    (0..100).map(path).collect()
}

#[test]
fn a_flow_keeps_its_path_over_a_switchover_and_the_command_line_shows_it() {
    let hops = ["10.1.1.10", "10.2.1.10", "10.3.1.10", "10.3.1.11"].map(|hop| hop.parse().unwrap());
    for mode in MODES {
        let mut world = World::new(21, &config(mode), 3, vec![("20.0.0.0/8".parse().unwrap(), hops.to_vec())]);
        settle(&mut world);
        let before = flow_paths(&mut world, RpSlot::A);
        for hop in ["0200.0101.0010", "0200.0201.0010", "0200.0301.0010", "0200.0301.0011"] {
            let share = before.iter().filter(|path| *path == hop).count();
            assert!((10..=40).contains(&share), "{share} of 100 flows go by {hop}");
        }
        world.kill_rp(RpSlot::A);
        settle(&mut world);
        assert_eq!(world.active(), Some(RpSlot::B), "{mode}");
        assert_eq!(flow_paths(&mut world, RpSlot::B), before, "{mode}");
    }
}

/// A load from the neighbour at one port to the neighbours at another two, through everything that forwards.
mod load {
    use super::*;
    use chassis_tests::sim::{Chassis, Record, Sink, Source};
    use fabric_proto::platform::PROFILES;
    use std::{cell::RefCell, rc::Rc};

    const EVERY: Duration = Duration::from_millis(1);

    /// What a switchover in a mode costs.
    pub(super) struct Cost {
        pub(super) sent: u64,
        pub(super) heard: u64,
        /// Longest run of numbers that nobody heard.
        pub(super) longest: u64,
    }

    /// Kills the active of a chassis under load, and counts.
    fn kill(chassis: &Chassis) -> Cost {
        let mut world = World::build(3, chassis, Record::Story);
        settle(&mut world);
        counted(&mut world, |world| {
            let active = world.active().unwrap();
            world.kill_rp(active);
            world.run(Duration::from_secs(2), |_| false).unwrap();
        })
    }

    /// Counts the packets from line card 1 to the others while something happens.
    pub(super) fn counted(world: &mut World, happens: impl FnOnce(&mut World)) -> Cost {
        let (heard, wrong, sent) =
            (Rc::<RefCell<Vec<u64>>>::default(), Rc::<RefCell<Vec<String>>>::default(), Rc::default());
        for slot in [2, 3] {
            let mac = [2, 0, slot, 1, 0, 0x10];
            let sink = Sink { mac, heard: Rc::clone(&heard), wrong: Rc::clone(&wrong) };
            world.seat(PortId { slot: LcSlot(slot), port: 1 }, sink);
        }
        world.seat(
            PortId { slot: LcSlot(1), port: 1 },
            Source {
                every: EVERY,
                to: BaseMac::FIRST.of(PortId { slot: LcSlot(1), port: 1 }),
                address: [10, 1, 1, 10].into(),
                destinations: vec![[20, 0, 1, 1].into(), [20, 0, 2, 1].into()],
                next: Some(world.now()),
                sent: Rc::clone(&sent),
            },
        );
        world.run(Duration::from_millis(200), |_| false).unwrap();
        happens(world);
        settle(world);
        world.run(Duration::from_millis(200), |_| false).unwrap();
        assert_eq!(*wrong.borrow(), Vec::<String>::new());
        let mut numbers = heard.borrow().clone();
        numbers.sort_unstable();
        let longest = numbers.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or(0);
        let (counts, sent): (_, u64) = (world.packets().clone(), *sent.borrow());
        // Whatever is not under way is accounted for.
        assert!((counts.accounted()..=counts.accounted() + 2).contains(&counts.offered), "{counts:?}");
        assert!(counts.offered + 1 >= sent && counts.delivered + 1 >= numbers.len() as u64, "{counts:?}, {sent} sent");
        Cost { sent, heard: numbers.len() as u64, longest }
    }

    fn of(platform: &str, mode: &str) -> Chassis {
        let profile = PROFILES.into_iter().find(|profile| profile.name == platform).unwrap();
        Chassis { profile, ..Chassis::new(3, config(mode), feed()) }
    }

    /// Routes to the sinks.
    pub(super) fn feed() -> Vec<(Prefix, Vec<IpAddr>)> {
        let route =
            |n: u8| (format!("20.0.{n}.0/24").parse().unwrap(), vec![format!("10.{}.1.10", n + 1).parse().unwrap()]);
        (1..=2).map(route).collect()
    }

    #[test]
    fn packets_are_lost_by_reset_and_by_download_and_not_by_sso() {
        let [rpr, rpr_plus, sso] = ["rpr", "rpr-plus", "sso"].map(|mode| kill(&of("native", mode)));
        // A packet may be under way when the books are closed.
        assert!(sso.longest == 0 && sso.heard + 2 >= sso.sent, "{} of {}", sso.heard, sso.sent);
        assert!(rpr_plus.longest > 1 && rpr.longest > rpr_plus.longest, "{} {}", rpr.longest, rpr_plus.longest);
    }

    /// Cards forward, and packets between two of them pass the active RP: none do while there is none.
    #[test]
    fn where_packets_pass_the_rp_sso_stops_them_until_it_is_replaced() {
        for platform in ["c7500", "c10000"] {
            let cost = kill(&of(platform, "sso"));
            let silence = Duration::from_millis(300).as_millis() as u64;
            assert!((silence - 60..3 * silence).contains(&cost.longest), "{platform}: {}", cost.longest);
        }
    }
}
