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
    let files = ["core", "edge", "platforms", "vpn"].map(|lab| {
        let files = std::fs::read_dir(root().join("topologies").join(lab)).expect("a folder");
        files.map(|file| file.expect("an entry").path().to_string_lossy().into_owned())
    });
    let files: Vec<_> = files.into_iter().flatten().filter(|file| file.ends_with(".yml")).collect();
    let all: Vec<_> = ["validate", "--format", "json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let checked: serde_json::Value = serde_json::from_str(&stdout(&mut swact(&all))).expect("JSON");
    assert_eq!(checked.as_array().map(Vec::len), Some(files.len()));
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

/// A folder of releases like this tree's, changed.
fn releases(change: impl Fn(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for release in ["1.0", "2.0"] {
        std::fs::create_dir_all(folder.path().join(release)).expect("a folder");
        let file = format!("{release}/manifest.yml");
        std::fs::copy(root().join("images").join(&file), folder.path().join(&file)).expect("copied");
    }
    change(folder.path());
    folder
}

/// What two releases come to, in either order, as a table and as data; 0 only where nothing is lost.
#[test]
fn two_releases_are_checked_without_a_lab() {
    let ended = |args: &[&str]| {
        let output = swact(&[&["images", "check"], args].concat()).output().expect("started");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    for pair in [["1.0", "2.0"], ["2.0", "1.0"]] {
        let (code, table) = ended(&pair);
        assert_eq!(code, Some(1), "{table}");
        let head = format!("release {} beside release {}: incompatible: no stateful switchover", pair[0], pair[1]);
        assert!(table.starts_with(&head) && table.contains("ISSU Proto client"), "{table}");
        assert!(table.contains("does not have it"), "{table}");
        let (code, json) = ended(&[&pair[..], &["--format", "json"]].concat());
        let checked: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(
            (code, &checked["verdict"], &checked["releases"][1]),
            (Some(1), &"incompatible".into(), &pair[1].into())
        );
        let first = &checked["clients"][0];
        assert_eq!((&first["id"], &first["base"], &first["result"]), (&2.into(), &true.into(), &"incompatible".into()));
    }
    let (code, table) = ended(&["2.0", "2.0"]);
    assert_eq!(code, Some(0), "{table}");
    assert!(table.starts_with("release 2.0 beside release 2.0: compatible: a switchover between them keeps all state"));
    let without = releases(|folder| {
        let file = folder.join("2.0/manifest.yml");
        let text = std::fs::read_to_string(&file).expect("a manifest").replace("redundancy: [1]", "redundancy: [1]");
        let (text, _) = text.split_once("matrix:").expect("a matrix");
        std::fs::write(&file, text).expect("written");
        std::fs::create_dir(folder.join("2.1")).expect("a folder");
        std::fs::write(folder.join("2.1/manifest.yml"), text.replace("\"2.0\"", "\"2.1\"")).expect("written");
    });
    let dir = without.path().to_str().expect("UTF-8");
    let (code, table) = ended(&["2.0", "2.1", "--images", dir]);
    assert_eq!((code, table.lines().count()), (Some(1), 1), "{table}");
    assert!(table.contains("dynamic: their route processors find out when they meet"), "{table}");
}

#[test]
fn releases_that_cannot_be_checked_are_refused_with_their_place() {
    let check = |folder: &Path, other: &str| {
        refused(&mut swact(&["images", "check", "1.0", other, "--images", folder.to_str().expect("UTF-8")]))
    };
    let program = |bytes: &'static [u8]| {
        move |folder: &Path| {
            std::fs::create_dir(folder.join("1.0/programs")).expect("a folder");
            std::fs::write(folder.join("1.0/programs/linecard"), bytes).expect("written");
        }
    };
    let manifest = |from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let file = folder.join("2.0/manifest.yml");
            let text = std::fs::read_to_string(&file).expect("a manifest");
            assert!(text.contains(from), "{from}");
            std::fs::write(file, text.replacen(from, to, 1)).expect("written");
        }
    };
    // A program for a SPARC, 64 bytes of an ELF header.
    const SPARC: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x2b\0\x01\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\x01\0\0\0";
    for (folder, other, says) in [
        (releases(|_| ()), "3.0", "there is no release '3.0'"),
        (releases(program(SPARC)), "2.0", "1.0/programs/linecard: it is for a processor that no image is made for"),
        (releases(program(b"#!/bin/sh\n")), "2.0", "it is not a 64-bit little-endian ELF program"),
        (
            releases(manifest("verdict: incompatible", "verdict: compatible")),
            "2.0",
            "2.0/manifest.yml:17:3: release 1.0 in the matrix",
        ),
        (releases(manifest("verdict: incompatible", "verdict: perhaps")), "2.0", "2.0/manifest.yml:18:12: "),
        (releases(manifest("matrix:", "matrix: [")), "2.0", "2.0/manifest.yml:"),
    ] {
        let (code, text) = check(folder.path(), other);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// Goal: what a fault cannot use is refused before a lab is looked for. Method: options out of range and of other faults, written and
/// from the environment.
#[test]
fn what_a_fault_cannot_use_is_refused_by_its_flag() {
    for (rest, wanted) in [
        (["kill", "small", "pe1/lc:1", "--loss", "0.5"], "--loss: fault 'kill' has no option 'loss'"),
        (["reload", "small", "pe1", "--for", "1s"], "--for: fault 'reload' has no option 'for'"),
        (["impair", "small", "pe1/rp:A<->lc:1", "--loss", "5"], "--loss: 'loss: 5' is not a probability"),
        (["drop", "small", "pe1/lc:1", "--every", "4294967295"], "--every: 'every: 4294967295' drops nothing"),
    ] {
        let (code, said) = refused(swact(&["fault"]).args(rest));
        assert_eq!(code, 2);
        assert!(said.contains(wanted), "{said}");
    }
    let (code, said) = refused(swact(&["fault", "kill", "small", "pe1/lc:1"]).env("SWACT_LOSS", "0.5"));
    assert_eq!(code, 2);
    assert!(said.contains("lab 'small' does not run"), "{said}");
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

/// A run of the first release in a folder of its own, its evidence changed.
fn old_run(change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let evidence = root().join("orchestrator/report/tests/data/run-0.1/evidence.json");
    let text = std::fs::read_to_string(evidence).expect("the run of the first release");
    std::fs::write(folder.path().join("evidence.json"), change(text)).expect("written");
    folder
}

#[test]
fn evidence_that_contradicts_itself_ends_with_2_and_names_trial_and_field() {
    let whole = old_run(|text| text);
    let whole = whole.path().to_str().expect("UTF-8");
    swact(&["analyze", whole]).assert().success();
    for (from, to, says) in [
        ("\"lost\":14,", "\"lost\":0,", "trial 3: accounting.lost is 0, but the flows lost 14"),
        ("\"rate_milli_pps\":300000", "\"rate_milli_pps\":0", "trial 1: traffic[0].schedule.rate_milli_pps is 0"),
        ("\"index\":3,", "\"index\":7,", "trial 3 is missing, but there is a trial 4"),
        ("\"mode\":\"fsu\"", "\"mode\":\"../../fsu\"", "trial 3: mode is \"../../fsu\""),
    ] {
        let folder = old_run(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let path = folder.path().to_str().expect("UTF-8");
        for args in [&["analyze", path][..], &["compare", whole, path], &["compare", path, whole]] {
            let (code, text) = refused(&mut swact(args));
            assert!(code == 2 && text.contains(says), "{args:?}: {code}, {text}");
        }
        let files = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(files, 1, "nothing is drawn from it");
    }
}

#[test]
fn text_of_others_steers_no_terminal() {
    let folder = old_run(|text| text.replacen("\"title\":\"", "\"title\":\"\\u001b[31m\\u0007", 1));
    let shown = stdout(&mut swact(&["analyze", folder.path().to_str().expect("UTF-8")]));
    assert!(!shown.contains(['\u{1b}', '\u{7}']) && shown.contains("\u{fffd}[31m\u{fffd}"), "{shown}");
    let path = folder.path().join("bad.chassis.yml");
    std::fs::write(&path, "name: lab\ntopology:\n  nodes: {}\n  \"l\\e[2Jynx\": []\n").expect("written");
    let (code, text) = refused(&mut swact(&["validate", path.to_str().expect("UTF-8")]));
    assert!(code == 2 && text.contains("bad.chassis.yml:4:3: ") && !text.contains('\u{1b}'), "{text:?}");
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

#[test]
fn a_throughput_search_that_cannot_be_held_is_refused_before_anything_is_deployed() {
    for (args, wanted) in [
        (&["--frame-size", "128,63"][..], "a frame of 63 bytes is not possible"),
        (&["--frame-size", "128,128"], "or there twice"),
        (&["--time", "1h"], "a trial of 60m is not possible"),
        (&["--resolution", "90%"], "a search cannot end at 90%"),
        (&["--max-rate", "30Mpps"], "a rate of 30Mpps cannot be reached"),
        (&["--from", "t1:p1"], "1 ports send and 0 receive"),
        (&["--from", "t1:p1", "--to", "t1:p9"], "tester t1 has no port p9"),
        (&["--flows", "200000"], "200000 flows are not possible"),
    ] {
        let all: Vec<_> = ["throughput", "topologies/edge/small.chassis.yml"].iter().chain(args).copied().collect();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (code, text) = refused(swact(&all).env("SWACT_STORE", folder.path()));
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_share_of_a_rate_that_nobody_measured_names_the_command_that_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let topology = std::fs::read_to_string(root().join("topologies/edge/small.chassis.yml")).expect("the small lab");
    std::fs::write(folder.path().join("small.chassis.yml"), topology).expect("written");
    let path = folder.path().join("share.experiment.yml");
    let text = "title: At 80 %\ntopology: small.chassis.yml\nmodes: [sso]\ntrials: 1\n\
                observe: {until: redundant, at-most: 60s}\ntraffic:\n  \
                - {name: a, from: t1:p1, to: t1:p2, flows: 10, rate: 80%, frame-size: 128}\n";
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("UTF-8");
    let (code, text) = refused(swact(&["run", path]).env("SWACT_STORE", folder.path()));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("measure it: swact throughput") && text.contains("--frame-size 128"), "{text}");
    let checked = stdout(&mut swact(&["validate", path, "--images", "images"]));
    assert!(checked.contains("10 flows at 80%"), "a share is valid before it is known: {checked}");
}

/// Everything that changes or looks at a lab, in a folder of labs that is somebody else's to change.
#[test]
fn a_labs_folder_that_others_can_change_is_refused_with_the_remedy() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let victim = folder.path().join("victim");
    std::fs::create_dir(&victim).expect("made");
    let default = folder.path().join(format!("swact-{}", nix::unistd::Uid::effective()));
    symlink(&victim, &default).expect("linked");
    let open = folder.path().join("open");
    std::fs::create_dir(&open).expect("made");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("opened");
    for args in [
        &["deploy", "topologies/edge/small.chassis.yml", "--runtime", "process"][..],
        &["destroy", "small"],
        &["inspect"],
        &["exec", "small", "pe1", "show version"],
    ] {
        let mut command = swact(args);
        let command = command.env_remove("SWACT_DIR").env_remove("XDG_RUNTIME_DIR").env("TMPDIR", folder.path());
        let (code, text) = refused(command);
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains("it is a link; name a folder of your own in SWACT_DIR"), "{args:?}: {text}");
        let (code, text) = refused(swact(args).env("SWACT_DIR", &open));
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains("others can write into it (mode 777)"), "{args:?}: {text}");
    }
    assert_eq!(std::fs::read_dir(&victim).expect("read").count(), 0, "nothing was made there");
    assert_eq!(std::fs::read_dir(&open).expect("read").count(), 0, "nothing was made there");
}

#[test]
fn what_is_no_labs_name_leads_nowhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("plan.json"), "{}").expect("written");
    for name in ["..", ".", "-x-"] {
        let (code, text) = refused(swact(&["destroy", "--", name]).env("SWACT_DIR", folder.path().join("labs")));
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("is no lab's name"), "{text}");
    }
    assert!(folder.path().join("plan.json").exists());
}

