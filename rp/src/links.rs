//! Connections of a route processor: to its peer, and, while it is active, to line cards and the route feed.
//!
//! Every connection has one task that turns what arrives into [`Input`]s and one bounded queue of
//! what is to be sent. A task ends when its connection does or when its [`Link`] is dropped. Whoever
//! dials tries again for as long as the shell keeps the link.

use bytes::Bytes;
use fabric::control::{Connection, ControlEndpoint, Receiver, Sender};
use fabric_proto::{
    checkpoint::CfMessage,
    codec::{self, Class, Message},
    feed::FromFeed,
    id::{CardId, LcSlot},
    linecard::FromLc,
    offer::Agreed,
    redundancy::{Heartbeat, RfMessage},
};
use rp_core::rp::Input;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinHandle};

/// Messages waiting for one stream. The machines' own windows are far smaller (tens); this is what
/// a peer that stopped reading may hold before it is cut off.
const QUEUE: usize = 4096;
/// Between attempts to reach a card that is not there: short beside any switchover timer.
const RETRY: Duration = Duration::from_millis(20);

/// Inputs on their way to the owner. `urgent` goes first: heartbeats never wait behind routes.
#[derive(Clone)]
pub(crate) struct Inputs {
    /// Roles, line cards, operator.
    pub(crate) urgent: mpsc::Sender<Input>,
    /// Routes and checkpoints: a full queue makes the sender wait (QUIC flow control).
    pub(crate) bulk: mpsc::Sender<Input>,
}

/// One peer, as long as the shell holds it.
pub(crate) struct Link<Out> {
    queue: mpsc::Sender<Out>,
    task: JoinHandle<()>,
}

