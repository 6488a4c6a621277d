//! `show redundancy …`, in the layouts that network parsers read.

use super::{SHOW, Shown, lines, show};
use crate::{
    cli::{
        Debug, LineCardState, UnitView, View,
        commands::Exec,
        style::{States, Style},
        text::{clock, hours, snake_case},
    },
    grammar::{
        Command, Help,
        Token::{self, Keyword as K, Optional},
    },
};
use serde_json::{Map, Value, json};

pub(super) const RED: Token = K("redundancy");

pub(super) static COMMANDS: &[Command<Exec>] = &[
    show(&[SHOW, RED, K("states")], |view, _| Ok(states(view))),
    show(&[SHOW, RED, K("clients")], |view, _| Ok(clients(view))),
    show(&[SHOW, RED, K("counters")], |view, _| Ok(counters(view))),
    show(&[SHOW, RED, K("history")], |view, _| Ok(history(view))),
    show(&[SHOW, RED, K("switchover"), Optional(&[K("history")])], |view, _| Ok(switchover_history(view))),
    show(&[SHOW, RED, K("linecard"), K("all")], |view, _| Ok(line_cards(view))),
    show(&[SHOW, RED, K("handover")], |view, _| Ok(handover(view))),
    show(&[SHOW, RED, K("debug-log")], |view, _| Ok(debug_log(view))),
    show(&[SHOW, RED, K("inter-device")], |_, _| Ok(inter_device())),
    show(&[SHOW, RED, K("config-sync")], |view, _| Ok(config_sync(view))),
    show(&[SHOW, K("debugging")], |view, _| Ok(debugging(view))),
];

pub(super) const HELP: Help = &[
    ("show redundancy", "Redundancy of the route processors"),
    ("states", "States of both units, and the mode"),
    ("clients", "Clients of the redundancy facility, in order of progression"),
    ("counters", "Counters of the redundancy facility"),
    ("history", "Log of the redundancy facility's events"),
    ("switchover", "Switchovers"),
    ("switchover history", "Reason and time of each switchover"),
    ("linecard", "Line cards"),
    ("handover", "A planned switchover that is under way"),
    ("debug-log", "Debugging messages kept"),
    ("inter-device", "Redundancy between chassis"),
    ("config-sync", "How the standby follows the configuration"),
    ("debugging", "What is debugged"),
];

/// There is no maintenance mode: it is shown because parsers want it.
pub(super) const MAINTENANCE: &str = "Disabled";

fn states(view: &View<'_>) -> Shown {
    let red = &view.redundancy;
    let style = Style::of(view.platform);
    let hardware = if red.duplex { "Duplex" } else { "Simplex" };
    let id = style.unit(view.slot);
    let (operating, configured) = (operating(view, style), style.mode(view.running.redundancy.mode));
    let state_of_redundancy = if red.duplex { operating.clone() } else { "Non Redundant".to_owned() };
    let timer = red.client_notification_timer.as_millis();
    let mask = view.debug.kinds.bits();
    let swact = match &red.manual_swact_refused {
        None => style.switch(true).to_owned(),
        Some(why) => format!("{} ({why})", style.switch(false)),
    };
    let state = |unit: &UnitView| format!("{:<3}-{}", unit.state.number, unit.state.name);
    let mut text = format!("       my state = {}\n     peer state = {}\n", state(&red.my), state(&red.peer));
    text += &format!("           Mode = {hardware}\n");
    if let Some([primary, secondary]) = style.primary {
        text += &format!("           Unit = {}\n", if red.primary { primary } else { secondary });
    }
    text += &format!("        Unit ID = {id}\n\n");
    text += &match style.states {
        States::Full => format!(
            "Redundancy Mode (Operational) = {operating}\nRedundancy Mode (Configured)  = {configured}\n\
             Redundancy State              = {state_of_redundancy}\n     Maintenance Mode = {MAINTENANCE}\n"
        ),
        States::Split => format!(
            "Redundancy Mode (Operational) = {operating}\nRedundancy Mode (Configured)  = {configured}\n     \
             Split Mode = {MAINTENANCE}\n"
        ),
        States::Single => format!("Redundancy Mode = {operating}\n     Maintenance Mode = {MAINTENANCE}\n"),
    };
    text += &format!(
        "    Manual Swact = {swact}\n Communications = {}\n\n   client count = {}\n client_notification_TMR = {timer} \
         milliseconds\n           RF debug mask = 0x{mask:X}\n",
        communications(view),
        red.clients.len(),
    );
    let json = json!({
        "my_state": red.my.state.name,
        "my_state_number": red.my.state.number,
        "peer_state": red.peer.state.name,
        "peer_state_number": red.peer.state.number,
        "mode": hardware,
        "unit": if red.primary { "Primary" } else { "Secondary" },
        "unit_id": id,
        "slot": view.slot.to_string(),
        "redundancy_mode_operational": operating_name(view),
        "redundancy_mode_configured": view.running.redundancy.mode.to_string(),
        "redundancy_state": operating_name(view),
        "maintenance_mode": MAINTENANCE,
        "manual_swact": if red.manual_swact_refused.is_none() { "enabled" } else { "disabled" },
        "manual_swact_reason": red.manual_swact_refused,
        "communications": if red.communications { "Up" } else { "Down" },
        "client_count": red.clients.len(),
        "client_notification_tmr_msec": timer as u64,
        "rf_debug_mask": format!("0x{mask:X}"),
    });
    Shown { text, json }
}

