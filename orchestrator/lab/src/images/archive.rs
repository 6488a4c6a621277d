//! An image as an archive that every engine loads, whichever builder it has or has not: the format of `docker save`.
//!
//! The same program and manifest always give the same bytes, and so the same image id.

use super::{ImageError, manifest_inside, program::StaticProgram, program::sha256, reference};
use serde_json::json;
use std::{io, path::Path};

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Recipe<'a> {
    /// Its program.
    pub program: &'a StaticProgram,
    /// Its release; empty for a tester's.
    pub release: &'a str,
    /// The release's manifest, as it is in the image.
    pub manifest: Option<&'a str>,
    /// The commit that it was built from.
    pub commit: &'a str,
    /// SHA-256 of the `swact` that builds it: what it tells cards is what these cards understand.
    pub builder: &'a str,
}

/// Labels of an image.
pub mod label {
    /// Which program it holds.
    pub const PROGRAM: &str = "swact.program";
    /// Its release; empty for a tester's.
    pub const RELEASE: &str = "swact.release";
    /// SHA-256 of the program.
    pub const DIGEST: &str = "swact.digest";
    /// SHA-256 of the `swact` that built it.
    pub const BUILDER: &str = "swact.builder";
}

/// Whom a card runs as when nobody says otherwise.
const USER: &str = "65532:65532";
/// Nothing in an image depends on when it was built.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// The archive, and the image's name in it.
pub fn archive(recipe: &Recipe<'_>) -> Result<(String, Vec<u8>), ImageError> {
    write(recipe).map_err(|source| ImageError::File { path: Path::new("image archive").to_owned(), source })
}

fn write(recipe: &Recipe<'_>) -> io::Result<(String, Vec<u8>)> {
    let Recipe { program, release, manifest, commit, builder } = recipe;
    let name = program.program.name();
    let image = reference(program.program, release);
    // The program first, in a layer of its own: releases that share it share the layer.
    let mut layers = vec![layer(|tar| file(tar, name, 0o755, &program.bytes))?];
    if let Some(manifest) = manifest {
        let path = manifest_inside(release);
        layers.push(layer(|tar| file(tar, path.trim_start_matches('/'), 0o444, manifest.as_bytes()))?);
    }
    let digests: Vec<_> = layers.iter().map(|layer| sha256(layer)).collect();
    let config = json!({
        "architecture": program.architecture,
        "os": "linux",
        "created": CREATED,
        "config": {
            "User": USER,
            "WorkingDir": "/",
            "Entrypoint": [format!("/{name}")],
            "Labels": {
                "org.opencontainers.image.title": format!("swact {name}"),
                "org.opencontainers.image.version": if release.is_empty() { env!("CARGO_PKG_VERSION") } else { release },
                "org.opencontainers.image.revision": commit,
                "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
                label::PROGRAM: name,
                label::RELEASE: release,
                label::DIGEST: program.digest,
                label::BUILDER: builder,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": digests.iter().map(|digest| format!("sha256:{digest}")).collect::<Vec<_>>()},
        "history": digests.iter().map(|_| json!({"created": CREATED, "created_by": "swact images build"})).collect::<Vec<_>>(),
    });
    let config = serde_json::to_vec(&config)?;
    let config_name = format!("{}.json", sha256(&config));
    let paths: Vec<_> = digests.iter().map(|digest| format!("{digest}/layer.tar")).collect();
    let index = json!([{"Config": config_name, "RepoTags": [image], "Layers": paths}]);
    let mut tar = tar::Builder::new(Vec::new());
    file(&mut tar, &config_name, 0o644, &config)?;
    for (path, layer) in paths.iter().zip(&layers) {
        file(&mut tar, path, 0o644, layer)?;
    }
    file(&mut tar, "manifest.json", 0o644, &serde_json::to_vec(&index)?)?;
    Ok((image, tar.into_inner()?))
}

fn layer(fill: impl FnOnce(&mut tar::Builder<Vec<u8>>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    fill(&mut tar)?;
    tar.into_inner()
}

/// A file that belongs to root and was last changed at the epoch.
fn file(tar: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Program;
    use serde_json::Value;
    use std::{collections::BTreeMap, io::Read};

    fn unpack(bytes: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let entry = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), (entry.header().mode().unwrap(), content))
        };
        archive.entries().unwrap().map(entry).collect()
    }

    #[test]
    fn an_image_holds_one_program_and_one_manifest_and_says_what_they_are() {
        let bytes = b"program".to_vec();
        let program = StaticProgram { program: Program::Rp, digest: sha256(&bytes), bytes, architecture: "arm64" };
        let recipe =
            Recipe { program: &program, release: "1.0", manifest: Some("name: x"), commit: "abc", builder: "me" };
        let (name, bytes) = archive(&recipe).unwrap();
        assert_eq!(name, "swact/rp:1.0");
        assert_eq!(archive(&recipe).unwrap().1, bytes, "the same again");

        let files = unpack(&bytes);
        let index: Value = serde_json::from_slice(&files["manifest.json"].1).unwrap();
        assert_eq!(index[0]["RepoTags"][0], "swact/rp:1.0");
        let config = &files[index[0]["Config"].as_str().unwrap()].1;
        assert_eq!(index[0]["Config"], format!("{}.json", sha256(config)), "the image's id");
        let config: Value = serde_json::from_slice(config).unwrap();
        assert_eq!((&config["architecture"], &config["config"]["User"]), (&json!("arm64"), &json!("65532:65532")));
        let labels = &config["config"]["Labels"];
        assert_eq!(labels[label::DIGEST], program.digest);
        assert_eq!(
            (&labels["org.opencontainers.image.version"], &labels["org.opencontainers.image.revision"]),
            (&json!("1.0"), &json!("abc"))
        );
        let mut content = BTreeMap::new();
        for (at, path) in index[0]["Layers"].as_array().unwrap().iter().enumerate() {
            let layer = &files[path.as_str().unwrap()].1;
            assert_eq!(config["rootfs"]["diff_ids"][at], format!("sha256:{}", sha256(layer)));
            content.extend(unpack(layer));
        }
        assert_eq!(content.keys().collect::<Vec<_>>(), ["images/1.0/manifest.yml", "rp"], "no shell, no library");
        assert_eq!(content["rp"], (0o755, b"program".to_vec()));
    }
}
