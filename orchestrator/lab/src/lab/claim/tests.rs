use super::*;
use std::sync::atomic::AtomicU32;

fn plan(claim: &Claim) -> LabPlan {
    LabPlan {
        lab: claim.lab().to_owned(),
        dir: claim.dir().to_owned(),
        topology: PathBuf::new(),
        placement: Default::default(),
        cards: Vec::new(),
        chassis: Vec::new(),
        nodes: Vec::new(),
    }
}

#[test]
fn who_comes_second_is_told_who_came_first_and_touches_nothing() {
    let root = tempfile::tempdir().unwrap();
    let labs = root.path().join("labs");
    let first = Claim::take_in(&labs, "edge").unwrap();
    let text = Claim::take_in(&labs, "edge").unwrap_err();
    assert!(text.is_usage());
    let text = text.to_string();
    let own = format!("lab edge is in use by process {} (swact", std::process::id());
    assert!(text.starts_with(&own) && text.ends_with("): wait until it has ended, or end it first"), "{text}");
    // Another lab is another lock.
    drop(Claim::take_in(&labs, "small").unwrap());
    drop(first);
    assert!(!labs.exists(), "nothing is left of claims alone");
    drop(Claim::take_in(&labs, "edge").unwrap());
}

#[test]
fn a_claim_is_ones_own_however_many_come_and_go() {
    let root = tempfile::tempdir().unwrap();
    let labs = root.path().join("labs");
    let (inside, had) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    match Claim::take_in(&labs, "edge") {
                        Ok(_claim) => {
                            assert!(!inside.swap(true, Relaxed), "two have it");
                            had.fetch_add(1, Relaxed);
                            std::thread::yield_now();
                            inside.store(false, Relaxed);
                        }
                        Err(error) => assert!(matches!(error, LabError::Busy { .. }), "{error}"),
                    }
                }
            });
        }
    });
    assert!(had.into_inner() > 0 && !labs.exists());
}

#[test]
fn only_names_of_labs_are_claimed() {
    let root = tempfile::tempdir().unwrap();
    for name in ["..", ".", "", "-x-", "--help", "a/b", "edge.lock", "Edge"] {
        let error = Claim::take_in(root.path(), name).unwrap_err();
        assert!(matches!(&error, LabError::Name(_)) && error.is_usage(), "{name}: {error}");
    }
}

#[tokio::test]
async fn rolling_back_removes_what_was_deployed_under_the_claim_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let claim = Claim::take_in(root.path(), "edge").unwrap();
    crate::lab::layout::found(&plan(&claim)).unwrap();
    claim.roll_back().await.unwrap();
    assert!(claim.dir().join("plan.json").exists(), "somebody else's");
    claim.set_deployed(true);
    claim.roll_back().await.unwrap();
    assert!(!claim.dir().exists());
}

#[tokio::test]
async fn what_a_restart_of_the_host_left_does_not_run() {
    let root = tempfile::tempdir().unwrap();
    let claim = Claim::take_in(root.path(), "edge").unwrap();
    crate::lab::layout::found(&plan(&claim)).unwrap();
    fs::write(crate::lab::layout::shelf_lock(claim.dir()), "").unwrap();
    assert!(!claim.is_occupied().await.unwrap());
    let shelf = File::create(crate::lab::layout::shelf_lock(claim.dir())).unwrap();
    shelf.lock().unwrap();
    assert!(claim.is_occupied().await.unwrap());
}
