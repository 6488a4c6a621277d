use super::*;
use crate::trial::{Failure, Invalid};

fn trial() -> TrialRecord {
    TrialRecord { index: 3, mode: "sso".to_owned(), ..TrialRecord::default() }
}

fn no_loss() -> Limits {
    Limits::default().and(Quantity::Lost, Statistic::Worst, 0.0)
}

fn verdict(trials: &[TrialRecord], limits: &Limits) -> Verdict {
    judge(trials, None, limits).verdict
}

#[test]
fn a_limit_holds_for_every_trial() {
    let mut lossy = trial();
    lossy.accounting.lost = 1;
    let limits = no_loss();
    assert_eq!(verdict(&[trial(), trial()], &limits), Verdict::Pass);
    let judged = judge(&[trial(), lossy.clone()], None, &limits);
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(judged.reasons, ["trial 3: lost packets 1 > 0"]);
    assert_eq!(verdict(&[lossy], &Limits::default()), Verdict::Pass, "what is not limited does not fail");
}

#[test]
fn what_was_not_measured_proves_nothing() {
    let limits = Limits::default().and(Quantity::Redundant, Statistic::Worst, 100.0);
    assert_eq!(verdict(&[trial()], &limits), Verdict::Inconclusive);
    assert_eq!(verdict(&[], &Limits::default()), Verdict::Inconclusive);
}

#[test]
fn an_invalid_trial_is_inconclusive_but_hides_no_failure() {
    let mut invalid = trial();
    invalid.invalid.push(Invalid::Interrupted);
    invalid.accounting.lost = 9;
    let limits = no_loss();
    assert_eq!(verdict(std::slice::from_ref(&invalid), &limits), Verdict::Inconclusive);
    invalid.failures.push(Failure::NeverRecovered { flows: 2 });
    assert_eq!(verdict(&[trial(), invalid], &limits), Verdict::Fail);
}

#[test]
fn what_was_asked_for_and_not_held_is_no_pass() {
    let held = [trial(), trial()];
    assert_eq!(judge(&held, Some(2), &no_loss()).verdict, Verdict::Pass);
    let judged = judge(&held, Some(8), &no_loss());
    assert_eq!((judged.verdict, judged.reasons), (Verdict::Inconclusive, vec!["2 of 8 trials held".to_owned()]));
    let judged = judge(&[], Some(4), &no_loss());
    assert_eq!((judged.verdict, judged.reasons), (Verdict::Inconclusive, vec!["0 of 4 trials held".to_owned()]));
}

#[test]
fn only_a_trial_that_the_machine_spoilt_can_be_held_again() {
    let mut late = trial();
    late.invalid.push(Invalid::GeneratorLate { skipped: 0, late_p99_ns: 20_000_000, held_back: 0 });
    assert_eq!(judge(&[late.clone(), trial()], Some(2), &no_loss()).verdict, Verdict::Inconclusive);
    assert_eq!(judge(&[late.clone(), trial(), trial()], Some(2), &no_loss()), Judgement::default());
    let unwanted = judge(&[late.clone(), trial(), trial()], None, &no_loss());
    assert_eq!(unwanted.verdict, Verdict::Inconclusive, "nobody says so");
    late.accounting.lost = 9;
    let lossy = judge(&[late, trial(), trial()], Some(2), &no_loss());
    assert_eq!(lossy.verdict, Verdict::Inconclusive, "that packets left late does not explain that some were lost");
    assert_eq!(lossy.reasons[0], "trial 3, which is invalid: lost packets 9 > 0");
    let mut forbidden = trial();
    forbidden.invalid.push(Invalid::GeneratorLate { skipped: 0, late_p99_ns: 20_000_000, held_back: 0 });
    forbidden.invalid.push(Invalid::Unexplained { detail: "a switchover, where there must be none".to_owned() });
    assert!(!forbidden.is_spoilt());
    assert_eq!(judge(&[forbidden, trial(), trial()], Some(2), &Limits::default()).verdict, Verdict::Inconclusive);
    let mut gap = trial();
    gap.invalid.push(Invalid::Unaccounted { packets: 1 });
    assert_eq!(judge(&[gap, trial(), trial()], Some(2), &no_loss()).verdict, Verdict::Inconclusive);
}

#[test]
fn the_noise_floor_is_judged_by_all_but_limits() {
    let mut lossy = trial();
    lossy.accounting.lost = 9;
    assert_eq!(judge_noise_floor(&[lossy.clone()], Some(1)), Judgement::default());
    assert_eq!(judge_noise_floor(&[lossy.clone()], Some(2)).reasons, ["1 of 2 trials without a fault held"]);
    lossy.failures.push(Failure::Invariant { detail: "pe1/B without a fault: switchover".to_owned() });
    let judged = judge_noise_floor(std::slice::from_ref(&lossy), None);
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(judged.reasons, ["trial 3 without a fault: pe1/B without a fault: switchover"]);
    let mut invalid = trial();
    invalid.invalid.push(Invalid::Interrupted);
    let judged = judge_noise_floor(&[invalid], Some(1));
    assert_eq!(judged.reasons, ["trial 3 without a fault is invalid: interrupted"]);
    assert_eq!(judged.verdict, Verdict::Inconclusive);
}

