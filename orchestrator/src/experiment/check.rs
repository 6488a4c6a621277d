//! What an experiment must hold beyond its shape.

mod foreign;
mod traffic;

pub(in crate::experiment) use traffic::{EVEN, FEWER_PACKETS, check_even, check_packets};

use super::{
    Experiment, Observe, Overrides, SteadyState, TRIAL_TIME_MAX, TRIALS_MAX, Traffic, Until,
    file::{File, ObserveEntry, StepEntry},
};
use crate::{
    expectation::{Expected, Must},
    fault::{
        FaultName, Step, Target, TargetUnit,
        check::{check_node, check_pairing, check_planes, check_whole},
        options::BadOption,
    },
};
use lab::topology::{NodePort, TableSource, Topology};
use measure::verdict::Limits;
use notation::{
    document::{BadInput, Document},
    mode::Mode,
    units::{PacketRate, Rate, Span},
};
use serde_saphyr::{Location, Spanned};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use traffic::check_traffic;

/// Slack for carrying a load from one port to the other before the steady state is judged.
const STEADY_DEFAULT: Duration = Duration::from_secs(2);

pub(super) fn check(document: Document) -> Result<Experiment, BadInput> {
    let file: File = document.parse()?;
    let topology = load_topology(&document, &file.topology)?;
    let modes = check_modes(&document, &topology, &file)?;
    if file.trials.value == 0 {
        return Err(document.wrong(file.trials.referenced, "no trials", "give 'trials: 1' or more"));
    }
    for (what, number) in [("trials", Some(&file.trials)), ("baseline trials", file.baseline.as_ref())] {
        if let Some(number) = number.filter(|number| number.value > TRIALS_MAX) {
            let message = format!("{} {what} of each mode are more than a run holds", number.value);
            let remedy =
                format!("give {TRIALS_MAX} or fewer; 'swact soak' repeats an experiment for as long as you like");
            return Err(document.wrong(number.referenced, message, remedy));
        }
    }
    let (traffic, places) = check_traffic(&document, &topology, &file.traffic)?;
    let seed = file.seed.unwrap_or(1);
    let method =
        file.method.iter().map(|step| check_step(&document, &topology, step, seed)).collect::<Result<Vec<_>, _>>()?;
    check_method(&document, &topology, &traffic, &file.method)?;
    check_during(&document, &file, &topology)?;
    check_expectation(&document, file.expect.as_ref())?;
    if file.observe.at_most.value.0.is_zero() {
        let remedy = "give 'at-most: 60s'";
        return Err(document.wrong(file.observe.at_most.referenced, "no time to observe anything", remedy));
    }
    let place = file.modes.as_ref().map_or(file.topology.referenced, |modes| modes.referenced);
    let until = check_until(&document, &topology, &file.observe)?;
    check_switchover(&document, &topology, file.expect.as_ref())?;
    let thresholds = check_thresholds(&document, (&modes, place), file.thresholds)?;
    let steady_state =
        file.steady_state
            .as_ref()
            .map_or(SteadyState { time: Span(STEADY_DEFAULT), lost: 0, after: Span::default() }, |steady| {
                SteadyState { time: steady.r#for, lost: steady.lost, after: steady.after }
            });
    let at_most = file.observe.at_most.referenced;
    let experiment = Experiment {
        title: file.title,
        topology,
        modes,
        trials: file.trials.value,
        baseline: file.baseline.map_or(0, |baseline| baseline.value),
        seed,
        traffic,
        places,
        steady_state,
        method,
        observe: Observe { until, at_most: file.observe.at_most.value },
        thresholds,
        expect: file.expect.map(|expect| expect.value),
        document,
    };
    let longest = experiment.longest_trial();
    if longest > TRIAL_TIME_MAX {
        let message = format!("a trial could take {}", Span(longest));
        let remedy = "twice the steady state, 'after', the method and four times 'at-most' may come to 70m together";
        return Err(experiment.document.wrong(at_most, message, remedy));
    }
    check_packets(&experiment.traffic, longest)
        .map_err(|message| experiment.document.wrong(at_most, message, FEWER_PACKETS))?;
    Ok(experiment)
}

/// Thresholds limit something, of modes that are run.
fn check_thresholds(
    document: &Document,
    (modes, place): (&[Mode], Location),
    thresholds: Option<Spanned<BTreeMap<Mode, Spanned<Limits>>>>,
) -> Result<BTreeMap<Mode, Limits>, BadInput> {
    let Some(thresholds) = thresholds else { return Ok(BTreeMap::new()) };
    if let Some(mode) = thresholds.value.keys().find(|mode| !modes.contains(mode)) {
        if modes == [Mode::NoChassis] {
            let message = format!("thresholds for {mode}, and the lab has no chassis");
            return Err(document.wrong(thresholds.referenced, message, "write them as 'none: {lost: 0}'"));
        }
        let message = format!("thresholds for {mode}, which is not among the modes");
        return Err(document.wrong(place, message, format!("add {mode} to 'modes', or remove them")));
    }
    let limits_nothing = |location, whose: &str| {
        let remedy = "give limits, as 'sso: {lost: 0}', or remove it";
        Err(document.wrong(location, format!("{whose} limits nothing"), remedy))
    };
    if thresholds.value.is_empty() {
        return limits_nothing(thresholds.referenced, "'thresholds'");
    }
    if let Some((mode, limits)) = thresholds.value.iter().find(|(_, limits)| limits.value.is_empty()) {
        return limits_nothing(limits.referenced, &format!("the threshold of {mode}"));
    }
    Ok(thresholds.value.into_iter().map(|(mode, limits)| (mode, limits.value)).collect())
}

/// An experiment's topology is a file beside it: a missing one is the experiment's mistake.
fn load_topology(document: &Document, name: &Spanned<String>) -> Result<Topology, BadInput> {
    let path = document.folder().join(&name.value);
    if !path.exists() {
        let message = format!("there is no topology '{}'", name.value);
        return Err(document.wrong(name.referenced, message, "its path starts from the experiment's folder"));
    }
    Topology::load(&path)
}

fn check_modes(document: &Document, topology: &Topology, file: &File) -> Result<Vec<Mode>, BadInput> {
    let modes = match (&file.modes, topology.chassis.is_empty()) {
        (Some(modes), false) => modes,
        (None, true) => return Ok(vec![Mode::NoChassis]),
        (Some(modes), true) => {
            let message = "the lab has no chassis, and so no redundancy mode";
            return Err(document.wrong(modes.referenced, message, "remove 'modes'"));
        }
        (None, false) => {
            return Err(document.wrong(file.topology.referenced, "no modes", "give at least 'modes: [sso]'"));
        }
    };
    let mut seen = BTreeSet::new();
    if let Some(twice) = modes.value.iter().find(|mode| !seen.insert(mode.value)) {
        return Err(document.wrong(twice.referenced, format!("mode {} is there twice", twice.value), "remove one"));
    }
    if seen.is_empty() {
        return Err(document.wrong(modes.referenced, "no modes", "give at least 'modes: [sso]'"));
    }
    if let Some((mode, (message, remedy))) =
        modes.value.iter().find_map(|mode| Some((mode, topology.lacks(mode.value)?)))
    {
        return Err(document.wrong(mode.referenced, message, remedy));
    }
    Ok(modes.value.iter().map(|mode| mode.value).collect())
}

/// What is waited for is something that the lab can come to.
fn check_until(document: &Document, topology: &Topology, observe: &ObserveEntry) -> Result<Until, BadInput> {
    match (&observe.until, topology.chassis.is_empty()) {
        (None, true) => Ok(Until::Traffic),
        (None, false) => {
            let remedy = "add 'until: redundant', 'until: converged' or 'until: traffic'";
            Err(document.wrong(observe.at_most.referenced, "'observe' does not say until when", remedy))
        }
        (Some(until), true) if until.value != Until::Traffic => {
            let message = "the lab has no chassis that could come to this";
            Err(document.wrong(until.referenced, message, "write 'until: traffic', or leave it out"))
        }
        (Some(until), _) => Ok(until.value),
    }
}

/// A switchover is a chassis'.
fn check_switchover(
    document: &Document,
    topology: &Topology,
    expect: Option<&Spanned<Expected>>,
) -> Result<(), BadInput> {
    match expect {
        Some(expect) if topology.chassis.is_empty() && expect.value.switchover == Must::Always => {
            let message = "a switchover is expected, and the lab has no chassis";
            Err(document.wrong(expect.referenced, message, "expect 'loss' only"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_step(document: &Document, topology: &Topology, entry: &StepEntry, seed: u64) -> Result<Step, BadInput> {
    let name = entry.fault.value;
    let target = &entry.target.value;
    check_target(topology, name, target)
        .map_err(|(message, remedy)| document.wrong(entry.target.referenced, message, remedy))?;
    check_pairing(name, target)
        .map_err(|message| document.wrong(entry.target.referenced, message, "correct the fault or its target"))?;
    let options = entry.options(seed);
    let wrong = |bad: BadOption| document.wrong(entry.place(bad.option), bad.message, bad.remedy);
    if let Some(foreign) = options.foreign(name).next() {
        return Err(wrong(foreign));
    }
    let fault = options.fault(name).map_err(wrong)?;
    if name == FaultName::Drop && options.time.is_none() {
        let message = "a drop without an end: the traffic would never come back";
        return Err(document.wrong(entry.fault.referenced, message, "add 'for: 100ms'"));
    }
    check_planes(&fault, target)
        .map_err(|message| document.wrong(entry.target.referenced, message, "correct 'plane' or the target"))?;
    let during = entry.during.as_ref().map(|during| during.value);
    Ok(Step { at: entry.at, during, fault, target: target.clone(), time: options.time })
}

/// Whether a method does anything at all: what only takes back something has nothing to take back, one packet of more than
/// there are is none, and the release that runs is no other one.
fn check_method(
    document: &Document,
    topology: &Topology,
    traffic: &[Traffic],
    entries: &[StepEntry],
) -> Result<(), BadInput> {
    if let Some(first) = entries.first()
        && entries.iter().all(|entry| entry.fault.value.only_takes_back())
    {
        let message = "the method only takes back faults, and does none";
        return Err(document.wrong(first.fault.referenced, message, "add the fault before it"));
    }
    for (at, entry) in entries.iter().enumerate() {
        if let (Some(every), Some(time)) = (&entry.every, &entry.r#for)
            && most_packets(traffic, time.value).is_some_and(|most| most < f64::from(every.value))
        {
            let message = format!("'every: {}' drops nothing: fewer packets come in {}", every.value, time.value);
            return Err(document.wrong(every.referenced, message, "give less, or a longer time"));
        }
        let swapped = |entry: &StepEntry| matches!(entry.fault.value, FaultName::SwapImage | FaultName::UpgradeCard);
        let first = !entries[..at].iter().any(swapped);
        let chassis =
            entry.target.value.node.as_deref().map_or(topology.chassis.first(), |node| topology.chassis(node));
        if let (Some(image), Some(chassis), true) = (&entry.image, chassis, first && swapped(entry))
            && image.value == chassis.image
        {
            let message = format!("{} runs release {} already", chassis.name, image.value);
            return Err(document.wrong(image.referenced, message, "give another release"));
        }
    }
    Ok(())
}

/// What is done during an upgrade is done in trials of one.
fn check_during(document: &Document, file: &File, topology: &Topology) -> Result<(), BadInput> {
    let modes = file.modes.as_ref().map_or(&[][..], |modes| &modes.value);
    let upgraded = modes.iter().find(|mode| mode.value == Mode::Issu);
    let upgraded_only = upgraded.filter(|_| modes.len() == 1);
    if let (Some(mode), Some(chassis)) = (upgraded, topology.chassis.first().filter(|chassis| chassis.rps.len() < 2)) {
        let message = format!("{} has one route processor: nothing takes over while it is upgraded", chassis.name);
        return Err(document.wrong(mode.referenced, message, "add {slot: B} to its components"));
    }
    let first = file.method.iter().find_map(|entry| entry.during.as_ref());
    for entry in &file.method {
        let Some(during) = &entry.during else {
            if upgraded_only.is_some() {
                let message = "no trial does this: all of them upgrade the chassis step by step";
                let remedy = "say in which step ('during: run'), or add another mode";
                return Err(document.wrong(entry.fault.referenced, message, remedy));
            }
            continue;
        };
        if let Some(first) = first.filter(|first| first.value != during.value) {
            let message =
                format!("no trial comes to '{}': what is done during '{}' ends it", during.value, first.value);
            return Err(document.wrong(during.referenced, message, "write another experiment for it"));
        }
        let upgraded = upgraded.is_some();
        if !upgraded {
            let message = format!("'during: {}': no trial upgrades the chassis step by step", during.value);
            return Err(document.wrong(during.referenced, message, "add 'issu' to the modes, or remove 'during'"));
        }
        if entry.fault.value == FaultName::Storm {
            let message = "a storm does not end with a step of an upgrade";
            return Err(document.wrong(during.referenced, message, "remove 'during', or name one fault"));
        }
    }
    Ok(())
}

/// Packets that the testers offer in a time, all of them together; `None`: what a share of the zero-loss rate comes to is not
/// known yet.
fn most_packets(traffic: &[Traffic], time: Span) -> Option<f64> {
    let rate = |traffic: &Traffic| match traffic.rate {
        Rate::Absolute(PacketRate(rate)) => Some(rate),
        Rate::OfZeroLoss(_) => None,
    };
    Some(traffic.iter().map(rate).sum::<Option<f64>>()? * time.0.as_secs_f64())
}

/// What nothing can fail is not expected.
fn check_expectation(document: &Document, expect: Option<&Spanned<Expected>>) -> Result<(), BadInput> {
    let Some(expect) = expect else { return Ok(()) };
    if (expect.value.switchover, expect.value.loss) != (Must::Maybe, Must::Maybe) {
        return Ok(());
    }
    let message = "'expect' expects nothing: neither switchover nor loss matters";
    Err(document.wrong(expect.referenced, message, "say 'always' or 'never' of one of them, or remove it"))
}

/// Whether the target is in the topology; the error is `(what, remedy)`.
fn check_target(topology: &Topology, name: FaultName, target: &Target) -> Result<(), (String, String)> {
    let foreign = target
        .node
        .as_ref()
        .filter(|node| topology.linux(node).is_some() || topology.host_ends.iter().any(|host| host.end.node == **node));
    if let Some(node) = foreign {
        return check_foreign(topology, name, node, target);
    }
    let names: Vec<_> = topology.chassis.iter().map(|chassis| chassis.name.as_str()).collect();
    let chassis = match (&target.node, topology.chassis.as_slice()) {
        (Some(node), _) => topology.chassis(node).ok_or_else(|| match names.as_slice() {
            [] => {
                let nodes: Vec<_> = topology.linux.iter().map(|node| node.name.as_str()).collect();
                (format!("there is no node '{node}'"), format!("the nodes are {}", nodes.join(", ")))
            }
            names => (format!("there is no chassis '{node}'"), format!("the chassis are {}", names.join(", "))),
        })?,
        (None, [only]) => only,
        (None, []) => {
            let nodes: Vec<_> = topology.linux.iter().map(|node| node.name.as_str()).collect();
            return Err((
                format!("'{target}': the lab has no chassis"),
                format!("name a node of it: {}", nodes.join(", ")),
            ));
        }
        (None, _) => {
            return Err((
                format!("'{target}' could be in any of {}", names.join(", ")),
                format!("write '<chassis>/{target}'"),
            ));
        }
    };
    check_whole(name, target).map_err(|message| (message, "correct the fault or its target".to_owned()))?;
    for unit in std::iter::once(target.unit).chain(target.peer) {
        let exists = match unit {
            TargetUnit::Rp(slot) => chassis.rps.contains(&slot),
            TargetUnit::Lc(slot) => chassis.line_cards.iter().any(|card| card.slot == slot),
            TargetUnit::AllLc => !chassis.line_cards.is_empty(),
            TargetUnit::StandbyRp => chassis.rps.len() > 1,
            TargetUnit::ActiveRp | TargetUnit::AllRp | TargetUnit::Chassis => true,
            TargetUnit::Link(_) | TargetUnit::Into(_) | TargetUnit::OutOf(_) => false,
        };
        if !exists {
            let slots: Vec<_> = chassis
                .rps
                .iter()
                .map(|slot| format!("rp:{slot}"))
                .chain(chassis.line_cards.iter().map(|card| format!("lc:{}", card.slot)))
                .collect();
            return Err((format!("{} has no {unit}", chassis.name), format!("its cards are {}", slots.join(", "))));
        }
    }
    Ok(())
}

/// The same of a node that is none of ours, or of this machine's interfaces.
fn check_foreign(topology: &Topology, name: FaultName, node: &str, target: &Target) -> Result<(), (String, String)> {
    let ends: Vec<_> = topology.links.iter().flat_map(|link| &link.ends).filter(|end| end.node == node).collect();
    let known = ends.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (target.unit, target.unit.wire()) {
        (TargetUnit::Chassis, _) if topology.linux(node).is_none() => {
            return Err((format!("'{node}' is this machine"), format!("name one of its interfaces: {known}")));
        }
        (TargetUnit::Chassis, _) => {}
        (_, None) => return Err((format!("{node} is no chassis"), format!("write '{node}', or one of {known}"))),
        (_, Some((interface, _))) => {
            let Some(end) = ends.iter().find(|end| end.port == NodePort::Interface(interface)) else {
                return Err((format!("no link ends on {node}:{interface}"), format!("these do: {known}")));
            };
            let at_tester = topology.opposite(end).is_some_and(|other| matches!(other.port, NodePort::Tester(_)));
            if name == FaultName::Drop && !at_tester {
                let message =
                    format!("how much of the load is on the wire at {end} is not known: no tester is at its other end");
                return Err((message, "drop at a tester's wire, or use 'partition' or 'impair'".to_owned()));
            }
        }
    }
    check_node(name, target).map_err(|message| (message, "correct the fault or its target".to_owned()))
}

pub(super) fn apply(experiment: &mut Experiment, overrides: &Overrides) -> Result<(), BadInput> {
    if let Some(modes) = &overrides.modes {
        if experiment.topology.chassis.is_empty() {
            let message = "the lab has no chassis, and so no redundancy mode";
            return Err(BadInput::new("--mode", message, "leave it out"));
        }
        if let Some((message, remedy)) = modes.iter().find_map(|mode| experiment.topology.lacks(*mode)) {
            return Err(BadInput::new("--mode", message, remedy));
        }
        experiment.modes.clone_from(modes);
        experiment.thresholds.retain(|mode, _| modes.contains(mode));
    }
    if let Some(trials) = overrides.trials {
        if !(1..=TRIALS_MAX).contains(&trials) {
            let message = format!("{trials} trials of each mode are not possible");
            return Err(BadInput::new("--trials", message, format!("give 1 to {TRIALS_MAX}")));
        }
        experiment.trials = trials;
    }
    if let Some(seed) = overrides.seed {
        experiment.seed = seed;
    }
    if let Some(table) = &overrides.table {
        override_table(&mut experiment.topology, table)?;
    }
    Ok(())
}

/// Puts the table of `--table FILE` in place of every chassis' own.
pub(crate) fn override_table(topology: &mut Topology, table: &std::path::Path) -> Result<(), BadInput> {
    if let Err(error) = user_files::open(table) {
        let message = format!("cannot read the routing table '{}': {error}", table.display());
        return Err(BadInput::new("--table", message, "give a prefix list or an MRT table dump"));
    }
    let path = std::path::absolute(table).unwrap_or_else(|_| table.to_owned());
    for routes in topology.chassis.iter_mut().filter_map(|chassis| chassis.routes.as_mut()) {
        routes.source = TableSource::File(path.clone());
        (routes.ipv4, routes.ipv6) = (0, 0);
    }
    Ok(())
}
