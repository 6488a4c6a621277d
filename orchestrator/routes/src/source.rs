//! Files of any compression: content as a stream that knows how far it could be read.

use crate::{Neighbours, ROUTES_MAX, SourceFormat, Table, TableError, list, mrt};
use bzip2::bufread::MultiBzDecoder;
use fabric_proto::fib::Prefix;
use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read, Write},
    path::Path,
};

/// Most content of one file: several times the largest collector's dump.
const CONTENT_MAX: u64 = 16 << 30;
/// Most content of an xz file, which is unpacked in memory.
const XZ_CONTENT_MAX: usize = 1 << 30;
/// What a decompressor works ahead.
const BUFFER: usize = 256 << 10;
/// How much of the content is looked at to know its format.
const HEAD: usize = 512;

/// Reads a file of any known format.
pub(crate) fn read(path: &Path, neighbours: Neighbours) -> Result<Table, TableError> {
    let unreadable = |source| TableError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
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
        mrt::read(&mut content, neighbours)?
    } else if head.iter().any(|byte| is_binary(*byte)) {
        let begins = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        return Err(TableError::UnknownFormat { path: path.to_owned(), begins });
    } else {
        list::read(&mut content, neighbours)?
    };
    if routes.is_empty() {
        let found = match origin.format {
            SourceFormat::Mrt => format!("{} MRT records of other kinds", origin.skipped),
            SourceFormat::List | SourceFormat::Generated => "no line but comments".to_owned(),
        };
        return Err(TableError::Empty { path: path.to_owned(), found });
    }
    Ok(Table::new(routes, origin))
}

/// Bytes that no text holds.
fn is_binary(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)
}

/// Refuses the route that would be too many.
pub(crate) fn push(path: &Path, routes: &mut Vec<(Prefix, u32)>, route: (Prefix, u32)) -> Result<(), TableError> {
    if routes.len() == ROUTES_MAX {
        return Err(TableError::TooManyRoutes { table: path.display().to_string(), routes: ROUTES_MAX + 1 });
    }
    routes.push(route);
    Ok(())
}

/// A file's content, decompressed.
pub(crate) struct Content<'a> {
    /// The file, for messages.
    pub(crate) path: &'a Path,
    reader: Box<dyn BufRead>,
    compression: Option<&'static str>,
    /// Bytes handed out so far.
    pub(crate) offset: u64,
    /// Whole lines or records handed out, counted by the format's reader.
    pub(crate) whole: u64,
    /// What is counted.
    pub(crate) units: &'static str,
}

impl<'a> Content<'a> {
    fn open(path: &'a Path, mut input: impl BufRead + 'static) -> Result<Self, TableError> {
        let magic = input.fill_buf().map_err(|source| TableError::Read { path: path.to_owned(), source })?;
        let (reader, compression): (Box<dyn BufRead>, _) = if magic.starts_with(&[0x1f, 0x8b]) {
            (Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input))), Some("gzip"))
        } else if magic.starts_with(b"BZh") {
            (Box::new(BufReader::with_capacity(BUFFER, MultiBzDecoder::new(input))), Some("bzip2"))
        } else if magic.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            (Box::new(BufReader::new(unxz(input))), Some("xz"))
        } else {
            (Box::new(input), None)
        };
        Ok(Self { path, reader, compression, offset: 0, whole: 0, units: "lines" })
    }

    /// The first bytes, which stay unread.
    fn head(&mut self) -> Result<&[u8], TableError> {
        let mut head = vec![0; HEAD];
        let mut length = 0;
        let error = loop {
            match self.reader.read(&mut head[length..]) {
                Ok(0) => break None,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The error comes up again when the reader has come this far.
                Err(error) => break Some(error),
            }
        };
        head.truncate(length);
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = match error {
            None => Box::new(Cursor::new(head).chain(rest)),
            Some(error) => Box::new(Cursor::new(head).chain(BufReader::new(Failing(Some(error))))),
        };
        // A cursor that nothing was read from shows the whole head.
        if length == 0 {
            return Ok(&[]);
        }
        self.reader.fill_buf().map_err(|source| TableError::Read { path: self.path.to_owned(), source })
    }

    /// Fills `buffer` as far as the content goes; says how far.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TableError> {
        let mut length = 0;
        while length < buffer.len() {
            match self.reader.read(&mut buffer[length..]) {
                Ok(0) => break,
                Ok(more) => {
                    length += more;
                    self.advance(more)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(length)
    }

    /// Appends bytes up to and with the next newline, at most `limit`; false at the end.
    pub(crate) fn line(&mut self, line: &mut Vec<u8>, limit: usize) -> Result<bool, TableError> {
        line.clear();
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            let newline = available.iter().position(|byte| *byte == b'\n');
            let length = newline.map_or(available.len(), |at| at + 1).min(limit - line.len());
            line.extend_from_slice(&available[..length]);
            self.reader.consume(length);
            self.advance(length)?;
            if length == 0 || newline.is_some() || line.len() == limit {
                return Ok(!line.is_empty());
            }
        }
    }

    fn advance(&mut self, bytes: usize) -> Result<(), TableError> {
        self.offset += bytes as u64;
        if self.offset > CONTENT_MAX {
            return Err(TableError::TooLong { path: self.path.to_owned(), limit: CONTENT_MAX });
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> TableError {
        let path = self.path.to_owned();
        match self.compression {
            None => TableError::Read { path, source },
            Some(_) if source.kind() == io::ErrorKind::FileTooLarge => {
                TableError::TooLong { path, limit: XZ_CONTENT_MAX as u64 }
            }
            Some(compression) => TableError::Compressed {
                path,
                compression,
                readable: self.offset,
                whole: self.whole,
                units: self.units,
                source,
            },
        }
    }
}

/// Everything that could be unpacked, then the error, if there was one.
fn unxz(mut input: impl BufRead) -> impl Read {
    let mut content = Capped(Vec::new());
    let result = lzma_rs::xz_decompress(&mut input, &mut content);
    let error = result.err().map(|error| match error {
        lzma_rs::error::Error::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    });
    Cursor::new(content.0).chain(Failing(error))
}

/// Fails once, or is empty.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// A vector that stops growing at [`XZ_CONTENT_MAX`].
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > XZ_CONTENT_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
