//! What a line card's control side sees of a data thread: ports that come up, counters that stand still.

use fabric::impair::ImpairTable;
use linecard::data::{Command, DataEvent, DataHandle, DataReport};
use linecard_core::counters::Counters;
use tokio::sync::mpsc;

/// A data side that carries no packet.
pub(super) fn side() -> DataHandle {
    let (commands, mut inbox) = mpsc::channel(64);
    let (outbox, events) = mpsc::channel(64);
    tokio::spawn(async move {
        // Whoever asked may have gone.
        while let Some(command) = inbox.recv().await {
            match command {
                Command::Ports(up) => {
                    for port in up {
                        let _ = outbox.send(DataEvent::Port { port, up: true }).await;
                    }
                }
                Command::Punt(_) => {}
                Command::Report(reply) => drop(reply.send(DataReport::default())),
                Command::Capture(_, _, begun) => drop(begun.send(Err("it carries nothing".to_owned()))),
                Command::Trace(_, traced) => drop(traced),
                Command::Drop(_, reply) => drop(reply.send(fabric::clock::now())),
                Command::Yield(reply) => drop(reply.send(Err("it carries nothing".to_owned()))),
                Command::Drain(reply) => {
                    let _ = reply.send(Counters::default());
                    return;
                }
            }
        }
    });
    DataHandle { commands, events, impair: ImpairTable::default() }
}
