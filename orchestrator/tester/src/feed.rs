//! The route feed: plays a peer that sends its whole table to every session that is opened, then says that it is complete.
//!
//! Messages are packed once and kept as finished frames: sending the table again, to a new active or to several
//! sessions at once, costs a reference to each frame. Where the table churns, that begins with the session's last end marker.

mod churn;

use bytes::Bytes;
use churn::{Churn, Plan};
use fabric::{
    FabricError,
    control::{Receiver, Sender},
};
use fabric_proto::{
    codec::{self, CodecError},
    deploy::TableSpec,
    feed::{FromFeed, ToFeed},
    fib::{BatchBuilder, Family, Prefix},
};
use route_table::Table;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, time};

/// Routes in one message.
const ROUTES_PACKED: usize = 4096;
/// Messages a second of a feed with a rate, at least: a steady flow, not a burst every few seconds.
const MESSAGES_A_SECOND: u64 = 100;
/// Next-hop sets in one message: far below the message's cap.
const SETS_PACKED: usize = 4096;

/// The table as finished messages.
#[derive(Debug, Default)]
pub struct Frames {
    /// Messages in order, each with the number of its routes.
    messages: Vec<(Bytes, u32)>,
    /// Routes a second; 0: no limit.
    rate: u64,
    /// What comes and goes once they have been sent.
    churn: Plan,
}

impl Frames {
    /// Packs the table that `spec` describes: next-hop sets, then each family's routes and its end marker.
    /// Without a table a feed has two empty families.
    pub fn pack(table: &Table, spec: Option<&TableSpec>) -> Result<Self, CodecError> {
        let rate = spec.map_or(0, |spec| spec.rate);
        let packed = match rate {
            0 => ROUTES_PACKED,
            rate => usize::try_from(rate / MESSAGES_A_SECOND).unwrap_or(ROUTES_PACKED).clamp(1, ROUTES_PACKED),
        };
        let v4 = spec.into_iter().flat_map(|spec| &spec.next_hops_v4).copied().map(IpAddr::from);
        let v6 = spec.into_iter().flat_map(|spec| &spec.next_hops_v6).copied().map(IpAddr::from);
        let first_v6 = spec.map_or(0, |spec| spec.next_hops_v4.len() as u32);
        let sets: Vec<(u32, Vec<IpAddr>)> = (0..).zip(v4.chain(v6).map(|hop| vec![hop])).collect();
        let mut messages = Vec::new();
        for sets in sets.chunks(SETS_PACKED) {
            messages.push((codec::encode(&FromFeed::NextHops(sets.to_vec()))?, 0));
        }
        for (family, first) in [(Family::V4, 0), (Family::V6, first_v6)] {
            for routes in table.family(family).chunks(packed) {
                let mut builder = BatchBuilder::default();
                routes.iter().for_each(|(prefix, hop)| builder.route((*prefix, Some(first + hop))));
                let batch = builder.take();
                let message = FromFeed::Routes { count: batch.count, packed: batch.packed };
                messages.push((codec::encode(&message)?, batch.count));
            }
            messages.push((codec::encode(&FromFeed::EndOfRib(family))?, 0));
        }
        let churn = spec.map_or_else(Plan::default, |spec| plan(table, spec, first_v6));
        Ok(Self { messages, rate, churn })
    }

    /// How many messages the table takes.
    pub fn messages(&self) -> usize {
        self.messages.len()
    }
}

/// What of the table churns; sets of IPv6 next hops are numbered from `first_v6` on.
fn plan(table: &Table, spec: &TableSpec, first_v6: u32) -> Plan {
    let set = |(prefix, hop): (Prefix, u32)| match prefix.family() {
        Family::V4 => (prefix, hop),
        Family::V6 => (prefix, first_v6 + hop),
    };
    let pace = table.routes().len() as u64 * u64::from(spec.churn());
    Plan { routes: route_table::churned(table, spec).into_iter().map(set).collect(), pace }
}

/// One session: sends the table each time that the RP opens it, from the beginning. Ends with the stream.
pub async fn session(
    mut sender: Sender,
    mut receiver: Receiver,
    mut table: watch::Receiver<Option<Arc<Frames>>>,
) -> Result<(), FabricError> {
    let mut opened = receiver.recv::<ToFeed>().await?;
    // The table may still be loading; that its loader is gone ends the program elsewhere.
    let Ok(frames) = table.wait_for(Option::is_some).await.map(|frames| frames.clone()) else { return Ok(()) };
    let Some(frames) = frames else { return Ok(()) };
    while let Some(ToFeed::Open { forwarding_kept }) = opened.take() {
        tracing::info!(forwarding_kept, messages = frames.messages(), "route session opened");
        opened = match send_table(&frames, &mut sender, &mut receiver).await? {
            Sent::All => churn(&frames.churn, &mut sender, &mut receiver).await?,
            Sent::Interrupted(message) => message,
        };
    }
    Ok(())
}

enum Sent {
    All,
    /// The RP opened the session again, or ended it (`None`).
    Interrupted(Option<ToFeed>),
}

async fn send_table(frames: &Frames, sender: &mut Sender, receiver: &mut Receiver) -> Result<Sent, FabricError> {
    let mut due = time::Instant::now();
    for (frame, routes) in &frames.messages {
        // `recv` keeps what it has read when it is dropped, so a message that comes in between is not lost.
        tokio::select! {
            biased;
            message = receiver.recv() => return Ok(Sent::Interrupted(message?)),
            () = time::sleep_until(due), if frames.rate > 0 => {}
            () = std::future::ready(()), if frames.rate == 0 => {}
        }
        sender.send_frame(frame.clone()).await?;
        if frames.rate > 0 {
            // Due times follow the schedule, not the last send: the rate holds over the whole table.
            due += Duration::from_secs_f64(f64::from(*routes) / frames.rate as f64);
        }
    }
    Ok(Sent::All)
}

/// Lets routes come and go until the RP says something; what it says, or that the stream ended.
async fn churn(plan: &Plan, sender: &mut Sender, receiver: &mut Receiver) -> Result<Option<ToFeed>, FabricError> {
    let complete = time::Instant::now();
    let Some(mut churn) = Churn::begin(plan) else { return receiver.recv().await };
    loop {
        tokio::select! {
            biased;
            message = receiver.recv() => return message,
            () = time::sleep_until(complete + churn.deadline()) => {}
        }
        sender.send(&churn.step(complete.elapsed())).await?;
    }
}

#[cfg(test)]
mod tests;
