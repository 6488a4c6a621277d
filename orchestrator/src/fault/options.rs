//! What a user says of a fault besides its name and its target, in a file or on the command line. Each option belongs to
//! some faults, and has a range.

use super::{Fault, FaultName, Storm, check::check_fault};
use fabric_proto::operator::{CrashPoint, DropOrder, Impairment, PlaneSet};
use notation::units::Span;

/// Largest `every` of a drop: one packet of so many is still an outage that a load can show.
pub const EVERY_MAX: u32 = 1_000_000;

/// Options as they were given; `None`: left out.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `swap-image`, `upgrade-card`: the release.
    pub image: Option<String>,
    /// `upgrade-card`: reset a card that cannot be handed over.
    pub or_reset: Option<bool>,
    /// `impair`, `partition`, `heal`: on which planes.
    pub plane: Option<PlaneSet>,
    /// `impair`: probability of loss.
    pub loss: Option<f64>,
    /// `impair`: added delay.
    pub delay: Option<Span>,
    /// `impair`: jitter around it.
    pub jitter: Option<Span>,
    /// `impair`: probability that a packet is sent twice.
    pub duplicate: Option<f64>,
    /// `impair`: probability that a packet overtakes.
    pub reorder: Option<f64>,
    /// `impair`: ceiling in bits a second.
    pub rate_bps: Option<u64>,
    /// `drop`: every so many-th packet.
    pub every: Option<u32>,
    /// `crash`: where.
    pub point: Option<CrashPoint>,
    /// `hang`, `unhang`: which client, by its number, its name or the first word of it.
    pub client: Option<String>,
    /// `exec`: what is typed.
    pub lines: Option<Vec<String>>,
    /// `storm`: how many faults.
    pub faults: Option<u32>,
    /// `storm`: from the first to the last.
    pub over: Option<Span>,
    /// How long until the fault is taken back.
    pub time: Option<Span>,
    /// Decides impairments and storms.
    pub seed: u64,
}

/// An option that cannot be used, or a fault that lacks one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOption {
    /// Which, as files have it; `None`: the fault itself.
    pub option: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl BadOption {
    fn of(option: &'static str, message: String, remedy: impl Into<String>) -> Self {
        Self { option: Some(option), message, remedy: remedy.into() }
    }
}

impl Options {
    /// Options that were given and that a fault does not have.
    pub fn foreign(&self, name: FaultName) -> impl Iterator<Item = BadOption> {
        let impair = name == FaultName::Impair;
        let between = impair || matches!(name, FaultName::Partition | FaultName::Heal);
        let storm = name == FaultName::Storm;
        let options = [
            ("image", self.image.is_some(), matches!(name, FaultName::SwapImage | FaultName::UpgradeCard)),
            ("or-reset", self.or_reset.is_some(), name == FaultName::UpgradeCard),
            ("plane", self.plane.is_some(), between),
            ("loss", self.loss.is_some(), impair),
            ("delay", self.delay.is_some(), impair),
            ("jitter", self.jitter.is_some(), impair),
            ("duplicate", self.duplicate.is_some(), impair),
            ("reorder", self.reorder.is_some(), impair),
            ("rate-bps", self.rate_bps.is_some(), impair),
            ("every", self.every.is_some(), name == FaultName::Drop),
            ("point", self.point.is_some(), name == FaultName::Crash),
            ("client", self.client.is_some(), matches!(name, FaultName::Hang | FaultName::Unhang)),
            ("lines", self.lines.is_some(), name == FaultName::Exec),
            ("faults", self.faults.is_some(), storm),
            ("over", self.over.is_some(), storm),
            ("for", self.time.is_some(), name.undone_by().is_some()),
        ];
        let foreign = options.into_iter().filter(|(_, given, has)| *given && !has);
        foreign.map(move |(option, ..)| {
            BadOption::of(option, format!("fault '{name}' has no option '{option}'"), "remove the option")
        })
    }

