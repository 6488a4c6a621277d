//! Who may speak to a line card, and the sessions of route processors.

use super::{Wake, operator};
use fabric::{
    card::Events,
    control::{Connection, ControlEndpoint, Receiver, Sender},
};
use fabric_proto::{
    codec::Class,
    id::{CardId, RpSlot, Slot, Unit},
    linecard::{FromLc, ToLc},
};
use linecard_core::linecard::SessionId;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};

/// Answers that wait for an RP that does not read. A whole download's acknowledgements fit.
const QUEUE: usize = 4096;

/// Takes connections for as long as the endpoint lives. The certificate says who may open which streams.
pub(super) async fn accept(endpoint: ControlEndpoint, own: CardId, wakes: mpsc::Sender<Wake>, events: Events) {
    while let Some(connection) = endpoint.accept().await {
        let peer = connection.peer().clone();
        match peer.unit {
            Unit::Card(Slot::Rp(rp)) if peer.lab == own.lab && peer.node == own.node => {
                tokio::spawn(serve_rp(connection, rp, wakes.clone()));
            }
            Unit::Operator if peer.lab == own.lab => {
                tokio::spawn(operator::serve(connection, wakes.clone(), events.clone()));
            }
            Unit::Card(_) | Unit::Tester | Unit::Linux | Unit::Operator => {
                tracing::warn!(%peer, "control connection refused: neither a route processor of this chassis nor the operator");
                connection.turn_away("a line card speaks to its chassis' route processors and to the lab's operator");
            }
        }
    }
}

async fn serve_rp(connection: Connection, rp: RpSlot, wakes: mpsc::Sender<Wake>) {
    while let Ok((class, sender, receiver)) = connection.accept_stream().await {
        if class != Class::LineCard {
            tracing::warn!(%rp, ?class, "stream refused");
            connection.turn_away("a route processor opens line-card streams only");
            return;
        }
        if wakes.send(Wake::Session { rp, sender, receiver }).await.is_err() {
            return;
        }
    }
}

/// A stream with an RP: one task reads, one writes.
pub(super) struct Session {
    queue: mpsc::Sender<FromLc>,
    reader: AbortHandle,
    writer: AbortHandle,
}

impl Session {
    pub(super) fn start(id: SessionId, sender: Sender, receiver: Receiver, wakes: mpsc::Sender<Wake>) -> Self {
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let writer: JoinHandle<()> = tokio::spawn(write(sender, outgoing));
        let until_written = queue.clone();
        let reader = tokio::spawn(async move {
            tokio::select! {
                () = read(id, receiver, &wakes) => {}
                // The writer has failed, or was cut off.
                () = until_written.closed() => {}
            }
            // An error says that the card has ended.
            let _ = wakes.send(Wake::Down { session: id }).await;
        });
        Self { queue, reader: reader.abort_handle(), writer: writer.abort_handle() }
    }

    /// Queues a message. False when the RP has stopped reading.
    pub(super) fn send(&self, message: FromLc) -> bool {
        !matches!(self.queue.try_send(message), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Ends the session once everything queued is out.
    pub(super) fn close(self) {
        self.reader.abort();
    }

    /// Ends the session at once; its reader reports it.
    pub(super) fn cut(self) {
        self.writer.abort();
    }
}

async fn read(session: SessionId, mut receiver: Receiver, wakes: &mpsc::Sender<Wake>) {
    loop {
        match receiver.recv::<ToLc>().await {
            Ok(Some(message)) => {
                if wakes.send(Wake::Message { session, message }).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::info!(session, "session ended: {error}");
                return;
            }
        }
    }
}

async fn write(mut sender: Sender, mut outgoing: mpsc::Receiver<FromLc>) {
    while let Some(message) = outgoing.recv().await {
        if let Err(error) = sender.send(&message).await {
            tracing::debug!("session: {error}");
            return;
        }
    }
    sender.finished().await;
}
