//! Churn (RFC 7654 §5.5): routes that a complete table loses and gets back, one after the other, for as long as the session lasts.
//!
//! A schedule and no clock: each operation is due at a time since the table was complete, in exact integers, so that the
//! rate holds however late one of them was.

use super::{MESSAGES_A_SECOND, ROUTES_PACKED};
use fabric_proto::{
    feed::FromFeed,
    fib::{BatchBuilder, Prefix},
};
use route_table::MILLION;
use std::time::Duration;

/// How long a route is away.
const AWAY: Duration = Duration::from_secs(1);
/// What is due within so long goes in one message.
const SLOT: Duration = Duration::from_millis(1000 / MESSAGES_A_SECOND);
/// The time that a churn's share is of.
const MINUTE: Duration = Duration::from_secs(60);

/// What churns in a table, and how fast.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The routes with their next-hop sets, in turn.
    pub(super) routes: Vec<(Prefix, u32)>,
    /// Withdrawals a minute, in millionths: a small table's need not be whole. Greater than 0 where there are routes.
    pub(super) pace: u64,
}

/// The churn of one session: what has been done of its plan.
#[derive(Debug)]
pub(super) struct Churn<'a> {
    plan: &'a Plan,
    withdrawn: u64,
    announced: u64,
}

impl<'a> Churn<'a> {
    /// From a complete table on; `None` where nothing churns.
    pub(super) fn begin(plan: &'a Plan) -> Option<Self> {
        (!plan.routes.is_empty()).then_some(Self { plan, withdrawn: 0, announced: 0 })
    }

    /// When to step next, since the table was complete.
    pub(super) fn deadline(&self) -> Duration {
        let slots = self.next().0.as_nanos().div_ceil(SLOT.as_nanos());
        nanoseconds(slots * SLOT.as_nanos())
    }

    /// What is due by now and was not said yet: a message's worth of it at most.
    pub(super) fn step(&mut self, elapsed: Duration) -> FromFeed {
        let mut builder = BatchBuilder::default();
        for _ in 0..ROUTES_PACKED {
            let (due, back) = self.next();
            if due > elapsed {
                break;
            }
            let turn = if back { &mut self.announced } else { &mut self.withdrawn };
            let (prefix, set) = self.plan.routes[(*turn % self.plan.routes.len() as u64) as usize];
            builder.route((prefix, back.then_some(set)));
            *turn += 1;
        }
        let batch = builder.take();
        tracing::debug!(withdrawn = self.withdrawn, announced = self.announced, "routes churn");
        FromFeed::Routes { count: batch.count, packed: batch.packed }
    }

    /// When the next operation is due, and whether it is that a route comes back. A route's next turn is a minute away, so
    /// it is back before it goes again.
    fn next(&self) -> (Duration, bool) {
        let (goes, comes) = (self.turn(self.withdrawn), self.turn(self.announced) + AWAY);
        (goes.min(comes), comes <= goes)
    }

    /// When a turn is, counted from 0.
    fn turn(&self, number: u64) -> Duration {
        let minutes = u128::from(number + 1) * u128::from(MILLION);
        nanoseconds(minutes * MINUTE.as_nanos() / u128::from(self.plan.pace))
    }
}

/// A session of centuries is not told of.
fn nanoseconds(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
