use super::*;
use crate::{
    lab::{Claim, destroy},
    runtime::process::ProcessRuntime,
};
use fabric_proto::id::CardId;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

fn plan(dir: &Path) -> LabPlan {
    LabPlan {
        lab: "edge".to_owned(),
        dir: dir.to_owned(),
        topology: PathBuf::new(),
        placement: Default::default(),
        cards: Vec::new(),
        chassis: Vec::new(),
        nodes: Vec::new(),
    }
}

/// The plan of a lab with a chassis and a tester, in `dir`.
fn whole(dir: &Path) -> LabPlan {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let topology = crate::topology::Topology::load(&root.join("topologies/edge/edge.chassis.yml")).unwrap();
    let images = crate::images::Images::load(&root.join("images")).unwrap();
    LabPlan::new(&topology, dir, &images, Default::default()).unwrap()
}

#[test]
fn a_plan_that_was_written_is_read() {
    let root = tempfile::tempdir().unwrap();
    let plan = whole(&root.path().join("edge"));
    found(&plan).unwrap();
    furnish(&plan, &ProcessRuntime::new("edge", &plan.dir)).unwrap();
    assert_eq!(read_plan(&plan.dir).unwrap(), plan);
    assert!(matches!(found(&plan), Err(LabError::Exists { .. })));
    assert_eq!(fs::metadata(&plan.dir).unwrap().permissions().mode() & 0o777, 0o700, "its owner's alone");
}

#[test]
fn what_is_removed_is_a_labs_folder_or_nothing() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("edge"));
    found(&plan).unwrap();
    remove(&plan.dir).unwrap();
    assert!(!plan.dir.exists());
    remove(&plan.dir).unwrap();
    assert!(matches!(read_plan(&plan.dir), Err(LabError::NoLab(_))));

    // Other people have files of that name, and labs have other names.
    for text in ["dear", "{}", r#"{"format_version": "1.2"}"#, r#"{"lab": "small"}"#] {
        fs::create_dir(&plan.dir).unwrap();
        fs::write(plan.dir.join("plan.json"), text).unwrap();
        fs::write(plan.dir.join("letter.txt"), "dear").unwrap();
        assert!(matches!(remove(&plan.dir), Err(LabError::Foreign(_))), "{text}");
        assert!(plan.dir.join("letter.txt").exists());
        fs::remove_dir_all(&plan.dir).unwrap();
    }
    // A plan that cannot be read is no reason not to take its lab down.
    fs::create_dir_all(plan.dir.join("authority")).unwrap();
    fs::write(plan.dir.join("authority/ca.lab"), "edge").unwrap();
    fs::write(plan.dir.join("plan.json"), "{").unwrap();
    assert!(matches!(read_plan(&plan.dir), Err(LabError::Unreadable { .. })));
    remove(&plan.dir).unwrap();
    assert!(!plan.dir.exists());
}

#[test]
fn who_is_killed_while_founding_or_removing_leaves_what_the_next_one_removes() {
    let root = tempfile::tempdir().unwrap();
    let plan = plan(&root.path().join("edge"));
    fs::create_dir(&plan.dir).unwrap();
    fs::write(plan.dir.join("plan.json.new"), "{").unwrap();
    remove(&plan.dir).unwrap();
    found(&plan).unwrap();
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
    found(&plan).unwrap();
    assert!(!is_going(&plan.dir));
    condemn(&plan.dir).unwrap();
    assert!(is_going(&plan.dir));
}

