//! Links: the data connection to each other line card, and the cell stream in each direction.
//!
//! The card with the lower slot calls; where packets pass the active RP, it calls every card. A link ends when
//! either cell stream ends: the other card is going down, so this one finishes its own stream in answer, and both
//! have read what was under way.

use super::{
    card::{Card, Outlet},
    pump::{Flight, pump},
    wire::{DRAIN, READ, RETRY, unless},
};
use fabric::{
    FabricError,
    data::{CellReceiver, CellSender, DataConnection, DataEndpoint},
};
use fabric_proto::id::CardId;
use std::{net::SocketAddr, pin::pin, rc::Rc, time::Duration};
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

/// How links are to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They carry.
    Run,
    /// Another program is to go on: they end in good order, and what they have not sent waits.
    Yield,
    /// The card restarts or ends.
    End,
}

/// Packets for a card whose link has ended in good order wait so long for its next link: its program may be one that
/// another one has taken the place of.
const HELD: Duration = Duration::from_millis(250);

/// A card at the other end of a link that has ended answers at once, unless it stands still: then nothing is handed over. The
/// others have their links again well before they give up what they hold ([`HELD`]): who calls meanwhile is not heard, and
/// calls again after 31, 93 and 217 ms.
pub(crate) const YIELD_MAX: Duration = Duration::from_millis(75);
const _: () = assert!(2 * YIELD_MAX.as_millis() < HELD.as_millis());

/// One link's life: until [`Mode::End`]. `yielded` hears, in [`Mode::Yield`], of each link that has ended.
pub(crate) async fn run(
    card: Rc<Card>,
    endpoint: DataEndpoint,
    peer: Peer,
    accepted: mpsc::Receiver<DataConnection>,
    mode: watch::Receiver<Mode>,
    yielded: mpsc::UnboundedSender<()>,
) {
    live(&card, &endpoint, &peer, accepted, mode, yielded).await;
    // What still waits for the next link waits in vain.
    card.close(peer.outlet);
}

async fn live(
    card: &Card,
    endpoint: &DataEndpoint,
    peer: &Peer,
    mut accepted: mpsc::Receiver<DataConnection>,
    mut mode: watch::Receiver<Mode>,
    yielded: mpsc::UnboundedSender<()>,
) {
    let mut next = None;
    loop {
        let connection = match next.take() {
            Some(connection) => connection,
            None => tokio::select! {
                connection = obtain(card, endpoint, peer, &mut accepted) => match connection {
                    Some(connection) => connection,
                    None => return,
                },
                wanted = not_run(&mut mode) => match wanted {
                    Mode::Yield => {
                        // Nobody listens any more when it took too long.
                        let _ = yielded.send(());
                        match mode.wait_for(|mode| *mode != Mode::Yield).await.map(|mode| *mode) {
                            Ok(Mode::Run | Mode::Yield) => continue,
                            Ok(Mode::End) | Err(_) => return,
                        }
                    }
                    Mode::Run | Mode::End => return,
                },
            },
        };
        tracing::info!(peer = %peer.id, "data link up");
        // The card that calls again has lost its older connection.
        next = carry(card, peer.outlet, &connection, &mut accepted, &mut mode).await;
        connection.close("link ended");
        tracing::info!(peer = %peer.id, "data link down");
        if *mode.borrow() == Mode::End {
            return;
        }
    }
}

async fn not_run(mode: &mut watch::Receiver<Mode>) -> Mode {
    // An error says that nobody wants anything any more.
    mode.wait_for(|mode| *mode != Mode::Run).await.map_or(Mode::End, |mode| *mode)
}

/// The next connection. Meanwhile, packets that wait for it are given up after [`HELD`].
async fn obtain(
    card: &Card,
    endpoint: &DataEndpoint,
    peer: &Peer,
    accepted: &mut mpsc::Receiver<DataConnection>,
) -> Option<DataConnection> {
    let mut connection = pin!(reach(endpoint, peer, accepted));
    if card.takes(peer.outlet) {
        match timeout(HELD, &mut connection).await {
            Ok(connection) => return connection,
            Err(_) => card.close(peer.outlet),
        }
    }
    connection.await
}

async fn reach(
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
    mode: &mut watch::Receiver<Mode>,
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
        _ = not_run(mode) => return None,
        Some(connection) = accepted.recv() => return Some(connection),
    };
    card.open(outlet);
    let mut receiver = pin!(receive(card, outlet, incoming));
    let mut sender = pin!(send(card, outlet, cells));
    let (mut received, mut sent, mut replaced, mut held) = (false, false, None, false);
    tokio::select! {
        finished = &mut receiver => (received, held) = (true, finished),
        _ = &mut sender => sent = true,
        wanted = not_run(mode) => held = wanted == Mode::Yield,
        Some(connection) = accepted.recv() => replaced = Some(connection),
    }
    if held {
        card.hold(outlet);
    } else {
        card.close(outlet);
    }
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

/// Writes cells until the queue is closed, then waits until the other card has them all.
async fn send(card: &Card, outlet: Outlet, mut cells: CellSender) {
    match pump(card, outlet, &mut cells, &mut Flight::default()).await {
        Ok(()) => cells.finished().await,
        Err(error) => tracing::debug!(?outlet, "data link: {error}"),
    }
}

/// Reads cells until the other card finishes them, or the connection ends: whether it did so in good order.
async fn receive(card: &Card, outlet: Outlet, mut cells: CellReceiver) -> bool {
    match read_cells(card, outlet, &mut cells).await {
        Ok(finished) => finished,
        Err(error) => {
            tracing::debug!(?outlet, "data link: {error}");
            false
        }
    }
}

async fn read_cells(card: &Card, outlet: Outlet, cells: &mut CellReceiver) -> Result<bool, FabricError> {
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    while let Some(count) = cells.read(&mut buffer[filled..]).await? {
        filled += count;
        match card.arrive(outlet, &buffer[..filled]) {
            Ok(0) => {}
            Ok(used) => {
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            Err(error) => {
                tracing::warn!(?outlet, "cell stream closed, the other card does not keep to the framing: {error}");
                cells.stop();
                return Ok(false);
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(true)
}
