//! A known outage: packets dropped by order, so that what a report finds can be held against what was done.

use crate::{
    operator::{DropOrder, EventKind},
    time::Instant,
};
use serde::{Deserialize, Serialize};

/// An order that is being carried out.
#[derive(Debug)]
pub struct Dropping {
    order: DropOrder,
    began: Instant,
    /// When packets were last read before it began, and since.
    read: [Instant; 2],
    /// Packets that came while it was in force.
    seen: u64,
    packets: u64,
}

/// An order that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// When it began.
    pub began: Instant,
    /// When it ended: packets read at or after it passed.
    pub ended: Instant,
    /// Every so many-th packet.
    pub every: u32,
    /// Packets dropped.
    pub packets: u64,
    /// How long before its begin, and before its end, packets had last been read, nanoseconds.
    pub unread_ns: [u64; 2],
}

impl From<Dropped> for EventKind {
    fn from(over: Dropped) -> Self {
        let Dropped { began, ended, every, packets, unread_ns } = over;
        Self::Dropped { began, ended, every, packets, unread_ns }
    }
}

impl Dropping {
    /// Begins now, where packets were last read at `read`; `None` when the order is to drop nothing.
    pub fn new(now: Instant, read: Instant, order: DropOrder) -> Option<Self> {
        (order.every > 0).then_some(Self { order, began: now, read: [read; 2], seen: 0, packets: 0 })
    }

    /// Whether it takes of packets read at `now`.
    pub fn takes_of(&mut self, now: Instant) -> bool {
        let in_force = self.in_force(now);
        if in_force {
            self.read[1] = now;
        }
        in_force
    }

    /// Whether it is in force at `now`.
    pub fn in_force(&self, now: Instant) -> bool {
        self.order.for_ns == 0 || now.0.saturating_sub(self.began.0) < self.order.for_ns
    }

    /// When it ends by itself; `None`: when it is ended.
    pub fn ends(&self) -> Option<Instant> {
        (self.order.for_ns > 0).then(|| Instant(self.began.0.saturating_add(self.order.for_ns)))
    }

    /// Whether the next packet is one of those that are dropped.
    pub fn takes_next(&mut self) -> bool {
        self.seen += 1;
        let takes = self.seen.is_multiple_of(u64::from(self.order.every));
        self.packets += u64::from(takes);
        takes
    }

    /// What it came to, when it is ended at `now`.
    pub fn finish(self, now: Instant) -> Dropped {
        let ended = match self.order.for_ns {
            0 => now,
            life => now.min(Instant(self.began.0 + life)),
        };
        let unread = |at: Instant, read: Instant| u64::try_from(at.since(read).as_nanos()).unwrap_or(u64::MAX);
        let unread_ns = [unread(self.began, self.read[0]), unread(ended, self.read[1])];
        Dropped { began: self.began, ended, every: self.order.every, packets: self.packets, unread_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_ends_on_the_nanosecond() {
        let mut fault = Dropping::new(Instant(1000), Instant(970), DropOrder { every: 1, for_ns: 500 }).unwrap();
        assert!(fault.takes_of(Instant(1000)) && fault.takes_of(Instant(1499)));
        assert!(!fault.takes_of(Instant(1500)));
        assert!(fault.takes_next() && fault.takes_next());
        let over = fault.finish(Instant(9999));
        let (began, ended) = (Instant(1000), Instant(1500));
        assert_eq!(over, Dropped { began, ended, every: 1, packets: 2, unread_ns: [30, 1] });
    }

    #[test]
    fn a_card_that_stood_still_says_so() {
        let order = DropOrder { every: 1, for_ns: 500 };
        let mut fault = Dropping::new(Instant(1000), Instant(200), order).unwrap();
        assert!(fault.takes_of(Instant(1100)));
        assert!(!fault.takes_of(Instant(1900)), "what it spares had waited since 1100");
        assert_eq!(fault.finish(Instant(2000)).unread_ns, [800, 400]);
        let unread = Dropping::new(Instant(1000), Instant(990), order).unwrap().finish(Instant(1600)).unread_ns;
        assert_eq!(unread, [10, 510], "nothing was read at all");
    }

    #[test]
    fn every_third_packet_is_every_third_packet() {
        let mut fault = Dropping::new(Instant(0), Instant(0), DropOrder { every: 3, for_ns: 0 }).unwrap();
        assert!(fault.in_force(Instant(u64::MAX)));
        let taken: Vec<bool> = (0..7).map(|_| fault.takes_next()).collect();
        assert_eq!(taken, [false, false, true, false, false, true, false]);
        assert_eq!(fault.finish(Instant(70)).packets, 2);
        assert!(Dropping::new(Instant(0), Instant(0), DropOrder::default()).is_none());
    }
}