#[test]
fn traffic_that_never_came_back_fails_without_any_limit() {
    let mut dead = trial();
    dead.failures.push(Failure::NeverRecovered { flows: 2 });
    assert_eq!(verdict(&[dead], &Limits::default()), Verdict::Fail);
}

/// Trials whose longest outage is 1 to `n` ms.
fn trials(n: u32) -> Vec<TrialRecord> {
    (1..=n)
        .map(|index| {
            let mut trial = TrialRecord { index, ..trial() };
            trial.switchover.detect = Some(f64::from(index));
            trial
        })
        .collect()
}

#[test]
fn a_percentile_is_judged_over_trials_and_only_where_there_are_enough() {
    let p90 = |most| Limits::default().and(Quantity::Detect, Statistic::P90, most);
    assert_eq!(verdict(&trials(10), &p90(9.0)), Verdict::Pass, "the tenth trial alone does not count");
    let judged = judge(&trials(10), None, &p90(8.0));
    assert_eq!(judged.verdict, Verdict::Fail);
    assert_eq!(judged.reasons, ["90th percentile of detect ms over 10 trials 9 > 8"]);
    let judged = judge(&trials(9), None, &p90(100.0));
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert_eq!(judged.reasons, ["90th percentile of detect ms: needs 10 valid trials, there are 9"]);
    let median = Limits::default().and(Quantity::Detect, Statistic::Median, 5.0);
    assert_eq!((verdict(&trials(9), &median), verdict(&trials(10), &median)), (Verdict::Pass, Verdict::Fail));
}

#[test]
fn a_statistic_over_some_trials_is_not_one_over_all() {
    let mut some = trials(10);
    some[4].switchover.detect = None;
    let limits = Limits::default().and(Quantity::Detect, Statistic::Median, 100.0);
    assert_eq!(judge(&some, None, &limits).reasons, ["median of detect ms: not measured in 1 of 10 trials"]);
    assert_eq!(verdict(&some, &limits), Verdict::Inconclusive);
}

#[test]
fn limits_are_read_in_both_spellings_and_written_in_one() {
    let read = |json: &str| serde_json::from_str::<Limits>(json);
    let limits = read(r#"{"lost": 0, "outage_ms_p90": 500, "redundant-ms-median": 2.5}"#).unwrap();
    assert_eq!(limits, read(r#"{"lost": 0, "outage-ms-p90": 500, "redundant_ms_median": 2.5}"#).unwrap());
    let written = serde_json::to_string(&limits).unwrap();
    assert_eq!(written, r#"{"lost":0.0,"outage-ms-p90":500.0,"redundant-ms-median":2.5}"#);
    assert_eq!(read(&written).unwrap(), limits);
    for (bad, says) in [
        (r#"{"outage_p90": 1}"#, "there is no threshold 'outage_p90'"),
        (r#"{"lost": -1}"#, "is no limit"),
        (r#"{"outage_ms": 1, "outage-ms": 2}"#, "limited twice"),
    ] {
        assert!(read(bad).unwrap_err().to_string().contains(says), "{bad}");
    }
}

#[test]
fn standing_still_can_be_limited_and_old_evidence_proves_nothing_about_it() {
    let mut frozen = crate::trial::tests::trial(0..0, 0);
    frozen.traffic[0].flows[0].delay =
        Some(crate::FlowDelay { gap_ns: 500_000_000, latency_max_ns: Some(499_000_000), impaired: 400 });
    let at_most = |quantity, most| Limits::default().and(quantity, Statistic::Worst, most);
    for (quantity, shown) in [(Quantity::ArrivalGap, 500.0), (Quantity::LatencyMax, 499.0), (Quantity::Impaired, 400.0)]
    {
        let name = quantity.name();
        assert_eq!(verdict(std::slice::from_ref(&frozen), &at_most(quantity, shown)), Verdict::Pass, "{name}");
        assert_eq!(verdict(std::slice::from_ref(&frozen), &at_most(quantity, shown - 1.0)), Verdict::Fail, "{name}");
    }
    frozen.traffic[0].flows[0].delay = None;
    let old = judge(std::slice::from_ref(&frozen), None, &at_most(Quantity::ArrivalGap, 50.0));
    assert_eq!(
        (old.verdict, old.reasons),
        (Verdict::Inconclusive, vec!["trial 1: arrival gap ms was not measured".to_owned()])
    );
}
