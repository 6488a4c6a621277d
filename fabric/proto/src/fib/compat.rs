//! Batches in older versions.

use super::{Batch, BatchBuilder, ListUpdate, Path, PathList};
use crate::{compat::v1_0::fib as v1, version::Inexpressible};

/// What release 1.0 is given in place of what it has no words for. Whoever sends decides on it before anything is encoded.
impl Batch {
    /// The same without what is no route of the default table, and with path lists as release 1.0 is given them. What does not
    /// decode is left as it is: damaged.
    pub fn for_release_1(self) -> Self {
        let known = self.paths.iter().all(|list| list.paths.is_in_release_1());
        if known && self.routes().flatten().all(|(key, _)| key.plain().is_some()) {
            return self;
        }
        let Ok(routes) = self.routes().collect::<Result<Vec<_>, _>>() else { return self };
        let mut builder = BatchBuilder::default();
        self.paths.into_iter().for_each(|list| builder.paths(ListUpdate { paths: list.paths.for_release_1(), ..list }));
        routes.into_iter().filter(|(key, _)| key.plain().is_some()).for_each(|route| builder.route(route));
        self.forget.into_iter().for_each(|id| builder.forget(id));
        builder.take()
    }
}

impl PathList {
    /// The paths that release 1.0 has words for. Where there is none of them, packets are dropped: they must not follow a
    /// shorter prefix instead, to where nobody sent them.
    pub fn for_release_1(&self) -> Self {
        let known = |path: &&Path| path.is_in_release_1();
        let kept: Vec<Path> = self.0.iter().filter(known).cloned().collect();
        if !kept.is_empty() || self.0.is_empty() {
            return Self(kept);
        }
        let dropped = |path: &Path| match path {
            Path::Port { next_hop, .. } | Path::Unresolved { next_hop } => Path::Unresolved { next_hop: *next_hop },
            Path::Receive | Path::Discard | Path::Lookup { .. } => Path::Discard,
        };
        Self::new(self.0.iter().map(dropped).collect())
    }
}

/// Version 1 knows routes of the default table, and paths over untagged Ethernet.
impl TryFrom<&Batch> for v1::Batch {
    type Error = Inexpressible;

    fn try_from(batch: &Batch) -> Result<Self, Inexpressible> {
        let Batch { paths, packed, count, forget } = batch;
        // What does not decode is damaged in every version.
        if batch.routes().flatten().any(|(key, _)| key.plain().is_none()) {
            return Err(Inexpressible { version: 1, what: "an entry that is no route of the default table" });
        }
        let list = |list: &ListUpdate| {
            let paths = list.paths.paths().iter().map(v1::Path::try_from).collect::<Result<_, _>>()?;
            Ok(v1::ListUpdate { id: list.id, birth: list.birth, paths })
        };
        let paths = paths.iter().map(list).collect::<Result<_, Inexpressible>>()?;
        Ok(Self { paths, packed: packed.clone(), count: *count, forget: forget.clone() })
    }
}

impl From<v1::Batch> for Batch {
    fn from(batch: v1::Batch) -> Self {
        let v1::Batch { paths, packed, count, forget } = batch;
        // In the order in which they came: digests go by it.
        let list = |v1::ListUpdate { id, birth, paths }| ListUpdate {
            id,
            birth,
            paths: PathList(paths.into_iter().map(Path::from).collect()),
        };
        Self { paths: paths.into_iter().map(list).collect(), packed, count, forget }
    }
}

impl TryFrom<&Path> for v1::Path {
    type Error = Inexpressible;

    fn try_from(path: &Path) -> Result<Self, Inexpressible> {
        let unknown = |what| Inexpressible { version: 1, what };
        Ok(match path {
            Path::Port { port, next_hop, rewrite } => {
                let (dst_mac, src_mac) =
                    rewrite.plain_ethernet().ok_or(unknown("a rewrite other than untagged Ethernet's"))?;
                Self::Port { port: *port, next_hop: *next_hop, dst_mac, src_mac }
            }
            Path::Unresolved { next_hop } => Self::Unresolved { next_hop: *next_hop },
            Path::Receive => Self::Receive,
            Path::Discard => Self::Discard,
            Path::Lookup { .. } => return Err(unknown("a path into another table")),
        })
    }
}

impl From<v1::Path> for Path {
    fn from(path: v1::Path) -> Self {
        match path {
            v1::Path::Port { port, next_hop, dst_mac, src_mac } => Self::ethernet(port, next_hop, dst_mac, src_mac),
            v1::Path::Unresolved { next_hop } => Self::Unresolved { next_hop },
            v1::Path::Receive => Self::Receive,
            v1::Path::Discard => Self::Discard,
        }
    }
}
