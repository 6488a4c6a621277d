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
//! ```

use super::LabError;
use crate::{
    plan::{CardPlan, LabPlan},
    runtime::{Runtime, process::find},
};
use fabric_proto::deploy::{CONFIG_FILE, INITIAL_CONFIG};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

const PLAN_FILE: &str = "plan.json";
const GOING_FILE: &str = "going";

/// Marks the lab as one that is taken down: who is killed on the way leaves remains, and nobody takes them for a lab
/// that runs. Without a plan there is nothing to mark.
pub(super) fn condemn(dir: &Path) -> Result<(), LabError> {
    if !dir.join(PLAN_FILE).is_file() {
        return Ok(());
    }
    let mark = dir.join(GOING_FILE);
    File::create(&mark).map(drop).map_err(wrong(&mark))
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
pub(super) fn slot_lock(card: &CardPlan) -> PathBuf {
    card.folder.join("slot.lock")
}

/// The file that is there while a card is taken out of its slot.
pub(super) fn removed_mark(card: &CardPlan) -> PathBuf {
    card.folder.join("removed")
}

/// Makes the lab's folder, its owner's alone. What a lab left behind of which nothing runs (`idle`), as after
/// a restart of the host, makes room.
pub(super) fn claim(plan: &LabPlan, idle: bool) -> Result<(), LabError> {
    let dir = &plan.dir;
    if let Some(parent) = dir.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(wrong(parent))?;
    }
    let make = || DirBuilder::new().mode(0o700).create(dir);
    let made = match make() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && idle && !super::shelf::is_up(dir)? => {
            remove(dir)?;
            make()
        }
        other => other,
    };
    match made {
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
    plan.cards.iter().try_for_each(|card| furnish_card(card, runtime))
}

/// Writes what one card is told.
pub(super) fn furnish_card(card: &CardPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    make_dir(&card.folder)?;
    make_dir(&card.config.nvram)?;
    for wire in card.config.wires.iter().filter_map(|wire| wire.path.parent()) {
        make_dir(wire)?;
    }
    if let Some(text) = &card.startup_config {
        let path = card.config.nvram.join(INITIAL_CONFIG);
        fs::write(&path, text).map_err(wrong(&path))?;
    }
    write_config(card, runtime)?;
    let lock = slot_lock(card);
    File::create(&lock).map_err(wrong(&lock))?;
    Ok(())
}

/// Writes what a card is told at its next start.
pub(super) fn write_config(card: &CardPlan, runtime: &dyn Runtime) -> Result<(), LabError> {
    write_json(&card.folder.join(CONFIG_FILE), &runtime.told(card))
}

/// The plan of the lab in `dir`.
pub(super) fn read_plan(dir: &Path) -> Result<LabPlan, LabError> {
    match read_json(&dir.join(PLAN_FILE)) {
        Err(LabError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(LabError::NoLab(dir.to_owned()))
        }
        other => other,
    }
}

/// Removes the lab's folder, and the folder of all labs when it was the last. Nothing there is fine; a folder
/// that is not a lab's is refused.
pub(super) fn remove(dir: &Path) -> Result<(), LabError> {
    let dir = find::plain(dir);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(LabError::File { path: dir, source }),
    };
    let plan = dir.join(PLAN_FILE);
    let unfinished = plan.with_added_extension("new");
    let others: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| *path != plan && *path != unfinished).collect();
    if !others.is_empty() && !plan.is_file() {
        return Err(LabError::Foreign(dir));
    }
    // The plan last: who is killed on the way leaves a lab's folder, and the next one goes on.
    for path in others {
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(wrong(&path))?;
    }
    fs::remove_dir_all(&dir).map_err(wrong(&dir))?;
    if let Some(parent) = dir.parent().filter(|parent| *parent == find::plain(&crate::plan::labs_dir())) {
        // It stays when another lab is in it.
        let _ = fs::remove_dir(parent);
    }
    Ok(())
}

/// Maps a system's error to the file that it is about.
pub(super) fn wrong(path: &Path) -> impl FnOnce(io::Error) -> LabError + use<> {
    let path = path.to_owned();
    move |source| LabError::File { path, source }
}

fn make_dir(path: &Path) -> Result<(), LabError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong(path))
}

/// Whole or not at all: a reader never sees half a file.
fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), LabError> {
    let beside = path.with_added_extension("new");
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::from).map_err(wrong(path))?;
    fs::write(&beside, text).map_err(wrong(&beside))?;
    fs::rename(&beside, path).map_err(wrong(path))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, LabError> {
    let text = fs::read(path).map_err(wrong(path))?;
    serde_json::from_slice(&text).map_err(io::Error::from).map_err(wrong(path))
}

#[cfg(test)]
mod tests;
