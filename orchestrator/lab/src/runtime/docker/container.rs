//! What a card's container is. Pure, but for [`hand_over`].

use super::{RuntimeError, label, slot_label};
use crate::plan::CardPlan;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
    NetworkingConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use fabric_proto::{
    deploy::{CONFIG_FILE, CardConfig, TlsFiles},
    id::{CardId, Slot, Unit},
};
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::lchown,
    path::{Path, PathBuf},
};

/// Where a card finds its folder.
pub(super) const CARD: &str = "/card";
/// Where it finds its wires' folders.
const WIRES: &str = "/wires";
/// Where a tester finds its routing table.
const TABLE: &str = "/table";
/// Whom cards run as where the orchestrator is root: the number that distributions without a user database use.
const NOBODY: u32 = 65532;
/// Threads of a card: a handful, and runtimes' blocking ones.
const PIDS: i64 = 256;
/// A tester's weight against a card's, which is 1024: it measures, and must not be late while seven cards fill their tables.
const TESTER_SHARES: i64 = 8192;
/// A route processor's weight: it does little, and a heartbeat that waits until line cards have filled their tables makes a
/// switchover that no chassis with a processor a card would have.
const RP_SHARES: i64 = 4096;
/// What a tester may ask of the scheduler: the priority and the nice value that [`fabric::priority`] asks for, as
/// `RLIMIT_RTPRIO` and `RLIMIT_NICE` count them (`getrlimit(2)`). No capability goes with it.
const TESTER_MAY: [(&str, i64); 2] =
    [("rtprio", fabric::priority::REAL_TIME as i64), ("nice", 20 - fabric::priority::NICE as i64)];
/// An engine keeps this much of a card's log, and as much again of what came before.
const LOG_SIZE: &str = "64m";
/// What of this program's environment goes on to a card: no variable that may hold a secret.
pub(super) const ENVIRONMENT: [&str; 2] = ["SWACT_LOG", "RUST_BACKTRACE"];

/// A container's weight among those that want a processor; `None`: the engine's default.
fn shares(unit: Unit) -> Option<i64> {
    match unit {
        Unit::Tester => Some(TESTER_SHARES),
        Unit::Card(Slot::Rp(_)) => Some(RP_SHARES),
        Unit::Card(Slot::Lc(_)) | Unit::Linux | Unit::Operator => None,
    }
}

pub(super) fn name_of(prefix: &str, id: &CardId) -> String {
    format!("{prefix}-{}-{}-{}", id.lab, id.node, slot_label(id))
}

/// The folder of a wire as its ends see it.
fn wire_folder(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = path.parent()?;
    Some((folder.to_owned(), Path::new(WIRES).join(folder.file_name()?)))
}

/// The routing table that a tester reads from a file, here and as it sees it.
fn table_file(config: &CardConfig) -> Option<(PathBuf, PathBuf)> {
    let source = Path::new(&config.table.as_ref()?.source);
    let here = source.is_file().then(|| super::super::process::find::plain(source))?;
    let there = Path::new(TABLE).join(source.file_name()?);
    Some((here, there))
}

/// The configuration with the paths that the card sees.
pub(super) fn told(card: &CardPlan) -> CardConfig {
    let mut config = card.config.clone();
    let inside = Path::new(CARD);
    let pem = |name: &str| inside.join("tls").join(name);
    config.tls = TlsFiles { ca: pem("ca.pem"), cert: pem("cert.pem"), key: pem("key.pem") };
    config.nvram = inside.join("nvram");
    if !card.release.is_empty() {
        config.image = PathBuf::from(crate::images::manifest_inside(&card.release));
    }
    for wire in &mut config.wires {
        if let (Some((_, folder)), Some(name)) = (wire_folder(&wire.path), wire.path.file_name()) {
            wire.path = folder.join(name);
        }
    }
    if let (Some((_, there)), Some(table)) = (table_file(&card.config), &mut config.table) {
        table.source = there.to_string_lossy().into_owned();
    }
    config
}

fn mounts(card: &CardPlan) -> Vec<Mount> {
    let mount = |from: PathBuf, to: PathBuf, read_only| Mount {
        typ: Some(MountType::BIND),
        source: Some(from.to_string_lossy().into_owned()),
        target: Some(to.to_string_lossy().into_owned()),
        read_only: Some(read_only),
        ..Mount::default()
    };
    let plain = super::super::process::find::plain;
    let mut mounts = vec![
        mount(plain(&card.folder), PathBuf::from(CARD), true),
        mount(plain(&card.config.nvram), Path::new(CARD).join("nvram"), false),
    ];
    let wires = card.config.wires.iter().filter_map(|wire| wire_folder(&wire.path));
    mounts.extend(wires.map(|(here, there)| mount(plain(&here), there, false)));
    mounts.extend(table_file(&card.config).map(|(here, there)| mount(here, there, true)));
    mounts
}

