//! What both planes share: an endpoint that calls and accepts, with both sides proven.
//!
//! A handshake ends with the accepting side's *welcome*, one byte on its first unidirectional
//! stream: TLS 1.3 lets a caller finish before its certificate is looked at, and without the welcome
//! a refusal would only show on first use.
//!
//! **A peer that was killed and started again** on the same address: connection ids and stateless reset tokens
//! derive from the card's key, so the fresh process answers packets of the old connection with a
//! reset that is believed, and the old connection ends with "peer restarted" within a round trip of
//! the next packet sent. A caller need not wait for that: it calls again, and takes the new connection.

use crate::{
    FabricError,
    congestion::ConstantWindow,
    error::reason_of,
    impair::ImpairTable,
    socket,
    tls::{Identity, dns_name},
};
use fabric_proto::id::CardId;
use quinn::{
    AckFrequencyConfig, AsyncUdpSocket, ClientConfig, ConnectionError, Endpoint, EndpointConfig, Runtime, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc},
    task::AbortHandle,
    time::timeout,
};

/// A caller waits this long for the first answer. Nobody there is the ordinary case while cards restart.
const ANSWER: Duration = Duration::from_millis(250);
/// Once the other side has answered, the handshake may take this long: a loaded host is not an absent one.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// Handshakes under way and connections not yet accepted; a chassis has fewer cards than this.
const PLACES: usize = 128;
/// Longer than any liveness decision: only collects connections whose peer will never come back.
const IDLE: Duration = Duration::from_secs(30);
/// Also bounds how long a peer that was restarted stays unnoticed by a side that has nothing to say.
const KEEP_ALIVE: Duration = Duration::from_millis(250);
/// Before the first measurement; it sets the pace at which a handshake's first packet is repeated.
const INITIAL_RTT: Duration = Duration::from_millis(10);

/// The welcome byte: the version of what follows the handshake.
const WELCOME: u8 = 1;

/// Refusals of all endpoints of this process.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Peers that were refused since the program was started, on any endpoint: without a valid certificate of the lab, with
/// that of another card than the one that was called, with no business here, or with a handshake that never ended,
/// as somebody's who repeats what another one said.
pub(crate) fn refused_in_process() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// Counts a peer that an endpoint let in and its owner refused.
pub(crate) fn count_refused() {
    REFUSED.fetch_add(1, Ordering::Relaxed);
}

/// What the planes do differently.
pub(crate) struct Tuning {
    /// UDP payload.
    pub(crate) payload: u16,
    /// Bytes a peer may send on one stream before it is read.
    pub(crate) stream_window: u32,
    /// Bytes a peer may send on one connection before they are read.
    pub(crate) connection_window: u32,
    /// Bytes kept until they are acknowledged.
    pub(crate) send_window: u64,
    /// Datagram queue; the oldest gives way when it is full.
    pub(crate) datagrams: Option<usize>,
    /// Bidirectional and unidirectional streams that a peer may have open.
    pub(crate) streams: [u32; 2],
    /// Whether acknowledgements are spared (bulk).
    pub(crate) spare_acks: bool,
}

/// One endpoint. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Plane(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    identity: Identity,
    transport: Arc<TransportConfig>,
    impair: ImpairTable,
    joined: Mutex<mpsc::Receiver<Joined>>,
    acceptor: AbortHandle,
    refused: Arc<AtomicU64>,
}

/// A connection whose both ends are proven.
pub(crate) struct Joined {
    pub(crate) connection: quinn::Connection,
    pub(crate) peer: CardId,
}

impl Plane {
    /// Binds; needs a tokio runtime around it.
    pub(crate) fn bind(identity: &Identity, address: SocketAddr, tuning: &Tuning) -> Result<Self, FabricError> {
        let failed = |source| FabricError::Bind { address, source };
        let (socket, buffer) = socket::bind(address)?;
        let socket = TokioRuntime.wrap_udp_socket(socket).map_err(failed)?;
        Self::over(identity, address, socket, buffer, tuning)
    }