/// What a chassis without a peer operates in, whatever is configured (as the field writes it).
const NON_REDUNDANT: &str = "Non-redundant";

/// The operating mode as the platform writes it.
pub(super) fn operating(view: &View<'_>, style: &Style) -> String {
    if view.redundancy.duplex { style.mode(view.redundancy.operating) } else { NON_REDUNDANT.to_owned() }
}

/// The operating mode as data.
pub(super) fn operating_name(view: &View<'_>) -> String {
    if view.redundancy.duplex { view.redundancy.operating.to_string() } else { NON_REDUNDANT.to_owned() }
}

/// What layouts without a line for it say of a chassis that has no peer.
pub(super) fn simplex(view: &View<'_>) -> String {
    if view.redundancy.duplex {
        return String::new();
    }
    format!("Hardware Mode = Simplex\nCommunications = {}\n", communications(view))
}

pub(super) fn communications(view: &View<'_>) -> String {
    match (view.redundancy.communications, view.redundancy.duplex) {
        (true, _) => "Up".to_owned(),
        (false, true) => "Down      Reason: Failure".to_owned(),
        (false, false) => "Down      Reason: Simplex mode".to_owned(),
    }
}

fn clients(view: &View<'_>) -> Shown {
    let clients = &view.redundancy.clients;
    Shown {
        text: lines(
            clients
                .iter()
                .map(|client| format!(" clientID = {:<7} clientSeq = {:<8} {}", client.id, client.seq, client.name)),
        ),
        json: json!({
            "clients": clients
                .iter()
                .map(|client| json!({"client_id": client.id, "client_seq": client.seq, "name": client.name}))
                .collect::<Vec<_>>()
        }),
    }
}

fn counters(view: &View<'_>) -> Shown {
    let counters = &view.redundancy.counters;
    let mut json = Map::new();
    for counter in counters {
        json.insert(snake_case(&counter.name), counter.value.into());
    }
    let head = ["Redundancy Facility OMs".to_owned()];
    let rows = counters.iter().map(|counter| format!("{:>40} = {}", counter.name, counter.value));
    Shown { text: lines(head.into_iter().chain(rows)), json: Value::Object(json) }
}

fn history(view: &View<'_>) -> Shown {
    let history = &view.redundancy.history;
    Shown {
        text: lines(history.iter().map(|entry| format!("{} {}", hours(entry.at), entry.text))),
        json: json!({
            "history": history
                .iter()
                .map(|entry| json!({"at": hours(entry.at), "at_ms": entry.at.as_millis() as u64, "text": entry.text}))
                .collect::<Vec<_>>()
        }),
    }
}

fn switchover_history(view: &View<'_>) -> Shown {
    let history = &view.redundancy.switchover_history;
    let style = Style::of(view.platform);
    let head = "Index  Previous  Current  Switchover             Switchover\n       \
                active    active   reason                 time\n\
                -----  --------  -------  ----------             ----------\n";
    let rows = history.iter().enumerate().map(|(index, switchover)| {
        format!(
            "{:>4}{:>8}{:>9}     {:<22} {}",
            index + 1,
            style.unit(switchover.previous),
            style.unit(switchover.current),
            switchover.reason,
            clock(switchover.at)
        )
    });
    Shown {
        text: head.to_owned() + &lines(rows),
        json: json!({
            "switchovers": history
                .iter()
                .enumerate()
                .map(|(index, switchover)| json!({
                    "index": index + 1,
                    "previous_active": switchover.previous.to_string(),
                    "current_active": switchover.current.to_string(),
                    "switchover_reason": switchover.reason,
                    "switchover_time": clock(switchover.at),
                    "switchover_time_unix_ms": switchover.at.as_millis() as u64,
                }))
                .collect::<Vec<_>>()
        }),
    }
}

