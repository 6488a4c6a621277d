//! The latest zero-loss rates of a lab: `store/<lab>/throughput.json`.

use notation::document::BadInput;
use report::{StoreError, write_atomically};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// What is known of a lab, by frame size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// The latest measurement with each frame size.
    pub sizes: BTreeMap<u16, Known>,
}

/// A zero-loss rate and what it was measured with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Packets a second over all ports.
    pub zero_loss_pps: f64,
    /// `docker` or `process`.
    pub runtime: String,
    /// Flows.
    pub flows: usize,
    /// Routes in the table, IPv4 and IPv6.
    pub routes: [usize; 2],
    /// When, milliseconds since the epoch.
    pub measured_unix_ms: u64,
}

impl Stored {
    fn path(store: &Path, lab: &str) -> PathBuf {
        store.join(lab).join("throughput.json")
    }

    /// Reads what is known of `lab`; nothing when nothing was measured.
    pub fn read(store: &Path, lab: &str) -> Result<Self, StoreError> {
        let path = Self::path(store, lab);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| StoreError::Parse { path, source }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(StoreError::Read { path, source }),
        }
    }

    /// Keeps what was found, by frame size; other frame sizes stay as they are. A size that forwarded nothing is forgotten.
    pub fn keep(store: &Path, lab: &str, found: impl IntoIterator<Item = (u16, Known)>) -> Result<(), StoreError> {
        let mut stored = Self::read(store, lab)?;
        stored.sizes.extend(found);
        stored.sizes.retain(|_, known| known.zero_loss_pps > 0.0);
        let path = Self::path(store, lab);
        let text =
            serde_json::to_vec_pretty(&stored).map_err(|source| StoreError::Parse { path: path.clone(), source })?;
        write_atomically(&path, &text)
    }

    /// The zero-loss rate of `topology`, whose file is named in the remedy, with frames of `frame_size` bytes.
    pub fn zero_loss(store: &Path, lab: &str, topology: &Path, frame_size: u16) -> Result<Known, BadInput> {
        let remedy = format!(
            "measure it: swact throughput {} --frame-size {frame_size} --store {}",
            topology.display(),
            store.display()
        );
        let stored = Self::read(store, lab).map_err(|error| BadInput::new(store.display(), error, &remedy))?;
        stored.sizes.get(&frame_size).cloned().ok_or_else(|| {
            let message = format!("no zero-loss rate of {lab} with frames of {frame_size} bytes is stored");
            BadInput::new(store.display(), message, remedy)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(zero_loss_pps: f64) -> Known {
        Known { zero_loss_pps, ..Known::default() }
    }

    #[test]
    fn the_latest_of_each_size_is_kept() {
        let store = tempfile::tempdir().unwrap();
        let topology = Path::new("edge.chassis.yml");
        let rate = |size| Stored::zero_loss(store.path(), "edge", topology, size).map(|known| known.zero_loss_pps);
        Stored::keep(store.path(), "edge", [(64, known(3e6)), (128, known(2e6))]).unwrap();
        Stored::keep(store.path(), "edge", [(128, known(2.5e6))]).unwrap();
        assert_eq!((rate(64).unwrap(), rate(128).unwrap()), (3e6, 2.5e6));
        Stored::keep(store.path(), "edge", [(128, known(0.0))]).unwrap();
        let error = rate(128).unwrap_err();
        assert_eq!(error.message(), "no zero-loss rate of edge with frames of 128 bytes is stored");
        assert!(error.remedy().unwrap().starts_with("measure it: swact throughput edge.chassis.yml --frame-size 128"));
        assert!(Stored::zero_loss(store.path(), "core", topology, 64).is_err(), "another lab is another chassis");
    }
}
