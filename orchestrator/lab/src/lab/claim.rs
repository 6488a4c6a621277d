//! The right to change a lab: a lock on its name, held from the first look to the end.
//!
//! Whoever deploys, runs or destroys a lab holds its claim. A second one is told who has it, and touches nothing. The lock goes
//! with its holder, however that ends. The lock's file lies beside the lab's folder, which comes and goes under it.

use super::{LabError, converge::standing, destroy, files, layout::wrong};
use crate::plan::{LabPlan, labs_dir};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Of what a holder says about itself, so much is read.
const HOLDER_MAX: u64 = 1024;

/// An exclusive claim on a lab's name. Dropping it gives it back.
#[derive(Debug)]
pub struct Claim {
    lab: String,
    dir: PathBuf,
    path: PathBuf,
    /// The lock is its.
    _file: File,
    /// Whether the lab that is there now was deployed under this claim.
    deployed: AtomicBool,
}

impl Claim {
    /// Claims a lab of this user's by its name; at once, or not at all.
    pub fn take(lab: &str) -> Result<Self, LabError> {
        Self::take_in(&labs_dir(), lab)
    }

    /// Claims the lab called `lab` in the folder `labs`.
    pub(super) fn take_in(labs: &Path, lab: &str) -> Result<Self, LabError> {
        super::check_name(lab)?;
        let path = labs.join(format!("{lab}.lock"));
        loop {
            files::make_labs(labs)?;
            let mut file = match files::open(&path) {
                // The folder has just gone with the last lab in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(wrong(&path))?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LabError::Busy { lab: lab.to_owned(), holder: holder(file) });
                }
                Err(TryLockError::Error(error)) => return Err(wrong(&path)(error)),
            }
            // Its last holder may have removed it meanwhile: that would be a lock on nothing.
            if !is_at(&file, &path) {
                continue;
            }
            introduce(&mut file).map_err(wrong(&path))?;
            let (lab, dir) = (lab.to_owned(), labs.join(lab));
            return Ok(Self { lab, dir, path, _file: file, deployed: AtomicBool::new(false) });
        }
    }

    /// Name of the lab.
    pub fn lab(&self) -> &str {
        &self.lab
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether something of the lab runs.
    pub async fn is_occupied(&self) -> Result<bool, LabError> {
        Ok(standing(&self.dir).await?.is_some())
    }

    /// That a plan is for the lab that is claimed: everything that is changed lies below its folder.
    pub(super) fn covers(&self, plan: &LabPlan) -> Result<(), LabError> {
        if plan.dir == self.dir && plan.lab == self.lab {
            return Ok(());
        }
        Err(LabError::Foreign(plan.dir.clone()))
    }

    /// The lab is this claim's from now on.
    pub(super) fn set_deployed(&self, deployed: bool) {
        self.deployed.store(deployed, Relaxed);
    }

    /// Takes down what was deployed under this claim, and nothing else.
    pub async fn roll_back(&self) -> Result<(), LabError> {
        if self.deployed.load(Relaxed) { destroy(self).await } else { Ok(()) }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // While it is still locked: who opens it from now on finds that it is gone, and looks again.
        let _ = fs::remove_file(&self.path);
        if let Some(labs) = self.path.parent() {
            // It stays when a lab is in it.
            let _ = fs::remove_dir(labs);
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |found: fs::Metadata| (found.dev(), found.ino());
    file.metadata().is_ok_and(|own| fs::symlink_metadata(path).is_ok_and(|there| id(own) == id(there)))
}

/// Says who holds the lock, to whoever would like to.
fn introduce(file: &mut File) -> io::Result<()> {
    let words = std::env::args_os().skip(1);
    let command = words.fold("swact".to_owned(), |command, word| command + " " + &word.to_string_lossy());
    file.set_len(0)?;
    file.write_all(format!("process {} ({command})", std::process::id()).as_bytes())
}

/// Who holds the lock, as it says itself.
fn holder(mut file: File) -> String {
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.take(HOLDER_MAX).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text).replace(char::is_control, " ");
    if read.is_ok() && !text.trim().is_empty() { text } else { "another process".to_owned() }
}

#[cfg(test)]
mod tests;
