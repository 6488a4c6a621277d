//! Frames: `class u8 | version u8 | length u32 BE | rmp-serde body`, with a size cap checked before decoding.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

/// Bytes before a body.
pub const HEADER: usize = 6;

/// A message class: one ordered stream of its own on a control connection, one enum, one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// RP ↔ RP: roles, progressions ([`crate::redundancy`]).
    Redundancy = 1,
    /// RP ↔ RP: clients' state ([`crate::checkpoint`]).
    Checkpoint = 2,
    /// RP ↔ line card: adoption, ports, FIB, reset ([`crate::linecard`]).
    LineCard = 3,
    /// RP ↔ route feed ([`crate::feed`]).
    Feed = 4,
    /// Operator ↔ any card ([`crate::operator`]).
    Operator = 5,
}

impl TryFrom<u8> for Class {
    type Error = CodecError;
    fn try_from(number: u8) -> Result<Self, CodecError> {
        [Self::Redundancy, Self::Checkpoint, Self::LineCard, Self::Feed, Self::Operator]
            .into_iter()
            .find(|class| *class as u8 == number)
            .ok_or(CodecError::Class(number))
    }
}

/// A message that has a class, a version and a size cap.
pub trait Message: Serialize + DeserializeOwned {
    /// The stream it travels on.
    const CLASS: Class;
    /// Version that this release writes.
    const VERSION: u8;
    /// Oldest version that this release still reads: its neighbour's.
    const OLDEST: u8 = if Self::VERSION > 1 { Self::VERSION - 1 } else { 1 };
    /// Largest body in bytes; a peer that announces more is refused before anything is allocated.
    const CAP: usize;
}

/// Why bytes are not a message. All but [`CodecError::Encode`] blame the sender.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The first byte names no class.
    #[error("peer sent message class {0}, which does not exist")]
    Class(u8),
    /// A frame of another class than the stream's.
    #[error("peer sent a {got:?} message on a {want:?} stream")]
    WrongClass {
        /// Class of the stream.
        want: Class,
        /// Class of the frame.
        got: Class,
    },
    /// A version that this release does not read.
    #[error("peer sent {class:?} version {got}; this release reads {oldest} to {newest}")]
    Version {
        /// Class of the frame.
        class: Class,
        /// Version found.
        got: u8,
        /// Oldest readable.
        oldest: u8,
        /// Newest readable.
        newest: u8,
    },
    /// A length over the class's cap.
    #[error("peer announced a {class:?} message of {length} bytes; the limit is {cap}")]
    TooLong {
        /// Class of the frame.
        class: Class,
        /// Length announced.
        length: usize,
        /// The cap.
        cap: usize,
    },
    /// A body that is not the message.
    #[error("peer sent a {class:?} message that does not decode: {source}")]
    Body {
        /// Class of the frame.
        class: Class,
        /// What rmp-serde found.
        source: rmp_serde::decode::Error,
    },
    /// A message of ours that does not fit.
    #[error("cannot encode a {class:?} message: {why}")]
    Encode {
        /// Class of the message.
        class: Class,
        /// What went wrong.
        why: String,
    },
}

/// A frame's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Class of the body.
    pub class: Class,
    /// Version of the body.
    pub version: u8,
    /// Length of the body in bytes.
    pub length: usize,
}

impl Header {
    /// Reads a header; says nothing yet about versions and caps.
    pub fn parse(bytes: &[u8; HEADER]) -> Result<Self, CodecError> {
        let class = Class::try_from(bytes[0])?;
        let length = u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]) as usize;
        Ok(Self { class, version: bytes[1], length })
    }

    /// Refuses what is not an acceptable `M`, before its body is read.
    pub fn check<M: Message>(&self) -> Result<(), CodecError> {
        if self.class != M::CLASS {
            return Err(CodecError::WrongClass { want: M::CLASS, got: self.class });
        }
        if !(M::OLDEST..=M::VERSION).contains(&self.version) {
            return Err(CodecError::Version {
                class: self.class,
                got: self.version,
                oldest: M::OLDEST,
                newest: M::VERSION,
            });
        }
        if self.length > M::CAP {
            return Err(CodecError::TooLong { class: self.class, length: self.length, cap: M::CAP });
        }
        Ok(())
    }
}

/// One message as a frame.
pub fn encode<M: Message>(message: &M) -> Result<Bytes, CodecError> {
    let mut frame = BytesMut::with_capacity(256);
    frame.put_bytes(0, HEADER);
    let mut writer = frame.writer();
    rmp_serde::encode::write(&mut writer, message)
        .map_err(|error| CodecError::Encode { class: M::CLASS, why: error.to_string() })?;
    let mut frame = writer.into_inner();
    let length = frame.len() - HEADER;
    if length > M::CAP {
        return Err(CodecError::Encode { class: M::CLASS, why: format!("{length} bytes, the limit is {}", M::CAP) });
    }
    frame[0] = M::CLASS as u8;
    frame[1] = M::VERSION;
    frame[2..HEADER].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(frame.freeze())
}

/// The body of a frame whose header was checked.
pub fn decode_body<M: Message>(body: &[u8]) -> Result<M, CodecError> {
    rmp_serde::from_slice(body).map_err(|source| CodecError::Body { class: M::CLASS, source })
}

/// One whole frame; for datagrams and tests. Bytes after the frame are an error.
pub fn decode<M: Message>(frame: &[u8]) -> Result<M, CodecError> {
    let short =
        || CodecError::Body { class: M::CLASS, source: rmp_serde::decode::Error::LengthMismatch(frame.len() as u32) };
    let (head, body) = frame.split_first_chunk::<HEADER>().ok_or_else(short)?;
    let header = Header::parse(head)?;
    header.check::<M>()?;
    if header.length != body.len() {
        return Err(short());
    }
    decode_body(body)
}

#[cfg(test)]
mod tests;
