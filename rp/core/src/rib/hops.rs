//! Next hops as routes name them.

use super::StaticTarget;
use fabric_proto::{
    fib::{PATHS_MAX, PATHS_NARROW, Path},
    id::InterfaceId,
};
use std::net::IpAddr;

/// Number of a next-hop set inside the RIB.
pub(super) type SetId = u32;

/// A next hop, and how it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// Of a static route: by the longest route of any source.
    Any(IpAddr),
    /// Of a learned route, and any neighbour: by the longest connected or static route. Learned routes are never found
    /// by each other.
    Learned(IpAddr),
    /// On this interface, whatever routes there are.
    On(InterfaceId, IpAddr),
    /// `Null0`: what takes it is dropped.
    Null,
}

impl From<StaticTarget> for Hop {
    fn from(target: StaticTarget) -> Self {
        match target {
            StaticTarget::NextHop(address) => Self::Any(address),
            StaticTarget::On(interface, address) => Self::On(interface, address),
            StaticTarget::Null => Self::Null,
        }
    }
}

/// Most equal-cost paths of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// As many as every release has words for.
    #[default]
    Narrow,
    /// As many as there are words for from release 2.1 on.
    Wide,
}

impl Width {
    /// How many that is.
    pub fn paths(self) -> usize {
        match self {
            Self::Narrow => PATHS_NARROW,
            Self::Wide => PATHS_MAX,
        }
    }
}

/// Of next hops with their paths: those that are used, and the paths. More of either than `width` are not.
pub(super) fn union(hops: impl IntoIterator<Item = (Hop, Vec<Path>)>, width: Width) -> (Vec<Hop>, Vec<Path>) {
    let most = width.paths();
    let (mut used, mut all) = (Vec::new(), Vec::new());
    for (hop, paths) in hops {
        if used.len() == most {
            break;
        }
        let mut is_used = false;
        for path in paths {
            if all.contains(&path) {
                is_used = true;
            } else if all.len() < most {
                is_used = true;
                all.push(path);
            }
        }
        if is_used {
            used.push(hop);
        }
    }
    (used, all)
}
