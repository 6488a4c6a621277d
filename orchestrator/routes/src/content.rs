//! A file's content, whatever its compression: a stream that knows how far it could be read.

use crate::TableError;
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::{
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
};

/// Most content of one file: several times the largest collector's dump. Content streams through, so that a small file
/// which unpacks to as much takes time and no memory.
const CONTENT_MAX: u64 = 16 << 30;
/// Most memory of an xz decoder, KiB: the dictionary of `xz -9`, the largest preset, and what a decoder has beside it.
/// A file says itself how large its dictionary is, up to 4 GiB.
const XZ_MEMORY_MAX: u32 = (64 + 1) << 10;
/// What a decompressor works ahead.
pub(crate) const BUFFER: usize = 256 << 10;
/// How much of the content is looked at to know its format.
const HEAD: usize = 512;

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
    pub(crate) fn open(path: &'a Path, mut input: impl BufRead + 'static) -> Result<Self, TableError> {
        let magic = input.fill_buf().map_err(|source| TableError::Read { path: path.to_owned(), source })?;
        let (reader, compression): (Box<dyn BufRead>, _) = if magic.starts_with(&[0x1f, 0x8b]) {
            (Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input))), Some("gzip"))
        } else if magic.starts_with(b"BZh") {
            (Box::new(BufReader::with_capacity(BUFFER, MultiBzDecoder::new(input))), Some("bzip2"))
        } else if magic.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            let unpacked = XzReader::new_mem_limit(input, true, XZ_MEMORY_MAX);
            (Box::new(BufReader::with_capacity(BUFFER, unpacked)), Some("xz"))
        } else {
            (Box::new(input), None)
        };
        Ok(Self { path, reader, compression, offset: 0, whole: 0, units: "lines" })
    }

    /// The first bytes, which stay unread.
    pub(crate) fn head(&mut self) -> Result<&[u8], TableError> {
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
            Some("xz") if source.kind() == io::ErrorKind::OutOfMemory => {
                TableError::Dictionary { path, limit: u64::from(XZ_MEMORY_MAX) << 10 }
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

/// Fails once, or is empty.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
