//! What both planes share: an endpoint that calls and accepts, with both sides proven.
//!
//! A handshake ends with the accepting side's *welcome*, one byte on its first unidirectional
//! stream: TLS 1.3 lets a caller finish before its certificate is looked at, and without the welcome
//! a refusal would only show on first use.
//!
//! **What both sides speak** is agreed on before that is over ([`exchange`]): it costs no round trip.
//!
//! **Whoever calls first proves its address** (QUIC's Retry): what cannot be answered costs no state, no signature and no
//! place. Places are given by [`gate`].
//!
//! **A peer that was killed and started again** on the same address: connection ids and stateless reset tokens
//! derive from the card's key, so the fresh process answers packets of the old connection with a
//! reset that is believed, and the old connection ends with "peer restarted" within a round trip of
//! the next packet sent. A caller need not wait for that: it calls again, and takes the new connection.

mod door;
mod exchange;
mod gate;

use crate::{
    FabricError,
    congestion::ConstantWindow,
    error::reason_of,
    impair::ImpairTable,
    refusals::{Cause, Tally},
    socket,
    tls::{Identity, dns_name},
};
use door::{Door, lock};
use fabric_proto::{
    id::{CardId, Unit},
    offer::Agreed,
    operator::Refusals,
};
use gate::Gate;
use quinn::{
    AckFrequencyConfig, AsyncUdpSocket, ClientConfig, ConnectionError, Endpoint, EndpointConfig, Runtime, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use ring::rand::{SecureRandom, SystemRandom};
use socket2::SockRef;
use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::AbortHandle, time::timeout};

/// A caller waits this long for the first answer. Nobody there is the ordinary case while cards restart.
const ANSWER: Duration = Duration::from_millis(250);
/// Once the other side has answered, the handshake may take this long: a loaded host is not an absent one.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// Proven callers that the owner has not taken yet; a chassis has fewer cards than this.
const PLACES: usize = 128;
/// First packets that wait to be looked at: answering one takes microseconds.
const ARRIVALS: usize = 1024;
/// Longer than any liveness decision: only collects connections whose peer will never come back.
const IDLE: Duration = Duration::from_secs(30);
/// An operator's connection holds things that nobody else can have meanwhile, as the configuration lock. One that
/// was killed cannot say goodbye, so both sides give it up sooner: twenty times its [`KEEP_ALIVE`].
const OPERATOR_IDLE: Duration = Duration::from_secs(5);
/// Also bounds how long a peer that was restarted stays unnoticed by a side that has nothing to say.
const KEEP_ALIVE: Duration = Duration::from_millis(250);
/// Before the first measurement; it sets the pace at which a handshake's first packet is repeated.
const INITIAL_RTT: Duration = Duration::from_millis(10);

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
    joined: tokio::sync::Mutex<mpsc::Receiver<Joined>>,
    acceptor: AbortHandle,
    gate: Arc<Mutex<Gate>>,
    tally: Arc<Tally>,
    deaf: Arc<AtomicBool>,
}

/// A connection whose both ends are proven.
pub(crate) struct Joined {
    pub(crate) connection: quinn::Connection,
    pub(crate) peer: CardId,
    /// What both sides speak.
    pub(crate) agreed: Arc<Agreed>,
}

impl Plane {
    /// Binds; needs a tokio runtime around it.
    pub(crate) fn bind(identity: &Identity, address: SocketAddr, tuning: &Tuning) -> Result<Self, FabricError> {
        Self::on(identity, &socket::bind(address)?, tuning)
    }

    /// On a socket that is bound already. Whoever else holds it must not read it.
    pub(crate) fn on(identity: &Identity, socket: &UdpSocket, tuning: &Tuning) -> Result<Self, FabricError> {
        let address = socket.local_addr().map_err(|error| FabricError::Closed(error.to_string()))?;
        let failed = |source| FabricError::Bind { address, source };
        let buffer = SockRef::from(socket).recv_buffer_size().map_err(failed)?;
        let socket = socket.try_clone().map_err(failed)?;
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
        let idle = if identity.id().unit == Unit::Operator { OPERATOR_IDLE } else { IDLE };
        let transport = Arc::new(transport(tuning, ConstantWindow::for_buffer(buffer), idle));
        let mut server = ServerConfig::with_crypto(Arc::new(identity.server()?));
        server
            .token_key(identity.token_key())
            .transport_config(Arc::clone(&transport))
            .migration(false)
            .max_incoming(ARRIVALS);

        let runtime = Arc::new(TokioRuntime);
        let impair = ImpairTable::default();
        let socket = impair.wrap(socket);
        let config = endpoint_config(identity, tuning.payload)?;
        let endpoint = Endpoint::new_with_abstract_socket(config, Some(server), socket, runtime).map_err(failed)?;

        let (ready, joined) = mpsc::channel(PLACES);
        let (gate, tally) = (Arc::<Mutex<Gate>>::default(), Arc::new(Tally::new()));
        let deaf = Arc::<AtomicBool>::default();
        let door = Door::new(identity.clone(), ready, Arc::clone(&gate), Arc::clone(&tally), Arc::clone(&deaf));
        let acceptor = tokio::spawn(door.accept_all(endpoint.clone()));
        Ok(Self(Arc::new(Inner {
            endpoint,
            identity: identity.clone(),
            transport,
            impair,
            joined: tokio::sync::Mutex::new(joined),
            acceptor: acceptor.abort_handle(),
            gate,
            tally,
            deaf,
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

    /// Peers refused, by cause.
    pub(crate) fn refusals(&self) -> Refusals {
        self.0.tally.read()
    }

    /// Keeps places for callers from these addresses.
    pub(crate) fn expect(&self, peers: impl IntoIterator<Item = SocketAddr>) {
        lock(&self.0.gate).expect(peers);
    }

    /// Handshakes under way that others began.
    pub(crate) fn half_open(&self) -> usize {
        lock(&self.0.gate).open()
    }

    /// Connections: those under way and those that are closing too.
    pub(crate) fn connections(&self) -> usize {
        self.0.endpoint.open_connections()
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
            let agreed = exchange::call(&connection, self.0.identity.offer()).await.map_err(failed)?;
            Ok((connection, agreed))
        };
        let joined = timeout(HANDSHAKE, welcomed).await.unwrap_or_else(|_| Err(unreachable()));
        if impostor.get().is_some() {
            self.0.tally.count(Cause::WrongCard);
        }
        let (connection, agreed) = joined?;
        Ok(Joined { connection, peer: peer.clone(), agreed: Arc::new(agreed) })
    }

    /// The next caller that proved who it is; `None` after [`Plane::close`].
    pub(crate) async fn accept(&self) -> Option<Joined> {
        self.0.joined.lock().await.recv().await
    }

    /// Whether first packets of callers are passed over. A caller says them again, and is answered by whoever reads the
    /// socket then.
    pub(crate) fn deafen(&self, deaf: bool) {
        self.0.deaf.store(deaf, Ordering::Relaxed);
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

fn transport(tuning: &Tuning, window: ConstantWindow, idle: Duration) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(idle.try_into().expect("seconds fit a VarInt of milliseconds")))
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