#[test]
fn one_unreadable_lab_hides_no_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (lab, plan) in [("broken", "{"), ("other", "null")] {
        std::fs::create_dir(folder.path().join(lab)).expect("made");
        std::fs::write(folder.path().join(lab).join("plan.json"), plan).expect("written");
    }
    let assert = swact(&["inspect", "--format", "json"]).env("SWACT_DIR", folder.path()).assert().code(2);
    let rows: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    for (row, lab) in rows.as_array().expect("rows").iter().zip(["broken", "other"]) {
        assert_eq!(row["lab"], lab);
        assert!(row["state"].as_str().is_some_and(|state| state.contains("cannot be read")), "{row}");
    }
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
}

/// Goal: what a card would refuse is refused before anything starts, by every verb alike. Method: a startup configuration
/// with an unknown line, names that no certificate bears, and a table that is cut off, given to `validate` and to `deploy`.
#[test]
fn validate_and_deploy_refuse_alike() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("x.chassis.yml");
    let topology = |name: &str, more: &str| {
        let node = format!("{{kind: chassis, image: \"1.0\", {more}components: [{{slot: A}}, {{slot: 1, ports: 1}}]}}");
        let t1 = "{kind: tester, ports: 1}";
        format!(
            "name: {name}\ntopology:\n  nodes:\n    pe1: {node}\n    t1: {t1}\n  links:\n    - endpoints: [\"t1:p1\", \"pe1:1/1\"]\n"
        )
    };
    std::fs::write(folder.path().join("pe1.cfg"), "hostname pe1\nline vty 0 4\nend\n").expect("written");
    std::fs::write(folder.path().join("cut.mrt"), [0, 0, 0, 0, 0, 13, 0, 1, 0, 0, 0, 100, 1, 2, 3, 4])
        .expect("written");
    for (text, wanted) in [
        (topology("x", "startup-config: pe1.cfg, "), "pe1.cfg:2:1: 'line' is not supported"),
        (topology("--help", ""), "x.chassis.yml:1:7: lab name '--help' cannot be used"),
        (topology("x-", ""), "x.chassis.yml:1:7: lab name 'x-' cannot be used"),
        (topology("x", "routes: {table: cut.mrt, next-hops: 1}, "), "cut.mrt"),
    ] {
        std::fs::write(&file, text).expect("written");
        let path = file.to_str().expect("UTF-8");
        let labs = folder.path().join("labs");
        for verb in ["validate", "deploy"] {
            let (code, text) = refused(swact(&[verb, path, "--images", "images"]).env("SWACT_DIR", &labs));
            assert_eq!(code, 2, "{verb}: {text}");
            assert!(text.contains(wanted), "{verb}: {wanted}: {text}");
            assert!(!labs.exists(), "{verb} began something");
        }
    }
}

