//! Tables for people, JSON for programs, on stdout; messages as [`crate::output`] has them.

use super::args::Format;
use crate::output::data;
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use notation::text::printable;
use serde::Serialize;

pub(super) use crate::output::{is_read, say};

/// Prints `rows` as a table under `header`, or `value` as JSON.
pub(super) fn print(format: Format, header: &[&str], rows: Vec<Vec<String>>, value: &impl Serialize) {
    match format {
        Format::Table => {
            let mut table = Table::new();
            table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
            table.set_header(header.iter().copied());
            table.add_rows(rows.iter().map(|row| row.iter().map(|cell| printable(cell))));
            text(&format!("{table}\n"));
        }
        Format::Json => json(value),
    }
}

/// Prints one JSON document.
pub(super) fn json(value: &impl Serialize) {
    document(serde_json::to_vec_pretty(value));
}

/// Prints one JSON document on one line.
pub(super) fn json_line(value: &impl Serialize) {
    document(serde_json::to_vec(value));
}

fn document(written: serde_json::Result<Vec<u8>>) {
    match written {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            data(&bytes);
        }
        Err(error) => say(format_args!("error: this cannot be said as JSON: {error}")),
    }
}

/// Prints text as it is.
pub(super) fn text(text: &str) {
    data(text.as_bytes());
}
