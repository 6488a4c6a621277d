//! The accepting side: an address is proven, then a place given, then an identity proven.

use super::{
    HANDSHAKE, Joined, exchange,
    gate::{Decision, Gate},
};
use crate::{
    error::reason_of,
    refusals::{Cause, Tally},
    tls::Identity,
};
use quinn::{ConnectionError, Endpoint, VarInt};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::{sync::mpsc, time::timeout};

/// A gate stays whole when somebody panics while he holds it.
pub(super) fn lock(gate: &Mutex<Gate>) -> MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets callers in.
#[derive(Clone)]
pub(super) struct Door {
    identity: Identity,
    ready: mpsc::Sender<Joined>,
    gate: Arc<Mutex<Gate>>,
    tally: Arc<Tally>,
    deaf: Arc<AtomicBool>,
}

/// A place at the gate, until the handshake ends or gives way.
struct Place {
    gate: Arc<Mutex<Gate>>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.gate).over(self.number);
    }
}

impl Door {
    pub(super) fn new(
        identity: Identity,
        ready: mpsc::Sender<Joined>,
        gate: Arc<Mutex<Gate>>,
        tally: Arc<Tally>,
        deaf: Arc<AtomicBool>,
    ) -> Self {
        Self { identity, ready, gate, tally, deaf }
    }

    /// Takes callers for as long as the endpoint lives. Each handshake is its own task, so that a slow caller
    /// holds up nobody.
    pub(super) async fn accept_all(self, endpoint: Endpoint) {
        while let Some(incoming) = endpoint.accept().await {
            if self.deaf.load(Ordering::Relaxed) {
                incoming.ignore();
            } else if incoming.remote_address_validated() {
                self.begin(incoming);
            } else {
                self.tally.challenged();
                // It may be asked once; it was not asked before, or its address would be proven.
                let _ = incoming.retry();
            }
        }
    }

    fn begin(&self, incoming: quinn::Incoming) {
        let from = incoming.remote_address();
        let decision = lock(&self.gate).begin(Instant::now(), from);
        let Decision::Begin { number, displaced } = decision else {
            self.tally.count(Cause::NoPlace);
            incoming.refuse();
            return;
        };
        if let Some(old) = displaced {
            self.tally.count(Cause::Unfinished);
            tracing::debug!(from = %old.from, "caller refused: its handshake gave way to a newer one");
            if let Some(task) = old.task {
                task.abort();
            }
        }
        let place = Place { gate: Arc::clone(&self.gate), number };
        let task = tokio::spawn(self.clone().handshake(incoming, from, place));
        lock(&self.gate).carried_by(number, task.abort_handle());
    }

    async fn handshake(self, incoming: quinn::Incoming, from: SocketAddr, place: Place) {
        let admitted = timeout(HANDSHAKE, admit(incoming, &self.identity)).await;
        drop(place);
        match admitted {
            Ok(Ok(joined)) => {
                if let Err(refused) = self.ready.try_send(joined) {
                    self.tally.count(Cause::NoPlace);
                    refused.into_inner().connection.close(VarInt::from_u32(1), b"nobody takes the call");
                }
            }
            Ok(Err((cause, reason))) => {
                self.tally.count(cause);
                tracing::warn!(%from, "caller refused: {reason}");
            }
            Err(_) => {
                // A card that was killed meanwhile, or packets that somebody recorded and sends again.
                self.tally.count(Cause::Unfinished);
                tracing::info!(%from, "caller refused: its handshake did not end");
            }
        }
    }
}

async fn admit(incoming: quinn::Incoming, identity: &Identity) -> Result<Joined, (Cause, String)> {
    let connection = incoming.await.map_err(|error| (cause_of(&error), reason_of(&error)))?;
    let Some(peer) = identity.peer_of(&connection) else {
        connection.close(VarInt::from_u32(1), b"your certificate names no card of this lab");
        return Err((Cause::Certificate, "its certificate names no card of this lab".to_owned()));
    };
    let agreed = exchange::answer(&connection, identity.offer()).await;
    let agreed = Arc::new(agreed.map_err(|error| (Cause::Unfinished, reason_of(&error)))?);
    Ok(Joined { connection, peer, agreed })
}

/// What this side found wrong is the certificate; what the other side ended is unfinished.
fn cause_of(error: &ConnectionError) -> Cause {
    match error {
        ConnectionError::TransportError(_) => Cause::Certificate,
        _ => Cause::Unfinished,
    }
}
