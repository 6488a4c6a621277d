//! The routing table: the best source of every prefix, and the paths that its next hops stand for.
//!
//! Sources are connected interfaces and neighbours, static routes and route feeds. A route names a
//! set of next hops; the set is resolved, once for all its routes, into a path list of the FIB.
//! A change of an interface or of a neighbour therefore changes path lists, not routes.
//!
//! Next hops of static routes are looked up in the table itself (`recursion.rs`); docs/routing.md has the rules.

mod direct;
mod feed;
mod hops;
mod learn;
mod local;
mod recursion;
mod sets;
mod show;

pub use feed::{FEED_ROUTES_MAX, FEED_SETS_MAX, FeedError};
pub use hops::Hop;
pub use sets::Via;

use crate::fib_feed::FibMaster;
use fabric_proto::{
    fib::{Family, Mac, PathListId, Prefix},
    id::PortId,
    time::Instant,
};
use feed::Feed;
use hops::SetId;
use sets::{Resolver, Sets};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

/// An interface as configured, and whether it is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its addresses of both families, each with the prefix length of its network.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Source address of frames sent out of it.
    pub mac: Mac,
    /// `no shutdown`, and the port carries traffic.
    pub enabled: bool,
}

/// Where a static route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaticTarget {
    /// To a next hop, by whatever route leads to it.
    NextHop(IpAddr),
    /// To a neighbour on a port.
    OnPort(PortId, IpAddr),
    /// Nowhere: `Null0`.
    Null,
}

/// A static route. Several for one prefix with the same distance share the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaticRoute {
    /// The prefix.
    pub prefix: Prefix,
    /// Administrative distance; 1 by default, more for a floating route. One of 255 is never used.
    pub distance: u8,
    /// Where it leads.
    pub target: StaticTarget,
}

/// Everything that the running configuration says about routing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Interfaces by port.
    pub interfaces: BTreeMap<PortId, Interface>,
    /// Static ARP and ND entries, by the port that they are on.
    pub neighbors: BTreeMap<(PortId, IpAddr), Mac>,
    /// Static routes.
    pub statics: BTreeSet<StaticRoute>,
}

/// A source of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// An interface's own address.
    Local,
    /// An interface's network.
    Connected,
    /// Configured.
    Static,
    /// A route feed: as external BGP.
    Feed,
    /// A neighbour's host route, in the FIB only: not a route as users know it.
    Adjacency,
}

/// Number of a route feed: its place in the card's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedId(pub u8);

/// The best route of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The prefix.
    pub prefix: Prefix,
    /// Its source.
    pub protocol: Protocol,
    /// The source's administrative distance.
    pub distance: u8,
    /// Where it leads: next hops that cannot be used, or are too many, are not in it.
    pub via: Via,
    /// Its path list in the FIB.
    pub paths: PathListId,
    /// Learned from a feed whose session ended, and not yet learned again.
    pub stale: bool,
}

/// Best routes by source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Routes by [`Protocol`] (its order), IPv4 and IPv6.
    pub best: [[u64; 2]; 5],
    /// Feed routes held, whether best or not, IPv4 and IPv6.
    pub feed: [u64; 2],
}

/// The routing table became complete: every feed said so, or the time to wait for them is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converged {
    /// Routes of both families in the FIB.
    pub routes: u64,
    /// Stale routes that nobody learned again and that are withdrawn now.
    pub swept: u64,
}

/// How long routes are kept for a feed that went away, and how long a new active waits for its feeds
/// before it sweeps (RFC 4724 §4.1 and §4.2 leave both to the implementation).
pub const STALE_TIME: Duration = Duration::from_secs(120);

/// The routing table of one term.
#[derive(Debug, Default)]
pub struct Rib {
    local: Local,
    resolver: Resolver,
    sets: Sets,
    /// Candidates out of the local configuration, by prefix.
    candidates: BTreeMap<Prefix, Candidates>,
    feeds: BTreeMap<FeedId, Feed>,
    completion: Completion,
}

/// Local candidates of one prefix, best first.
type Candidates = BTreeMap<(u8, Protocol), SetId>;

/// Whether the table is complete.
#[derive(Debug, Default)]
enum Completion {
    /// Not started.
    #[default]
    Idle,
    /// Waits for feeds.
    Learning {
        /// Those that have not said end-of-RIB for both families.
        waiting: BTreeSet<FeedId>,
        /// When to go on without them.
        until: Instant,
    },
    /// Complete.
    Complete,
}

/// The best source of a prefix.
struct Best {
    protocol: Protocol,
    distance: u8,
    set: SetId,
    paths: PathListId,
    stale: bool,
}

impl Protocol {
    /// Its default administrative distance.
    pub const fn distance(self) -> u8 {
        match self {
            Self::Local | Self::Connected => 0,
            Self::Static => 1,
            Self::Feed => 20,
            // After everything: a route for exactly this address says more than the neighbour's being there.
            Self::Adjacency => 255,
        }
    }
}

