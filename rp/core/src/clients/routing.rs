//! IP routing. Its table lives for one term: it is learned again, and the forwarding table keeps packets going meanwhile.

use super::{host::Neighbours, links::Links, local};
use crate::{
    config::Config,
    fib_feed::FibMaster,
    rib::{Rib, Width},
};
use fabric_proto::{fib::PATHS_NARROW, redundancy::Code, time::Instant};
use rp_contract::{Answer, Client, Effect, Progression};

/// The client of IP routing.
#[derive(Debug, Default)]
pub(crate) struct Routing {
    pub(crate) rib: Rib,
    /// Whether this term has begun to learn.
    learns: bool,
}

impl Routing {
    /// A term begins to learn, from nothing.
    pub(crate) fn learn(&mut self, config: &Config, links: &Links, learned: &Neighbours, fib: &mut FibMaster) {
        self.rib = Rib::default();
        // What an active held that is gone was held by every card: a takeover moves nothing.
        if fib.table().all_paths().any(|(_, list)| list.paths().len() > PATHS_NARROW) {
            self.rib.set_width(Width::Wide, fib);
        }
        self.learns = true;
        self.configure(config, links, learned, fib);
    }

    /// Whether this term has begun to learn.
    pub(crate) fn learns(&self) -> bool {
        self.learns
    }

    /// The configuration has changed, or carrier has. Only differences reach the forwarding table.
    pub(crate) fn configure(&mut self, config: &Config, links: &Links, learned: &Neighbours, fib: &mut FibMaster) {
        if self.learns {
            self.rib.configure_all(local::routing(config, links, learned), fib);
        }
    }

    /// The same where it is known what has changed.
    pub(crate) fn change(&mut self, changes: local::Changes, fib: &mut FibMaster) {
        if self.learns {
            self.rib.change_all(changes, fib);
        }
    }
}

impl Client for Routing {
    fn name(&self) -> &'static str {
        "routing"
    }

    fn progress(&mut self, _now: Instant, progression: &Progression, out: &mut Vec<Effect>) -> Answer {
        if progression.takes_over(Code::ActivePostconfig).is_some() {
            out.push(Effect::Learn);
        }
        Answer::Done
    }
}
