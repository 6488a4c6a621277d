//! Two runs side by side.

use super::*;

#[test]
fn two_runs_are_compared_and_a_regression_is_told_from_chance() {
    let slower = changed("sso", |trial| trial.switchover.detect = trial.switchover.detect.map(|ms| ms + 100.0));
    let same = compare(&run(), &run(), 5.0);
    assert_eq!((same.change, same.cells.len(), same.conditions.len()), (Change::Unchanged, 5, 0));
    let worse = compare(&run(), &slower, 5.0);
    assert_eq!(worse.change, Change::Worse);
    let sso = worse.cells.iter().find(|cell| cell.mode == "sso").unwrap();
    let detect = sso.quantities.iter().find(|of| of.quantity == "detect-ms").unwrap();
    assert_eq!(detect.change, Change::Worse);
    assert!((30.0..36.0).contains(&detect.percent.unwrap()), "{detect:?}");
    assert_eq!(compare(&slower, &run(), 5.0).change, Change::Improved);
    assert_eq!(compare(&run(), &slower, 50.0).change, Change::Unchanged, "within the tolerance");
    for line in worse.text(false).lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(worse.text(false).contains("+33"), "{}", worse.text(false));
}

#[test]
fn what_too_few_trials_show_is_no_proof() {
    let mut few = run();
    few.trials.truncate(10);
    assert_eq!(compare(&few, &few, 5.0).change, Change::Undecided);
    let nothing = compare(&run(), &RunRecord::default(), 5.0);
    assert_eq!(nothing.change, Change::Undecided);
    assert!(nothing.text(false).contains("no mode and fault in common"));
}

#[test]
fn what_vanished_from_the_later_run_is_named_and_undecided() {
    let whole = run();
    let without = |change: fn(&mut RunRecord)| {
        let mut run = whole.clone();
        change(&mut run);
        compare(&whole, &run, 5.0)
    };
    type Lose = fn(&mut RunRecord);
    let cases: [(Lose, &str); 4] = [
        (|run| run.trials.retain(|trial| trial.mode != "rpr"), "RPR"),
        (|run| run.flows.iter_mut().for_each(|flow| flow.egress = "2/2".to_owned()), "traffic 1/1 → 2/1"),
        (|run| run.trials.iter_mut().for_each(|trial| trial.switchover.redundant = None), "SSO, redundant-ms"),
        (
            |run| {
                let sso = run.trials.iter_mut().filter(|trial| trial.mode == "sso");
                sso.for_each(|trial| trial.invalid.push(Invalid::Interrupted));
            },
            "SSO, valid trials",
        ),
    ];
    for (change, named) in cases {
        let compared = without(change);
        assert_eq!(compared.change, Change::Undecided, "{named}");
        let line = format!("{named}: only in the earlier run");
        assert!(compared.only_in_one.contains(&line), "{named}: {:?}", compared.only_in_one);
        assert!(compared.text(false).contains(&line) && compared.text(false).contains("undecided"));
    }
    // What is new takes nothing away; what is worse is worse all the same.
    let mut fewer = run();
    fewer.trials.retain(|trial| trial.mode != "rpr");
    assert_eq!(compare(&fewer, &run(), 5.0).change, Change::Unchanged);
    fewer.trials.iter_mut().find(|trial| trial.mode == "sso").unwrap().accounting.lost = 1;
    assert_eq!(compare(&run(), &fewer, 5.0).change, Change::Worse);
}

#[test]
fn a_verdict_that_is_no_pass_any_more_is_worse_whatever_the_medians() {
    let mut lossy = run();
    let one = lossy.trials.iter_mut().find(|trial| trial.mode == "sso").unwrap();
    one.accounting.lost = 1;
    let comparison = compare(&run(), &lossy, 5.0);
    let sso = comparison.cells.iter().find(|cell| cell.mode == "sso").unwrap();
    assert_eq!((sso.verdict_change, comparison.change), (Change::Worse, Change::Worse));
}
