//! Stored runs that somebody has changed, and text that somebody has chosen.

use super::*;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use std::io::{Read, Write};

/// A small run: two trials and one without a fault.
fn small() -> RunRecord {
    let mut random = SplitMix64(1);
    let mut floor = trial(2, "sso", 0, &mut random);
    floor.fault = String::new();
    let trials = vec![trial(1, "rpr", 300, &mut random), trial(3, "sso", 0, &mut random)];
    let wanted = |mode: &str, baseline| Wanted {
        mode: mode.to_owned(),
        fault: "kill pe1/active-rp".to_owned(),
        trials: 1,
        baseline,
    };
    let wanted = vec![wanted("rpr", 0), wanted("sso", 1)];
    RunRecord { trials, noise_floor: vec![floor], wanted, status: Some(Status::Completed), ..run() }
}

/// A run's folder, and its evidence as JSON.
fn stored() -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    render(folder.path(), &small()).unwrap();
    let mut text = String::new();
    GzDecoder::new(fs::File::open(folder.path().join(EVIDENCE)).unwrap()).read_to_string(&mut text).unwrap();
    (folder, serde_json::from_str(&text).unwrap())
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// What reading a run says whose evidence holds `bytes`, and whose digests somebody has renewed.
fn read(folder: &Path, bytes: &[u8]) -> String {
    fs::write(folder.join(EVIDENCE), bytes).unwrap();
    digests::write(folder).unwrap();
    match load(folder) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            format!("{error}{source}")
        }
    }
}

