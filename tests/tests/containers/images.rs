//! Images that cannot be used are said plainly, before anything starts.

use crate::lab::{Lab, topology};
use bollard::query_parameters::{ImportImageOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::StreamExt;
use lab::{
    images::{
        archive::{Recipe, archive},
        program::StaticProgram,
    },
    plan::Program,
};
use std::{fs, path::Path, pin::pin};

/// A release of this test alone.
fn release(lab: &Lab) -> String {
    let release = format!("0.{}", std::process::id());
    let folder = lab.path("images").join(&release);
    fs::create_dir_all(&folder).unwrap();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/1.0/manifest.yml");
    let text = fs::read_to_string(manifest).unwrap().replace("\"1.0\"", &format!("\"{release}\""));
    fs::write(folder.join("manifest.yml"), text).unwrap();
    lab.write(&topology(&lab.name, &release, ""));
    release
}

fn load(lab: &Lab, recipe: &Recipe<'_>) -> String {
    let (name, bytes) = archive(recipe).unwrap();
    lab.executor.block_on(async {
        let options = ImportImageOptionsBuilder::new().build();
        let mut answers = pin!(lab.engine.import_image(options, bollard::body_full(bytes.into()), None));
        while let Some(answer) = answers.next().await {
            answer.unwrap();
        }
    });
    name
}

/// Goal: an image that is missing, for another processor or damaged ends a deployment with its name, what is wrong and
/// what to do, and leaves nothing. Method: a release of which the engine has no image, then such images, made as
/// `swact images build` makes them.
#[test]
fn an_image_that_cannot_be_used_is_said_before_anything_starts() {
    let lab = Lab::new("");
    let release = release(&lab);
    // A copy elsewhere finds no static programs beside it, and so cannot make what is missing.
    let swact = lab.path("swact");
    fs::copy(Path::new(&std::env::var_os("SWACT_BIN_DIR").unwrap()).join("swact"), &swact).unwrap();
    let deploy = || {
        let known = lab.command(&["deploy", "lab.chassis.yml"]);
        let mut command = std::process::Command::new(&swact);
        command.args(known.get_args()).current_dir(known.get_current_dir().unwrap());
        command.envs(known.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("SWACT_IMAGES", lab.path("images"));
        chassis_tests::ended::Ended::from(command.output().unwrap())
    };
    deploy().with(2).says("the engine has no image swact/").says(&format!(":{release}: 'swact images build'"));
    lab.assert_nothing_is_left();

    let mut names = Vec::new();
    let bytes = b"not a program".to_vec();
    let architecture = if std::env::consts::ARCH == "x86_64" { "amd64" } else { "arm64" };
    let mut put = |program, architecture, digest: &str| {
        let program = StaticProgram { program, bytes: bytes.clone(), digest: digest.to_owned(), architecture };
        let recipe = Recipe { program: &program, release: &release, manifest: Some("x"), commit: "test", builder: "" };
        names.push(load(&lab, &recipe));
    };
    put(Program::Rp, "s390x", "");
    put(Program::Linecard, architecture, "");
    deploy().with(2).says("is for s390x, and the engine runs on");
    lab.assert_nothing_is_left();

    put(Program::Rp, architecture, "0123");
    deploy().with(2).says("is corrupt: its program's SHA-256 is").says("swact images build");
    lab.assert_nothing_is_left();
    for name in names {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        // One name was given twice.
        let _ = lab.executor.block_on(lab.engine.remove_image(&name, Some(options), None));
    }
}
