//! A line card that does what `fabric_proto::linecard` demands, and changes to offer.

use crate::fib_feed::{FibMaster, Level};
use fabric_proto::{
    fib::{Birth, Family, FibKey, FibTable, ListUpdate, Path, PathList, PathListId, Prefix, Rewrite, bucket_of},
    id::{CircuitId, Epoch, LcSlot, PortId, TableId},
    linecard::{Adoption, FibPart, FromLc, ToLc},
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

/// Keys of every kind; the same prefixes in several tables.
pub(super) fn key(n: u32) -> FibKey {
    let prefix = Prefix::from_bits(Family::V4, u128::from((n / 5) << 8) << 96, 24);
    match n % 5 {
        0 => prefix.into(),
        1 => FibKey::Ip(TableId(1), prefix),
        2 => FibKey::Ip(TableId(2), prefix),
        3 => FibKey::Label(n.try_into().expect("a small number")),
        _ => FibKey::Circuit(CircuitId(n)),
    }
}

/// What a path list holds: paths of which release 1.0 knows all, some, or none.
pub(super) fn content(n: u32) -> PathList {
    let next_hop = IpAddr::from(n.to_be_bytes());
    let port = PortId { slot: LcSlot(1), port: 1 };
    let tagged = Path::Port { port, next_hop, rewrite: Arc::new(Rewrite::tagged([2; 6], [4; 6], 100)) };
    PathList::new(match n % 4 {
        2 => vec![tagged],
        3 => vec![tagged, Path::Unresolved { next_hop }],
        _ => vec![Path::Unresolved { next_hop }],
    })
}

/// What a card, or a standby, of a level is to hold of a table: made anew, entry by entry.
pub(crate) fn given(table: &FibTable, level: Level) -> FibTable {
    let mut given = FibTable::default();
    for list in table.lists_from(0) {
        let paths = if level == Level::Base { list.paths.for_release_1() } else { list.paths };
        given.set_paths(ListUpdate { paths, ..list });
    }
    for (key, id) in table.routes().filter(|(key, _)| level == Level::Full || key.plain().is_some()) {
        given.set(key, Some(id));
    }
    given
}

/// What a table means: the only thing that counts.
pub(super) fn meaning(table: &FibTable) -> BTreeMap<FibKey, PathList> {
    table.routes().map(|(key, id)| (key, table.paths(id).expect("a list for every route").clone())).collect()
}

/// Equal in meaning, and both digests are what a table made from nothing has.
pub(crate) fn assert_equal(ours: &FibTable, theirs: &FibTable) {
    assert_eq!(meaning(ours), meaning(theirs));
    let mut anew = FibTable::default();
    ours.lists_from(0).for_each(|list| anew.set_paths(list));
    ours.routes().for_each(|(key, id)| {
        anew.set(key, Some(id));
    });
    assert_eq!(ours.root_digest(), anew.root_digest());
    assert_eq!(theirs.root_digest(), anew.root_digest());
}

/// A change to the active's table.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set(u32, usize),
    Withdraw(u32),
    Content(usize, u32),
    Release(usize),
    Flush,
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (0..60u32, 0..5usize).prop_map(|(n, list)| Change::Set(n, list)),
        4 => (0..60u32).prop_map(Change::Withdraw),
        2 => (0..5usize, 0..8u32).prop_map(|(list, n)| Change::Content(list, n)),
        1 => (0..5usize).prop_map(Change::Release),
        2 => Just(Change::Flush),
    ]
}

/// Owner of the active's path lists, as the RIB is.
#[derive(Debug, Default)]
pub(crate) struct Owner {
    lists: [Option<PathListId>; 5],
}

impl Owner {
    pub(crate) fn apply(&mut self, change: &Change, fib: &mut FibMaster) {
        match change {
            Change::Set(n, list) => {
                let id =
                    *self.lists[*list].get_or_insert_with(|| fib.acquire(content(*list as u32)).expect("few lists"));
                fib.set(key(*n), id);
            }
            Change::Withdraw(n) => fib.withdraw(key(*n)),
            Change::Content(list, n) => {
                if let Some(id) = self.lists[*list] {
                    fib.change(id, content(*n));
                }
            }
            Change::Release(list) => {
                if let Some(id) = self.lists[*list].take() {
                    fib.release(id);
                }
            }
            Change::Flush => fib.flush(),
        }
    }
}

