//! What a topology says of the table that is announced to a chassis.

use super::{
    Chassis, Routes, TableSource, Topology,
    file::{Node, RoutesEntry, Size},
    tester_ports,
};
use notation::{
    document::{BadInput, Document},
    units::Share,
};
use route_table::{MILLION, ROUTES_MAX};
use serde_saphyr::Spanned;
use std::num::NonZeroU32;

/// Neighbours behind one link: their last address byte runs from 10.
const NEIGHBOURS_MAX: usize = 240;

/// The least churn, in millionths of a table a minute: shares are told to a thousandth of a percent.
const LEAST: f64 = 10.0;

pub(super) fn check(document: &Document, entry: &RoutesEntry) -> Result<Routes, BadInput> {
    let RoutesEntry { table, size, next_hops, seed, rate, churn } = entry;
    if next_hops.value == 0 {
        return Err(document.wrong(next_hops.referenced, "routes need a next hop", "give 'next-hops: 1' or more"));
    }
    let source = match table.value.as_str() {
        "internet" => TableSource::Internet,
        path => TableSource::File(document.folder().join(path)),
    };
    let (ipv4, ipv6) = match (&source, size) {
        (TableSource::Internet, Some(size)) if size.value.ipv4 > 0 || size.value.ipv6 > 0 => {
            let Size { ipv4, ipv6 } = size.value;
            if ipv4.saturating_add(ipv6) > ROUTES_MAX {
                let message = format!("{ipv4} + {ipv6} routes are more than a table holds");
                return Err(document.wrong(size.referenced, message, format!("give {ROUTES_MAX} or fewer together")));
            }
            (ipv4, ipv6)
        }
        (TableSource::Internet, _) => {
            let message = "a generated table needs a size";
            return Err(document.wrong(table.referenced, message, "add 'size: {ipv4: 1000000, ipv6: 200000}'"));
        }
        (TableSource::File(path), size) => {
            if let Err(error) = user_files::open(path) {
                let message = format!("cannot read the routing table '{}': {error}", table.value);
                let remedy =
                    "give 'internet', or a prefix list or MRT file (its path starts from the topology's folder)";
                return Err(document.wrong(table.referenced, message, remedy));
            }
            if let Some(size) = size {
                let message = "a table that is read from a file has its own size";
                return Err(document.wrong(size.referenced, message, "remove 'size'"));
            }
            (0, 0)
        }
    };
    let churn_ppm = churn.as_ref().map(|churn| check_churn(document, churn)).transpose()?;
    Ok(Routes { source, ipv4, ipv6, next_hops: next_hops.value, seed: seed.unwrap_or(1), rate: *rate, churn_ppm })
}

/// The share of a table that churns a minute, in millionths. All of it at most: a route has one turn a minute.
fn check_churn(document: &Document, churn: &Spanned<Share>) -> Result<NonZeroU32, BadInput> {
    let millionths = (churn.value.0 * MILLION as f64).round();
    let refuse = || {
        let message = format!("{} of a table cannot churn in a minute", churn.value);
        document.wrong(churn.referenced, message, "give 0.001% to 100%, as in 'churn: 1%'")
    };
    NonZeroU32::new(millionths as u32).filter(|_| (LEAST..=MILLION as f64).contains(&millionths)).ok_or_else(refuse)
}

/// Next hops sit behind links to testers: there must be one, with room for its share.
pub(super) fn check_neighbours(topology: &Topology, chassis: &Chassis, node: &Spanned<Node>) -> Result<(), BadInput> {
    let (Some(routes), Some(entry)) = (&chassis.routes, &node.value.routes) else { return Ok(()) };
    let links = tester_ports(topology, &chassis.name).len();
    let document = &topology.document;
    if links == 0 {
        let message = format!("nothing can announce routes to {}: it has no link to a tester", chassis.name);
        return Err(document.wrong(entry.referenced, message, "add a link from a tester, or remove 'routes'"));
    }
    let share = usize::from(routes.next_hops).div_ceil(links);
    if share > NEIGHBOURS_MAX {
        let message = format!("{} next hops over {links} links are {share} behind one link", routes.next_hops);
        let remedy = format!("a link has room for {NEIGHBOURS_MAX}: lower 'next-hops' or add links");
        return Err(document.wrong(entry.value.next_hops.referenced, message, remedy));
    }
    Ok(())
}
