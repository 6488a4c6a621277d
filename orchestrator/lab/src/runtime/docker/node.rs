//! Nodes that are none of ours as containers: anybody's image, without any network but the interfaces that their bridges make.

use super::{DockerRuntime, RuntimeError, is_up, label, refused, status};
use crate::{
    images::ImageError,
    plan::NodePlan,
    runtime::{foreign, process::ProcessRuntime, slot_label},
};
use bollard::{
    models::{ContainerCreateBody, HostConfig, Mount, MountType, RestartPolicy, RestartPolicyNameEnum},
    query_parameters::CreateContainerOptionsBuilder,
};
use bridge::request::Request;
use fabric_proto::id::CardId;
use std::{collections::HashMap, time::Duration};

/// A container that ends sooner than this has not started well.
const SETTLE: Duration = Duration::from_millis(200);
/// Of its own network, and of nothing else, a router must be the master.
const CAPABILITY: &str = "NET_ADMIN";
/// What an engine switches off where there is no network of its own, and what a router is there for.
const SYSCTLS: [(&str, &str); 3] = [
    ("net.ipv6.conf.all.disable_ipv6", "0"),
    ("net.ipv6.conf.default.disable_ipv6", "0"),
    ("net.ipv4.ip_forward", "1"),
];

/// The bridge, which is a process.
pub(super) fn beside(runtime: &DockerRuntime) -> ProcessRuntime {
    ProcessRuntime::new(&runtime.lab, &runtime.dir)
}

/// Starts the container, and makes its interfaces.
pub(super) async fn start(runtime: &DockerRuntime, node: &NodePlan) -> Result<(), RuntimeError> {
    let processes = beside(runtime);
    if !node.has_node() {
        processes.start_bridge(node)?;
        return foreign::first_request(node, Request::Status).await;
    }
    let name = runtime.name(&node.id);
    match runtime.find(&node.id).await? {
        Some(found) if is_up(&found) => return Err(RuntimeError::Running(node.id.clone())),
        Some(_) => {}
        None => make(runtime, node).await?,
    }
    processes.start_bridge(node)?;
    let api = &runtime.engine.api;
    api.start_container(&name, None).await.map_err(refused(format!("cannot start container {name}")))?;
    let pid = pid(runtime, &node.id).await?;
    let pid = pid.ok_or_else(|| foreign::failed(node, "its container ended at once"))?;
    foreign::first_request(node, Request::Attach { pid }).await?;
    prepare(&processes, node, pid).await?;
    tokio::time::sleep(SETTLE).await;
    if self::pid(runtime, &node.id).await?.is_some() {
        return Ok(());
    }
    let said = runtime.output(&node.id, "8").await;
    Err(RuntimeError::Node {
        node: node.id.clone(),
        why: "its container ended at once".to_owned(),
        log: String::from_utf8_lossy(&said).trim_end().to_owned(),
    })
}

/// The commands that prepare a node, with the container's own programs.
async fn prepare(processes: &ProcessRuntime, node: &NodePlan, pid: i32) -> Result<(), RuntimeError> {
    let Some(told) = &node.bridge.command else { return Ok(()) };
    for words in &told.exec {
        let mut command = tokio::process::Command::new(processes.program("bridge")?);
        command.args(["enter", "--pid", &pid.to_string(), "--"]).args(words).envs(&told.env);
        let ended = command.output().await;
        let ended =
            ended.map_err(|source| RuntimeError::System { what: format!("exec '{}'", words.join(" ")), source })?;
        if !ended.status.success() {
            let why = format!("exec '{}': {}", words.join(" "), ended.status);
            let log = String::from_utf8_lossy(&ended.stderr).trim_end().to_owned();
            return Err(RuntimeError::Node { node: node.id.clone(), why, log });
        }
    }
    Ok(())
}

/// The first process of a container that runs.
async fn pid(runtime: &DockerRuntime, id: &CardId) -> Result<Option<i32>, RuntimeError> {
    let found = runtime.find(id).await?.filter(is_up).and_then(|found| found.state?.pid);
    Ok(found.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0))
}

/// Makes a node's container; it does not run yet.
pub(super) async fn make(runtime: &DockerRuntime, node: &NodePlan) -> Result<(), RuntimeError> {
    let (Some(told), Some(image)) = (&node.bridge.command, &node.image) else { return Ok(()) };
    let name = runtime.name(&node.id);
    let mounts = told.binds.iter().map(|bind| Mount {
        typ: Some(MountType::BIND),
        source: Some(bind.source.to_string_lossy().into_owned()),
        target: Some(bind.target.to_string_lossy().into_owned()),
        read_only: Some(bind.read_only),
        ..Mount::default()
    });
    let labels = [
        (label::LAB, node.id.lab.clone()),
        (label::NODE, node.id.node.clone()),
        (label::SLOT, slot_label(&node.id)),
        (label::DIR, runtime.dir.to_string_lossy().into_owned()),
    ];
    let text = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let memory = node.limits.memory.map(|memory| memory.0 as i64);
    let host = HostConfig {
        network_mode: Some("none".to_owned()),
        mounts: Some(mounts.collect()),
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        cap_add: Some([CAPABILITY].into_iter().map(str::to_owned).chain(node.cap_add.iter().cloned()).collect()),
        sysctls: Some(text(&SYSCTLS)),
        memory,
        memory_swap: memory,
        nano_cpus: node.limits.milli_cpus.map(|cpus| i64::from(cpus) * 1_000_000),
        ..HostConfig::default()
    };
    let body = ContainerCreateBody {
        image: Some(image.clone()),
        hostname: Some(node.id.node.clone()),
        cmd: Some(told.cmd.clone()).filter(|cmd| !cmd.is_empty()),
        env: Some(told.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    match runtime.engine.api.create_container(Some(options), body).await {
        Ok(_) => Ok(()),
        Err(error) if status(&error) == Some(404) => Err(ImageError::Missing(image.clone()).into()),
        Err(error) => Err(refused(format!("cannot create container {name}"))(error)),
    }
}

/// Removes a node's container, and ends its bridge.
pub(super) async fn forget(runtime: &DockerRuntime, node: &NodePlan) -> Result<(), RuntimeError> {
    beside(runtime).end_node(node).await?;
    match runtime.find(&node.id).await? {
        Some(_) => runtime.remove(&runtime.name(&node.id)).await,
        None => Ok(()),
    }
}
