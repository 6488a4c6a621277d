//! The data side as one thread leaves it to the next: of another program, or of this one, when that one did not take it.

use super::{
    Thread,
    card::{Outlet, whole},
    link::{Mode, YIELD_MAX},
    wire::{DRAIN, Want, WireLeft},
};
use linecard_core::{
    counters::Counters,
    handover::{LinkLeft, PortLeft, Unsent},
};
use std::{
    net::UdpSocket,
    os::{fd::OwnedFd, unix::net::UnixStream},
};
use tokio::time::timeout;

/// What a data thread leaves: every packet that it counted as arrived is in the counters or in here.
#[derive(Debug, Default)]
pub struct DataLeft {
    /// Packet counters.
    pub counters: Counters,
    /// The data endpoint's socket. Nobody reads it.
    pub(super) socket: Option<UdpSocket>,
    pub(super) ports: Vec<(WireLeft, Unsent)>,
    pub(super) links: Vec<(Outlet, Unsent)>,
}

/// What was left cannot be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    /// A port's or a link's packets are not what they are said to be.
    #[error("the queue of {0} is not of whole packets, or not of as many as it says")]
    Queue(&'static str),
    /// A socket is missing.
    #[error("not every wire has come with its socket")]
    Sockets,
}

impl DataLeft {
    /// What a card begins with that has nothing but counters.
    pub fn counters(counters: Counters) -> Self {
        Self { counters, ..Self::default() }
    }

    /// Puts together what another program has said, and the sockets that came with it.
    pub fn assemble(
        counters: Counters,
        socket: UdpSocket,
        ports: Vec<PortLeft>,
        links: Vec<LinkLeft>,
        sockets: Vec<OwnedFd>,
    ) -> Result<Self, NotWhole> {
        if sockets.len() != ports.len() {
            return Err(NotWhole::Sockets);
        }
        let wire = |(left, socket): (PortLeft, OwnedFd)| {
            let PortLeft { port, unread, unsent } = left;
            let whole = whole(Outlet::Port(port), &unsent).then_some(());
            whole.ok_or(NotWhole::Queue("a port"))?;
            let (stream, begun) = (UnixStream::from(socket), unsent.done as usize);
            Ok((WireLeft { port, stream, unread: unread.to_vec(), begun }, unsent))
        };
        let link = |LinkLeft { peer, relay, unsent }| {
            let outlet = if relay { Outlet::Relay(peer) } else { Outlet::Link(peer) };
            let whole = unsent.done == 0 && whole(outlet, &unsent);
            whole.then_some((outlet, unsent)).ok_or(NotWhole::Queue("a link"))
        };
        let ports = ports.into_iter().zip(sockets).map(wire).collect::<Result<_, _>>()?;
        let links = links.into_iter().map(link).collect::<Result<_, _>>()?;
        Ok(Self { counters, socket: Some(socket), ports, links })
    }

    /// The data endpoint's socket.
    pub fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    /// Every port with carrier, with its wire.
    pub fn ports(&self) -> impl ExactSizeIterator<Item = (PortLeft, &UnixStream)> {
        self.ports.iter().map(|(wire, unsent)| {
            let left = PortLeft { port: wire.port, unread: wire.unread.clone().into(), unsent: unsent.clone() };
            (left, &wire.stream)
        })
    }

    /// Every link that was up.
    pub fn links(&self) -> impl ExactSizeIterator<Item = LinkLeft> {
        self.links.iter().map(|(outlet, unsent)| {
            let (peer, relay) = match *outlet {
                Outlet::Link(slot) | Outlet::Port(slot) => (slot, false),
                Outlet::Relay(rp) => (rp, true),
                // Never among what is left: it is in nobody's account.
                Outlet::Punt => (0, true),
            };
            LinkLeft { peer, relay, unsent: unsent.clone() }
        })
    }
}

impl Thread {
    /// Stops where nothing is in anybody's hands. First the links, which others have a part in: packets wait meanwhile, and
    /// when one of the others does not answer, all goes on. Then the wires, each as it is.
    pub(super) async fn leave(&mut self) -> Result<Box<DataLeft>, String> {
        if timeout(2 * DRAIN, self.card.drained()).await.is_err() {
            return Err("wires that have lost their carrier do not end".to_owned());
        }
        // Whoever calls from now on is for whoever goes on.
        self.endpoint.deafen(true);
        while self.yielded.try_recv().is_ok() {}
        self.mode.send_replace(Mode::Yield);
        let ended = async {
            for _ in 0..self.outlets.len() {
                let _ = self.yielded.recv().await;
            }
        };
        if timeout(YIELD_MAX, ended).await.is_err() {
            self.mode.send_replace(Mode::Run);
            self.endpoint.deafen(false);
            return Err(format!(
                "a card at the other end of a link did not answer within {} ms: try again when all cards run",
                YIELD_MAX.as_millis()
            ));
        }
        // Whoever goes on calls the active RP itself.
        self.punts = None;
        for want in self.wants.values() {
            want.send_replace(Want::Yield);
        }
        let mut ports = Vec::new();
        while let Some(left) = self.wires.join_next().await {
            if let Some(wire) = left.ok().flatten() {
                let unsent = self.card.leave(Outlet::Port(wire.port), wire.begun);
                ports.push((wire, unsent));
            }
        }
        let held = self.outlets.iter().filter(|outlet| self.card.takes(**outlet));
        let links = held.map(|outlet| (*outlet, self.card.leave(*outlet, 0))).collect();
        let socket = self.socket.try_clone().map_err(|error| format!("the data endpoint's socket: {error}"))?;
        Ok(Box::new(DataLeft { counters: self.card.counted(), socket: Some(socket), ports, links }))
    }
}
