//! Why there is no table, who is to blame, and what to do.

use fabric_proto::fib::{Family, PrefixError};
use std::{io, path::PathBuf};

/// Why a table could not be made. Each message names the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}; give 'internet' or the path of a prefix list or MRT dump", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The compressed stream ends early or is damaged.
    #[error(
        "{}: the {compression} stream is cut off or damaged ({source}); readable up to byte {readable} of its content, \
         {whole} {units} whole; fetch the file again, or cut it at a record and compress it anew",
        path.display()
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// gzip, bzip2 or xz.
        compression: &'static str,
        /// Bytes of content that came out before the error.
        readable: u64,
        /// Whole lines or records in them.
        whole: u64,
        /// `lines` or `MRT records`.
        units: &'static str,
        /// What the decompressor says.
        source: io::Error,
    },
    /// An xz file that wants more memory than any preset of xz does.
    #[error(
        "{}: its xz dictionary takes more than {} MiB to decode; compress it anew with 'xz -9' or less",
        path.display(),
        limit >> 20
    )]
    Dictionary {
        /// The file.
        path: PathBuf,
        /// Most bytes of memory that a decoder gets.
        limit: u64,
    },
    /// More content than a routing table can have.
    #[error("{}: decompresses to more than {limit} bytes; is this a routing table?", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Neither a prefix list nor MRT.
    #[error("{}: neither a prefix list nor an MRT dump (begins with {begins}); give a text file with one prefix a line or an MRT table dump", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        begins: String,
    },
    /// A line of a prefix list that is not a prefix.
    #[error("{}:{line}:{column}: {source}; correct the line, or put '#' before it", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        source: PrefixError,
    },
    /// A line that is longer than any prefix list has, or not UTF-8.
    #[error("{}:{line}:{column}: {what}; a prefix list has one prefix a line", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// An MRT record that ends before its fields do, or a dump that ends before its record does.
    #[error(
        "{}: MRT record {record} at byte {offset}: {what}; the {record} records before it are whole; fetch the dump again",
        path.display()
    )]
    Mrt {
        /// The file.
        path: PathBuf,
        /// Records before it.
        record: u64,
        /// Where the record begins, in the decompressed content.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// Nothing in the file is a route.
    #[error("{}: holds no unicast route ({found}); give a table dump (rib, bview), not updates", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        found: String,
    },
    /// More routes than a table may have.
    #[error("{table}: {routes} or more routes; the limit is {}; ask for fewer", crate::ROUTES_MAX)]
    TooManyRoutes {
        /// The source.
        table: String,
        /// Routes asked for or found.
        routes: usize,
    },
    /// A family has routes and the lab has no neighbour to announce them.
    #[error(
        "{table}: {routes} {family} routes, and no {family} neighbour to announce them; give the lab {family} next hops"
    )]
    NoNeighbours {
        /// The source.
        table: String,
        /// Routes of the family.
        routes: usize,
        /// The family.
        family: Family,
    },
}
