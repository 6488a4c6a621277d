//! The operator channel: counters, events, impairment.

use super::Wake;
use fabric::{
    FabricError,
    card::Events,
    control::{Connection, Receiver, Sender},
};
use fabric_proto::{
    capture::Captured,
    codec::Class,
    operator::{Reply, Request},
};
use tokio::sync::{mpsc, oneshot};

/// Batches of copies between the data thread and a session: one is sent while the next one is made.
const CAPTURED: usize = 2;

/// Serves one operator connection: a session a stream.
pub(super) async fn serve(connection: Connection, wakes: mpsc::Sender<Wake>, events: Events) {
    while let Ok((class, sender, receiver)) = connection.accept_stream().await {
        if class != Class::Operator {
            connection.close("an operator opens operator streams only");
            return;
        }
        let (wakes, events) = (wakes.clone(), events.clone());
        tokio::spawn(async move {
            if let Err(error) = session(sender, receiver, &wakes, &events).await {
                tracing::debug!("operator session ended: {error}");
            }
        });
    }
}

async fn session(
    mut sender: Sender,
    mut receiver: Receiver,
    wakes: &mpsc::Sender<Wake>,
    events: &Events,
) -> Result<(), FabricError> {
    let restarting = || Reply::Refused("this line card is restarting".to_owned());
    while let Some(request) = receiver.recv::<Request>().await? {
        let reply = match request {
            Request::Events { after } => return events.follow(&mut sender, receiver, after).await,
            Request::Spans { after } => Reply::Spans(events.spans(after)),
            Request::Stats => {
                let (answer, stats) = oneshot::channel();
                let _ = wakes.send(Wake::Stats { answer }).await;
                stats.await.map_or_else(|_| restarting(), Reply::Stats)
            }
            Request::Impair { to, plane, impairment } => {
                let (answer, done) = oneshot::channel();
                let _ = wakes.send(Wake::Impair { to, plane, impairment, answer }).await;
                match done.await {
                    Ok(Ok(())) => Reply::Done,
                    Ok(Err(why)) => Reply::Refused(why),
                    Err(_) => restarting(),
                }
            }
            Request::Drop(order) => {
                let (answer, begun) = oneshot::channel();
                let _ = wakes.send(Wake::Drop { order, answer }).await;
                begun.await.map_or_else(|_| restarting(), Reply::Started)
            }
            Request::Capture(order) => {
                let (queue, copies) = mpsc::channel(CAPTURED);
                let (answer, begun) = oneshot::channel();
                let _ = wakes.send(Wake::Capture { order, queue, answer }).await;
                match begun.await {
                    Ok(Ok(at)) => {
                        sender.send(&Reply::Started(at)).await?;
                        return capture(&mut sender, receiver, copies).await;
                    }
                    Ok(Err(why)) => Reply::Refused(why),
                    Err(_) => restarting(),
                }
            }
            Request::Trace(order) => {
                let (answer, traced) = oneshot::channel();
                let _ = wakes.send(Wake::Trace { order, answer }).await;
                traced.await.map_or_else(|_| restarting(), |traced| Reply::Traced(Box::new(traced)))
            }
            Request::Exec(_) | Request::Complete(_) => {
                Reply::Refused("a line card has no command line: ask a route processor".to_owned())
            }
            Request::CrashAt(_) | Request::Storage(_) | Request::Hang { .. } => Reply::Refused(
                "a line card has neither crash points nor a configuration: ask a route processor".to_owned(),
            ),
            Request::Oir { .. } => Reply::Refused("a line card is told by its active RP".to_owned()),
            Request::Prepare(_) | Request::Start | Request::Stop | Request::Progress | Request::Evidence => {
                Reply::Refused("a line card offers no load: ask a tester".to_owned())
            }
        };
        sender.send(&reply).await?;
    }
    Ok(())
}

/// Sends copies of packets until the operator ends the stream or the connection, or the data thread has ended. An operator that does
/// not read holds back its own copies: the connection has room for its other streams.
async fn capture(
    sender: &mut Sender,
    mut receiver: Receiver,
    mut copies: mpsc::Receiver<Captured>,
) -> Result<(), FabricError> {
    loop {
        let captured = tokio::select! {
            captured = copies.recv() => captured,
            // Nothing is expected: an end, or a request that this stream cannot answer any more.
            _ = receiver.recv::<Request>() => return Ok(()),
        };
        let Some(captured) = captured else { return Ok(()) };
        sender.send(&Reply::Captured(captured)).await?;
    }
}
