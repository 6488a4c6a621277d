//! `show issu negotiated version`: what this unit speaks with each card, whatever release that runs.

use super::{SHOW, Shown, lines, show};
use crate::{
    cli::{Compatibility, GroupView, SpokenView, View, commands::Exec, style::Style},
    grammar::{Command, Help, Token::Keyword as K},
};
use fabric_proto::{id::Slot, version::Versions};
use serde_json::{Value, json};

pub(super) static COMMANDS: &[Command<Exec>] =
    &[show(&[SHOW, K("issu"), K("negotiated"), K("version")], |view, _| Ok(negotiated(view)))];

pub(super) const HELP: Help = &[
    ("issu", "Releases side by side"),
    ("negotiated", "What was agreed on with other cards"),
    ("negotiated version", "Versions of messages and records, card by card"),
];

/// In words, and as data.
fn compatibility(spoken: &SpokenView) -> (&'static str, &'static str) {
    match spoken.compatibility {
        Compatibility::Full => ("compatible", "compatible"),
        Compatibility::Base => ("base level", "base-level"),
        Compatibility::None => ("incompatible", "incompatible"),
    }
}

fn versions(versions: Option<Versions>) -> String {
    versions.map_or_else(|| "-".to_owned(), |versions| versions.to_string())
}

fn card(view: &View<'_>, spoken: &SpokenView) -> Vec<String> {
    let (slot, kind) = match spoken.slot {
        Slot::Rp(slot) => (Style::of(view.platform).slot(slot).to_owned(), "route processor"),
        Slot::Lc(slot) => (slot.to_string(), "line card"),
    };
    let gone = if spoken.connected { "" } else { ", not connected" };
    let head = format!("Slot {slot}: {kind}, release {}, {}{gone}", spoken.release, compatibility(spoken).0);
    let titles = format!("        {:<34}{:<6}{:<8}Negotiated", "Group", "Ours", "Theirs");
    let row = |group: &GroupView| {
        let agreed = group.agreed.map_or_else(|| "-".to_owned(), |version| version.to_string());
        format!("        {:<34}{:<6}{:<8}{agreed}", group.name, versions(group.ours), versions(group.theirs))
    };
    let without = spoken.without.iter().map(|what| format!("        Without {what}"));
    [head, titles].into_iter().chain(spoken.groups.iter().map(row)).chain(without).collect()
}

fn negotiated(view: &View<'_>) -> Shown {
    let cards = view.tables.spoken();
    let text = match cards.as_slice() {
        [] => "Nothing has been negotiated: no card was ever connected\n".to_owned(),
        cards => lines(cards.iter().flat_map(|spoken| card(view, spoken))),
    };
    let group = |group: &GroupView| {
        json!({
            "group": group.name,
            "ours": group.ours.map(|versions| versions.to_string()),
            "theirs": group.theirs.map(|versions| versions.to_string()),
            "negotiated": group.agreed,
        })
    };
    let card = |spoken: &SpokenView| {
        json!({
            "slot": spoken.slot.to_string(),
            "release": spoken.release,
            "connected": spoken.connected,
            "compatibility": compatibility(spoken).1,
            "groups": spoken.groups.iter().map(group).collect::<Vec<Value>>(),
            "without": spoken.without,
        })
    };
    Shown { text, json: json!({"cards": cards.iter().map(card).collect::<Vec<Value>>()}) }
}
