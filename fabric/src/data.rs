//! The data plane: streams of cells ([`fabric_proto::cell`]), one for each egress line card and sender.
//!
//! Streams push back: a reader that stands still fills its window, then the sender's, and then
//! [`CellSender::write_all`] waits while the caller's virtual output queue fills and counts its drops.

use crate::{
    FabricError,
    impair::ImpairTable,
    plane::{Joined, Plane, Tuning},
    socket,
    tls::Identity,
};
use bytes::Bytes;
use fabric_proto::{id::CardId, operator::Refusals};
use quinn::VarInt;
use std::net::{SocketAddr, UdpSocket};

/// Twice the congestion window: what a card may hold for a peer that does not read.
const WINDOW: u32 = 2 << 20;

/// First byte of a cell stream: shows the stream to the other side before there is anything to carry.
const CELLS: u8 = 1;

/// The endpoint of a line card's data plane. Cheap to clone; dropping the last clone ends it.
#[derive(Clone)]
pub struct DataEndpoint(Plane);

/// A data connection with a proven peer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DataConnection {
    connection: quinn::Connection,
    peer: CardId,
}

/// The sending half of a cell stream.
#[derive(Debug)]
pub struct CellSender(quinn::SendStream);

/// The receiving half of a cell stream.
#[derive(Debug)]
pub struct CellReceiver(quinn::RecvStream);

/// Packets of a connection, as its sender sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// UDP payload bytes sent.
    pub bytes_sent: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets that had to be sent again.
    pub packets_lost: u64,
}

impl DataEndpoint {
    /// Binds and listens; call it inside the runtime of the data plane's own thread. The packet size follows
    /// the interface that holds `address`, up to the largest that segmentation offload carries.
    pub fn bind(identity: &Identity, address: SocketAddr) -> Result<Self, FabricError> {
        Self::bind_with_payload(identity, address, socket::payload_of(address.ip()))
    }

    /// The same with a UDP payload of `payload` bytes (1200 to 6500), for a path narrower than its interface.
    pub fn bind_with_payload(identity: &Identity, address: SocketAddr, payload: u16) -> Result<Self, FabricError> {
        Plane::bind(identity, address, &tuning(payload)).map(Self)
    }

    /// On a socket that is bound already ([`crate::udp`]). Whoever else holds it must not read it.
    pub fn on(identity: &Identity, socket: &UdpSocket) -> Result<Self, FabricError> {
        let address = socket.local_addr().map_err(|error| FabricError::Closed(error.to_string()))?;
        Plane::on(identity, socket, &tuning(socket::payload_of(address.ip()))).map(Self)
    }

    /// One attempt to reach `peer`, as [`crate::control::ControlEndpoint::connect`].
    pub async fn connect(&self, peer: &CardId, address: SocketAddr) -> Result<DataConnection, FabricError> {
        self.0.connect(peer, address).await.map(DataConnection::from)
    }

    /// The next peer that called and proved who it is; `None` after [`DataEndpoint::close`]. Cancel-safe.
    pub async fn accept(&self) -> Option<DataConnection> {
        self.0.accept().await.map(DataConnection::from)
    }

    /// Where it is bound.
    pub fn local_address(&self) -> Result<SocketAddr, FabricError> {
        self.0.local_address()
    }

    /// What is done to the packets sent from here.
    pub fn impair(&self) -> &ImpairTable {
        self.0.impair()
    }

    /// Keeps places for callers from these addresses, as [`crate::control::ControlEndpoint::expect`].
    pub fn expect(&self, peers: impl IntoIterator<Item = SocketAddr>) {
        self.0.expect(peers);
    }

    /// Peers refused so far, by cause.
    pub fn refusals(&self) -> Refusals {
        self.0.refusals()
    }

    /// Whether whoever calls from now on is passed over: it calls again, and is answered by whoever reads the socket then.
    pub fn deafen(&self, deaf: bool) {
        self.0.deafen(deaf);
    }

    /// Closes all connections and stops listening.
    pub fn close(&self, reason: &str) {
        self.0.close(reason);
    }
}

fn tuning(payload: u16) -> Tuning {
    Tuning {
        payload: payload.clamp(1200, socket::PAYLOAD_MAX),
        stream_window: WINDOW,
        connection_window: 2 * WINDOW,
        send_window: u64::from(WINDOW),
        datagrams: None,
        streams: [0, 64],
        spare_acks: true,
    }
}

