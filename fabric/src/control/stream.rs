//! Message streams.

use crate::FabricError;
use bytes::{Bytes, BytesMut};
use fabric_proto::codec::{self, CodecError, HEADER, Header, Message};
use quinn::{ReadError, VarInt, WriteError};
use std::marker::PhantomData;

/// Read at once, at most.
const CHUNK: usize = 64 << 10;

/// The sending half of a message stream. Dropping it ends the stream after what was sent.
#[derive(Debug)]
pub struct Sender {
    connection: quinn::Connection,
    stream: quinn::SendStream,
    /// In which messages are written, as was agreed on with the peer.
    version: u8,
}

/// The receiving half of a message stream.
#[derive(Debug)]
pub struct Receiver {
    connection: quinn::Connection,
    stream: quinn::RecvStream,
    buffer: BytesMut,
}

impl Sender {
    pub(super) fn new(connection: quinn::Connection, stream: quinn::SendStream, version: u8) -> Self {
        Self { connection, stream, version }
    }

    /// The version in which it writes messages: whoever sends frames encodes them at it.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Sends one message; waits while the peer's window is full. Not cancel-safe: a half-sent message breaks
    /// the stream, so give the sender a task of its own.
    pub async fn send<M: Message>(&mut self, message: &M) -> Result<(), FabricError> {
        self.send_frame(codec::encode_at(message, self.version)?).await
    }

    /// Sends a message that is encoded already: the same frame can go to many peers without a copy.
    pub async fn send_frame(&mut self, frame: Bytes) -> Result<(), FabricError> {
        self.stream.write_chunk(frame).await.map_err(|error| write_failed(&self.connection, &error))
    }

    /// Ends the stream after what was sent.
    pub fn finish(&mut self) {
        // An error says that it has ended already.
        let _ = self.stream.finish();
    }

    /// Waits until the peer has received everything, or wants no more of it. For the last words before closing.
    pub async fn finished(&mut self) {
        self.finish();
        let _ = self.stream.stopped().await;
    }
}

impl Receiver {
    pub(super) fn new(connection: quinn::Connection, stream: quinn::RecvStream) -> Self {
        Self { connection, stream, buffer: BytesMut::new() }
    }

    /// The next message; `None` when the peer ended the stream. Cancel-safe. Class, version and length are
    /// checked before the body is awaited; a message that is refused ends the whole connection.
    pub async fn recv<M: Message>(&mut self) -> Result<Option<M>, FabricError> {
        let mut wanted = Wanted::<M>::Header;
        loop {
            match wanted.take(&mut self.buffer) {
                Ok(Taken::Message(message)) => return Ok(Some(message)),
                Ok(Taken::More(then)) => wanted = then,
                Err(error) => return Err(refuse(&self.connection, error)),
            }
            match self.stream.read_chunk(CHUNK, true).await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk.bytes),
                Ok(None) if self.buffer.is_empty() => return Ok(None),
                Ok(None) => return Err(FabricError::Truncated),
                Err(error) => return Err(read_failed(&self.connection, &error)),
            }
        }
    }
}

/// What the reader waits for.
enum Wanted<M> {
    Header,
    Body { version: u8, length: usize, _message: PhantomData<M> },
}

enum Taken<M> {
    Message(M),
    More(Wanted<M>),
}

impl<M: Message> Wanted<M> {
    /// Takes a message off the front of `buffer`, if one is whole. The header stays in the buffer until then.
    fn take(self, buffer: &mut BytesMut) -> Result<Taken<M>, CodecError> {
        let (version, length) = match self {
            Self::Body { version, length, .. } => (version, length),
            Self::Header => {
                let Some(head) = buffer.first_chunk::<HEADER>() else { return Ok(Taken::More(Self::Header)) };
                let header = Header::parse(head)?;
                header.check::<M>()?;
                buffer.reserve((HEADER + header.length).saturating_sub(buffer.len()));
                (header.version, header.length)
            }
        };
        if buffer.len() < HEADER + length {
            return Ok(Taken::More(Self::Body { version, length, _message: PhantomData }));
        }
        let frame = buffer.split_to(HEADER + length);
        codec::decode_body(version, &frame[HEADER..]).map(Taken::Message)
    }
}

/// Ends the connection because of what the peer sent, and tells it so.
pub(super) fn refuse(connection: &quinn::Connection, error: CodecError) -> FabricError {
    connection.close(VarInt::from_u32(2), error.to_string().as_bytes());
    FabricError::Codec(error)
}

pub(super) fn write_failed(connection: &quinn::Connection, error: &WriteError) -> FabricError {
    ended(connection, error.to_string())
}

pub(super) fn read_failed(connection: &quinn::Connection, error: &ReadError) -> FabricError {
    ended(connection, error.to_string())
}

/// The connection's reason says more than the stream's.
fn ended(connection: &quinn::Connection, stream: String) -> FabricError {
    connection.close_reason().map_or(FabricError::Closed(stream), |reason| FabricError::closed(&reason))
}
