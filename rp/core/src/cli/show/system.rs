//! `show version`, `show platform`, `show diag` and others about the chassis as a whole.

use super::{SHOW, SLOT, SUMMARY, Shown, lines, show};
use crate::{
    cli::{
        LineCardState, LineCardView, UnitView, View,
        commands::Exec,
        style::Style,
        text::{self, age, snake_case, uptime},
    },
    config::Config,
    grammar::{Command, Help, Line, Token::Keyword as K, Token::Optional},
};
use fabric_proto::{
    id::Slot,
    punt::{PuntCount, PuntCounts, PuntReason, Rate},
};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) static COMMANDS: &[Command<Exec>] = &[
    show(&[SHOW, K("version")], |view, _| Ok(version(view))),
    show(&[SHOW, K("diag"), Optional(&[SLOT])], diag),
    show(&[SHOW, K("diag"), SUMMARY], |view, _| Ok(diag_summary(view))),
    show(&[SHOW, K("boot")], |view, _| Ok(boot(view))),
    show(&[SHOW, K("bootvar")], |view, _| Ok(boot(view))),
    show(&[SHOW, K("clock")], |view, _| Ok(clock(view))),
    show(&[SHOW, K("platform")], |view, _| Ok(platform(view))),
    show(&[SHOW, K("platform"), K("punt")], |view, _| Ok(punts(&view.tables.punts()))),
];

pub(super) const HELP: Help = &[
    ("version", "Release of each unit, and uptime"),
    ("diag", "Hardware of the slots"),
    ("boot", "What each unit boots"),
    ("bootvar", "What each unit boots"),
    ("clock", "Time of day"),
    ("platform", "Slots of the chassis"),
    ("punt", "Packets that line cards give to this route processor, by reason"),
];

/// The one line that names an image.
pub(super) fn version_line(release: &str) -> String {
    format!("swact route processor, release {release}")
}

/// A release as `major.minor(maintenance)`, the form in which the field's tools read versions.
pub(super) fn field_version(release: &str) -> Option<String> {
    let mut parts = release.split('.');
    let (major, minor, maintenance) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = [major, minor, maintenance].into_iter().all(number) && parts.next().is_none();
    fits.then(|| format!("{major}.{minor}({maintenance})"))
}

/// What a unit boots, as `device:file`: its own `hw-module slot` image, else the first `boot system`,
/// else the image it runs.
pub(super) fn boot_variable(config: &Config, unit: &UnitView) -> Option<String> {
    let configured =
        config.slot_images.get(&unit.slot).and_then(|images| images.first()).or(config.boot_system.first());
    let image = match configured {
        Some(image) => image.split_whitespace().collect::<Vec<_>>().join(":"),
        None => unit.release.clone()?,
    };
    Some(if image.contains(':') { image } else { format!("image:{image}") })
}

fn version(view: &View<'_>) -> Shown {
    let red = &view.redundancy;
    let release = red.my.release.as_deref().unwrap_or("unknown");
    let hostname = &view.running.hostname;
    let boot = boot_variable(view.running, &red.my).unwrap_or_else(|| "unknown".to_owned());
    let register = format!("0x{:X}", view.running.config_register);
    let units: Vec<&UnitView> = if red.duplex { vec![&red.my, &red.peer] } else { vec![&red.my] };
    let mut text = format!(
        "swact Software, (SWACT-RP), Version {release}, chassis emulator\n\nROM: swact\n\n\
         {hostname} uptime is {}\nUptime for this control processor is {}\nSystem returned to ROM by {}\n\
         System image file is \"{boot}\"\nLast reload reason: {}\n\nPlatform {}, {} line cards\n",
        uptime(view.system_uptime),
        uptime(red.my.in_state),
        view.restart_reason,
        view.restart_reason,
        view.platform,
        view.line_cards.len(),
    );
    for unit in &units {
        let runs = unit.release.as_deref().unwrap_or("unknown");
        let slot = Style::of(view.platform).slot(unit.slot);
        text += &format!("Slot {slot}: route processor, release {runs}, {}\n", unit.state.name);
    }
    text += &format!("\nConfiguration register is {register}\n");
    let json = json!({
        "hostname": hostname,
        "version": release,
        "uptime": uptime(view.system_uptime),
        "uptime_seconds": view.system_uptime.as_secs(),
        "reload_reason": view.restart_reason,
        "system_image": boot,
        "platform": view.platform,
        "config_register": register,
        "units": units
            .iter()
            .map(|unit| json!({"slot": unit.slot.to_string(), "release": unit.release, "state": unit.state.name}))
            .collect::<Vec<_>>(),
    });
    Shown { text, json }
}

