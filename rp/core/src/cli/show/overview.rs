//! `show redundancy`, in the layout of each platform.

use super::{
    SHOW, Shown, lines,
    redundancy::{MAINTENANCE, RED, communications, operating, operating_name, simplex},
    show, system,
};
use crate::{
    cli::{
        UnitView, View,
        commands::Exec,
        style::{Overview, Style},
        text::uptime,
    },
    grammar::Command,
};
use serde_json::{Value, json};

pub(super) static COMMANDS: &[Command<Exec>] = &[show(&[SHOW, RED], |view, _| Ok(overview(view)))];

fn overview(view: &View<'_>) -> Shown {
    let style = Style::of(view.platform);
    let text = match style.overview {
        Overview::Blocks => blocks(view, style),
        Overview::Sentences => sentences(view, style),
        Overview::Units => units(view, style),
        Overview::Short => short(view, style),
    };
    let red = &view.redundancy;
    let json = json!({
        "available_system_uptime": uptime(view.system_uptime),
        "available_system_uptime_seconds": view.system_uptime.as_secs(),
        "switchovers_system_experienced": red.switchovers,
        "standby_failures": red.standby_failures,
        "last_switchover_reason": reason(view),
        "hw_mode": hardware(view),
        "conf_red_mode": view.running.redundancy.mode.to_string(),
        "oper_red_mode": operating_name(view),
        "maint_mode": MAINTENANCE,
        "communications": if red.communications { "Up" } else { "Down" },
        "current": unit_json(view, &red.my),
        "peer": if red.duplex { unit_json(view, &red.peer) } else { Value::Null },
    });
    Shown { text, json }
}

fn reason<'a>(view: &'a View<'_>) -> &'a str {
    view.redundancy.switchover_history.last().map_or("none", |last| last.reason.as_str())
}

fn hardware(view: &View<'_>) -> &'static str {
    if view.redundancy.duplex { "Duplex" } else { "Simplex" }
}

/// The active unit and the standby, where there is one.
fn roles<'a>(view: &'a View<'_>) -> (&'a UnitView, Option<&'a UnitView>) {
    let red = &view.redundancy;
    match () {
        () if !red.duplex => (&red.my, None),
        () if red.peer.state.is_active() => (&red.peer, Some(&red.my)),
        () => (&red.my, Some(&red.peer)),
    }
}

fn blocks(view: &View<'_>, style: &Style) -> String {
    let red = &view.redundancy;
    let row = |name: &str, value: &str| format!("{name:>30} = {value}\n");
    let mut text = "Redundant System Information :\n------------------------------\n".to_owned();
    text += &row("Available system uptime", &uptime(view.system_uptime));
    text += &row("Switchovers system experienced", &red.switchovers.to_string());
    text += &row("Standby failures", &red.standby_failures.to_string());
    text += &row("Last switchover reason", reason(view));
    text.push('\n');
    text += &row("Hardware Mode", hardware(view));
    text += &row("Configured Redundancy Mode", &style.mode(view.running.redundancy.mode));
    text += &row("Operating Redundancy Mode", &operating(view, style));
    text += &row("Maintenance Mode", MAINTENANCE);
    text += &row("Communications", &communications(view));
    text += "\nCurrent Processor Information :\n-------------------------------\n";
    text += &block(view, style, &red.my, red.my.state.is_active());
    text.push('\n');
    if red.duplex {
        text += "Peer Processor Information :\n----------------------------\n";
        text += &block(view, style, &red.peer, !red.my.state.is_active() && red.peer.state.is_active());
    } else {
        let state = &red.peer.state.name;
        text += &format!("Peer (slot: unavailable) information is not available because it is in '{state}' state\n");
    }
    text
}

fn block(view: &View<'_>, style: &Style, unit: &UnitView, active: bool) -> String {
    let role = if active { "Active Location" } else { "Standby Location" };
    let version = unit.release.as_deref().map_or_else(|| "unknown".to_owned(), system::version_line);
    let mut text = format!(
        "{role:>30} = slot {}\n{:>30} = {}\n{:>30} = {}\n{:>30} = {version}\n",
        style.slot(unit.slot),
        "Current Software state",
        unit.state.name,
        "Uptime in current state",
        uptime(unit.in_state),
        "Image Version",
    );
    if let Some(field) = unit.release.as_deref().and_then(system::field_version) {
        text += &format!("swact Software (SWACT-RP), Version {field}\n");
    }
    if let Some(boot) = system::boot_variable(view.running, unit) {
        text += &format!("{:>30} = {boot}\n", "BOOT");
    }
    text += &format!(
        "{:>30} =\n{:>30} =\n{:>30} = 0x{:X}\n",
        "CONFIG_FILE", "BOOTLDR", "Configuration register", view.running.config_register
    );
    text
}

