//! The container engine: found, and known to be one that cards can run on.

use super::super::RuntimeError;
use bollard::{API_DEFAULT_VERSION, Docker, errors::Error, models::SystemInfo};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// An engine that is there answers within this time.
const ANSWER: Duration = Duration::from_secs(3);
/// Creating or removing takes an engine under load so long at most, seconds.
const REQUEST: u64 = 120;
/// Docker 20.10: fixed addresses, read-only binds and limits as they are used here.
const API: [u32; 2] = [1, 41];

/// An engine on this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) api: Docker,
    /// Its architecture, as images name it: `amd64`.
    pub(crate) architecture: String,
    /// Name, version and API version, for people.
    description: String,
}

impl Engine {
    /// The engine of `DOCKER_HOST`, else Docker's socket, else Podman's.
    pub async fn find() -> Result<Self, RuntimeError> {
        let candidates = match std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
            Some(host) => match host.strip_prefix("unix://") {
                Some(path) => vec![PathBuf::from(path)],
                None => return Err(remote(&format!("DOCKER_HOST is {host}"))),
            },
            None => sockets(),
        };
        let Some(socket) = candidates.iter().find(|path| path.exists()).or(candidates.first()) else {
            return Err(RuntimeError::NoEngine("there is no socket of Docker or Podman".to_owned()));
        };
        Self::connect(socket).await
    }

    async fn connect(socket: &Path) -> Result<Self, RuntimeError> {
        let silent = |why: String| RuntimeError::NoEngine(format!("{} does not answer: {why}", socket.display()));
        let path = socket.to_string_lossy();
        let api = Docker::connect_with_unix(&path, REQUEST, API_DEFAULT_VERSION).map_err(|e| silent(reason(&e)))?;
        let asked = async { Ok::<_, Error>((api.version().await?, api.info().await?)) };
        let (version, info) = match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => return Err(silent(reason(&error))),
            Err(_) => return Err(silent(format!("not within {} s", ANSWER.as_secs()))),
        };
        check_api(version.api_version.as_deref().unwrap_or_default())?;
        check_local(&info)?;
        Ok(Self {
            api,
            architecture: version.arch.unwrap_or_default(),
            description: format!(
                "{} {}, API {}",
                if path.contains("podman") { "Podman" } else { "Docker" },
                version.version.unwrap_or_default(),
                version.api_version.unwrap_or_default()
            ),
        })
    }

    /// Name and versions.
    pub fn description(&self) -> &str {
        &self.description
    }
}

fn sockets() -> Vec<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(|dir| PathBuf::from(dir).join("podman/podman.sock"));
    let known = ["/var/run/docker.sock", "/run/podman/podman.sock"].map(PathBuf::from);
    known.into_iter().chain(own).collect()
}

fn remote(how: &str) -> RuntimeError {
    let why = format!(
        "{how}, and cards get their certificates, NVRAM and wires from folders of this machine: use an engine that \
         runs here (DOCKER_HOST=unix:///var/run/docker.sock), or --runtime process"
    );
    RuntimeError::NoEngine(why)
}

fn check_api(version: &str) -> Result<(), RuntimeError> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let found = [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)];
    if found >= API {
        return Ok(());
    }
    let why = format!("its API is {version}, and {}.{} is the oldest that is known to work", API[0], API[1]);
    Err(RuntimeError::NoEngine(why))
}

/// Cards and this program share clocks, folders and a network: the engine must run on this very kernel, as root.
fn check_local(info: &SystemInfo) -> Result<(), RuntimeError> {
    if info.os_type.as_deref().is_some_and(|os| os != "linux") {
        return Err(RuntimeError::NoEngine("it does not run Linux containers".to_owned()));
    }
    let system = nix::sys::utsname::uname().map_err(|error| RuntimeError::NoEngine(error.to_string()))?;
    let kernel = system.release().to_string_lossy();
    if info.kernel_version.as_deref().is_some_and(|theirs| theirs != kernel) {
        let theirs = info.kernel_version.as_deref().unwrap_or_default();
        return Err(remote(&format!("it runs on another machine (kernel {theirs}, here {kernel})")));
    }
    if info.security_options.iter().flatten().any(|option| option.contains("rootless")) {
        let why = "it is rootless: its networks cannot be reached from here; use the system's engine, or --runtime \
                   process";
        return Err(RuntimeError::NoEngine(why.to_owned()));
    }
    Ok(())
}

/// An engine's error in words.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { status_code, message } => format!("{message} ({status_code})"),
        other => {
            // The outer texts say little: the innermost is the system's.
            let mut innermost: &dyn std::error::Error = other;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            innermost.to_string()
        }
    }
}

/// The engine's status code, if it answered with one.
pub(crate) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Says what was tried when the engine refused.
pub(crate) fn refused(what: impl Into<String>) -> impl FnOnce(Error) -> RuntimeError {
    let what = what.into();
    move |error| RuntimeError::Engine { what, why: reason(&error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_too_old_or_elsewhere_is_refused_with_its_reason() {
        assert!(check_api("1.41").is_ok() && check_api("1.53").is_ok() && check_api("2.0").is_ok());
        for old in ["1.40", "1.9", "", "nonsense"] {
            assert!(check_api(old).unwrap_err().to_string().contains("1.41"), "{old}");
        }
        let kernel = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
        let here = SystemInfo { kernel_version: Some(kernel), os_type: Some("linux".to_owned()), ..Default::default() };
        assert!(check_local(&here).is_ok());
        let there = SystemInfo { kernel_version: Some("1.2.3-linuxkit".to_owned()), ..here.clone() };
        let text = check_local(&there).unwrap_err().to_string();
        assert!(
            text.contains("another machine (kernel 1.2.3-linuxkit") && text.contains("--runtime process"),
            "{text}"
        );
        let rootless = SystemInfo { security_options: Some(vec!["name=rootless".to_owned()]), ..here };
        assert!(check_local(&rootless).unwrap_err().to_string().contains("rootless"));
    }
}
