//! Next-hop sets and what they resolve to.

use super::{
    Local,
    direct::Direct,
    hops::{Hop, SetId, Width, union},
    recursion::{LearnedRoute, Recursion},
};
use crate::fib_feed::FibMaster;
use fabric_proto::{
    fib::{FibKey, Path, PathList, PathListId, Prefix},
    id::InterfaceId,
};
use std::collections::BTreeMap;

/// Where routes lead, before next hops are resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// To next hops, sharing the load; sorted, without repetitions.
    NextHops(Vec<Hop>),
    /// To the chassis itself.
    Receive,
    /// To a connected network, where only neighbours that are known can be reached.
    Network(Prefix),
}

impl Via {
    /// To these next hops.
    pub fn next_hops(mut hops: Vec<Hop>) -> Self {
        hops.sort_unstable();
        hops.dedup();
        Self::NextHops(hops)
    }
}

/// What next hops are resolved through: networks of enabled interfaces, neighbours, and other routes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolver {
    pub(super) direct: Direct,
    pub(super) statics: Recursion,
    pub(super) width: Width,
}

impl Resolver {
    pub(super) fn new(local: &Local, learned: &LearnedRoute<'_>, width: Width) -> Self {
        let direct = Direct::new(local);
        let statics = Recursion::new(&local.statics, &direct, learned, width);
        Self { direct, statics, width }
    }

    /// The paths that a next hop comes to; none where nothing leads to it.
    fn paths(&self, hop: Hop) -> Vec<Path> {
        match hop {
            Hop::Any(address) => self.statics.hop(address).to_vec(),
            Hop::Learned(address) => {
                if !self.direct.is_foreign(address) || self.statics.is_circle(address) {
                    return Vec::new();
                }
                let network = self.direct.network(address);
                match (self.statics.covering(address, network.map(|(network, _)| network.len())), network) {
                    (Some(paths), _) => paths.to_vec(),
                    (None, Some((_, interface))) => self.direct.path(interface, address).into_iter().collect(),
                    (None, None) => Vec::new(),
                }
            }
            Hop::On(interface, address) => self.direct.path(interface, address).into_iter().collect(),
            Hop::Null => vec![Path::Discard],
        }
    }

    /// The interface of a next hop that is a neighbour and is reached as one.
    pub(super) fn interface_of(&self, hop: Hop) -> Option<InterfaceId> {
        let (interface, address) = match hop {
            Hop::Any(address) | Hop::Learned(address) => (self.direct.network(address)?.1, address),
            Hop::On(interface, address) => (interface, address),
            Hop::Null => return None,
        };
        (self.paths(hop) == [self.direct.path(interface, address)?]).then_some(interface)
    }

    /// Of these next hops, those that are used, and the paths that they come to.
    pub(super) fn resolve_hops(&self, hops: &[Hop]) -> (Vec<Hop>, Vec<Path>) {
        union(hops.iter().map(|hop| (*hop, self.paths(*hop))), self.width)
    }

    /// `None` when routes with this set cannot be used.
    fn resolve(&self, via: &Via) -> Option<PathList> {
        let paths: Vec<Path> = match via {
            Via::NextHops(hops) => self.resolve_hops(hops).1,
            Via::Receive => vec![Path::Receive],
            Via::Network(network) => vec![Path::Unresolved { next_hop: network.address() }],
        };
        (!paths.is_empty()).then(|| PathList::new(paths))
    }
}

/// All next-hop sets in use, each with its path list.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sets: Vec<Option<Set>>,
    free: Vec<SetId>,
    by_via: BTreeMap<Via, SetId>,
    /// Times that no path-list number was free.
    pub(super) refused: u64,
}

#[derive(Debug)]
struct Set {
    via: Via,
    holders: u32,
    /// `None` while its routes cannot be used.
    list: Option<PathListId>,
    /// Whether the list is surely the one that its routes have had. After a switchover a set finds its list by what that
    /// holds, and while a port is down several may hold the same.
    known: bool,
}

impl Sets {
    /// The set for `via`, made and resolved when it is new; held until [`Sets::let_go`].
    pub(super) fn hold(&mut self, via: Via, resolver: &Resolver, fib: &mut FibMaster) -> SetId {
        if let Some(id) = self.by_via.get(&via) {
            if let Some(set) = &mut self.sets[*id as usize] {
                set.holders += 1;
            }
            return *id;
        }
        let list = resolver.resolve(&via).and_then(|paths| self.acquire(&via, paths, fib));
        let id = self.free.pop().unwrap_or(self.sets.len() as SetId);
        if id as usize == self.sets.len() {
            self.sets.push(None);
        }
        self.by_via.insert(via.clone(), id);
        let known = !fib.is_stale() || !matches!(via, Via::NextHops(_));
        self.sets[id as usize] = Some(Set { via, holders: 1, list, known });
        id
    }

