//! The card configuration as a tester needs it: what cannot be used is refused before anything starts.

use fabric::card::{self, BadFile, FileKind};
use fabric_proto::{deploy::CardConfig, id::Unit};
use route_table::TableError;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

/// Why a tester cannot start. The configuration's author is to blame for all of it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No configuration, or another card's.
    #[error(transparent)]
    File(#[from] BadFile),
    /// A port that cannot be.
    #[error("{}: port {port}: {what}", path.display())]
    Port {
        /// The file.
        path: PathBuf,
        /// The port.
        port: u8,
        /// What is wrong.
        what: &'static str,
    },
    /// A wire's socket cannot be made.
    #[error("port {port}: cannot listen at {}: {source}; give a path of at most 107 bytes in a folder that exists", path.display())]
    Listen {
        /// The port.
        port: u8,
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The routing table cannot be had.
    #[error("routing table: {0}")]
    Table(#[from] TableError),
}

/// Reads and checks a configuration.
pub fn load(path: &Path) -> Result<CardConfig, ConfigError> {
    let config = card::configuration(path)?;
    check(path, &config)?;
    Ok(config)
}

fn check(path: &Path, config: &CardConfig) -> Result<(), ConfigError> {
    if config.id.unit != Unit::Tester {
        let why = format_args!("is for {}; this program is the tester", config.id);
        return Err(BadFile::new(FileKind::Configuration, path, why).into());
    }
    let mut seen = BTreeSet::new();
    for wire in &config.wires {
        let wrong = |what| Err(ConfigError::Port { path: path.to_owned(), port: wire.port, what });
        if wire.port == 0 {
            return wrong("ports are counted from 1");
        }
        if !seen.insert(wire.port) {
            return wrong("it has two wires");
        }
        if !wire.listen {
            return wrong("a tester's end of a wire listens; set listen to true");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
