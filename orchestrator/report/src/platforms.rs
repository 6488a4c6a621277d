//! Several runs side by side: what each platform and mode makes of a fault.

use super::{Report, summary::Cell};
use fabric_proto::{
    platform::{NATIVE, Profile},
    redundancy::Mode as Field,
};
use measure::verdict::Verdict;
use notation::mode::Mode;

const HEADER: [&str; 9] =
    ["platform", "mode", "forwarding", "line cards", "trials", "lost", "worst", "outage ms", "verdict"];

/// A table over all runs, one row a mode, platforms in the order of the runs. At most 100 columns.
pub fn side_by_side(reports: &[Report]) -> String {
    let mut rows: Vec<[String; 9]> = vec![HEADER.map(str::to_owned)];
    for report in reports {
        let profile = Profile::named(&report.topology.platform).unwrap_or(&NATIVE);
        rows.extend(report.cells.iter().map(|cell| row(profile, cell)));
    }
    let widths: Vec<usize> =
        (0..HEADER.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = "\nSide by side\n".to_owned();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            // Names stand left, figures right.
            if (4..8).contains(&at) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
        if index == 0 {
            text += &"─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
            text.push('\n');
        }
    }
    text
}

fn row(profile: &Profile, cell: &Cell) -> [String; 9] {
    let modelled = if cell.modelled { " (modelled)" } else { "" };
    let count = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
    let verdict = match cell.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    };
    [
        profile.name.to_owned(),
        format!("{}{modelled}", cell.mode),
        profile.forwarding.to_string(),
        line_cards(profile, &cell.mode, cell.fsu.as_ref().is_some_and(|fsu| fsu.stateful)).to_owned(),
        cell.trials.to_string(),
        count(cell.lost_per_trial.median),
        count(cell.lost_per_trial.max),
        cell.outage_ms.loss_derived.median.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1}")),
        verdict.to_owned(),
    ]
}

/// What a switchover in a mode does to the line cards of a family. An upgrade runs in SSO where the images are compatible,
/// else in the mode that images leave that are not.
fn line_cards(profile: &Profile, mode: &str, stateful: bool) -> &'static str {
    let mode = match mode.parse() {
        Ok(Mode::Hsa) => Field::Hsa,
        Ok(Mode::Rpr) => Field::Rpr,
        Ok(Mode::RprPlus) => Field::RprPlus,
        Ok(Mode::Sso) => Field::Sso,
        Ok(Mode::Fsu | Mode::Issu) if stateful => Field::Sso,
        Ok(Mode::Fsu | Mode::Issu) => profile.mixed_images,
        Ok(Mode::NoChassis) | Err(_) => return "-",
    };
    match mode {
        mode if profile.resets_line_cards(mode) => "reset",
        Field::Sso => "kept",
        _ => "emptied",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_a_mode_does_to_line_cards_on_a_platform() {
        let says = |platform: &str, mode| line_cards(Profile::named(platform).unwrap(), mode, false);
        assert_eq!(says("c7500", "rpr-plus"), "reset");
        assert_eq!(says("c12000", "rpr-plus"), "emptied");
        assert_eq!((says("c10000", "fsu"), says("c12000", "fsu")), ("emptied", "reset"));
        assert_eq!((says("asr1000", "sso"), says("native", "hsa")), ("kept", "reset"));
        assert_eq!(line_cards(&NATIVE, "fsu", true), "kept", "compatible images upgrade in SSO");
    }
}
