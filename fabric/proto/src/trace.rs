//! What an operator is told of one packet's way through a line card: a probe.
//!
//! A probe is decided about by the code and the tables that decide about packets, at the moment of the question, and by nothing
//! else. It is put into no queue, takes nothing from a policer, and is counted apart ([`Traced::number`]): what packets
//! there were is accounted for as if nobody had asked.

use crate::{
    drops::DropCause,
    fib::{Family, Prefix},
    id::{PortId, TableId},
    punt::PuntReason,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A packet, and where it comes to the card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceOrder {
    /// Where it comes from.
    pub from: TraceFrom,
    /// The frame.
    pub frame: Bytes,
}

/// Where a packet comes to a card from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceFrom {
    /// The wire of this port.
    Wire(u8),
    /// Another card, to leave by this port.
    Fabric(u8),
}

/// What a card makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// Which probe of this program it is, from 1. No other counter has it.
    pub number: u64,
    /// The decisions, in order.
    pub steps: Vec<TraceStep>,
    /// What becomes of it.
    pub fate: TraceFate,
    /// The frame as it goes on; as it came where it does not.
    pub frame: Bytes,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceStep {
    /// The frame is a packet to be looked up.
    Classified {
        /// Its family.
        family: Family,
        /// Where it is looked up.
        table: TableId,
        /// Where it goes.
        destination: IpAddr,
        /// The hash of its flow, by this chassis' seed.
        flow: u32,
        /// Why it may be received and must not be forwarded, if that is so.
        barred: Option<DropCause>,
    },
    /// It was looked up.
    LookedUp {
        /// In which table.
        table: TableId,
        /// The longest prefix with a route; `None` where there is none.
        prefix: Option<Prefix>,
    },
    /// One of the route's paths was chosen by the hash of the flow.
    Chosen {
        /// Which, from 0.
        path: u16,
        /// Of how many.
        paths: u16,
        /// Where it leads.
        hop: TraceHop,
    },
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceHop {
    /// Out of a port.
    Port(PortId),
    /// To a neighbour that is not resolved.
    Unresolved,
    /// To the chassis itself.
    Receive,
    /// Nowhere (Null0).
    Discard,
    /// Into another table.
    Lookup(TableId),
}

/// What becomes of a probe, and how that stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceFate {
    /// Out of a port of this card.
    Port {
        /// The port.
        port: u8,
        /// How its queue stands.
        queue: QueueState,
    },
    /// To another card.
    Fabric {
        /// By which of its ports it is to leave.
        to: PortId,
        /// How the queue towards it stands.
        queue: QueueState,
    },
    /// To the active route processor, which passes it on to the card (7500, 10000).
    Relay {
        /// By which port it is to leave.
        to: PortId,
        /// How the queue towards the route processor stands.
        queue: QueueState,
    },
    /// To the route processor itself.
    Punted {
        /// Why.
        reason: PuntReason,
        /// How the queue towards it stands.
        queue: QueueState,
    },
    /// Dropped.
    Dropped(DropCause),
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// Whether it takes packets: there is a carrier, or a connection.
    pub open: bool,
    /// Packets in it.
    pub waiting: u64,
}