/// That neither reading, claiming nor destroying the lab in `labs` is tried.
#[track_caller]
fn refused(labs: &Path, why: &str) {
    let dir = labs.join("edge");
    let errors = [read_plan(&dir).err(), remove(&dir).err(), Claim::take_in(labs, "edge").err()];
    for error in errors.into_iter().map(Option::unwrap) {
        assert!(matches!(error, LabError::Untrusted { .. }) && error.is_usage(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(why) && text.ends_with("name a folder of your own in SWACT_DIR"), "{text}");
    }
}

#[test]
fn a_folder_that_others_made_or_can_change_is_not_trusted() {
    let root = tempfile::tempdir().unwrap();
    let labs = root.path().join("labs");
    fs::create_dir(&labs).unwrap();
    found(&plan(&labs.join("edge"))).unwrap();
    assert!(read_plan(&labs.join("edge")).is_ok());
    for mode in [0o777, 0o770, 0o707, 0o1777] {
        fs::set_permissions(&labs, fs::Permissions::from_mode(mode)).unwrap();
        refused(&labs, "others can write into it");
    }
    fs::set_permissions(&labs, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(read_plan(&labs.join("edge")).is_ok());
    let link = root.path().join("link");
    symlink(&labs, &link).unwrap();
    refused(&link, "it is a link");
    fs::write(root.path().join("file"), "").unwrap();
    assert!(matches!(Claim::take_in(&root.path().join("file"), "edge"), Err(LabError::Untrusted { .. })));
    if nix::unistd::Uid::effective().is_root() {
        chown(&labs, Some(12345), None).unwrap();
        refused(&labs, "it belongs to user 12345");
    } else {
        assert!(matches!(read_plan(Path::new("/usr/edge")), Err(LabError::Untrusted { .. })));
    }
}

#[test]
fn a_folder_that_anybody_can_exchange_is_not_trusted() {
    let root = tempfile::tempdir().unwrap();
    let labs = root.path().join("open/labs");
    fs::create_dir(root.path().join("open")).unwrap();
    fs::set_permissions(root.path().join("open"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Claim::take_in(&labs, "edge"), Err(LabError::Untrusted { .. })));
    fs::set_permissions(root.path().join("open"), fs::Permissions::from_mode(0o1777)).unwrap();
    drop(Claim::take_in(&labs, "edge").unwrap());
}

/// Goal: no link in a lab's folder leads out of it. Method: links to a victim where a lab's own files would be written,
/// made by somebody who once could; then everything that writes.
#[tokio::test]
async fn nothing_is_written_through_a_link() {
    let root = tempfile::tempdir().unwrap();
    let victim = root.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let claim = Claim::take_in(&root.path().join("labs"), "edge").unwrap();
    let plan = whole(claim.dir());
    found(&plan).unwrap();
    furnish(&plan, &ProcessRuntime::new("edge", &plan.dir)).unwrap();
    let replaced = |path: &Path| {
        let _ = fs::remove_file(path);
        symlink(&victim, path).unwrap();
    };
    let rp = plan.cards.iter().find(|card| card.startup_config.is_some()).unwrap();
    for path in
        [rp.config.nvram.join(INITIAL_CONFIG), rp.folder.join("config.json.new"), plan.dir.join("plan.json.new")]
    {
        replaced(&path);
    }
    furnish_card(rp, &ProcessRuntime::new("edge", &plan.dir)).unwrap();
    write_plan(&plan).unwrap();
    for path in [plan.dir.join(GOING_FILE), slot_lock(&rp.folder), removed_mark(&rp.folder)] {
        replaced(&path);
        assert!(files::mark(&path).is_err(), "{}", path.display());
    }
    assert!(destroy(&claim).await.is_err(), "it cannot be marked");
    fs::remove_file(plan.dir.join(GOING_FILE)).unwrap();
    replaced(&plan.dir.join("plan.json"));
    assert!(matches!(read_plan(&plan.dir), Err(LabError::Unreadable { .. })));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    fs::remove_file(plan.dir.join("plan.json")).unwrap();
    write_plan(&plan).unwrap();
    destroy(&claim).await.unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!plan.dir.exists());
}

/// Goal: a forged plan leads nowhere. Method: a plan whose every path is of somewhere else, and names that would lead out.
#[test]
fn paths_come_from_the_folder_whatever_the_plan_says() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = root.path().join("elsewhere/edge");
    let dir = root.path().join("labs/edge");
    fs::create_dir_all(&dir).unwrap();
    write_json(&dir.join(PLAN_FILE), &whole(&elsewhere)).unwrap();
    let read = read_plan(&dir).unwrap();
    let text = serde_json::to_string(&read).unwrap();
    assert!(!text.contains("elsewhere"), "{text}");
    let own = whole(&dir);
    for (read, own) in read.cards.iter().zip(&own.cards) {
        assert_eq!((&read.folder, &read.log, &read.config.nvram), (&own.folder, &own.log, &own.config.nvram));
        assert_eq!((&read.config.tls, &read.config.wires), (&own.config.tls, &own.config.wires));
    }
    let forge = |change: &dyn Fn(&mut LabPlan)| {
        let mut plan = own.clone();
        change(&mut plan);
        write_json(&dir.join(PLAN_FILE), &plan).unwrap();
        read_plan(&dir).unwrap_err()
    };
    let forgeries: [&dyn Fn(&mut LabPlan); 4] = [
        &|plan| plan.lab = "small".to_owned(),
        &|plan| plan.cards[0].config.id = CardId::tester("edge", ".."),
        &|plan| plan.cards[0].config.id = CardId::tester("..", "t1"),
        &|plan| plan.cards[0].config.wires[0].path = PathBuf::from("/.."),
    ];
    for forgery in forgeries {
        assert!(matches!(forge(forgery), LabError::Unreadable { .. }));
    }
}