    /// Over any socket: a simulated network's, too.
    pub(crate) fn over(
        identity: &Identity,
        address: SocketAddr,
        socket: Arc<dyn AsyncUdpSocket>,
        buffer: usize,
        tuning: &Tuning,
    ) -> Result<Self, FabricError> {
        let failed = |source| FabricError::Bind { address, source };
        let transport = Arc::new(transport(tuning, ConstantWindow::for_buffer(buffer)));
        let mut server = ServerConfig::with_crypto(Arc::new(identity.server()?));
        server.transport_config(Arc::clone(&transport)).migration(false);

        let runtime = Arc::new(TokioRuntime);
        let impair = ImpairTable::default();
        let socket = impair.wrap(socket);
        let config = endpoint_config(identity, tuning.payload)?;
        let endpoint = Endpoint::new_with_abstract_socket(config, Some(server), socket, runtime).map_err(failed)?;

        let refused = Arc::new(AtomicU64::new(0));
        let (ready, joined) = mpsc::channel(PLACES);
        let acceptor = tokio::spawn(accept_all(endpoint.clone(), identity.clone(), ready, Arc::clone(&refused)));
        Ok(Self(Arc::new(Inner {
            endpoint,
            identity: identity.clone(),
            transport,
            impair,
            joined: Mutex::new(joined),
            acceptor: acceptor.abort_handle(),
            refused,
        })))
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, FabricError> {
        self.0.endpoint.local_addr().map_err(|error| FabricError::Closed(error.to_string()))
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn impair(&self) -> &ImpairTable {
        &self.0.impair
    }

    /// Peers refused: no valid certificate, another card's, a handshake without end, or no place left.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    pub(crate) async fn connect(&self, peer: &CardId, address: SocketAddr) -> Result<Joined, FabricError> {
        let unreachable = || FabricError::Unreachable { peer: Box::new(peer.clone()), address };
        let (crypto, impostor) = self.0.identity.client(peer)?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::clone(&self.0.transport));
        let mut connecting = self
            .0
            .endpoint
            .connect_with(config, address, &dns_name(peer)?)
            .map_err(|error| FabricError::Closed(error.to_string()))?;
        let failed = |error: ConnectionError| call_failed(&error, peer, address, &impostor);
        let welcomed = async {
            timeout(ANSWER, connecting.handshake_data()).await.map_err(|_| unreachable())?.map_err(failed)?;
            let connection = connecting.await.map_err(failed)?;
            await_welcome(&connection).await.map_err(failed)?;
            Ok(connection)
        };
        let connection = timeout(HANDSHAKE, welcomed).await.unwrap_or_else(|_| Err(unreachable()));
        if impostor.get().is_some() {
            self.count_refused();
        }
        Ok(Joined { connection: connection?, peer: peer.clone() })
    }

    fn count_refused(&self) {
        count(&self.0.refused);
    }

    /// The next caller that proved who it is; `None` after [`Plane::close`].
    pub(crate) async fn accept(&self) -> Option<Joined> {
        self.0.joined.lock().await.recv().await
    }

    /// Closes every connection and accepts no more.
    pub(crate) fn close(&self, reason: &str) {
        self.0.endpoint.close(VarInt::from_u32(0), reason.as_bytes());
    }

