//! What this machine must have for nodes that are none of ours, looked at before anything is started; and how their bridges
//! are asked.

use super::{RuntimeError, docker::Engine};
use crate::{
    plan::{NodePlan, Placement},
    topology::{HostEnd, Linux, Placed, Topology},
};
use bridge::{
    config::Interface,
    device::TUN,
    namespace::is_privileged,
    netlink::{Netlink, index_of, is_on_host},
    request::{Answer, Request, Status, ask},
};
use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrLike};
use notation::document::BadInput;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// A bridge that has just been started listens after some milliseconds.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(10);

/// Checks commands, images, interfaces and privileges.
pub async fn check(topology: &Topology, placement: &Placement) -> Result<(), BadInput> {
    let document = &topology.document;
    for host in &topology.host_ends {
        check_host(topology, host)?;
    }
    if topology.linux.is_empty() {
        return Ok(());
    }
    if let Err(error) = fs::OpenOptions::new().read(true).write(true).open(TUN) {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "let this user read and write it, as distributions do (mode 0666)",
            _ => "the kernel's module 'tun' makes it: 'modprobe tun'",
        };
        return Err(BadInput::new(TUN, format!("nodes of kind linux need it: {error}"), remedy));
    }
    for node in &topology.linux {
        match placement {
            Placement::Process => check_process(topology, node)?,
            Placement::Docker { .. } => match &node.image {
                None => {
                    let message = format!("node {} says no image, and nodes are containers here", node.name);
                    return Err(document.wrong(node.at, message, "add 'image:', or deploy with --runtime process"));
                }
                Some(image) if !is_privileged() => {
                    let message = "only root can put interfaces into containers";
                    return Err(document.wrong(image.at, message, "deploy as root, or with --runtime process"));
                }
                Some(image) => check_image(topology, image).await?,
            },
        }
    }
    Ok(())
}

/// Images of others are not fetched: who deploys knows which ones there are.
async fn check_image(topology: &Topology, image: &Placed<String>) -> Result<(), BadInput> {
    let wrong = |message: String, remedy: &str| topology.document.wrong(image.at, message, remedy);
    let engine = Engine::find().await.map_err(|error| wrong(error.to_string(), "start an engine"))?;
    match engine.api.inspect_image(&image.value).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!("the engine has no image '{}': {error}", image.value);
            Err(wrong(message, "pull it, build it, or correct its name"))
        }
    }
}

fn check_host(topology: &Topology, host: &HostEnd) -> Result<(), BadInput> {
    let wrong = |message: String, remedy: &str| topology.document.wrong(host.at, message, remedy);
    let name = host.end.port.to_string();
    if !is_on_host(&name) {
        return Err(wrong(format!("this machine has no interface '{name}'"), "make it first, or correct the endpoint"));
    }
    if !is_privileged() {
        return Err(wrong(
            format!("only root can join a wire to interface '{name}'"),
            "deploy as root, or link a node of kind linux",
        ));
    }
    let has_address = getifaddrs().ok().into_iter().flatten().any(|found| {
        let family = found.address.as_ref().and_then(SockaddrLike::family);
        let is_link_local = found
            .address
            .as_ref()
            .and_then(|address| address.as_sockaddr_in6())
            .is_some_and(|address| address.ip().is_unicast_link_local());
        found.interface_name == name
            && !is_link_local
            && matches!(family, Some(nix::sys::socket::AddressFamily::Inet | nix::sys::socket::AddressFamily::Inet6))
    });
    if has_address && !host.with_addresses {
        return Err(wrong(
            format!("interface '{name}' has addresses: this machine uses it itself"),
            "name another one, or add 'with-addresses: true' to the link",
        ));
    }
    Ok(())
}