/// What each unit boots. Both boot by the same configuration.
fn boot(view: &View<'_>) -> Shown {
    let red = &view.redundancy;
    let register = format!("0x{:X}", view.running.config_register);
    let variable = |unit| boot_variable(view.running, unit).unwrap_or_default();
    let (my, peer) = (variable(&red.my), variable(&red.peer));
    let mut text = format!(
        "BOOT variable = {my}\nCONFIG_FILE variable =\nBOOTLDR variable =\nConfiguration register is {register}\n\n"
    );
    text += &match red.duplex {
        true => format!(
            "Standby is {}\nStandby BOOT variable = {peer}\nStandby CONFIG_FILE variable =\n\
             Standby BOOTLDR variable =\nStandby Configuration register is {register}\n",
            if red.peer.state.is_standby() { "up" } else { "not ready" }
        ),
        false => "Standby is not present\n".to_owned(),
    };
    let unit =
        |unit: &UnitView, boot: &str| json!({"slot": unit.slot.to_string(), "boot": boot, "config_register": register});
    let json = json!({"current": unit(&red.my, &my), "peer": red.duplex.then(|| unit(&red.peer, &peer))});
    Shown { text, json }
}

/// A card in its slot, as `show diag` and `show platform` have it.
struct Card {
    id: Slot,
    /// As the chassis numbers it.
    slot: String,
    kind: &'static str,
    state: &'static str,
    since: Duration,
    /// Lines about it, for `show diag`.
    facts: Vec<(&'static str, String)>,
}

fn cards(view: &View<'_>) -> Vec<Card> {
    let style = Style::of(view.platform);
    let line_card = |card: &LineCardView| Card {
        id: Slot::Lc(card.slot),
        slot: card.slot.to_string(),
        kind: "SWACT-LC",
        state: card_state(card.state),
        since: card.in_state,
        facts: vec![
            ("Release", card.release.clone().unwrap_or_else(|| "unknown".to_owned())),
            ("Ports", format!("{} configured, GigabitEthernet", card.ports)),
            ("Routes", format!("{} IPv4, {} IPv6", card.routes[0], card.routes[1])),
        ],
    };
    let mut cards: Vec<Card> = view.line_cards.iter().map(line_card).collect();
    let red = &view.redundancy;
    let mut units = [&red.my, &red.peer];
    units.sort_by_key(|unit| unit.slot);
    cards.extend(units.into_iter().map(|unit| {
        let present = red.duplex || unit.slot == red.my.slot;
        Card {
            id: Slot::Rp(unit.slot),
            slot: style.slot(unit.slot).to_owned(),
            kind: "SWACT-RP",
            state: unit_state(unit, present),
            since: unit.in_state,
            facts: vec![
                ("Release", unit.release.clone().unwrap_or_else(|| "unknown".to_owned())),
                ("Redundancy state", unit.state.name.clone()),
                ("Unit", style.unit(unit.slot).to_string()),
            ],
        }
    }));
    cards
}

fn diag(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let named = line.slot().ok();
    let chosen: Vec<Card> = cards(view).into_iter().filter(|card| named.is_none_or(|slot| slot == card.id)).collect();
    if let (Some(slot), true) = (named, chosen.is_empty()) {
        return Err(format!("There is no slot {slot} in this chassis."));
    }
    let mut text = String::new();
    for card in &chosen {
        text += &format!("Slot {}: {}, {}, for {}\n", card.slot, card.kind, card.state, age(card.since));
        text += &lines(card.facts.iter().map(|(name, fact)| format!("        {name}: {fact}")));
    }
    let slots = chosen.iter().map(|card| {
        let facts = card.facts.iter().map(|(name, fact)| (snake_case(name), Value::from(fact.as_str())));
        json!({
            "slot": card.id.to_string(),
            "type": card.kind,
            "state": card.state,
            "in_state_seconds": card.since.as_secs(),
            "facts": facts.collect::<serde_json::Map<_, _>>(),
        })
    });
    Ok(Shown { text, json: json!({"slots": slots.collect::<Vec<_>>()}) })
}

fn diag_summary(view: &View<'_>) -> Shown {
    let cards = cards(view);
    let row = |card: &Card| format!("Slot {:<4}{:<12}{}", card.slot, card.kind, card.state);
    Shown {
        text: lines(cards.iter().map(row)),
        json: json!({
            "slots": cards
                .iter()
                .map(|card| json!({"slot": card.id.to_string(), "type": card.kind, "state": card.state}))
                .collect::<Vec<_>>()
        }),
    }
}

fn clock(view: &View<'_>) -> Shown {
    let clock = text::clock(view.clock);
    Shown { text: format!("{clock}\n"), json: json!({"clock": clock, "unix_ms": view.clock.as_millis() as u64}) }
}

fn platform(view: &View<'_>) -> Shown {
    let cards = cards(view);
    let head = format!(
        "Chassis type: {}\n\n{:<10}{:<20}{:<22}Insert time (ago)\n{} {} {} {}\n",
        view.platform,
        "Slot",
        "Type",
        "State",
        "-".repeat(9),
        "-".repeat(19),
        "-".repeat(21),
        "-".repeat(17)
    );
    let rows =
        cards.iter().map(|card| format!("{:<10}{:<20}{:<22}{}", card.slot, card.kind, card.state, age(card.since)));
    Shown {
        text: head + &lines(rows),
        json: json!({
            "chassis": view.platform,
            "slots": cards
                .iter()
                .map(|card| json!({
                    "slot": card.id.to_string(),
                    "type": card.kind,
                    "state": card.state,
                    "in_state_seconds": card.since.as_secs(),
                }))
                .collect::<Vec<_>>(),
        }),
    }
}

/// What this unit was given, and what it had sent. What line cards police never gets here: each counts it itself.
fn punts(counts: &PuntCounts) -> Shown {
    let head =
        format!("{:<20}{:>12}{:>12}{:>12}{:>12}{:>10}\n", "Reason", "Passed", "Policed", "Lost", "Rate (pps)", "Burst");
    let of = |reason: PuntReason| (reason, counts.reasons.get(&reason).copied().unwrap_or_default());
    let all: Vec<_> = PuntReason::ALL.iter().map(|reason| of(*reason)).collect();
    let row = |(reason, count): &(PuntReason, PuntCount)| {
        let Rate { packets, burst } = reason.rate();
        let PuntCount { passed, policed, lost } = count;
        format!("{:<20}{passed:>12}{policed:>12}{lost:>12}{packets:>12}{burst:>10}", reason.name())
    };
    let (injected, not_injected) = (counts.injected, counts.not_injected);
    let reasons = all.iter().map(|(reason, PuntCount { passed, policed, lost })| {
        let Rate { packets, burst } = reason.rate();
        json!({
            "reason": reason.name(),
            "passed": passed,
            "policed": policed,
            "lost": lost,
            "rate": packets,
            "burst": burst,
        })
    });
    Shown {
        text: head
            + &lines(all.iter().map(row))
            + &format!("\nFrames sent: {injected}, not taken by line cards: {not_injected}\n"),
        json: json!({
            "reasons": reasons.collect::<Vec<_>>(),
            "injected": injected,
            "not_injected": not_injected,
        }),
    }
}

fn card_state(state: LineCardState) -> &'static str {
    match state {
        LineCardState::Absent => "empty",
        LineCardState::Incompatible => "incompatible",
        LineCardState::Adopting => "booting",
        LineCardState::Syncing => "inserted",
        LineCardState::InSync => "ok",
        LineCardState::NotOwned => "unknown",
    }
}

fn unit_state(unit: &UnitView, present: bool) -> &'static str {
    match () {
        () if !present => "empty",
        () if unit.state.is_active() => "ok, active",
        () if unit.state.is_standby() => "ok, standby",
        () => "booting",
    }
}