/// A place for output at which nothing arrives.
#[derive(Clone, Copy, Debug)]
enum Nowhere {
    /// A pipe whose reader has gone: `| true`.
    Broken,
    /// Nothing at all: `>&-`.
    Closed,
    /// A disk without room.
    Full,
}

impl Nowhere {
    const ALL: [Self; 3] = [Self::Broken, Self::Closed, Self::Full];

    /// A shell that runs `command` with this as both its outputs.
    fn shell(self, command: &str) -> std::process::Command {
        let mut shell = std::process::Command::new("bash");
        let redirected = match self {
            Self::Closed => format!("{command} >&- 2>&-"),
            Self::Broken | Self::Full => command.to_owned(),
        };
        shell.args(["-c", &redirected]).stdin(std::process::Stdio::null());
        match self {
            Self::Broken => {
                let broken = || {
                    let (reader, writer) = std::io::pipe().expect("a pipe");
                    drop(reader);
                    writer
                };
                shell.stdout(broken()).stderr(broken());
            }
            Self::Full => {
                let full = || std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
                shell.stdout(full()).stderr(full());
            }
            Self::Closed => {}
        }
        shell
    }
}

/// A stored run whose verdict is fail.
fn failed_run(folder: &Path) {
    let text =
        std::fs::read(root().join("orchestrator/report/tests/data/run-0.1/evidence.json")).expect("a stored run");
    let mut record: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    record["thresholds"]["rpr-plus"]["lost"] = 0.into();
    std::fs::write(folder.join("evidence.json"), record.to_string()).expect("written");
}

