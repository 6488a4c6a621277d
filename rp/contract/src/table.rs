//! A client's state that is a table of small rows: all that there is to checkpointing it.

use crate::{Ask, Checkpointed, Chunk, Effect, Lost, Member, Rows, Unapplied};
use bytes::Bytes;
use fabric_proto::sabotage::{self, Sabotage};
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    marker::PhantomData,
};

/// About how many bytes a change has at most.
const CHANGE: usize = 64 << 10;

/// How rows travel.
pub trait Coding {
    /// What a row is known by.
    type Key: Copy + Ord + fmt::Debug + Send;
    /// A row.
    type Row: PartialEq + fmt::Debug + Send;

    /// Whose they are.
    const MEMBER: Member;

    /// Up to this version all rows are given whenever one changes; from the next one on, those that have changed.
    const WHOLE: u8 = 0;

    /// Bytes of a row.
    fn size(version: u8) -> usize;

    /// Appends a row; `None` for one that is gone, which is never asked of a version up to [`Coding::WHOLE`].
    fn write(key: Self::Key, row: Option<&Self::Row>, version: u8, out: &mut Vec<u8>);

    /// Reads one; `None` when these bytes are none.
    fn read(bytes: &[u8], version: u8) -> Option<(Self::Key, Option<Self::Row>)>;
}

/// Rows that are checkpointed.
pub struct Table<C: Coding> {
    rows: Rows<C::Key, C::Row>,
    coding: PhantomData<fn() -> C>,
}

impl<C: Coding> Default for Table<C> {
    fn default() -> Self {
        Self { rows: Rows::default(), coding: PhantomData }
    }
}

impl<C: Coding> fmt::Debug for Table<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.fmt(f)
    }
}

impl<C: Coding> Table<C> {
    /// The row of a key.
    pub fn get(&self, key: C::Key) -> Option<&C::Row> {
        self.rows.get(key)
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = (C::Key, &C::Row)> {
        self.rows.iter()
    }

    /// Sets a row, or removes it. Says whether that changes anything.
    pub fn set(&mut self, key: C::Key, row: Option<C::Row>) -> bool {
        self.rows.set(key, row)
    }

    /// No rows.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    fn whole(&self, version: u8) -> Bytes {
        encode::<C>(self.rows.iter().map(|(key, row)| (key, Some(row))), version)
    }
}

fn encode<'a, C: Coding>(rows: impl Iterator<Item = (C::Key, Option<&'a C::Row>)>, version: u8) -> Bytes
where
    C::Row: 'a,
{
    let mut data = Vec::new();
    rows.for_each(|(key, row)| C::write(key, row, version, &mut data));
    Bytes::from(data)
}

impl<C: Coding> Checkpointed for Table<C> {
    fn member(&self) -> Member {
        C::MEMBER
    }

    fn chunk(&mut self, ask: &Ask) -> Chunk {
        if ask.version <= C::WHOLE {
            self.rows.bulk(true, 1);
            return Chunk { data: self.whole(ask.version), more: false };
        }
        let (rows, more) = self.rows.bulk(ask.first, ask.room / C::size(ask.version));
        Chunk { data: encode::<C>(rows.into_iter().map(|(key, row)| (key, Some(row))), ask.version), more }
    }

    fn change(&mut self, version: u8) -> Result<Option<Bytes>, Lost> {
        let whole = version <= C::WHOLE;
        let rows = self.rows.changed(if whole { usize::MAX } else { CHANGE / C::size(version) });
        if rows.is_empty() || sabotage::is(Sabotage::ForgetRows) {
            return Ok(None);
        }
        Ok(Some(if whole { self.whole(version) } else { encode::<C>(rows.into_iter(), version) }))
    }

    fn stop(&mut self) {
        self.rows.stop();
    }

    fn begin(&mut self) {
        self.rows.clear();
    }

    fn apply(&mut self, record: &[u8], _more: bool, version: u8, _out: &mut Vec<Effect>) -> Result<(), Unapplied> {
        let size = C::size(version);
        let rows = record.chunks(size).map(|row| C::read(row, version).filter(|_| row.len() == size));
        let rows: Option<Vec<_>> = rows.collect();
        let rows = rows.ok_or_else(|| Unapplied(format!("no row of {size} bytes, version {version}")))?;
        if version <= C::WHOLE {
            self.rows.clear();
        }
        for (key, row) in rows {
            self.rows.set(key, row);
        }
        Ok(())
    }

    fn digest(&self, version: u8) -> u64 {
        // What is given is what a standby goes by.
        let mut hasher = DefaultHasher::new();
        self.whole(version).hash(&mut hasher);
        hasher.finish()
    }
}
