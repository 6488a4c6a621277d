//! What each side of a connection offers to speak, and what they agree on.
//!
//! Every connection begins with an exchange of [`Offer`]s, before anything else is said on it. Both sides then compute the
//! same [`Agreed`] versions by the same pure function ([`crate::version::verdict`]): of each thing that both name, the
//! highest version that both have. What is *sent* is written at the agreed version; what *arrives* says its version itself
//! (frames in their header), or is of the agreed one (records of checkpoint clients).
//!
//! **The base never changes**: the exchange itself, and the bodies of the first words on a connection (heartbeat, Hello;
//! `Adopt`, `Adopted`, `Refused`), which are the same in every version of their class.
//!
//! A release that came before offers makes none; what it speaks is known ([`Offer::of_1_0`]).

use crate::{
    checkpoint::CfClientId,
    codec::Class,
    sabotage::{self, Sabotage},
    version::{Verdict, Versions, verdict},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What has versions of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The messages of a class.
    Messages(Class),
    /// The cells of the data plane ([`crate::cell`]).
    Cells,
    /// What a checkpoint client puts into its records.
    Client(CfClientId),
    /// The negotiation of route processors that run unlike images ([`crate::issu`]).
    Issu,
}

impl Group {
    /// Kind and number, as offers have them.
    const fn number(self) -> (u8, u16) {
        match self {
            Self::Messages(class) => (0, class as u16),
            Self::Cells => (1, 0),
            Self::Client(client) => (2, client.0),
            Self::Issu => (3, 0),
        }
    }

    /// `None` for a group of a later release.
    fn of_number(kind: u8, number: u16) -> Option<Self> {
        match (kind, number) {
            (0, class) => Class::try_from(u8::try_from(class).ok()?).ok().map(Self::Messages),
            (1, 0) => Some(Self::Cells),
            (2, client) => Some(Self::Client(CfClientId(client))),
            (3, 0) => Some(Self::Issu),
            _ => None,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Messages(class) => write!(f, "{class} messages"),
            Self::Cells => f.write_str("cells"),
            Self::Client(client) => write!(f, "records of checkpoint client {}", client.0),
            Self::Issu => f.write_str("negotiation"),
        }
    }
}

/// What a card says of itself when a connection begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    release: String,
    groups: BTreeMap<Group, Versions>,
}

/// An offer on the wire. Its shape is the base's: it never changes, in no release.
#[derive(Serialize, Deserialize)]
struct Body {
    release: String,
    /// Kind and number of a group, oldest and newest version.
    groups: Vec<(u8, u16, u8, u8)>,
}

/// Bytes that are no offer: the peer is to blame.
#[derive(Debug, thiserror::Error)]
pub enum BadOffer {
    /// They do not decode.
    #[error("the peer's offer of versions does not decode: {0}")]
    Body(#[from] rmp_serde::decode::Error),
    /// Longer than any.
    #[error("the peer's offer of versions has {0} bytes; the limit is {OFFER_MAX}")]
    TooLong(usize),
    /// A range that is none.
    #[error("the peer offers versions {oldest} to {newest}, which is no range")]
    Range {
        /// The first number.
        oldest: u8,
        /// The second one.
        newest: u8,
    },
}

/// Longest offer, bytes: hundreds of groups.
pub const OFFER_MAX: usize = 4096;

/// Longest name of a release in an offer, bytes: what is longer is cut.
const RELEASE_MAX: usize = 64;

/// The name of a release as offers have it: what is too long is cut.
pub fn named(release: &str) -> &str {
    let ends = release.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|at| *at <= RELEASE_MAX);
    &release[..ends.last().unwrap_or(0)]
}

impl Offer {
    /// What a card speaks that names these groups.
    pub fn of(release: &str, groups: impl IntoIterator<Item = (Group, Versions)>) -> Self {
        Self { release: named(release).to_owned(), groups: groups.into_iter().collect() }
    }

    /// What every card of this program speaks; clients are added by who has them ([`Offer::with`]).
    pub fn new(release: &str) -> Self {
        let classes = Class::ALL.into_iter().map(|class| (Group::Messages(class), class.versions()));
        Self::of(release, classes.chain([(Group::Cells, Versions::FIRST)]))
    }