    /// Waits until the peers know of [`Plane::close`].
    pub(crate) async fn closed(&self) {
        self.0.endpoint.wait_idle().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

fn count(refused: &AtomicU64) {
    refused.fetch_add(1, Ordering::Relaxed);
    count_refused();
}

fn call_failed(
    error: &ConnectionError,
    peer: &CardId,
    address: SocketAddr,
    impostor: &OnceLock<CardId>,
) -> FabricError {
    match (impostor.get(), error) {
        (Some(found), _) => {
            FabricError::WrongPeer { expected: Box::new(peer.clone()), found: Box::new(found.clone()), address }
        }
        (None, ConnectionError::TimedOut | ConnectionError::Reset) => {
            FabricError::Unreachable { peer: Box::new(peer.clone()), address }
        }
        (None, error) => FabricError::Refused { address, reason: reason_of(error) },
    }
}

async fn await_welcome(connection: &quinn::Connection) -> Result<(), ConnectionError> {
    let mut stream = connection.accept_uni().await?;
    let mut byte = [0];
    // A stream that ends early or says something else is a peer of another make.
    if stream.read_exact(&mut byte).await.is_err() || byte != [WELCOME] {
        connection.close(VarInt::from_u32(1), b"no welcome");
        return Err(connection.closed().await);
    }
    Ok(())
}

/// Takes callers for as long as the endpoint lives. Each handshake is its own task, so that a slow caller
/// holds up nobody.
async fn accept_all(endpoint: Endpoint, identity: Identity, ready: mpsc::Sender<Joined>, refused: Arc<AtomicU64>) {
    while let Some(incoming) = endpoint.accept().await {
        let Ok(place) = ready.clone().try_reserve_owned() else {
            count(&refused);
            incoming.refuse();
            continue;
        };
        let (identity, refused) = (identity.clone(), Arc::clone(&refused));
        tokio::spawn(async move {
            let from = incoming.remote_address();
            match timeout(HANDSHAKE, admit(incoming, &identity)).await {
                Ok(Ok(joined)) => {
                    place.send(joined);
                }
                Ok(Err(reason)) => {
                    count(&refused);
                    tracing::warn!(%from, "caller refused: {reason}");
                }
                Err(_) => {
                    // A card that was killed meanwhile, or packets that somebody recorded and sends again.
                    count(&refused);
                    tracing::info!(%from, "caller refused: its handshake did not end");
                }
            }
        });
    }
}

async fn admit(incoming: quinn::Incoming, identity: &Identity) -> Result<Joined, String> {
    let connection = incoming.await.map_err(|error| reason_of(&error))?;
    let Some(peer) = identity.peer_of(&connection) else {
        connection.close(VarInt::from_u32(1), b"your certificate names no card of this lab");
        return Err("its certificate names no card of this lab".to_owned());
    };
    let welcome = async {
        let mut stream = connection.open_uni().await.map_err(|error| reason_of(&error))?;
        stream.write_all(&[WELCOME]).await.map_err(|error| error.to_string())
    };
    welcome.await?;
    Ok(Joined { connection, peer })
}

fn transport(tuning: &Tuning, window: ConstantWindow) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(IDLE.try_into().expect("30 s fit a VarInt of milliseconds")))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(INITIAL_RTT)
        .initial_mtu(tuning.payload)
        // Without a floor, impaired loss is taken for an MTU black hole, and the size never recovers.
        .min_mtu(tuning.payload)
        .mtu_discovery_config(None)
        .stream_receive_window(VarInt::from_u32(tuning.stream_window))
        .receive_window(VarInt::from_u32(tuning.connection_window))
        .send_window(tuning.send_window)
        .max_concurrent_bidi_streams(VarInt::from_u32(tuning.streams[0]))
        .max_concurrent_uni_streams(VarInt::from_u32(tuning.streams[1]))
        .datagram_receive_buffer_size(tuning.datagrams)
        .datagram_send_buffer_size(tuning.datagrams.unwrap_or(0))
        .congestion_controller_factory(Arc::new(window));
    if tuning.spare_acks {
        let mut frequency = AckFrequencyConfig::default();
        frequency
            .ack_eliciting_threshold(VarInt::from_u32(ack_threshold(window, tuning.payload)))
            .max_ack_delay(Some(Duration::from_millis(2)));
        config.ack_frequency_config(Some(frequency));
    }
    config
}

/// 200 packets an acknowledgement was measured best, but a window must hold a few times as many, or the
/// sender stands still until the acknowledgement's delay has passed.
fn ack_threshold(window: ConstantWindow, payload: u16) -> u32 {
    let packets = window.bytes() / u64::from(payload);
    (packets / 4).clamp(2, 200) as u32
}

fn endpoint_config(identity: &Identity, payload: u16) -> Result<EndpointConfig, FabricError> {
    let mut config = EndpointConfig::new(Arc::new(identity.secret("stateless reset")));
    config
        .max_udp_payload_size(payload)
        .map_err(|error| FabricError::Certificate(error.to_string()))?
        .cid_generator(|| Box::new(RandomIds));
    Ok(config)
}

/// Random connection ids that any process accepts as possibly its own: it has to, to answer packets
/// of its predecessor with a reset.
struct RandomIds;

impl quinn::ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> quinn::ConnectionId {
        let mut bytes = [0; CID_LENGTH];
        SystemRandom::new().fill(&mut bytes).expect("the kernel's random source works once TLS does");
        quinn::ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        CID_LENGTH
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

const CID_LENGTH: usize = 8;