impl From<Joined> for DataConnection {
    fn from(joined: Joined) -> Self {
        Self { connection: joined.connection, peer: joined.peer }
    }
}

impl DataConnection {
    /// Whom the other side's certificate names.
    pub fn peer(&self) -> &CardId {
        &self.peer
    }

    /// Distinguishes this connection from every other one of the process.
    pub fn number(&self) -> usize {
        self.connection.stable_id()
    }

    /// Ends the connection with a peer that has no business here, and counts it.
    pub fn turn_away(&self, why: &str) {
        crate::refusals::no_business();
        self.close(why);
    }

    /// Opens a cell stream and shows it to the other side before any cell is written.
    pub async fn open_cells(&self) -> Result<CellSender, FabricError> {
        let mut stream = self.connection.open_uni().await.map_err(|error| FabricError::closed(&error))?;
        stream.write_all(&[CELLS]).await.map_err(|error| FabricError::Closed(error.to_string()))?;
        Ok(CellSender(stream))
    }

    /// The next cell stream that the other side opened.
    pub async fn accept_cells(&self) -> Result<CellReceiver, FabricError> {
        let mut stream = self.connection.accept_uni().await.map_err(|error| FabricError::closed(&error))?;
        let mut kind = [0];
        stream.read_exact(&mut kind).await.map_err(|_| FabricError::Truncated)?;
        if kind == [CELLS] {
            Ok(CellReceiver(stream))
        } else {
            Err(FabricError::Closed("peer opened a stream that is none of cells".to_owned()))
        }
    }

    /// Waits for the connection's end; why it ended.
    pub async fn closed(&self) -> String {
        crate::error::reason_of(&self.connection.closed().await)
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Ends the connection; the other side is told why.
    pub fn close(&self, reason: &str) {
        self.connection.close(VarInt::from_u32(0), reason.as_bytes());
    }

    /// Packet counters of this side.
    pub fn counters(&self) -> LinkCounters {
        let stats = self.connection.stats();
        LinkCounters {
            bytes_sent: stats.udp_tx.bytes,
            packets_sent: stats.path.sent_packets,
            packets_lost: stats.path.lost_packets,
        }
    }
}

impl CellSender {
    /// Writes all of `cells`; waits while the windows are full. Not cancel-safe.
    pub async fn write_all(&mut self, cells: &[u8]) -> Result<(), FabricError> {
        self.0.write_all(cells).await.map_err(|error| FabricError::Closed(error.to_string()))
    }

    /// Writes some of `cells`: how many bytes went. Cancel-safe: what is not reported was not written.
    pub async fn write(&mut self, cells: &[u8]) -> Result<usize, FabricError> {
        self.0.write(cells).await.map_err(|error| FabricError::Closed(error.to_string()))
    }

    /// Writes a buffer without copying it.
    pub async fn write_chunk(&mut self, cells: Bytes) -> Result<(), FabricError> {
        self.0.write_chunk(cells).await.map_err(|error| FabricError::Closed(error.to_string()))
    }

    /// Ends the stream after what was written.
    pub fn finish(&mut self) {
        // An error says that it has ended already.
        let _ = self.0.finish();
    }

    /// Ends the stream and waits until the peer has received all of it, or wants no more.
    pub async fn finished(&mut self) {
        self.finish();
        let _ = self.0.stopped().await;
    }
}

impl CellReceiver {
    /// Reads what is there, at most `buffer`; `None` at the stream's end. Cancel-safe.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, FabricError> {
        self.0.read(buffer).await.map_err(|error| FabricError::Closed(error.to_string()))
    }

    /// Reads what is there, at most `limit` bytes, without copying; `None` at the stream's end. Cancel-safe.
    pub async fn read_chunk(&mut self, limit: usize) -> Result<Option<Bytes>, FabricError> {
        let chunk = self.0.read_chunk(limit, true).await.map_err(|error| FabricError::Closed(error.to_string()))?;
        Ok(chunk.map(|chunk| chunk.bytes))
    }

    /// Refuses the rest of the stream: for a reader that is out of step.
    pub fn stop(&mut self) {
        // An error says that it has ended already.
        let _ = self.0.stop(VarInt::from_u32(1));
    }
}
