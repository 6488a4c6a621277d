//! Chassis lives without end: `lives --switchovers 10000000 --seed 1 --jobs 2`.

use chassis_tests::sim::{Kind, Life, Record, Tally, tell};
use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Lives simulated chassis, one after the other, until enough switchovers are done or a promise is broken.
struct Options {
    switchovers: u64,
    lives: u64,
    seed: u64,
    jobs: usize,
    kind: Kind,
    only: bool,
}

const USAGE: &str = "\
lives: simulated chassis lives, checked

  --switchovers N   stop after N switchovers (default 100000)
  --lives N         stop after N lives
  --kind K          light, heavy, or family: heavy, of another router family (default light)
  --seed N          first seed (default 1); life number i has seed N + i
  --jobs N          threads (default: all cores)
  --only N          one life, told in full

Exit code 0: every promise held; 1: a life broke one (its shrunk story is printed); 2: wrong usage.";

fn options() -> Result<Options, String> {
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut options = Options { switchovers: 100_000, lives: u64::MAX, seed: 1, jobs, kind: Kind::Light, only: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
        let number =
            |text: String| text.replace('_', "").parse::<u64>().map_err(|_| format!("'{text}' is not a number"));
        match name.as_str() {
            "--switchovers" => options.switchovers = number(value()?)?,
            "--lives" => options.lives = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--jobs" => options.jobs = number(value()?)?.clamp(1, 64) as usize,
            "--only" => {
                options.seed = number(value()?)?;
                options.only = true;
            }
            "--kind" => {
                options.kind = match value()?.as_str() {
                    "light" => Kind::Light,
                    "heavy" => Kind::Heavy,
                    "family" => Kind::Family,
                    other => return Err(format!("'{other}' is not a kind (light, heavy, family)")),
                }
            }
            "--help" | "-h" => return Err(String::new()),
            other => return Err(format!("'{other}' is not an option")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) if why.is_empty() => {
            let _ = writeln!(io::stdout(), "{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.only {
        let _ = writeln!(io::stdout(), "{}", tell(&Life::new(options.seed, options.kind), options.kind));
        return ExitCode::SUCCESS;
    }
    run(&options)
}

fn run(options: &Options) -> ExitCode {
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = Mutex::new((Tally::default(), None::<u64>));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.lives {
                        break;
                    }
                    let seed = options.seed.wrapping_add(number);
                    let outcome = Life::new(seed, options.kind).run(Record::Hash);
                    let Ok(mut total) = total.lock() else { break };
                    total.0 += outcome.tally;
                    if outcome.violation.is_some() {
                        total.1 = total.1.or(Some(seed));
                    }
                    if total.1.is_some() || total.0.switchovers >= options.switchovers {
                        over.store(true, Ordering::Relaxed);
                    }
                }
                over.store(
                    options.lives <= next.load(Ordering::Relaxed) || over.load(Ordering::Relaxed),
                    Ordering::Relaxed,
                );
            });
        }
        let mut shown = Instant::now();
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            if shown.elapsed() >= Duration::from_secs(5) {
                shown = Instant::now();
                if let Ok(total) = total.lock() {
                    let _ = writeln!(io::stderr(), "{}", summary(&total.0, began.elapsed()));
                }
            }
        }
    });
    let Ok((tally, failed)) = total.into_inner() else { return ExitCode::FAILURE };
    let _ = writeln!(io::stdout(), "{}", summary(&tally, began.elapsed()));
    match failed {
        Some(seed) => {
            let _ = writeln!(io::stdout(), "\n{}", tell(&Life::new(seed, options.kind), options.kind));
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn summary(tally: &Tally, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(1e-9);
    format!(
        "{:.0} s: {} lives, {} switchovers ({:.0}/s), {} faults ({:.0}/s), {} steps of machines ({:.0}/s), {:.1} h of chassis time, {} rests compared, {} probes, {} changes acknowledged",
        seconds,
        tally.lives,
        tally.switchovers,
        tally.switchovers as f64 / seconds,
        tally.faults,
        tally.faults as f64 / seconds,
        tally.events,
        tally.events as f64 / seconds,
        tally.virtual_ms as f64 / 3.6e6,
        tally.rests,
        tally.probes,
        tally.acknowledged,
    )
}
