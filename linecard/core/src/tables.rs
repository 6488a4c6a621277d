//! Everything that the data plane reads, and the one writer that changes it.

mod ports;
mod writer;

pub use ports::{Port, Ports};
pub use writer::TablesWriter;

use crate::{
    lpm::{SmallV4, SmallV6, Trie, V4, V6},
    paths::PathTable,
};
use arc_swap::{ArcSwap, Guard};
use bytemuck::allocation::zeroed_slice_box;
use fabric_proto::{
    fib::{Family, PathListId, Prefix},
    id::{CircuitId, Label, LcSlot, TableId},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// A line card's forwarding state. Packets read it without locks while [`TablesWriter`] changes it.
///
/// Routes, labels and circuits change in place. Path lists, ports, and which VRFs there are, are immutable snapshots
/// that are swapped whole.
#[derive(Debug)]
pub struct Tables {
    slot: LcSlot,
    v4: Arc<Trie<V4>>,
    v6: Arc<Trie<V6>>,
    vrfs: ArcSwap<Vrfs>,
    labels: Labels,
    circuits: Arc<Trie<SmallV4>>,
    paths: ArcSwap<PathTable>,
    ports: ArcSwap<Ports>,
}

/// The tables of VRFs that have routes.
type Vrfs = BTreeMap<TableId, Arc<Vrf>>;

/// Routes of one VRF.
#[derive(Debug)]
struct Vrf {
    v4: Arc<Trie<SmallV4>>,
    v6: Arc<Trie<SmallV6>>,
}

/// Path lists by label: zeroed pages that the system gives as they are used.
struct Labels(Box<[AtomicU32]>);

impl Tables {
    /// The card's own slot.
    pub fn slot(&self) -> LcSlot {
        self.slot
    }

    /// IPv4 routes of the default table.
    pub fn v4(&self) -> &Trie<V4> {
        &self.v4
    }

    /// IPv6 routes of the default table.
    pub fn v6(&self) -> &Trie<V6> {
        &self.v6
    }

    /// The path list for an address (left-aligned bits) in the default table.
    pub fn lookup(&self, family: Family, address: u128) -> Option<PathListId> {
        match family {
            Family::V4 => self.v4.lookup(address),
            Family::V6 => self.v6.lookup(address),
        }
    }

    /// The same in any table.
    pub fn lookup_in(&self, table: TableId, family: Family, address: u128) -> Option<PathListId> {
        if table == TableId::DEFAULT {
            return self.lookup(family, address);
        }
        let vrfs = self.vrfs.load();
        let vrf = vrfs.get(&table)?;
        match family {
            Family::V4 => vrf.v4.lookup(address),
            Family::V6 => vrf.v6.lookup(address),
        }
    }

    /// [`Tables::lookup_in`] of many addresses at once; `found` is overwritten.
    pub fn lookup_batch(
        &self,
        table: TableId,
        family: Family,
        addresses: &[u128],
        found: &mut Vec<Option<PathListId>>,
    ) {
        match (table, family) {
            (TableId::DEFAULT, Family::V4) => self.v4.lookup_batch(addresses, found),
            (TableId::DEFAULT, Family::V6) => self.v6.lookup_batch(addresses, found),
            (table, family) => match (self.vrfs.load().get(&table), family) {
                (Some(vrf), Family::V4) => vrf.v4.lookup_batch(addresses, found),
                (Some(vrf), Family::V6) => vrf.v6.lookup_batch(addresses, found),
                (None, _) => {
                    found.clear();
                    found.resize(addresses.len(), None);
                }
            },
        }
    }

    /// The path list for packets with a label on top.
    pub fn label(&self, label: Label) -> Option<PathListId> {
        self.labels.get(label)
    }

    /// The path list for what comes in on a circuit.
    pub fn circuit(&self, circuit: CircuitId) -> Option<PathListId> {
        self.circuits.lookup(circuit_bits(circuit))
    }

    /// The longest route of a table for an address (left-aligned bits).
    pub fn longest(&self, table: TableId, family: Family, address: u128) -> Option<(Prefix, PathListId)> {
        let (len, id) = match (table, family) {
            (TableId::DEFAULT, Family::V4) => self.v4.longest(address),
            (TableId::DEFAULT, Family::V6) => self.v6.longest(address),
            (table, family) => {
                let vrfs = self.vrfs.load();
                let vrf = vrfs.get(&table)?;
                match family {
                    Family::V4 => vrf.v4.longest(address),
                    Family::V6 => vrf.v6.longest(address),
                }
            }
        }?;
        Some((Prefix::from_bits(family, address, len), id))
    }

    /// Bytes that the tables of VRFs and circuits take, without pages that were never touched.
    pub fn small_bytes(&self) -> usize {
        let vrf = |vrf: &Arc<Vrf>| vrf.v4.bytes() + vrf.v6.bytes();
        self.circuits.bytes() + self.vrfs.load().values().map(vrf).sum::<usize>()
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

impl Default for Labels {
    fn default() -> Self {
        Self(zeroed_slice_box(Label::MAX as usize + 1))
    }
}

impl Labels {
    fn get(&self, label: Label) -> Option<PathListId> {
        self.0[label.value() as usize].load(Ordering::Acquire).checked_sub(1)
    }

    fn set(&self, label: Label, list: Option<PathListId>) {
        self.0[label.value() as usize].store(list.map_or(0, |list| list + 1), Ordering::Release);
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Labels")
    }
}

/// A circuit's number where an address would stand.
fn circuit_bits(circuit: CircuitId) -> u128 {
    u128::from(circuit.0) << 96
}
