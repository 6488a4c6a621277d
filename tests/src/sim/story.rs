//! A failing life, told to a person.

use super::{Kind, Life, Line, Record, life::card, shrink};
use fabric_proto::operator::EventKind;
use std::fmt::Write as _;

/// Lines of a story that are told before the end: what happened long before it rarely matters.
const LINES: usize = 160;

/// Shrinks a failing life and tells it: what was done, what the cards said, what was violated, how to see it again.
pub fn tell(life: &Life, kind: Kind) -> String {
    let short = shrink(life);
    let outcome = short.run(Record::Story);
    let mut text = format!(
        "seed {} ({kind:?}): {} of {} steps are enough\nchassis: {} RPs, {} line cards, {} routes, mode {}; delays to {:?}, heartbeat loss {} %\n\nschedule:\n",
        life.seed,
        short.steps.len(),
        life.steps.len(),
        short.chassis.rps,
        short.chassis.line_cards,
        short.chassis.routes.len(),
        short.mode,
        short.weather.delay,
        short.weather.heartbeat_loss * 100.0,
    );
    for step in &short.steps {
        let _ = writeln!(text, "  after {:?}: {:?}", step.wait, step.fault);
    }
    let story = outcome.world.story();
    let from = story.len().saturating_sub(LINES);
    let _ = writeln!(text, "\nstory{}:", if from > 0 { ", its end" } else { "" });
    for line in &story[from..] {
        let _ = writeln!(text, "  {}", sentence(line));
    }
    let standing: Vec<_> =
        outcome.world.standing().into_iter().map(|(slot, state)| format!("{} {state}", card(slot))).collect();
    let _ = writeln!(text, "\nat {}: {}", outcome.world.now(), standing.join(", "));
    match outcome.violation {
        Some(violation) => {
            let _ = writeln!(text, "violated: {violation}");
        }
        None => text.push_str("nothing is violated\n"),
    }
    let kind = match kind {
        Kind::Light => "light",
        Kind::Heavy => "heavy",
        Kind::Family => "family",
    };
    let _ =
        writeln!(text, "again: cargo run --release -p chassis-tests --bin lives -- --kind {kind} --only {}", life.seed);
    text
}

fn sentence(line: &Line) -> String {
    let what = match &line.event {
        EventKind::Booted { release } => format!("boots release {release}"),
        EventKind::RfState { from, to } => format!("goes from {from} to {to}"),
        EventKind::Peer { present: true, reason } => format!("sees its peer: {reason}"),
        EventKind::Peer { present: false, reason } => format!("misses its peer: {reason}"),
        EventKind::Switchover { epoch, reason } => format!("switches over, term {epoch}: {reason}"),
        EventKind::TookOver { epoch } => format!("is active in term {epoch}"),
        EventKind::LcAdopted { slot, how } => format!("adopts line card {slot} ({how})"),
        EventKind::LcInSync { slot, buckets, routes } => {
            format!("finds line card {slot} in sync, {routes} routes and {buckets} buckets sent")
        }
        EventKind::LcLost { slot } => format!("loses line card {slot}"),
        EventKind::LcReset { slot, reason } => format!("resets line card {slot}: {reason}"),
        EventKind::FeedUp => "reaches the route feed".to_owned(),
        EventKind::FeedDown => "loses the route feed".to_owned(),
        EventKind::FeedComplete { routes } => format!("has learned {routes} routes"),
        EventKind::Converged => "has converged".to_owned(),
        EventKind::Redundant { mode } => format!("is redundant in {mode}"),
        EventKind::BulkSync { done } => format!("bulk sync {}", if *done { "ends" } else { "begins" }),
        EventKind::OperatingMode { mode, configured } => format!("operates in {mode}, configured is {configured}"),
        EventKind::Fenced { epoch, highest } => format!("term {epoch} is fenced by {highest}"),
        EventKind::ResetSlot { slot, reason, release: _ } => format!("has slot {slot} reset: {reason}"),
        EventKind::ResetChassis { reason } => format!("resets the chassis: {reason}"),
        EventKind::Log { line } => line.clone(),
        other => format!("{other:?}"),
    };
    format!("{} {:>2} {what}", line.at, line.slot)
}
