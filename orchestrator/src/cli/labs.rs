//! Verbs that touch a running lab.

use super::{
    CliError, Exit,
    args::{DeployArgs, EventsArgs, Format, InspectArgs, LabArgs},
    files, output,
};
use crate::{
    document::BadInput,
    experiment::override_table,
    inject,
    lab::{Change, Lab, LabError, RuntimeKind, Step},
    lab_name,
    plan::{LabPlan, Placement, Subnet, lab_dir, labs_dir},
    run::{RunError, timeline::describe},
    runtime::choose::choose,
    topology::Topology,
};
use fabric_proto::operator::{CardStats, Event};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a lab that comes up is asked how it stands.
const POLL: Duration = Duration::from_millis(100);
/// A chassis with a million routes is up within seconds; a loaded machine gets its time.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Name of the lab that an argument means: a topology file's, or the argument itself.
fn lab_named(lab: &str) -> Result<String, BadInput> {
    let path = Path::new(lab);
    if path.extension().is_some_and(|ext| ext == "yml" || ext == "yaml") || lab.contains('/') {
        Ok(Topology::load(path)?.name)
    } else {
        Ok(lab.to_owned())
    }
}

/// The folder of a lab that runs.
fn running(lab: &str) -> Result<PathBuf, BadInput> {
    let name = lab_named(lab)?;
    let dir = lab_dir(&name);
    if dir.join("plan.json").is_file() {
        return Ok(dir);
    }
    let names = labs();
    let there = if names.is_empty() { "no lab runs".to_owned() } else { format!("these run: {}", names.join(", ")) };
    Err(BadInput::new("lab", format!("lab '{name}' does not run"), format!("{there}; 'swact deploy' brings one up")))
}

