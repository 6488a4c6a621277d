//! Connections: what is asked of them, and what they ask for.

use super::{Host, Output, Step};
use crate::{
    Hop,
    tcp::{Act, Tcp, TcpEvent, TcpInput},
    wire::ip::Packet,
};
use fabric_proto::{
    id::{InterfaceId, TableId},
    time::Instant,
};
use std::net::IpAddr;

/// The MTU where nothing is known of the way yet.
const MTU: u16 = 1_500;

impl Host {
    pub(super) fn connection(&mut self, step: &mut Step<'_>, input: TcpInput<'_>) {
        match input {
            TcpInput::Listen(id, listener) => self.tcp.listen(id, listener),
            TcpInput::Connect(id, connect) => {
                let (table, via, to) = (connect.table, connect.via, connect.other.ip());
                match self.source(step, table, via, connect.own, to) {
                    Ok(own) => {
                        let mtu = self.mtu(step, table, via, to);
                        self.connecting(step, |tcp, now, out| tcp.connect(now, id, connect, own, mtu, out));
                    }
                    Err(_) => step.out.push(Output::Tcp(id, TcpEvent::Closed { reset: true })),
                }
            }
            TcpInput::Send(id, data) => self.connecting(step, |tcp, now, out| tcp.send(now, id, data, out)),
            TcpInput::Close(id) => self.connecting(step, |tcp, now, out| tcp.close(now, id, out)),
            TcpInput::Abort(id) => self.connecting(step, |tcp, now, out| tcp.abort(now, id, out)),
        }
    }

    /// A segment for one of our addresses.
    pub(super) fn segment(&mut self, step: &mut Step<'_>, id: InterfaceId, table: TableId, packet: &Packet<'_>) {
        let mtu = self.mtu(step, table, Some(id), packet.source);
        self.connecting(step, |tcp, now, out| tcp.arrived(now, (id, table), packet, mtu, out));
    }

    /// The MTU of the link that leads to an address.
    fn mtu(&self, step: &Step<'_>, table: TableId, via: Option<InterfaceId>, to: IpAddr) -> u16 {
        let by_route = match step.routes.route(table, to) {
            Some(Hop::Neighbour(id, _)) => Some(id),
            Some(Hop::Discard) | None => None,
        };
        by_route.or(via).and_then(|id| self.interfaces.get(id)).map_or(MTU, |on| on.mtu)
    }

    /// Lets connections go on, and does what they want.
    pub(super) fn connecting(&mut self, step: &mut Step<'_>, ask: impl FnOnce(&mut Tcp, Instant, &mut Vec<Act>)) {
        let mut acts = Vec::new();
        ask(&mut self.tcp, step.now, &mut acts);
        for act in acts {
            match act {
                Act::Event(id, event) => step.out.push(Output::Tcp(id, event)),
                // What is not sent is sent again.
                Act::Send { table, via, packet } => _ = self.send(step, table, via, packet),
            }
        }
    }
}
