//! A lab's folder.
//!
//! ```text
//! plan.json        what was deployed; written first, removed last
//! going            while the lab is taken down
//! shelf.lock       held by the shelf while it lives
//! logs/            one log a card, and the shelf's
//! wires/           a folder for each wire, with the socket between its ports
//! authority/       the lab's certificate authority
//! operator/        the operator's certificate
//! <node>/<slot>/   config.json, slot.lock, removed (while its slot is empty), nvram/, tls/
//! <node>/linux/    of a node that is none of ours: node.json, bridge.json, bridge.sock, slot.lock, removed
//! ```

use super::{LabError, files};
use crate::{
    plan::{CardPlan, LabPlan, NodePlan, Program},
    runtime::{Runtime, process::labels},
};
use fabric_proto::deploy::{CONFIG_FILE, CONFIG_VERSIONS, CardConfig, INITIAL_CONFIG};
use serde::Serialize;
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

const PLAN_FILE: &str = "plan.json";
const GOING_FILE: &str = "going";
const NODE_FILE: &str = "node.json";

/// Marks the lab as one that is taken down: who is killed on the way leaves remains, and nobody takes them for a lab
/// that runs. Without a plan there is nothing to mark.
pub(super) fn condemn(dir: &Path) -> Result<(), LabError> {
    if has_plan(dir) { files::mark(&dir.join(GOING_FILE)) } else { Ok(()) }
}

/// Whether a lab was deployed into the folder.
pub(super) fn has_plan(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join(PLAN_FILE)).is_ok_and(|found| found.is_file())
}

/// Whether the lab is being taken down, or somebody was killed who did it.
pub(super) fn is_going(dir: &Path) -> bool {
    dir.join(GOING_FILE).exists()
}

/// The file whose lock the shelf holds.
pub(super) fn shelf_lock(dir: &Path) -> PathBuf {
    dir.join("shelf.lock")
}

/// Where the shelf logs.
pub(super) fn shelf_log(dir: &Path) -> PathBuf {
    dir.join("logs").join("shelf.log")
}

/// The file whose lock is held by who starts or ends a card's program.
pub(super) fn slot_lock(folder: &Path) -> PathBuf {
    folder.join("slot.lock")
}

/// The file that is there while a card is taken out of its slot.
pub(super) fn removed_mark(folder: &Path) -> PathBuf {
    folder.join("removed")
}

/// Makes the lab's folder, its owner's alone.
pub(super) fn found(plan: &LabPlan) -> Result<(), LabError> {
    let dir = &plan.dir;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(LabError::Exists { lab: plan.lab.clone(), dir: dir.clone() });
        }
        other => other.map_err(wrong(dir))?,
    }
    write_plan(plan)
}

/// Writes what is deployed.
pub(super) fn write_plan(plan: &LabPlan) -> Result<(), LabError> {
    write_json(&plan.dir.join(PLAN_FILE), plan)
}

/// Writes what the cards are told.
pub(super) fn furnish(plan: &LabPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    for folder in ["logs", "wires"] {
        make_dir(&plan.dir.join(folder))?;
    }
    plan.cards.iter().try_for_each(|card| furnish_card(card, runtime))?;
    plan.nodes.iter().try_for_each(furnish_node)
}

/// Writes what a node's bridge is told, and what was planned for the node.
pub(super) fn furnish_node(node: &NodePlan) -> Result<(), LabError> {
    make_dir(&node.folder)?;
    for wire in node.bridge.ports.iter().filter_map(|port| port.wire.parent()) {
        make_dir(wire)?;
    }
    let mut told = node.bridge.clone();
    if let Some(command) = &mut told.command {
        // `<lab>/<node>/linux`
        let dir = node.folder.ancestors().nth(2).unwrap_or(&node.folder);
        command.labels = labels(&node.id, dir);
    }
    write_json(&node.config_file(), &told)?;
    write_json(&node.folder.join(NODE_FILE), node)?;
    files::mark(&slot_lock(&node.folder))
}

/// What was planned for a node when it was furnished.
pub(super) fn planned(node: &NodePlan) -> Option<NodePlan> {
    serde_json::from_slice(&files::read(&node.folder.join(NODE_FILE)).ok()?).ok()
}

/// Writes what one card is told.
pub(super) fn furnish_card(card: &CardPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    make_dir(&card.folder)?;
    make_dir(&card.config.nvram)?;
    for wire in card.config.wires.iter().filter_map(|wire| wire.path.parent()) {
        make_dir(wire)?;
    }
    if let Some(text) = &card.startup_config {
        // Cards write into their NVRAM: what stands there is not followed.
        files::write(&card.config.nvram.join(INITIAL_CONFIG), text.as_bytes())?;
    }
    write_config(card, runtime)?;
    files::mark(&slot_lock(&card.folder))
}

