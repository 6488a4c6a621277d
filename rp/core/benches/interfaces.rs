//! What one more subinterface costs a route processor that is active, beside 1,000 and beside 100,000 whose port is up: each of
//! its lines parsed, put into force, followed through the routing table with its next hops into the FIB, and told to the
//! line card.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use divan::{Bencher, counter::ItemsCount};
use fabric_proto::{
    deploy::RedundancyTimers,
    fib::FibKey,
    flow::FlowSeed,
    id::{CardId, Epoch, LcSlot, RpSlot, Slot},
    machine::Machine as _,
    offer::Agreed,
    platform::Profile,
    time::Instant,
};
use linecard_core::linecard::{self, LineCard, LineCardConfig, STALE_TIME};
use rp_core::rp::{Boot, Input, NextLife, Output, Rp};
use std::{cell::RefCell, collections::BTreeSet, fmt::Write as _, sync::Arc, time::Duration};

fn main() {
    divan::main();
}

const INTERFACES: [u32; 2] = [1000, 100_000];
/// VLANs of a port: as many as there are, but for those that are measured.
const PER_PORT: u32 = 4000;
const SLOT: LcSlot = LcSlot(1);

/// One more, with an address and a neighbour that a route leads to; and all of it away again.
const LINES: [&str; 9] = [
    "interface 1/1.4050",
    "encapsulation dot1Q 4050",
    "vrf forwarding red",
    "ip address 11.0.0.1 255.255.255.0",
    "exit",
    "arp vrf red 11.0.0.2 0200.0000.0001 arpa",
    "ip route vrf red 12.0.0.0 255.0.0.0 11.0.0.2",
    "no ip route vrf red 12.0.0.0 255.0.0.0 11.0.0.2",
    "no interface 1/1.4050",
];

/// Subinterfaces, each with a network of its own; with a neighbour, if there are to be some.
fn text(count: u32, neighbours: bool) -> String {
    let mut text = "vrf definition red\n address-family ipv4\n".to_owned();
    let mut arps = String::new();
    for number in 0..count {
        let (port, vlan) = (number / PER_PORT + 1, number % PER_PORT + 1);
        if vlan == 1 {
            writeln!(text, "interface 1/{port}").unwrap();
        }
        let [_, a, b, c] = ((number + 1) * 4).to_be_bytes();
        let (own, other) = (format!("10.{a}.{b}.{}", c + 1), format!("10.{a}.{b}.{}", c + 2));
        writeln!(text, "interface 1/{port}.{vlan}\n encapsulation dot1Q {vlan}\n ip address {own} 255.255.255.252")
            .unwrap();
        if neighbours {
            writeln!(arps, "arp {other} 0200.0000.0001 arpa").unwrap();
        }
    }
    text + &arps
}

/// A route processor and the line card that its interfaces are on.
struct Chassis {
    rp: Rp,
    card: LineCard,
    now: Instant,
    out: Vec<Output>,
}

