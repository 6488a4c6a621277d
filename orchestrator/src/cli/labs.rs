//! Verbs that touch a running lab.

use super::{
    CliError, Exit,
    args::{DeployArgs, EventsArgs, Format, InspectArgs, LabArgs},
    files, output,
};
use crate::{
    experiment::override_table,
    run::{RunError, bench::not_ready, timeline::describe},
    standing,
};
use bridge::request::Status;
use fabric_proto::{
    id::CardId,
    operator::{CardStats, Event, RpStats},
};
use lab::{
    Change, Claim, Lab, LabError, RuntimeKind, Step, card_name,
    images::Images,
    plan::{LabPlan, NodePlan, Placement, Subnet, lab_dir},
    runtime::{choose::choose, foreign},
    topology::Topology,
};
use notation::document::BadInput;
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
fn running(lab: &str) -> Result<PathBuf, CliError> {
    let name = lab_named(lab)?;
    if let Some(dir) = lab::find(&name)? {
        return Ok(dir);
    }
    let names = lab::names()?;
    let there = if names.is_empty() { "no lab runs".to_owned() } else { format!("these run: {}", names.join(", ")) };
    let remedy = format!("{there}; 'swact deploy' brings one up");
    Err(BadInput::new("lab", format!("lab '{name}' does not run"), remedy).into())
}

pub(super) async fn attach(lab: &str) -> Result<Lab, CliError> {
    Ok(Lab::attach(&running(lab)?).await?)
}

/// Claims a lab of which nothing runs; one that runs already is refused before anything of it is touched.
pub(super) async fn claim_free(name: &str) -> Result<Claim, CliError> {
    let claim = Claim::take(name)?;
    if claim.is_occupied().await? {
        let message = format!("lab '{name}' runs already");
        return Err(BadInput::new("lab", message, format!("'swact destroy {name}' takes it down")).into());
    }
    Ok(claim)
}

/// `swact deploy`: an interrupt on the way takes everything down again.
pub(super) async fn deploy(args: DeployArgs, format: Format) -> Result<Exit, CliError> {
    let mut topology = Topology::load(&args.topology)?;
    if let Some(table) = &args.table {
        override_table(&mut topology, table)?;
    }
    let images = files::images(&args.images, &args.topology)?;
    files::check_topology(&topology, &images)?;
    if args.dry_run {
        let dir = lab_dir(&topology.name);
        let placement = match lab::placement(&dir, &args.topology, args.replace).await? {
            Some(placement) => stays(placement, &args, &topology)?,
            // Which cards there would be is the same everywhere, and nothing is made to find out.
            None => Placement::Process,
        };
        foreign::check(&topology, &placement).await?;
        let plan = LabPlan::new(&topology, &dir, &images, placement)?;
        return print_changes(&lab::changes(&plan).await?, format);
    }
    let claim = Claim::take(&topology.name)?;
    let work = bring_up(&args, &topology, &images, &claim);
    let lab = tokio::select! {
        lab = work => lab,
        () = crate::run::interrupted() => {
            // What ran before goes on running: the next deployment brings it where it should be.
            claim.roll_back().await?;
            return Ok(Exit::Interrupted);
        }
    };
    match lab {
        Ok(lab) => print_cards(&[lab], Vec::new(), format).await,
        Err(error) => {
            claim.roll_back().await?;
            Err(error)
        }
    }
}

/// Brings the lab that is claimed to what its topology says.
async fn bring_up(args: &DeployArgs, topology: &Topology, images: &Images, claim: &Claim) -> Result<Lab, CliError> {
    let stands = lab::placement(claim.dir(), &args.topology, args.replace).await?;
    let was_there = stands.is_some();
    let placement = match stands {
        Some(placement) => stays(placement, args, topology)?,
        None => {
            let chosen = choose(args.runtime.into(), topology, images, claim.dir()).await.map_err(LabError::from)?;
            output::say(format_args!("runtime: {}", chosen.why));
            chosen.placement
        }
    };
    foreign::check(topology, &placement).await?;
    let plan = LabPlan::new(topology, claim.dir(), images, placement)?;
    let (lab, changes) = Lab::converge(plan, claim).await?;
    for change in changes.iter().filter(|change| was_there && change.step != Step::Keep) {
        output::say(format_args!("{} {}: {}", change.step.name(), card_name(&change.card), change.why));
    }
    if !args.no_wait {
        wait_until_ready(&lab).await?;
    }
    Ok(lab)
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
    let row = |change: &Change| vec![card_name(&change.card), change.step.name().to_owned(), change.why.to_owned()];
    output::print(format, &["Card", "Step", "Why"], changes.iter().map(row).collect(), &changes);
    Ok(Exit::Pass)
}