/// Writes what a card is told at its next start, in the words of the release that it runs then.
pub(super) fn write_config(card: &CardPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    let path = card.folder.join(CONFIG_FILE);
    let config = runtime.told(card);
    let told = config.told(version_for(card)).map_err(io::Error::other).map_err(wrong(&path))?;
    write_json(&path, &told)
}

/// What would be read of that again: a release that knows less is told less. `None` where it cannot be said in its words.
pub(super) fn read_back(card: &CardPlan, runtime: &dyn Runtime) -> Option<CardConfig> {
    lasting(&serde_json::to_vec(&runtime.told(card).told(version_for(card)).ok()?).ok()?)
}

/// A written configuration without what may change under a card that runs: the releases there are to be had.
pub(super) fn lasting(text: &[u8]) -> Option<CardConfig> {
    let config = serde_json::from_slice(text).ok()?;
    Some(CardConfig { releases: Vec::new(), ..config })
}

/// The version of its configuration that a card reads. One whose manifest cannot be read says itself what is wrong with it.
fn version_for(card: &CardPlan) -> u8 {
    let manifest = fabric::card::manifest(&card.config.image).ok().filter(|_| card.program != Program::Tester);
    manifest.and_then(|manifest| manifest.configuration()).unwrap_or(CONFIG_VERSIONS.newest())
}

/// The plan of the lab in `dir`. Every path in it is the folder's own, whatever the file says.
pub(super) fn read_plan(dir: &Path) -> Result<LabPlan, LabError> {
    if !look_at(dir)? {
        return Err(LabError::NoLab(dir.to_owned()));
    }
    let text = match files::read(&dir.join(PLAN_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(LabError::NoLab(dir.to_owned())),
        other => other,
    };
    let unreadable = |why: String| LabError::Unreadable { lab: name_of(dir), dir: dir.to_owned(), why };
    let plan: LabPlan = serde_json::from_slice(&text.map_err(|error| unreadable(error.to_string()))?)
        .map_err(|error| unreadable(error.to_string()))?;
    if plan.lab != name_of(dir) {
        return Err(unreadable(format!("it is of a lab '{}'", plan.lab)));
    }
    plan.rooted(dir).map_err(unreadable)
}

/// Whether there is a lab's folder; one that is not this user's alone, or in such a folder, is refused.
pub(super) fn look_at(dir: &Path) -> Result<bool, LabError> {
    let labs = dir.parent().filter(|labs| *labs != Path::new("")).unwrap_or(Path::new("."));
    Ok(files::look_at(labs)? && files::look_at(dir)?)
}

/// Name of the lab that has this folder.
fn name_of(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a folder is one that a lab of its name has, or was about to have: its plan or its authority says so, or it is
/// empty but for a plan that was never finished.
pub(super) fn is_lab(dir: &Path) -> Result<bool, LabError> {
    let entries = fs::read_dir(dir).map_err(wrong(dir))?;
    let unfinished = Path::new(PLAN_FILE).with_added_extension("new");
    if entries.flatten().all(|entry| Path::new(&entry.file_name()) == unfinished) {
        return Ok(true);
    }
    let plan = files::read(&dir.join(PLAN_FILE)).ok();
    let plan = plan.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let authority = files::read(&dir.join("authority/ca.lab")).ok();
    let name = name_of(dir);
    Ok(plan.is_some_and(|plan| plan["lab"] == name) || authority.is_some_and(|lab| lab.trim_ascii() == name.as_bytes()))
}

/// Removes the lab's folder. Nothing there is fine; a folder that is not a lab's is refused.
pub(super) fn remove(dir: &Path) -> Result<(), LabError> {
    if !look_at(dir)? {
        return Ok(());
    }
    if !is_lab(dir)? {
        return Err(LabError::Foreign(dir.to_owned()));
    }
    let plan = dir.join(PLAN_FILE);
    // The plan last: who is killed on the way leaves a lab's folder, and the next one goes on.
    for path in fs::read_dir(dir).map_err(wrong(dir))?.flatten().map(|entry| entry.path()).filter(|path| *path != plan)
    {
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(wrong(&path))?;
    }
    fs::remove_dir_all(dir).map_err(wrong(dir))
}

/// Maps a system's error to the file that it is about.
pub(super) fn wrong(path: &Path) -> impl FnOnce(io::Error) -> LabError + use<> {
    let path = path.to_owned();
    move |source| LabError::File { path, source }
}

fn make_dir(path: &Path) -> Result<(), LabError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong(path))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), LabError> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::from).map_err(wrong(path))?;
    files::write(path, &text)
}

#[cfg(test)]
mod tests;
