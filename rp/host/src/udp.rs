//! Who listens to datagrams.

use fabric_proto::id::{InterfaceId, TableId};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// Number of a socket: whoever opens it chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// A datagram that has arrived, or is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Whose it is.
    pub socket: SocketId,
    /// The interface that it came by; to be sent, the one that a link-local or group address needs.
    pub interface: Option<InterfaceId>,
    /// The own address and port; an unspecified address to be sent from means the one of the interface that leads there.
    pub own: SocketAddr,
    /// The other one's.
    pub other: SocketAddr,
    /// Hops that it may still take.
    pub ttl: u8,
    /// What is in it.
    pub data: Vec<u8>,
}

/// Open sockets, by table, own address (`None`: any) and port.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<(TableId, u16, Option<IpAddr>), SocketId>,
}

impl Sockets {
    /// Opens one, or moves one that is open.
    pub(crate) fn open(&mut self, socket: SocketId, table: TableId, address: Option<IpAddr>, port: u16) {
        self.close(socket);
        self.open.insert((table, port, address), socket);
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.open.retain(|_, open| *open != socket);
    }

    pub(crate) fn table_of(&self, socket: SocketId) -> Option<TableId> {
        self.open.iter().find(|(_, open)| **open == socket).map(|((table, ..), _)| *table)
    }

    /// Who gets what arrives for an own address and port: who has named the address, before who has not.
    pub(crate) fn listener(&self, table: TableId, address: IpAddr, port: u16) -> Option<SocketId> {
        let named = self.open.get(&(table, port, Some(address)));
        named.or_else(|| self.open.get(&(table, port, None))).copied()
    }
}