/// Waits until every chassis of a lab forwards and is redundant.
pub(super) async fn wait_until_ready(lab: &Lab) -> Result<(), RunError> {
    let deadline = tokio::time::Instant::now() + READY_WITHIN;
    while let Some((node, found)) = unready(lab).await {
        if tokio::time::Instant::now() >= deadline {
            return Err(not_ready(&node, "up", READY_WITHIN, found));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// The first chassis of a lab that does not forward, or is not redundant, and how it stands.
pub(super) async fn unready(lab: &Lab) -> Option<(String, String)> {
    for chassis in &lab.plan().chassis {
        let active = standing::active_rp(lab, &chassis.node).await;
        let stands = |(_, rp): &(CardId, RpStats)| rp.converged && (rp.redundant || chassis.rps.len() == 1);
        let up = active.as_ref().is_some_and(stands);
        // The active RP knows what its line cards hold, not whether they reach each other.
        let unlinked = if up { standing::unlinked(lab, &chassis.node).await } else { None };
        if !up || unlinked.is_some() {
            return Some((chassis.node.clone(), standing::described(active.as_ref(), unlinked.as_ref())));
        }
    }
    None
}

/// `swact destroy`: a lab that is not there is gone, too.
pub(super) async fn destroy(args: LabArgs) -> Result<Exit, CliError> {
    let claim = Claim::take(&lab_named(&args.lab)?)?;
    lab::destroy(&claim).await?;
    Ok(Exit::Pass)
}

#[derive(Default, Serialize)]
struct CardRow {
    lab: String,
    card: String,
    runtime: &'static str,
    address: String,
    answers: bool,
    state: String,
    stats: Option<CardStats>,
    /// Of a node that is none of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Status>,
}

/// `swact inspect`: of all labs, one that cannot be read hides no other.
pub(super) async fn inspect(args: InspectArgs, format: Format) -> Result<Exit, CliError> {
    if let Some(lab) = &args.lab {
        return print_cards(&[attach(lab).await?], Vec::new(), format).await;
    }
    let (mut running, mut broken) = (Vec::new(), Vec::new());
    for name in lab::names()? {
        match attach(&name).await {
            Ok(lab) => running.push(lab),
            Err(error) => broken.push((name, error)),
        }
    }
    print_cards(&running, broken, format).await
}

async fn print_cards(labs: &[Lab], broken: Vec<(String, CliError)>, format: Format) -> Result<Exit, CliError> {
    let mut rows = Vec::new();
    for lab in labs {
        for card in &lab.plan().cards {
            let stats = lab.stats(&card.config.id).await;
            rows.push(CardRow {
                lab: lab.plan().lab.clone(),
                card: card_name(&card.config.id),
                runtime: lab.runtime(),
                address: card.config.control.to_string(),
                answers: stats.is_some(),
                state: stats.as_ref().map_or_else(|| "does not answer".to_owned(), standing),
                stats,
                node: None,
            });
        }
        for node in &lab.plan().nodes {
            rows.push(node_row(lab, node).await);
        }
    }
    let mut exit = Exit::Pass;
    for (lab, error) in broken {
        exit = exit.max(error.exit());
        rows.push(CardRow { lab, state: error.to_string(), ..CardRow::default() });
    }
    rows.sort_by(|one, two| one.lab.cmp(&two.lab));
    let row = |row: &CardRow| {
        let release = row.stats.as_ref().map(|stats| stats.release.clone()).unwrap_or_default();
        let memory = row.stats.as_ref().map(|stats| format!("{} MiB", stats.memory_bytes >> 20)).unwrap_or_default();
        vec![row.lab.clone(), row.card.clone(), row.address.clone(), release, row.state.clone(), memory]
    };
    let header = ["Lab", "Card", "Address", "Release", "State", "Memory"];
    output::print(format, &header, rows.iter().map(row).collect(), &rows);
    Ok(exit)
}

/// A node that is none of ours: what its bridge sees of it.
async fn node_row(lab: &Lab, node: &NodePlan) -> CardRow {
    let status = lab.node_status(&node.id).await;
    let interfaces = status.iter().flat_map(|status| &status.ports).map(|port| {
        let state = match (port.present, port.carrier) {
            (false, _) => "gone",
            (true, true) => "up",
            (true, false) => "no carrier",
        };
        let addresses = port.addresses.iter().map(|address| format!(" {address}")).collect::<String>();
        format!("{} {state}{addresses}", port.interface)
    });
    let interfaces: Vec<_> = interfaces.collect();
    let state = match &status {
        None => "does not answer".to_owned(),
        Some(status) if node.has_node() && status.pid.is_none() => "does not run".to_owned(),
        Some(_) => interfaces.join("; "),
    };
    CardRow {
        lab: lab.plan().lab.clone(),
        card: card_name(&node.id),
        runtime: lab.runtime(),
        answers: status.as_ref().is_some_and(|status| !node.has_node() || status.pid.is_some()),
        state,
        node: status,
        ..CardRow::default()
    }
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
                let line = EventLine { lab: &lab.plan().lab, card: card_name(&event.card), event: &event.event };
                output::json_line(&line);
            }
            Format::Table => {
                let what = describe(&event.event.kind);
                output::text(&format!("{} {:8} {what}\n", event.event.at, card_name(&event.card)));
            }
        }
        if !output::is_read() {
            return Ok(Exit::Pass);
        }
    }
}