#[test]
fn evidence_that_contradicts_itself_is_refused_and_says_where() {
    type Tamper = fn(&mut Value);
    let cases: &[(&str, Tamper)] = &[
        ("nothing is wrong", |_| {}),
        ("trial 1: traffic[0].loss_over_time: lost is", |run| {
            run["trials"][0]["traffic"][0]["flows"]["told"] = json!([])
        }),
        ("trial 1: accounting.lost is 0, but the flows lost", |run| run["trials"][0]["accounting"]["lost"] = json!(0)),
        ("trial 3: accounting.unaccounted is 7", |run| run["trials"][1]["accounting"]["unaccounted"] = json!(7)),
        ("trial 3: accounting.offered is 1, but the testers offered", |run| {
            run["trials"][1]["accounting"]["offered"] = json!(1);
        }),
        ("trial 2: accounting.delivered is 1", |run| run["noise_floor"][0]["accounting"]["delivered"] = json!(1)),
        ("trial 1 is missing, but there is a trial 2", |run| drop(run["trials"].as_array_mut().unwrap().remove(0))),
        ("trial 2 is missing, but there is a trial 3", |run| run["noise_floor"] = json!([])),
        ("wanted[1].trials is 1, but the completed run holds 0 of \"sso\"", |run| {
            run["trials"].as_array_mut().unwrap().truncate(1);
        }),
        ("trial 3: mode is \"hsa\", but nobody asked for that", |run| run["trials"][1]["mode"] = json!("hsa")),
        ("trial 1 is there twice", |run| run["trials"][1]["index"] = json!(1)),
        ("trial 3 is missing, but there is a trial 4294967295", |run| run["trials"][1]["index"] = json!(u32::MAX)),
        ("flow 0 lost 4000000000 of", |run| {
            run["trials"][0]["traffic"][0]["flows"]["told"] = json!([[0, {"lost": 4_000_000_000_u32}]]);
        }),
        ("flows[0].delivered is 10, but only 5 were offered", |run| {
            let flow = json!({"offered": 5, "delivered": 10, "duplicated": 0, "reordered": 0, "late": 0, "misdelivered": 0,
                "period_count": 0, "longest": null, "timestamp_total_ns": 0, "never_recovered": false, "periods": []});
            run["trials"][0]["traffic"][0]["flows"] = json!(vec![flow; FLOWS as usize]);
        }),
        ("traffic[0].schedule.rate_milli_pps is 0", |run| {
            run["trials"][0]["traffic"][0]["schedule"]["rate_milli_pps"] = json!(0);
        }),
        ("traffic[0].schedule.flows is 0", |run| run["trials"][0]["traffic"][0]["schedule"]["flows"] = json!(0)),
        ("loss_over_time is 8640000 bins", |run| {
            run["trials"][0]["traffic"][0]["loss_over_time"] = json!([[8_640_000, 1, 1]]);
        }),
        ("more flows than a tester has", |run| {
            run["trials"][0]["traffic"][0]["flows"] = json!({"offered": [[1, 4_194_304]], "told": []});
        }),
        ("periods[0]: sent first is 10", |run| {
            run["trials"][0]["traffic"][0]["flows"]["told"] =
                json!([[0, {"lost": 1, "periods": [[0, 1, 10, 5, 3, 9, 1]]}]]);
        }),
        ("trial 3: invalid is empty", |run| run["trials"][1]["traffic"] = json!([])),
        ("trial 1: duration_ms is -5", |run| run["trials"][0]["duration_ms"] = json!(-5)),
        ("trial 3: fault is \"\", but it is one of trials", |run| run["trials"][1]["fault"] = json!("")),
        ("mode is \"../../escape\"", |run| run["trials"][1]["mode"] = json!("../../escape")),
        ("traffic has 50 flows, but the run names 51", |run| {
            let flow = run["flows"][0].clone();
            run["flows"].as_array_mut().unwrap().push(flow);
        }),
    ];
    let (folder, evidence) = stored();
    for (says, tamper) in cases {
        let mut changed = evidence.clone();
        tamper(&mut changed);
        let said = read(folder.path(), &packed(changed.to_string().as_bytes()));
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn evidence_ends_where_its_file_ends() {
    let (folder, evidence) = stored();
    let whole = packed(evidence.to_string().as_bytes());
    assert_eq!(read(folder.path(), &whole), "nothing is wrong");
    assert!(read(folder.path(), &[&whole[..], b"XXXX"].concat()).contains("goes on after its end"));
    assert!(read(folder.path(), &[&whole[..], &whole[..]].concat()).contains("goes on after its end"));
    assert!(read(folder.path(), &packed(format!("{evidence} {{}}").as_bytes())).contains("trailing characters"));
    for cut in [&whole[..whole.len() / 2], &whole[..whole.len() - 4], &packed(b"[")[..], &packed(&[b'['; 200_000])[..]]
    {
        assert!(read(folder.path(), cut).contains("is not evidence"), "{} bytes", cut.len());
    }
}

#[test]
fn what_was_changed_after_the_run_is_refused_until_its_digest_is_taken_out() {
    let (folder, _) = stored();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("events.ndjson"), "{}\n").unwrap();
    draw(folder.path(), &load(folder.path()).unwrap()).unwrap();
    fs::write(file("report.md"), "all is well").unwrap();
    let run = load(folder.path()).unwrap();
    draw(folder.path(), &run).unwrap();
    assert!(fs::read_to_string(file("report.md")).unwrap().contains("Active RP killed"), "it is drawn again");
    fs::write(file("events.ndjson"), "").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("events.ndjson is not what it was when the run ended"), "{error}");
    let list = fs::read_to_string(file("SHA256SUMS")).unwrap();
    fs::write(file("SHA256SUMS"), list.replace("events.ndjson", "report.md")).unwrap();
    load(folder.path()).unwrap();
}

#[test]
fn every_file_that_is_drawn_is_known_as_such_and_stays_inside() {
    let mut run = small();
    let report = Report::of(&run);
    for (name, _) in drawn(&run, &report).unwrap() {
        assert!(is_drawn(&name) && is_inside(&name), "{name}");
    }
    for measured in ["evidence.json.gz", "events.ndjson", "soak.csv", "journal.json", "logs/A.log", "experiment.yml"] {
        assert!(!is_drawn(measured), "{measured}");
    }
    for outside in ["", "..", "../x", "/etc/passwd", "plots/../../x", "./x/.."] {
        assert!(!is_inside(outside), "{outside}");
    }
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("run");
    run.trials[1].mode = "../../escape".to_owned();
    assert!(matches!(draw(&inner, &run), Err(StoreError::Name(_))));
    let outside: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["run"]);
}

