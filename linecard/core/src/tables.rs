//! Everything that the data plane reads, and the one writer that changes it.

use crate::{
    lpm::{Trie, TrieFull, TrieWriter, V4, V6, near},
    paths::PathTable,
};
use arc_swap::{ArcSwap, Guard};
use fabric_proto::{
    fib::{Family, ListUpdate, Mac, PathListId, Prefix},
    id::LcSlot,
    linecard::PortConfig,
};
use std::sync::Arc;

/// A line card's forwarding state. Packets read it without locks while [`TablesWriter`] changes it.
///
/// Routes change in place. Path lists and ports are immutable snapshots that are swapped whole.
#[derive(Debug)]
pub struct Tables {
    slot: LcSlot,
    v4: Arc<Trie<V4>>,
    v6: Arc<Trie<V6>>,
    paths: ArcSwap<PathTable>,
    ports: ArcSwap<Ports>,
}

impl Tables {
    /// The card's own slot.
    pub fn slot(&self) -> LcSlot {
        self.slot
    }

    /// IPv4 routes.
    pub fn v4(&self) -> &Trie<V4> {
        &self.v4
    }

    /// IPv6 routes.
    pub fn v6(&self) -> &Trie<V6> {
        &self.v6
    }

    /// The path list for an address (left-aligned bits).
    pub fn lookup(&self, family: Family, address: u128) -> Option<PathListId> {
        match family {
            Family::V4 => self.v4.lookup(address),
            Family::V6 => self.v6.lookup(address),
        }
    }

    /// The longest route for an address (left-aligned bits).
    pub fn longest(&self, family: Family, address: u128) -> Option<(Prefix, PathListId)> {
        let (len, id) = match family {
            Family::V4 => self.v4.longest(address),
            Family::V6 => self.v6.longest(address),
        }?;
        Some((Prefix::from_bits(family, address, len), id))
    }

    /// Path lists as they are now. What was looked up before is to be read in them through [`Tables::resolve`].
    pub fn paths(&self) -> Guard<Arc<PathTable>> {
        self.paths.load()
    }

    /// Looks up routes, and the path lists to read them in.
    ///
    /// The writer publishes a path list before the first route that uses it, so path lists are taken after the
    /// look-ups. It takes away the last route of a list before it gives its index to another one; where it did that
    /// meanwhile, an index may mean the wrong list, and the look-ups are done again.
    pub fn resolve<R>(&self, mut look_up: impl FnMut() -> R) -> (R, Guard<Arc<PathTable>>) {
        loop {
            let before = self.paths.load().reused();
            let routes = look_up();
            let paths = self.paths.load();
            if paths.reused() == before {
                return (routes, paths);
            }
        }
    }

    /// Ports as they are configured now.
    pub fn ports(&self) -> Guard<Arc<Ports>> {
        self.ports.load()
    }
}

/// A port as packets see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its own address.
    pub mac: Mac,
    /// Whether it is not shut down.
    pub enabled: bool,
    /// Longest IP packet.
    pub mtu: u16,
}

/// The card's ports by number.
#[derive(Clone, Debug, Default)]
pub struct Ports(Vec<Option<Port>>);

impl Ports {
    /// Ports as configured; those not named do not exist for packets.
    pub fn new(configs: &[PortConfig]) -> Self {
        let mut ports = Vec::new();
        for config in configs {
            let at = usize::from(config.port);
            if ports.len() <= at {
                ports.resize(at + 1, None);
            }
            ports[at] = Some(Port { mac: config.mac, enabled: config.enabled, mtu: config.mtu });
        }
        Self(ports)
    }

    /// A port, if it is configured.
    pub fn port(&self, number: u8) -> Option<&Port> {
        self.0.get(usize::from(number))?.as_ref()
    }
}

/// The single writer of [`Tables`].
#[derive(Debug)]
pub struct TablesWriter {
    tables: Arc<Tables>,
    v4: TrieWriter<V4>,
    v6: TrieWriter<V6>,
}

impl TablesWriter {
    /// A writer of new, empty tables of the card in `slot`: no route, every port shut down.
    pub fn new(slot: LcSlot) -> Self {
        let (v4, v6) = (TrieWriter::default(), TrieWriter::default());
        let tables = Tables {
            slot,
            v4: Arc::clone(v4.trie()),
            v6: Arc::clone(v6.trie()),
            paths: ArcSwap::default(),
            ports: ArcSwap::default(),
        };
        Self { tables: Arc::new(tables), v4, v6 }
    }

    /// The tables, for readers.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Starts over with empty tables. Readers keep the old ones, whole, until they are given the
    /// new ones; ports stay as they are.
    pub fn flush(&mut self) -> &Arc<Tables> {
        let new = Self::new(self.tables.slot);
        new.tables.ports.store(self.tables.ports.load_full());
        *self = new;
        &self.tables
    }

    /// Replaces the port configuration.
    pub fn set_ports(&mut self, configs: &[PortConfig]) {
        self.tables.ports.store(Arc::new(Ports::new(configs)));
    }

    /// Sets path lists, all of them in one step. `reused` counts how often an index has been given to another list,
    /// these included.
    ///
    /// There is no way to forget one: a packet that found its route a moment ago may still need it.
    pub fn set_paths(&mut self, lists: &[ListUpdate], reused: u64) {
        if lists.is_empty() {
            return;
        }
        let mut paths = PathTable::clone(&self.tables.paths.load());
        paths.set_reused(reused);
        for list in lists {
            paths.set(list.id, &list.paths);
        }
        self.tables.paths.store(Arc::new(paths));
    }

    /// Sets a route.
    pub fn set(&mut self, prefix: Prefix, id: PathListId) -> Result<(), TrieFull> {
        match prefix.family() {
            Family::V4 => self.v4.set(prefix.bits(), prefix.len(), id),
            Family::V6 => self.v6.set(prefix.bits(), prefix.len(), id),
        }
    }

    /// Sets routes in their order. Those of one group of the trie that follow each other, as they do in a download,
    /// cost little more than one.
    pub fn set_all(&mut self, routes: &[(Prefix, PathListId)]) -> Result<(), TrieFull> {
        for routes in routes.chunk_by(|one, other| near(one.0, other.0)) {
            let plain = routes.iter().map(|(prefix, id)| (prefix.bits(), prefix.len(), *id));
            match routes[0].0.family() {
                Family::V4 => self.v4.set_near(plain)?,
                Family::V6 => self.v6.set_near(plain)?,
            }
        }
        Ok(())
    }

    /// Withdraws a route; `cover` is the longest remaining route that covers it.
    pub fn clear(&mut self, prefix: Prefix, cover: Option<(Prefix, PathListId)>) -> Result<(), TrieFull> {
        let cover = cover.map(|(prefix, id)| (prefix.len(), id));
        match prefix.family() {
            Family::V4 => self.v4.clear(prefix.bits(), prefix.len(), cover),
            Family::V6 => self.v6.clear(prefix.bits(), prefix.len(), cover),
        }
    }
}
