//! Every packet is accounted for: counters of the data plane.

use fabric_proto::{
    drops::{DropCause, DropCounts},
    operator::LcStats,
    punt::PuntCounts,
};
use serde::{Deserialize, Serialize};

/// Packet counters of a line card, owned by its data thread. They survive a reset of the card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Packets received on wires.
    pub received: u64,
    /// Packets sent on wires.
    pub sent: u64,
    /// Packets sent into the fabric.
    pub to_fabric: u64,
    /// Packets received from the fabric.
    pub from_fabric: u64,
    /// Packets given up to the route processor.
    pub punted: u64,
    /// The same by reason, and packets that the route processor has injected.
    #[serde(default)]
    pub punts: PuntCounts,
    /// Drops by cause.
    pub drops: DropCounts,
}

impl Counters {
    /// Counts one dropped packet.
    pub fn drop(&mut self, cause: DropCause) {
        self.drops.add(cause, 1);
    }

    /// Packets that came in and are neither out nor dropped, as bookkeeping has it: must equal what
    /// the queues hold.
    pub fn held(&self) -> i128 {
        let arrived = i128::from(self.received) + i128::from(self.from_fabric) + i128::from(self.punts.injected);
        let left = i128::from(self.sent) + i128::from(self.to_fabric) + i128::from(self.punted);
        arrived - left - i128::from(self.drops.total())
    }

    /// Fills in the data plane's part of a card's counters; `queued` is what its queues hold now.
    pub fn report(&self, queued: u64, stats: &mut LcStats) {
        stats.received = self.received;
        stats.sent = self.sent;
        stats.to_fabric = self.to_fabric;
        stats.from_fabric = self.from_fabric;
        stats.punted = self.punted;
        stats.queued = queued;
        stats.drops = self.drops.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_out_nor_dropped_is_held() {
        let mut counters = Counters { received: 10, from_fabric: 5, sent: 4, to_fabric: 6, ..Counters::default() };
        counters.drop(DropCause::NoRoute);
        counters.drops.add(DropCause::VoqFull, 2);
        assert_eq!(counters.held(), 2);
        let mut stats = LcStats::default();
        counters.report(2, &mut stats);
        assert_eq!(
            stats.received + stats.from_fabric,
            stats.sent + stats.to_fabric + stats.queued + stats.drops.total()
        );
    }
}
