//! Evidence in JSON, without saying the same thing a thousand times: a flow that lost nothing is one number,
//! repeated ones are counted. Binary formats take the plain lists. What earlier releases wrote is read as well.

/// `{"offered": [[packets, flows], …], "told": [[number, {…}], …], "delays": {…}}`: what each flow was offered, in runs,
/// the whole story of those of which there is more to tell, and how late packets came, in runs.
pub(super) mod flows {
    use crate::{
        evidence::{FlowDelay, FlowEvidence},
        loss::LossPeriod,
    };
    use serde::{
        Deserialize, Deserializer, Serialize, Serializer,
        de::{self, MapAccess, SeqAccess, value::MapAccessDeserializer},
    };
    use std::fmt;

    #[derive(Serialize, Deserialize)]
    struct Stored {
        offered: Runs<u32>,
        told: Vec<(u32, Told)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delays: Option<Delays>,
    }

    /// Values of flows that follow each other, and how many have each.
    type Runs<T> = Vec<(T, u32)>;

    /// [`FlowDelay`] of every flow, a column each.
    #[derive(Serialize, Deserialize)]
    struct Delays {
        gap_ns: Runs<u64>,
        latency_max_ns: Runs<Option<u64>>,
        impaired: Runs<u32>,
    }

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Told {
        lost: u32,
        #[serde(skip_serializing_if = "is_zero")]
        duplicated: u32,
        #[serde(skip_serializing_if = "is_zero")]
        reordered: u32,
        #[serde(skip_serializing_if = "is_zero")]
        late: u32,
        #[serde(skip_serializing_if = "is_zero")]
        misdelivered: u32,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        periods: Vec<Period>,
        /// What the listed periods do not tell, when not all are listed.
        #[serde(skip_serializing_if = "Option::is_none")]
        more: Option<More>,
    }

    /// First, length, sent first, last and after, arrived before and after.
    type Period = (u32, u32, u64, u64, Option<u64>, Option<u64>, Option<u64>);

    #[derive(Serialize, Deserialize)]
    struct More {
        period_count: u32,
        longest: Option<LossPeriod>,
        timestamp_total_ns: u64,
        never_recovered: bool,
    }

    fn is_zero(value: &u32) -> bool {
        *value == 0
    }