impl<Out> Link<Out> {
    /// Queues a message. A full queue means that the peer has stopped reading: false, and the caller drops the link.
    pub(crate) fn send(&self, message: Out) -> bool {
        !matches!(self.queue.try_send(message), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Whether its connection has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.queue.is_closed()
    }
}

impl<Out> Drop for Link<Out> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What goes to the peer RP.
pub(crate) enum ToPeer {
    /// As a datagram: a stale one is worthless.
    Heartbeat(Heartbeat),
    /// On the redundancy stream.
    Redundancy(RfMessage),
    /// On the checkpoint stream.
    Checkpoint(CfMessage),
}

/// Dials a card for ever and speaks one message class with it.
pub(crate) fn dial<In, Out>(
    endpoint: ControlEndpoint,
    id: CardId,
    address: SocketAddr,
    inputs: mpsc::Sender<Input>,
    wrap: impl Fn(LinkEvent<In>) -> Input + Send + Sync + 'static,
) -> Link<Out>
where
    In: Message + Send + Sync + 'static,
    Out: Message + Send + Sync + 'static,
{
    let (queue, mut outgoing) = mpsc::channel(QUEUE);
    let task = tokio::spawn(async move {
        loop {
            if let Ok(connection) = endpoint.connect(&id, address).await {
                while outgoing.try_recv().is_ok() {} // meant for the connection before
                if inputs.send(wrap(LinkEvent::Up(Arc::clone(connection.agreed())))).await.is_err() {
                    return;
                }
                let reason = speak(&connection, &inputs, &wrap, &mut outgoing).await;
                tracing::debug!(%id, reason, "connection ended");
                connection.close("done");
                if inputs.send(wrap(LinkEvent::Down)).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    });
    Link { queue, task }
}

/// What happens on a dialled connection.
pub(crate) enum LinkEvent<In> {
    /// It is there, and both sides speak this.
    Up(Arc<Agreed>),
    /// A message.
    Message(In),
    /// It is gone.
    Down,
}

async fn speak<In: Message, Out: Message>(
    connection: &Connection,
    inputs: &mpsc::Sender<Input>,
    wrap: &impl Fn(LinkEvent<In>) -> Input,
    outgoing: &mut mpsc::Receiver<Out>,
) -> String {
    let (mut sender, mut receiver) = match connection.open(In::CLASS).await {
        Ok(stream) => stream,
        Err(error) => return error.to_string(),
    };
    let receive = async {
        loop {
            match receiver.recv::<In>().await {
                Ok(Some(message)) => {
                    if inputs.send(wrap(LinkEvent::Message(message))).await.is_err() {
                        return "shutting down".to_owned();
                    }
                }
                Ok(None) => return "closed by the peer".to_owned(),
                Err(error) => return error.to_string(),
            }
        }
    };
    let send = async {
        while let Some(message) = outgoing.recv().await {
            if let Err(error) = sender.send(&message).await {
                return error.to_string();
            }
        }
        "shutting down".to_owned()
    };
    tokio::select! { reason = receive => reason, reason = send => reason }
}

/// The line card in `slot`.
pub(crate) fn line_card_input(slot: LcSlot) -> impl Fn(LinkEvent<FromLc>) -> Input + Send + Sync + 'static {
    move |event| match event {
        LinkEvent::Up(agreed) => Input::LcConnected(slot, agreed),
        LinkEvent::Message(message) => Input::Lc(slot, message),
        LinkEvent::Down => Input::LcLost(slot),
    }
}

/// The route feed.
pub(crate) fn feed_input(event: LinkEvent<FromFeed>) -> Input {
    match event {
        LinkEvent::Up(_) => Input::FeedConnected,
        LinkEvent::Message(message) => Input::Feed(message),
        LinkEvent::Down => Input::FeedLost,
    }
}

/// The peer RP over a connection that either side dialled: redundancy and checkpoint streams, heartbeats.
pub(crate) fn peer(connection: Connection, dialled: bool, inputs: Inputs) -> Link<ToPeer> {
    let (queue, outgoing) = mpsc::channel(QUEUE);
    let task = tokio::spawn(async move {
        let reason = run_peer(&connection, dialled, &inputs, outgoing).await;
        tracing::info!(peer = %connection.peer(), reason, "connection to the peer ended");
        connection.close("done");
        let _ = inputs.urgent.send(Input::PeerLost).await;
    });
    Link { queue, task }
}

async fn run_peer(connection: &Connection, dialled: bool, inputs: &Inputs, outgoing: mpsc::Receiver<ToPeer>) -> String {
    let streams = match peer_streams(connection, dialled).await {
        Ok(streams) => streams,
        Err(error) => return error,
    };
    let [(mut redundancy, from_redundancy), (mut checkpoint, from_checkpoint)] = streams;
    if inputs.urgent.send(Input::PeerConnected(Arc::clone(connection.agreed()))).await.is_err() {
        return "shutting down".to_owned();
    }
    let receive_rf = pump::<RfMessage>(from_redundancy, &inputs.urgent, Input::Peer);
    let receive_cf = pump::<CfMessage>(from_checkpoint, &inputs.bulk, Input::Checkpoint);
    let receive_heartbeats = async {
        loop {
            let datagram: Bytes = match connection.recv_datagram().await {
                Ok(datagram) => datagram,
                Err(error) => return error.to_string(),
            };
            match codec::decode::<Heartbeat>(&datagram) {
                Ok(heartbeat) => {
                    if inputs.urgent.send(Input::Heartbeat(heartbeat)).await.is_err() {
                        return "shutting down".to_owned();
                    }
                }
                Err(error) => tracing::warn!(%error, "heartbeat ignored"),
            }
        }
    };
    // Checkpoints have a queue of their own: role messages never wait behind them.
    let (to_checkpoint, mut checkpoints) = mpsc::channel::<CfMessage>(QUEUE);
    let send_checkpoints = async {
        while let Some(message) = checkpoints.recv().await {
            if let Err(error) = checkpoint.send(&message).await {
                return error.to_string();
            }
        }
        "shutting down".to_owned()
    };
    let send = distribute(connection, &mut redundancy, to_checkpoint, outgoing);
    tokio::select! {
        reason = receive_rf => reason,
        reason = receive_cf => reason,
        reason = receive_heartbeats => reason,
        reason = send_checkpoints => reason,
        reason = send => reason,
    }
}

async fn distribute(
    connection: &Connection,
    redundancy: &mut Sender,
    checkpoint: mpsc::Sender<CfMessage>,
    mut outgoing: mpsc::Receiver<ToPeer>,
) -> String {
    let version = redundancy.version();
    while let Some(message) = outgoing.recv().await {
        let sent = match message {
            ToPeer::Heartbeat(heartbeat) => match codec::encode_at(&heartbeat, version) {
                // A datagram that cannot be sent now is worth nothing later.
                Ok(frame) => connection.send_datagram(frame).or(Ok(())),
                Err(error) => Err(error.to_string()),
            },
            ToPeer::Redundancy(message) => redundancy.send(&message).await.map_err(|error| error.to_string()),
            ToPeer::Checkpoint(message) => {
                checkpoint.try_send(message).map_err(|_| "the peer does not read its checkpoints".to_owned())
            }
        };
        if let Err(reason) = sent {
            return reason;
        }
    }
    "shutting down".to_owned()
}

/// Redundancy first, checkpoint second, whoever dialled.
async fn peer_streams(connection: &Connection, dialled: bool) -> Result<[(Sender, Receiver); 2], String> {
    let text = |error: fabric::FabricError| error.to_string();
    if dialled {
        let redundancy = connection.open(Class::Redundancy).await.map_err(text)?;
        let checkpoint = connection.open(Class::Checkpoint).await.map_err(text)?;
        return Ok([redundancy, checkpoint]);
    }
    let (mut redundancy, mut checkpoint) = (None, None);
    loop {
        match connection.accept_stream().await.map_err(text)? {
            (Class::Redundancy, sender, receiver) => redundancy = Some((sender, receiver)),
            (Class::Checkpoint, sender, receiver) => checkpoint = Some((sender, receiver)),
            (class, ..) => return Err(format!("the peer opened a {class:?} stream, which RPs do not share")),
        }
        match (redundancy.take(), checkpoint.take()) {
            (Some(redundancy), Some(checkpoint)) => return Ok([redundancy, checkpoint]),
            (one, other) => (redundancy, checkpoint) = (one, other),
        }
    }
}

async fn pump<M: Message>(mut receiver: Receiver, inputs: &mpsc::Sender<Input>, wrap: impl Fn(M) -> Input) -> String {
    loop {
        match receiver.recv::<M>().await {
            Ok(Some(message)) => {
                if inputs.send(wrap(message)).await.is_err() {
                    return "shutting down".to_owned();
                }
            }
            Ok(None) => return "closed by the peer".to_owned(),
            Err(error) => return error.to_string(),
        }
    }
}
