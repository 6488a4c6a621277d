//! Where packets of this unit's own go.

use super::{Hop, Rib, Via};
use fabric_proto::id::TableId;
use rp_host::{Hop as Next, Routes};
use std::net::IpAddr;

/// How often a next hop may lead to another one. What leads in circles is in no path list, and is not asked for here.
const DEPTH: usize = 8;

impl Routes for Rib {
    fn route(&self, table: TableId, to: IpAddr) -> Option<Next> {
        let mut to = to;
        for _ in 0..DEPTH {
            let neighbour = |address| {
                let interface = self.interface_of(table, Hop::Learned(address))?;
                Some(Next::Neighbour(interface, address))
            };
            match self.lookup(table, to)?.via {
                Via::Receive => return None,
                Via::Network(_) => return neighbour(to),
                // Packets of our own take the first path: there are few of them.
                Via::NextHops(hops) => match *hops.first()? {
                    Hop::Null => return Some(Next::Discard),
                    Hop::On(interface, address) => return Some(Next::Neighbour(interface, address)),
                    Hop::Any(address) | Hop::Learned(address) => {
                        if let Some(next) = neighbour(address) {
                            return Some(next);
                        }
                        to = address;
                    }
                },
            }
        }
        None
    }
}
