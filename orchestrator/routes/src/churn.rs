//! Which routes of a table churn (RFC 7654 §5.5). The feed that withdraws them and whoever draws destinations that must not
//! be among them ask the same function.

use crate::{Table, random::Random};
use fabric_proto::{deploy::TableSpec, fib::Prefix, random::mix};

/// Millionths in a whole.
pub const MILLION: u64 = 1_000_000;

/// The routes of a table that are withdrawn and announced again, in that order: as many as a minute takes, so that a route's
/// turn comes again after a minute at the earliest. Decided by the table and the seed of its description alone.
pub fn churned(table: &Table, spec: &TableSpec) -> Vec<(Prefix, u32)> {
    let all = table.routes();
    let wanted = (all.len() as u64 * u64::from(spec.churn())).div_ceil(MILLION) as usize;
    let mut random = Random::new(mix(spec.seed ^ 0x6368_7572));
    let mut order: Vec<u32> = (0..all.len() as u32).collect();
    // A partial Fisher-Yates shuffle, as in drawing destinations.
    for at in 0..wanted.min(all.len()) {
        let other = at + random.below((all.len() - at) as u64) as usize;
        order.swap(at, other);
    }
    order.iter().take(wanted).map(|at| all[*at as usize]).collect()
}

#[cfg(test)]
mod tests;
