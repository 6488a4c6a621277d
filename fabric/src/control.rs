//! The control plane: one ordered stream a message class, heartbeats as datagrams.
//!
//! A peer that sends what is not an acceptable message has its connection closed, and the reader
//! gets a typed error that says what it was.

mod stream;

pub use stream::{Receiver, Sender};

use crate::{
    FabricError,
    impair::ImpairTable,
    plane::{Joined, Plane, Tuning},
    socket,
    tls::Identity,
};
use bytes::Bytes;
use fabric_proto::{
    codec::{Class, CodecError},
    id::CardId,
    offer::Agreed,
    operator::Refusals,
};
use quinn::{AsyncUdpSocket, SendDatagramError, VarInt};
use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};
use tokio::sync::Mutex;

/// A few heartbeats: an old one is worth nothing, so the oldest gives way.
const DATAGRAMS: usize = 64 << 10;
const STREAM_WINDOW: u32 = 2 << 20;
/// Several readers may stand still without stopping the others.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// The endpoint of a card's control plane. Cheap to clone; dropping the last clone ends it.
#[derive(Clone)]
pub struct ControlEndpoint(Plane);

/// A control connection with a proven peer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    connection: quinn::Connection,
    peer: Arc<CardId>,
    agreed: Arc<Agreed>,
    /// A stream that was accepted and has not announced its class yet: a cancelled
    /// [`Connection::accept_stream`] leaves it here for the next call.
    unannounced: Arc<Mutex<Option<(quinn::SendStream, quinn::RecvStream)>>>,
}

impl ControlEndpoint {
    /// Binds and listens; call it inside the tokio runtime that is to drive the endpoint.
    pub fn bind(identity: &Identity, address: SocketAddr) -> Result<Self, FabricError> {
        Plane::bind(identity, address, &tuning()).map(Self)
    }

    /// On a socket that is bound already ([`crate::udp`]). Whoever else holds it must not read it.
    pub fn on(identity: &Identity, socket: &UdpSocket) -> Result<Self, FabricError> {
        Plane::on(identity, socket, &tuning()).map(Self)
    }

    /// The same over a socket that is there already, for simulated networks; `buffer` is what it holds, in bytes.
    pub fn over(
        identity: &Identity,
        address: SocketAddr,
        socket: Arc<dyn AsyncUdpSocket>,
        buffer: usize,
    ) -> Result<Self, FabricError> {
        Plane::over(identity, address, socket, buffer, &tuning()).map(Self)
    }

    /// One attempt to reach `peer`: a quarter of a second when nobody answers ([`FabricError::Unreachable`]),
    /// so call it again for as long as the peer is wanted. Returns when the peer has accepted this side, too.
    pub async fn connect(&self, peer: &CardId, address: SocketAddr) -> Result<Connection, FabricError> {
        self.0.connect(peer, address).await.map(Connection::from)
    }

    /// The next peer that called and proved who it is; `None` after [`ControlEndpoint::close`]. What that peer
    /// may do is the caller's decision. A card that calls again has lost its older connection; operators may have
    /// several. Cancel-safe.
    pub async fn accept(&self) -> Option<Connection> {
        self.0.accept().await.map(Connection::from)
    }

    /// Where it is bound.
    pub fn local_address(&self) -> Result<SocketAddr, FabricError> {
        self.0.local_address()
    }

    /// Who this side is.
    pub fn identity(&self) -> &Identity {
        self.0.identity()
    }

    /// What is done to the packets sent from here.
    pub fn impair(&self) -> &ImpairTable {
        self.0.impair()
    }

    /// Keeps places for callers from these addresses: the cards that the configuration names. Whatever others do,
    /// a handshake with one of these can begin.
    pub fn expect(&self, peers: impl IntoIterator<Item = SocketAddr>) {
        self.0.expect(peers);
    }

    /// Peers refused so far, by cause.
    pub fn refusals(&self) -> Refusals {
        self.0.refusals()
    }

    /// Handshakes under way that others began.
    pub fn half_open(&self) -> usize {
        self.0.half_open()
    }

    /// Connections: those under way, and those that are closing, too.
    pub fn connections(&self) -> usize {
        self.0.connections()
    }

    /// Whether whoever calls from now on is passed over: it calls again, and is answered by whoever reads the socket then.
    pub fn deafen(&self, deaf: bool) {
        self.0.deafen(deaf);
    }

    /// Closes all connections and stops listening.
    pub fn close(&self, reason: &str) {
        self.0.close(reason);
    }

