//! `report.html`: one file that needs nothing else, in light and dark, on a screen and on paper.

use super::{
    Report, RunRecord, accuracy,
    format::{duration, escape},
    page, standards,
    svg::{self, Plot},
    tables::{self, TableData},
};
use measure::TrialRecord;
use std::fmt::Write;

/// Lines of a trial's event list; the whole list is in `events.ndjson`.
const EVENTS_MAX: usize = 200;
/// Trials whose events are on the page; those of the others are in `events.ndjson`.
const TRIALS_MAX: usize = 100;
/// Rows of figures behind a picture that are shown at most; `trials.csv` and `flows.csv` have all.
const DATA_ROWS_MAX: usize = 200;

/// The page.
pub(super) fn page(run: &RunRecord, report: &Report, plots: &[Plot]) -> String {
    let mut out = String::with_capacity(256 << 10);
    head(&mut out, run, report);
    out.push_str("<main id=\"main\">\n");
    table(&mut out, &tables::outages(report), "Verdicts");
    out.push_str("<dl>\n");
    for (name, value) in tables::facts(report) {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    out.push_str("</dl>\n");
    let reasons = tables::reasons(report);
    if !reasons.is_empty() {
        out.push_str("<h2>Why it is not a pass</h2>\n<ul class=\"reasons\">\n");
        items(&mut out, reasons.iter().map(String::as_str));
    }
    pictures(&mut out, report, plots);
    let always =
        [tables::delays(report), tables::methods(report), tables::distributions(report), tables::accounting(report)];
    let optional = [tables::reconciliation(report), tables::invalid(run, report), tables::comparisons(report)];
    heading(&mut out, "figures", "The figures");
    for data in always.into_iter().chain(optional.into_iter().flatten()) {
        section(&mut out, &data, "h3");
    }
    heading(&mut out, "standards", "In the words of the standards");
    for page in standards::pages(run, report) {
        let _ = writeln!(out, "<h3>{}</h3>\n<p class=\"note\">{}</p>", escape(&page.title), escape(&page.note));
        for data in &page.tables {
            section(&mut out, data, "h4");
        }
    }
    heading(&mut out, "method", "Environment and method");
    section(&mut out, &tables::environment(report), "h3");
    for (title, lines) in [("How it was measured", &tables::METHOD[..]), ("What this does not say", &tables::LIMITS)] {
        let _ = writeln!(out, "<h3>{title}</h3>\n<ul>");
        items(&mut out, lines.iter().copied());
    }
    heading(&mut out, "trials-list", "What happened, trial by trial");
    for trial in run.trials.iter().take(TRIALS_MAX) {
        events(&mut out, &report.label(&trial.mode), trial);
    }
    if run.trials.len() > TRIALS_MAX {
        let _ = writeln!(out, "<p>… and {} more trials in events.ndjson</p>", run.trials.len() - TRIALS_MAX);
    }
    let _ = writeln!(out, "</main>\n<script>{}</script>\n</body></html>", page::SCRIPT);
    out
}

fn head(out: &mut String, run: &RunRecord, report: &Report) {
    let title = escape(&report.title);
    let verdict = report.verdict;
    let took = duration(run.finished_unix_ms.saturating_sub(run.started_unix_ms));
    let (started, trials) = (&report.started, report.trials);
    let lab = escape(&report.topology.name);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; img-src data:\">\
         <title>{title}: {verdict}</title><style>{}{}</style></head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the verdicts</a>\n<header>\
         <h1>{title}</h1>\n<p class=\"meta\"><span class=\"badge {verdict}\">{verdict}</span> \
         {trials} trials in {took} · {lab} · {started}</p>\n<nav aria-label=\"Sections\">\
         <a href=\"#time\">Loss over time</a> <a href=\"#spread\">Distribution</a> <a href=\"#figures\">Figures</a> \
         <a href=\"#standards\">Standards</a> <a href=\"#method\">Method</a> <a href=\"#trials-list\">Trials</a></nav>\
         </header>\n",
        page::STYLE,
        svg::STYLE
    );
}

