//! The data plane of an RP: packets that line cards punt to it and frames of its own, and, where its platform has it so,
//! packets that pass it.
//!
//! A thread of its own: nothing here can stand in the way of a heartbeat. A standby is deaf and calls nobody.

mod punts;
mod relay;

pub(crate) use punts::{Punted, Punts};

use fabric::{data::DataEndpoint, tls::Identity};
use fabric_proto::{
    deploy::CardConfig,
    id::{CardId, LcSlot, PortId, Slot},
    operator::LcStats,
    punt::PuntCounts,
};
use punts::Injector;
use std::{io, net::SocketAddr, sync::Arc, thread};
use tokio::{
    sync::{oneshot, watch},
    task::LocalSet,
};

/// What the owner wants of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// A standby touches no line card.
    Nothing,
    /// Take packets, send frames, pass packets on.
    Active,
    /// End.
    End,
}

/// The owner's side.
#[derive(Debug)]
pub(crate) struct Data {
    want: watch::Sender<Want>,
    injector: Injector,
    /// Where packets pass the RP.
    relay: Option<Arc<relay::Counters>>,
}

impl Data {
    /// Starts the thread, where the configuration gives this RP a data endpoint. `relays`: packets pass it.
    pub(crate) async fn start(
        identity: &Identity,
        config: &CardConfig,
        relays: bool,
    ) -> anyhow::Result<Option<(Self, Punts)>> {
        let Some(address) = config.data else { return Ok(None) };
        let cards: Vec<(LcSlot, CardId, SocketAddr)> = config
            .cards
            .iter()
            .filter_map(|card| match (card.slot, card.data) {
                (Slot::Lc(slot), Some(data)) => {
                    Some((slot, CardId::card(&config.id.lab, &config.id.node, card.slot), data))
                }
                _ => None,
            })
            .collect();
        let (want, mut wanted) = watch::channel(Want::Nothing);
        let (ways, injector, punts) = punts::ways(cards.iter().map(|(slot, id, _)| (*slot, id.clone())));
        let relay = relays.then(Arc::<relay::Counters>::default);
        let (ready, bound) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (identity, counters) = (identity.clone(), relay.clone());
        let peers: Vec<SocketAddr> = config.data_peers().collect();
        thread::Builder::new().name("data".to_owned()).spawn(move || {
            let local = LocalSet::new();
            runtime.block_on(local.run_until(async move {
                let endpoint = match DataEndpoint::bind(&identity, address) {
                    Ok(endpoint) => endpoint,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                endpoint.deafen(true);
                endpoint.expect(peers);
                let _ = ready.send(Ok(()));
                if let Some(counters) = counters {
                    relay::start(&endpoint, cards, &counters, &wanted);
                }
                punts::start(&endpoint, ways);
                // An error says that the owner is gone.
                if wanted.wait_for(|want| *want != Want::Nothing).await.is_ok() {
                    endpoint.deafen(false);
                    let _ = wanted.wait_for(|want| *want == Want::End).await;
                }
                endpoint.close("route processor ends");
            }));
        })?;
        bound.await.map_err(|_| io::Error::other("the data thread ended at once"))??;
        Ok(Some((Self { want, injector, relay }, punts)))
    }

    /// This RP is active: packets may come and go.
    pub(crate) fn activate(&self) {
        self.want.send_replace(Want::Active);
    }

    /// No more packets come or go.
    pub(crate) fn end(&self) {
        self.want.send_replace(Want::End);
    }

    /// Sends a frame by a port; it never waits.
    pub(crate) fn inject(&self, port: PortId, frame: Vec<u8>) {
        self.injector.inject(port, frame);
    }

    /// Whether packets pass from so many line cards, where they pass this RP: before, the chassis does not forward as it should.
    pub(crate) fn reaches(&self, cards: usize) -> bool {
        self.relay.as_ref().is_none_or(|relay| relay.reaches(cards))
    }

    /// The packets that pass it, in a line card's words, where they do.
    pub(crate) fn relayed(&self) -> Option<LcStats> {
        self.relay.as_ref().map(|relay| relay.stats())
    }

    /// What line cards have punted, and what was sent by them.
    pub(crate) fn punts(&self) -> PuntCounts {
        self.injector.counts()
    }
}
