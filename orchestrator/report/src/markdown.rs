//! `report.md`: for a pull request or a step summary.

use super::{
    Report, RunRecord, accuracy, format, standards,
    tables::{self, TableData},
};
use notation::text::line;
use std::fmt::Write;

/// Most characters that a comment on a pull request takes.
const COMMENT_MAX: usize = 65_536;
/// Reasons in full; the others are counted.
const REASONS_MAX: usize = 20;

/// The page: verdicts and facts in sight, everything else folded, short enough for a comment.
pub(super) fn page(run: &RunRecord, report: &Report) -> String {
    let mut out = format!("# {}\n\n**{}**", plain(&report.title), report.verdict);
    let took = format::duration(run.finished_unix_ms.saturating_sub(run.started_unix_ms));
    let _ = writeln!(out, ": {} trials in {took}, {}\n", report.trials, report.started);
    let _ = writeln!(out, "Fault: {}\n", plain(&tables::faults(report)));
    out.push_str(&table(&tables::outages(report)));
    for (name, value) in tables::facts(report) {
        let _ = writeln!(out, "- {name}: {}", plain(&value));
    }
    let reasons = tables::reasons(report);
    if !reasons.is_empty() {
        out.push_str("\n## Why it is not a pass\n\n");
        for reason in reasons.iter().take(REASONS_MAX) {
            let _ = writeln!(out, "- {}", plain(reason));
        }
        if reasons.len() > REASONS_MAX {
            let _ = writeln!(out, "- and {} more in report.json", reasons.len() - REASONS_MAX);
        }
    }
    let switchover = [
        tables::switchovers(report),
        tables::upgrades(report),
        tables::upgrade_steps(report),
        accuracy::table(&report.known_outages),
    ]
    .into_iter()
    .flatten();
    let always =
        [tables::delays(report), tables::methods(report), tables::distributions(report), tables::accounting(report)];
    let optional = [tables::reconciliation(report), tables::comparisons(report), tables::invalid(run, report)];
    let all = switchover.chain(always).chain(optional.into_iter().flatten()).chain([tables::environment(report)]);
    let mut left_out = Vec::new();
    for data in all {
        let note = if data.note.is_empty() { String::new() } else { format!("{}\n\n", plain(&data.note)) };
        let folded = fold(&data.title, &format!("{note}{}", table(&data)));
        if out.len() + folded.len() > COMMENT_MAX - 4_096 {
            left_out.push(data.title);
        } else {
            out.push_str(&folded);
        }
    }
    if !left_out.is_empty() {
        let _ = writeln!(out, "\nToo long for a comment, in report.html: {}.", left_out.join(", "));
    }
    for (title, lines) in [("How it was measured", &tables::METHOD[..]), ("What this does not say", &tables::LIMITS)] {
        let lines: String = lines.iter().map(|line| format!("- {line}\n")).collect();
        out.push_str(&fold(title, &lines));
    }
    out
}

/// A section that opens on demand, as GitHub and GitLab show it.
fn fold(title: &str, body: &str) -> String {
    format!("\n<details>\n<summary>{}</summary>\n\n{body}\n</details>\n", format::escape(title))
}

/// `standards.md`: the run in the words of the standards.
pub(super) fn standards(run: &RunRecord, report: &Report) -> String {
    let mut out = format!("# {}: the standards' reports\n", plain(&report.title));
    for page in standards::pages(run, report) {
        let _ = write!(out, "\n## {}\n\n{}\n", page.title, plain(&page.note));
        for data in &page.tables {
            let _ = write!(out, "\n### {}\n\n", plain(&data.title));
            if !data.note.is_empty() {
                let _ = writeln!(out, "{}\n", plain(&data.note));
            }
            out.push_str(&table(data));
        }
    }
    out
}

fn table(data: &TableData) -> String {
    let line =
        |cells: &[String]| format!("| {} |\n", cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join(" | "));
    let rule: Vec<String> = (0..data.header.len())
        .map(|at| if at == 0 || left(&data.header[at]) { "---" } else { "---:" }.to_owned())
        .collect();
    let mut out = line(&data.header);
    out.push_str(&line(&rule));
    out.extend(data.rows.iter().map(|row| line(row)));
    out.push('\n');
    out
}

/// Columns of words.
fn left(head: &str) -> bool {
    tables::WORDS.contains(&head)
}

/// Text that is no markup: no link, picture, heading, mention or address comes alive of it, on GitHub and GitLab either.
fn plain(text: &str) -> String {
    /// Shows nothing, and keeps apart what would be read as one: backslashes do not keep mentions from being made.
    const APART: char = '\u{200b}';
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            // `http://`, `www.` and `name@host` become links of themselves, `@name` and `#1` by who shows the page.
            '@' | '#' => out.extend(['\\', c, APART]),
            ':' if text[at..].starts_with("://") => out.extend([c, APART]),
            '.' if out.to_ascii_lowercase().ends_with("www") => out.extend([c, APART]),
            '|' | '*' | '_' | '`' | '<' | '>' | '\\' | '[' | ']' | '!' | '&' | '~' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    line(&out).into_owned()
}
