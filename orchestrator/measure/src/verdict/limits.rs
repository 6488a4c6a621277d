//! What can be limited, and the limits of one mode as experiments write them.

use crate::trial::TrialRecord;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{collections::BTreeMap, fmt};

macro_rules! quantities {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $words:literal, $of:expr;)*) => {
        /// A figure of a trial in which more is worse. Times are in milliseconds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Quantity { $($(#[$doc])* $name,)* }

        impl Quantity {
            /// All of them, in the order of reports.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in experiments and in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its name in sentences.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }

            /// What a trial shows; `None`: not measured.
            pub fn of(self, trial: &TrialRecord) -> Option<f64> {
                let of: fn(&TrialRecord) -> Option<f64> = match self { $(Self::$name => $of,)* };
                of(trial)
            }
        }
    };
}

quantities! {
    /// Packets lost.
    Lost = "lost", "lost packets", |trial| Some(trial.accounting.lost as f64);
    /// Packets unaccounted for, either way.
    Unaccounted = "unaccounted", "unaccounted packets",
        |trial| Some(trial.accounting.unaccounted.unsigned_abs() as f64);
    /// Packets that arrived more than once.
    Duplicated = "duplicated", "duplicated packets", |trial| Some(trial.duplicated() as f64);
    /// Packets that were overtaken.
    Reordered = "reordered", "reordered packets", |trial| Some(trial.reordered() as f64);
    /// Packets that arrived more than a second late.
    Late = "late", "late packets", |trial| Some(trial.late() as f64);
    /// Packets that arrived where or as they should not.
    Misdelivered = "misdelivered", "misdelivered packets", |trial| Some(trial.accounting.misdelivered as f64);
    /// Packets lost, too late, overtaken or arrived again (RFC 6412 §3.8.1).
    Impaired = "impaired", "impaired packets", |trial| trial.impaired().map(|packets| packets as f64);
    /// Longest time without an arrival in any one flow, whether packets were lost or only late.
    ArrivalGap = "arrival-gap-ms", "arrival gap ms", TrialRecord::arrival_gap_ms;
    /// Greatest latency of a packet that arrived, from its intended send time.
    LatencyMax = "latency-max-ms", "greatest latency ms", TrialRecord::latency_max_ms;
    /// Loss-derived outage over all flows.
    Outage = "outage-ms", "outage ms", |trial| Some(trial.outage().loss_derived_ns / 1e6);
    /// Longest loss period of any flow.
    Longest = "longest-ms", "longest outage ms", |trial| Some(trial.outage().longest_ns / 1e6);
    /// Total of the loss periods of the flow that lost most.
    Total = "total-ms", "total outage ms", |trial| Some(trial.outage().total_ns / 1e6);
    /// Loss periods in one flow.
    Count = "count", "loss periods of one flow", |trial| Some(f64::from(trial.outage().count));
    /// From the fault until the standby declares the active dead.
    Detect = "detect-ms", "detect ms", |trial| trial.switchover.detect;
    /// From the fault until the new active owns the chassis.
    TakeOver = "take-over-ms", "take over ms", |trial| trial.switchover.take_over;
    /// From the fault until the last line card obeys the new active.
    Adopt = "adopt-ms", "adopt ms", |trial| trial.switchover.adopt;
    /// From the fault until the last line card's table is right.
    Reconcile = "reconcile-ms", "reconcile ms", |trial| trial.switchover.reconcile;
    /// From the fault until everything has converged.
    Converge = "converge-ms", "converge ms", |trial| trial.switchover.converge;
    /// From the fault until a standby is ready again.
    Redundant = "redundant-ms", "redundant ms", |trial| trial.switchover.redundant;
}

/// Over which trials a limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// Over each one: no suffix.
    Worst,
    /// `_median`.
    Median,
    /// `_mean`.
    Mean,
    /// `_p90`: from 10 valid trials on.
    P90,
    /// `_p99`: from 100 valid trials on.
    P99,
}

impl Statistic {
    const SUFFIXES: [(Self, &'static str); 4] =
        [(Self::Median, "-median"), (Self::Mean, "-mean"), (Self::P90, "-p90"), (Self::P99, "-p99")];
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worst => "worst",
            Self::Median => "median",
            Self::Mean => "mean",
            Self::P90 => "90th percentile",
            Self::P99 => "99th percentile",
        })
    }
}

/// The most that a mode may show. What is not given is not limited.
///
/// A name is that of a [`Quantity`], alone or with `_median`, `_mean`, `_p90` or `_p99`: `outage_ms_p90`.
/// Hyphens and underscores are the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits(BTreeMap<(Quantity, Statistic), f64>);

impl Limits {
    /// These, and one more.
    #[must_use]
    pub fn and(mut self, quantity: Quantity, statistic: Statistic, most: f64) -> Self {
        self.0.insert((quantity, statistic), most);
        self
    }

    /// Every limit.
    pub fn iter(&self) -> impl Iterator<Item = (Quantity, Statistic, f64)> {
        self.0.iter().map(|((quantity, statistic), most)| (*quantity, *statistic, *most))
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parse(name: &str) -> Option<(Quantity, Statistic)> {
    let name = name.replace('_', "-");
    let quantity = |text: &str| Quantity::ALL.iter().copied().find(|quantity| quantity.name() == text);
    let with_suffix =
        |(statistic, suffix): &(Statistic, &str)| Some((quantity(name.strip_suffix(suffix)?)?, *statistic));
    quantity(&name)
        .map(|quantity| (quantity, Statistic::Worst))
        .or_else(|| Statistic::SUFFIXES.iter().find_map(with_suffix))
}

/// The name of a limit as JSON has it.
fn name(quantity: Quantity, statistic: Statistic) -> String {
    let suffix = Statistic::SUFFIXES.iter().find(|(known, _)| *known == statistic).map_or("", |(_, suffix)| suffix);
    format!("{}{suffix}", quantity.name())
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(quantity, statistic, most)| (name(quantity, statistic), most)))
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> de::Visitor<'de> for Map {
            type Value = Limits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("limits: {lost: 0, outage_ms_p90: 500}")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Limits, A::Error> {
                let mut limits = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let Some(key) = parse(&name) else { return Err(de::Error::custom(unknown(&name))) };
                    // Runs of earlier releases write what was not limited as null.
                    let Some(most) = map.next_value::<Option<f64>>()? else { continue };
                    if !(most.is_finite() && most >= 0.0) {
                        return Err(de::Error::custom(format!("{name}: {most} is no limit: give a number from 0 on")));
                    }
                    if limits.insert(key, most).is_some() {
                        return Err(de::Error::custom(format!("{name} is limited twice: remove one")));
                    }
                }
                Ok(Limits(limits))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = Quantity::ALL.iter().map(|quantity| quantity.name()).collect();
    format!(
        "there is no threshold '{name}'; there are {}, each also with -median, -mean, -p90 or -p99",
        known.join(", ")
    )
}
