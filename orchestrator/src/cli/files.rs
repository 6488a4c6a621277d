//! Verbs that look at files only.

use super::{
    CliError, Exit,
    args::{Format, ImagesDir, ValidateArgs},
    output,
};
use crate::{
    experiment::{Experiment, Overrides},
    run::traffic,
};
use lab::{
    images::Images,
    plan::{LabPlan, Placement, lab_dir, table_spec},
    topology::{TableSource, Topology},
};
use notation::{
    document::BadInput,
    mode::Mode,
    units::{PacketRate, Rate},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The releases: of the folder that was named, else the nearest.
pub(super) fn images(dir: &ImagesDir, near: &Path) -> Result<Images, BadInput> {
    match &dir.images {
        Some(dir) => Images::load(dir),
        None => {
            let program = std::env::current_exe().unwrap_or_default();
            let near = near.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            Images::find(&[near, Path::new("."), &program])
        }
    }
}

#[derive(Serialize)]
struct Checked {
    file: PathBuf,
    kind: &'static str,
    name: String,
    summary: String,
}

/// `swact validate FILE…`: reports the first thing that is wrong, with its place.
pub(super) fn validate(args: &ValidateArgs, format: Format) -> Result<Exit, CliError> {
    let mut checked = Vec::new();
    for file in &args.files {
        checked.push(if is_experiment(file) {
            validate_experiment(file, args)?
        } else {
            validate_topology(file, args)?
        });
    }
    let row = |checked: &Checked| {
        vec![checked.file.display().to_string(), checked.kind.to_owned(), checked.name.clone(), checked.summary.clone()]
    };
    output::print(format, &["File", "Kind", "Name", "Summary"], checked.iter().map(row).collect(), &checked);
    Ok(Exit::Pass)
}

fn is_experiment(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".experiment.yml") || name.ends_with(".experiment.yaml")
}

fn validate_topology(file: &Path, args: &ValidateArgs) -> Result<Checked, BadInput> {
    let mut topology = Topology::load(file)?;
    if let Some(table) = &args.table {
        crate::experiment::override_table(&mut topology, table)?;
    }
    let plan = check_topology(&topology, &images(&args.images, file)?)?;
    let summary = format!(
        "{} chassis, {} testers, {} links, {} programs",
        topology.chassis.len(),
        topology.testers.len(),
        topology.links.len(),
        plan.cards.len()
    );
    Ok(Checked { file: file.to_owned(), kind: "topology", name: topology.name, summary })
}

fn validate_experiment(file: &Path, args: &ValidateArgs) -> Result<Checked, BadInput> {
    let mut experiment = Experiment::load(file)?;
    experiment.apply(&Overrides { table: args.table.clone(), ..Overrides::default() })?;
    let images = images(&args.images, experiment.topology.document.path())?;
    let plan = check_plan(&experiment.topology, &images)?;
    check_images(&experiment, &images)?;
    // Draws the destinations as a run would: a table that is cut off, or too small, is found here.
    let load = traffic::draw(&experiment)?.spec;
    let modes: Vec<_> = experiment.modes.iter().map(Mode::to_string).collect();
    let summary = format!(
        "{} × {} trials, {} flows at {}, {} programs",
        modes.join(" "),
        experiment.trials,
        load.flows.len(),
        rates(&experiment),
        plan.cards.len()
    );
    Ok(Checked { file: file.to_owned(), kind: "experiment", name: experiment.title, summary })
}

/// What all entries offer together: a sum, or each by itself where a share of the zero-loss rate is among them.
fn rates(experiment: &Experiment) -> String {
    let absolute = |rate| match rate {
        Rate::Absolute(PacketRate(rate)) => Some(rate),
        Rate::OfZeroLoss(_) => None,
    };
    let rates = || experiment.traffic.iter().map(|traffic| traffic.rate);
    match rates().map(absolute).sum::<Option<f64>>() {
        Some(sum) => format!("{sum} pps"),
        None => rates().map(|rate| rate.to_string()).collect::<Vec<_>>().join(" + "),
    }
}

/// What a topology must hold to be deployed, whoever asks: releases exist, socket paths fit, tables can be read.
pub(super) fn check_topology(topology: &Topology, images: &Images) -> Result<LabPlan, BadInput> {
    let plan = check_plan(topology, images)?;
    check_tables(topology)?;
    Ok(plan)
}

/// Plans the lab without building it: releases exist, socket paths fit.
fn check_plan(topology: &Topology, images: &Images) -> Result<LabPlan, BadInput> {
    LabPlan::new(topology, &lab_dir(&topology.name), images, Placement::Process)
}

/// Releases that faults and upgrades need exist.
pub(super) fn check_images(experiment: &Experiment, images: &Images) -> Result<(), BadInput> {
    for release in experiment.method.iter().filter_map(|step| step.fault.image.as_deref()) {
        images.get(release)?;
    }
    if experiment.modes.contains(&Mode::Fsu) {
        for chassis in &experiment.topology.chassis {
            images.neighbour_of(&chassis.image)?;
        }
    }
    Ok(())
}

/// Tables that are files can be read to their end.
fn check_tables(topology: &Topology) -> Result<(), BadInput> {
    for chassis in &topology.chassis {
        let Some(routes) = chassis.routes.as_ref().filter(|routes| matches!(routes.source, TableSource::File(_)))
        else {
            continue;
        };
        route_table::load(&table_spec(topology, &chassis.name, routes)).map_err(|error| {
            BadInput::new("routes", error, "give another table with 'routes.table' or --table FILE")
        })?;
    }
    Ok(())
}
