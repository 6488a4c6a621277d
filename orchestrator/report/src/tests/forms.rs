//! What each form of the report shows.

use super::*;

#[test]
fn the_markdown_says_what_was_done() {
    let run = run();
    let page = markdown::page(&run, &Report::of(&run));
    assert!(page.contains("\nFault: kill pe1/active-rp; software upgrade\n\n|"), "{}", &page[..400]);
}

#[test]
fn everything_is_written_and_the_report_can_be_made_again() {
    let store = tempfile::tempdir().unwrap();
    let run = run();
    let first = render(store.path(), &run).unwrap();
    let again = Report::of(&load(store.path()).unwrap());
    assert_eq!(again, first);
    let files = [
        "evidence.json.gz",
        "SHA256SUMS",
        "flows.csv",
        "loss-periods.csv",
        "standards.md",
        "report.json",
        "trials.csv",
        "report.md",
        "junit.xml",
        "report.html",
        "loss.hlog",
        "outage.hlog",
        "latency.hlog",
        "arrival-gap.hlog",
        "hsa.hgrm",
        "sso.hgrm",
        "sso.latency.hgrm",
        "plots/latency-histogram.svg",
        "plots/outage-ecdf.svg",
        "plots/outage-histogram.svg",
        "plots/outage-percentiles.svg",
        "plots/flows.svg",
        "plots/chassis.svg",
        "plots/trials.svg",
        "plots/loss-sso.svg",
    ];
    for file in files {
        assert!(fs::metadata(store.path().join(file)).unwrap().len() > 100, "{file}");
    }
    // For a look with one's own eyes: SWACT_REPORT_SAMPLE=DIR keeps the files.
    if let Some(directory) = std::env::var_os("SWACT_REPORT_SAMPLE") {
        render(Path::new(&directory), &run).unwrap();
    }
}

#[test]
fn the_terminal_table_fits_and_keeps_to_its_colours() {
    let report = Report::of(&run());
    let plain = terminal(&report, false);
    assert!(!plain.contains('\u{1b}'), "no colour when none is wanted");
    assert!(terminal(&report, true).contains('\u{1b}'));
    for line in plain.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    for words in
        ["RPR+", "noise floor", "no packet lost without a fault", "exact in all 40 trials", "resolution   10 ms"]
    {
        assert!(plain.contains(words), "{words} is missing in\n{plain}");
    }
}

