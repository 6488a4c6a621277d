use super::*;

#[test]
fn a_log_begins_as_readers_expect() {
    let histogram = of([1_000_000, 2_000_000]);
    let interval = Interval {
        tag: "sso",
        start: Duration::from_secs(1_700_000_001),
        length: Duration::from_secs(3),
        histogram: &histogram,
    };
    let log = hlog(Duration::from_secs(1_700_000_000), 1e6, &[interval]).expect("a good log");
    let text = String::from_utf8(log).expect("it is text");
    assert!(text.starts_with("#[Histogram log format version 1.3]\n"), "{text}");
    assert!(text.contains("#[StartTime: 1700000000.000"), "{text}");
    let line = text.lines().find(|line| !line.starts_with('#')).expect("an interval");
    let fields: Vec<&str> = line.split(',').collect();
    assert_eq!(fields[0], "Tag=sso");
    assert!(fields[4].starts_with("HISTFAAAA"), "V2, deflated: {line}");
}

#[test]
fn a_tag_that_breaks_the_line_is_refused() {
    let histogram = empty();
    let interval = Interval { tag: "a,b", start: Duration::ZERO, length: Duration::ZERO, histogram: &histogram };
    assert!(matches!(hlog(Duration::ZERO, 1e6, &[interval]), Err(LogError::Tag(_))));
}

#[test]
fn every_line_of_a_distribution_has_four_columns() {
    let text = hgrm(&of((1..=1000).map(|ms| ms * 1_000_000)), 1e6);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("       Value   Percentile   TotalCount 1/(1-Percentile)"));
    let rows: Vec<Vec<&str>> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(rows.len() > 10);
    assert!(rows.iter().all(|row| row.len() == 4));
    let last = rows.last().expect("a last row");
    assert_eq!((last[1], last[2], last[3]), ("1.000000", "1000", "inf"));
    assert!(text.contains("#[Buckets =           32, SubBuckets     =         2048]"), "{text}");
}

#[test]
fn an_empty_distribution_is_written_too() {
    assert!(hgrm(&empty(), 1e6).contains("Total count    =            0]"));
}

#[test]
fn a_sketch_keeps_what_the_histogram_holds() {
    let histogram = of([0, 1, 5, 5, 1_000_000, 123_456_789, 3_000_000_000]);
    let sketch = Sketch::from(&histogram);
    let again: Histogram<u64> = (&sketch).into();
    assert_eq!(again, histogram);
}

#[test]
fn a_coarse_sketch_keeps_every_value_to_two_digits_in_a_fraction_of_the_buckets() {
    let fine = of((0..50_000).map(|value| 1_000 + value * 37));
    let (all, coarse) = (Sketch::from(&fine), Sketch::coarse(&fine));
    assert!(coarse.0.len() * 5 < all.0.len(), "{} of {}", coarse.0.len(), all.0.len());
    assert_eq!(coarse.0.iter().map(|(_, count)| count).sum::<u64>(), 50_000);
    let (exact, rough) = (fine.value_at_quantile(0.99) as f64, Histogram::from(&coarse).value_at_quantile(0.99) as f64);
    assert!((rough / exact - 1.0).abs() < 0.02, "{rough} for {exact}");
}
