//! What a run has finished is on disk before it goes on, so that a run that is killed keeps it.
//!
//! `trials/run.json.gz` is the record without trials, `trials/<number>.json.gz` a trial each. Where a run comes to its end,
//! all of it is in the evidence, and the folder goes.

use super::{
    RunRecord,
    store::{StoreError, read_json_gz, write_json_gz},
};
use measure::TrialRecord;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Folder of what is kept while a run is under way.
pub(super) const FOLDER: &str = "trials";
const HEAD: &str = "run.json.gz";

/// A run's folder while the run is under way.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: PathBuf,
}

/// A trial as it is written.
#[derive(Serialize)]
struct Written<'a> {
    baseline: bool,
    trial: &'a TrialRecord,
}

/// A trial as it is read.
#[derive(Deserialize)]
struct Read {
    baseline: bool,
    trial: TrialRecord,
}

impl Kept {
    /// Begins to keep a run in its folder.
    pub fn begin(folder: &Path, record: &RunRecord) -> Result<Self, StoreError> {
        let kept = Self { folder: folder.to_owned() };
        kept.head(record)?;
        Ok(kept)
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes what is known of the run besides its trials.
    pub fn head(&self, record: &RunRecord) -> Result<(), StoreError> {
        let head = RunRecord { trials: Vec::new(), noise_floor: Vec::new(), ..record.clone() };
        write_json_gz(&self.folder.join(FOLDER).join(HEAD), &head)
    }

    /// Writes a trial that has ended.
    pub fn trial(&self, trial: &TrialRecord, baseline: bool) -> Result<(), StoreError> {
        let path = self.folder.join(FOLDER).join(format!("{:010}.json.gz", trial.index));
        write_json_gz(&path, &Written { baseline, trial })
    }

    /// The evidence is whole: what was kept meanwhile is in it.
    pub fn end(self) {
        if let Err(error) = fs::remove_dir_all(self.folder.join(FOLDER)) {
            tracing::warn!(%error, "removing what was kept trial by trial");
        }
    }
}

/// What a run that never came to its end had finished; `None` where there is nothing.
pub(super) fn join(run: &Path) -> Result<Option<RunRecord>, StoreError> {
    let folder = run.join(FOLDER);
    let files = match fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Read { path: folder, source }),
    };
    let mut record: RunRecord = read_json_gz(&folder.join(HEAD))?;
    // A file that was being written when the run was killed has another name; it is no trial.
    let is_trial = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_suffix(".json.gz").is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let mut paths: Vec<PathBuf> = files.into_iter().map(|file| file.path()).filter(is_trial).collect();
    paths.sort();
    for path in paths {
        let Read { baseline, trial } = read_json_gz(&path)?;
        record.finished_unix_ms =
            record.finished_unix_ms.max(trial.started_unix_ms.saturating_add(trial.duration_ms as u64));
        if baseline { record.noise_floor.push(trial) } else { record.trials.push(trial) }
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Status, Wanted, load, render};
    use measure::{stats::SplitMix64, verdict::Verdict};

    fn wanted(mode: &str) -> Wanted {
        Wanted { mode: mode.to_owned(), fault: "kill pe1/active-rp".to_owned(), trials: 10, baseline: 1 }
    }

    fn trial(index: u32, fault: &str) -> TrialRecord {
        let trial = crate::tests::trial(index, "sso", 0, &mut SplitMix64(u64::from(index)));
        TrialRecord { fault: fault.to_owned(), ..trial }
    }

    fn begun() -> RunRecord {
        RunRecord { wanted: vec![wanted("rpr"), wanted("sso")], status: Some(Status::Running), ..RunRecord::default() }
    }

    #[test]
    fn a_killed_run_keeps_what_it_finished_and_is_no_pass() {
        let run = tempfile::tempdir().unwrap();
        let mut record = begun();
        let kept = Kept::begin(run.path(), &record).unwrap();
        record.runtime = "process".to_owned();
        kept.head(&record).unwrap();
        let numbers = (1..=11).filter(|index| *index != 3);
        let trials: Vec<TrialRecord> = numbers.map(|index| trial(index, "kill pe1/active-rp")).collect();
        for one in trials.iter().rev() {
            kept.trial(one, false).unwrap();
        }
        kept.trial(&trial(3, ""), true).unwrap();
        // The trial that was being written.
        fs::write(run.path().join(FOLDER).join(".0000000012.json.gz.4711"), b"half of it").unwrap();
        let found = load(run.path()).unwrap();
        record.trials = trials;
        record.noise_floor = vec![trial(3, "")];
        record.finished_unix_ms = found.finished_unix_ms;
        assert_eq!(found, record);
        let report = crate::draw(run.path(), &found).unwrap();
        // Whatever is still written there may grow.
        assert!(!run.path().join("SHA256SUMS").exists());
        let verdicts: Vec<Verdict> = report.cells.iter().map(|cell| cell.verdict).collect();
        assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Pass]);
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert_eq!(report.reasons, ["the run has not ended, or was killed (11 of 22 trials held)"]);
        assert_eq!(report.cells[0].reasons, ["0 of 10 trials held", "0 of 1 trials without a fault held"]);
    }

    #[test]
    fn a_run_that_ended_keeps_one_file() {
        let run = tempfile::tempdir().unwrap();
        let mut record = begun();
        let kept = Kept::begin(run.path(), &record).unwrap();
        kept.trial(&trial(1, ""), true).unwrap();
        record.noise_floor.push(trial(1, ""));
        record.status = Some(Status::Completed);
        record.wanted.clear();
        render(run.path(), &record).unwrap();
        assert_eq!(load(run.path()).unwrap(), record, "the whole is believed before its parts");
        kept.end();
        assert!(!run.path().join(FOLDER).exists());
        assert_eq!(load(run.path()).unwrap(), record);
    }
}
