//! The peer of a simulated chassis.

use fabric_proto::{
    feed::FromFeed,
    fib::{BatchBuilder, Family, Prefix},
};
use std::net::IpAddr;

/// The peer that announces routes: its whole table, as messages.
pub(super) struct Feed {
    pub(super) routes: Vec<(Prefix, Vec<IpAddr>)>,
    messages: Vec<FromFeed>,
}

impl Feed {
    pub(super) fn new(routes: Vec<(Prefix, Vec<IpAddr>)>) -> Self {
        let mut sets: Vec<Vec<IpAddr>> = routes.iter().map(|(_, next_hops)| next_hops.clone()).collect();
        sets.sort();
        sets.dedup();
        let mut messages = vec![FromFeed::NextHops((0..).zip(sets.clone()).collect())];
        for chunk in routes.chunks(64) {
            let mut builder = BatchBuilder::default();
            for (prefix, next_hops) in chunk {
                let number = sets.binary_search(next_hops).unwrap_or(0) as u32;
                builder.route((*prefix, Some(number)));
            }
            let batch = builder.take();
            messages.push(FromFeed::Routes { count: batch.count, packed: batch.packed });
        }
        messages.extend(Family::ALL.map(FromFeed::EndOfRib));
        Self { routes, messages }
    }

    pub(super) fn table(&self) -> &[FromFeed] {
        &self.messages
    }
}