fn check_process(topology: &Topology, node: &Linux) -> Result<(), BadInput> {
    let document = &topology.document;
    if let (Some(image), None) = (&node.image, &node.cmd) {
        let message = format!("node {} has an image and no command, and nodes are processes here", node.name);
        return Err(document.wrong(image.at, message, "add 'cmd:', or deploy with --runtime docker"));
    }
    for bind in &node.binds {
        let target = &bind.value.target;
        let (source, there) = (fs::metadata(&bind.value.source), fs::metadata(target));
        let fits = source.is_ok_and(|source| there.as_ref().is_ok_and(|there| source.is_dir() == there.is_dir()));
        if !fits {
            let message = format!("nothing can be bound at {}: it is not there, or of another kind", target.display());
            return Err(document.wrong(bind.at, message, "a process sees this machine's files: make it first"));
        }
    }
    for command in node.cmd.iter().chain(&node.exec) {
        check_command(topology, node, command)?;
    }
    Ok(())
}

/// A command that is not there would end the node at once. One that a bind brings is looked at when it runs.
fn check_command(topology: &Topology, node: &Linux, command: &Placed<Vec<String>>) -> Result<(), BadInput> {
    let Some(program) = command.value.first() else { return Ok(()) };
    let is_bound = |path: &Path| node.binds.iter().any(|bind| path.starts_with(&bind.value.target));
    let runs = |path: &Path| {
        is_bound(path)
            || fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let found = if program.contains('/') {
        runs(Path::new(program))
    } else {
        let path = node.env.get("PATH").cloned().or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
        std::env::split_paths(&path).any(|folder: PathBuf| runs(&folder.join(program)))
    };
    if found {
        return Ok(());
    }
    let message = format!("this machine has no command '{program}'");
    Err(topology.document.wrong(command.at, message, "install it, or name its path"))
}

/// Asks a node's bridge something; not the executor's threads wait.
pub async fn request(node: &NodePlan, request: Request) -> io::Result<Answer> {
    let socket = node.bridge.socket.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&socket, &request));
    asked.await.unwrap_or_else(|_| Err(io::Error::other("the question panicked")))
}

/// The same, of a bridge that was just started.
pub(super) async fn first_request(node: &NodePlan, asked: Request) -> Result<(), RuntimeError> {
    let limit = tokio::time::Instant::now() + LISTENS_WITHIN;
    loop {
        match request(node, asked.clone()).await {
            Ok(Answer::Done | Answer::Status(_)) => return Ok(()),
            Ok(Answer::Refused(why)) => return Err(failed(node, &why)),
            Err(error) => {
                let starts = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
                if !starts || tokio::time::Instant::now() >= limit {
                    return Err(failed(node, &format!("its bridge does not answer: {error}")));
                }
            }
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// Does to this machine's interfaces what a bridge that was killed has left undone: what was made for it is removed, and what is
/// somebody else's sees that its wire is gone.
pub fn tidy(node: &NodePlan) {
    for port in &node.bridge.ports {
        let done = match &port.interface {
            Interface::Node { .. } => continue,
            Interface::Host { name } => index_of(name).and_then(|index| Netlink::open()?.set_up(index, false)),
            Interface::Macvlan { name, .. } => index_of(name).and_then(|index| Netlink::open()?.remove(index)),
        };
        if let Err(error) = done {
            tracing::debug!(interface = port.interface.name(), "it is gone, or was never made: {error}");
        }
    }
}

/// How a node is; `None` where its bridge does not answer.
pub async fn status(node: &NodePlan) -> Option<Status> {
    match request(node, Request::Status).await {
        Ok(Answer::Status(status)) => Some(status),
        Ok(_) | Err(_) => None,
    }
}

/// A node that did not come up, with what its log says last.
pub(super) fn failed(node: &NodePlan, why: &str) -> RuntimeError {
    let log = super::process::tail(&node.log, LOG_LINES).unwrap_or_default();
    RuntimeError::Node { node: node.id.clone(), why: why.to_owned(), log }
}

/// Lines of a node's log that an error shows.
const LOG_LINES: usize = 8;