/// Whom the card runs as: the user who runs this, or nobody where that is root.
pub(super) fn owner() -> (u32, u32) {
    match (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()) {
        (0, _) => (NOBODY, NOBODY),
        own => own,
    }
}

/// Gives the card's folder and its wires' folders to the user that it runs as.
pub(super) fn hand_over(card: &CardPlan) -> Result<(), RuntimeError> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let folders = card.config.wires.iter().filter_map(|wire| wire.path.parent());
    for folder in folders.chain([card.folder.as_path()]) {
        give(folder)
            .map_err(|source| RuntimeError::System { what: format!("hand over {}", folder.display()), source })?;
    }
    Ok(())
}

fn give(path: &Path) -> io::Result<()> {
    let (user, group) = owner();
    // A card writes into some of these folders: a link that it leaves there is not followed.
    match lchown(path, Some(user), Some(group)) {
        // Files come and go while a card runs.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        done => done?,
    }
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        for entry in fs::read_dir(path)? {
            give(&entry?.path())?;
        }
    }
    Ok(())
}

/// The container: unprivileged, read-only, never restarted by the engine. `preferred`: whether a tester may come before
/// other programs, which an engine that may not raise limits itself cannot grant.
pub(super) fn body(
    card: &CardPlan,
    image: &str,
    network: &str,
    dir: &Path,
    preferred: bool,
) -> Result<ContainerCreateBody, RuntimeError> {
    let id = &card.config.id;
    let labels = [
        (label::LAB, id.lab.clone()),
        (label::NODE, id.node.clone()),
        (label::SLOT, slot_label(id)),
        (label::DIR, dir.to_string_lossy().into_owned()),
    ];
    let text = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let limit = |(name, most): (&str, i64)| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(most),
        hard: Some(most),
    };
    let memory = card.limits.memory.map(|memory| memory.0 as i64);
    let host = HostConfig {
        network_mode: Some(network.to_owned()),
        mounts: Some(mounts(card)),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        cap_drop: Some(vec!["ALL".to_owned()]),
        readonly_rootfs: Some(true),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        memory,
        // No swap beyond it: a card that swaps measures the host's disk.
        memory_swap: memory,
        cpu_shares: shares(id.unit),
        ulimits: (id.unit == Unit::Tester && preferred).then(|| TESTER_MAY.map(limit).to_vec()),
        nano_cpus: card.limits.milli_cpus.map(|cpus| i64::from(cpus) * 1_000_000),
        pids_limit: Some(PIDS),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(text(&[("max-size", LOG_SIZE), ("max-file", "2")])),
        }),
        ..HostConfig::default()
    };
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(card.config.control.ip().to_string()),
            ..EndpointIpamConfig::default()
        }),
        ..EndpointSettings::default()
    };
    let (user, group) = owner();
    let environment = ENVIRONMENT.iter().filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some(format!("{}-{}", id.node, slot_label(id))),
        user: Some(format!("{user}:{group}")),
        entrypoint: Some(vec![format!("/{}", card.program.name())]),
        cmd: Some(vec!["--config".to_owned(), format!("{CARD}/{}", CONFIG_FILE)]),
        env: Some(environment.collect()),
        labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
        host_config: Some(host),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.to_owned(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        images::Images,
        plan::{LabPlan, Placement},
        topology::Topology,
    };

    #[test]
    fn the_tester_alone_may_come_before_other_programs_and_nobody_has_a_capability() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let topology = Topology::load(&root.join("topologies/edge/small.chassis.yml")).unwrap();
        let images = Images::load(&root.join("images")).unwrap();
        let plan = LabPlan::new(&topology, Path::new("/run/swact/small"), &images, Placement::Process).unwrap();
        for card in &plan.cards {
            let host = |preferred| body(card, "image", "network", Path::new("/lab"), preferred).unwrap().host_config;
            let (preferred, plain) = (host(true).unwrap(), host(false).unwrap());
            for host in [&preferred, &plain] {
                assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
                assert!(host.cap_add.is_none() && host.privileged.is_none());
            }
            assert!(plain.ulimits.is_none(), "what an engine grants that may not raise limits");
            let limits = preferred.ulimits.into_iter().flatten();
            let limits: Vec<_> = limits.map(|limit| (limit.name.unwrap(), limit.hard.unwrap())).collect();
            let is_tester = card.config.id.unit == Unit::Tester;
            let wanted = if is_tester { vec![("rtprio".to_owned(), 1), ("nice".to_owned(), 35)] } else { Vec::new() };
            assert_eq!(limits, wanted, "{}", card.config.id);
        }
    }
}