    pub(in crate::evidence) fn serialize<S: Serializer>(
        flows: &[FlowEvidence],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return flows.serialize(serializer);
        }
        let offered = runs(flows.iter().map(|flow| flow.offered));
        let quiet = |flow: &FlowEvidence| {
            let FlowEvidence { offered, delay, .. } = *flow;
            *flow == FlowEvidence { offered, delivered: offered, delay, ..FlowEvidence::default() }
        };
        let told = (0..).zip(flows).filter(|(_, flow)| !quiet(flow)).map(|(number, flow)| (number, tell(flow)));
        Stored { offered, told: told.collect(), delays: delays(flows) }.serialize(serializer)
    }

    fn runs<T: PartialEq>(values: impl Iterator<Item = T>) -> Runs<T> {
        let mut runs: Runs<T> = Vec::new();
        for value in values {
            match runs.last_mut() {
                Some((same, count)) if *same == value => *count += 1,
                Some(_) | None => runs.push((value, 1)),
            }
        }
        runs
    }

    /// All of them or none: a release measures them or does not.
    fn delays(flows: &[FlowEvidence]) -> Option<Delays> {
        let all: Vec<FlowDelay> = flows.iter().map(|flow| flow.delay).collect::<Option<_>>()?;
        Some(Delays {
            gap_ns: runs(all.iter().map(|delay| delay.gap_ns)),
            latency_max_ns: runs(all.iter().map(|delay| delay.latency_max_ns)),
            impaired: runs(all.iter().map(|delay| delay.impaired)),
        })
    }

    fn tell(flow: &FlowEvidence) -> Told {
        let period = |period: &LossPeriod| {
            let LossPeriod { first, length, sent_first, sent_last, sent_after, arrived_before, arrived_after } =
                *period;
            (first, length, sent_first, sent_last, sent_after, arrived_before, arrived_after)
        };
        let more = More {
            period_count: flow.period_count,
            longest: flow.longest.clone(),
            timestamp_total_ns: flow.timestamp_total_ns,
            never_recovered: flow.never_recovered,
        };
        Told {
            lost: flow.lost(),
            duplicated: flow.duplicated,
            reordered: flow.reordered,
            late: flow.late,
            misdelivered: flow.misdelivered,
            periods: flow.periods.iter().map(period).collect(),
            more: (flow.periods.len() != flow.period_count as usize).then_some(more),
        }
    }

    fn hear(FlowEvidence { offered, delay, .. }: FlowEvidence, told: Told) -> FlowEvidence {
        let periods: Vec<LossPeriod> = told
            .periods
            .into_iter()
            .map(|(first, length, sent_first, sent_last, sent_after, arrived_before, arrived_after)| LossPeriod {
                first,
                length,
                sent_first,
                sent_last,
                sent_after,
                arrived_before,
                arrived_after,
            })
            .collect();
        let more = told.more.unwrap_or_else(|| More {
            period_count: periods.len() as u32,
            longest: periods.iter().max_by_key(|period| period.length).cloned(),
            timestamp_total_ns: periods.iter().map(LossPeriod::timestamp_derived_ns).fold(0, u64::saturating_add),
            never_recovered: periods.last().is_some_and(|period| !period.recovered()),
        });
        FlowEvidence {
            offered,
            delivered: offered.saturating_sub(told.lost),
            duplicated: told.duplicated,
            reordered: told.reordered,
            late: told.late,
            misdelivered: told.misdelivered,
            period_count: more.period_count,
            longest: more.longest,
            timestamp_total_ns: more.timestamp_total_ns,
            never_recovered: more.never_recovered,
            periods,
            delay,
        }
    }

    /// Ten times the flows that an experiment may have. More are no evidence, and would only fill the memory.
    const FLOWS_MAX: u64 = 1 << 20;

    fn count<T>(runs: &Runs<T>) -> u64 {
        runs.iter().map(|(_, flows)| u64::from(*flows)).sum()
    }

    /// The values of `flows` flows.
    fn unrolled<T: Copy, E: de::Error>(runs: &Runs<T>, flows: usize) -> Result<Vec<T>, E> {
        if count(runs) != flows as u64 {
            return Err(E::custom(format!("{flows} flows, and delays of {}", count(runs))));
        }
        Ok(runs.iter().flat_map(|(value, flows)| std::iter::repeat_n(*value, *flows as usize)).collect())
    }

    fn unfold<E: de::Error>(stored: Stored) -> Result<Vec<FlowEvidence>, E> {
        if count(&stored.offered) > FLOWS_MAX {
            return Err(E::custom("more flows than a tester has"));
        }
        let quiet = |packets| FlowEvidence { offered: packets, delivered: packets, ..FlowEvidence::default() };
        let mut flows: Vec<FlowEvidence> = Vec::new();
        for (packets, count) in stored.offered {
            flows.resize(flows.len() + count as usize, quiet(packets));
        }
        if let Some(Delays { gap_ns, latency_max_ns, impaired }) = stored.delays {
            let (gaps, latencies) = (unrolled(&gap_ns, flows.len())?, unrolled(&latency_max_ns, flows.len())?);
            let columns = gaps.into_iter().zip(latencies).zip(unrolled(&impaired, flows.len())?);
            for (flow, ((gap_ns, latency_max_ns), impaired)) in flows.iter_mut().zip(columns) {
                flow.delay = Some(FlowDelay { gap_ns, latency_max_ns, impaired });
            }
        }
        for (number, told) in stored.told {
            let flow = flows.get_mut(number as usize).ok_or_else(|| E::custom(format!("there is no flow {number}")))?;
            if told.lost > flow.offered {
                return Err(E::custom(format!("flow {number} lost {} of {} packets", told.lost, flow.offered)));
            }
            *flow = hear(std::mem::take(flow), told);
        }
        Ok(flows)
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<FlowEvidence>, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = Vec<FlowEvidence>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("flows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut flows: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(flow) = flows.next_element()? {
                    all.push(flow);
                }
                Ok(all)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                unfold(Stored::deserialize(MapAccessDeserializer::new(map))?)
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Either)
        } else {
            Vec::deserialize(deserializer)
        }
    }
}

/// `[[bins, offered, lost], …]`: runs of bins that are alike.
pub(super) mod bins {
    use crate::evidence::LossBin;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    /// Bins of a trial of a day.
    const BINS_MAX: usize = 8_640_000;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Run(u32, u32, u32),
        Bin(LossBin),
    }

    pub(in crate::evidence) fn serialize<S: Serializer>(bins: &[LossBin], serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return bins.serialize(serializer);
        }
        let mut runs: Vec<(u32, u32, u32)> = Vec::new();
        for bin in bins {
            match runs.last_mut() {
                Some((count, offered, lost)) if (*offered, *lost) == (bin.offered, bin.lost) => *count += 1,
                Some(_) | None => runs.push((1, bin.offered, bin.lost)),
            }
        }
        runs.serialize(serializer)
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<LossBin>, D::Error> {
        if !deserializer.is_human_readable() {
            return Vec::deserialize(deserializer);
        }
        let mut bins = Vec::new();
        for stored in Vec::<Stored>::deserialize(deserializer)? {
            let (count, bin) = match stored {
                Stored::Run(count, offered, lost) => (count as usize, LossBin { offered, lost }),
                Stored::Bin(bin) => (1, bin),
            };
            if bins.len() + count > BINS_MAX {
                return Err(D::Error::custom("more bins than a day has"));
            }
            bins.resize(bins.len() + count, bin);
        }
        Ok(bins)
    }
}
