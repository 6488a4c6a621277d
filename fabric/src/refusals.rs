//! Who was refused, and why: counted by process, for the operator, and by endpoint.

use fabric_proto::operator::Refusals;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a peer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No valid certificate of this lab.
    Certificate,
    /// Another card's certificate than the one that was called.
    WrongCard,
    /// A certificate of this lab, and no business here.
    NoBusiness,
    /// A handshake that did not end: a card that was killed meanwhile, or packets that somebody recorded.
    Unfinished,
    /// No place for another handshake.
    NoPlace,
}

/// Refusals by cause, and callers asked to prove their address.
#[derive(Debug)]
pub(crate) struct Tally {
    causes: [AtomicU64; 5],
    challenged: AtomicU64,
}

/// Those of all endpoints of this process.
static PROCESS: Tally = Tally::new();

/// What all endpoints of this process have refused since the program was started.
pub(crate) fn in_process() -> Refusals {
    PROCESS.read()
}

/// Counts a peer that an endpoint let in and its owner refused.
pub(crate) fn no_business() {
    PROCESS.add(Cause::NoBusiness);
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self { causes: [const { AtomicU64::new(0) }; 5], challenged: AtomicU64::new(0) }
    }

    fn add(&self, cause: Cause) {
        self.causes[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal here and for the process.
    pub(crate) fn count(&self, cause: Cause) {
        self.add(cause);
        PROCESS.add(cause);
    }

    /// Counts a caller that was asked to prove its address.
    pub(crate) fn challenged(&self) {
        self.challenged.fetch_add(1, Ordering::Relaxed);
        PROCESS.challenged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Refusals {
        let read = |cause: Cause| self.causes[cause as usize].load(Ordering::Relaxed);
        Refusals {
            certificate: read(Cause::Certificate),
            wrong_card: read(Cause::WrongCard),
            no_business: read(Cause::NoBusiness),
            unfinished: read(Cause::Unfinished),
            no_place: read(Cause::NoPlace),
            challenged: self.challenged.load(Ordering::Relaxed),
            untold: 0,
        }
    }
}
