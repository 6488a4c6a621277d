//! What holder and heir say, and its frames.

use crate::counters::Counters;
use bytes::Bytes;
use fabric_proto::{
    fib::Position,
    id::{CardId, Epoch},
    linecard::{FibUpdate, InterfaceConfig, PortConfig},
    operator::Event,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Longest body: a port's or a link's queue, whole.
const LONGEST: usize = 16 << 20;
/// Bytes before a body.
const HEADER: usize = 4;

/// What an heir says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromHeir {
    /// First word. Its shape is for ever.
    Ask {
        /// Oldest and newest version that it speaks.
        versions: (u8, u8),
        /// Its release.
        release: String,
        /// The card that it is to be.
        card: CardId,
    },
    /// A part of the table is in its own.
    Loaded {
        /// The part's number.
        number: u64,
    },
    /// The card is the heir's from here on.
    Taken,
}

/// What a holder says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromHolder {
    /// First word. Its shape is for ever.
    Welcome {
        /// The version of all that follows.
        version: u8,
        /// Its release.
        release: String,
    },
    /// First word, or any later: there will be no hand-over, and the holder goes on. Its shape is for ever.
    Refused {
        /// Why, and what to do.
        why: String,
    },
    /// A part of the table, numbered from 1.
    Part(FibUpdate),
    /// All that the control side knows besides. With it come the sockets of the control and of the data endpoint,
    /// and where the card's log goes.
    Standing {
        /// What the card knows.
        standing: Box<Standing>,
        /// Packets counted; what is left in queues is counted as arrived, and neither as sent nor as dropped.
        counters: Box<Counters>,
        /// Resets since the card was started.
        resets: u32,
        /// The newest events, which their readers may not have seen yet.
        events: Vec<Event>,
    },
    /// A port with carrier. With it comes its wire.
    Port(PortLeft),
    /// A link that was up. It has been ended in good order: what is left was never sent.
    Link(LinkLeft),
    /// That was all.
    End {
        /// How many ports it was.
        ports: u16,
        /// How many links.
        links: u16,
    },
}

/// All that a card knows besides its table's entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Identifies the card's run, which does not end with the program.
    pub boot: u64,
    /// The highest epoch seen.
    pub highest: Epoch,
    /// Where the table stands.
    pub position: Option<Position>,
    /// Which families have been sent to their end.
    pub complete: [bool; 2],
    /// Digest of the table.
    pub root: u64,
    /// Routes held, IPv4 and IPv6.
    pub routes: [u64; 2],
    /// Ports as configured.
    pub ports: Vec<PortConfig>,
    /// What of them is not in the default table, or has a tag.
    pub interfaces: Vec<InterfaceConfig>,
    /// Ports that the card has spoken of, and whether they have carrier.
    pub carrier: Vec<(u8, bool)>,
    /// Sessions fenced.
    pub refused: u64,
}

/// Packets that have not left: whole records in the form in which they leave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// The records.
    pub records: Bytes,
    /// How many they are.
    pub packets: u64,
    /// Bytes of the first one that have left.
    pub done: u32,
}

/// What there is of a port with carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortLeft {
    /// Its number.
    pub port: u8,
    /// The beginning of a record whose end has not been read yet.
    pub unread: Bytes,
    /// What waits for its writer.
    pub unsent: Unsent,
}

/// What there is of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLeft {
    /// The slot of the other line card; of a link to an RP, the RP's index.
    pub peer: u8,
    /// Whether it is a link to an RP, which passes packets on.
    pub relay: bool,
    /// What waits for its writer.
    pub unsent: Unsent,
}

/// Bytes that are no word of a hand-over: who sent them is to blame.
#[derive(Debug, thiserror::Error)]
pub enum BadFrame {
    /// A length that nothing has.
    #[error("a frame of {0} bytes, the limit is {LONGEST}")]
    TooLong(usize),
    /// A body that says nothing.
    #[error("a frame that does not decode: {0}")]
    Body(#[from] rmp_serde::decode::Error),
    /// A word of ours that cannot be said.
    #[error("a word that does not encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// A word as a frame.
pub fn frame<W: Serialize>(word: &W) -> Result<Vec<u8>, BadFrame> {
    let mut bytes = vec![0; HEADER];
    rmp_serde::encode::write(&mut bytes, word)?;
    let length = bytes.len() - HEADER;
    if length > LONGEST {
        return Err(BadFrame::TooLong(length));
    }
    bytes[..HEADER].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(bytes)
}

/// The first word of `bytes`, and how long its frame is; `None` when more bytes are needed.
pub fn read_frame<W: DeserializeOwned>(bytes: &[u8]) -> Result<Option<(W, usize)>, BadFrame> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let length = u32::from_be_bytes(*header) as usize;
    if length > LONGEST {
        return Err(BadFrame::TooLong(length));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    Ok(Some((rmp_serde::from_slice(body)?, HEADER + length)))
}
