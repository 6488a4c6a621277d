//! Tables of the configuration that know what their text comes to: however many entries there are, one more costs one entry.

use fabric_proto::random::mix;
use std::{collections::BTreeMap, fmt, ops::Deref};

/// What a text comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Equal for equal texts, and hardly ever for others.
    pub digest: u64,
    /// Its length.
    pub bytes: usize,
}

impl Tally {
    /// Of what `write` writes.
    pub(super) fn of(write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> Self {
        let mut meter = Meter::default();
        // A meter takes everything.
        let _ = write(&mut meter);
        Self { digest: if meter.bytes == 0 { 0 } else { mix(meter.hash) }, bytes: meter.bytes }
    }

    /// Of two texts in any order: sums can be undone.
    pub(super) fn and(self, other: Self) -> Self {
        Self { digest: self.digest.wrapping_add(other.digest), bytes: self.bytes + other.bytes }
    }

    fn without(self, other: Self) -> Self {
        Self { digest: self.digest.wrapping_sub(other.digest), bytes: self.bytes - other.bytes }
    }
}

/// Counts and hashes what is written to it (FNV-1a, 64 bits: the same in every release).
struct Meter {
    hash: u64,
    bytes: usize,
}

impl Default for Meter {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, bytes: 0 }
    }
}

impl fmt::Write for Meter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes += text.len();
        self.hash = text.bytes().fold(self.hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Ok(())
    }
}

/// An entry of a table, as the configuration writes it.
pub trait Entry<K> {
    /// Writes its lines, each ended.
    fn write(&self, key: &K, f: &mut dyn fmt::Write) -> fmt::Result;
}

/// A table of the configuration. To be read, it is a map.
#[derive(Clone, Debug)]
pub struct Entries<K, V> {
    map: BTreeMap<K, V>,
    tally: Tally,
}

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), tally: Tally::default() }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Entries<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.tally == other.tally && self.map == other.map
    }
}

impl<K: Eq, V: Eq> Eq for Entries<K, V> {}

impl<K, V> Deref for Entries<K, V> {
    type Target = BTreeMap<K, V>;
    fn deref(&self) -> &BTreeMap<K, V> {
        &self.map
    }
}

impl<K: Ord, V: Entry<K>> Entries<K, V> {
    /// Puts an entry in place of what was there, or takes it away. Returns what was there.
    pub fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        let tally = |key: &K, value: &V| Tally::of(|f| value.write(key, f));
        if let Some(old) = self.map.get(&key) {
            self.tally = self.tally.without(tally(&key, old));
        }
        match value {
            Some(value) => {
                self.tally = self.tally.and(tally(&key, &value));
                self.map.insert(key, value)
            }
            None => self.map.remove(&key),
        }
    }

    /// What the text of all entries comes to.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Writes all of them, in order.
    pub(super) fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        self.map.iter().try_for_each(|(key, value)| value.write(key, f))
    }
}

impl<K: Ord, V: Entry<K>> FromIterator<(K, V)> for Entries<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut all = Self::default();
        for (key, value) in entries {
            all.set(key, Some(value));
        }
        all
    }
}