    /// One holder fewer; the last one takes the path list with it, once no route uses it.
    pub(super) fn let_go(&mut self, id: SetId, fib: &mut FibMaster) {
        let slot = &mut self.sets[id as usize];
        let Some(set) = slot else { return };
        set.holders -= 1;
        if set.holders > 0 {
            return;
        }
        if let Some(list) = set.list {
            fib.release(list);
        }
        self.by_via.remove(&set.via);
        *slot = None;
        self.free.push(id);
    }

    /// The path list of a set; `None` while its routes cannot be used.
    pub(super) fn list(&self, id: SetId) -> Option<PathListId> {
        self.sets[id as usize].as_ref()?.list
    }

    /// A set's first route of this term says which list is the set's: the one that the route has had, where that holds the
    /// same. A line card that knows more than this unit did has routes by it, which must not follow another set's list.
    pub(super) fn recognise(&mut self, id: SetId, key: FibKey, fib: &mut FibMaster) {
        let Some(set) = self.sets[id as usize].as_mut().filter(|set| !set.known) else { return };
        set.known = true;
        let (Some(mine), Some(theirs)) = (set.list, fib.table().get(key)) else { return };
        if mine == theirs || !fib.hold_the_same(mine, theirs) {
            return;
        }
        if fib.exchange(mine, theirs) {
            set.list = Some(theirs);
            return;
        }
        let mut others = self.sets.iter_mut().flatten();
        if let Some(other) = others.find(|other| !other.known && other.list == Some(theirs)) {
            other.list = Some(mine);
            if let Some(set) = &mut self.sets[id as usize] {
                set.list = Some(theirs);
            }
        }
    }

    pub(super) fn via(&self, id: SetId) -> Option<&Via> {
        self.sets[id as usize].as_ref().map(|set| &set.via)
    }

    /// Resolves every set of next hops anew: the others never change. Changes path lists in place; tells which sets became usable or unusable, whose
    /// routes are to be selected anew, and which path lists are to be released after that.
    pub(super) fn resolve(&mut self, resolver: &Resolver, fib: &mut FibMaster) -> Flips {
        let mut flips = Flips::default();
        let mut of_next_hops: Vec<SetId> = self.by_via.range(..Via::Receive).map(|(_, id)| *id).collect();
        of_next_hops.sort_unstable();
        for id in of_next_hops.into_iter().map(|id| id as usize) {
            let Some(set) = &self.sets[id] else { continue };
            let list = match (set.list, resolver.resolve(&set.via)) {
                // Its routes may be another set's: it gets a list of its own.
                (Some(list), Some(paths)) if !set.known && fib.table().paths(list) != Some(&paths) => {
                    fib.release(list);
                    let via = set.via.clone();
                    self.acquire(&via, paths, fib)
                }
                (Some(list), Some(paths)) => {
                    fib.change(list, paths);
                    continue;
                }
                (None, None) => continue,
                (None, Some(paths)) => {
                    let via = set.via.clone();
                    self.acquire(&via, paths, fib)
                }
                (Some(list), None) => {
                    flips.release.push(list);
                    None
                }
            };
            flips.sets.push(id as SetId);
            if let Some(set) = &mut self.sets[id] {
                set.list = list;
            }
        }
        flips
    }

    fn acquire(&mut self, via: &Via, paths: PathList, fib: &mut FibMaster) -> Option<PathListId> {
        let list = acquire(via, paths, fib);
        self.refused += u64::from(list.is_none());
        list
    }
}

/// A path list for a set; `None` where no number is free. What does not depend on next hops never changes, and is the same
/// in all tables.
fn acquire(via: &Via, paths: PathList, fib: &mut FibMaster) -> Option<PathListId> {
    match via {
        Via::NextHops(_) => fib.acquire(paths).ok(),
        Via::Receive | Via::Network(_) => fib.share(paths).ok(),
    }
}

/// What a new resolution turned over.
#[derive(Debug, Default)]
pub(super) struct Flips {
    /// Sets that became usable or unusable, in order.
    pub(super) sets: Vec<SetId>,
    /// Their path lists, to be released once no route uses them.
    pub(super) release: Vec<PathListId>,
}
