//! Tables for people, JSON for programs, on stdout.

use super::{CliError, args::Format};
use crate::text::printable;
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;
use std::io::{self, Write};

/// Prints `rows` as a table under `header`, or `data` as JSON.
pub(super) fn print(
    format: Format,
    header: &[&str],
    rows: Vec<Vec<String>>,
    data: &impl Serialize,
) -> Result<(), CliError> {
    match format {
        Format::Table => {
            let mut table = Table::new();
            table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
            table.set_header(header.iter().copied());
            table.add_rows(rows.iter().map(|row| row.iter().map(|cell| printable(cell))));
            text(&format!("{table}\n"))
        }
        Format::Json => json(data),
    }
}

/// Prints one JSON document.
pub(super) fn json(data: &impl Serialize) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, data)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .map_err(CliError::io("stdout"))
}

/// Prints one JSON document on one line, at once.
pub(super) fn json_line(data: &impl Serialize) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, data)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(CliError::io("stdout"))
}

/// Prints text as it is.
pub(super) fn text(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::io("stdout"))
}
