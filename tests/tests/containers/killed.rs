//! Whatever happens to the orchestrator, and whenever, nothing of a lab is left.

use crate::lab::Lab;
use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

/// Moments at which the orchestrator is killed, spread over what it does.
const MOMENTS: u32 = 16;

/// Runs a command and kills it after a while; whether it was still running.
fn kill_after(lab: &Lab, arguments: &[&str], delay: Duration) -> bool {
    let mut child = lab.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(delay);
    let runs = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    runs
}

/// Goal: `destroy` removes everything after an orchestrator that was killed at any point of its work. Method: see how
/// long a deployment takes, kill one at each of many points of that time, and destroy what there is, at once.
#[test]
fn a_deployment_killed_at_any_point_leaves_nothing_after_destroy() {
    let lab = Lab::new("");
    let begun = Instant::now();
    lab.swact(&["deploy", "--no-wait", "lab.chassis.yml"]).with(0);
    let whole = begun.elapsed();
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
    let mut killed = 0;
    for moment in 0..MOMENTS {
        let delay = whole * moment / MOMENTS;
        killed += u32::from(kill_after(&lab, &["deploy", "--no-wait", "lab.chassis.yml"], delay));
        lab.destroy().with(0);
        lab.assert_nothing_is_left();
    }
    assert!(killed >= MOMENTS / 2, "only {killed} of {MOMENTS} were killed on the way");
    // What a killed client had asked for, and came late, is found and swept by the next one.
    lab.deploy().with(0);
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}

/// Goal: the same for `destroy` itself, and a deployment finds a free place, whether or not another one has finished it.
/// Method: kill it at several points; destroy again, or do not; deploy.
#[test]
fn a_destruction_killed_at_any_point_is_finished_by_the_next_one() {
    let lab = Lab::new("");
    for (delay, again) in [(15, false), (40, true), (60, false), (90, false), (150, true), (400, false), (900, true)] {
        lab.swact(&["deploy", "--no-wait", "lab.chassis.yml"]).with(0);
        kill_after(&lab, &["destroy", &lab.name], Duration::from_millis(delay));
        if again {
            lab.destroy().with(0);
            lab.assert_nothing_is_left();
        }
        lab.deploy().with(0);
        assert_eq!(lab.containers().len(), 5);
    }
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}
