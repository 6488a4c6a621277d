//! Where a lab is to run: what was asked for, and what this machine has.

use super::{
    RuntimeError, RuntimeKind,
    docker::{
        Engine,
        build::{build, own_digest},
        image::{Needed, check, digest, foreign},
    },
};
use crate::{
    images::{
        ImageError, Images, Program,
        program::{StaticProgram, folder},
    },
    plan::{Placement, Subnet},
    topology::Topology,
};
use std::path::Path;

/// A choice, and what to tell the user about it.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Where the cards run.
    pub placement: Placement,
    /// The runtime, and why this one.
    pub why: String,
}

/// Chooses. `auto` is Docker when an engine answers and has the images, or can be given them out of programs that
/// lie here; else processes. What was asked for by name is done, or refused with what is missing.
pub async fn choose(
    kind: RuntimeKind,
    topology: &Topology,
    images: &Images,
    dir: &Path,
) -> Result<Chosen, RuntimeError> {
    let processes = |why: String| Chosen { placement: Placement::Process, why };
    match kind {
        RuntimeKind::Process => Ok(processes("processes".to_owned())),
        RuntimeKind::Docker => docker(topology, images, dir, false).await,
        RuntimeKind::Auto => match docker(topology, images, dir, true).await {
            Ok(chosen) => Ok(chosen),
            Err(error) => Ok(processes(format!("processes ({error})"))),
        },
    }
}

async fn docker(topology: &Topology, images: &Images, dir: &Path, cautious: bool) -> Result<Chosen, RuntimeError> {
    let engine = Engine::find().await?;
    let mut why = format!("containers ({})", engine.description());
    if let Some(said) = provide(&engine, images, cautious).await? {
        why = format!("{why}; {said}");
    }
    let subnet = Subnet::choose(&engine, Subnet::candidates(topology, dir)).await?;
    Ok(Chosen { placement: Placement::Docker { subnet, prefix: topology.prefix.clone() }, why })
}

/// Sees to it that the engine has the images of every release, so that an upgrade in the middle of a run finds
/// them too. Those that are missing, or that another `swact` made, are made if that is possible; the answer is what there
/// is to say. Who is `cautious` takes no image that another `swact` made.
async fn provide(engine: &Engine, images: &Images, cautious: bool) -> Result<Option<String>, RuntimeError> {
    let of_release = |release: &str| [Needed::new(Program::Rp, release), Needed::new(Program::Linecard, release)];
    let mut needed: Vec<_> = images.manifests().iter().flat_map(|manifest| of_release(&manifest.version)).collect();
    needed.push(Needed::new(Program::Tester, ""));
    let folder = folder(None);
    let wrong = match check(engine, &needed).await {
        Ok(()) => match foreign(engine, &needed, &own_digest()).await? {
            None => return stale(engine, &needed, &folder).await,
            Some(image) => ImageError::Foreign(image),
        },
        Err(RuntimeError::Image(missing)) => missing,
        Err(error) => return Err(error),
    };
    match build(engine, images, &folder).await {
        Ok(built) => Ok(Some(format!("built {} images from {}", built.len(), folder.display()))),
        // What is wrong with the images is the user's business; that they could not be made here is not.
        Err(RuntimeError::Image(_)) => match wrong {
            ImageError::Foreign(_) if !cautious => Ok(Some(wrong.to_string())),
            wrong => Err(wrong.into()),
        },
        Err(error) => Err(error),
    }
}

/// Images of other programs than those that lie here are used, but not in silence.
async fn stale(engine: &Engine, needed: &[Needed], folder: &Path) -> Result<Option<String>, RuntimeError> {
    for program in [Program::Rp, Program::Linecard, Program::Tester] {
        let Ok(here) = StaticProgram::load(folder, program) else { continue };
        for image in needed.iter().filter(|image| image.program == program) {
            if digest(engine, image).await?.is_some_and(|digest| digest != here.digest) {
                let file = folder.join(program.name());
                return Ok(Some(format!(
                    "image {} was made of another program than {}: 'swact images build' renews it",
                    image.reference,
                    file.display()
                )));
            }
        }
    }
    Ok(None)
}
