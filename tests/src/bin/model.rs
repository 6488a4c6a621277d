//! Every interleaving, up to a bound: `model --mode sso --crashes 2 --cuts 1`.

use chassis_tests::model::{Begin, Bound, Chassis};
use fabric_proto::redundancy::Mode;
use stateright::{Checker as _, Model as _, report::WriteReporter};
use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Instant,
};

const USAGE: &str = "\
model: negotiation and fencing, every interleaving up to a bound

  --mode M          hsa, rpr, rpr-plus or sso (default sso)
  --crashes N       crashes of an RP (default 1)
  --card-crashes N  crashes of a line card (default 0)
  --cuts N          partitions between the RPs (default 1)
  --pauses N        times that an RP stands still (default 0)
  --forced N        forced switchovers (default 0)
  --terms N         highest term (default 6)
  --timers N        timers that fire, heartbeats among them (default: any number)
  --from F          cold: nothing runs yet; whole: one active, a ready standby (default cold)
  --recover N       from one state in N, a fair run must make the chassis whole; 0: from none (default 100)
  --states N        stop after so many states (default: all)
  --jobs N          threads (default: all cores)

Exit code 0: every property holds; 1: one does not (a path to it is printed); 2: wrong usage.";

fn main() -> ExitCode {
    let mut bound = Bound { crashes: 1, card_crashes: 0, cuts: 1, pauses: 0, forced: 0, terms: 6, timers: None };
    let mut begin = Begin::Cold;
    let (mut mode, mut recover, mut states) = (Mode::Sso, 100, 0);
    let mut jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let Some(value) = arguments.next() else {
            let _ = writeln!(io::stdout(), "{USAGE}");
            return ExitCode::from(if name == "--help" { 0 } else { 2 });
        };
        let number = value.replace('_', "").parse::<u64>();
        match (name.as_str(), number) {
            ("--mode", _) => match value.parse() {
                Ok(parsed) => mode = parsed,
                Err(error) => {
                    let _ = writeln!(io::stderr(), "{error}");
                    return ExitCode::from(2);
                }
            },
            ("--crashes", Ok(n)) => bound.crashes = n as u8,
            ("--card-crashes", Ok(n)) => bound.card_crashes = n as u8,
            ("--cuts", Ok(n)) => bound.cuts = n as u8,
            ("--pauses", Ok(n)) => bound.pauses = n as u8,
            ("--forced", Ok(n)) => bound.forced = n as u8,
            ("--terms", Ok(n)) => bound.terms = n.min(30),
            ("--timers", Ok(n)) => bound.timers = Some(n.min(250) as u8),
            ("--from", _) if value == "cold" => begin = Begin::Cold,
            ("--from", _) if value == "whole" => begin = Begin::Whole,
            ("--recover", Ok(n)) => recover = n,
            ("--states", Ok(n)) => states = n as usize,
            ("--jobs", Ok(n)) => jobs = n.clamp(1, 64) as usize,
            _ => {
                let _ = writeln!(io::stderr(), "'{name} {value}' is not an option\n\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let began = Instant::now();
    let chassis = Chassis { begin, ..Chassis::new(mode, bound, recover) };
    let machines = chassis.machines.clone();
    let mut builder = chassis.checker().threads(jobs);
    if states > 0 {
        builder = builder.target_state_count(states);
    }
    let checker = builder.spawn_bfs().join_and_report(&mut WriteReporter::new(&mut io::stderr()));
    let [units, cards, steps] = machines.counts();
    let _ = writeln!(
        io::stdout(),
        "{mode}, {begin:?}, {bound:?}: {} states ({} generated, depth {}) in {:.1} s; {units} states of an RP, {cards} of a line card, {steps} steps of real machines{}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64(),
        if checker.is_done() && states == 0 { "" } else { "; stopped at the state limit" },
    );
    let mut failed = false;
    for (name, path) in checker.discoveries() {
        let found = matches!(name, "a standby takes over" | "an old active is fenced");
        failed |= !found;
        if !found {
            let _ = writeln!(io::stdout(), "\n{name}: violated\n{path}");
        }
    }
    ExitCode::from(u8::from(failed))
}
