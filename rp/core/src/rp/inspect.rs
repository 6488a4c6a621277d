//! What an observer of the whole unit may look at: its shell before it answers an operator, and checkers.

use super::Rp;
use crate::{config::Config, fib_feed::FibMaster, issu::Procedure, redundancy};
use fabric_proto::{
    id::LcSlot,
    redundancy::Mode,
    sabotage::{self, Sabotage},
};
use rp_contract::Member;

impl Rp {
    /// The redundancy facility.
    pub fn redundancy(&self) -> redundancy::View<'_> {
        self.rf.view()
    }

    /// Whether every line card that is there holds the complete table.
    pub fn converged(&self) -> bool {
        self.role.converged()
    }

    /// Line cards that confirmed the complete table.
    pub fn confirmed_cards(&self) -> Vec<LcSlot> {
        self.feed.confirmed()
    }

    /// The forwarding table.
    pub fn fib(&self) -> &FibMaster {
        &self.clients.cef.fib
    }

    /// How far a software upgrade is.
    pub fn procedure(&self) -> &Procedure {
        &self.clients.issu.procedure
    }

    /// The running configuration; on a standby, the one that it would take over with.
    pub fn config(&self) -> &Config {
        &self.clients.running.config
    }

    /// The startup configuration as this unit knows it.
    pub fn startup(&self) -> Option<&str> {
        self.clients.startup.text()
    }

    /// What the clients hold that take part in `mode` beside the peer's release, each by its title and as a digest: two units in
    /// sync have the same.
    pub fn checkpointed(&mut self, mode: Mode) -> Vec<(&'static str, u64)> {
        let given = self.clients.given();
        let takes_part = |member: &Member| member.from <= mode && given.contains(member);
        let part = self.clients.digests().into_iter().filter(|(member, _)| takes_part(member));
        part.map(|(member, digest)| (member.title, digest)).collect()
    }

    /// Number of times that the operator has changed or saved the configuration in this run.
    pub fn config_revision(&self) -> u64 {
        self.config_revision
    }

    /// Whether the standby holds every change made to the configuration, or none is being synced.
    ///
    /// A change is acknowledged to the operator only then: a switchover must not lose what was acknowledged.
    pub fn config_confirmed(&self) -> bool {
        self.cf.config_confirmed() || sabotage::is(Sabotage::AcknowledgeEarly)
    }

    /// Why the standby could not be given the latest change of the configuration: it has restarted then, and nobody
    /// waits any more, but nobody may take the change for confirmed.
    pub fn config_unconfirmed(&self) -> Option<&str> {
        self.unconfirmed.as_deref()
    }
}
