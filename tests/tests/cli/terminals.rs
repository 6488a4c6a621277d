//! Outputs that lead nowhere, terminals that are lost, and consoles where nobody edits lines.

use crate::bench::{Bench, Experiment, LAB, eventually};
use nix::{
    poll::{PollFd, PollFlags, poll},
    pty::{OpenptyResult, openpty},
};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::AsFd as _,
    process::{Child, Stdio},
};

/// Longest silence before a prompt that is waited for, milliseconds.
const SILENCE_MS: u16 = 30_000;

/// What a run whose verdict is fail ends with.
const MISSED: i32 = 1;
/// What it ends with where this machine had no time for it.
const INCONCLUSIVE: i32 = 3;

/// Packets are lost in HSA, and none may be.
fn that_fails() -> Experiment<'static> {
    Experiment { modes: "hsa", thresholds: "{hsa: {lost: 0}}", ..Experiment::default() }
}

/// Runs an experiment that must fail, with its outputs as `begin` has them; `go_on` is called when cards run.
fn fails_all_the_same(begin: impl Fn(&Bench) -> (Child, Option<OpenptyResult>)) {
    let bench = Bench::new(2_000);
    bench.write_experiment(&that_fails());
    let mut code = None;
    for _ in 0..3 {
        let (mut swact, terminal) = begin(&bench);
        eventually("cards run", || if bench.processes().len() > 4 { Ok(()) } else { Err(String::new()) });
        drop(terminal);
        code = swact.wait().unwrap().code();
        bench.assert_nothing_runs();
        if code != Some(INCONCLUSIVE) {
            break;
        }
    }
    assert_eq!(code, Some(MISSED));
}

/// Goal: a verdict survives its pipes. Method: nobody reads either output of a run that must fail.
#[test]
fn a_run_that_nobody_reads_keeps_its_verdict_and_cleans_up() {
    fails_all_the_same(|bench| {
        let broken = || Stdio::from(std::io::pipe().unwrap().1);
        (bench.command(&["run", "test.experiment.yml"]).stdout(broken()).stderr(broken()).spawn().unwrap(), None)
    });
}

/// Goal: so does one whose terminal is lost. Method: take the terminal away while it shows its progress.
#[test]
fn a_run_that_loses_its_terminal_keeps_its_verdict_and_cleans_up() {
    fails_all_the_same(|bench| {
        let terminal = openpty(None, None).unwrap();
        let end = || Stdio::from(terminal.slave.try_clone().unwrap());
        let swact = bench.command(&["run", "test.experiment.yml"]).stdout(end()).stderr(end()).spawn().unwrap();
        (swact, Some(terminal))
    });
}

/// A console on a pseudo-terminal at which nobody answers questions about the cursor.
struct Driven {
    swact: Child,
    master: File,
    read: String,
}

impl Driven {
    fn new(bench: &Bench, term: &str) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let mut command = bench.command(&["console", LAB, "pe1"]);
        let swact = command.env("TERM", term).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { swact, master: master.into(), read: String::new() }
    }

    /// Reads until what came ends with `prompt`, and answers it.
    #[track_caller]
    fn until(&mut self, prompt: &str) -> String {
        let begin = self.read.len();
        while !self.read[begin..].ends_with(prompt) {
            self.read_more(prompt);
        }
        self.read[begin..].to_owned()
    }

    /// Reads what is there, `awaited` or not.
    #[track_caller]
    fn read_more(&mut self, awaited: &str) {
        let mut wait = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut wait, SILENCE_MS), Ok(1), "no '{awaited}' after {:?}", self.read);
        let mut bytes = [0; 4096];
        let length = self.master.read(&mut bytes).unwrap();
        assert!(length > 0, "{}", self.read);
        self.read += std::str::from_utf8(&bytes[..length]).unwrap();
    }

    fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    fn asks(&mut self, line: &str, prompt: &str) -> String {
        self.types(&format!("{line}\n"));
        self.until(prompt)
    }
}

/// Goal: tools that drive a command line get along with the console. Method: a dumb terminal, and one that does not say
/// where its cursor is; what is typed before the prompt is not lost.
#[test]
fn a_console_that_is_driven_gives_plain_prompts() {
    let bench = Bench::new(2_000);
    bench.deploy();
    for (term, escapes) in [("dumb", 0), ("xterm", 1)] {
        let mut console = Driven::new(&bench, term);
        console.types("terminal length 0\nshow cl");
        // One before the line that was typed ahead, and one after it.
        while console.read.matches("pe1#").count() < 2 {
            console.read_more("pe1#");
        }
        assert!(console.asks("ock", "pe1#").contains(" UTC "), "{}", console.read);
        assert!(console.asks("disable", "pe1>").starts_with("disable\r\n"));
        assert!(console.asks("configure terminal", "pe1>").contains("% Invalid input detected"));
        console.asks("enable", "pe1#");
        console.asks("conf t", "pe1(config)#");
        console.asks("end", "pe1#");
        let asked = console.asks("reload", " ");
        assert!(!asked.is_empty());
        console.types("no\n");
        console.until("pe1#");
        assert_eq!(console.read.matches('\u{1b}').count(), escapes, "{:?}", console.read);
        console.types("exit\n");
        assert_eq!(console.swact.wait().unwrap().code(), Some(0));
    }
    // Out of a pipe, with a line that no route processor reads.
    let mut command = bench.command(&["console", LAB, "pe1"]);
    let mut swact = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = swact.stdin.take().unwrap();
    input.write_all(&vec![b'x'; 40 << 20]).unwrap();
    input.write_all(b"\nshow clock\n").unwrap();
    drop(input);
    let ended = swact.wait_with_output().unwrap();
    let out = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(1), "a command failed");
    assert!(out.len() < 16 << 10, "{} bytes", out.len());
    assert!(out.contains("% The line is too long.\npe1#show clock\n") && !out.contains('\u{1b}'), "{out}");
}
