//! Which interface has which network: found without a look at every interface.

use fabric_proto::{
    fib::{Family, Prefix, left_aligned},
    id::InterfaceId,
};
use std::{collections::BTreeMap, net::IpAddr, ops::Bound};

/// The networks of interfaces. Of those in one table none holds another; several interfaces have the same one only in
/// different tables.
#[derive(Clone, Debug)]
pub(super) struct Networks<T> {
    all: BTreeMap<(T, Prefix), InterfaceId>,
    /// How many networks there are of each length, by family.
    lengths: [Box<[u32; 129]>; 2],
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), lengths: [Box::new([0; 129]), Box::new([0; 129])] }
    }
}

impl<T: Ord + Clone> Networks<T> {
    pub(super) fn insert(&mut self, table: T, network: Prefix, interface: InterfaceId) {
        if self.all.insert((table, network), interface).is_none() {
            self.lengths[network.family() as usize][usize::from(network.len())] += 1;
        }
    }

    /// Forgets a network, if it is this interface's.
    pub(super) fn remove(&mut self, table: T, network: Prefix, interface: InterfaceId) {
        let key = (table, network);
        if self.all.get(&key) == Some(&interface) {
            self.all.remove(&key);
            self.lengths[network.family() as usize][usize::from(network.len())] -= 1;
        }
    }

    /// Networks that hold an address, the longest first.
    pub(super) fn holding(&self, table: T, address: IpAddr) -> impl Iterator<Item = (Prefix, InterfaceId)> + '_ {
        let family = Family::of(address);
        let lengths = &self.lengths[family as usize];
        let there = (0..=family.width()).rev().filter(|len| lengths[usize::from(*len)] > 0);
        there.filter_map(move |len| {
            let network = Prefix::from_bits(family, left_aligned(address), len);
            Some((network, *self.all.get(&(table.clone(), network))?))
        })
    }

    /// A network of another interface that overlaps with this one.
    pub(super) fn overlapping(&self, table: T, network: Prefix, but: InterfaceId) -> Option<(Prefix, InterfaceId)> {
        let other = |(_, interface): &(Prefix, InterfaceId)| *interface != but;
        let around = self.holding(table.clone(), network.address()).filter(|(around, _)| around.len() <= network.len());
        if let Some(found) = around.filter(other).max_by_key(|(around, _)| around.len()) {
            return Some(found);
        }
        // Those within it follow it in order. Their own interface may have several.
        let from = (Bound::Included((table.clone(), network)), Bound::Unbounded);
        let within =
            self.all.range(from).take_while(|((of, inner), _)| *of == table && network.contains(inner.address()));
        within.map(|((_, inner), interface)| (*inner, *interface)).find(other)
    }
}
