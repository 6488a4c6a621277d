//! The routing table: the best source of every prefix, and the paths that its next hops stand for.
//!
//! Sources are connected interfaces and neighbours, static routes and route feeds. A route names a
//! set of next hops; the set is resolved, once for all its routes, into a path list of the FIB.
//! A change of an interface or of a neighbour therefore changes path lists, not routes.
//!
//! The default table and each VRF are a `Table` of their own: no route, network or next hop of one is seen in another.
//! Next hops of static routes are looked up in the table itself (`recursion.rs`); docs/routing.md has the rules.

mod direct;
mod feed;
mod hops;
mod host;
mod learn;
mod local;
mod recursion;
mod sets;
mod show;
mod table;
mod work;

pub use feed::{FEED_ROUTES_MAX, FEED_SETS_MAX, FeedError, Source};
pub use hops::{Hop, Width};
pub use sets::Via;

use crate::fib_feed::FibMaster;
use fabric_proto::{
    fib::{Family, FibKey, Mac, PathListId, Prefix},
    id::{InterfaceId, PortId, TableId},
    time::Instant,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};
use table::Table;
use work::SLICE;

/// An interface as configured, and whether it is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its addresses of both families, each with the prefix length of its network.
    pub addresses: Vec<(IpAddr, u8)>,
    /// How its neighbours are reached; `None` for one that has none, such as a loopback.
    pub link: Option<Link>,
    /// `no shutdown`, and its port, if it is on one, carries traffic.
    pub enabled: bool,
}

/// What frames to an interface's neighbours go out by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The port.
    pub port: PortId,
    /// Source address of the frames.
    pub mac: Mac,
    /// Their tag (IEEE 802.1Q).
    pub vlan: Option<u16>,
}

/// Where a static route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaticTarget {
    /// To a next hop, by whatever route leads to it.
    NextHop(IpAddr),
    /// To a neighbour on an interface.
    On(InterfaceId, IpAddr),
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

/// Everything that the running configuration says about routing in one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Interfaces.
    pub interfaces: BTreeMap<InterfaceId, Interface>,
    /// Static ARP and ND entries, by the interface that they are on.
    pub neighbors: BTreeMap<(InterfaceId, IpAddr), Mac>,
    /// Static routes.
    pub statics: BTreeSet<StaticRoute>,
}

/// One change of what the running configuration says about routing in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalChange {
    /// An interface came, went or changed, or its carrier did.
    Interface(InterfaceId, Option<Interface>),
    /// A static neighbour came, went or changed.
    Neighbor(InterfaceId, IpAddr, Option<Mac>),
    /// A static route is there, or not.
    Static(StaticRoute, bool),
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
    /// The source's metric: of routes of equal distance, the lowest counts.
    pub metric: u32,
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
    /// The default one, always; and one a VRF.
    tables: Tables,
    sources: BTreeMap<FeedId, Source>,
    width: Width,
    completion: Completion,
}

/// Tables by number.
#[derive(Debug)]
struct Tables(BTreeMap<TableId, Table>);

impl Default for Tables {
    fn default() -> Self {
        Self(BTreeMap::from([(TableId::DEFAULT, Table::new(TableId::DEFAULT))]))
    }
}

/// Whether the table is complete.
#[derive(Debug, Default)]
enum Completion {
    /// Not started.
    #[default]
    Idle,
    /// Waits for feeds.
    Learning {
        /// Families of which feeds have not said end-of-RIB.
        waiting: BTreeSet<(FeedId, Family)>,
        /// When to go on without them.
        until: Instant,
    },
    /// Complete.
    Complete,
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
    /// Replaces the local configuration of the default table; only differences reach the FIB.
    pub fn configure(&mut self, local: Local, fib: &mut FibMaster) {
        self.table_mut(TableId::DEFAULT).configure(local, fib);
    }

    /// Takes over single changes of the local configuration of a table. The work does not grow with the number of
    /// interfaces.
    pub fn change(&mut self, table: TableId, changes: Vec<LocalChange>, fib: &mut FibMaster) {
        self.table_mut(table).change(changes, fib);
    }

    /// The same of several tables.
    pub fn change_all(&mut self, changes: BTreeMap<TableId, Vec<LocalChange>>, fib: &mut FibMaster) {
        for (table, changes) in changes {
            self.change(table, changes, fib);
        }
    }

    /// Static neighbours, table by table.
    pub fn neighbors(&self) -> impl Iterator<Item = (TableId, &BTreeMap<(InterfaceId, IpAddr), Mac>)> {
        self.tables.0.iter().map(|(id, table)| (*id, &table.local.neighbors))
    }

    /// Replaces the local configuration of all tables. A VRF that is not there any more goes with its routes.
    pub fn configure_all(&mut self, mut locals: BTreeMap<TableId, Local>, fib: &mut FibMaster) {
        self.configure(locals.remove(&TableId::DEFAULT).unwrap_or_default(), fib);
        self.configure_vrfs(locals, fib);
    }

