//! Releases: `images/<release>/manifest.yml`, their programs, and what container images of them are. An engine that holds such
//! images is the runtime's business.

pub mod archive;
pub mod program;

use fabric_proto::{
    deploy::{CONFIG_FILE, CardConfig, KnownRelease, Manifest},
    issu::{Compatibility, Row, RowClient},
    platform::NATIVE,
};
use notation::document::{BadInput, Document};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What names of images begin with.
const REPOSITORY: &str = "swact";

/// Folder beside a manifest with its release's own programs.
const OWN_PROGRAMS: &str = "programs";

/// A program of the chassis or beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// Route processor.
    Rp,
    /// Line card.
    Linecard,
    /// Tester.
    Tester,
}

impl Program {
    /// Name of the executable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rp => "rp",
            Self::Linecard => "linecard",
            Self::Tester => "tester",
        }
    }
}

/// Name of the image that a card of `release` runs; testers are of no release, but of this version.
pub fn reference(program: Program, release: &str) -> String {
    let tag = if release.is_empty() { env!("CARGO_PKG_VERSION") } else { release };
    format!("{REPOSITORY}/{}:{tag}", program.name())
}

/// Where a release's manifest is in its images.
pub fn manifest_inside(release: &str) -> String {
    format!("/images/{release}/manifest.yml")
}

/// The release that the configuration in a card's folder names: it runs that from its next start on. `None` where there is none.
pub fn told_release(folder: &Path) -> Option<String> {
    let told: CardConfig = serde_json::from_slice(&fs::read(folder.join(CONFIG_FILE)).ok()?).ok()?;
    Some(told.image.parent()?.file_name()?.to_string_lossy().into_owned())
}

/// Where the manifest of another release is, beside the one of a release.
pub fn beside(manifest: &Path, release: &str) -> PathBuf {
    let folder = manifest.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    folder.join(release).join("manifest.yml")
}

/// A release's own program, where one was built and put beside its manifest (`images/release-1.0.sh`). Releases without any
/// share those of this tree.
pub fn own_program(manifest: &Path, program: Program) -> Option<PathBuf> {
    let path = manifest.parent()?.join(OWN_PROGRAMS).join(program.name());
    path.is_file().then_some(path)
}

/// The same, looked at: what does not run on this machine is refused before anything is started.
pub fn fit_program(manifest: &Path, program: Program) -> Result<Option<PathBuf>, ImageError> {
    let Some(path) = own_program(manifest, program) else { return Ok(None) };
    match program::unfit(&path) {
        None => Ok(Some(path)),
        Some(why) => {
            let release =
                manifest.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
            Err(ImageError::Unfit { path, why, release })
        }
    }
}

