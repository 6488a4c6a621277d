//! The experiment file as it is written.

use super::Until;
use crate::{
    expectation::Expected,
    fault::{FaultName, Target},
};
use fabric_proto::operator::{CrashPoint, PlaneSet};
use measure::verdict::Limits;
use notation::{
    mode::Mode,
    units::{Rate, Span},
};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) title: String,
    pub(super) topology: Spanned<String>,
    pub(super) modes: Spanned<Vec<Spanned<Mode>>>,
    pub(super) trials: Spanned<u32>,
    pub(super) baseline: Option<Spanned<u32>>,
    pub(super) seed: Option<u64>,
    pub(super) traffic: Spanned<Vec<Entry>>,
    pub(super) steady_state: Option<Steady>,
    #[serde(default)]
    pub(super) method: Vec<StepEntry>,
    pub(super) observe: ObserveEntry,
    pub(super) thresholds: Option<Spanned<BTreeMap<Mode, Spanned<Limits>>>>,
    pub(super) expect: Option<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Entry {
    pub(super) name: Spanned<String>,
    pub(super) from: Spanned<String>,
    pub(super) to: Spanned<String>,
    pub(super) flows: Spanned<u32>,
    pub(super) rate: Spanned<Rate>,
    pub(super) frame_size: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Steady {
    pub(super) r#for: Span,
    #[serde(default)]
    pub(super) lost: u64,
    #[serde(default)]
    pub(super) after: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct StepEntry {
    #[serde(default)]
    pub(super) at: Span,
    pub(super) fault: Spanned<FaultName>,
    pub(super) target: Spanned<Target>,
    pub(super) r#for: Option<Spanned<Span>>,
    pub(super) image: Option<Spanned<String>>,
    pub(super) plane: Option<Spanned<PlaneSet>>,
    pub(super) loss: Option<Spanned<f64>>,
    pub(super) delay: Option<Spanned<Span>>,
    pub(super) jitter: Option<Spanned<Span>>,
    pub(super) duplicate: Option<Spanned<f64>>,
    pub(super) reorder: Option<Spanned<f64>>,
    pub(super) rate_bps: Option<Spanned<u64>>,
    pub(super) every: Option<Spanned<u32>>,
    pub(super) point: Option<Spanned<CrashPoint>>,
    pub(super) lines: Option<Spanned<Vec<String>>>,
    pub(super) faults: Option<Spanned<u32>>,
    pub(super) over: Option<Spanned<Span>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ObserveEntry {
    pub(super) until: Until,
    pub(super) at_most: Spanned<Span>,
}
