//! What the field shows of a negotiation: clients, sessions, message types and their sizes.
//!
//! A client has one entity and at most one session with its peer, and the session has the client's number on both sides: it
//! need not be told. Capabilities are not negotiated: what a release can, its versions say.

use super::{ClientVerdict, Verdict, verdict};
use crate::checkpoint::STATE_MAX;
use fabric_proto::{
    checkpoint::{CfMessage, RECORD_MAX},
    codec::{Class, Message},
    issu::Row,
    linecard::ToLc,
    offer::{Agreed, Group, OFFER_MAX, Offer},
    platform::IssuClient,
    redundancy::RfMessage,
    version::Versions,
};

/// How this unit and its peer stand with each other.
#[derive(Clone, Debug)]
pub struct View {
    /// Name of this unit's image.
    pub image: String,
    /// Its release.
    pub release: String,
    /// What its manifest says of other releases.
    pub matrix: Vec<Row>,
    /// What this unit has.
    pub clients: Vec<Registered>,
    /// What it has found out together with the peer, while they are connected.
    pub peer: Option<Negotiated>,
}

/// A client that this unit has.
#[derive(Clone, Debug)]
pub struct Registered {
    /// `Client_ID`.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Whether it is a base client.
    pub base: bool,
    /// What it says, a message type each.
    pub types: Vec<Type>,
}

/// A message type.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    /// What is said.
    pub group: Group,
    /// In which versions.
    pub versions: Versions,
    /// Most bytes at once.
    pub mtu: usize,
}

/// What came of the negotiation with the peer.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// Client by client.
    pub verdict: Verdict,
    /// The version of checkpoint messages: how much of a client's state goes at once.
    checkpoint: Option<u8>,
}

impl View {
    /// `offer` is what this unit offers.
    pub fn new(image: &str, matrix: &[Row], offer: &Offer, clients: &[IssuClient], peer: Option<Negotiated>) -> Self {
        let own = verdict(&Agreed::alike(offer.clone()), clients, &[]);
        let registered = |client: ClientVerdict| {
            let kind = |(group, _)| Some(Type { group, versions: offer.versions(group)?, mtu: mtu(group, None) });
            let types: Vec<Type> = client.types.into_iter().filter_map(kind).collect();
            let ClientVerdict { id, name, base, .. } = client;
            (!types.is_empty()).then_some(Registered { id, name, base, types })
        };
        Self {
            image: image.to_owned(),
            release: offer.release().to_owned(),
            matrix: matrix.to_vec(),
            clients: own.clients.into_iter().filter_map(registered).collect(),
            peer,
        }
    }
}

impl Negotiated {
    /// What was agreed on, and what it comes to.
    pub fn new(agreed: &Agreed, verdict: Verdict) -> Self {
        Self { verdict, checkpoint: agreed.verdict(Group::Messages(Class::Checkpoint)).version() }
    }

    /// The client whose session has this number.
    pub fn session(&self, id: u32) -> Option<&ClientVerdict> {
        self.verdict.clients.iter().find(|client| u32::from(client.id) == id)
    }

    /// Most bytes of a message type at once.
    pub fn mtu(&self, group: Group) -> usize {
        mtu(group, self.checkpoint)
    }
}

/// Most bytes at once. A client's state goes in records, which version 1 of checkpoint messages cannot cut.
fn mtu(group: Group, checkpoint: Option<u8>) -> usize {
    match (group, checkpoint) {
        (Group::Client(_), Some(1)) => RECORD_MAX,
        (Group::Client(_), Some(_) | None) => STATE_MAX,
        (Group::Messages(_) | Group::Cells | Group::Issu, _) => transport_mtu(group),
    }
}

/// The longest message of what carries a message type.
pub fn transport_mtu(group: Group) -> usize {
    match group {
        Group::Client(_) | Group::Messages(Class::Checkpoint) => CfMessage::CAP,
        Group::Messages(Class::Redundancy) => RfMessage::CAP,
        Group::Messages(Class::LineCard) => ToLc::CAP,
        Group::Issu => OFFER_MAX,
        // Not between route processors. The field writes 0 where there is no limit.
        Group::Messages(Class::Feed | Class::Operator) | Group::Cells => 0,
    }
}