impl Chassis {
    /// Active, converged, every port up.
    fn of(count: u32, neighbours: bool) -> Self {
        let boot = Boot {
            slot: RpSlot::A,
            boot: 1,
            release: "2.0".to_owned(),
            issu: Default::default(),
            profile: Profile::named("native").unwrap(),
            modelled: false,
            legacy: BTreeSet::new(),
            timers: RedundancyTimers::default(),
            startup: Some(text(count, neighbours)),
            last_term: Default::default(),
            upgrade: None,
            line_cards: vec![SLOT],
            releases: Vec::new(),
            base_mac: Default::default(),
            flow_seed: FlowSeed::of(&CardId::card("lab", "pe1", Slot::Rp(RpSlot::A))),
            feeds: 0,
            life: NextLife::Cold,
            clock_offset: 0,
        };
        let config = LineCardConfig { slot: SLOT, boot: 1, highest: Epoch::NONE, stale_time: STALE_TIME };
        let mut card = LineCard::new(config);
        let session = linecard::Input::SessionUp { session: 1, rp: RpSlot::A };
        for input in (1..=count.div_ceil(PER_PORT) as u8)
            .map(|port| linecard::Input::PortState { port, up: true })
            .chain([session])
        {
            card.step(Instant(0), Some(input), &mut Vec::new());
        }
        let now = Instant(1);
        let mut chassis = Self { rp: Rp::new(now, boot), card, now, out: Vec::new() };
        while !chassis.rp.stats().active {
            chassis.wait();
        }
        let agreed = Agreed::alike(chassis.rp.offer());
        chassis.rp.step(chassis.now, Some(Input::LcConnected(SLOT, Arc::new(agreed))), &mut chassis.out);
        while !chassis.rp.stats().converged {
            chassis.deliver();
            chassis.wait();
        }
        chassis.deliver();
        let own = chassis.rp.config().interfaces.len() as u32 - count.div_ceil(PER_PORT);
        let routes = chassis.rp.stats().routes[0];
        assert_eq!(own, count, "every subinterface is configured");
        // Its network and its address, and its neighbour.
        assert_eq!(routes, u64::from(count) * if neighbours { 3 } else { 2 }, "and routed");
        chassis.line("configure terminal");
        chassis
    }

    /// Lets time pass until something is due.
    fn wait(&mut self) {
        self.now = self.rp.deadline().unwrap_or(self.now).max(self.now + Duration::from_millis(1));
        self.rp.step(self.now, None, &mut self.out);
    }

    /// Hands messages to and fro until nobody says anything.
    fn deliver(&mut self) {
        while !self.out.is_empty() {
            for output in std::mem::take(&mut self.out) {
                let Output::Lc(SLOT, message) = output else { continue };
                let mut said = Vec::new();
                self.card.step(self.now, Some(linecard::Input::Message { session: 1, message }), &mut said);
                for said in said {
                    if let linecard::Output::Send { message, .. } = said {
                        self.rp.step(self.now, Some(Input::Lc(SLOT, message)), &mut self.out);
                    }
                }
            }
        }
    }

    fn line(&mut self, line: &str) {
        let answer = self.rp.line(self.now, 1, line, &mut self.out);
        assert!(!answer.failed, "{line}: {}", answer.text);
    }

    fn routes(&self, prefix: &str) -> bool {
        let key = FibKey::Ip(fabric_proto::id::TableId::of_vrf("red"), prefix.parse().unwrap());
        self.rp.fib().table().get(key).is_some()
    }
}

fn lines(bencher: Bencher<'_, '_>, count: u32, neighbours: bool) {
    let chassis = RefCell::new(Chassis::of(count, neighbours));
    let each = |lines: &[&str]| lines.iter().for_each(|line| chassis.borrow_mut().line(line));
    let (more, less) = LINES.split_at(7);
    each(more);
    assert!(chassis.borrow().routes("12.0.0.0/8") && chassis.borrow().routes("11.0.0.0/24"), "it is forwarded to");
    each(less);
    assert!(!chassis.borrow().routes("12.0.0.0/8") && !chassis.borrow().routes("11.0.0.0/24"), "and not any more");
    bencher
        .with_inputs(|| chassis.borrow_mut().deliver())
        .input_counter(|()| ItemsCount::new(LINES.len()))
        .bench_local_values(|()| each(&LINES));
}

/// Of nine lines, all about one subinterface.
#[divan::bench(args = INTERFACES, sample_count = 200, sample_size = 1)]
fn one_more(bencher: Bencher<'_, '_>, count: u32) {
    lines(bencher, count, false);
}

/// The same where every one of the others has a static neighbour.
#[divan::bench(args = INTERFACES, sample_count = 200, sample_size = 1)]
fn one_more_beside_neighbours(bencher: Bencher<'_, '_>, count: u32) {
    lines(bencher, count, true);
}
