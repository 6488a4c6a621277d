//! Schedules of faults out of a seed.

use super::{
    Chassis, Fault, Life, Random, Step, Wait, Weather, Who, World,
    life::{RELEASES, Way},
    vpn,
};
use fabric_proto::{
    fib::{Family, Prefix},
    id::LcSlot,
    platform::{Legacy, PROFILES},
    redundancy::Mode,
};
use std::{fmt::Write as _, net::IpAddr, time::Duration};

/// A configuration with `cards` line cards, each with one port and three neighbours; with IPv6 where that is wanted:
/// its tries are deep, and making them anew at every reset is what a light life would spend its time on.
fn config(mode: Mode, cards: u8, ipv6: bool) -> String {
    let mut text = format!("hostname h0\nredundancy\n mode {mode}\n!\n");
    for slot in 1..=cards {
        let v6 = if ipv6 { format!(" ipv6 address fd00:{slot}:1::1/64\n") } else { String::new() };
        let _ = write!(text, "interface {slot}/1\n ip address 10.{slot}.1.1 255.255.255.0\n{v6} no shutdown\n!\n");
        for n in 10..13 {
            let _ = writeln!(text, "arp 10.{slot}.1.{n} 0200.0{slot:x}01.00{n} arpa");
        }
    }
    text
}

/// `count` routes, spread over the neighbours of `cards` line cards; some of them over two.
fn routes(count: u32, cards: u8) -> Vec<(Prefix, Vec<IpAddr>)> {
    let hop = |n: u32| IpAddr::from([10, (n % u32::from(cards)) as u8 + 1, 1, 10 + (n / 7 % 2) as u8]);
    (0..count)
        .map(|n| {
            let prefix = Prefix::from_bits(Family::V4, u128::from(0x1400_0000 + (n << 8)) << 96, 24);
            let mut hops = vec![hop(n)];
            if n % 5 == 0 && hop(n + 1) != hop(n) {
                hops.push(hop(n + 1));
            }
            (prefix, hops)
        })
        .collect()
}

impl Life {
    pub(super) fn light(seed: u64, dice: &mut Random) -> Self {
        let mode = match dice.below(20) {
            0 => Mode::Hsa,
            1 => Mode::Rpr,
            2 | 3 => Mode::RprPlus,
            _ => Mode::Sso,
        };
        let chassis = Chassis {
            switchover: Duration::from_millis(150),
            deep: false,
            ..Chassis::new(2, config(mode, 2, false), routes(8, 2))
        };
        let mut steps: Vec<Step> = (0..200)
            .map(|_| {
                let wait = if dice.below(8) == 0 { Wait::For(dice.below(400)) } else { Wait::Rest };
                Step { wait, fault: light_fault(dice) }
            })
            .collect();
        if dice.below(3) == 0 {
            upgrades(dice, &mut steps);
        }
        let weather = Weather { delay: Duration::from_millis(1 + dice.below(4)), heartbeat_loss: 0.0 };
        Self { seed, mode, chassis, weather, steps }
    }

    pub(super) fn heavy(seed: u64, dice: &mut Random) -> Self {
        let mode = [Mode::Sso, Mode::Sso, Mode::RprPlus, Mode::Rpr, Mode::Hsa][dice.below(5) as usize];
        let line_cards = 2 + dice.below(7) as u8;
        let drift = |dice: &mut Random| if dice.below(2) == 0 { 0 } else { dice.below(100_000) as i32 - 50_000 };
        // In this order: a seed stands for a life.
        let rps = 2 + dice.below(2) as usize;
        let routes = routes(20 + dice.below(180) as u32, line_cards);
        let drift_ppm = [drift(dice), drift(dice), drift(dice)];
        let chassis = Chassis { rps, drift_ppm, ..Chassis::new(line_cards, config(mode, line_cards, true), routes) };
        let mut steps: Vec<Step> = (0..4 + dice.below(16))
            .map(|_| {
                let wait = match dice.below(20) {
                    0..8 => Wait::Rest,
                    8..15 => Wait::For(dice.below(300)),
                    15..18 => Wait::For(dice.below(5_000)),
                    _ => Wait::Takeover(dice.below(30)),
                };
                Step { wait, fault: heavy_fault(dice, line_cards) }
            })
            .collect();
        match dice.below(8) {
            0 => bad_disks(dice, &mut steps),
            1 => changes_at_takeovers(dice, &mut steps),
            2 => records_that_are_refused(dice, &mut steps),
            3 | 4 => older_cards(dice, line_cards, &mut steps),
            5 | 6 => upgrades(dice, &mut steps),
            _ => {}
        }
        let weather = Weather {
            delay: Duration::from_millis(1 + dice.below(12)),
            heartbeat_loss: if dice.below(2) == 0 { 0.0 } else { 0.05 },
        };
        let mut life = Self { seed, mode, chassis, weather, steps };
        life.with_vpn(dice);
        life
    }

