//! The boot loader: reads the release's manifest and the whole image before anything runs.

use fabric::card::{self, BadFile, FileKind};
use fabric_proto::deploy::Manifest;
use sha2::{Digest as _, Sha256};
use std::{fs::File, io, path::Path};

/// This program.
const PROGRAM: &str = "/proc/self/exe";

/// Reads the manifest and the program that it names (this one), and says which release it is of.
/// Reading all of the image is what makes a boot slower than a role change.
pub(crate) fn load(file: &Path) -> Result<Manifest, BadFile> {
    let manifest = card::manifest(file)?;
    let mut hasher = Sha256::new();
    File::open(PROGRAM)
        .and_then(|mut program| io::copy(&mut program, &mut hasher))
        .map_err(|error| BadFile::new(FileKind::Program, Path::new(PROGRAM), error))?;
    tracing::info!(release = %manifest.version, sha256 = %hex::encode(hasher.finalize()), "image loaded");
    Ok(manifest)
}