#[test]
fn output_that_goes_nowhere_changes_no_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    failed_run(folder.path());
    let run = folder.path().to_str().expect("UTF-8");
    let program = assert_cmd::cargo::cargo_bin("swact");
    for (args, code) in [
        (format!("analyze {run}"), 1),
        (format!("--format json analyze {run}"), 1),
        ("completion bash".to_owned(), 0),
        ("--help".to_owned(), 0),
        ("images list".to_owned(), 0),
        ("graph topologies/edge/edge.chassis.yml".to_owned(), 0),
        ("validate nowhere.chassis.yml".to_owned(), 2),
        ("frobnicate".to_owned(), 2),
    ] {
        for nowhere in Nowhere::ALL {
            let mut shell = nowhere.shell(&format!("{} {args}", program.display()));
            shell.current_dir(root()).env("SWACT_DIR", "/nonexistent/swact").env("SWACT_LOG", "trace");
            shell.env_remove("SWACT_FORMAT").env_remove("SWACT_IMAGES");
            let ended = shell.status().expect("a shell");
            assert_eq!(ended.code(), Some(code), "{args}, {nowhere:?}");
        }
    }
}

#[test]
fn data_that_a_full_disk_loses_is_said() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("swact"));
    let ended = command.args(["images", "list"]).current_dir(root()).stdout(full).output().expect("started");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("error: stdout: No space left on device") && said.contains("is lost"), "{said}");
    assert_eq!(said.lines().count(), 1, "once: {said}");
}