    /// After [`ControlEndpoint::close`]: waits until the peers have been told.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

fn tuning() -> Tuning {
    Tuning {
        payload: socket::PAYLOAD_ETHERNET,
        stream_window: STREAM_WINDOW,
        connection_window: CONNECTION_WINDOW,
        send_window: u64::from(CONNECTION_WINDOW),
        datagrams: Some(DATAGRAMS),
        streams: [256, 8],
        spare_acks: false,
    }
}

impl From<Joined> for Connection {
    fn from(joined: Joined) -> Self {
        let Joined { connection, peer, agreed } = joined;
        Self { connection, peer: Arc::new(peer), agreed, unannounced: Arc::default() }
    }
}

impl Connection {
    /// Whom the other side's certificate names.
    pub fn peer(&self) -> &CardId {
        &self.peer
    }

    /// What both sides speak.
    pub fn agreed(&self) -> &Arc<Agreed> {
        &self.agreed
    }

    /// Where the other side is.
    pub fn address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// Distinguishes this connection from every other one of the process.
    pub fn number(&self) -> usize {
        self.connection.stable_id()
    }

    /// Opens the stream of a class; the other side sees it at once.
    pub async fn open(&self, class: Class) -> Result<(Sender, Receiver), FabricError> {
        let (mut send, recv) = self.connection.open_bi().await.map_err(|error| FabricError::closed(&error))?;
        send.write_all(&[class as u8]).await.map_err(|error| stream::write_failed(&self.connection, &error))?;
        Ok(self.pair(class, send, recv))
    }

    /// The next stream that the other side opened. Cancel-safe.
    pub async fn accept_stream(&self) -> Result<(Class, Sender, Receiver), FabricError> {
        let mut unannounced = self.unannounced.lock().await;
        loop {
            if unannounced.is_none() {
                let pair = self.connection.accept_bi().await.map_err(|error| FabricError::closed(&error))?;
                *unannounced = Some(pair);
            }
            let Some((_, recv)) = unannounced.as_mut() else { continue };
            let mut byte = [0];
            let read = recv.read(&mut byte).await;
            let Some((send, recv)) = unannounced.take() else { continue };
            match read {
                Ok(Some(1)) => {
                    let class = Class::try_from(byte[0]).map_err(|error| self.refuse(error))?;
                    let (sender, receiver) = self.pair(class, send, recv);
                    return Ok((class, sender, receiver));
                }
                // A stream given up before it began.
                Ok(_) | Err(quinn::ReadError::Reset(_)) => {}
                Err(error) => return Err(stream::read_failed(&self.connection, &error)),
            }
        }
    }

    /// Queues a datagram. Never waits: when the queue is full, the oldest datagram in it is dropped.
    pub fn send_datagram(&self, datagram: Bytes) -> Result<(), FabricError> {
        let length = datagram.len();
        self.connection.send_datagram(datagram).map_err(|error| match error {
            SendDatagramError::ConnectionLost(error) => FabricError::closed(&error),
            SendDatagramError::TooLarge | SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled => {
                FabricError::DatagramTooLong { length, limit: self.connection.max_datagram_size().unwrap_or(0) }
            }
        })
    }

    /// The next datagram that arrived. Cancel-safe.
    pub async fn recv_datagram(&self) -> Result<Bytes, FabricError> {
        self.connection.read_datagram().await.map_err(|error| FabricError::closed(&error))
    }

    /// Waits for the connection's end; why it ended.
    pub async fn closed(&self) -> String {
        crate::error::reason_of(&self.connection.closed().await)
    }

    /// Ends the connection with a peer that has no business here, and counts it.
    pub fn turn_away(&self, why: &str) {
        crate::refusals::no_business();
        self.close(why);
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Ends the connection; the other side is told why.
    pub fn close(&self, reason: &str) {
        self.connection.close(VarInt::from_u32(0), reason.as_bytes());
    }

    /// Round-trip time as measured last.
    pub fn round_trip(&self) -> std::time::Duration {
        self.connection.rtt()
    }

    fn pair(&self, class: Class, send: quinn::SendStream, recv: quinn::RecvStream) -> (Sender, Receiver) {
        let version = self.agreed.messages(class);
        (Sender::new(self.connection.clone(), send, version), Receiver::new(self.connection.clone(), recv))
    }

    /// Ends the connection because of what the peer sent.
    fn refuse(&self, error: CodecError) -> FabricError {
        stream::refuse(&self.connection, error)
    }
}
