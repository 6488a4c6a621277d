//! Making images out of local programs, and giving them to the engine.

use super::{Engine, RuntimeError, refused};
use crate::images::{
    ImageError, Images, Program,
    archive::{Recipe, archive},
    own_program,
    program::{StaticProgram, sha256},
};
use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::StreamExt;
use serde::Serialize;
use std::{path::Path, pin::pin, process::Command};

/// An image that the engine has now.
#[derive(Clone, Debug, Serialize)]
pub struct Built {
    /// Its name.
    pub image: String,
    /// Its program.
    pub program: &'static str,
    /// Its release; empty for a tester's.
    pub release: String,
    /// SHA-256 of the program.
    pub digest: String,
    /// Commit that it was built from.
    pub commit: String,
    /// Bytes that it takes.
    pub size: u64,
}

/// Makes the images of every release out of its own programs, if it has any, else out of the static programs in `folder`.
pub async fn build(engine: &Engine, images: &Images, folder: &Path) -> Result<Vec<Built>, RuntimeError> {
    let load = |program| StaticProgram::load(folder, program);
    let (rp, linecard, tester) = (load(Program::Rp)?, load(Program::Linecard)?, load(Program::Tester)?);
    let own = |manifest: &Path, program| {
        let own = own_program(manifest, program);
        own.map(|path| StaticProgram::load(path.parent().unwrap_or(folder), program)).transpose()
    };
    let (commit, builder) = (commit_of(images.dir()), own_digest());
    let mut built = Vec::new();
    for manifest in images.manifests() {
        let path = images.dir().join(&manifest.version).join("manifest.yml");
        let text = user_files::read_text(&path).map_err(|source| ImageError::File { path: path.clone(), source })?;
        for shared in [&rp, &linecard] {
            let own = own(&path, shared.program)?;
            let recipe = Recipe {
                program: own.as_ref().unwrap_or(shared),
                release: &manifest.version,
                manifest: Some(&text),
                commit: &commit,
                builder: &builder,
            };
            built.push(load_into(engine, &recipe).await?);
        }
    }
    let recipe = Recipe { program: &tester, release: "", manifest: None, commit: &commit, builder: &builder };
    built.push(load_into(engine, &recipe).await?);
    Ok(built)
}

async fn load_into(engine: &Engine, recipe: &Recipe<'_>) -> Result<Built, RuntimeError> {
    let program = recipe.program;
    let (image, bytes) = archive(recipe)?;
    if program.architecture != engine.architecture {
        let (found, wanted) = (program.architecture.to_owned(), engine.architecture.clone());
        return Err(ImageError::Architecture { image, found, wanted }.into());
    }
    let size = bytes.len() as u64;
    let what = format!("cannot load image {image}");
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let mut answers = pin!(engine.api.import_image(options, bollard::body_full(bytes.into()), None));
    while let Some(answer) = answers.next().await {
        answer.map_err(refused(what.clone()))?;
    }
    Ok(Built {
        image,
        program: program.program.name(),
        release: recipe.release.to_owned(),
        digest: program.digest.clone(),
        commit: recipe.commit.to_owned(),
        size,
    })
}

/// SHA-256 of this program; empty when it cannot be read.
pub fn own_digest() -> String {
    std::fs::read("/proc/self/exe").map(|bytes| sha256(&bytes)).unwrap_or_default()
}

/// The commit that the releases' folder is at, and whether anything was changed since; `unknown` without git.
fn commit_of(dir: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    if changed { format!("{commit}-dirty") } else { commit }
}
