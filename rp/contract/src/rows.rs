//! A table of rows that knows what a standby has not been given.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// Rows by key, each small. [`Rows::bulk`] gives all of them, a few at a time; [`Rows::changed`] gives those that are
/// others now. What changes ten times before it is given goes once: the memory for it is bounded by the rows.
#[derive(Clone, Debug)]
pub struct Rows<K, V> {
    rows: BTreeMap<K, V>,
    /// Keys whose rows a standby does not have as they are; `None` while nobody is given any.
    changed: Option<BTreeSet<K>>,
    /// The last key given in bulk.
    given: Option<K>,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), changed: None, given: None }
    }
}

impl<K: Copy + Ord, V: PartialEq> Rows<K, V> {
    /// The row of a key.
    pub fn get(&self, key: K) -> Option<&V> {
        self.rows.get(&key)
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.rows.iter().map(|(key, row)| (*key, row))
    }

    /// Sets a row, or removes it. Says whether that changes anything.
    pub fn set(&mut self, key: K, row: Option<V>) -> bool {
        if self.rows.get(&key) == row.as_ref() {
            return false;
        }
        match row {
            Some(row) => self.rows.insert(key, row),
            None => self.rows.remove(&key),
        };
        if let Some(changed) = &mut self.changed {
            changed.insert(key);
        }
        true
    }

    /// No rows.
    pub fn clear(&mut self) {
        if let Some(changed) = &mut self.changed {
            changed.extend(self.rows.keys());
        }
        self.rows.clear();
    }

    /// The next rows in bulk, at most `most` and at least one if there are any, and whether more follow. The `first` ones
    /// begin anew.
    pub fn bulk(&mut self, first: bool, most: usize) -> (Vec<(K, &V)>, bool) {
        if first {
            self.changed = Some(BTreeSet::new());
            self.given = None;
        }
        let from = self.given.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.rows.range((from, Bound::Unbounded));
        let rows: Vec<(K, &V)> = rest.by_ref().take(most.max(1)).map(|(key, row)| (*key, row)).collect();
        if let Some((last, _)) = rows.last() {
            self.given = Some(*last);
        }
        (rows, rest.next().is_some())
    }

    /// Rows that have changed, at most `most`: `None` for one that is gone.
    pub fn changed(&mut self, most: usize) -> Vec<(K, Option<&V>)> {
        let Some(changed) = &mut self.changed else { return Vec::new() };
        let keys: Vec<K> = std::iter::from_fn(|| changed.pop_first()).take(most.max(1)).collect();
        keys.into_iter().map(|key| (key, self.rows.get(&key))).collect()
    }

    /// Nobody is given any more.
    pub fn stop(&mut self) {
        self.changed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_given_in_bulk_and_then_what_changes() {
        let mut rows: Rows<u8, char> = Rows::default();
        for (key, row) in (1..=5).zip('a'..) {
            assert!(rows.set(key, Some(row)));
        }
        assert_eq!(rows.changed(9), [], "nobody is given any");
        assert_eq!(rows.bulk(true, 2), (vec![(1, &'a'), (2, &'b')], true));
        // One before the cursor, one behind it, and one that comes between.
        rows.set(1, None);
        rows.set(4, Some('x'));
        assert!(!rows.set(4, Some('x')), "that changes nothing");
        assert_eq!(rows.bulk(false, 2), (vec![(3, &'c'), (4, &'x')], true));
        assert_eq!(rows.bulk(false, 2), (vec![(5, &'e')], false));
        assert_eq!(rows.changed(1), [(1, None)]);
        rows.set(4, Some('y'));
        assert_eq!(rows.changed(9), [(4, Some(&'y'))]);
        assert_eq!(rows.changed(9), []);
        rows.stop();
        rows.clear();
        assert_eq!(rows.bulk(true, 2), (vec![], false));
    }
}
