//! The topology file as it is written, with the position of everything a check may complain about.

use fabric_proto::id::Slot;
use notation::{
    mode::Mode,
    units::{Bytes, Share, Span},
};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// Addresses, by port.
pub(super) type Addresses = BTreeMap<String, Spanned<Vec<Spanned<String>>>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Spanned<String>,
    pub(super) prefix: Option<Spanned<String>>,
    pub(super) topology: Graph,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Graph {
    pub(super) nodes: BTreeMap<String, Spanned<Node>>,
    #[serde(default)]
    pub(super) links: Vec<LinkEntry>,
}

/// All keys that a node can have: `kind` decides which ones it may have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Node {
    pub(super) kind: Spanned<Kind>,
    pub(super) platform: Option<Spanned<String>>,
    pub(super) image: Option<Spanned<String>>,
    pub(super) startup_config: Option<Spanned<String>>,
    pub(super) redundancy: Option<Spanned<RedundancyEntry>>,
    pub(super) components: Option<Spanned<Vec<Component>>>,
    pub(super) routes: Option<Spanned<RoutesEntry>>,
    pub(super) ports: Option<Spanned<u8>>,
    pub(super) addresses: Option<Spanned<Addresses>>,
    pub(super) modelled_times: Option<Spanned<bool>>,
    pub(super) memory: Option<Spanned<Bytes>>,
    pub(super) cpu: Option<Spanned<f64>>,
    pub(super) cmd: Option<Spanned<String>>,
    pub(super) env: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    pub(super) binds: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) cap_add: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) exec: Option<Spanned<Vec<Spanned<String>>>>,
}

impl Node {
    /// The keys that only some kinds of nodes have, and where each stands; `None` for one that is not written.
    pub(super) fn keys_of_kinds(&self) -> [(&'static str, Option<Location>); 14] {
        fn at<T>(value: &Option<Spanned<T>>) -> Option<Location> {
            value.as_ref().map(|value| value.referenced)
        }
        let Self {
            kind: _,
            platform,
            image,
            startup_config,
            redundancy,
            components,
            routes,
            ports,
            addresses,
            modelled_times,
            memory: _,
            cpu: _,
            cmd,
            env,
            binds,
            cap_add,
            exec,
        } = self;
        [
            ("platform", at(platform)),
            ("modelled-times", at(modelled_times)),
            ("image", at(image)),
            ("startup-config", at(startup_config)),
            ("redundancy", at(redundancy)),
            ("components", at(components)),
            ("routes", at(routes)),
            ("ports", at(ports)),
            ("addresses", at(addresses)),
            ("cmd", at(cmd)),
            ("env", at(env)),
            ("binds", at(binds)),
            ("cap-add", at(cap_add)),
            ("exec", at(exec)),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Chassis,
    Tester,
    Linux,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RedundancyEntry {
    pub(super) mode: Option<Spanned<Mode>>,
    pub(super) switchover_timer: Option<Spanned<Span>>,
    pub(super) heartbeat: Option<Spanned<Span>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) slot: Spanned<Slot>,
    pub(super) ports: Option<Spanned<u8>>,
    pub(super) legacy: Option<Spanned<bool>>,
    pub(super) memory: Option<Spanned<Bytes>>,
    pub(super) cpu: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RoutesEntry {
    pub(super) table: Spanned<String>,
    pub(super) size: Option<Spanned<Size>>,
    pub(super) next_hops: Spanned<u16>,
    #[serde(default)]
    pub(super) seed: Option<u64>,
    #[serde(default)]
    pub(super) rate: u64,
    pub(super) churn: Option<Spanned<Share>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    #[serde(default)]
    pub(super) ipv4: usize,
    #[serde(default)]
    pub(super) ipv6: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LinkEntry {
    pub(super) endpoints: Spanned<Vec<Spanned<String>>>,
    pub(super) with_addresses: Option<Spanned<bool>>,
}
