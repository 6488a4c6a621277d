//! What cards say to each other goes over as bytes, in the version that their two releases agree on.
//!
//! The machines are all of this code, each as the release that it runs: it offers what that does, and is sent no more. A card
//! of the first release is one that offers nothing; what it says is written in that release's words.

use super::{
    World,
    fabric::{Pair, Parcel},
    life::RELEASES,
};
use fabric_proto::{
    codec::{self, Message},
    deploy::KnownRelease,
    id::{LcSlot, RpSlot, Slot},
    offer::{Agreed, Group, Offer},
    release::Release,
};
use std::{collections::BTreeMap, sync::Arc};

/// The release that speaks as the first one did.
pub(super) const FIRST: &str = "1.0";

/// The release of this tree.
pub(super) const LATEST: &str = "2.0";

/// The one after it.
pub(super) const NEXT: &str = "2.1";

/// One like [`LATEST`] in everything but its name: beside it, nothing is lost.
pub(super) const TWIN: &str = "2.0.1";

/// What cards can be given: of these, nothing is stored, and route processors find it out when they meet.
pub(super) fn releases() -> Vec<KnownRelease> {
    let release = |version: &str| KnownRelease {
        version: version.to_owned(),
        negotiates: version != FIRST,
        loses: BTreeMap::new(),
    };
    RELEASES.into_iter().chain([TWIN]).map(release).collect()
}

/// As which release a card's program is built. One of the first release has code of its own; this code stands in for it, and
/// is sent no more than that has words for.
pub(super) fn built(release: &str) -> Release {
    Release::named(release).unwrap_or(Release::V2_0)
}

/// A message, encoded and decoded again. The other end is of another release only in what it offers to read.
fn carried<M: Message>(message: &M, agreed: &Agreed) -> Result<M, String> {
    let version = agreed.messages(M::CLASS);
    if agreed.verdict(Group::Messages(M::CLASS)).version() != Some(version) {
        return Err(format!("{} messages in version {version}, which was not agreed on", M::CLASS));
    }
    let frame = codec::encode_at(message, version).map_err(|error| error.to_string())?;
    // Whichever end it came from, the other one must have offered to read it.
    let [ours, theirs] = [agreed.ours(), agreed.theirs()].map(|offer| built(offer.release()));
    codec::decode_in(&frame, ours.min(theirs)).map_err(|error| error.to_string())
}

/// The same, with nothing else of its parcel.
fn through(parcel: Parcel, agreed: &Agreed) -> Result<Parcel, String> {
    Ok(match parcel {
        Parcel::Heartbeat(number, to, message) => Parcel::Heartbeat(number, to, carried(&message, agreed)?),
        Parcel::Redundancy(number, to, message) => Parcel::Redundancy(number, to, carried(&message, agreed)?),
        Parcel::Checkpoint(number, to, message) => Parcel::Checkpoint(number, to, carried(&message, agreed)?),
        Parcel::ToLc(number, rp, lc, message) => Parcel::ToLc(number, rp, lc, carried(&message, agreed)?),
        Parcel::FromLc(number, rp, lc, message) => Parcel::FromLc(number, rp, lc, carried(&message, agreed)?),
        Parcel::ToFeed(number, rp, message) => Parcel::ToFeed(number, rp, carried(&message, agreed)?),
        Parcel::FromFeed(number, rp, message) => Parcel::FromFeed(number, rp, carried(&message, agreed)?),
        Parcel::Boot(..)
        | Parcel::Reset(..)
        | Parcel::Carrier(..)
        | Parcel::Connect(_)
        | Parcel::Disconnect(..)
        | Parcel::Idle(..)
        | Parcel::Arrives(..)
        | Parcel::Cell(..)
        | Parcel::Leaves(..)
        | Parcel::End(_) => parcel,
    })
}

impl World {
    /// What the two ends of a pair agree on: each end's own view, the first end's first.
    pub(super) fn agree(&self, pair: Pair) -> [Arc<Agreed>; 2] {
        let [one, other] = match pair {
            Pair::Peers => [self.offer_of_rp(RpSlot::A), self.offer_of_rp(RpSlot::B)],
            Pair::Card(rp, lc) => [self.offer_of_rp(rp), self.offer_of_lc(lc)],
            // The tester comes with the orchestrator, and is of this release.
            Pair::Feed(rp) => [self.offer_of_rp(rp), Offer::new(LATEST)],
        };
        let (here, there) = (Agreed::between(one.clone(), other.clone()), Agreed::between(other, one));
        [Arc::new(here), Arc::new(there)]
    }

    fn offer_of_rp(&self, slot: RpSlot) -> Offer {
        let node = &self.rps[slot.index()];
        match &node.rp {
            Some(rp) if node.release != FIRST => rp.offer(),
            Some(_) | None => Offer::of_1_0(),
        }
    }

    fn offer_of_lc(&self, slot: LcSlot) -> Offer {
        match self.lcs[usize::from(slot.0) - 1].release.as_str() {
            FIRST => Offer::of_1_0(),
            release => Offer::new_in(release, built(release)),
        }
    }

    /// Whether an RP and a line card speak as the first release did.
    pub(super) fn is_of_release_1(&self, rp: RpSlot, lc: LcSlot) -> bool {
        self.rps[rp.index()].release == FIRST || self.lcs[usize::from(lc.0) - 1].release == FIRST
    }

    /// Sends a parcel through the wire of a pair. What cannot be said to the other end should not have been said.
    pub(super) fn wire(&mut self, pair: Pair, parcel: Parcel) -> Option<Parcel> {
        let agreed = self.agreed(pair)?;
        through(parcel, &agreed).map_err(|why| self.checker.accuse(format!("on {pair:?}: {why}"))).ok()
    }

    /// The release that a card runs from its next start on.
    pub fn set_release(&mut self, card: Slot, release: &str) {
        match card {
            Slot::Rp(slot) => release.clone_into(&mut self.rps[slot.index()].next_release),
            Slot::Lc(slot) => release.clone_into(&mut self.lcs[usize::from(slot.0) - 1].next_release),
        }
    }
}
