//! The `swact` binary, as far as it needs no lab.

use assert_cmd::Command;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The command, away from whatever labs and settings the tester's machine has.
fn swact(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("swact").expect("built with the tests");
    command.current_dir(root()).env("SWACT_DIR", "/nonexistent/swact").args(args);
    for name in ["SWACT_FORMAT", "SWACT_IMAGES", "SWACT_TABLE", "SWACT_MODE", "SWACT_TRIALS"] {
        command.env_remove(name);
    }
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).expect("UTF-8")
}

/// Exit code and stderr of a command that must fail.
fn refused(command: &mut Command) -> (i32, String) {
    let assert = command.assert().failure();
    let output = assert.get_output();
    assert!(output.stdout.is_empty(), "a refusal is no data");
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn everything_under_topologies_is_valid() {
    let json = stdout(&mut swact(&[
        "validate",
        "--format",
        "json",
        "topologies/edge/edge.chassis.yml",
        "topologies/edge/small.chassis.yml",
        "topologies/edge/failover.experiment.yml",
        "topologies/edge/smoke.experiment.yml",
    ]));
    let checked: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(checked.as_array().map(Vec::len), Some(4));
    assert_eq!(checked[0]["name"], "edge");
}

#[test]
fn releases_are_listed_from_anywhere_above_them() {
    let table = stdout(&mut swact(&["images", "list"]));
    assert!(table.contains("1.0") && table.contains("2.0"), "{table}");
    let json = stdout(swact(&["images", "list", "--format", "json"]).current_dir(root().join("topologies/edge")));
    let releases: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(releases[1]["version"], "2.0");
    assert_ne!(releases[0]["features"], releases[1]["features"]);
}

#[test]
fn a_table_that_is_cut_off_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("cut.mrt");
    // A TABLE_DUMP_V2 header that announces 100 bytes, and 4 of them.
    std::fs::write(&table, [0, 0, 0, 0, 0, 13, 0, 1, 0, 0, 0, 100, 1, 2, 3, 4]).expect("written");
    let name = table.to_str().expect("UTF-8");
    let (code, text) = refused(&mut swact(&["validate", "--table", name, "topologies/edge/small.chassis.yml"]));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("cut.mrt") && text.contains("record 0"), "{text}");
    assert!(text.contains("--table FILE"), "{text}");
}

#[test]
fn bad_input_ends_with_2_and_says_where() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bad.chassis.yml");
    std::fs::write(&path, "name: lab\ntopology:\n  nodes: {}\n  lynx: []\n").expect("written");
    let (code, text) = refused(&mut swact(&["validate", path.to_str().expect("UTF-8")]));
    assert_eq!(code, 2);
    assert!(text.contains("bad.chassis.yml:4:3: ") && text.contains("lynx"), "{text}");
    let (code, text) = refused(&mut swact(&["run", "nowhere.experiment.yml"]));
    assert_eq!(code, 2);
    assert!(text.contains("cannot read the experiment"), "{text}");
}

#[test]
fn usage_errors_end_with_2_too() {
    for args in
        [&["frobnicate"][..], &["run"], &["run", "x.yml", "--mode", "turbo"], &["fault", "explode", "lab", "rp:A"]]
    {
        assert_eq!(refused(&mut swact(args)).0, 2, "{args:?}");
    }
}

#[test]
fn a_lab_that_does_not_run_is_named() {
    let (code, text) = refused(&mut swact(&["exec", "edge", "pe1", "show version"]));
    assert_eq!(code, 2);
    assert!(text.contains("lab 'edge' does not run") && text.contains("swact deploy"), "{text}");
}

#[test]
fn flags_come_from_the_environment_and_the_command_line_wins() {
    let json = stdout(swact(&["images", "list"]).env("SWACT_FORMAT", "json"));
    assert!(json.starts_with('['), "{json}");
    let table = stdout(swact(&["images", "list", "--format", "table"]).env("SWACT_FORMAT", "json"));
    assert!(!table.starts_with('['), "{table}");
}

#[test]
fn a_topology_is_drawn_in_both_languages() {
    let mermaid = stdout(&mut swact(&["graph", "topologies/edge/edge.chassis.yml"]));
    assert!(mermaid.starts_with("graph TD\n") && mermaid.contains("t1 ---|\"p1 – 1/1\"| pe1_lc1"), "{mermaid}");
    let dot = stdout(&mut swact(&["graph", "--drawing", "dot", "topologies/edge/edge.chassis.yml"]));
    assert!(dot.contains("pe1_rpA -- pe1_rpB [style=bold];") && dot.ends_with("}\n"), "{dot}");
}

#[test]
fn completions_know_the_verbs() {
    let script = stdout(&mut swact(&["completion", "bash"]));
    assert!(script.contains("validate") && !script.contains("shelf DIR"), "no verb is missing");
}
