//! What a client leaves on the cards when it goes, and when it is killed: nothing.

use crate::bench::{Bench, LAB, eventually};
use std::{
    collections::BTreeMap,
    io::Write as _,
    process::Stdio,
    time::{Duration, Instant},
};

/// Commands one after the other.
const COMMANDS: usize = 30;

fn connections(bench: &Bench) -> BTreeMap<String, u64> {
    bench.inspect().into_iter().map(|(card, stats)| (card, stats["connections"].as_u64().unwrap())).collect()
}

/// Goal: a client that has gone holds nothing. Method: client after client takes the configuration lock, changes
/// something and goes; each gets the lock, and in the end no card has a connection more than in the beginning.
#[test]
fn clients_that_come_and_go_leave_no_lock_and_no_connection() {
    let bench = Bench::new(2_000);
    bench.deploy();
    bench.settled();
    let before = connections(&bench);
    for number in 0..COMMANDS {
        let description = format!("description {number}");
        bench.exec("pe1", &["configure terminal", "interface 1/1", &description]).with(0);
    }
    bench.exec("pe1", &["show configuration lock"]).with(0).says("free");
    // A goodbye may be lost on its way, but hardly thirty.
    eventually("the connections are gone", || {
        let now = connections(&bench);
        let more = now.iter().any(|(card, count)| *count > before[card] + 2);
        if more { Err(format!("{now:?}, before {before:?}")) } else { Ok(()) }
    });
    bench.settled();
}

/// Goal: a client that was killed frees what it held within seconds. Method: SIGKILL a console in configuration mode;
/// the next client gets the lock before an ordinary connection would have been given up (30 s).
#[test]
fn a_killed_client_frees_the_configuration_lock() {
    let bench = Bench::new(2_000);
    bench.deploy();
    bench.settled();
    let mut console = bench
        .command(&["console", LAB, "pe1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut typed = console.stdin.take().unwrap();
    typed.write_all(b"configure terminal\n").unwrap();
    eventually("the console holds the lock", || {
        let shown = bench.exec("pe1", &["show configuration lock"]).with(0);
        if shown.out.contains("free") { Err(shown.out) } else { Ok(()) }
    });
    console.kill().unwrap();
    console.wait().unwrap();
    let killed = Instant::now();
    eventually("the lock is free", || {
        let taken = bench.exec("pe1", &["configure terminal", "end"]);
        if taken.code == Some(0) { Ok(()) } else { Err(taken.out) }
    });
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
}