fn sentences(view: &View<'_>, style: &Style) -> String {
    let (active, standby) = roles(view);
    let red = &view.redundancy;
    let mut text = format!(
        "Operating mode is {}\nredundancy mode {}\n",
        operating(view, style),
        style.mode(view.running.redundancy.mode)
    );
    for (slot, images) in &view.running.slot_images {
        let image = |image: &String| format!("hw-module slot {} image {image}", style.slot(*slot));
        text += &lines(images.iter().map(image));
    }
    text += &format!("Active in slot {}\n", style.slot(active.slot));
    text += &match standby {
        Some(standby) => format!("Standby in slot {}\n", style.slot(standby.slot)),
        None => "Standby is not present\n".to_owned(),
    };
    text += &format!(
        "The system total uptime since last reboot is {}.\nThe system has experienced {} switchovers.\n\
         The system has been active (become master) for {}.\nReason for last switchover: {}.\n",
        uptime(view.system_uptime),
        red.switchovers,
        uptime(active.in_state),
        capital(reason(view))
    );
    text + &simplex(view)
}

fn units(view: &View<'_>, style: &Style) -> String {
    let (active, standby) = roles(view);
    let red = &view.redundancy;
    let rp = style.rp;
    let row = |name: &str, value: &str| format!("{name:<41}: {value}\n");
    let unit = |unit: &UnitView, role: &str| {
        let this = if unit.slot == view.slot { format!(" (This {rp})") } else { String::new() };
        row(&format!("{rp} {}{this}", style.slot(unit.slot)), role)
    };
    let mut text = unit(active, "Active");
    text += &match standby {
        Some(standby) => unit(standby, "Standby"),
        None => unit(&red.peer, "not present"),
    };
    text += &row("Operating mode", &operating(view, style));
    text += &row(&format!("Uptime since this {rp} switched to active"), &uptime(active.in_state));
    text += &row("Total system uptime from reload", &uptime(view.system_uptime));
    text += &row("Switchovers this system has experienced", &red.switchovers.to_string());
    text += &row(&format!("Standby failures since this {rp} active"), &red.standby_failures.to_string());
    let Some(standby) = standby else { return text + &simplex(view) };
    text += &row(&format!("The standby {rp} has been up for"), &uptime(standby.in_state));
    let boot = system::boot_variable(view.running, standby).unwrap_or_default();
    text += &format!(
        "\nStandby {rp} information...\nStandby is {}.\nStandby BOOT variable = {boot}\n\
         Standby CONFIG_FILE variable =\nStandby BOOTLDR variable =\nStandby Configuration register is 0x{:X}\n",
        if standby.state.is_standby() { "up" } else { "not ready" },
        view.running.config_register,
    );
    for (name, unit) in [("Standby", standby), ("Active", active)] {
        let release = unit.release.as_deref().unwrap_or("unknown");
        text += &format!("\n{name} version:\n{}\n", system::version_line(release));
    }
    text
}

fn short(view: &View<'_>, style: &Style) -> String {
    let (active, standby) = roles(view);
    let rp = style.rp;
    let mut text = format!("Active {rp} in slot {}:\n", style.slot(active.slot));
    text += &match standby {
        Some(standby) => format!("Standby {rp} in slot {}:\n", style.slot(standby.slot)),
        None => format!("Standby {rp}: not present\n"),
    };
    let sync = view.running.redundancy.auto_sync;
    let mut synced = Vec::new();
    synced.extend(sync.startup_config.then_some("startup-config"));
    synced.extend(sync.running_config.then_some("running-config"));
    let synced = if synced.is_empty() { "none".to_owned() } else { synced.join(" ") };
    let timer = view.redundancy.switchover_timer;
    let from = if view.running.redundancy.switchover_timer.is_some() { "" } else { " [default]" };
    let timer = match timer.subsec_millis() {
        0 => format!("{} seconds", timer.as_secs()),
        _ => format!("{} milliseconds", timer.as_millis()),
    };
    text + &format!(
        "Preferred {rp}: none\nOperating Redundancy Mode: {}\nAuto synch: {synced}\nswitchover timer {timer}{from}\n",
        operating(view, style)
    ) + &simplex(view)
}

/// `user forced` as the beginning of a sentence.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn unit_json(view: &View<'_>, unit: &UnitView) -> Value {
    json!({
        "slot": unit.slot.to_string(),
        "curr_sw_state": unit.state.name,
        "state_number": unit.state.number,
        "uptime_in_curr_state": uptime(unit.in_state),
        "uptime_in_curr_state_seconds": unit.in_state.as_secs(),
        "release": unit.release,
        "boot": system::boot_variable(view.running, unit),
        "config_register": format!("0x{:X}", view.running.config_register),
    })
}
