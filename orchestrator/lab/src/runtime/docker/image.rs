//! What the engine has: whether a lab's images are there, for its processor, and what they say they are.

use super::{Engine, RuntimeError, refused, status};
use crate::{
    images::{ImageError, Program, archive::label, reference},
    plan::{CardPlan, LabPlan},
};
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::{StreamExt, future::try_join_all};
use sha2::{Digest as _, Sha256};
use std::{collections::HashMap, pin::pin};

/// An image that a lab needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its name.
    pub reference: String,
    /// The program that it holds.
    pub program: Program,
    /// The release that it says it is.
    pub release: String,
}

impl Needed {
    /// The image of a card.
    pub fn of(card: &CardPlan) -> Self {
        Self::new(card.program, &card.release)
    }

    /// The image of a program in a release.
    pub fn new(program: Program, release: &str) -> Self {
        Self { reference: reference(program, release), program, release: release.to_owned() }
    }
}

/// The images of a plan, each once.
pub fn needed(plan: &LabPlan) -> Vec<Needed> {
    let mut needed: Vec<Needed> = Vec::new();
    for image in plan.cards.iter().map(Needed::of) {
        if !needed.contains(&image) {
            needed.push(image);
        }
    }
    needed
}

/// Whether all are there, and for this engine's processor: the first that is not.
pub async fn check(engine: &Engine, needed: &[Needed]) -> Result<(), RuntimeError> {
    try_join_all(needed.iter().map(|needed| labels(engine, needed))).await.map(|_| ())
}

/// The SHA-256 that an image says its program has; `None` where `swact images build` did not make it.
pub async fn digest(engine: &Engine, needed: &Needed) -> Result<Option<String>, RuntimeError> {
    Ok(labels(engine, needed).await?.remove(label::DIGEST))
}

/// The first image that another `swact` than `own` made: its cards may not understand what this one tells them.
pub async fn foreign(engine: &Engine, needed: &[Needed], own: &str) -> Result<Option<String>, RuntimeError> {
    for needed in needed {
        if labels(engine, needed).await?.get(label::BUILDER).is_some_and(|builder| builder != own) {
            return Ok(Some(needed.reference.clone()));
        }
    }
    Ok(None)
}

async fn labels(engine: &Engine, needed: &Needed) -> Result<HashMap<String, String>, RuntimeError> {
    let image = &needed.reference;
    let found = match engine.api.inspect_image(image).await {
        Ok(found) => found,
        Err(error) if status(&error) == Some(404) => return Err(ImageError::Missing(image.clone()).into()),
        Err(error) => return Err(refused(format!("cannot look at image {image}"))(error)),
    };
    let architecture = found.architecture.unwrap_or_default();
    if architecture != engine.architecture {
        let wanted = engine.architecture.clone();
        return Err(ImageError::Architecture { image: image.clone(), found: architecture, wanted }.into());
    }
    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
    let says = |name: &str| labels.get(name).map_or("", String::as_str);
    let corrupt = |why: String| Err(ImageError::Corrupt { image: image.clone(), why }.into());
    if says(label::PROGRAM) != needed.program.name() {
        return corrupt(format!("its label {} is '{}'", label::PROGRAM, says(label::PROGRAM)));
    }
    if says(label::RELEASE) != needed.release {
        return corrupt(format!("its label {} is '{}'", label::RELEASE, says(label::RELEASE)));
    }
    Ok(labels)
}

/// Reads the program back out of `container`, made of the image and not started yet: what the engine stores must
/// be what the image says it is.
pub async fn verify(engine: &Engine, needed: Needed, container: String) -> Result<(), RuntimeError> {
    // An image of somebody's own Dockerfile need not say it.
    let Some(wanted) = digest(engine, &needed).await? else { return Ok(()) };
    let path = format!("/{}", needed.program.name());
    let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
    let mut chunks = pin!(engine.api.download_from_container(&container, Some(options)));
    let mut program = FirstFile::default();
    while let Some(chunk) = chunks.next().await {
        program.read(&chunk.map_err(refused(format!("cannot read {path} of {}", needed.reference)))?);
    }
    let found = program.digest();
    if found.as_ref() == Some(&wanted) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "cut off".to_owned());
    let why = format!("its program's SHA-256 is {found}, and its label says {wanted}");
    Err(ImageError::Corrupt { image: needed.reference, why }.into())
}

/// SHA-256 of the first file in a tar stream, without keeping the stream.
#[derive(Default)]
struct FirstFile {
    header: Vec<u8>,
    left: Option<u64>,
    hasher: Sha256,
}

/// A tar stream is made of blocks of this size; the first is the first file's header.
const BLOCK: usize = 512;

impl FirstFile {
    fn read(&mut self, mut bytes: &[u8]) {
        if self.left.is_none() {
            let (header, rest) = bytes.split_at(bytes.len().min(BLOCK - self.header.len()));
            self.header.extend_from_slice(header);
            bytes = rest;
            if self.header.len() == BLOCK {
                self.left = tar::Header::from_byte_slice(&self.header).size().ok();
            }
        }
        if let Some(left) = &mut self.left {
            let content = &bytes[..bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX))];
            self.hasher.update(content);
            *left -= content.len() as u64;
        }
    }

    /// `None` when the file did not come whole.
    fn digest(self) -> Option<String> {
        (self.left == Some(0)).then(|| hex::encode(self.hasher.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::program::sha256;

    #[test]
    fn a_file_is_read_out_of_a_stream_however_it_is_cut() {
        let content: Vec<u8> = (0..2000u32).map(|at| at as u8).collect();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, "rp", &content[..]).unwrap();
        let stream = tar.into_inner().unwrap();
        for size in [1, 7, 511, 512, 513, 4096] {
            let mut file = FirstFile::default();
            stream.chunks(size).for_each(|chunk| file.read(chunk));
            assert_eq!(file.digest(), Some(sha256(&content)), "in pieces of {size}");
        }
        let mut cut = FirstFile::default();
        cut.read(&stream[..1500]);
        assert_eq!(cut.digest(), None);
    }
}
