//! Path lists as the data plane reads them: compact, immutable, shared.
//!
//! A change copies one small chunk and the spine, whatever the number of routes: the cost of a
//! next-hop change does not depend on how many prefixes use it.

use crate::encap::{Encap, Long, Short};
use fabric_proto::{
    fib::{Path, PathList, PathListId},
    flow,
    id::{PortId, TableId},
};
use std::sync::Arc;

/// One path, ready for a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Put a rewrite before it and send it out of a port.
    Port {
        /// Egress line card.
        slot: u8,
        /// Port on it.
        port: u8,
        /// The rewrite.
        encap: Short,
    },
    /// The same with a rewrite that has no place here.
    PortLong {
        /// Egress line card.
        slot: u8,
        /// Port on it.
        port: u8,
        /// The rewrite.
        encap: Arc<Long>,
    },
    /// No rewrite is known.
    Unresolved,
    /// For the chassis itself.
    Receive,
    /// Null0.
    Discard,
    /// Look up in another table.
    Lookup {
        /// The table.
        table: TableId,
    },
}

// Two of them are a line of the cache.
const _: () = assert!(size_of::<Hops>() == 32);

impl From<&Path> for Hop {
    fn from(path: &Path) -> Self {
        match path {
            Path::Port { port: PortId { slot, port }, rewrite, .. } => match Encap::from(&**rewrite) {
                Encap::Short(encap) => Self::Port { slot: slot.0, port: *port, encap },
                Encap::Long(encap) => Self::PortLong { slot: slot.0, port: *port, encap },
            },
            Path::Unresolved { .. } => Self::Unresolved,
            Path::Receive => Self::Receive,
            Path::Discard => Self::Discard,
            Path::Lookup { table } => Self::Lookup { table: *table },
        }
    }
}

/// Path lists a chunk: copied as a whole when one of them changes.
const CHUNK: usize = 64;

type Chunk = Arc<[Hops; CHUNK]>;

/// The paths of one list. Nearly all lists have one path, which is read without another step to memory.
#[derive(Clone, Debug)]
enum Hops {
    One(Hop),
    /// None, or several.
    Others(Arc<[Hop]>),
    Unknown,
}

/// All path lists by number.
#[derive(Clone, Debug, Default)]
pub struct PathTable {
    chunks: Vec<Option<Chunk>>,
    reused: u64,
}

impl PathTable {
    /// The paths of a list; none when the list is empty or unknown.
    #[inline]
    pub fn hops(&self, id: PathListId) -> &[Hop] {
        let id = id as usize;
        match self.chunks.get(id / CHUNK) {
            Some(Some(chunk)) => match &chunk[id % CHUNK] {
                Hops::One(hop) => std::slice::from_ref(hop),
                Hops::Others(hops) => hops,
                Hops::Unknown => &[],
            },
            Some(None) | None => &[],
        }
    }

    /// The path that a flow with this hash takes: the same one for every packet of it, spread evenly over flows.
    #[inline]
    pub fn choose(&self, id: PathListId, hash: u32) -> Option<&Hop> {
        let hops = self.hops(id);
        hops.get(flow::choose(hash, hops.len()))
    }

    /// How often an index had been given to another list.
    pub(crate) fn reused(&self) -> u64 {
        self.reused
    }

    pub(crate) fn set_reused(&mut self, reused: u64) {
        self.reused = reused;
    }

    /// Sets a list.
    pub(crate) fn set(&mut self, id: PathListId, paths: &PathList) {
        let at = id as usize / CHUNK;
        if self.chunks.len() <= at {
            self.chunks.resize(at + 1, None);
        }
        let chunk = self.chunks[at].get_or_insert_with(|| Arc::new([const { Hops::Unknown }; CHUNK]));
        Arc::make_mut(chunk)[id as usize % CHUNK] = match paths.paths() {
            [path] => Hops::One(Hop::from(path)),
            paths => Hops::Others(paths.iter().map(Hop::from).collect()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_proto::id::{LcSlot, PortId};

    fn path(port: u8) -> Path {
        Path::ethernet(PortId { slot: LcSlot(1), port }, [10, 0, 0, port].into(), [port; 6], [9; 6])
    }

    #[test]
    fn flows_spread_over_equal_paths_and_stay_where_they_are() {
        let mut table = PathTable::default();
        table.set(70, &PathList::new(vec![path(1), path(2), path(3)]));
        let mut seen = [0u32; 4];
        for flow in (0..3000u32).map(|n| n.wrapping_mul(0x9e37_79b9)) {
            let Some(Hop::Port { port, .. }) = table.choose(70, flow) else { panic!("no path") };
            assert_eq!(table.choose(70, flow), table.choose(70, flow));
            seen[usize::from(*port)] += 1;
        }
        assert!(seen[1..].iter().all(|count| (900..1100).contains(count)), "{seen:?}");
    }

    #[test]
    fn unknown_lists_have_no_path_and_old_snapshots_keep_theirs() {
        let mut table = PathTable::default();
        table.set(5, &PathList::new(vec![path(1)]));
        let before = table.clone();
        table.set(5, &PathList::new(vec![Path::Discard]));
        assert_eq!(table.choose(5, 0), Some(&Hop::Discard));
        assert!(matches!(before.choose(5, u32::MAX), Some(Hop::Port { port: 1, .. })));
        for unknown in [0, 6, 64, 1 << 22] {
            assert_eq!(table.choose(unknown, 7), None);
        }
    }
}
