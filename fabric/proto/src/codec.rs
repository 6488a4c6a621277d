//! Frames: `class u8 | version u8 | length u32 BE | rmp-serde body`, with a size cap checked before decoding.

use crate::{
    release::Release,
    sabotage::{self, Sabotage},
    version::{Inexpressible, Versions},
};
use bytes::{BufMut, Bytes, BytesMut, buf::Writer};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

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

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Redundancy, Self::Checkpoint, Self::LineCard, Self::Feed, Self::Operator];

    /// The versions of its messages that this program reads and writes: its release's own, and its neighbours'.
    pub const fn versions(self) -> Versions {
        self.versions_in(Release::BUILT)
    }

    /// The same of a program of any release of this code.
    pub const fn versions_in(self, release: Release) -> Versions {
        let newest = match release {
            Release::V2_0 => 2,
            Release::V2_1 => 3,
        };
        match self {
            Self::Redundancy | Self::Feed => Versions::FIRST,
            // 2: interfaces, entries for tables, labels and circuits, paths as rewrites. 3: digests as bytes, and lists of more
            // than 16 paths.
            Self::LineCard => Versions::new(1, newest),
            // 2: pieces of what is longer than a record. 3: bulk and change are told apart by what they are.
            Self::Checkpoint => Versions::new(1, newest),
            // 2: refusals by cause, connections, an armed crash point, since when nothing was read, a client that hangs,
            // tags of VLANs, copies of packets, probes. 3: refusals by cause alone.
            Self::Operator => Versions::new(1, newest),
        }
    }

    /// As image manifests have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redundancy => "redundancy",
            Self::Checkpoint => "checkpoint",
            Self::LineCard => "line-card",
            Self::Feed => "feed",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl TryFrom<u8> for Class {
    type Error = CodecError;
    fn try_from(number: u8) -> Result<Self, CodecError> {
        Self::ALL.into_iter().find(|class| *class as u8 == number).ok_or(CodecError::Class(number))
    }
}

/// A message that has a class, versions and a size cap.
pub trait Message: Serialize + DeserializeOwned {
    /// The stream it travels on.
    const CLASS: Class;
    /// Largest body in bytes; a peer that announces more is refused before anything is allocated.
    const CAP: usize;

    /// Writes the body in one of the class's versions. A message whose shape is the same in all of them need not say
    /// more.
    fn write(&self, _version: u8, body: &mut Body) -> Result<(), BodyError> {
        Ok(rmp_serde::encode::write(body, self)?)
    }

    /// Reads a body of one of the class's versions.
    fn read(_version: u8, body: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(body)
    }
}

/// Where bodies are written.
pub type Body = Writer<BytesMut>;

/// Why a body cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The version is older than what is to be said.
    #[error(transparent)]
    Inexpressible(#[from] Inexpressible),
    /// rmp-serde says so.
    #[error(transparent)]
    Encode(#[from] rmp_serde::encode::Error),
}

/// Writes a message as the frozen shape of an older version.
pub fn write_as<'a, Shape, M>(message: &'a M, body: &mut Body) -> Result<(), BodyError>
where
    Shape: Serialize + TryFrom<&'a M, Error = Inexpressible>,
{
    Ok(rmp_serde::encode::write(body, &Shape::try_from(message)?)?)
}

/// Reads a message from the frozen shape of an older version.
pub fn read_as<Shape: DeserializeOwned + Into<M>, M>(body: &[u8]) -> Result<M, rmp_serde::decode::Error> {
    rmp_serde::from_slice::<Shape>(body).map(Into::into)
}

/// Why bytes are not a message. All but [`CodecError::Encode`] and [`CodecError::Inexpressible`] blame the sender.
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
    /// A message of ours that the peer's version has no words for: it should not have been sent to that peer.
    #[error("cannot say to this peer: {why}, of {class} messages")]
    Inexpressible {
        /// Class of the message.
        class: Class,
        /// What is missing there.
        why: Inexpressible,
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
        self.check_in::<M>(Release::BUILT)
    }

    /// The same in a program of any release.
    pub fn check_in<M: Message>(&self, release: Release) -> Result<(), CodecError> {
        if self.class != M::CLASS {
            return Err(CodecError::WrongClass { want: M::CLASS, got: self.class });
        }
        let versions = self.class.versions_in(release);
        if !versions.contains(self.version) {
            let (oldest, newest) = (versions.oldest(), versions.newest());
            return Err(CodecError::Version { class: self.class, got: self.version, oldest, newest });
        }
        if self.length > M::CAP {
            return Err(CodecError::TooLong { class: self.class, length: self.length, cap: M::CAP });
        }
        Ok(())
    }
}

/// One message as a frame, in the newest version of its class.
pub fn encode<M: Message>(message: &M) -> Result<Bytes, CodecError> {
    encode_at(message, M::CLASS.versions().newest())
}

/// One message as a frame, in the version that was agreed on with who gets it.
pub fn encode_at<M: Message>(message: &M, version: u8) -> Result<Bytes, CodecError> {
    let class = M::CLASS;
    let mut frame = BytesMut::with_capacity(256);
    frame.put_bytes(0, HEADER);
    let mut body = frame.writer();
    let lie = sabotage::is(Sabotage::LieAboutVersions) && version > 1;
    message.write(version - u8::from(lie), &mut body).map_err(|error| match error {
        BodyError::Inexpressible(why) => CodecError::Inexpressible { class, why },
        BodyError::Encode(error) => CodecError::Encode { class, why: error.to_string() },
    })?;
    let mut frame = body.into_inner();
    let length = frame.len() - HEADER;
    if length > M::CAP {
        return Err(CodecError::Encode { class, why: format!("{length} bytes, the limit is {}", M::CAP) });
    }
    frame[0] = class as u8;
    frame[1] = version;
    frame[2..HEADER].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(frame.freeze())
}

/// The body of a frame whose header was checked.
pub fn decode_body<M: Message>(version: u8, body: &[u8]) -> Result<M, CodecError> {
    M::read(version, body).map_err(|source| CodecError::Body { class: M::CLASS, source })
}

/// One whole frame; for datagrams and tests. Bytes after the frame are an error.
pub fn decode<M: Message>(frame: &[u8]) -> Result<M, CodecError> {
    decode_in(frame, Release::BUILT)
}

/// The same in a program of any release.
pub fn decode_in<M: Message>(frame: &[u8], release: Release) -> Result<M, CodecError> {
    let short =
        || CodecError::Body { class: M::CLASS, source: rmp_serde::decode::Error::LengthMismatch(frame.len() as u32) };
    let (head, body) = frame.split_first_chunk::<HEADER>().ok_or_else(short)?;
    let header = Header::parse(head)?;
    header.check_in::<M>(release)?;
    if header.length != body.len() {
        return Err(short());
    }
    decode_body(header.version, body)
}

#[cfg(test)]
mod tests;
