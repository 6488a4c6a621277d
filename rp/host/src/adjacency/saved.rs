//! What outlives the active: who is where.

use super::{
    Key, Neighbours,
    entry::{Belief, Entry, State},
    timers::ahead_of,
};
use fabric_proto::{fib::Mac, id::InterfaceId, time::Instant};
use std::net::IpAddr;

/// A neighbour that the forwarding table has. Those that nobody has wanted are met again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saved {
    /// The interface that it is on.
    pub interface: InterfaceId,
    /// Its address.
    pub address: IpAddr,
    /// Its station address.
    pub station: Mac,
    /// Whether it says that it is a router.
    pub router: bool,
}

impl Neighbours {
    /// All that the forwarding table has from here.
    pub(crate) fn save(&self) -> impl Iterator<Item = Saved> + '_ {
        let programmed = self.entries.iter().filter(|(_, entry)| entry.is_programmed());
        programmed.filter_map(|((interface, address), entry)| {
            let (interface, address, router) = (*interface, *address, entry.router);
            Some(Saved { interface, address, station: entry.station()?, router })
        })
    }

    /// Takes one over. Nobody is asked now: ARP entries are asked after some time in the rest of their life each, and entries of
    /// neighbour discovery are stale.
    pub(crate) fn restore(&mut self, now: Instant, saved: Saved) {
        let key: Key = (saved.interface, saved.address);
        let belief = if saved.address.is_ipv4() { Belief::Reachable } else { Belief::Stale };
        let state = State::Known { station: saved.station, belief };
        let entry = Entry { router: saved.router, heard: now, ..Entry::new(state, true) };
        if self.entries.contains_key(&key) || !self.insert(key, entry, &mut Vec::new()) {
            return;
        }
        let settings = self.shelf(key.0).settings;
        let whole = ahead_of(if key.1.is_ipv4() { settings.arp_timeout } else { settings.nd_expire });
        let due = now + whole / 4 + self.share(whole / 4 * 3);
        self.set_due(key, due);
    }
}
