//! The operator channel: commands, events, counters.

use crate::shell::Ask;
use fabric::{
    card::Events,
    control::{Connection, Receiver, Sender},
};
use fabric_proto::{
    codec::Class,
    operator::{CommandOutput, Reply, Request},
};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Serves one operator connection: a session a stream. What is tied to a session ends with its stream, or with the
/// connection: also while its last command is still being answered.
pub(crate) async fn serve(connection: Connection, asks: mpsc::Sender<Ask>, events: Events) {
    static SESSIONS: AtomicU64 = AtomicU64::new(1);
    while let Ok((class, mut sender, receiver)) = connection.accept_stream().await {
        if class != Class::Operator {
            connection.close("an operator opens operator streams only");
            return;
        }
        let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let (asks, events, connection) = (asks.clone(), events.clone(), connection.clone());
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = session_loop(session, &mut sender, receiver, &asks, &events) => ended.map_err(|error| error.to_string()),
                reason = connection.closed() => Err(reason),
            };
            if let Err(reason) = ended {
                tracing::debug!(session, reason, "operator session ended");
            }
            let _ = asks.send(Ask::SessionClosed(session)).await;
            // The operator that sees its stream end knows that whatever it asks next comes after the session's end.
            drop(sender);
        });
    }
}

async fn session_loop(
    session: u64,
    sender: &mut Sender,
    mut receiver: Receiver,
    asks: &mpsc::Sender<Ask>,
    events: &Events,
) -> Result<(), fabric::FabricError> {
    while let Some(request) = receiver.recv::<Request>().await? {
        let reply = match request {
            Request::Exec(line) => {
                let (answer, output) = oneshot::channel();
                let _ = asks.send(Ask::Line { session, line, answer }).await;
                // The owner restarts without an answer when the command was to restart.
                Reply::Output(output.await.unwrap_or_else(|_| CommandOutput {
                    text: "Connection closed: this route processor is restarting\n".to_owned(),
                    prompt: String::new(),
                    failed: false,
                }))
            }
            Request::Complete(line) => {
                let (answer, words) = oneshot::channel();
                let _ = asks.send(Ask::Complete { session, line, answer }).await;
                Reply::Completions(words.await.unwrap_or_default())
            }
            Request::Events { after } => return events.follow(sender, receiver, after).await,
            Request::Spans { after } => Reply::Spans(events.spans(after)),
            Request::Stats => {
                let (answer, stats) = oneshot::channel();
                let _ = asks.send(Ask::Stats { answer }).await;
                match stats.await {
                    Ok(stats) => Reply::Stats(stats),
                    Err(_) => Reply::Refused("this route processor is restarting".to_owned()),
                }
            }
            Request::Impair { to, plane, impairment } => {
                let (answer, done) = oneshot::channel();
                let _ = asks.send(Ask::Impair { to, plane, impairment, answer }).await;
                settled(done).await
            }
            Request::CrashAt(point) => {
                let (answer, done) = oneshot::channel();
                let _ = asks.send(Ask::CrashAt { point, answer }).await;
                settled(done).await
            }
            Request::Storage(fault) => {
                let (answer, done) = oneshot::channel();
                let _ = asks.send(Ask::Storage { fault, answer }).await;
                settled(done).await
            }
            Request::Hang { client, hangs } => {
                let (answer, done) = oneshot::channel();
                let _ = asks.send(Ask::Hang { client, hangs, answer }).await;
                settled(done).await
            }
            Request::Drop(_) => Reply::Refused("a route processor forwards no packets: ask a line card".to_owned()),
            Request::Capture(_) | Request::Trace(_) => {
                Reply::Refused("packets to and from a route processor pass line cards: ask one of them".to_owned())
            }
            Request::Oir { slot, inserted } => {
                let _ = asks.send(Ask::Oir { slot, inserted }).await;
                Reply::Done
            }
            Request::Prepare(_) | Request::Start | Request::Stop | Request::Progress | Request::Evidence => {
                Reply::Refused("a route processor offers no load: ask a tester".to_owned())
            }
        };
        sender.send(&reply).await?;
    }
    Ok(())
}

/// The owner's answer to a demand that has nothing to say but yes or no.
async fn settled(done: oneshot::Receiver<Result<(), String>>) -> Reply {
    match done.await {
        Ok(Ok(())) => Reply::Done,
        Ok(Err(why)) => Reply::Refused(why),
        Err(_) => Reply::Refused("this route processor is restarting".to_owned()),
    }
}
