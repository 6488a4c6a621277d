//! A program of another release in a container that runs: it takes the card of the container's own program.
//!
//! Sockets stay in the network namespace that they were made in, and an engine takes an address away from a namespace when
//! its container ends. So the container stays: its first program, which has given its card away, stays as the guard of the
//! one that has it. The next start makes a container of the new image.

use super::{
    super::heir::{self, Farewell, Heir, Watched, folder},
    DockerRuntime, RuntimeError,
    container::{CARD, ENVIRONMENT, owner, told},
    image::{self, Needed},
    is_up, label, reason, refused,
};
use crate::{
    images::{ImageError, program::sha256},
    plan::CardPlan,
};
use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecResults},
    models::ContainerCreateBody,
    query_parameters::{CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder},
};
use fabric_proto::deploy::CONFIG_FILE;
use futures_util::StreamExt;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::{
    collections::HashMap,
    fs, io,
    io::Read as _,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    pin::pin,
    time::Duration,
};

/// Between questions to the engine whether the program still runs.
const ASK: Duration = Duration::from_millis(200);

/// Puts the program of the card's release where its container sees it, and starts it there.
pub(super) async fn take_over(docker: &DockerRuntime, card: &CardPlan) -> Result<Heir, RuntimeError> {
    let id = &card.config.id;
    let name = docker.name(id);
    if !docker.find(id).await?.as_ref().is_some_and(is_up) {
        return Err(RuntimeError::NotRunning(id.clone()));
    }
    let program = program(docker, card, &name).await?;
    let inside = Path::new(CARD).join("upgrade").join(&card.release);
    furnish(card, &program, &inside)
        .map_err(|source| RuntimeError::System { what: format!("the files of release {}", card.release), source })?;

    let (user, group) = owner();
    let path = |file: &str| inside.join(file).to_string_lossy().into_owned();
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        user: Some(format!("{user}:{group}")),
        env: Some(
            ENVIRONMENT.iter().filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?))).collect(),
        ),
        cmd: Some(vec![path(card.program.name()), "--config".to_owned(), path(CONFIG_FILE), "--take-over".to_owned()]),
        ..CreateExecOptions::default()
    };
    let what = || format!("cannot start release {} in container {name}", card.release);
    let api = docker.engine.api.clone();
    let exec = api.create_exec(&name, options).await.map_err(refused(what()))?.id;
    let started = api.start_exec(&exec, None).await.map_err(refused(what()))?;
    let (heir, watched) = Heir::new();
    tokio::spawn(watch(api, exec, started, watched));
    Ok(heir)
}

async fn watch(api: Docker, exec: String, started: StartExecResults, watched: Watched) {
    let Watched { mut ended, end } = watched;
    let mut line = String::new();
    let over = async {
        if let StartExecResults::Attached { mut output, .. } = started {
            // The program writes elsewhere once it has the card: to where the one before it wrote.
            while let Some(Ok(words)) = output.next().await {
                if let Some(last) = String::from_utf8_lossy(&words.into_bytes()).trim_end().lines().last() {
                    last.clone_into(&mut line);
                }
            }
        }
        loop {
            match api.inspect_exec(&exec).await {
                Ok(found) if found.running == Some(true) => tokio::time::sleep(ASK).await,
                Ok(found) => return Ok(found.exit_code),
                Err(error) => return Err(reason(&error)),
            }
        }
    };
    let code = tokio::select! {
        code = over => code,
        Ok(()) = end => {
            kill(&api, &exec).await;
            return;
        }
        // Nobody listens any more once it has its card.
        () = ended.closed() => return,
    };
    let farewell = match code {
        Ok(code) => {
            let code = code.and_then(|code| i32::try_from(code).ok());
            Farewell::new(&line, code, &code.map_or_else(String::new, |code| format!("exit status: {code}")))
        }
        Err(why) => Farewell { why, refused: false },
    };
    let _ = ended.send(farewell);
}

/// An engine has no word for it: it is a process of this machine, of this user's container.
async fn kill(api: &Docker, exec: &str) {
    let process = api.inspect_exec(exec).await.ok().filter(|found| found.running == Some(true));
    let process = process.and_then(|found| Pid::from_raw(i32::try_from(found.pid?).ok()?));
    let killed = process.map(|process| {
        pidfd_open(process, PidfdFlags::empty()).and_then(|pidfd| pidfd_send_signal(pidfd, Signal::KILL))
    });
    if let Some(Err(error)) = killed {
        tracing::warn!("a program that was to take a card goes on: {error}");
    }
}

/// The program of the card's release, read out of a container of its image, which never runs.
async fn program(docker: &DockerRuntime, card: &CardPlan, name: &str) -> Result<Vec<u8>, RuntimeError> {
    let needed = Needed::of(card);
    let image = needed.reference.clone();
    let sample = format!("{name}-sample");
    docker.remove(&sample).await?;
    // It goes with the lab, if this program is killed here; it is no card of it.
    let body = ContainerCreateBody {
        image: Some(image.clone()),
        labels: Some(HashMap::from([(label::DIR.to_owned(), docker.dir.to_string_lossy().into_owned())])),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&sample).build();
    let what = || format!("cannot read the program of {image}");
    docker.engine.api.create_container(Some(options), body).await.map_err(refused(what()))?;
    let path = format!("/{}", card.program.name());
    let read = async {
        let options = DownloadFromContainerOptionsBuilder::new().path(&path).build();
        let mut chunks = pin!(docker.engine.api.download_from_container(&sample, Some(options)));
        let mut archive = Vec::new();
        while let Some(chunk) = chunks.next().await {
            archive.extend_from_slice(&chunk.map_err(refused(what()))?);
        }
        first_file(&archive).map_err(|source| RuntimeError::System { what: what(), source })
    };
    let program = read.await;
    docker.remove(&sample).await?;
    let program = program?;
    // An image of somebody's own Dockerfile need not say it.
    match image::digest(&docker.engine, &needed).await? {
        Some(wanted) if wanted != sha256(&program) => {
            let why = format!("its program's SHA-256 is {}, and its label says {wanted}", sha256(&program));
            Err(ImageError::Corrupt { image, why }.into())
        }
        Some(_) | None => Ok(program),
    }
}

fn first_file(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let mut first = archive.entries()?.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let mut bytes = Vec::new();
    first.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes program, manifest and configuration beside the card's own, where the card can read and not write.
fn furnish(card: &CardPlan, program: &[u8], inside: &Path) -> io::Result<()> {
    let folder = folder(card);
    fs::create_dir_all(&folder)?;
    let mut config = told(card);
    config.image = inside.join("manifest.yml");
    let files = [
        (card.program.name(), program.to_vec(), 0o700),
        ("manifest.yml", fs::read(&card.config.image)?, 0o600),
        (CONFIG_FILE, heir::told(&config, &card.config.image)?, 0o600),
    ];
    let (user, group) = owner();
    let give = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        match nix::unistd::geteuid().is_root() {
            true => chown(path, Some(user), Some(group)),
            false => Ok(()),
        }
    };
    for (name, content, mode) in files {
        heir::put(&folder.join(name), &content, |path| give(path, mode))?;
    }
    give(&folder, 0o700)?;
    give(&card.folder.join("upgrade"), 0o700)
}
