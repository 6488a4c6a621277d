mod capability;
mod kinds;
mod older;

use super::*;
use crate::{
    redundancy::TakeOver,
    rp::{Boot, Input, NextLife, tests::take_over},
};
use fabric_proto::{
    deploy::RedundancyTimers,
    fib::Path,
    id::{Epoch, RpSlot, Slot},
    issu::Image,
    linecard::{FromLc, ToLc},
    machine::Machine as _,
    offer::{Agreed, Offer},
    platform,
};
use std::{collections::BTreeSet, sync::Arc};

const NOW: Instant = Instant(1_000_000_000);
const EPOCH: Epoch = Epoch(4);
const STARTUP: &str = "\
interface 1/1
 ip address 10.0.1.1 255.255.255.0
interface 2/1
 ip address 10.0.2.1 255.255.255.0
arp 10.0.1.2 0200.0000.0102 arpa
arp 10.0.2.2 0200.0000.0202 arpa
ip route 20.0.0.0 255.0.0.0 10.0.1.2
ip route 20.0.0.0 255.0.0.0 10.0.2.2
end
";

fn port(text: &str) -> PortId {
    text.parse().unwrap()
}

struct Chassis {
    rp: Rp,
    now: Instant,
    log: Vec<String>,
    /// What was said to line cards.
    said: Vec<(LcSlot, ToLc)>,
}

impl Chassis {
    /// An RP that has just become active, without a feed.
    fn active() -> Self {
        Self::booted(STARTUP)
    }

    fn booted(startup: &str) -> Self {
        Self::of(startup, Default::default())
    }

    /// The same of an image.
    fn of(startup: &str, issu: Image) -> Self {
        let boot = Boot {
            slot: RpSlot::A,
            boot: 1,
            release: "1.0".to_owned(),
            issu,
            profile: &platform::NATIVE,
            modelled: false,
            legacy: Default::default(),
            timers: RedundancyTimers::default(),
            startup: Some(startup.to_owned()),
            last_term: Default::default(),
            upgrade: None,
            line_cards: vec![LcSlot(1), LcSlot(2)],
            base_mac: Default::default(),
            flow_seed: fabric_proto::flow::FlowSeed::default(),
            releases: Vec::new(),
            feeds: 0,
            life: NextLife::default(),
            clock_offset: 0,
        };
        let mut rp = Rp::new(NOW, boot);
        take_over(&mut rp, NOW, EPOCH, TakeOver::Boot, &mut Vec::new());
        Self { rp, now: NOW, log: Vec::new(), said: Vec::new() }
    }