impl Rib {
    /// Begins to wait for `feeds`, after [`Rib::configure`]: once all of them said end-of-RIB for both
    /// families, or after [`STALE_TIME`], the table is complete. Without feeds it is complete at once.
    pub fn start(&mut self, now: Instant, feeds: &[FeedId], fib: &mut FibMaster) -> Option<Converged> {
        let complete = |id: &FeedId| self.feeds.get(id).is_some_and(Feed::is_complete);
        let waiting = feeds.iter().copied().filter(|id| !complete(id)).collect();
        self.completion = Completion::Learning { waiting, until: now + STALE_TIME };
        self.complete_if_nothing_is_awaited(fib)
    }

    /// When [`Rib::expire`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let learning = match &self.completion {
            Completion::Learning { until, .. } => Some(*until),
            Completion::Idle | Completion::Complete => None,
        };
        self.feeds.values().filter_map(|feed| feed.stale_until).chain(learning).min()
    }

    /// Does what is due at `now`: gives up waiting for feeds, withdraws stale routes of feeds that did not return.
    pub fn expire(&mut self, now: Instant, fib: &mut FibMaster) -> Option<Converged> {
        let due = |(id, feed): (&FeedId, &Feed)| feed.stale_until.is_some_and(|at| at <= now).then_some(*id);
        let due: Vec<FeedId> = self.feeds.iter().filter_map(due).collect();
        for id in due {
            self.drop_stale(id, fib);
        }
        if let Completion::Learning { waiting, until } = &mut self.completion
            && *until <= now
        {
            waiting.clear();
        }
        self.complete_if_nothing_is_awaited(fib)
    }

    /// Whether the table is complete.
    pub fn converged(&self) -> bool {
        matches!(self.completion, Completion::Complete)
    }

    fn complete_if_nothing_is_awaited(&mut self, fib: &mut FibMaster) -> Option<Converged> {
        match &self.completion {
            Completion::Learning { waiting, .. } if waiting.is_empty() => {}
            Completion::Learning { .. } | Completion::Idle | Completion::Complete => return None,
        }
        self.completion = Completion::Complete;
        for prefix in self.candidates.keys() {
            self.select(*prefix, fib);
        }
        let mut swept = 0;
        if self.accounts_for(fib) {
            fib.all_fresh();
        } else if fib.is_stale() {
            swept = fib.sweep(|key| key.plain().is_some_and(|prefix| self.best(prefix).is_some()));
        }
        Some(Converged { routes: fib.table().count() as u64, swept: swept as u64 })
    }

    /// Whether every route in the FIB is some best route's. The FIB holds all best routes, so counting them
    /// answers it, without the look at each route that would hold up everything else on this RP for a tenth of
    /// a second. A no may be wrong.
    fn accounts_for(&self, fib: &FibMaster) -> bool {
        let mut feeds = self.feeds.values();
        let learned = match (feeds.next(), feeds.next()) {
            (None, _) => None,
            (Some(feed), None) if feed.stale.routes.is_empty() => Some(&feed.fresh),
            (Some(_), _) => return false,
        };
        if learned.is_some_and(|learned| learned.sets.values().any(|set| self.sets.list(*set).is_none())) {
            return false;
        }
        let is_local = |prefix: &Prefix| {
            learned.is_none_or(|learned| learned.get(*prefix).is_none()) && self.best(*prefix).is_some()
        };
        let local = self.candidates.keys().filter(|prefix| is_local(prefix)).count();
        learned.map_or(0, |learned| learned.len()) + local == fib.table().count()
    }

    /// Puts the best route of a prefix into the FIB.
    fn select(&self, prefix: Prefix, fib: &mut FibMaster) {
        match self.best(prefix) {
            // After a switchover, a feed that has yet to be heard may own what the FIB holds: a route that it
            // would beat, such as a floating one, must wait, and so must one whose next hops it may lead to.
            Some(best)
                if (best.distance > Protocol::Feed.distance() || self.resolver.statics.is_recursive(prefix))
                    && !self.converged()
                    && fib.is_stale()
                    && fib.table().get(prefix).is_some() => {}
            Some(best) => fib.set(prefix, best.paths),
            None => fib.withdraw(prefix),
        }
    }

    fn best(&self, prefix: Prefix) -> Option<Best> {
        let local = self.candidates.get(&prefix).and_then(|candidates| {
            candidates.iter().find_map(|((distance, protocol), set)| {
                let paths = self.sets.list(*set)?;
                Some(Best { protocol: *protocol, distance: *distance, set: *set, paths, stale: false })
            })
        });
        let distance = Protocol::Feed.distance();
        if let Some(best) = &local
            && best.distance < distance
        {
            return local;
        }
        let learned = self.feeds.values().find_map(|feed| {
            let (set, stale) = feed.get(prefix)?;
            let paths = self.sets.list(set)?;
            Some(Best { protocol: Protocol::Feed, distance, set, paths, stale })
        });
        learned.or(local)
    }
}

#[cfg(test)]
mod tests;