    /// Replaces the local configuration of all VRFs. One that is not there any more goes with its routes.
    pub fn configure_vrfs(&mut self, locals: BTreeMap<TableId, Local>, fib: &mut FibMaster) {
        let gone = |(id, _): (&TableId, &Table)| (*id != TableId::DEFAULT && !locals.contains_key(id)).then_some(*id);
        let gone: Vec<TableId> = self.tables.0.iter().filter_map(gone).collect();
        for id in gone {
            if let Some(mut table) = self.tables.0.remove(&id) {
                table.clear(fib);
            }
        }
        for (id, local) in locals {
            self.table_mut(id).configure(local, fib);
        }
    }

    /// The local configuration of the default table.
    pub fn local(&self) -> &Local {
        &self.default_table().local
    }

    /// How many paths a route has at most.
    pub fn width(&self) -> Width {
        self.width
    }

    /// Changes how many that are; only differences reach the FIB.
    pub fn set_width(&mut self, width: Width, fib: &mut FibMaster) {
        self.width = width;
        self.tables.0.values_mut().for_each(|table| table.set_width(width, fib));
    }

    /// Begins to wait for `feeds`, after [`Rib::configure`]: once all of them said end-of-RIB for both
    /// families, or after [`STALE_TIME`], the table is complete. Without feeds it is complete at once.
    pub fn start(&mut self, now: Instant, feeds: &[FeedId], fib: &mut FibMaster) -> Option<Converged> {
        let families = feeds.iter().flat_map(|feed| Family::ALL.map(|family| (*feed, family)));
        let waiting = families.filter(|(feed, family)| !self.is_complete(*feed, *family)).collect();
        self.completion = Completion::Learning { waiting, until: now + STALE_TIME };
        self.settle(false);
        self.complete_if_nothing_is_awaited(fib)
    }

    /// Whether a feed has sent all that it has of a family in its present session.
    pub fn is_complete(&self, feed: FeedId, family: Family) -> bool {
        self.feed(feed).is_some_and(|feed| feed.is_complete(family))
    }

    /// When [`Rib::expire`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let learning = match &self.completion {
            Completion::Learning { until, .. } => Some(*until),
            Completion::Idle | Completion::Complete => None,
        };
        // What is due is due at once; the owner looks at its other inputs in between.
        let work = (!self.is_done()).then_some(Instant(0));
        self.tables.0.values().filter_map(Table::deadline).chain(learning).chain(work).min()
    }

    /// Whether the FIB has the best route of every prefix; otherwise [`Rib::expire`] goes on.
    pub fn is_done(&self) -> bool {
        self.tables.0.values().all(|table| table.work.is_done())
    }

    /// Does what is due at `now`, a slice of it: selects routes anew, gives up waiting for feeds, withdraws stale routes of feeds that did not return.
    pub fn expire(&mut self, now: Instant, fib: &mut FibMaster) -> Option<Converged> {
        for table in self.tables.0.values_mut() {
            table.work(SLICE, fib);
            table.expire(now, fib);
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
            Completion::Learning { waiting, .. } if waiting.is_empty() && self.is_done() => {}
            Completion::Learning { .. } | Completion::Idle | Completion::Complete => return None,
        }
        self.completion = Completion::Complete;
        self.settle(true);
        self.tables.0.values_mut().for_each(|table| table.select_local(fib));
        let mut swept = 0;
        if self.accounts_for(fib) {
            fib.all_fresh();
        } else if fib.is_stale() {
            swept = fib.sweep(|key| self.owns(key));
        }
        Some(Converged { routes: fib.table().count() as u64, swept: swept as u64 })
    }

    fn settle(&mut self, settled: bool) {
        self.tables.0.values_mut().for_each(|table| table.settled = settled);
    }

    /// Whether every route in the FIB is some best route's. The FIB holds all best routes, so counting them
    /// answers it, without the look at each route that would hold up everything else on this RP for a tenth of
    /// a second. A no may be wrong.
    fn accounts_for(&self, fib: &FibMaster) -> bool {
        let routes: Option<usize> = self.tables.0.values().map(Table::count).sum();
        routes == Some(fib.table().count())
    }

    /// Whether an entry of the FIB is a best route.
    fn owns(&self, key: FibKey) -> bool {
        let best = |(table, prefix)| self.tables.0.get(&table)?.best(prefix);
        key.ip().is_some_and(|route| best(route).is_some())
    }

    fn default_table(&self) -> &Table {
        self.tables.0.get(&TableId::DEFAULT).expect("the default table is always there")
    }

    fn table_mut(&mut self, id: TableId) -> &mut Table {
        let settled = self.converged();
        self.tables.0.entry(id).or_insert_with(|| {
            let mut table = Table { settled, ..Table::new(id) };
            table.resolver.width = self.width;
            table
        })
    }
}

#[cfg(test)]
mod tests;