fn pictures(out: &mut String, report: &Report, plots: &[Plot]) {
    let of = |wanted: fn(&str) -> bool| plots.iter().filter(move |plot| wanted(&plot.name));
    heading(out, "time", "What happened, and when");
    out.push_str(
        "<p class=\"note\">Point at a mark to read it. Choose a picture with Tab or a click, then zoom with + and −, \
         move with the arrow keys, reset with 0; or drag across a part of it.</p>\n",
    );
    figures(out, of(|name| name.starts_with("chassis")));
    figures(out, of(|name| name.starts_with("loss-")));
    for data in [
        tables::switchovers(report),
        tables::upgrades(report),
        tables::upgrade_steps(report),
        accuracy::table(&report.known_outages),
    ]
    .into_iter()
    .flatten()
    {
        section(out, &data, "h3");
    }
    heading(out, "spread", "How outages are spread");
    figures(out, of(|name| !name.starts_with("loss-") && !name.starts_with("chassis")));
}

fn heading(out: &mut String, id: &str, title: &str) {
    let _ = writeln!(out, "<h2 id=\"{id}\">{title}</h2>");
}

fn section(out: &mut String, data: &TableData, level: &str) {
    let _ = writeln!(out, "<{level}>{}</{level}>", escape(&data.title));
    if !data.note.is_empty() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escape(&data.note));
    }
    table(out, data, &data.title);
}

/// A table that is named for screen readers and can be scrolled by keyboard.
fn table(out: &mut String, data: &TableData, name: &str) {
    let text = if data.header.len() == 2 && data.header[1] == "value" { " class=\"text\"" } else { "" };
    let name = escape(name);
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\"><table{text}>\
         <caption class=\"hidden\">{name}</caption><thead><tr>"
    );
    for head in &data.header {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", words(head), escape(head));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &data.rows {
        out.push_str("<tr>");
        for (at, (cell, head)) in row.iter().zip(&data.header).enumerate() {
            let text = escape(cell);
            let _ = match head.as_str() {
                _ if at == 0 => write!(out, "<th scope=\"row\">{text}</th>"),
                "verdict" => write!(out, "<td class=\"words\"><span class=\"badge {text}\">{text}</span></td>"),
                head => write!(out, "<td{}>{text}</td>", words(head)),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn words(head: &str) -> &'static str {
    if tables::WORDS.contains(&head) { " class=\"words\"" } else { "" }
}

fn figures<'a>(out: &mut String, plots: impl Iterator<Item = &'a Plot>) {
    for plot in plots {
        let _ = write!(
            out,
            "<figure class=\"picture\" id=\"plot-{}\" tabindex=\"0\" aria-label=\"{}\">{}<figcaption>{}</figcaption>",
            escape(&plot.name),
            escape(&plot.caption),
            plot.inline(),
            escape(&plot.caption)
        );
        if let Some((header, rows)) = plot.data.split_first().filter(|(_, rows)| !rows.is_empty()) {
            let shown = rows.iter().take(DATA_ROWS_MAX).cloned().collect();
            let data = TableData { title: String::new(), note: String::new(), header: header.clone(), rows: shown };
            out.push_str("<details><summary>The same in figures</summary>");
            table(out, &data, &plot.name);
            if rows.len() > DATA_ROWS_MAX {
                let _ = write!(
                    out,
                    "<p class=\"note\">… and {} more rows in the CSV files</p>",
                    rows.len() - DATA_ROWS_MAX
                );
            }
            out.push_str("</details>");
        }
        out.push_str("</figure>\n");
    }
}

/// The items of a list that was opened, and its end.
fn items<'a>(out: &mut String, lines: impl Iterator<Item = &'a str>) {
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", escape(line));
    }
    out.push_str("</ul>\n");
}

fn events(out: &mut String, mode: &str, trial: &TrialRecord) {
    let validity = if trial.valid() { "" } else { ", invalid" };
    let _ = write!(
        out,
        "<details><summary>Trial {}: {}, {} packets lost{validity}</summary><pre tabindex=\"0\">",
        trial.index,
        escape(mode),
        trial.accounting.lost
    );
    for event in trial.events.iter().take(EVENTS_MAX) {
        let _ = writeln!(out, "{:>12.3} ms  {:<14} {}", event.at_ms, escape(&event.card), escape(&event.text));
    }
    if trial.events.len() > EVENTS_MAX {
        let _ = writeln!(out, "… and {} more in events.ndjson", trial.events.len() - EVENTS_MAX);
    }
    if trial.events.is_empty() {
        out.push_str("no event was recorded\n");
    }
    out.push_str("</pre></details>\n");
}
