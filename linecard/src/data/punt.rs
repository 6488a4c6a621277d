//! The way to the active RP and back: punted packets there, injected ones from it.
//!
//! A connection of its own, which this card calls: what is punted can stand in the way of nothing but other punted packets.
//! While there is none, nothing is punted.

use super::{
    card::{Card, Outlet},
    pump::{Flight, pump},
    wire::READ,
};
use fabric::{
    FabricError,
    data::{CellReceiver, DataEndpoint},
};
use fabric_proto::id::CardId;
use std::{net::SocketAddr, rc::Rc, time::Duration};
use tokio::{task::AbortHandle, time::sleep};

/// Between the first two attempts to reach the RP, and the longest wait: one of an older release takes no packets.
const RETRY: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(2)];

/// The link to one RP, for as long as it is held.
pub(super) struct PuntLink {
    card: Rc<Card>,
    task: AbortHandle,
}

impl PuntLink {
    /// Calls the RP until it is there, and again whenever it is lost.
    pub(super) fn start(card: &Rc<Card>, endpoint: &DataEndpoint, rp: CardId, address: SocketAddr) -> Self {
        let (own, endpoint) = (Rc::clone(card), endpoint.clone());
        let run = async move {
            let mut wait = RETRY[0];
            loop {
                match carry(&own, &endpoint, &rp, address).await {
                    Ok(()) => wait = RETRY[0],
                    Err(error) => {
                        tracing::debug!(%rp, "punt link: {error}");
                        wait = (2 * wait).min(RETRY[1]);
                    }
                }
                own.close(Outlet::Punt);
                own.abandon(Outlet::Punt);
                sleep(wait).await;
            }
        };
        Self { card: Rc::clone(card), task: tokio::task::spawn_local(run).abort_handle() }
    }
}

impl Drop for PuntLink {
    fn drop(&mut self) {
        self.task.abort();
        self.card.close(Outlet::Punt);
        self.card.abandon(Outlet::Punt);
    }
}

/// One connection's life; an error where there was none.
async fn carry(card: &Card, endpoint: &DataEndpoint, rp: &CardId, address: SocketAddr) -> Result<(), FabricError> {
    let connection = endpoint.connect(rp, address).await?;
    // Nothing is sent before the RP's own stream shows that it takes packets.
    let mut cells = connection.open_cells().await?;
    let mut incoming = connection.accept_cells().await?;
    tracing::info!(%rp, "punt link up");
    card.open(Outlet::Punt);
    let mut flight = Flight::default();
    let ended = tokio::select! {
        ended = pump(card, Outlet::Punt, &mut cells, &mut flight) => ended.map_err(|error| error.to_string()),
        ended = inject(card, &mut incoming) => ended.map_err(|error| error.to_string()),
    };
    connection.close("punt link ended");
    tracing::info!(%rp, "punt link down: {}", ended.err().unwrap_or_default());
    Ok(())
}

async fn inject(card: &Card, cells: &mut CellReceiver) -> Result<(), FabricError> {
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    while let Some(count) = cells.read(&mut buffer[filled..]).await? {
        filled += count;
        match card.inject(&buffer[..filled]) {
            Ok(used) => {
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) => {
                tracing::warn!("the RP does not keep to the framing: {error}");
                cells.stop();
                return Ok(());
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