    /// The fault that they make, where it has all that it needs and nothing is out of range. What another fault would take
    /// changes nothing.
    pub fn fault(&self, name: FaultName) -> Result<Fault, BadOption> {
        self.check_ranges(name)?;
        let storm = Storm::default();
        let fault = Fault {
            name,
            image: self.image.clone(),
            or_reset: self.or_reset.unwrap_or_default(),
            impairment: Impairment {
                partition: name == FaultName::Partition,
                loss: self.loss.unwrap_or(0.0),
                delay_ms: millis(self.delay),
                jitter_ms: millis(self.jitter),
                duplicate: self.duplicate.unwrap_or(0.0),
                reorder: self.reorder.unwrap_or(0.0),
                rate_bps: self.rate_bps.unwrap_or(0),
                seed: self.seed,
            },
            plane: self.plane.unwrap_or(PlaneSet::Both),
            drop: match name {
                FaultName::Drop => DropOrder {
                    every: self.every.unwrap_or(1),
                    for_ns: self.time.map_or(0, |time| time.0.as_nanos() as u64),
                },
                _ => DropOrder::default(),
            },
            point: self.point,
            client: self.client.clone(),
            lines: self.lines.clone().unwrap_or_default(),
            storm: Storm {
                faults: self.faults.unwrap_or(storm.faults),
                over: self.over.unwrap_or(storm.over),
                seed: self.seed,
            },
        };
        check_fault(&fault).map_err(|(message, remedy)| BadOption { option: None, message, remedy })?;
        Ok(fault)
    }

    fn check_ranges(&self, name: FaultName) -> Result<(), BadOption> {
        if name == FaultName::Impair {
            let shares = [("loss", self.loss), ("duplicate", self.duplicate), ("reorder", self.reorder)];
            for (option, share) in shares.into_iter().filter_map(|(option, share)| Some((option, share?))) {
                if !(0.0..=1.0).contains(&share) {
                    let message = format!("'{option}: {share}' is not a probability");
                    return Err(BadOption::of(option, message, "give 0 to 1"));
                }
            }
        }
        if let Some(every) = self.every.filter(|every| name == FaultName::Drop && !(1..=EVERY_MAX).contains(every)) {
            let message = format!("'every: {every}' drops nothing");
            return Err(BadOption::of("every", message, format!("give 1 to {EVERY_MAX}")));
        }
        match self.time {
            Some(time) if name.undone_by().is_some() && time.0.is_zero() => {
                let message = "a fault that lasts no time is none".to_owned();
                Err(BadOption::of("for", message, "give a time, as '2s'"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn millis(span: Option<Span>) -> f64 {
    span.map_or(0.0, |span| span.0.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_another_fault_is_named_and_changes_nothing() {
        let options = Options { loss: Some(7.0), every: Some(0), ..Options::default() };
        let foreign: Vec<_> = options.foreign(FaultName::Kill).filter_map(|bad| bad.option).collect();
        assert_eq!(foreign, ["loss", "every"]);
        assert_eq!(options.fault(FaultName::Kill).unwrap().drop, DropOrder::default());
        let bad = |name| options.fault(name).unwrap_err();
        assert_eq!((bad(FaultName::Impair).option, bad(FaultName::Drop).option), (Some("loss"), Some("every")));
    }

    #[test]
    fn a_fault_that_does_nothing_is_none() {
        let second = Some(Span(std::time::Duration::from_secs(1)));
        let drop = |every, time| Options { every: Some(every), time, ..Options::default() }.fault(FaultName::Drop);
        assert_eq!(drop(u32::MAX, second).unwrap_err().message, "'every: 4294967295' drops nothing");
        assert_eq!(drop(1, Some(Span::default())).unwrap_err().option, Some("for"));
        assert_eq!(drop(EVERY_MAX, second).unwrap().drop.for_ns, 1_000_000_000);
        // On the command line a drop may last until it is healed.
        assert_eq!(drop(1, None).unwrap().drop.for_ns, 0);
    }
}