/// Names of the labs that run.
fn labs() -> Vec<String> {
    let entries = std::fs::read_dir(labs_dir()).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<_> = entries
        .filter(|entry| entry.path().join("plan.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(super) async fn attach(lab: &str) -> Result<Lab, CliError> {
    Ok(Lab::attach(&running(lab)?).await?)
}

/// Refuses a lab that runs already, before anything of it is touched.
pub(super) fn check_free(name: &str) -> Result<(), BadInput> {
    if !lab_dir(name).join("plan.json").exists() {
        return Ok(());
    }
    let message = format!("lab '{name}' runs already");
    Err(BadInput::new("lab", message, format!("'swact destroy {name}' takes it down")))
}

/// `swact deploy`: an interrupt on the way takes everything down again.
pub(super) async fn deploy(args: DeployArgs, format: Format) -> Result<Exit, CliError> {
    let mut topology = Topology::load(&args.topology)?;
    if let Some(table) = &args.table {
        override_table(&mut topology, table)?;
    }
    let images = files::images(&args.images, &args.topology)?;
    let dir = lab_dir(&topology.name);
    let (placement, is_there) = match crate::lab::placement(&dir)? {
        Some(placement) => (stays(placement, &args, &topology)?, true),
        // Which cards there would be is the same everywhere, and nothing is made to find out.
        None if args.dry_run => (Placement::Process, false),
        None => {
            let chosen = choose(args.runtime.into(), &topology, &images, &dir).await.map_err(LabError::from)?;
            eprintln!("runtime: {}", chosen.why);
            (chosen.placement, false)
        }
    };
    let plan = LabPlan::new(&topology, &dir, &images, placement)?;
    if args.dry_run {
        return print_changes(&crate::lab::changes(&plan).await?, format);
    }
    let work = async {
        let (lab, changes) = Lab::converge(plan).await?;
        for change in changes.iter().filter(|change| is_there && change.step != Step::Keep) {
            eprintln!("{} {}: {}", change.step.name(), lab_name(&change.card), change.why);
        }
        if !args.no_wait {
            wait_until_ready(&lab).await?;
        }
        Ok::<_, CliError>(lab)
    };
    let lab = tokio::select! {
        lab = work => lab,
        () = crate::run::interrupted() => {
            // What ran before goes on running: the next deployment brings it where it should be.
            if !is_there {
                crate::lab::destroy_dir(&dir).await?;
            }
            return Ok(Exit::Interrupted);
        }
    };
    match lab {
        Ok(lab) => print_cards(&[lab], format).await,
        Err(error) => {
            if !is_there {
                crate::lab::destroy_dir(&dir).await?;
            }
            Err(error)
        }
    }
}

/// The placement of a lab that is there: it does not move, and must have room for what the topology has now.
fn stays(placement: Placement, args: &DeployArgs, topology: &Topology) -> Result<Placement, BadInput> {
    let fits = match (&placement, RuntimeKind::from(args.runtime)) {
        (_, RuntimeKind::Auto) | (Placement::Process, RuntimeKind::Process) => true,
        (Placement::Docker { .. }, RuntimeKind::Docker) => true,
        (Placement::Docker { .. }, RuntimeKind::Process) | (Placement::Process, RuntimeKind::Docker) => false,
    };
    let remedy = format!("'swact destroy {}' first", topology.name);
    if !fits {
        let message = format!("lab '{}' runs already, on another runtime", topology.name);
        return Err(BadInput::new("lab", message, remedy));
    }
    if let Placement::Docker { subnet, .. } = &placement
        && Subnet::candidates(topology, Path::new("")).next().is_none_or(|needed| needed.length < subnet.length)
    {
        let message = format!("lab '{}' has outgrown its network {subnet}", topology.name);
        return Err(BadInput::new("lab", message, remedy));
    }
    Ok(placement)
}

fn print_changes(changes: &[Change], format: Format) -> Result<Exit, CliError> {
    let row = |change: &Change| vec![lab_name(&change.card), change.step.name().to_owned(), change.why.to_owned()];
    output::print(format, &["Card", "Step", "Why"], changes.iter().map(row).collect(), &changes)?;
    Ok(Exit::Pass)
}

/// Waits until every chassis of a lab forwards and is redundant.
pub(super) async fn wait_until_ready(lab: &Lab) -> Result<(), RunError> {
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    for chassis in &lab.plan().chassis {
        loop {
            let active = inject::active_rp(lab, &chassis.node).await;
            if active.as_ref().is_some_and(|(_, rp)| rp.converged && (rp.redundant || chassis.rps.len() == 1)) {
                break;
            }
            if tokio::time::Instant::now() >= deadline {
                let found = active
                    .map_or_else(|| "no RP is active".to_owned(), |(id, rp)| crate::run::bench::standing(&id, &rp));
                return Err(RunError::NotReady {
                    node: chassis.node.clone(),
                    wanted: "up".to_owned(),
                    seconds: READY_WITHIN.as_secs(),
                    found,
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// `swact destroy`: a lab that is not there is gone, too.
pub(super) async fn destroy(args: LabArgs) -> Result<Exit, CliError> {
    let name = lab_named(&args.lab)?;
    crate::lab::destroy_dir(&lab_dir(&name)).await?;
    Ok(Exit::Pass)
}

#[derive(Serialize)]
struct CardRow {
    lab: String,
    card: String,
    runtime: &'static str,
    address: String,
    answers: bool,
    state: String,
    stats: Option<CardStats>,
}

/// `swact inspect`.
pub(super) async fn inspect(args: InspectArgs, format: Format) -> Result<Exit, CliError> {
    let names = match &args.lab {
        Some(lab) => vec![lab.clone()],
        None => labs(),
    };
    let mut running = Vec::new();
    for name in names {
        running.push(attach(&name).await?);
    }
    print_cards(&running, format).await
}

async fn print_cards(labs: &[Lab], format: Format) -> Result<Exit, CliError> {
    let mut rows = Vec::new();
    for lab in labs {
        for card in &lab.plan().cards {
            let stats = lab.stats(&card.config.id).await;
            rows.push(CardRow {
                lab: lab.plan().lab.clone(),
                card: lab_name(&card.config.id),
                runtime: lab.runtime(),
                address: card.config.control.to_string(),
                answers: stats.is_some(),
                state: stats.as_ref().map_or_else(|| "does not answer".to_owned(), standing),
                stats,
            });
        }
    }
    let row = |row: &CardRow| {
        let release = row.stats.as_ref().map(|stats| stats.release.clone()).unwrap_or_default();
        let memory = row.stats.as_ref().map(|stats| format!("{} MiB", stats.memory_bytes >> 20)).unwrap_or_default();
        vec![row.lab.clone(), row.card.clone(), row.address.clone(), release, row.state.clone(), memory]
    };
    let header = ["Lab", "Card", "Address", "Release", "State", "Memory"];
    output::print(format, &header, rows.iter().map(row).collect(), &rows)?;
    Ok(Exit::Pass)
}

fn standing(stats: &CardStats) -> String {
    match (&stats.rp, &stats.lc) {
        (Some(rp), _) if rp.active => format!(
            "{}, operating {}, {}redundant, {} + {} routes",
            rp.state,
            rp.operating,
            if rp.redundant { "" } else { "not " },
            rp.routes[0],
            rp.routes[1]
        ),
        (Some(rp), _) => rp.state.to_string(),
        (None, Some(lc)) => format!(
            "obeys {}, {} + {} routes{}",
            lc.active.map_or_else(|| "nobody".to_owned(), |rp| format!("RP {rp}")),
            lc.routes[0],
            lc.routes[1],
            if lc.stale { ", stale" } else { "" }
        ),
        (None, None) => "runs".to_owned(),
    }
}

#[derive(Serialize)]
struct EventLine<'a> {
    lab: &'a str,
    card: String,
    #[serde(flatten)]
    event: &'a Event,
}

/// `swact events`: until the reader, or the person, has had enough.
pub(super) async fn events(args: EventsArgs, format: Format) -> Result<Exit, CliError> {
    let lab = attach(&args.lab).await?;
    let mut events = lab.events(args.history);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = crate::run::interrupted() => return Ok(Exit::Pass),
        };
        let Some(event) = event else { return Ok(Exit::Pass) };
        match format {
            Format::Json => {
                let line = EventLine { lab: &lab.plan().lab, card: lab_name(&event.card), event: &event.event };
                output::json_line(&line)?;
            }
            Format::Table => {
                let what = describe(&event.event.kind);
                output::text(&format!("{} {:8} {what}\n", event.event.at, lab_name(&event.card)))?;
            }
        }
    }
}
