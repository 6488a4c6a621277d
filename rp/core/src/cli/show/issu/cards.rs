//! `show issu negotiated version`: what this unit speaks with each card, whatever release that runs.

use crate::cli::{
    GroupView, SpokenView, View,
    show::{Shown, lines},
    style::Style,
};
use fabric_proto::{id::Slot, issu::Compatibility, version::Versions};
use serde_json::{Value, json};

/// In words.
fn compatibility(spoken: &SpokenView) -> &'static str {
    match spoken.compatibility {
        Compatibility::Compatible => "compatible",
        Compatibility::BaseLevel => "base level",
        Compatibility::Incompatible | Compatibility::Dynamic => "incompatible",
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
    let head = format!("Slot {slot}: {kind}, release {}, {}{gone}", spoken.release, compatibility(spoken));
    let titles = format!("        {:<34}{:<6}{:<8}Negotiated", "Group", "Ours", "Theirs");
    let row = |group: &GroupView| {
        let agreed = group.agreed.map_or_else(|| "-".to_owned(), |version| version.to_string());
        format!("        {:<34}{:<6}{:<8}{agreed}", group.name, versions(group.ours), versions(group.theirs))
    };
    let without = spoken.without.iter().map(|what| format!("        Without {what}"));
    [head, titles].into_iter().chain(spoken.groups.iter().map(row)).chain(without).collect()
}

pub(super) fn cards(view: &View<'_>) -> Shown {
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
            "compatibility": spoken.compatibility,
            "groups": spoken.groups.iter().map(group).collect::<Vec<Value>>(),
            "without": spoken.without,
        })
    };
    Shown { text, json: json!({"cards": cards.iter().map(card).collect::<Vec<Value>>()}) }
}
