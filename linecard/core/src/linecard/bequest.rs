//! What a card's program leaves to the one that takes its place, and a card made of that.

use super::{LineCard, LineCardConfig, Rule};
use crate::{
    fib_sync::FibCopy,
    handover::{Differs, Standing},
};
use fabric_proto::{fib::Batch, linecard::FibPart, time::Instant};

impl LineCard {
    /// From here on, [`LineCard::next_part`] tells all of the table.
    pub fn tell_heir(&mut self) {
        self.fib.tell();
    }

    /// The heir has gone.
    pub fn tell_nobody(&mut self) {
        self.fib.tell_nobody();
    }

    /// The next part of the table for the heir; `None` when it has all of it, as it is now.
    pub fn next_part(&mut self) -> Option<(FibPart, Batch)> {
        self.fib.next_part()
    }

    /// All that the card knows besides the entries of its table.
    pub fn standing(&self) -> Standing {
        let ports = self.fib.tables().ports();
        Standing {
            boot: self.config.boot,
            highest: self.highest,
            position: self.fib.position(),
            complete: self.fib.complete(),
            root: self.fib.table().root_digest(),
            routes: self.fib.routes(),
            ports: ports.configs(),
            interfaces: ports.interfaces(),
            carrier: self.ports.iter().map(|(port, up)| (*port, *up)).collect(),
            refused: self.refused,
        }
    }

    /// The card that goes on where another program stopped: with that one's run number, fence and table, and without an
    /// active, until one adopts it anew. Refused when the table is not the other's.
    pub fn inherit(
        config: LineCardConfig,
        now: Instant,
        standing: &Standing,
        mut fib: FibCopy,
    ) -> Result<Self, Differs> {
        let (root, routes) = (fib.table().root_digest(), fib.routes());
        if (root, routes) != (standing.root, standing.routes) {
            return Err(Differs::Table { ours: routes, theirs: standing.routes });
        }
        fib.set_ports(&standing.ports, &standing.interfaces);
        fib.stands_at(standing.position, standing.complete);
        let config = LineCardConfig { boot: standing.boot, ..config };
        let mut card = Self {
            highest: config.highest.max(standing.highest),
            ports: standing.carrier.iter().copied().collect(),
            refused: standing.refused,
            fib,
            ..Self::new(config)
        };
        card.orphan(now);
        Ok(card)
    }

    /// Sessions end with the sockets that they came by: the card has no active until one adopts it anew.
    pub fn drop_sessions(&mut self, now: Instant) {
        self.sessions.clear();
        if let Rule::Ruled { .. } = self.rule {
            self.orphan(now);
        }
    }

    /// The ports that are to be up.
    pub fn ports_up(&self) -> Vec<u8> {
        let ports = self.fib.tables().ports().configs();
        ports.iter().filter(|port| port.enabled).map(|port| port.port).collect()
    }

    /// Identifies this run of the card.
    pub fn boot(&self) -> u64 {
        self.config.boot
    }
}
