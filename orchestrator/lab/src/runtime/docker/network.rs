//! A lab's network: a bridge of its own, cut off from every other, with large packets.

use super::{DockerRuntime, Engine, RuntimeError, label, reason, refused, status};
use crate::plan::{LabPlan, Placement, Subnet};
use bollard::{
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::ListNetworksOptionsBuilder,
};
use std::collections::HashMap;

/// Cells travel in packets of up to 6500 bytes; an engine that does not know the option has its own default.
const MTU: &str = "9000";

impl Subnet {
    /// The first candidate that neither the engine nor this host uses.
    pub(crate) async fn choose(
        engine: &Engine,
        mut candidates: impl Iterator<Item = Self>,
    ) -> Result<Self, RuntimeError> {
        let networks = engine.api.list_networks(None).await.map_err(refused("cannot list networks"))?;
        let configs = networks.into_iter().filter_map(|network| network.ipam?.config).flatten();
        let mut taken: Vec<Self> = configs.filter_map(|config| config.subnet?.parse().ok()).collect();
        let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
        let own = interfaces.filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()));
        taken.extend(own.map(|base| Self { base, length: 32 }));
        candidates
            .find(|candidate| !taken.iter().any(|taken| taken.overlaps(candidate)))
            .ok_or_else(|| RuntimeError::Taken("every network of 198.18.0.0/15 is taken: destroy a lab".to_owned()))
    }
}

async fn request(runtime: &DockerRuntime, subnet: &Subnet) -> Result<(), bollard::errors::Error> {
    let text = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let dir = runtime.dir.to_string_lossy().into_owned();
    let wanted = NetworkCreateRequest {
        name: runtime.network(),
        driver: Some("bridge".to_owned()),
        // Cards talk to each other and to this host; nothing else is their business.
        internal: Some(true),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.to_string()),
                gateway: Some(subnet.gateway().to_string()),
                ..IpamConfig::default()
            }]),
            ..Ipam::default()
        }),
        options: Some(text(&[("com.docker.network.driver.mtu", MTU)])),
        labels: Some(text(&[(label::LAB, &runtime.lab), (label::DIR, &dir)])),
        ..NetworkCreateRequest::default()
    };
    runtime.engine.api.create_network(wanted).await.map(|_| ())
}

pub(super) async fn create(runtime: &DockerRuntime, subnet: &Subnet) -> Result<(), RuntimeError> {
    match request(runtime, subnet).await {
        Ok(()) => Ok(()),
        Err(error) if reason(&error).contains("overlaps") => Err(RuntimeError::Taken(format!(
            "the addresses {subnet} were taken by another network meanwhile: deploy again"
        ))),
        Err(error) => Err(refused(format!("cannot create network {}", runtime.network()))(error)),
    }
}

/// The lab's networks, by id.
async fn all(runtime: &DockerRuntime) -> Result<Vec<String>, RuntimeError> {
    let options = ListNetworksOptionsBuilder::new().filters(&runtime.filters()).build();
    let networks = runtime.engine.api.list_networks(Some(options)).await.map_err(refused("cannot list networks"))?;
    Ok(networks.into_iter().filter_map(|network| network.id).collect())
}

/// Removes the lab's networks; whether something may be left. With the plan of a lab whose network is missing, the
/// addresses are claimed first: a request of a killed client that is still being served holds them.
pub(super) async fn sweep(runtime: &DockerRuntime, plan: Option<&LabPlan>) -> Result<bool, RuntimeError> {
    let mut found = all(runtime).await?;
    if let (true, Some(Placement::Docker { subnet, .. })) = (found.is_empty(), plan.map(|plan| &plan.placement)) {
        // Refused: somebody else has them, so this lab never did; or the engine has just made it, and it shows.
        let _ = request(runtime, subnet).await;
        found = all(runtime).await?;
    }
    let mut left = false;
    for id in found {
        match runtime.engine.api.remove_network(&id).await {
            Ok(()) => {}
            Err(error) if status(&error) == Some(404) => {}
            // A container that is going still holds on to it.
            Err(error) if status(&error) == Some(403) => left = true,
            Err(error) => return Err(refused(format!("cannot remove network {}", runtime.network()))(error)),
        }
    }
    Ok(left)
}
