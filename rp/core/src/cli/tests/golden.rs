//! Every show command's output, as one terminal transcript. Parsers of the field read it too:
//! `rp/core/tests/parsers.py`.

use super::{fixture::Chassis, run, show_lines};
use crate::{
    cli::{CliSession, RfStateView},
    config::Config,
};

const TRANSCRIPT: &str = include_str!("transcript.txt");

fn transcript() -> String {
    let mut text = String::new();
    let mut lines = show_lines();
    lines.extend(["show redundancy states | json", "show ip route 192.0.2.77 | json"].map(str::to_owned));
    for line in lines {
        text += &format!("pe1#{line}\n{}", run(&line).text);
    }
    let alone = alone();
    for line in ["show redundancy", "show redundancy states", "show version", "show platform"] {
        text += &format!("alone#{line}\n{}", CliSession::default().line(line, &alone.view()).text);
    }
    for platform in ["c7304", "c7500", "c10000", "c12000", "asr1000"] {
        let running = Config::parse("hostname pe1\nhw-module slot A image disk0:one\n", "fixture").unwrap();
        let mut chassis = Chassis { platform, running, ..Chassis::default() };
        for peer in ["", " without a standby"] {
            for line in
                ["show redundancy", "show redundancy states", "show redundancy switchover history", "show platform"]
            {
                text += &format!("{platform}#{line}{peer}\n{}", CliSession::default().line(line, &chassis.view()).text);
            }
            chassis.redundancy = self::alone().redundancy;
        }
    }
    text
}

/// A chassis whose standby is gone.
fn alone() -> Chassis {
    let mut chassis = Chassis::default();
    let red = &mut chassis.redundancy;
    red.duplex = false;
    red.communications = false;
    red.peer.state = RfStateView { number: 1, name: "DISABLED".to_owned() };
    red.peer.release = None;
    red.manual_swact_refused = Some("system is simplex (no peer unit)".to_owned());
    red.operating = "rpr".parse().unwrap();
    chassis
}

#[test]
fn output_is_as_recorded() {
    let now = transcript();
    // After a change that is meant: run once with SWACT_RECORD=1, and read the difference.
    if std::env::var_os("SWACT_RECORD").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/tests/transcript.txt");
        std::fs::write(file, &now).unwrap();
        return;
    }
    for (at, (now, recorded)) in now.lines().zip(TRANSCRIPT.lines()).enumerate() {
        assert_eq!(now, recorded, "line {} of transcript.txt", at + 1);
    }
    assert_eq!(now.len(), TRANSCRIPT.len());
}
