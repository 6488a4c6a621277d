//! The single writer of a card's tables.

use super::{Labels, Ports, Tables, Vrf, Vrfs, circuit_bits};
use crate::{
    lpm::{SmallV4, SmallV6, TrieFull, TrieWriter, V4, V6, near},
    paths::PathTable,
};
use arc_swap::ArcSwap;
use fabric_proto::{
    fib::{Family, FibKey, ListUpdate, PathListId, Prefix},
    id::{LcSlot, TableId},
    linecard::{InterfaceChange, InterfaceConfig, PortConfig},
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

/// The single writer of [`Tables`].
#[derive(Debug)]
pub struct TablesWriter {
    tables: Arc<Tables>,
    v4: TrieWriter<V4>,
    v6: TrieWriter<V6>,
    vrfs: BTreeMap<TableId, VrfWriter>,
    circuits: TrieWriter<SmallV4>,
}

#[derive(Debug, Default)]
struct VrfWriter {
    v4: TrieWriter<SmallV4>,
    v6: TrieWriter<SmallV6>,
}

impl TablesWriter {
    /// A writer of new, empty tables of the card in `slot`: no route, every port shut down.
    pub fn new(slot: LcSlot) -> Self {
        let (v4, v6, circuits) = (TrieWriter::default(), TrieWriter::default(), TrieWriter::default());
        let tables = Tables {
            slot,
            v4: Arc::clone(v4.trie()),
            v6: Arc::clone(v6.trie()),
            vrfs: ArcSwap::default(),
            labels: Labels::default(),
            circuits: Arc::clone(circuits.trie()),
            paths: ArcSwap::default(),
            ports: ArcSwap::default(),
        };
        Self { tables: Arc::new(tables), v4, v6, vrfs: BTreeMap::new(), circuits }
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

    /// Replaces the configuration of ports and their interfaces, in one step.
    pub fn set_ports(&mut self, ports: &[PortConfig], interfaces: &[InterfaceConfig]) {
        self.tables.ports.store(Arc::new(Ports::new(ports, interfaces)));
    }

    /// Changes some ports and interfaces, in one step; those of a port that goes go with it.
    pub fn change_ports(&mut self, ports: &[PortConfig], gone: &[u8], interfaces: &[InterfaceChange]) {
        let mut changed = Ports::clone(&self.tables.ports.load());
        changed.change(ports, gone, interfaces);
        self.tables.ports.store(Arc::new(changed));
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

    /// Sets an entry.
    pub fn set(&mut self, key: impl Into<FibKey>, id: PathListId) -> Result<(), TrieFull> {
        match key.into() {
            FibKey::Ip(TableId::DEFAULT, prefix) => match prefix.family() {
                Family::V4 => self.v4.set(prefix.bits(), prefix.len(), id),
                Family::V6 => self.v6.set(prefix.bits(), prefix.len(), id),
            },
            FibKey::Ip(table, prefix) => {
                let vrf = self.vrf(table);
                match prefix.family() {
                    Family::V4 => vrf.v4.set(prefix.bits(), prefix.len(), id),
                    Family::V6 => vrf.v6.set(prefix.bits(), prefix.len(), id),
                }
            }
            FibKey::Label(label) => {
                self.tables.labels.set(label, Some(id));
                Ok(())
            }
            FibKey::Circuit(circuit) => self.circuits.set(circuit_bits(circuit), Family::V4.width(), id),
        }
    }

    /// Sets routes of the default table in their order. Those of one group of the trie that follow each other, as they do
    /// in a download, cost little more than one.
    pub fn set_all(&mut self, routes: &[(Prefix, PathListId)]) -> Result<(), TrieFull> {
        for routes in routes.chunk_by(|one, other| near::<V4>(one.0, other.0)) {
            let plain = routes.iter().map(|(prefix, id)| (prefix.bits(), prefix.len(), *id));
            match routes[0].0.family() {
                Family::V4 => self.v4.set_near(plain)?,
                Family::V6 => self.v6.set_near(plain)?,
            }
        }
        Ok(())
    }

    /// Withdraws an entry; `cover` is the longest remaining route of the same table that covers it.
    pub fn clear(&mut self, key: impl Into<FibKey>, cover: Option<(Prefix, PathListId)>) -> Result<(), TrieFull> {
        let cover = cover.map(|(prefix, id)| (prefix.len(), id));
        match key.into() {
            FibKey::Ip(TableId::DEFAULT, prefix) => match prefix.family() {
                Family::V4 => self.v4.clear(prefix.bits(), prefix.len(), cover),
                Family::V6 => self.v6.clear(prefix.bits(), prefix.len(), cover),
            },
            FibKey::Ip(table, prefix) => {
                let Some(vrf) = self.vrfs.get_mut(&table) else { return Ok(()) };
                match prefix.family() {
                    Family::V4 => vrf.v4.clear(prefix.bits(), prefix.len(), cover),
                    Family::V6 => vrf.v6.clear(prefix.bits(), prefix.len(), cover),
                }
            }
            FibKey::Label(label) => {
                self.tables.labels.set(label, None);
                Ok(())
            }
            FibKey::Circuit(circuit) => self.circuits.clear(circuit_bits(circuit), Family::V4.width(), None),
        }
    }

    /// Gives back what a VRF took, whose last route is withdrawn.
    pub fn drop_table(&mut self, table: TableId) {
        if self.vrfs.remove(&table).is_some() {
            self.publish_vrfs();
        }
    }

    fn vrf(&mut self, table: TableId) -> &mut VrfWriter {
        if let Entry::Vacant(vacant) = self.vrfs.entry(table) {
            vacant.insert(VrfWriter::default());
            self.publish_vrfs();
        }
        self.vrfs.entry(table).or_default()
    }

    fn publish_vrfs(&self) {
        let vrf = |(table, writer): (&TableId, &VrfWriter)| {
            (*table, Arc::new(Vrf { v4: Arc::clone(writer.v4.trie()), v6: Arc::clone(writer.v6.trie()) }))
        };
        self.tables.vrfs.store(Arc::new(self.vrfs.iter().map(vrf).collect::<Vrfs>()));
    }
}
