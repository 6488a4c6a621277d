//! `swact images`: what releases there are, what two of them come to, and images of them.

use super::{
    CliError, Exit,
    args::{Format, ImagesBuildArgs, ImagesCheckArgs, ImagesDir},
    files, output,
};
use fabric_proto::{
    deploy::Manifest,
    issu::{Compatibility, RowClient},
};
use lab::{
    LabError,
    images::{Images, Program, own_program, program},
    runtime::docker::{
        Engine,
        build::{Built, build as build_images},
    },
};
use notation::document::BadInput;
use serde::Serialize;
use std::path::Path;

/// `swact images list`.
pub(super) fn list(args: &ImagesDir, format: Format) -> Result<Exit, CliError> {
    let images = files::images(args, Path::new("."))?;
    let row = |manifest: &Manifest| {
        let path = images.dir().join(&manifest.version).join("manifest.yml");
        let programs = if own_program(&path, Program::Rp).is_some() { "its own" } else { "shared" };
        vec![
            manifest.version.clone(),
            manifest.name.clone(),
            programs.to_owned(),
            manifest.features.join(" "),
            manifest.description.clone(),
        ]
    };
    let rows = images.manifests().iter().map(row).collect();
    output::print(format, &["Release", "Name", "Programs", "Features", "Description"], rows, &images.manifests());
    Ok(Exit::Pass)
}

/// What two releases come to.
#[derive(Debug, Serialize)]
struct Checked {
    releases: [String; 2],
    verdict: Compatibility,
    clients: Vec<RowClient>,
}

/// `swact images check`.
pub(super) fn check(args: &ImagesCheckArgs, format: Format) -> Result<Exit, CliError> {
    let images = files::images(&args.images, Path::new("."))?;
    let row = images.compatibility(&args.from, &args.to)?;
    for release in [&args.from, &args.to] {
        runs_here(&images, release)?;
    }
    let checked =
        Checked { releases: [args.from.clone(), args.to.clone()], verdict: row.verdict, clients: row.clients };
    if format == Format::Table {
        output::text(&format!("{}\n", checked.sentence()));
    }
    if format == Format::Json || !checked.clients.is_empty() {
        let row = |client: &RowClient| {
            let kind = if client.base { "base" } else { "optional" };
            let why = client.why.clone().unwrap_or_default();
            vec![client.id.to_string(), client.name.clone(), kind.to_owned(), client.result.to_string(), why]
        };
        let rows = checked.clients.iter().map(row).collect();
        output::print(format, &["Client", "Name", "Kind", "Result", "Because"], rows, &checked);
    }
    Ok(match checked.verdict {
        Compatibility::Compatible => Exit::Pass,
        Compatibility::BaseLevel | Compatibility::Incompatible | Compatibility::Dynamic => Exit::Missed,
    })
}

impl Checked {
    fn sentence(&self) -> String {
        let [one, other] = &self.releases;
        let means = match self.verdict {
            Compatibility::Compatible => "a switchover between them keeps all state (SSO)".to_owned(),
            Compatibility::BaseLevel => {
                let lost = self.clients.iter().filter(|client| client.result == Compatibility::BaseLevel);
                let lost: Vec<&str> = lost.map(|client| client.name.as_str()).collect();
                format!("a switchover between them loses the state of {}; the rest is SSO", lost.join(", "))
            }
            Compatibility::Incompatible => "no stateful switchover between them: RPR, or RPR+ on a 10000".to_owned(),
            Compatibility::Dynamic => "their route processors find out when they meet".to_owned(),
        };
        format!("release {one} beside release {other}: {}: {means}", self.verdict)
    }
}

/// Programs of its own that a release has must be for this machine.
fn runs_here(images: &Images, release: &str) -> Result<(), BadInput> {
    let manifest = images.manifest_path(release)?;
    let own = [Program::Rp, Program::Linecard].into_iter().filter_map(|program| own_program(&manifest, program));
    for path in own {
        if let Some(why) = program::unfit(&path) {
            let remedy =
                format!("build release {release} on this machine ('images/release-{release}.sh'), or remove it");
            return Err(BadInput::new(path.display(), why, remedy));
        }
    }
    Ok(())
}

/// `swact images build`.
pub(super) async fn build(args: ImagesBuildArgs, format: Format) -> Result<Exit, CliError> {
    let images = files::images(&args.images, Path::new("."))?;
    let folder = program::folder(args.from.as_deref());
    let engine = Engine::find().await.map_err(LabError::from)?;
    output::say(format_args!("programs out of {}, into {}", folder.display(), engine.description()));
    let built = build_images(&engine, &images, &folder).await.map_err(LabError::from)?;
    let row = |built: &Built| {
        let size = format!("{:.1} MB", built.size as f64 / 1e6);
        vec![built.image.clone(), size, built.digest[..12].to_owned(), built.commit.chars().take(12).collect()]
    };
    output::print(format, &["Image", "Size", "Program's SHA-256", "Commit"], built.iter().map(row).collect(), &built);
    Ok(Exit::Pass)
}
