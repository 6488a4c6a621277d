//! Prefix lists: one prefix a line, either family, in any order.
//!
//! * `#` begins a comment; empty lines and CRLF line ends are fine.
//! * Only the first column counts: whatever follows a blank or tab is ignored.
//! * Host bits that are set are an error that names the prefix that was probably meant.
//! * A prefix that comes again is counted as a duplicate; the first one stands.

use crate::{Origin, SourceFormat, TableError, content::Content, table::Gathered};
use std::str;

/// Longest line: an AS path beside the prefix may be long, a binary file is stopped.
const LINE_MAX: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the whole list. It names no next hops, which is to say one.
pub(crate) fn read(content: &mut Content<'_>) -> Result<(Gathered, Origin), TableError> {
    content.units = "lines";
    let mut routes = Gathered::default();
    let mut line = Vec::with_capacity(256);
    while content.line(&mut line, LINE_MAX)? {
        let number = content.whole + 1;
        let bytes = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if number == 1 => rest,
            _ => &line,
        };
        let not_text = |column, what| TableError::NotText { path: content.path.to_owned(), line: number, column, what };
        if line.len() == LINE_MAX {
            return Err(not_text(LINE_MAX, "the line does not end"));
        }
        let text = str::from_utf8(bytes).map_err(|error| not_text(error.valid_up_to() + 1, "not UTF-8"))?;
        if let Some((column, prefix)) = first_column(text) {
            let prefix = prefix.parse().map_err(|source| TableError::Line {
                path: content.path.to_owned(),
                line: number,
                column,
                source,
            })?;
            routes.push(content.path, (prefix, 0))?;
        }
        content.whole = number;
    }
    Ok((routes, Origin { format: SourceFormat::List, ..Origin::default() }))
}

/// The first word of a line and its column, from 1; comments and blanks have none.
fn first_column(text: &str) -> Option<(usize, &str)> {
    let text = text.split('#').next().unwrap_or_default();
    let trimmed = text.trim_start();
    let word = trimmed.split_ascii_whitespace().next()?;
    Some((text.len() - trimmed.len() + 1, word))
}