#[test]
fn what_a_file_names_is_read_only_where_it_is_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let small = std::fs::read_to_string(root().join("topologies/edge/small.chassis.yml")).expect("the small lab");
    let chassis = |key: &str| small.replacen("image: \"1.0\"\n", &format!("image: \"1.0\"\n      {key}\n"), 1);
    let table = small.replacen("table: internet", "table: pipe", 1);
    for (name, text, said) in [
        ("device", chassis("startup-config: /dev/zero"), "'/dev/zero': a device, not a regular file"),
        ("fifo", chassis("startup-config: pipe"), "'pipe': a pipe, not a regular file"),
        ("table", table, "'pipe': a pipe, not a regular file"),
    ] {
        let path = folder.path().join(format!("{name}.chassis.yml"));
        assert_ne!(text, small, "{name}");
        std::fs::write(&path, text).expect("written");
        let (code, text) = refused(&mut swact(&["validate", "--images", "images", path.to_str().expect("UTF-8")]));
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(&format!("{name}.chassis.yml:")) && text.contains(said), "{text}");
    }
    let pipe = pipe.to_str().expect("UTF-8");
    for args in [&["validate", pipe][..], &["validate", "--table", pipe, "topologies/edge/small.chassis.yml"]] {
        let (code, text) = refused(&mut swact(args));
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("a pipe, not a regular file"), "{text}");
    }
}
