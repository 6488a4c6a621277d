//! Links: the data connection to each other line card, and the cell stream in each direction.
//!
//! The card with the lower slot calls; where packets pass the active RP, it calls every card. A link ends when
//! either cell stream ends: the other card is going down, so this one finishes its own stream in answer, and both
//! have read what was under way.

use super::{
    card::{Card, Outlet},
    pump::pump,
    wire::{DRAIN, READ, RETRY},
};
use fabric::{
    FabricError,
    data::{CellReceiver, CellSender, DataConnection, DataEndpoint},
};
use fabric_proto::id::CardId;
use std::{future::Future, net::SocketAddr, pin::pin, rc::Rc};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// Another line card of the chassis, or an RP that packets pass.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where packets for it go.
    pub(crate) outlet: Outlet,
    /// Whom its certificate must name.
    pub(crate) id: CardId,
    /// How the link comes about.
    pub(crate) reach: Reach,
}

/// Which side calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// This card calls.
    Dial(SocketAddr),
    /// The other card calls.
    Accept,
}

/// One link's life: until `ending` turns true.
pub(crate) async fn run(
    card: Rc<Card>,
    endpoint: DataEndpoint,
    peer: Peer,
    mut accepted: mpsc::Receiver<DataConnection>,
    mut ending: watch::Receiver<bool>,
) {
    let mut next = None;
    loop {
        let connection = match next.take() {
            Some(connection) => connection,
            None => tokio::select! {
                connection = obtain(&endpoint, &peer, &mut accepted) => match connection {
                    Some(connection) => connection,
                    None => return,
                },
                _ = ending.wait_for(|ending| *ending) => return,
            },
        };
        tracing::info!(peer = %peer.id, "data link up");
        // The card that calls again has lost its older connection.
        next = carry(&card, peer.outlet, &connection, &mut accepted, &mut ending).await;
        connection.close("link ended");
        tracing::info!(peer = %peer.id, "data link down");
        if *ending.borrow() {
            return;
        }
    }
}

async fn obtain(
    endpoint: &DataEndpoint,
    peer: &Peer,
    accepted: &mut mpsc::Receiver<DataConnection>,
) -> Option<DataConnection> {
    let Reach::Dial(address) = peer.reach else { return accepted.recv().await };
    loop {
        match endpoint.connect(&peer.id, address).await {
            Ok(connection) => return Some(connection),
            Err(error) => tracing::debug!(peer = %peer.id, "data link: {error}"),
        }
        sleep(RETRY).await;
    }
}

/// Carries cells until the link ends or is replaced, then drains. Returns the connection that replaces it.
async fn carry(
    card: &Card,
    outlet: Outlet,
    connection: &DataConnection,
    accepted: &mut mpsc::Receiver<DataConnection>,
    ending: &mut watch::Receiver<bool>,
) -> Option<DataConnection> {
    // Nothing is sent before the other card's own stream shows that it takes part in the link: cells
    // given to a card that is about to restart would be lost without a count.
    let streams = async {
        let cells = connection.open_cells().await?;
        Ok::<_, FabricError>((cells, connection.accept_cells().await?))
    };
    let (cells, incoming) = tokio::select! {
        streams = streams => match streams {
            Ok(streams) => streams,
            Err(error) => {
                tracing::debug!(?outlet, "data link: {error}");
                return None;
            }
        },
        _ = ending.wait_for(|ending| *ending) => return None,
        Some(connection) = accepted.recv() => return Some(connection),
    };
    card.open(outlet);
    let mut receiver = pin!(receive(card, outlet, incoming));
    let mut sender = pin!(send(card, outlet, cells));
    let (mut received, mut sent, mut replaced) = (false, false, None);
    tokio::select! {
        () = &mut receiver => received = true,
        () = &mut sender => sent = true,
        _ = ending.wait_for(|ending| *ending) => {}
        Some(connection) = accepted.recv() => replaced = Some(connection),
    }
    card.close(outlet);
    if replaced.is_some() {
        connection.close("replaced by a newer connection");
    }
    let rest = async {
        tokio::join!(unless(received, receiver), unless(sent, sender));
    };
    if timeout(DRAIN, rest).await.is_err() {
        tracing::debug!(?outlet, "the other card did not answer the end of the cell stream");
    }
    card.abandon(outlet);
    replaced
}

async fn unless(ended: bool, future: impl Future<Output = ()>) {
    if !ended {
        future.await;
    }
}

/// Writes cells until the queue is closed, then waits until the other card has them all.
async fn send(card: &Card, outlet: Outlet, mut cells: CellSender) {
    match pump(card, outlet, &mut cells).await {
        Ok(()) => cells.finished().await,
        Err(error) => tracing::debug!(?outlet, "data link: {error}"),
    }
}

/// Reads cells until the other card finishes them, or the connection ends.
async fn receive(card: &Card, outlet: Outlet, mut cells: CellReceiver) {
    if let Err(error) = read_cells(card, outlet, &mut cells).await {
        tracing::debug!(?outlet, "data link: {error}");
    }
}

async fn read_cells(card: &Card, outlet: Outlet, cells: &mut CellReceiver) -> Result<(), FabricError> {
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    while let Some(count) = cells.read(&mut buffer[filled..]).await? {
        filled += count;
        match card.arrive(&buffer[..filled]) {
            Ok(0) => {}
            Ok(used) => {
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) => {
                tracing::warn!(?outlet, "cell stream closed, the other card does not keep to the framing: {error}");
                cells.stop();
                return Ok(());
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