/// A planned switchover: the standby takes over while the active still runs.
fn handover(view: &View<'_>) -> Shown {
    let red = &view.redundancy;
    let possible = red.manual_swact_refused.is_none();
    let last = red.switchover_history.iter().rfind(|switchover| switchover.reason.starts_with("user"));
    let mut text = match &red.manual_swact_refused {
        None => format!("Handover to slot {} is possible\n", Style::of(view.platform).slot(red.peer.slot)),
        Some(why) => format!("Handover is not possible: {why}\n"),
    };
    text += &match last {
        Some(last) => format!("Last handover: {}, {}\n", clock(last.at), last.reason),
        None => "Last handover: none\n".to_owned(),
    };
    let last = last.map(|last| json!({"time": clock(last.at), "reason": last.reason}));
    Shown { text, json: json!({"possible": possible, "reason": red.manual_swact_refused, "last": last}) }
}

fn debug_log(view: &View<'_>) -> Shown {
    let log = &view.debug.log;
    Shown {
        text: lines(log.iter().map(|(at, line)| format!("{} {line}", clock(*at)))),
        json: json!({
            "debug_log": log
                .iter()
                .map(|(at, line)| json!({"time": clock(*at), "unix_ms": at.as_millis() as u64, "text": line}))
                .collect::<Vec<_>>()
        }),
    }
}

fn debugging(view: &View<'_>) -> Shown {
    let on = Debug::KINDS.iter().filter(|(kind, _)| view.debug.kinds.contains(*kind)).map(|(_, name)| *name);
    let on: Vec<&str> = on.collect();
    let text = match on.as_slice() {
        [] => "Nothing is debugged\n".to_owned(),
        on => "Redundancy:\n".to_owned() + &lines(on.iter().map(|name| format!("  {name} debugging is on"))),
    };
    Shown { text, json: json!({"redundancy": on}) }
}

/// Redundancy of several chassis is another facility, which this chassis does not have.
fn inter_device() -> Shown {
    Shown {
        text: "Redundancy inter-device state: not configured\n".to_owned(),
        json: json!({"state": "not configured"}),
    }
}

fn config_sync(view: &View<'_>) -> Shown {
    let sync = view.config.sync;
    let auto = view.running.redundancy.auto_sync;
    let switch = |on| if on { "on" } else { "off" };
    let text = format!(
        "Automatic synchronization: startup-config {}, running-config {}\n\
         Whole configurations: {}\nCommands: {}\nFailures: {}\n",
        switch(auto.startup_config),
        switch(auto.running_config),
        sync.whole,
        sync.commands,
        sync.failed
    );
    let json = json!({
        "auto_sync": {"startup_config": auto.startup_config, "running_config": auto.running_config},
        "whole": sync.whole,
        "commands": sync.commands,
        "failures": sync.failed,
    });
    Shown { text, json }
}

/// Line cards of this chassis have no redundancy group and no peer: those columns hold a dash.
fn line_cards(view: &View<'_>) -> Shown {
    let head = "              LC     My         Peer       Peer     Peer\n\
                Slot Subslot  Group  State      State      Slot     Subslot  Role     Mode\n\
                -------------------------------------------------------------------------------\n";
    let rows = view.line_cards.iter().map(|card| {
        let (state, role) = (card_state(card.state), card_role(card.state));
        format!(
            "{:>2}   {:<8} {:<6} {state:<10} {:<10} {:<8} {:<8} {role:<8} {}",
            card.slot.to_string(),
            "-",
            "-",
            "-",
            "-",
            "-",
            "Primary"
        )
    });
    Shown {
        text: head.to_owned() + &lines(rows),
        json: json!({
            "line_cards": view
                .line_cards
                .iter()
                .map(|card| json!({
                    "slot": card.slot.0,
                    "my_state": card_state(card.state),
                    "role": card_role(card.state),
                    "mode": "Primary",
                    "in_sync": card.state == LineCardState::InSync,
                    "ports": card.ports,
                    "in_state_seconds": card.in_state.as_secs(),
                    "routes": {"ipv4": card.routes[0], "ipv6": card.routes[1]},
                }))
                .collect::<Vec<_>>()
        }),
    }
}

fn card_state(state: LineCardState) -> &'static str {
    match state {
        LineCardState::Absent => "Absent",
        LineCardState::Incompatible => "Incompatible",
        LineCardState::Adopting => "Adopting",
        LineCardState::Syncing => "Syncing",
        LineCardState::InSync => "Active",
        LineCardState::NotOwned => "Unknown",
    }
}

fn card_role(state: LineCardState) -> &'static str {
    match state {
        LineCardState::InSync | LineCardState::Syncing | LineCardState::Adopting => "Active",
        LineCardState::Absent | LineCardState::Incompatible | LineCardState::NotOwned => "None",
    }
}
