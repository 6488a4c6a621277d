use super::*;

fn plan(dir: &Path) -> LabPlan {
    LabPlan {
        lab: "edge".to_owned(),
        dir: dir.to_owned(),
        topology: PathBuf::new(),
        placement: Default::default(),
        cards: Vec::new(),
        chassis: Vec::new(),
    }
}

#[test]
fn a_lab_that_runs_is_not_claimed_and_remains_are() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("labs/edge"));
    claim(&plan, true).unwrap();
    furnish(&plan, &crate::runtime::process::ProcessRuntime::new("edge", &plan.dir)).unwrap();
    assert_eq!(read_plan(&plan.dir).unwrap(), plan);
    assert!(matches!(claim(&plan, false), Err(LabError::Exists { .. })));
    let shelf = File::create(shelf_lock(&plan.dir)).unwrap();
    shelf.lock().unwrap();
    assert!(matches!(claim(&plan, true), Err(LabError::Exists { .. })), "its shelf lives");
    drop(shelf);
    claim(&plan, true).unwrap();
    assert!(!plan.dir.join("logs").exists());
}

#[test]
fn what_is_removed_is_a_labs_folder_or_nothing() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("edge"));
    claim(&plan, true).unwrap();
    remove(&plan.dir).unwrap();
    assert!(!plan.dir.exists());
    remove(&plan.dir).unwrap();
    assert!(matches!(read_plan(&plan.dir), Err(LabError::NoLab(_))));

    fs::write(root.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(remove(root.path()), Err(LabError::Foreign(_))));
    assert!(root.path().join("letter.txt").exists());
}

#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("edge"));
    claim(&plan, true).unwrap();
    assert_eq!(fs::metadata(&plan.dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn who_is_killed_while_claiming_or_removing_leaves_what_the_next_one_removes() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("edge"));
    fs::create_dir(&plan.dir).unwrap();
    fs::write(plan.dir.join("plan.json.new"), "{").unwrap();
    claim(&plan, true).unwrap();
    fs::create_dir_all(plan.dir.join("pe1/A")).unwrap();
    // Everything else goes before the plan, so a removal that was cut short is one of a lab still.
    fs::remove_dir_all(plan.dir.join("pe1")).unwrap();
    assert!(read_plan(&plan.dir).is_ok());
    remove(&plan.dir).unwrap();
    assert!(!plan.dir.exists());
}

#[test]
fn a_lab_that_goes_is_marked_until_it_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("edge"));
    condemn(&plan.dir).unwrap();
    assert!(!plan.dir.exists(), "nothing is made of nothing");
    claim(&plan, true).unwrap();
    assert!(!is_going(&plan.dir));
    condemn(&plan.dir).unwrap();
    assert!(is_going(&plan.dir));
    claim(&plan, true).unwrap();
    assert!(!is_going(&plan.dir), "the next one begins anew");
}