#[test]
fn what_was_not_measured_is_a_dash_and_never_a_zero() {
    let mut run = run();
    run.noise_floor.clear();
    for trial in &mut run.trials {
        trial.switchover = Phases { detect: Some(300.0), ..Phases::default() };
        trial.fsu = None;
    }
    let report = Report::of(&run);
    let plain = terminal(&report, false);
    let row = plain.lines().skip_while(|line| !line.contains("took over")).find(|line| line.contains("SSO")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["SSO", "300", "–", "–", "–", "–", "–"]);
    assert!(plain.contains("noise floor  –"), "{plain}");
    assert!(report.cells.iter().all(|cell| cell.fsu.is_none()));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_trusts_no_text() {
    let mut run = run();
    run.title = "<script>alert(1)</script>".to_owned();
    let report = Report::of(&run);
    let page = html::page(&run, &report, &plots::all(&run, &report));
    for forbidden in ["https://", "<script>alert", "src=", "@import", "url(", "fetch(", "<link"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let addresses = page.replace("http://www.w3.org/2000/svg", "").matches("http://").count();
    assert_eq!(addresses, 0, "but for the name of SVG");
    assert!(page.contains("default-src 'none'"), "nor could it fetch anything");
    assert!(page.contains("&lt;switchover&gt; &amp; epoch 2B"));
    assert!(page.find("class=\"badge").unwrap() < page.find("<svg").unwrap(), "the verdict comes first");
    for plot in plots::all(&run, &report) {
        assert!(!plot.standalone().contains("NaN"), "{}", plot.name);
    }
}

#[test]
fn a_missed_limit_a_dead_flow_and_an_invalid_trial_reach_every_form() {
    let mut run = run();
    run.thresholds.insert("rpr".to_owned(), at_most(Quantity::Lost, 10.0));
    let of_mode = |run: &mut RunRecord, mode: &str| run.trials.iter().position(|trial| trial.mode == mode).unwrap();
    let (hsa, sso) = (of_mode(&mut run, "hsa"), of_mode(&mut run, "sso"));
    run.trials[hsa].failures.push(Failure::NeverRecovered { flows: 3 });
    run.trials[sso].invalid.push(Invalid::Unaccounted { packets: -2 });
    run.trials[sso].accounting.unaccounted = -2;
    let report = Report::of(&run);
    let verdicts: Vec<Verdict> = report.cells.iter().map(|cell| cell.verdict).collect();
    use Verdict::{Fail, Inconclusive, Pass};
    assert_eq!(verdicts, [Fail, Fail, Pass, Inconclusive, Pass]);
    assert_eq!(report.verdict, Fail);
    let sso = &report.cells[3];
    assert_eq!((sso.invalid_trials, sso.packets.unaccounted, sso.lost_per_trial.n), (1, 2, 7));
    let plain = terminal(&report, false);
    for words in ["exact in 39 of 40 trials", "traffic of 3 flows never came back", "8 (1 invalid)"] {
        assert!(plain.contains(words), "{words} is missing in\n{plain}");
    }
    let xml = junit::suite(&report);
    assert!(xml.contains("tests=\"5\" failures=\"2\" errors=\"1\""), "{xml}");
    assert!(xml.contains("lost packets"), "{xml}");
    assert!(markdown::page(&run, &report).contains("never came back"));
    assert!(csv::trials(&run).contains("traffic of 3 flows never came back"));
}

#[test]
fn what_a_platform_profile_touches_is_marked_as_modelled_everywhere() {
    let mut run = run();
    for trial in run.trials.iter_mut().filter(|trial| trial.mode == "hsa") {
        trial.modelled = true;
    }
    let report = Report::of(&run);
    assert!(report.cells[0].modelled && !report.cells[1].modelled);
    let text = terminal(&report, false);
    assert_eq!(text.matches("HSA (modelled)").count(), 3, "{text}");
    for plot in plots::all(&run, &report).iter().filter(|plot| plot.name != "loss-sso") {
        let others = plot.name == "chassis-2" || plot.name.starts_with("loss-") && plot.name != "loss-hsa";
        let about_hsa = !others;
        assert_eq!(plot.inline().contains("HSA (modelled)"), about_hsa, "{}", plot.name);
    }
}

#[test]
fn every_line_of_the_csv_has_every_column() {
    let csv = csv::trials(&run());
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(csv.lines().count(), 42);
    for line in csv.lines() {
        assert_eq!(line.split(',').count(), columns, "{line}");
    }
}

#[test]
fn the_standards_have_their_pages() {
    let run = run();
    let report = Report::of(&run);
    let pages = markdown::standards(&run, &report);
    for words in [
        "## RFC 6201: device reset",
        "RP switchover of a multiple-RP device (§4.1.1.2)",
        "| default (no switchover configured) |",
        "minimises frame loss",
        "no loss",
        "12 Other",
        "| traffic is forwarded at least 15 s before the reset | 1 s | no |",
        "## RFC 7654: software upgrade",
        "T4 = T1 + T2 + T3",
        "## RFC 3357: loss periods",
        "Inter-Loss-Period-Lengths",
    ] {
        assert!(pages.contains(words), "{words} is missing in\n{pages}");
    }
}

#[test]
fn a_table_that_churned_is_said_to_have_and_no_other() {
    let still = run();
    let mut moved = run();
    moved.topology.churn = "1% of the table of pe1 a minute".to_owned();
    let pages = |run: &RunRecord| {
        let report = Report::of(run);
        (markdown::standards(run, &report), tables::environment(&report).rows, compare(&still, run, 5.0).conditions)
    };
    let (standards, environment, conditions) = pages(&still);
    assert!(standards.contains("| Prefixes flapped (optional, §5.5) | none |"), "{standards}");
    assert!(!environment.iter().any(|row| row[0] == "churn"), "{environment:?}");
    assert_eq!(conditions, Vec::<String>::new());
    let (standards, environment, conditions) = pages(&moved);
    assert!(
        standards.contains("| Prefixes flapped (optional, §5.5) | 1% of the table of pe1 a minute |"),
        "{standards}"
    );
    assert!(environment.contains(&vec!["churn".to_owned(), moved.topology.churn.clone()]), "{environment:?}");
    assert_eq!(conditions, ["churn: none → 1% of the table of pe1 a minute"]);
}

#[test]
fn cards_and_tester_are_reconciled_to_the_packet() {
    let run = run();
    let report = Report::of(&run);
    let table = tables::reconciliation(&report).unwrap();
    let left: Vec<&String> = table.rows.iter().filter(|row| row[1] == "difference").map(|row| &row[3]).collect();
    assert_eq!(left, ["0"; 5]);
    let mut run = run;
    let dropped = run.trials[0].drops_by_card.get_mut("pe1/1").unwrap();
    *dropped.entry("lc_resetting".to_owned()).or_default() += 3;
    let table = tables::reconciliation(&Report::of(&run)).unwrap();
    assert_eq!(table.rows.iter().filter(|row| row[1] == "difference" && row[3] == "-3").count(), 1);
}

#[test]
fn every_loss_period_has_its_edges_in_the_csv() {
    let run = run();
    let periods = csv::loss_periods(&run);
    let columns = periods.lines().next().unwrap().split(',').count();
    let listed: usize =
        run.trials.iter().flat_map(|t| &t.traffic).flat_map(|t| &t.flows).map(|f| f.periods.len()).sum();
    assert!(listed > 100);
    assert_eq!(periods.lines().count(), listed + 1);
    assert!(periods.lines().all(|line| line.split(',').count() == columns));
    let flows = csv::flows(&run);
    let lossy: usize =
        run.trials.iter().flat_map(|t| &t.traffic).flat_map(|t| &t.flows).filter(|f| f.lost() > 0).count();
    assert_eq!(flows.lines().count(), lossy + 1);
    assert!(flows.contains("2001:db8:"), "{}", &flows[..400]);
}

#[test]
fn the_markdown_fits_a_comment_whatever_the_run() {
    let mut run = run();
    let trial = run.trials[0].clone();
    for index in 0..400 {
        let mut more = TrialRecord { index: 100 + index, ..trial.clone() };
        more.invalid.push(Invalid::NoSteadyState { waited_for: "x".repeat(300) });
        run.trials.push(more);
    }
    let page = markdown::page(&run, &Report::of(&run));
    assert!(page.len() < 65_536, "{}", page.len());
    assert!(page.contains("Too long for a comment"));
}

#[test]
fn two_faults_of_one_mode_are_two_cells_with_names_of_their_own() {
    let mut run = run();
    for trial in run.trials.iter_mut().filter(|trial| trial.mode == "sso").take(3) {
        trial.fault = "force-switchover pe1/active-rp".to_owned();
    }
    let report = Report::of(&run);
    assert_eq!(report.cells.len(), 6);
    let text = terminal(&report, false);
    assert!(text.contains("SSO, kill"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let mut names: Vec<String> = plots::all(&run, &report).iter().map(|plot| plot.name.clone()).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "every picture has a file of its own");
}

#[test]
fn flows_of_two_tables_stand_apart() {
    let mut run = run();
    for (flow, path) in run.flows.iter_mut().enumerate() {
        path.vrf = Some(if flow % 2 == 0 { "red" } else { "a-customer-with-a-long-name" }.to_owned());
    }
    let plots = plots::all(&run, &Report::of(&run));
    let flows = plots.iter().find(|plot| plot.name == "flows").unwrap();
    let names: std::collections::BTreeSet<&str> = flows.data[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["a-customer-with-a-long-name: LC 1 → LC 2", "red: LC 1 → LC 2"].into());
    assert!(flows.inline().contains(">…-long-name: LC 1 → LC 2<"), "its end fits");
    let csv = csv::flows(&run);
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().ends_with(",vrf"));
    assert!(lines.all(|line| line.ends_with(",red") || line.ends_with(",a-customer-with-a-long-name")));
}
