//! What two releases come to.
//!
//! Both route processors compute it when they meet, out of the same two offers, and find the same: the operating mode hangs on
//! it. What is no message between two route processors (cells, a route feed, an operator) has no part in it.

use fabric_proto::{
    checkpoint::CfClientId,
    issu::{Compatibility, Row, RowClient},
    offer::{Agreed, Group, Offer},
    platform::IssuClient,
    version::{self, Inexpressible, Versions},
};
use std::{collections::BTreeSet, fmt};

/// What two releases come to, client by client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The release of the other side.
    pub release: String,
    /// By `Client_ID`: every client that either release has, and every base client.
    pub clients: Vec<ClientVerdict>,
}

/// What became of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientVerdict {
    /// `Client_ID`; of a client that the family does not list, its number in checkpoints.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Whether it is a base client.
    pub base: bool,
    /// What it says, a message type each, with the version that both sides speak.
    pub types: Vec<(Group, Option<u8>)>,
    /// Why it is not compatible.
    pub fault: Option<Fault>,
}

/// Why a client is not compatible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Only one of the two has it.
    Missing {
        /// The release that does not.
        release: String,
    },
    /// Neither has it, and it is a base client.
    Absent,
    /// Both have it, in no version in common.
    NoVersion {
        /// Each release and what it speaks, in order.
        speak: [(String, Versions); 2],
    },
    /// Another client that it can only work with is not compatible.
    Needs {
        /// Its name.
        name: String,
    },
    /// Some of what it holds has no words in the version of both.
    Inexpressible(Inexpressible),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { release } => write!(f, "release {release} does not have it"),
            Self::Absent => f.write_str("neither release has it"),
            Self::NoVersion { speak: [(one, ours), (other, theirs)] } => {
                write!(f, "no version in common: release {one} speaks {ours}, release {other} {theirs}")
            }
            Self::Needs { name } => write!(f, "it needs {name}"),
            Self::Inexpressible(why) => why.fmt(f),
        }
    }
}

impl ClientVerdict {
    /// What its two sides come to.
    pub fn result(&self) -> Compatibility {
        match (&self.fault, self.base) {
            (None, _) => Compatibility::Compatible,
            // The rest of what it holds is given.
            (Some(Fault::Inexpressible(_)), _) | (Some(_), false) => Compatibility::BaseLevel,
            (Some(_), true) => Compatibility::Incompatible,
        }
    }

    /// What of it a standby is not given: what the two do not both speak, and all of it where somebody is missing whom it needs.
    pub fn withheld(&self) -> impl Iterator<Item = Group> {
        let alone = matches!(self.fault, Some(Fault::Needs { .. }));
        self.types.iter().filter(move |(_, version)| alone || version.is_none()).map(|(group, _)| *group)
    }
}

impl Verdict {
    /// What the two releases come to.
    pub fn compatibility(&self) -> Compatibility {
        Compatibility::of(self.clients.iter().map(ClientVerdict::result))
    }

    /// Clients that are not compatible, with the reason.
    pub fn faults(&self) -> impl Iterator<Item = (&ClientVerdict, &Fault)> {
        self.clients.iter().filter_map(|client| Some((client, client.fault.as_ref()?)))
    }

    /// As a manifest carries it.
    pub fn row(&self) -> Row {
        let row = |client: &ClientVerdict| RowClient {
            id: client.id,
            name: client.name.clone(),
            base: client.base,
            result: client.result(),
            why: client.fault.as_ref().map(Fault::to_string),
        };
        Row {
            release: self.release.clone(),
            verdict: self.compatibility(),
            clients: self.clients.iter().map(row).collect(),
        }
    }
}

/// What two offers come to. `clients` are the family's; `speechless` is what this side holds and cannot say in the agreed
/// version, which is its own affair: it names the client, and never changes the operating mode.
pub fn verdict(agreed: &Agreed, clients: &[IssuClient], speechless: &[(Group, Inexpressible)]) -> Verdict {
    let offered: BTreeSet<Group> = agreed.verdicts().map(|(group, _)| group).collect();
    let mut found: Vec<(ClientVerdict, &[u16])> = Vec::new();
    for client in clients {
        let mut groups = client.speaks();
        if !client.base {
            groups.retain(|group| offered.contains(group));
        }
        if !groups.is_empty() {
            let (id, name, base) = (client.id, client.name.to_owned(), client.base);
            found.push((judged(agreed, id, name, base, &groups, speechless), client.needs));
        }
    }
    // What no family lists is optional, and needs nobody.
    for group in offered {
        if let Group::Client(CfClientId(id)) = group
            && !clients.iter().any(|client| client.says(group))
        {
            let name = format!("checkpoint client {id}");
            found.push((judged(agreed, id, name, false, &[group], speechless), &[]));
        }
    }
    found.sort_by_key(|(client, _)| client.id);
    let name = |id: u16| clients.iter().find(|client| client.id == id).map_or("", |client| client.name);
    // Until nobody else falls with those that have fallen: each round takes one more at least.
    while let Some((at, needed)) = found.iter().enumerate().find_map(|(at, (client, needs))| {
        let fit = |id: &u16| found.iter().any(|(other, _)| other.id == *id && other.fault.is_none());
        let needed = needs.iter().find(|id| !fit(id)).filter(|_| client.fault.is_none())?;
        Some((at, *needed))
    }) {
        found[at].0.fault = Some(Fault::Needs { name: name(needed).to_owned() });
    }
    let clients = found.into_iter().map(|(client, _)| client).collect();
    Verdict { release: agreed.theirs().release().to_owned(), clients }
}

/// A client by what it says alone.
fn judged(
    agreed: &Agreed,
    id: u16,
    name: String,
    base: bool,
    groups: &[Group],
    speechless: &[(Group, Inexpressible)],
) -> ClientVerdict {
    let types = groups.iter().map(|group| (*group, agreed.verdict(*group).version())).collect();
    let said = |group: &Group| speechless.iter().find(|(of, _)| of == group).map(|(_, why)| *why);
    let fault = groups.iter().find_map(|group| fault(agreed, *group));
    let fault = fault.or_else(|| groups.iter().find_map(said).map(Fault::Inexpressible));
    ClientVerdict { id, name, base, types, fault }
}

/// Why two releases cannot speak of something; in the same words on both sides.
fn fault(agreed: &Agreed, group: Group) -> Option<Fault> {
    let (ours, theirs) = (agreed.ours(), agreed.theirs());
    match agreed.verdict(group) {
        version::Verdict::Agreed(_) => None,
        version::Verdict::Nothing { ours: own, theirs: other } => {
            let mut speak = [(ours.release().to_owned(), own), (theirs.release().to_owned(), other)];
            speak.sort();
            Some(Fault::NoVersion { speak })
        }
        version::Verdict::OneSided => {
            let lacks = |offer: &&Offer| offer.versions(group).is_none();
            let release = |offer: &Offer| offer.release().to_owned();
            match (Some(ours).filter(lacks), Some(theirs).filter(lacks)) {
                (Some(_), Some(_)) | (None, None) => Some(Fault::Absent),
                (Some(lacks), None) | (None, Some(lacks)) => Some(Fault::Missing { release: release(lacks) }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