/// Every number, word and list of the evidence replaced by what it must not be: what is accepted is drawn, what is not is
/// refused, and nothing stops the program.
#[test]
fn nothing_that_evidence_can_contain_stops_the_program() {
    let evidence = serde_json::to_value(small()).unwrap();
    let mut paths = Vec::new();
    leaves(&evidence, String::new(), &mut paths);
    let (mut accepted, mut refused) = (0, 0);
    for path in paths {
        for value in [json!(0), json!(-1), json!(u64::MAX), json!(1e300), json!("\u{1b}[2J"), json!([])] {
            let mut changed = evidence.clone();
            *changed.pointer_mut(&path).unwrap() = value;
            let Ok(run) = serde_json::from_value::<RunRecord>(changed) else { continue };
            if audit::contradictions(&run).is_empty() {
                drawn(&run, &Report::of(&run)).unwrap();
                accepted += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(accepted > 50 && refused > 50, "{accepted} accepted, {refused} refused");
}

/// Pointers to everything in `value`; of a list, to its first.
fn leaves(value: &Value, at: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            // RFC 6901 §3.
            let name = name.replace('~', "~0").replace('/', "~1");
            leaves(value, format!("{at}/{name}"), paths);
        }),
        Value::Array(items) => {
            items.iter().take(1).for_each(|value| leaves(value, format!("{at}/0"), paths));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    paths.push(at);
}

#[test]
fn text_of_others_steers_no_terminal_and_is_no_markup() {
    let mut run = small();
    run.title =
        "<script>alert(1)</script> [x](http://evil.example) ![i](http://evil.example/i.png) @all #1 www.evil.example \
                 a&lt;b $x$ \u{1b}[31m\u{7}\u{202e}"
            .to_owned();
    run.trials[0].fault = "kill \u{1b}]0;pass\u{7}".to_owned();
    run.trials[0].failures.push(Failure::Invariant { detail: "\u{1b}[2J# fine\n# pass".to_owned() });
    let report = Report::of(&run);
    for text in [terminal(&report, false), compare(&run, &small(), 5.0).text(false)] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}'));
    }
    let (page, standards) = (markdown::page(&run, &report), markdown::standards(&run, &report));
    let title = page.lines().next().unwrap();
    assert_eq!(
        title.replace('\u{200b}', "·"),
        "# \\<script\\>alert(1)\\</script\\> \\[x\\](http:·//evil.example) \\!\\[i\\](http:·//evil.example/i.png) \\@·all \\#·1 \
         www.·evil.example a\\&lt;b \\$x\\$ \u{fffd}\\[31m\u{fffd}\u{fffd}"
    );
    for page in [page, standards] {
        for alive in ["http://", "www.evil", "@all", "\u{1b}", "\n# fine", "\n# pass", "<script"] {
            assert!(!page.replace("\\<script", "").contains(alive), "{alive:?} in {page}");
        }
    }
}

#[test]
fn a_run_of_the_first_release_is_still_read_and_drawn() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/run-0.1");
    let run = load(&old).unwrap();
    assert_eq!((run.trials.len(), run.noise_floor.len()), (3, 2));
    let lost: Vec<u64> = run.trials.iter().map(|trial| trial.accounting.lost).collect();
    let seen: Vec<u64> = run.trials.iter().map(|trial| trial.traffic.iter().map(|of| of.lost()).sum()).collect();
    assert_eq!(lost, seen, "flows and bins are read as they were written");
    assert_eq!(run.thresholds["sso"], at_most(Quantity::Lost, 0.0).and(Quantity::Unaccounted, Statistic::Worst, 0.0));
    let delays = tables::delays(&Report::of(&run));
    assert!(
        delays.rows.iter().all(|row| row[1..].iter().all(|cell| cell == "–")),
        "it measured none: {:?}",
        delays.rows
    );
    let store = tempfile::tempdir().unwrap();
    let first = render(store.path(), &run).unwrap();
    let kept = fs::metadata(store.path().join(EVIDENCE)).unwrap().len();
    let before = fs::metadata(old.join("evidence.json")).unwrap().len();
    assert!(kept * 5 < before, "{kept} of {before} bytes");
    assert_eq!(load(store.path()).unwrap(), run, "and nothing of it is lost in today's format");
    assert_eq!(draw(store.path(), &load(store.path()).unwrap()).unwrap(), first);
}
