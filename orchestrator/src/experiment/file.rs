//! The experiment file as it is written.

use super::Until;
use crate::{
    expectation::Expected,
    fault::{FaultName, Target, options::Options},
    issu::Stage,
};
use fabric_proto::operator::{CrashPoint, PlaneSet};
use measure::verdict::Limits;
use notation::{
    mode::Mode,
    units::{Rate, Span},
};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) title: String,
    pub(super) topology: Spanned<String>,
    /// Of a lab with a chassis.
    pub(super) modes: Option<Spanned<Vec<Spanned<Mode>>>>,
    pub(super) trials: Spanned<u32>,
    pub(super) baseline: Option<Spanned<u32>>,
    pub(super) seed: Option<u64>,
    pub(super) traffic: Spanned<Vec<Entry>>,
    pub(super) steady_state: Option<Steady>,
    #[serde(default)]
    pub(super) method: Vec<StepEntry>,
    pub(super) observe: ObserveEntry,
    pub(super) thresholds: Option<Spanned<BTreeMap<Mode, Spanned<Limits>>>>,
    pub(super) expect: Option<Spanned<Expected>>,
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
    /// Of a way through nodes that are none of ours: routers on it, the first one's Ethernet address, and where it leads.
    pub(super) hops: Option<Spanned<u8>>,
    pub(super) next_hop: Option<Spanned<String>>,
    pub(super) destinations: Option<Spanned<String>>,
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
    pub(super) during: Option<Spanned<Stage>>,
    pub(super) fault: Spanned<FaultName>,
    pub(super) target: Spanned<Target>,
    pub(super) r#for: Option<Spanned<Span>>,
    pub(super) image: Option<Spanned<String>>,
    pub(super) or_reset: Option<Spanned<bool>>,
    pub(super) plane: Option<Spanned<PlaneSet>>,
    pub(super) loss: Option<Spanned<f64>>,
    pub(super) delay: Option<Spanned<Span>>,
    pub(super) jitter: Option<Spanned<Span>>,
    pub(super) duplicate: Option<Spanned<f64>>,
    pub(super) reorder: Option<Spanned<f64>>,
    pub(super) rate_bps: Option<Spanned<u64>>,
    pub(super) every: Option<Spanned<u32>>,
    pub(super) point: Option<Spanned<CrashPoint>>,
    pub(super) client: Option<Spanned<String>>,
    pub(super) lines: Option<Spanned<Vec<String>>>,
    pub(super) faults: Option<Spanned<u32>>,
    pub(super) over: Option<Spanned<Span>>,
}

impl StepEntry {
    /// Its options, without their places.
    pub(super) fn options(&self, seed: u64) -> Options {
        fn value<T: Clone>(option: Option<&Spanned<T>>) -> Option<T> {
            option.map(|option| option.value.clone())
        }
        Options {
            image: value(self.image.as_ref()),
            or_reset: value(self.or_reset.as_ref()),
            plane: value(self.plane.as_ref()),
            loss: value(self.loss.as_ref()),
            delay: value(self.delay.as_ref()),
            jitter: value(self.jitter.as_ref()),
            duplicate: value(self.duplicate.as_ref()),
            reorder: value(self.reorder.as_ref()),
            rate_bps: value(self.rate_bps.as_ref()),
            every: value(self.every.as_ref()),
            point: value(self.point.as_ref()),
            client: value(self.client.as_ref()),
            lines: value(self.lines.as_ref()),
            faults: value(self.faults.as_ref()),
            over: value(self.over.as_ref()),
            time: value(self.r#for.as_ref()),
            seed,
        }
    }

    /// Where an option is; the fault's place, where it is none or is not there.
    pub(super) fn place(&self, option: Option<&str>) -> Location {
        fn at<T>(option: Option<&Spanned<T>>) -> Option<Location> {
            option.map(|option| option.referenced)
        }
        let place = match option.unwrap_or_default() {
            "image" => at(self.image.as_ref()),
            "or-reset" => at(self.or_reset.as_ref()),
            "plane" => at(self.plane.as_ref()),
            "loss" => at(self.loss.as_ref()),
            "delay" => at(self.delay.as_ref()),
            "jitter" => at(self.jitter.as_ref()),
            "duplicate" => at(self.duplicate.as_ref()),
            "reorder" => at(self.reorder.as_ref()),
            "rate-bps" => at(self.rate_bps.as_ref()),
            "every" => at(self.every.as_ref()),
            "point" => at(self.point.as_ref()),
            "client" => at(self.client.as_ref()),
            "lines" => at(self.lines.as_ref()),
            "faults" => at(self.faults.as_ref()),
            "over" => at(self.over.as_ref()),
            "for" => at(self.r#for.as_ref()),
            _ => None,
        };
        place.unwrap_or(self.fault.referenced)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ObserveEntry {
    pub(super) until: Option<Spanned<Until>>,
    pub(super) at_most: Spanned<Span>,
}
