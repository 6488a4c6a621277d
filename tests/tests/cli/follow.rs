//! Reading a command's output while it runs.

use crate::bench::{Bench, LAB};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// Longest silence before what is waited for.
const SILENCE: Duration = Duration::from_secs(60);

/// A command that runs, and its lines as they come.
pub(crate) struct Follower {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Follower {
    /// What happened in the lab, and what happens.
    pub(crate) fn of_events(bench: &Bench) -> Self {
        let mut command = bench.command(&["--format", "json", "events", LAB, "--history"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = reader(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// An experiment's progress.
    pub(crate) fn of_run(bench: &Bench) -> Self {
        let mut command = bench.command(&["run", "test.experiment.yml"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = reader(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// The next line that `wanted` accepts.
    #[track_caller]
    pub(crate) fn line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut before = String::new();
        loop {
            match self.lines.recv_timeout(SILENCE) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => before = before + &line + "\n",
                Err(end) => panic!("{what}: {end}; before it:\n{before}"),
            }
        }
    }

    /// The next event of a kind, after an instant.
    #[track_caller]
    pub(crate) fn event(&self, after: u64, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let line = self.line(kind, |line| {
            let event = parse(line);
            event["at"].as_u64().unwrap() > after && event["kind"]["event"] == kind && wanted(&event)
        });
        parse(&line)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}