    /// What release 1.0 speaks. It makes no offers: that is how it is known.
    pub fn of_1_0() -> Self {
        let clients = (1..=5).map(|client| Group::Client(CfClientId(client)));
        let groups = Class::ALL.into_iter().map(Group::Messages).chain([Group::Cells]).chain(clients);
        Self::of("1.0", groups.map(|group| (group, Versions::FIRST)))
    }

    /// The same with another group, or with other versions of one.
    #[must_use]
    pub fn with(mut self, group: Group, versions: Versions) -> Self {
        self.groups.insert(group, versions);
        self
    }

    /// Release of the card's image.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Versions of a group; `None` when the card does not have it.
    pub fn versions(&self, group: Group) -> Option<Versions> {
        self.groups.get(&group).copied()
    }

    /// What it names, in order.
    pub fn groups(&self) -> impl Iterator<Item = (Group, Versions)> + '_ {
        self.groups.iter().map(|(group, versions)| (*group, *versions))
    }

    /// As it travels.
    pub fn encode(&self) -> Vec<u8> {
        let groups = self.groups().map(|(group, versions)| {
            let (kind, number) = group.number();
            (kind, number, versions.oldest(), versions.newest())
        });
        let body = Body { release: self.release.clone(), groups: groups.collect() };
        rmp_serde::to_vec(&body).expect("text and numbers always encode")
    }

    /// Reads what the peer sent. Groups that this release does not know are none that could be agreed on.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadOffer> {
        if bytes.len() > OFFER_MAX {
            return Err(BadOffer::TooLong(bytes.len()));
        }
        let body: Body = rmp_serde::from_slice(bytes)?;
        let mut offer = Self { release: body.release, groups: BTreeMap::new() };
        for (kind, number, oldest, newest) in body.groups {
            let versions = Versions::checked(oldest, newest).ok_or(BadOffer::Range { oldest, newest })?;
            if let Some(group) = Group::of_number(kind, number) {
                offer.groups.insert(group, versions);
            }
        }
        Ok(offer)
    }
}

/// What two sides speak on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    ours: Offer,
    theirs: Offer,
}

impl Agreed {
    /// What comes of two offers; the other side finds the same versions.
    pub fn between(ours: Offer, theirs: Offer) -> Self {
        Self { ours, theirs }
    }

    /// Between two cards of `offer`: all of it, each at its newest.
    pub fn alike(offer: Offer) -> Self {
        Self { ours: offer.clone(), theirs: offer }
    }

    /// What came of a group.
    pub fn verdict(&self, group: Group) -> Verdict {
        verdict(self.ours.versions(group), self.theirs.versions(group))
    }

    /// The version in which this side writes messages of a class. Where the two have none in common, it is this side's
    /// newest: the peer refuses the first one, and says why.
    pub fn messages(&self, class: Class) -> u8 {
        if sabotage::is(Sabotage::SpeakNewest) {
            return class.versions().newest();
        }
        self.verdict(Group::Messages(class)).version().unwrap_or(class.versions().newest())
    }

    /// The version of a checkpoint client's records; `None`: the peer is not to be given any.
    pub fn client(&self, client: CfClientId) -> Option<u8> {
        self.verdict(Group::Client(client)).version()
    }

    /// What this side offered.
    pub fn ours(&self) -> &Offer {
        &self.ours
    }

    /// What the peer offered.
    pub fn theirs(&self) -> &Offer {
        &self.theirs
    }

    /// Every group that either side has, with what came of it, in order.
    pub fn verdicts(&self) -> impl Iterator<Item = (Group, Verdict)> + '_ {
        let only_theirs = self.theirs.groups().filter(|(group, _)| self.ours.versions(*group).is_none());
        let mut groups: Vec<Group> = self.ours.groups().chain(only_theirs).map(|(group, _)| group).collect();
        groups.sort();
        groups.into_iter().map(|group| (group, self.verdict(group)))
    }
}

#[cfg(test)]
mod tests;
