//! Show commands: each gives text for people and parsers, and the same as JSON.

mod fib;
mod interfaces;
mod logging;
mod overview;
mod redundancy;
mod routes;
mod system;

use super::{View, text::address};
use fabric_proto::{
    fib::{Family, Prefix},
    id::{PortId, Slot},
};
use serde_json::Value;
use std::{collections::BinaryHeap, net::IpAddr};

/// Most routes that one command lists; the rest is counted. A full table is a million lines, which
/// nobody reads and which would hold up the route processor.
pub const LISTED_ROUTES_MAX: usize = 1000;

/// Output of a show command.
pub(super) struct Shown {
    /// Lines, each ended.
    pub(super) text: String,
    /// The same as data.
    pub(super) json: Value,
}

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    Redundancy,
    RedundancyStates,
    RedundancyClients,
    RedundancyCounters,
    RedundancyHistory,
    SwitchoverHistory,
    Handover,
    DebugLog,
    InterDevice,
    ConfigSync,
    ConfigLock,
    Debugging,
    LineCards,
    Diag,
    DiagSummary,
    Boot,
    Interfaces,
    InterfacesDescription,
    InterfaceBrief(Family),
    Neighbours(Family),
    IfMib,
    Version,
    Running,
    Startup,
    Logging,
    Clock,
    Platform,
    Routes(Family),
    RouteSummary(Family),
    Fib(Family),
    FibSummary(Family),
    ExactRoute(Family),
}

/// Which part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Select {
    All,
    /// The longest match.
    To(IpAddr),
    Exactly(Prefix),
    /// A prefix and everything in it.
    Within(Prefix),
    Port(PortId),
    Slot(Slot),
    /// One flow: source, destination, and ports if it has any.
    Flow(IpAddr, IpAddr, Option<[u16; 2]>),
}

/// Carries out a show command. An error is a message for the operator.
pub(super) fn show(view: &View<'_>, what: Show, select: Select) -> Result<Shown, String> {
    Ok(match what {
        Show::Redundancy => overview::show(view),
        Show::RedundancyStates => redundancy::states(view),
        Show::RedundancyClients => redundancy::clients(view),
        Show::RedundancyCounters => redundancy::counters(view),
        Show::RedundancyHistory => redundancy::history(view),
        Show::SwitchoverHistory => redundancy::switchover_history(view),
        Show::Handover => redundancy::handover(view),
        Show::DebugLog => redundancy::debug_log(view),
        Show::InterDevice => redundancy::inter_device(),
        Show::ConfigSync => redundancy::config_sync(view),
        Show::ConfigLock => system::config_lock(view),
        Show::Debugging => redundancy::debugging(view),
        Show::LineCards => redundancy::line_cards(view),
        Show::Diag => system::diag(view, select)?,
        Show::DiagSummary => system::diag_summary(view),
        Show::Boot => system::boot(view),
        Show::Interfaces => interfaces::show(view, select)?,
        Show::InterfacesDescription => interfaces::description(view),
        Show::InterfaceBrief(family) => interfaces::brief(view, family),
        Show::Neighbours(family) => interfaces::neighbours(view, family),
        Show::IfMib => interfaces::if_mib(view),
        Show::Version => system::version(view),
        Show::Running => system::running(view, select)?,
        Show::Startup => system::startup(view)?,
        Show::Logging => logging::show(view),
        Show::Clock => system::clock(view),
        Show::Platform => system::platform(view),
        Show::Routes(family) => routes::show(view, family, select)?,
        Show::RouteSummary(family) => routes::summary(view, family),
        Show::Fib(family) => fib::show(view, family, select)?,
        Show::FibSummary(family) => fib::summary(view, family),
        Show::ExactRoute(_) => fib::exact_route(view, select)?,
    })
}

/// The first prefixes of a table in order, and how many there are in all. The table is visited once
/// and never held: only the listed ones are kept.
fn first_prefixes(visit: impl FnOnce(&mut dyn FnMut(Prefix)), within: Option<Prefix>) -> (Vec<Prefix>, usize) {
    let mut kept = BinaryHeap::new();
    let mut count = 0;
    visit(&mut |prefix| {
        if within.is_some_and(|outer| prefix.len() < outer.len() || !outer.contains(prefix.address())) {
            return;
        }
        count += 1;
        if kept.len() < LISTED_ROUTES_MAX {
            kept.push(prefix);
        } else if let Some(mut last) = kept.peek_mut()
            && prefix < *last
        {
            *last = prefix;
        }
    });
    (kept.into_sorted_vec(), count)
}

/// The line that stands for the routes not listed.
fn more(listed: usize, count: usize) -> Option<String> {
    (listed < count)
        .then(|| format!("... {} more: name a prefix with longer-prefixes, or ask for the summary\n", count - listed))
}

/// A prefix as show commands print it.
fn prefix_text(prefix: Prefix) -> String {
    format!("{}/{}", address(prefix.address()), prefix.len())
}

/// Lines, each ended.
fn lines<I: IntoIterator<Item = String>>(lines: I) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}
