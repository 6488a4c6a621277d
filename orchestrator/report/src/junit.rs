//! `junit.xml`: one test case a mode and fault, and one for a run that was cut short; inconclusive is an error, not a
//! failure.

use super::{Report, format, format::escape};
use measure::verdict::Verdict;
use std::fmt::Write;

/// The report as a test suite.
pub(super) fn suite(report: &Report) -> String {
    let mut cases: Vec<(String, Verdict, &[String])> = report
        .cells
        .iter()
        .map(|cell| (format!("{}: {}", format::mode_label(&cell.mode), cell.fault), cell.verdict, &cell.reasons[..]))
        .collect();
    if !report.reasons.is_empty() {
        cases.push(("the run".to_owned(), Verdict::Inconclusive, &report.reasons));
    }
    let of = |verdict| cases.iter().filter(|(_, other, _)| *other == verdict).count();
    let title = escape(&report.title);
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        cases.len(),
        of(Verdict::Fail),
        of(Verdict::Inconclusive)
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"swact\" {counts}>");
    let _ =
        writeln!(out, "  <testsuite name=\"{title}\" timestamp=\"{}\" {counts}>", report.started.trim_end_matches('Z'));
    for (name, verdict, reasons) in &cases {
        let name = escape(name);
        let _ = write!(out, "    <testcase classname=\"{}\" name=\"{name}\"", escape(&report.topology.name));
        let element = match verdict {
            Verdict::Pass => {
                out.push_str("/>\n");
                continue;
            }
            Verdict::Fail => "failure",
            Verdict::Inconclusive => "error",
        };
        let message = escape(reasons.first().map_or("", String::as_str));
        let reasons = escape(&reasons.join("\n"));
        let _ = writeln!(out, ">\n      <{element} message=\"{message}\" type=\"{verdict}\">{reasons}</{element}>");
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}