    fn step(&mut self, input: Option<Input>) {
        let mut out = Vec::new();
        self.rp.step(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Event(EventKind::Log { line }) => self.log.push(line),
                Output::Lc(slot, message) => self.said.push((slot, message)),
                _ => {}
            }
        }
    }

    /// A card is connected and adopted, in this run of its program.
    fn adopt(&mut self, slot: u8, boot: u64) {
        self.adopt_of(slot, boot, self.rp.offer());
    }

    /// The same of one that offers this.
    fn adopt_of(&mut self, slot: u8, boot: u64, offer: Offer) {
        let agreed = Arc::new(Agreed::between(self.rp.offer(), offer));
        self.step(Some(Input::LcConnected(LcSlot(slot), agreed)));
        let adopted = FromLc::Adopted { epoch: EPOCH, boot, position: None, root: 0, routes: [0, 0] };
        self.step(Some(Input::Lc(LcSlot(slot), adopted)));
    }

    fn report(&mut self, at: &str, up: bool) {
        let PortId { slot, port } = port(at);
        self.step(Some(Input::Lc(slot, FromLc::PortState { port, up })));
    }

    /// The ports that packets to 20.0.0.1 leave by.
    fn ports(&self) -> Vec<String> {
        let table = self.rp.clients.cef.fib.table();
        let list = table.lookup("20.0.0.1".parse().unwrap()).and_then(|(_, id)| table.paths(id));
        let port = |path: &Path| match path {
            Path::Port { port, .. } => port.to_string(),
            other => format!("{other:?}"),
        };
        list.map(|list| list.paths().iter().map(port).collect()).unwrap_or_default()
    }

    fn logged(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

#[test]
fn interfaces_have_indices_of_their_own_that_last() {
    let index = |name: &str| crate::clients::if_index(name.parse().unwrap());
    assert_eq!(index("1/2"), Some(258), "a port's is what it was in release 1.0");
    let names = ["1/2", "2/1", "64/255", "1/2.1", "1/2.2", "1/1.2", "64/255.32767", "Lo0", "Lo1", "Tu0", "Vi0"];
    let indices: BTreeSet<u32> = names.iter().map(|name| index(name).unwrap()).collect();
    assert_eq!(indices.len(), names.len());
    assert!(indices.iter().all(|index| *index <= i32::MAX as u32));
    assert_eq!((index("1/2.32768"), index("Lo268435456")), (None, None));
}

#[test]
fn routing_goes_by_carrier() {
    let mut chassis = Chassis::active();
    chassis.adopt(1, 7);
    chassis.adopt(2, 7);
    assert!(chassis.ports().is_empty(), "nobody has said that a port has carrier");
    chassis.report("1/1", true);
    chassis.report("2/1", true);
    assert_eq!(chassis.ports(), ["1/1", "2/1"]);
    chassis.logged();
    chassis.report("1/1", false);
    assert_eq!(chassis.ports(), ["2/1"]);
    assert_eq!(
        chassis.logged(),
        [
            "%LINK-3-UPDOWN: Interface GigabitEthernet1/1, changed state to down",
            "%LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet1/1, changed state to down"
        ]
    );
    chassis.report("1/1", true);
    assert_eq!(chassis.ports(), ["1/1", "2/1"]);
}

#[test]
fn a_port_that_was_never_up_is_down_and_says_so_once() {
    let mut chassis = Chassis::active();
    chassis.adopt(1, 7);
    chassis.logged();
    chassis.report("1/1", false);
    chassis.report("1/1", false);
    assert_eq!(chassis.logged(), ["%LINK-3-UPDOWN: Interface GigabitEthernet1/1, changed state to down"]);
    assert!(chassis.ports().is_empty());
}

/// The card goes on forwarding by itself: what leads there stays, for as long as it does.
#[test]
fn a_lost_connection_moves_nothing_and_a_lost_card_does() {
    let mut chassis = Chassis::active();
    chassis.adopt(1, 7);
    chassis.adopt(2, 7);
    chassis.report("1/1", true);
    chassis.report("2/1", true);
    chassis.step(Some(Input::LcLost(LcSlot(1))));
    assert_eq!(chassis.ports(), ["1/1", "2/1"]);
    chassis.adopt(1, 7);
    assert_eq!(chassis.ports(), ["1/1", "2/1"], "the same run of its program");
    // One that nobody hears for longer than it forwards alone.
    chassis.step(Some(Input::LcLost(LcSlot(1))));
    // As long as it forwards without an active.
    let until = NOW + linecard_core::linecard::STALE_TIME;
    assert_eq!(chassis.rp.clients.links.lonely(), Some(until));
    chassis.rp.links_due(until, &mut Vec::new());
    assert_eq!(chassis.ports(), ["2/1"]);
    // One that has restarted has no carrier until it says so.
    chassis.step(Some(Input::LcLost(LcSlot(2))));
    chassis.adopt(2, 8);
    assert!(chassis.ports().is_empty());
    chassis.report("2/1", true);
    assert_eq!(chassis.ports(), ["2/1"]);
    // One that is pulled out takes its wires along.
    chassis.step(Some(Input::Oir { slot: Slot::Lc(LcSlot(2)), inserted: false }));
    assert!(chassis.ports().is_empty());
}