/// Why an image cannot be used, or made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The engine does not have it.
    #[error("the engine has no image {0}: 'swact images build' makes it, without registry or network")]
    Missing(String),
    /// For another processor.
    #[error("image {image} is for {found}, and the engine runs on {wanted}: build it there ('swact images build')")]
    Architecture {
        /// Its name.
        image: String,
        /// Whom it is for.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// Not what its labels say, or without them.
    #[error("image {image} is corrupt: {why}; 'swact images build' makes it anew")]
    Corrupt {
        /// Its name.
        image: String,
        /// What is wrong with it.
        why: String,
    },
    /// Made by another `swact`.
    #[error("image {0} was made by another swact than this one: 'swact images build' renews it")]
    Foreign(String),
    /// A program that cannot go into an image.
    #[error("{} cannot go into an image: {why}; 'cargo static -p rp -p linecard -p tester' builds those that can", path.display())]
    Program {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A release's own program that does not run here.
    #[error("{}: {why}: build release {release} on this machine ('images/release-{release}.sh'), or remove it", path.display())]
    Unfit {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// Whose it is.
        release: String,
    },
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The releases that cards can run.
#[derive(Clone, Debug)]
pub struct Images {
    dir: PathBuf,
    manifests: Vec<Manifest>,
}

impl Images {
    /// Reads every release under `dir`.
    pub fn load(dir: &Path) -> Result<Self, BadInput> {
        let entries = fs::read_dir(dir).map_err(|error| {
            let message = format!("cannot read the releases: {error}");
            BadInput::new(dir.display(), message, "name the folder with --images or SWACT_IMAGES")
        })?;
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path().join("manifest.yml")))
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        let manifests = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        Ok(Self { dir, manifests })
    }

    /// Reads the releases of the nearest `images` folder at or above one of `starts`.
    pub fn find(starts: &[&Path]) -> Result<Self, BadInput> {
        let absolute = starts.iter().filter_map(|start| std::path::absolute(start).ok());
        let found = absolute
            .flat_map(|start| start.ancestors().map(|folder| folder.join("images")).collect::<Vec<_>>())
            .find(|folder| folder.is_dir());
        match found {
            Some(dir) => Self::load(&dir),
            None => Err(BadInput::new(
                "images",
                "no folder 'images' with releases beside or above the topology, the working folder or the program",
                "name it with --images or SWACT_IMAGES",
            )),
        }
    }

    /// All releases, in order.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// The release called `version`.
    pub fn get(&self, version: &str) -> Result<&Manifest, BadInput> {
        self.manifests.iter().find(|manifest| manifest.version == version).ok_or_else(|| {
            let known: Vec<_> = self.manifests.iter().map(|manifest| manifest.version.as_str()).collect();
            let message = format!("there is no release '{version}'");
            BadInput::new(self.dir.display(), message, format!("the releases are {}", known.join(", ")))
        })
    }

    /// Manifest file of the release called `version`.
    pub fn manifest_path(&self, version: &str) -> Result<PathBuf, BadInput> {
        self.get(version)?;
        Ok(self.file(version))
    }

    /// Folder of all releases.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What two releases come to on two route processors, as the manifest of either has it. What none has is found out when they
    /// meet, unless one of them does not negotiate.
    pub fn compatibility(&self, one: &str, other: &str) -> Result<Row, BadInput> {
        let pair = [self.get(one)?, self.get(other)?];
        let row = |manifest: &Manifest, beside: &str| manifest.matrix.iter().find(|row| row.release == beside).cloned();
        let found = (row(pair[0], other), row(pair[1], one).map(|row| Row { release: other.to_owned(), ..row }));
        let of_release = |verdict, clients| Row { release: other.to_owned(), verdict, clients };
        Ok(match found {
            (Some(own), Some(others)) if own != others => {
                let message = format!("it says otherwise than release {other} of the two");
                let remedy =
                    format!("correct the row of either in 'matrix', here or in {}", self.file(other).display());
                return Err(BadInput::new(self.file(one).display(), message, remedy));
            }
            (Some(row), _) | (None, Some(row)) => row,
            (None, None) if one == other => of_release(Compatibility::Compatible, Vec::new()),
            (None, None) => match pair.into_iter().find(|manifest| !manifest.issu().negotiates) {
                Some(silent) => of_release(Compatibility::Incompatible, vec![does_not_negotiate(&silent.version)]),
                None => of_release(Compatibility::Dynamic, Vec::new()),
            },
        })
    }

    /// All of them, as route processors are told of them.
    pub fn releases(&self) -> Result<Vec<KnownRelease>, BadInput> {
        let versions = || self.manifests.iter().map(|manifest| manifest.version.as_str());
        let release = |version: &str| {
            let lost = versions().filter(|other| *other != version).map(|other| {
                let row = self.compatibility(version, other)?;
                let loses = row.loses().filter(|_| row.verdict == Compatibility::Incompatible);
                Ok(loses.map(|loses| (other.to_owned(), loses)))
            });
            let loses = lost.filter_map(Result::transpose).collect::<Result<_, BadInput>>()?;
            let negotiates = self.get(version)?.issu().negotiates;
            Ok(KnownRelease { version: version.to_owned(), negotiates, loses })
        };
        versions().map(release).collect()
    }

    fn file(&self, version: &str) -> PathBuf {
        self.dir.join(version).join("manifest.yml")
    }

    /// The release that an upgrade from `version` goes to: the next one, or the one before for the newest.
    pub fn neighbour_of(&self, version: &str) -> Result<&Manifest, BadInput> {
        self.get(version)?;
        let at = self.manifests.iter().position(|manifest| manifest.version == version).unwrap_or_default();
        self.manifests.get(at + 1).or_else(|| at.checked_sub(1).and_then(|at| self.manifests.get(at))).ok_or_else(
            || {
                let message = format!("'{version}' is the only release: there is nothing to upgrade to");
                BadInput::new(self.dir.display(), message, "add a release, or leave 'fsu' and 'issu' out of the modes")
            },
        )
    }
}

fn read(path: &Path) -> Result<Manifest, BadInput> {
    let document = Document::read(path, "manifest")?;
    let manifest: Manifest = document.parse()?;
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    if folder != manifest.version.as_str() {
        let message = format!("the manifest says version '{}'", manifest.version);
        return Err(BadInput::new(path.display(), message, "folder and version must be the same"));
    }
    let Placed { matrix } = document.parse()?;
    for (at, Spanned { value: row, referenced, .. }) in matrix.iter().enumerate() {
        let twice = matrix[..at].iter().any(|earlier| earlier.value.release == row.release);
        if let Some(wrong) = twice.then(|| "it stands here twice".to_owned()).or_else(|| row.contradiction()) {
            let message = format!("release {} in the matrix: {wrong}", row.release);
            return Err(document.wrong(*referenced, message, "docs/issu.md says how a verdict comes about"));
        }
    }
    Ok(manifest)
}

/// Of a manifest, what may contradict itself, with its place.
#[derive(Deserialize)]
struct Placed {
    #[serde(default)]
    matrix: Vec<Spanned<Row>>,
}

/// The client that is missing where a release does not negotiate.
fn does_not_negotiate(release: &str) -> RowClient {
    let proto = NATIVE.issu[0];
    RowClient {
        id: proto.id,
        name: proto.name.to_owned(),
        base: proto.base,
        result: Compatibility::Incompatible,
        why: Some(format!("release {release} does not have it")),
    }
}

#[cfg(test)]
mod tests;
