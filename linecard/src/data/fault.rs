//! A known outage: packets dropped by order, so that what a report finds can be held against what was done.

use fabric_proto::{operator::DropOrder, time::Instant};

/// An order that is being carried out.
#[derive(Debug)]
pub(crate) struct Dropping {
    order: DropOrder,
    began: Instant,
    /// Packets that came while it was in force.
    seen: u64,
    packets: u64,
}

/// An order that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// When it began.
    pub began: Instant,
    /// When it ended: packets read at or after it passed.
    pub ended: Instant,
    /// Every so many-th packet.
    pub every: u32,
    /// Packets dropped.
    pub packets: u64,
}

impl Dropping {
    /// Begins now; `None` when the order is to drop nothing.
    pub(crate) fn new(now: Instant, order: DropOrder) -> Option<Self> {
        (order.every > 0).then_some(Self { order, began: now, seen: 0, packets: 0 })
    }

    /// Whether it is in force for packets read at `now`.
    pub(crate) fn in_force(&self, now: Instant) -> bool {
        self.order.for_ns == 0 || now.0.saturating_sub(self.began.0) < self.order.for_ns
    }

    /// Whether the next packet is one of those that are dropped.
    pub(crate) fn takes_next(&mut self) -> bool {
        self.seen += 1;
        let takes = self.seen.is_multiple_of(u64::from(self.order.every));
        self.packets += u64::from(takes);
        takes
    }

    /// What it came to, when it is ended at `now`.
    pub(crate) fn finish(self, now: Instant) -> Dropped {
        let ended = match self.order.for_ns {
            0 => now,
            life => now.min(Instant(self.began.0 + life)),
        };
        Dropped { began: self.began, ended, every: self.order.every, packets: self.packets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_ends_on_the_nanosecond() {
        let mut fault = Dropping::new(Instant(1000), DropOrder { every: 1, for_ns: 500 }).unwrap();
        assert!(fault.in_force(Instant(1000)) && fault.in_force(Instant(1499)));
        assert!(!fault.in_force(Instant(1500)));
        assert!(fault.takes_next() && fault.takes_next());
        let over = fault.finish(Instant(9999));
        assert_eq!(over, Dropped { began: Instant(1000), ended: Instant(1500), every: 1, packets: 2 });
    }

    #[test]
    fn every_third_packet_is_every_third_packet() {
        let mut fault = Dropping::new(Instant(0), DropOrder { every: 3, for_ns: 0 }).unwrap();
        assert!(fault.in_force(Instant(u64::MAX)));
        let taken: Vec<bool> = (0..7).map(|_| fault.takes_next()).collect();
        assert_eq!(taken, [false, false, true, false, false, true, false]);
        assert_eq!(fault.finish(Instant(70)).packets, 2);
        assert!(Dropping::new(Instant(0), DropOrder::default()).is_none());
    }
}
