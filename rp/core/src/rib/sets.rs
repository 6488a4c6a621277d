//! Next-hop sets and what they resolve to.

use super::Local;
use crate::fib_feed::FibMaster;
use fabric_proto::{
    fib::{Mac, Path, PathList, PathListId, Prefix},
    id::PortId,
};
use std::{collections::BTreeMap, net::IpAddr};

/// Where routes lead, before next hops are resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// To neighbours, sharing the load; sorted, without repetitions.
    NextHops(Vec<IpAddr>),
    /// To the chassis itself.
    Receive,
    /// Nowhere.
    Null,
    /// To a connected network, where only neighbours that are known can be reached.
    Network(Prefix),
}

impl Via {
    /// To these neighbours.
    pub fn next_hops(mut hops: Vec<IpAddr>) -> Self {
        hops.sort_unstable();
        hops.dedup();
        Self::NextHops(hops)
    }
}

/// What next hops are resolved through: networks of enabled interfaces, and neighbours.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    networks: Vec<(Prefix, PortId, Mac)>,
    own: Vec<IpAddr>,
    neighbors: BTreeMap<IpAddr, Mac>,
}

impl Resolver {
    pub(super) fn new(local: &Local) -> Self {
        let mut resolver = Self { neighbors: local.neighbors.clone(), ..Self::default() };
        for (port, interface) in local.interfaces.iter().filter(|(_, interface)| interface.enabled) {
            for (address, len) in &interface.addresses {
                resolver.own.push(*address);
                if let Ok(network) = Prefix::covering(*address, *len) {
                    resolver.networks.push((network, *port, interface.mac));
                }
            }
        }
        // The longest network first; of equals, the lowest port.
        resolver.networks.sort_by_key(|(network, port, _)| (u8::MAX - network.len(), *port));
        resolver
    }

    /// The path to a neighbour; `None` when no enabled interface leads to it.
    pub(super) fn path_to(&self, next_hop: IpAddr) -> Option<Path> {
        let (_, port, src_mac) = self.networks.iter().find(|(network, ..)| network.contains(next_hop))?;
        if self.own.contains(&next_hop) {
            return None;
        }
        Some(match self.neighbors.get(&next_hop) {
            Some(dst_mac) => Path::Port { port: *port, next_hop, dst_mac: *dst_mac, src_mac: *src_mac },
            None => Path::Unresolved { next_hop },
        })
    }

    /// `None` when routes with this set cannot be used.
    fn resolve(&self, via: &Via) -> Option<PathList> {
        let paths: Vec<Path> = match via {
            Via::NextHops(hops) => hops.iter().filter_map(|hop| self.path_to(*hop)).collect(),
            Via::Receive => vec![Path::Receive],
            Via::Null => vec![Path::Discard],
            Via::Network(network) => vec![Path::Unresolved { next_hop: network.address() }],
        };
        (!paths.is_empty()).then(|| PathList::new(paths))
    }
}

/// Number of a next-hop set inside the RIB.
pub(super) type SetId = u32;

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
        let list = resolver.resolve(&via).and_then(|paths| self.acquire(paths, fib));
        let id = self.free.pop().unwrap_or(self.sets.len() as SetId);
        if id as usize == self.sets.len() {
            self.sets.push(None);
        }
        self.by_via.insert(via.clone(), id);
        self.sets[id as usize] = Some(Set { via, holders: 1, list });
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

    pub(super) fn via(&self, id: SetId) -> Option<&Via> {
        self.sets[id as usize].as_ref().map(|set| &set.via)
    }

    /// Resolves every set anew. Changes path lists in place; tells which sets became usable or unusable, whose
    /// routes are to be selected anew, and which path lists are to be released after that.
    pub(super) fn resolve(&mut self, resolver: &Resolver, fib: &mut FibMaster) -> Flips {
        let mut flips = Flips::default();
        for id in 0..self.sets.len() {
            let Some(set) = &self.sets[id] else { continue };
            let list = match (set.list, resolver.resolve(&set.via)) {
                (Some(list), Some(paths)) => {
                    fib.change(list, paths);
                    continue;
                }
                (None, None) => continue,
                (None, Some(paths)) => self.acquire(paths, fib),
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

    fn acquire(&mut self, paths: PathList, fib: &mut FibMaster) -> Option<PathListId> {
        let list = fib.acquire(paths).ok();
        self.refused += u64::from(list.is_none());
        list
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
