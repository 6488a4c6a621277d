//! Evidence in JSON, without saying the same thing a thousand times: a flow that lost nothing is one number,
//! repeated ones are counted. Binary formats take the plain lists. What earlier releases wrote is read as well.

/// `{"offered": [[packets, flows], …], "told": [[number, {…}], …]}`: what each flow was offered, in runs, and
/// the whole story of those of which there is more to tell.
pub(super) mod flows {
    use crate::{evidence::FlowEvidence, loss::LossPeriod};
    use serde::{
        Deserialize, Deserializer, Serialize, Serializer,
        de::{self, MapAccess, SeqAccess, value::MapAccessDeserializer},
    };
    use std::fmt;

    #[derive(Serialize, Deserialize)]
    struct Stored {
        offered: Vec<(u32, u32)>,
        told: Vec<(u32, Told)>,
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
        let mut offered: Vec<(u32, u32)> = Vec::new();
        for flow in flows {
            match offered.last_mut() {
                Some((packets, count)) if *packets == flow.offered => *count += 1,
                Some(_) | None => offered.push((flow.offered, 1)),
            }
        }
        let quiet = |flow: &FlowEvidence| {
            *flow == FlowEvidence { offered: flow.offered, delivered: flow.offered, ..FlowEvidence::default() }
        };
        let told = (0..).zip(flows).filter(|(_, flow)| !quiet(flow)).map(|(number, flow)| (number, tell(flow)));
        Stored { offered, told: told.collect() }.serialize(serializer)
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

    fn hear(offered: u32, told: Told) -> FlowEvidence {
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
            timestamp_total_ns: periods.iter().map(LossPeriod::timestamp_derived_ns).sum(),
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
        }
    }

    /// More flows than signatures can name are no evidence, and would only fill the memory.
    const FLOWS_MAX: u64 = crate::signature::FLOWS_MAX as u64;

    fn unfold<E: de::Error>(stored: Stored) -> Result<Vec<FlowEvidence>, E> {
        if stored.offered.iter().map(|(_, flows)| u64::from(*flows)).sum::<u64>() > FLOWS_MAX {
            return Err(E::custom("more flows than a tester has"));
        }
        let quiet = |packets| FlowEvidence { offered: packets, delivered: packets, ..FlowEvidence::default() };
        let mut flows: Vec<FlowEvidence> = Vec::new();
        for (packets, count) in stored.offered {
            flows.resize(flows.len() + count as usize, quiet(packets));
        }
        for (number, told) in stored.told {
            let flow = flows.get_mut(number as usize).ok_or_else(|| E::custom(format!("there is no flow {number}")))?;
            *flow = hear(flow.offered, told);
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