    /// Every third chassis is deployed with what release 1.0 has no words for.
    fn with_vpn(&mut self, dice: &mut Random) {
        if dice.below(3) == 0 {
            self.chassis.startup += vpn::ADDED;
        }
    }
}

impl Life {
    /// A heavy life, lived by another family.
    pub(super) fn family(seed: u64, dice: &mut Random) -> Self {
        let mut life = Self::heavy(seed, dice);
        let chassis = &mut life.chassis;
        chassis.profile = PROFILES[1 + dice.below(PROFILES.len() as u64 - 1) as usize];
        life.mode = chassis.profile.at_most(life.mode);
        chassis.startup = config(life.mode, chassis.line_cards, true);
        life.with_vpn(dice);
        let chassis = &mut life.chassis;
        if chassis.profile.legacy != Legacy::None && dice.below(3) == 0 {
            chassis.legacy = [World::any_lc(dice, usize::from(chassis.line_cards))].into();
        }
        life
    }
}

fn who(dice: &mut Random) -> Who {
    if dice.below(3) == 0 { Who::Standby } else { Who::Active }
}

fn way(dice: &mut Random) -> Way {
    [Way::Both, Way::Out, Way::In][dice.below(3) as usize]
}

fn light_fault(dice: &mut Random) -> Fault {
    match dice.below(40) {
        0..17 => Fault::Kill(Who::Active),
        17..27 => Fault::Force,
        27..32 => Fault::DieAfter(Who::Active, dice.below(12) as u32, false),
        32 => Fault::DieAfter(Who::Standby, dice.below(40) as u32, false),
        33 => Fault::Kill(Who::Standby),
        34 | 35 => Fault::Pause(Who::Active, 160 + dice.below(400)),
        36 => Fault::CutPeers(way(dice), 100 + dice.below(400)),
        37 => Fault::PowerCut(Who::Active),
        _ => Fault::Configure { route: dice.below(4) as u8, remove: dice.below(2) == 0 },
    }
}

fn heavy_fault(dice: &mut Random, cards: u8) -> Fault {
    let lc = World::any_lc(dice, usize::from(cards));
    match dice.below(49) {
        0..6 => Fault::Kill(who(dice)),
        6..8 => Fault::PowerCut(who(dice)),
        8..13 => Fault::DieAfter(who(dice), dice.below(80) as u32, dice.below(3) == 0),
        13..16 => Fault::Pause(who(dice), dice.below(1_500)),
        16..19 => Fault::CutPeers(way(dice), dice.below(2_000)),
        19 => Fault::CutCard(who(dice), lc, way(dice), dice.below(3_000)),
        20 => Fault::Isolate(dice.below(3_000)),
        21..25 => Fault::Force,
        25 => Fault::Reload,
        26 => Fault::ReloadPeer,
        27..32 => Fault::Configure { route: dice.below(6) as u8, remove: dice.below(3) == 0 },
        32 => Fault::Shut(lc, dice.below(2) == 0),
        33 => Fault::SetMode([Mode::Hsa, Mode::Rpr, Mode::RprPlus, Mode::Sso][dice.below(4) as usize]),
        34..36 => Fault::Save,
        36 => Fault::KillCard(lc, 10 + dice.below(2_000)),
        37 => Fault::PauseCard(lc, dice.below(2_000)),
        38 => Fault::SlowCard(lc, 100 + dice.below(20_000), dice.below(4_000)),
        39 => Fault::ResetCard(lc),
        40 => Fault::Image(who(dice), RELEASES[dice.below(3) as usize]),
        41 => Fault::Lie(who(dice), dice.below(2) == 0),
        42 | 43 => Fault::Pull(lc, dice.below(2) == 0),
        44 => Fault::CardImage(lc, RELEASES[usize::from(dice.below(2) == 0)]),
        45 | 46 => Fault::Vpn(dice.below(3) > 0),
        _ => Fault::Storm(1 + dice.below(60), dice.below(60) as u8, dice.below(3_000)),
    }
}

/// Both disks lie, and power goes soon after they were told to save.
fn bad_disks(dice: &mut Random, steps: &mut Vec<Step>) {
    let lies = [Who::Active, Who::Standby].map(|who| Step { wait: Wait::Rest, fault: Fault::Lie(who, true) });
    for _ in 0..2 {
        let at = dice.below(steps.len() as u64 + 1) as usize;
        let wait = Wait::For(1 + dice.below(60));
        let cut = Step { wait, fault: Fault::PowerCut(who(dice)) };
        steps.splice(at..at, [Step { wait: Wait::Rest, fault: Fault::Save }, cut]);
    }
    steps.splice(0..0, lies);
}

