//! Do the checkers bite? Every deliberate fault must be found by the simulation within so many lives.
//!
//! `cargo run -p chassis-tests --features sabotage --bin sabotage`. A program and not a test, so that building it takes the
//! machines and the simulation only.

use chassis_tests::sim::{Kind, Life, Record, shrink, tell};
use fabric_proto::sabotage::{Sabotage, commit};
use std::{
    io::{self, Write as _},
    panic,
    process::ExitCode,
    time::Instant,
};

/// Lives of each kind until a fault must have been found.
const LIVES: u64 = 150;

/// Steps of a life: enough for a fault that shows at every switchover; the rest of a light life repeats itself.
const STEPS: usize = 40;

/// Lives that must find nothing while no fault is committed.
const SOUND: u64 = 20;

/// The first life that finds a fault, and what it says.
fn found(fault: Sabotage) -> Option<(u64, Kind, String)> {
    commit(Some(fault));
    for seed in 1..=LIVES {
        for kind in [Kind::Heavy, Kind::Light] {
            let mut life = Life::new(seed, kind);
            life.steps.truncate(STEPS);
            if let Some(violation) = life.run(Record::Hash).violation {
                return Some((seed, kind, violation.0));
            }
        }
    }
    None
}

fn every_deliberate_fault_is_found() -> Result<(), String> {
    let mut missed = Vec::new();
    for &fault in Sabotage::ALL {
        match found(fault) {
            Some((seed, kind, violation)) => {
                let words: String = violation.chars().take(150).collect();
                let _ = writeln!(io::stdout(), "{fault:?}: found by life {seed} ({kind:?}): {words}");
            }
            None => missed.push(fault),
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("not found within {LIVES} lives of each kind: {missed:?}")) }
}

fn without_a_fault_the_same_lives_find_nothing() -> Result<(), String> {
    commit(None);
    for seed in 1..=SOUND {
        let life = Life::new(seed, Kind::Heavy);
        if life.run(Record::Hash).violation.is_some() {
            return Err(tell(&life, Kind::Heavy));
        }
    }
    Ok(())
}

fn a_failing_schedule_is_shrunk_and_told() -> Result<(), String> {
    commit(Some(Sabotage::FlushOnTakeover));
    let fails = |life: &Life| life.run(Record::Hash).violation.is_some();
    let life = (1..50).map(|seed| Life::new(seed, Kind::Light)).find(fails).ok_or("no light life fails")?;
    let short = shrink(&life);
    if short.steps.len() > 3 || !fails(&short) {
        return Err(format!("shrunk to {:?}", short.steps));
    }
    let story = tell(&life, Kind::Light);
    let told = story.contains("violated: packets are lost") && story.contains("switches over");
    if told { Ok(()) } else { Err(story) }
}

fn main() -> ExitCode {
    // A machine that panics under a fault is found out by it; its words are in the violation.
    panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let done = every_deliberate_fault_is_found()
        .and_then(|()| without_a_fault_the_same_lives_find_nothing())
        .and_then(|()| a_failing_schedule_is_shrunk_and_told());
    match done {
        Ok(()) => {
            let _ = writeln!(
                io::stdout(),
                "{} deliberate faults, all of them found, in {:.0} s",
                Sabotage::ALL.len(),
                began.elapsed().as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}