/// A line card: a list has a number of the card's own, which is never another list's.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelCard {
    pub(super) table: FibTable,
    highest: Epoch,
    /// Numbers that the active has named since it adopted the card.
    named: BTreeMap<PathListId, PathListId>,
    births: Vec<Birth>,
}

/// Everything that actives' tables ever held: which list a route went by, and what a list held.
#[derive(Debug, Default)]
pub(super) struct Held {
    routes: BTreeSet<(FibKey, Birth)>,
    lists: BTreeSet<(Birth, PathList)>,
}

impl Held {
    pub(super) fn note(&mut self, table: &FibTable) {
        self.routes.extend(table.routes().map(|(key, id)| (key, table.birth(id).expect("a list for every route"))));
        self.lists.extend(table.lists_from(0).map(|list| (list.birth, list.paths)));
    }

    /// No route of the card mixes two tables: an active had it by this list, and an active's list held this.
    pub(super) fn check(&self, card: &ModelCard) {
        for (key, id) in card.table.routes() {
            let birth = card.table.birth(id).expect("a list for every route");
            let paths = card.table.paths(id).expect("a list for every route").clone();
            assert!(self.routes.contains(&(key, birth)), "{key} by {birth:?}");
            assert!(self.lists.contains(&(birth, paths)), "{birth:?}");
        }
    }
}

impl ModelCard {
    pub(super) fn hear(&mut self, message: ToLc) -> Vec<FromLc> {
        match message {
            ToLc::Adopt { epoch, .. } if epoch < self.highest => vec![FromLc::Refused { highest: self.highest }],
            ToLc::Adopt { epoch, how, .. } => {
                self.highest = epoch;
                self.named.clear();
                if how == Adoption::Flush {
                    self.table = FibTable::default();
                }
                let routes = Family::ALL.map(|family| self.table.len(family) as u64);
                vec![FromLc::Adopted { epoch, boot: 1, position: None, root: self.table.root_digest(), routes }]
            }
            ToLc::Fib(update) => {
                let mut routes = update.batch.routes().map(|op| op.expect("whole")).collect::<Vec<_>>();
                for list in update.batch.paths {
                    let known = self.births.iter().position(|birth| *birth == list.birth);
                    let own = known.unwrap_or_else(|| {
                        self.births.push(list.birth);
                        self.births.len() - 1
                    }) as PathListId;
                    self.named.insert(list.id, own);
                    self.table.set_paths(ListUpdate { id: own, ..list });
                }
                if let FibPart::Bucket(index) = update.kind {
                    let stay: Vec<FibKey> = routes.iter().map(|(key, _)| *key).collect();
                    assert!(stay.iter().all(|key| bucket_of(*key) == usize::from(index)));
                    let held = self.table.bucket(usize::from(index)).routes();
                    routes.extend(
                        held.filter(|(key, _)| !stay.contains(key)).map(|(key, _)| (key, None)).collect::<Vec<_>>(),
                    );
                }
                for (key, id) in routes {
                    let own = id.map(|id| self.named.get(&id).copied());
                    if own != Some(None) {
                        self.table.set(key, own.flatten());
                    } else {
                        assert!(matches!(update.kind, FibPart::Log(_)), "{key} before its list {id:?}");
                    }
                }
                for id in update.batch.forget {
                    self.named.remove(&id);
                }
                vec![FromLc::Ack { number: update.number }]
            }
            ToLc::WantDigests => vec![FromLc::Digests(self.table.digests())],
            ToLc::Converged { position, root } if root == self.table.root_digest() => vec![FromLc::InSync { position }],
            ToLc::Converged { .. } => vec![FromLc::Digests(self.table.digests())],
            ToLc::Reset { reason } => panic!("reset: {reason}"),
            ToLc::Ports(_) | ToLc::Interfaces { .. } | ToLc::Changed { .. } | ToLc::EndOfTable(_) => vec![],
        }
    }
}
