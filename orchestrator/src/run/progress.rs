//! What a run says while it runs: on stderr, a moving line on a terminal, plain lines elsewhere.

use crate::output;
use fabric_proto::{
    id::CardId,
    operator::{Reply, Request, TrafficProgress},
};
use indicatif::{ProgressBar, ProgressStyle};
use lab::Lab;
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// How often the moving line moves.
const TICK: Duration = Duration::from_millis(100);

/// How often the tester is asked how it goes: as often as a person reads it.
const ASK: Duration = Duration::from_millis(500);

/// Keeps the load's figures in the moving line up to date until it is dropped.
#[derive(Debug)]
pub struct Live(JoinHandle<()>, ProgressBar);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.abort();
        self.1.set_message("");
    }
}

/// Where progress is shown.
#[derive(Debug)]
pub enum Progress {
    /// Nowhere.
    Quiet,
    /// One line each.
    Lines,
    /// A bar with the trials done and what is being waited for.
    Bar(ProgressBar),
}

impl Progress {
    /// As fits stderr.
    pub fn new(quiet: bool, trials: u64) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new(trials);
        // What is being done comes first: a narrow terminal cuts the figures.
        if let Ok(style) = ProgressStyle::with_template("{spinner} [{pos}/{len}] {elapsed} {prefix}{wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self::Bar(bar)
    }

    /// Shows rates and loss of the tester's load. `lab` is a handle of its own, so that asking waits for nobody.
    pub fn watch(&self, lab: Lab, tester: CardId) -> Option<Live> {
        let Self::Bar(bar) = self else { return None };
        let shown = bar.clone();
        let task = tokio::spawn(async move {
            let mut before: Option<(Instant, TrafficProgress)> = None;
            loop {
                if let Ok(Reply::Progress(now)) = lab.request(&tester, Request::Progress).await {
                    let at = Instant::now();
                    if let Some((then, earlier)) = &before {
                        shown.set_message(load_line(earlier, &now, at - *then));
                    }
                    before = Some((at, now));
                }
                tokio::time::sleep(ASK).await;
            }
        });
        Some(Live(task, bar.clone()))
    }

    /// What is being done now.
    pub fn step(&self, what: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines => output::say(format_args!("  {what}")),
            Self::Bar(bar) => bar.set_prefix(what.to_owned()),
        }
    }

    /// Something that stays to be read.
    pub fn say(&self, line: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines => output::say(line),
            Self::Bar(bar) => bar.suspend(|| output::say(line)),
        }
    }

    /// One trial more is done.
    pub fn done(&self, line: &str) {
        self.say(line);
        if let Self::Bar(bar) = self {
            bar.inc(1);
        }
    }

    /// One trial more is to come.
    pub fn more(&self, why: &str) {
        self.say(why);
        if let Self::Bar(bar) = self {
            bar.inc_length(1);
        }
    }

    /// Takes the moving line away.
    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Rates since the last time, and what is missing so far. What is under way counts as missing for a moment.
fn load_line(before: &TrafficProgress, now: &TrafficProgress, passed: Duration) -> String {
    let rate = |before: u64, now: u64| {
        let pps = now.saturating_sub(before) as f64 / passed.as_secs_f64().max(1e-3);
        report::rate(pps)
    };
    let offered = rate(before.offered, now.offered);
    let delivered = rate(before.delivered, now.delivered);
    format!(" · {offered} offered, {delivered} delivered, {} missing", now.offered.saturating_sub(now.delivered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_shown_by_its_rates_and_what_is_missing() {
        let before = TrafficProgress { offered: 1_000, delivered: 1_000, ..TrafficProgress::default() };
        let now = TrafficProgress { offered: 11_000, delivered: 9_000, ..TrafficProgress::default() };
        let line = load_line(&before, &now, Duration::from_millis(500));
        assert_eq!(line, " · 20 kpps offered, 16 kpps delivered, 2000 missing");
        assert!(load_line(&now, &before, Duration::ZERO).starts_with(" · 0 pps offered"), "a restarted tester");
    }
}
