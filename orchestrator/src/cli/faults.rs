//! `swact fault`: breaks something in a running lab, says what must come of it, and takes it back when asked to.

use super::{
    CliError, Exit,
    args::{FaultArgs, Format},
    files, labs, output,
};
use crate::{
    expectation::{self, On},
    fault::{
        Fault, FaultName, Step, Target,
        check::{check_pairing, check_planes},
        options::{BadOption, Options},
    },
    inject::{self, Injected, Missed},
    standing, storm,
};
use lab::{Lab, LabError, card_name, images::Images, topology::Topology};
use notation::{document::BadInput, mode::Mode, units::Span};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Serialize)]
struct Done {
    fault: FaultName,
    what: String,
    target: String,
    at_ns: u64,
    cards: Vec<String>,
    /// Why it was not done; only in storms, whose targets may be gone already.
    missed: Option<String>,
    /// What takes it back, where something does.
    undone_by: Option<FaultName>,
    expected: Option<String>,
}

/// Done, said, and taken back after `--for`; an interrupt takes it back at once. What the environment says of other faults
/// plays no part; what was `written` for them is refused.
pub(super) async fn fault(args: FaultArgs, written: &[String], format: Format) -> Result<Exit, CliError> {
    let wrong = |message: String, remedy: String| BadInput::new("fault", message, remedy);
    let remedy = || "correct the fault or its target".to_owned();
    let (target, images) = (args.target.clone(), args.images.clone());
    let lab_name = args.lab.clone();
    let name = args.fault;
    let time = args.time.filter(|_| name.undone_by().is_some());
    let options = options_of(args);
    check_pairing(name, &target).map_err(|message| wrong(message, remedy()))?;
    let is_written = |bad: &BadOption| written.iter().any(|long| *long == flag(bad.option));
    if let Some(foreign) = options.foreign(name).find(is_written) {
        return Err(complaint(foreign).into());
    }
    let fault = options.fault(name).map_err(complaint)?;
    check_planes(&fault, &target).map_err(|message| wrong(message, remedy()))?;
    let lab = labs::attach(&lab_name).await?;
    let images = files::images(&images, &lab.plan().topology)?;
    if fault.name == FaultName::Storm {
        return blow(&lab, &images, &fault, &target, format).await;
    }
    let node = target.node.clone().or_else(|| lab.plan().chassis.first().map(|chassis| chassis.node.clone()));
    let active = standing::active_rp(&lab, node.as_deref().unwrap_or_default()).await.map(|(id, _)| id);
    let mut injected = inject::inject(&lab, &images, &fault, &target).await.map_err(|missed| missed.error)?;
    let mut done = done(&fault, &target, Ok(&injected));
    done.expected = active.and_then(|active| {
        let rule = expectation::of(&fault, On::of(&injected.cards, &injected.peers, &active)?)?;
        // The lab lives without its file; the book then has nothing to go by.
        let topology = Topology::load(&lab.plan().topology).ok()?;
        let sso = rule.expected(Mode::Sso, time.map(|time| time.0), topology.chassis(&active.node)?);
        Some(format!("switchover: {}; loss in SSO: {}; {}", sso.switchover, sso.loss, rule.because))
    });
    print(format, &[done]);
    if let Some(time) = time {
        tokio::select! {
            () = tokio::time::sleep(time.0) => {}
            () = crate::run::interrupted() => {}
        }
        if inject::undo(&lab, &mut injected).await.is_err() {
            inject::put_back(&lab, &injected).await?;
            inject::undo(&lab, &mut injected).await?;
        }
    }
    Ok(Exit::Pass)
}

fn options_of(args: FaultArgs) -> Options {
    Options {
        image: args.image,
        or_reset: Some(args.or_reset),
        plane: Some(args.plane.into()),
        loss: Some(args.loss),
        delay: Some(args.delay),
        jitter: Some(args.jitter),
        duplicate: Some(args.duplicate),
        reorder: Some(args.reorder),
        rate_bps: Some(args.rate_bps),
        every: Some(args.every),
        point: args.point,
        client: args.client,
        lines: Some(args.lines),
        faults: Some(args.faults),
        over: Some(args.over),
        time: args.time,
        seed: args.seed,
    }
}