/// The operator changes the configuration in the last moments of an active that nobody hears any more, and in the
/// first ones of the next.
fn changes_at_takeovers(dice: &mut Random, steps: &mut Vec<Step>) {
    for _ in 0..3 {
        let at = dice.below(steps.len() as u64 + 1) as usize;
        let first = dice.below(6) as u8;
        let second = (first + 1 + dice.below(5) as u8) % 6;
        let change = |route| Fault::Configure { route, remove: false };
        let burst = [
            Step { wait: Wait::Rest, fault: Fault::CutPeers(Way::Both, 500 + dice.below(1_000)) },
            Step { wait: Wait::For(dice.below(250)), fault: change(first) },
            Step { wait: Wait::Takeover(dice.below(40)), fault: change(second) },
        ];
        steps.splice(at..at, burst);
    }
}

/// The standby cannot apply what it is given of a change, and the active fails soon after.
fn records_that_are_refused(dice: &mut Random, steps: &mut Vec<Step>) {
    for _ in 0..3 {
        let at = dice.below(steps.len() as u64 + 1) as usize;
        let route = dice.below(6) as u8;
        let burst = [
            Step { wait: Wait::Rest, fault: Fault::Garble(dice.below(4) as u32) },
            Step { wait: Wait::For(1), fault: Fault::Configure { route, remove: dice.below(2) == 0 } },
            Step { wait: Wait::For(dice.below(400)), fault: Fault::Kill(Who::Active) },
        ];
        steps.splice(at..at, burst);
    }
}

/// A line card of release 1.0 stands under a table that it has no words for, which comes and goes and is taken over; then
/// the card is of this release again.
fn older_cards(dice: &mut Random, cards: u8, steps: &mut Vec<Step>) {
    // One of those whose ports are part of it.
    let lc = LcSlot(1 + dice.below(u64::from(cards.min(3))) as u8);
    let at = dice.below(steps.len() as u64 + 1) as usize;
    let soon = |dice: &mut Random| if dice.below(2) == 0 { Wait::Rest } else { Wait::For(dice.below(400)) };
    let step = |wait, fault| Step { wait, fault };
    let burst = [
        step(Wait::Rest, Fault::CardImage(lc, RELEASES[0])),
        step(Wait::For(0), Fault::KillCard(lc, 10)),
        step(soon(dice), Fault::Vpn(true)),
        step(soon(dice), if dice.below(2) == 0 { Fault::Force } else { Fault::Kill(Who::Active) }),
        step(soon(dice), Fault::Vpn(false)),
        step(soon(dice), Fault::Vpn(true)),
        step(soon(dice), Fault::CardImage(lc, RELEASES[1])),
        step(Wait::For(0), Fault::KillCard(lc, 10)),
    ];
    steps.splice(at..at, burst);
}

/// A software upgrade, there or back, step by step or not to the end, among the faults that come anyway and some of its own. A
/// step that is out of order by then is refused.
fn upgrades(dice: &mut Random, steps: &mut Vec<Step>) {
    for _ in 0..2 {
        let at = dice.below(steps.len() as u64 + 1) as usize;
        let mut lines = vec![LOADS[dice.below(LOADS.len() as u64) as usize], "issu runversion"];
        lines.extend(match dice.below(4) {
            0 => &["issu acceptversion", "issu commitversion"][..],
            1 => &["issu commitversion"],
            2 => &["issu abortversion"],
            _ => &[],
        });
        if dice.below(3) == 0 {
            lines.insert(0, "issu set rollback-timer 20");
        }
        let mut burst = Vec::new();
        for line in lines {
            let wait = if dice.below(3) == 0 { Wait::For(dice.below(300)) } else { Wait::Rest };
            burst.push(Step { wait, fault: Fault::Issu(line) });
            if dice.below(5) == 0 {
                let wait = if dice.below(2) == 0 { Wait::Rest } else { Wait::For(dice.below(200)) };
                burst.push(Step { wait, fault: Fault::Kill(who(dice)) });
            }
        }
        steps.splice(at..at, burst);
    }
}

/// To a release beside which nothing is lost, and one beside which a client is; and back.
const LOADS: [&str; 4] = [
    "issu loadversion <active> 2.0.1 <standby> 2.0.1",
    "issu loadversion <active> 2.0.1 <standby> 2.0.1 forced",
    "issu loadversion <active> 2.1 <standby> 2.1 forced",
    "issu loadversion <active> 2.0 <standby> 2.0 forced",
];
