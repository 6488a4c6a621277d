//! Tables out of files of any known format.

use crate::{
    Neighbours, SourceFormat, Table, TableError,
    content::{BUFFER, Content},
    list, mrt,
};
use std::{
    io::{BufRead, BufReader},
    path::Path,
};

/// Reads a file of any known format.
pub(crate) fn read(path: &Path, neighbours: Neighbours) -> Result<Table, TableError> {
    let file = user_files::open(path).map_err(|source| TableError::Read { path: path.to_owned(), source })?;
    read_from(path, BufReader::with_capacity(BUFFER, file), neighbours)
}

/// The same from a stream; `path` is for messages.
pub(crate) fn read_from(
    path: &Path,
    input: impl BufRead + 'static,
    neighbours: Neighbours,
) -> Result<Table, TableError> {
    let mut content = Content::open(path, input)?;
    let head = content.head()?;
    let (routes, origin) = if mrt::is_mrt(head) {
        mrt::read(&mut content)?
    } else if head.iter().any(|byte| is_binary(*byte)) {
        let begins = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        return Err(TableError::UnknownFormat { path: path.to_owned(), begins });
    } else {
        list::read(&mut content)?
    };
    if routes.is_empty() {
        let found = match origin.format {
            SourceFormat::Mrt => format!("{} MRT records of other kinds", origin.skipped),
            SourceFormat::List | SourceFormat::Generated => "no line but comments".to_owned(),
        };
        return Err(TableError::Empty { path: path.to_owned(), found });
    }
    Ok(routes.into_table(origin, neighbours))
}

/// Bytes that no text holds.
fn is_binary(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)
}