/// The command line's name of an option.
fn flag(option: Option<&'static str>) -> &'static str {
    match option {
        // It is given once a line.
        Some("lines") => "line",
        option => option.unwrap_or_default(),
    }
}

fn complaint(bad: BadOption) -> BadInput {
    let place = if bad.option.is_some() { format!("--{}", flag(bad.option)) } else { "fault".to_owned() };
    BadInput::new(place, bad.message, bad.remedy)
}

fn done(fault: &Fault, target: &Target, injected: Result<&Injected, &Missed>) -> Done {
    Done {
        fault: fault.name,
        what: fault.to_string(),
        target: target.to_string(),
        at_ns: injected.map_or(0, |injected| injected.at.0),
        cards: injected
            .map(|injected| injected.cards.iter().chain(&injected.peers).map(card_name).collect())
            .unwrap_or_default(),
        missed: injected.err().map(ToString::to_string),
        undone_by: fault.name.undone_by(),
        expected: None,
    }
}

fn print(format: Format, done: &[Done]) {
    let row = |done: &Done| {
        let cards = done.missed.clone().map_or_else(|| done.cards.join(", "), |why| format!("missed: {why}"));
        let back = done.undone_by.map(|fault| fault.to_string()).unwrap_or_default();
        vec![done.what.clone(), done.target.clone(), cards, back]
    };
    // One fault is one object, as scripts have it; a storm is a list.
    match (format, done) {
        (Format::Json, [only]) => output::json(only),
        _ => output::print(format, &["Fault", "Target", "Cards", "Undone by"], done.iter().map(row).collect(), &done),
    }
    if let (Format::Table, [Done { expected: Some(expected), .. }]) = (format, done) {
        output::text(&format!("expected: {expected}\n"));
    }
}

/// A storm, to its end: every fault at its time, each taken back at its time; after an interrupt, all at once.
async fn blow(lab: &Lab, images: &Images, fault: &Fault, target: &Target, format: Format) -> Result<Exit, CliError> {
    let plan = lab.plan();
    let node = target.node.as_ref();
    let chassis =
        plan.chassis.iter().find(|chassis| node.is_none_or(|node| *node == chassis.node)).ok_or_else(|| {
            BadInput::new("fault", format!("there is no chassis '{target}'"), "name a chassis of the lab")
        })?;
    let steps = storm::of_chassis(fault.storm, plan, &chassis.node);
    output::say(format_args!("{fault} on {}", chassis.node));
    let mut said = Vec::new();
    let mut under_way = Vec::new();
    let storm = weather(lab, images, &steps, &mut said, &mut under_way);
    let interrupted = tokio::select! {
        () = storm => false,
        () = crate::run::interrupted() => true,
    };
    for (_, mut injected) in under_way {
        calm(inject::undo(lab, &mut injected).await);
    }
    print(format, &said);
    Ok(if interrupted { Exit::Interrupted } else { Exit::Pass })
}

async fn weather(
    lab: &Lab,
    images: &Images,
    steps: &[Step],
    said: &mut Vec<Done>,
    under_way: &mut Vec<(Instant, Injected)>,
) {
    let zero = Instant::now();
    let mut late = Vec::new();
    for step in steps {
        clear_until(lab, under_way, &mut late, zero + step.at.0).await;
        tokio::time::sleep_until(zero + step.at.0).await;
        let injected = inject::inject(lab, images, &step.fault, &step.target).await;
        let time = step.time.unwrap_or(Span(Duration::ZERO));
        output::say(format_args!("{:>8.3} s  {} {}", zero.elapsed().as_secs_f64(), step.fault, step.target));
        said.push(done(&step.fault, &step.target, injected.as_ref()));
        let injected = injected.map_or_else(|missed| missed.left, Some);
        under_way.extend(injected.map(|injected| (Instant::now() + time.0, injected)));
    }
    let last = under_way.iter().map(|(at, _)| *at).max();
    if let Some(last) = last {
        clear_until(lab, under_way, &mut late, last).await;
    }
    for mut injected in late {
        calm(inject::undo(lab, &mut injected).await);
    }
}

/// Takes back what is due until `limit`, each at its time; what cannot be, because its card stands still or is gone, is `late`.
async fn clear_until(lab: &Lab, under_way: &mut Vec<(Instant, Injected)>, late: &mut Vec<Injected>, limit: Instant) {
    under_way.sort_by_key(|(at, _)| *at);
    while under_way.first().is_some_and(|(at, _)| *at <= limit) {
        let (at, mut injected) = under_way.remove(0);
        tokio::time::sleep_until(at).await;
        if let Err(error) = inject::undo(lab, &mut injected).await {
            tracing::info!(%error, "taking a fault back");
            late.push(injected);
        }
    }
}

/// A card that went down meanwhile has taken its faults with it.
fn calm(result: Result<(), LabError>) {
    if let Err(error) = result {
        tracing::info!(%error, "taking a fault back");
    }
}
