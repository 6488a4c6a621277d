//! A process of another release that takes the card of one that runs.

use super::{
    super::heir::{Farewell, Heir, Watched, folder, put, told},
    ProcessRuntime, RuntimeError, slot_label, spawned, system,
};
use crate::plan::CardPlan;
use fabric_proto::deploy::CONFIG_FILE;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr},
    time::timeout,
};

/// How long the words of a program that has ended may take.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Starts the program of the card's release beside the one that runs.
pub(super) fn take_over(runtime: &ProcessRuntime, card: &CardPlan) -> Result<Heir, RuntimeError> {
    let id = &card.config.id;
    if runtime.find(id).is_empty() {
        return Err(RuntimeError::NotRunning(id.clone()));
    }
    let wrong = |source| system(format!("the files of release {}", card.release), source);
    let config = furnish(card).map_err(wrong)?;
    let log = OpenOptions::new().create(true).append(true).open(&card.log).map_err(wrong)?;
    let program = runtime.program_in(&card.config.image, card)?;
    let mut command = runtime.command(program, &id.node, &slot_label(id), &card.log)?;
    // Its words are heard here until it has the card: then it writes where the one before it wrote.
    command.arg("--config").arg(config).arg("--take-over").stderr(Stdio::piped());
    let child = spawned(&mut command)?;
    let (heir, watched) = Heir::new();
    tokio::spawn(watch(child, log, watched));
    Ok(heir)
}

/// Writes what it is told beside the card's own configuration.
fn furnish(card: &CardPlan) -> io::Result<PathBuf> {
    let folder = folder(card);
    fs::create_dir_all(&folder)?;
    let path = folder.join(CONFIG_FILE);
    put(&path, &told(&card.config, &card.config.image)?, |_| Ok(()))?;
    Ok(path)
}

async fn watch(mut child: Child, log: File, watched: Watched) {
    let words = tokio::spawn(words(child.stderr.take(), log));
    let status = tokio::select! {
        status = child.wait() => status,
        Ok(()) = watched.end => {
            // It has ended already where this fails.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    // All that it said is there, unless a process of its own goes on.
    let line = timeout(LAST_WORDS, words).await.ok().and_then(Result::ok).unwrap_or_default();
    let farewell = match status {
        Ok(status) => Farewell::of(&line, status),
        Err(error) => Farewell { why: error.to_string(), refused: false },
    };
    // Nobody listens any more once it has its card.
    let _ = watched.ended.send(farewell);
}

/// Its words, into the card's log; the last line of them.
async fn words(stderr: Option<ChildStderr>, mut log: File) -> String {
    let mut last = String::new();
    let Some(stderr) = stderr else { return last };
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Err(error) = writeln!(log, "{line}") {
            tracing::debug!("a log: {error}");
        }
        last = line;
    }
    last
}
