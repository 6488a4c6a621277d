//! Deliberate faults, to show that the checkers of the simulation bite. The shipped programs are built without the
//! feature `sabotage`: [`is`] is `false` there at compile time, and nothing of this is left.

use strum::VariantArray;

/// A deliberate fault in one of the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum Sabotage {
    /// A line card obeys an older epoch too.
    SkipFence,
    /// A standby takes over in the old active's epoch.
    SameEpoch,
    /// A unit that was refused stays active.
    IgnoreRefusal,
    /// A standby takes over as if it were ready.
    TakeOverUnready,
    /// A failed peer is never reset.
    NeverRestore,
    /// Images that differ do not lower the operating mode.
    IgnoreImages,
    /// An SSO takeover empties the line cards.
    FlushOnTakeover,
    /// A line card sweeps stale routes when it is adopted.
    SweepEarly,
    /// The table counts as complete at its first routes: end markers are ignored.
    IgnoreEndMarker,
    /// A line card confirms a table without comparing it, and one bucket is left out of every repair.
    ForgetBucket,
    /// A line card vouches for what is stale.
    KeepStale,
    /// The operator is answered before the standby holds the change.
    AcknowledgeEarly,
    /// Changes of the running configuration do not reach the standby.
    ForgetConfig,
    /// Changes of the forwarding table do not reach the standby.
    ForgetUpdate,
    /// Rows of a client that have changed do not reach the standby.
    ForgetRows,
    /// Half a startup configuration is taken for a whole one.
    TrustTornFile,
    /// A path-list number that is given out again passes for the list that had it before.
    ReuseNumbers,
    /// A standby confirms what it could not apply, and stays ready.
    ConfirmUnapplied,
    /// An RP takes every port for one with carrier.
    IgnoreCarrier,
    /// A standby reads records in another version than the one that was agreed on.
    WrongVersion,
    /// A card writes its messages in its newest version, whatever was agreed on.
    SpeakNewest,
    /// A card of an older release is fed what it has no words for.
    IgnoreLevel,
    /// A client answers that its bulk is over after the first piece of it.
    AnswerEarly,
    /// A standby is given clients that its release does not have.
    GiveWithheld,
}

impl Sabotage {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;
}

#[cfg(feature = "sabotage")]
thread_local! {
    static NOW: std::cell::Cell<Option<Sabotage>> = const { std::cell::Cell::new(None) };
}

/// Commits a fault from here on, in this thread; `None`: none.
#[cfg(feature = "sabotage")]
pub fn commit(fault: Option<Sabotage>) {
    NOW.with(|now| now.set(fault));
}

/// Whether this fault is committed.
#[cfg(feature = "sabotage")]
pub fn is(fault: Sabotage) -> bool {
    NOW.with(std::cell::Cell::get) == Some(fault)
}

/// Whether this fault is committed: never.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn is(_: Sabotage) -> bool {
    false
}
