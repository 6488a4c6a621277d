//! `junit.xml`: one test case a mode and fault; inconclusive is an error, not a failure.

use super::{Report, format, format::escape};
use measure::verdict::Verdict;
use std::fmt::Write;

/// The report as a test suite.
pub(super) fn suite(report: &Report) -> String {
    let of = |verdict| report.cells.iter().filter(|cell| cell.verdict == verdict).count();
    let title = escape(&report.title);
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        report.cells.len(),
        of(Verdict::Fail),
        of(Verdict::Inconclusive)
    );
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"swact\" {counts}>");
    let _ =
        writeln!(out, "  <testsuite name=\"{title}\" timestamp=\"{}\" {counts}>", report.started.trim_end_matches('Z'));
    for cell in &report.cells {
        let name = escape(&format!("{}: {}", format::mode_label(&cell.mode), cell.fault));
        let _ = write!(out, "    <testcase classname=\"{}\" name=\"{name}\"", escape(&report.topology.name));
        let element = match cell.verdict {
            Verdict::Pass => {
                out.push_str("/>\n");
                continue;
            }
            Verdict::Fail => "failure",
            Verdict::Inconclusive => "error",
        };
        let message = escape(cell.reasons.first().map_or("", String::as_str));
        let reasons = escape(&cell.reasons.join("\n"));
        let _ =
            writeln!(out, ">\n      <{element} message=\"{message}\" type=\"{}\">{reasons}</{element}>", cell.verdict);
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}
