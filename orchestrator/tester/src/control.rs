//! The control endpoint: operators command traffic and follow events, route processors open route sessions.

use crate::{
    feed::{self, Frames},
    traffic::{Command, Traffic},
};
use fabric::{
    FabricError,
    card::{
        Events,
        process::{cpu_ns, refusals, resident_bytes},
    },
    control::{Connection, ControlEndpoint, Receiver, Sender},
};
use fabric_proto::{
    codec::Class,
    id::{Slot, Unit},
    operator::{CardStats, Reply, Request},
};
use std::sync::Arc;
use tokio::sync::watch;

/// What every session may use. Cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// Where it is served.
    pub endpoint: ControlEndpoint,
    /// The traffic thread.
    pub traffic: Traffic,
    /// The event log.
    pub events: Events,
    /// The route feed's messages, once the table is loaded.
    pub table: watch::Receiver<Option<Arc<Frames>>>,
    /// Identifies this run of the program.
    pub boot: u64,
}

/// Serves connections until the endpoint is closed.
pub async fn serve(shared: &Shared) {
    while let Some(connection) = shared.endpoint.accept().await {
        tokio::spawn(connected(connection, shared.clone()));
    }
}

/// Every stream is a session of its own; a class that the peer has no business with ends the connection.
async fn connected(connection: Connection, shared: Shared) {
    let peer = connection.peer().clone();
    loop {
        let (class, sender, receiver) = match connection.accept_stream().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%peer, %error, "connection ended");
                return;
            }
        };
        let shared = shared.clone();
        let peer = peer.clone();
        match (class, peer.unit) {
            (Class::Operator, Unit::Operator) => {
                tokio::spawn(async move { ended("operator", operator(sender, receiver, &shared).await) });
            }
            (Class::Feed, Unit::Card(Slot::Rp(_))) => {
                tokio::spawn(async move { ended("route", feed::session(sender, receiver, shared.table).await) });
            }
            (class, _) => {
                tracing::warn!(%peer, ?class, "refused: a tester has no such sessions with it");
                connection.turn_away(
                    "a tester has operator sessions with operators and route sessions with route processors",
                );
                return;
            }
        }
    }
}

fn ended(kind: &str, result: Result<(), FabricError>) {
    match result {
        Ok(()) => tracing::debug!("{kind} session ended"),
        Err(error) => tracing::info!(%error, "{kind} session ended"),
    }
}

/// Answers requests in order; `Events` turns the stream into a flow of events.
async fn operator(mut sender: Sender, mut receiver: Receiver, shared: &Shared) -> Result<(), FabricError> {
    while let Some(request) = receiver.recv().await? {
        let reply = match request {
            Request::Events { after } => return shared.events.follow(&mut sender, receiver, after).await,
            Request::Spans { after } => Reply::Spans(shared.events.spans(after)),
            Request::Prepare(spec) => shared.traffic.call(Command::Prepare(spec)).await,
            Request::Start => shared.traffic.call(Command::Start).await,
            Request::Stop => shared.traffic.call(Command::Stop).await,
            Request::Progress => shared.traffic.call(Command::Progress).await,
            Request::Evidence => shared.traffic.call(Command::Evidence).await,
            Request::Stats => Reply::Stats(Box::new(stats(shared))),
            Request::Exec(_) | Request::Complete(_) => {
                Reply::Refused("a tester has no command line; ask a route processor".to_owned())
            }
            Request::Oir { .. } => Reply::Refused("a tester is in no slot of a chassis".to_owned()),
            Request::Impair { .. } | Request::CrashAt(_) | Request::Storage(_) | Request::Hang { .. } => {
                Reply::Refused("a tester is no part of the fabric; impair a card of the chassis".to_owned())
            }
            Request::Capture(_) | Request::Trace(_) => {
                Reply::Refused("a tester is at the end of its wires: ask the line card at the other end".to_owned())
            }
            Request::Drop(_) => Reply::Refused("a tester forwards nothing: ask a line card".to_owned()),
        };
        sender.send(&reply).await?;
    }
    Ok(())
}

fn stats(shared: &Shared) -> CardStats {
    let refusals = refusals();
    CardStats {
        boot: shared.boot,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        memory_bytes: resident_bytes(),
        cpu_ns: cpu_ns(),
        refusals,
        connections: shared.endpoint.connections() as u64,
        ..CardStats::default()
    }
}
