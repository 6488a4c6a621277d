//! `show issu state`, `show issu rollback-timer`: how far an upgrade is.

use super::DETAIL;
use crate::{
    cli::{UnitView, View, show::Shown, style::Style, text::hours},
    grammar::Line,
};
use serde_json::{Value, json};

pub(super) fn state(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let detail = line.has(DETAIL);
    let (red, upgrade) = (&view.redundancy, &view.upgrade);
    let [my, peer] = [&red.my, &red.peer];
    let units: Vec<(&UnitView, &str)> = [my, peer]
        .into_iter()
        .filter(|unit| red.duplex || unit.slot == view.slot)
        .map(|unit| (unit, if unit.state.is_active() { "Active" } else { "Standby" }))
        .collect();
    let operating = Style::of(view.platform).mode(red.operating);
    let version = |at: usize| upgrade.releases.map_or("N/A", |releases| releases[at]);
    let mut text = String::new();
    for (unit, role) in &units {
        let mut row = |name: &str, value: &str| text += &format!("{name:>30} = {value}\n");
        row("Slot", &unit.slot.to_string());
        row("RP State", role);
        row("ISSU State", &upgrade.state);
        if detail {
            row("Operating Mode", &operating);
            row("Primary Version", version(0));
            row("Secondary Version", version(1));
            row("Current Version", unit.release.as_deref().unwrap_or("N/A"));
        }
        text.push('\n');
    }
    let json: Vec<Value> = units
        .iter()
        .map(|(unit, role)| {
            json!({
                "slot": unit.slot.to_string(),
                "rp_state": role,
                "issu_state": upgrade.state,
                "operating_mode": red.operating.to_string(),
                "primary_version": upgrade.releases.map(|releases| releases[0]),
                "secondary_version": upgrade.releases.map(|releases| releases[1]),
                "current_version": unit.release,
                "committing": upgrade.committing,
            })
        })
        .collect();
    Ok(Shown { text, json: json!({"units": json}) })
}

pub(super) fn rollback(view: &View<'_>) -> Shown {
    let upgrade = &view.upgrade;
    let configured = hours(upgrade.rollback);
    let mut text = match upgrade.left {
        Some(_) => "        Rollback Process State = In progress\n".to_owned(),
        None => "        Rollback Process State = Not in progress\n".to_owned(),
    };
    text += &format!("      Configured Rollback Time = {configured}\n");
    if let Some(left) = upgrade.left {
        text += &format!("       Automatic Rollback Time = {}\n", hours(left));
    }
    let json = json!({
        "in_progress": upgrade.left.is_some(),
        "configured_s": upgrade.rollback.as_secs(),
        "left_s": upgrade.left.map(|left| left.as_secs()),
    });
    Shown { text, json }
}
