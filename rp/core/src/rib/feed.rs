//! One feed's routes: those of the present session, and those kept from the one before.

use super::{Protocol, hops::SetId};
use fabric_proto::{
    fib::{BadBatch, Family, FibKey, PathListId, Prefix, RouteMap},
    id::TableId,
    time::Instant,
};
use std::collections::BTreeMap;

/// Most routes of one feed: four times the Internet's table, in about 64 MiB.
pub const FEED_ROUTES_MAX: usize = 4 << 20;

/// Most next-hop sets of one feed: far more than a router has neighbours, few enough to resolve all of them anew
/// in milliseconds.
pub const FEED_SETS_MAX: usize = 1 << 16;

/// Why what a feed sent is refused. The feed is to blame; its session is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No session is open.
    #[error("the feed sent routes before its session was open")]
    NotOpen,
    /// Routes that do not decode.
    #[error("the feed sent routes that do not decode: {0}")]
    Damaged(#[from] BadBatch),
    /// Something else than a route of the default table.
    #[error("the feed sent {0}, which is no route of the default table")]
    NotARoute(FibKey),
    /// A route with a next-hop set that the feed did not send.
    #[error("the feed sent a route with next-hop set {0}, which it did not name before")]
    UnknownNextHops(u32),
    /// More routes than the chassis takes.
    #[error("the feed sent more than {max} routes; filter them at the feed")]
    TooManyRoutes {
        /// The limit.
        max: usize,
    },
    /// More next-hop sets than the chassis takes.
    #[error("the feed sent more than {max} next-hop sets; filter them at the feed")]
    TooManySets {
        /// The limit.
        max: usize,
    },
}

/// Routes of one session. The table's path-list numbers are the feed's own numbers of next-hop sets, so
/// that a route costs no more here than in the FIB.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) sets: BTreeMap<PathListId, SetId>,
    pub(super) routes: RouteMap,
}

impl Learned {
    pub(super) fn get(&self, prefix: Prefix) -> Option<SetId> {
        self.sets.get(&self.routes.get(prefix)?).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.routes.count()
    }

    /// Its routes whose next-hop set's number is wanted.
    pub(super) fn prefixes(&self, wanted: impl Fn(u32) -> bool) -> Vec<Prefix> {
        self.routes.plain().filter(|(_, number)| wanted(*number)).map(|(prefix, _)| prefix).collect()
    }
}

/// What a feed's routes are, and where they belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The table.
    pub table: TableId,
    /// Administrative distance: against routes of other sources.
    pub distance: u8,
    /// Metric: against routes of other feeds of the same distance.
    pub metric: u32,
}

/// External BGP, in the default table.
impl Default for Source {
    fn default() -> Self {
        Self { table: TableId::DEFAULT, distance: Protocol::Feed.distance(), metric: 0 }
    }
}

/// One feed.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) source: Source,
    pub(super) session: Session,
    /// Learned in the present session.
    pub(super) fresh: Learned,
    /// Kept from the session before, and not learned again (RFC 4724 §4.2).
    pub(super) stale: Learned,
    /// When what is stale goes at the latest.
    pub(super) stale_until: Option<Instant>,
}

/// A feed's session.
#[derive(Debug, Default)]
pub(super) enum Session {
    /// None.
    #[default]
    Closed,
    /// The feed sends.
    Open {
        /// End-of-RIB came, by family.
        ended: [bool; 2],
    },
}

impl Feed {
    /// The set that the feed's route for `prefix` uses, and whether the route is stale.
    pub(super) fn get(&self, prefix: Prefix) -> Option<(SetId, bool)> {
        let fresh = self.fresh.get(prefix).map(|set| (set, false));
        fresh
            .or_else(|| if self.stale.routes.is_empty() { None } else { self.stale.get(prefix).map(|set| (set, true)) })
    }

    /// Whether it has sent all that it has of a family.
    pub(super) fn is_complete(&self, family: Family) -> bool {
        matches!(self.session, Session::Open { ended } if ended[family as usize])
    }
}
