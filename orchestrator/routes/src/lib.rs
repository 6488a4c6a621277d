//! Routing tables for experiments: generated, read from a prefix list, or read from an MRT dump.
//!
//! * [`load`] makes a [`Table`] out of a [`TableSpec`]
//! * [`Table::lookup`] is the oracle that says which route a packet must have taken
//! * [`churned`] says which routes a feed withdraws and announces again
//! * [`Table::destinations`] draws addresses for flows out of the table
//!
//! What a source may look like, and what becomes of it:
//!
//! | source | routes | next hop of a route |
//! | --- | --- | --- |
//! | `internet` | drawn from a seed with the Internet's prefix lengths ([`generate`]) | hash of the prefix |
//! | prefix list | one a line; first column of a TSV  | all neighbours in turn |
//! | MRT TABLE_DUMP, TABLE_DUMP_V2 | first entry of each unicast prefix  | the dump's i-th distinct next hop is neighbour i mod n |
//!
//! A dump with fewer next hops than the lab has neighbours is shared out among all of them, so that no port is without
//! routes as long as there are enough.
//!
//! Files may be compressed with gzip, bzip2 or xz. Formats are known by their content, never by the name.
//! A file is read whole or refused: a cut or damaged one is an error that says how far it could be read.

mod churn;
mod content;
mod error;
pub mod generate;
mod list;
mod mrt;
mod random;
mod source;
mod table;

pub use churn::{MILLION, churned};
pub use error::TableError;
pub use table::{Destination, Origin, SourceFormat, Table, is_labs_own};

use fabric_proto::{deploy::TableSpec, fib::Family};
use std::path::Path;

/// The source that is generated and not read.
pub const INTERNET: &str = "internet";

/// Most routes in one table: three times a card's design point, 1 GiB while it is being loaded.
pub const ROUTES_MAX: usize = 4 << 20;

/// Makes the table that `spec` describes. A relative path counts from the working directory.
pub fn load(spec: &TableSpec) -> Result<Table, TableError> {
    let neighbours = Neighbours { v4: spec.next_hops_v4.len(), v6: spec.next_hops_v6.len() };
    let table = if spec.source == INTERNET {
        generate::internet(spec.seed, spec.ipv4, spec.ipv6, neighbours)?
    } else {
        source::read(Path::new(&spec.source), neighbours)?
    };
    for family in Family::ALL {
        let routes = table.count(family);
        if routes > 0 && neighbours.of(family) == 0 {
            return Err(TableError::NoNeighbours { table: spec.source.clone(), routes, family });
        }
    }
    Ok(table)
}

/// How many neighbours of the lab announce the table, by family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// IPv4 next hops.
    pub v4: usize,
    /// IPv6 next hops.
    pub v6: usize,
}

impl Neighbours {
    /// Those of one family.
    pub fn of(self, family: Family) -> usize {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    /// The neighbour with number `n`, wrapped around; 0 where there is none, which [`load`] refuses in the end.
    fn wrap(self, family: Family, n: u64) -> u32 {
        n.checked_rem(self.of(family) as u64).unwrap_or(0) as u32
    }
}

#[cfg(test)]
mod tests;
