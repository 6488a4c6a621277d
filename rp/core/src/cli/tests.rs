mod fixture;
mod golden;
mod issu;
mod page;
mod tables;

use super::*;
use crate::{
    cli::commands::{commands, grammar},
    grammar::{Token, tests::rows},
};
use fixture::Chassis;
use proptest::{collection, prelude::*};

fn run(line: &str) -> Outcome {
    CliSession::default().line(line, &Chassis::default().view())
}

fn text(line: &str) -> String {
    let outcome = run(line);
    assert!(!outcome.failed && outcome.action.is_none(), "{line}: {outcome:?}");
    outcome.text
}

#[test]
fn prompts_say_who_and_where() {
    let mut chassis = Chassis::default();
    let mut session = CliSession::default();
    assert_eq!(session.prompt(&chassis.view()), "pe1#");
    session.enter_config();
    assert_eq!(session.prompt(&chassis.view()), "pe1(config)#");
    session.line("interface 1/1", &chassis.view());
    assert_eq!(session.prompt(&chassis.view()), "pe1(config-if)#");
    session.line("end", &chassis.view());
    std::mem::swap(&mut chassis.redundancy.my, &mut chassis.redundancy.peer);
    assert_eq!(session.prompt(&chassis.view()), "pe1-stby#");
}

#[test]
fn commands_become_actions() {
    use fabric_proto::id::{LcSlot, RpSlot};
    for (line, action) in [
        ("redundancy force-switchover", Action::ForceSwitchover),
        ("red f main-cpu", Action::ForceSwitchover),
        ("redundancy reload peer", Action::ReloadPeer),
        ("hw-module standby-cpu reset", Action::ReloadPeer),
        ("redundancy reload shelf", Action::Reload),
        ("reload", Action::Reload),
        ("hw-module slot 2 reset", Action::ResetSlot(Slot::Lc(LcSlot(2)))),
        ("hw-mod sl B reload", Action::ResetSlot(Slot::Rp(RpSlot::B))),
        ("wr", Action::WriteMemory { force: false }),
        ("write memory", Action::WriteMemory { force: false }),
        ("copy run start", Action::WriteMemory { force: false }),
        ("copy system:running-config nvram:startup-config", Action::WriteMemory { force: false }),
        ("copy running-config nvram:startup-config", Action::WriteMemory { force: false }),
        ("debug redundancy fsm", Action::Debug(Debug::FSM, true)),
        ("undebug all", Action::Debug(Debug::ALL, false)),
        ("no debug red msg", Action::Debug(Debug::MSG, false)),
        ("conf t", Action::EnterConfig),
        ("exit", Action::Close),
    ] {
        let outcome = run(line);
        assert_eq!(outcome.action, Some(action), "{line}: {outcome:?}");
        assert!(!outcome.failed);
    }
    assert!(run("hw-module slot 9 reset").failed);
    for line in ["", "  ", "! a comment", "enable", "terminal length 0"] {
        assert_eq!(run(line), Outcome::default(), "{line:?}");
    }
}

#[test]
fn errors_point_at_the_word() {
    for (line, message) in [
        ("show bogus", "         ^\n% Invalid input detected at '^' marker.\n"),
        ("bogus", "    ^\n% Invalid input detected at '^' marker.\n"),
        ("show red states now", "                    ^\n% Invalid input detected at '^' marker.\n"),
        ("show", "% Incomplete command.\n"),
        (
            "debug redundancy hub",
            "% This chassis has no such hardware; all, fsm, msg, progression and ui can be debugged.\n",
        ),
        ("re", "% Ambiguous command: \"re\" (redundancy, reload)\n"),
        ("reload | include x", "           ^\n% Invalid input detected at '^' marker.\n"),
        ("show clock | bogus", "                 ^\n% Invalid input detected at '^' marker.\n"),
        ("show clock | include", "% Incomplete command.\n"),
        (
            "show clock | include (",
            "                         ^\n% '(': not a regular expression: found open group without closing ')'\n",
        ),
        ("show ip route 10.0.0.1/8", "% 10.0.0.1/8 has bits set beyond its IPv4 mask; did you mean 10.0.0.0/8?\n"),
        ("show ip route 9.9.9.9", "% Network not in table\n"),
    ] {
        let outcome = run(line);
        assert_eq!((outcome.text.as_str(), outcome.failed, outcome.action), (message, true, None), "{line}");
    }
}

#[test]
fn a_session_without_privileges_looks_and_changes_nothing() {
    let chassis = Chassis::default();
    let mut session = CliSession::default();
    assert_eq!(session.prompt(&chassis.view()), "pe1#");
    assert_eq!(session.line("disable", &chassis.view()), Outcome::default());
    assert_eq!(session.prompt(&chassis.view()), "pe1>");
    for line in ["show clock", "show redundancy states", "sh ip ro", "terminal length 0", "terminal width 511"] {
        assert!(!session.line(line, &chassis.view()).failed, "{line}");
    }
    for (line, marker) in [
        ("configure terminal", "    ^"),
        ("show running-config", "         ^"),
        ("show startup-config", "         ^"),
        ("write memory", "    ^"),
        ("copy running-config startup-config", "    ^"),
        ("reload", "    ^"),
        ("redundancy force-switchover", "    ^"),
        ("hw-module slot 1 reset", "    ^"),
        ("debug redundancy all", "    ^"),
    ] {
        let refused = session.line(line, &chassis.view());
        assert_eq!(refused.text, format!("{marker}\n% Invalid input detected at '^' marker.\n"), "{line}");
        assert!(refused.failed && refused.action.is_none(), "{line}");
    }
    let help = session.line("?", &chassis.view()).text;
    assert!(help.contains("  enable") && !help.contains("configure") && !help.contains("reload"), "{help}");
    assert!(!session.complete("show ru").iter().any(|word| word.word == "running-config"));
    session.line("en", &chassis.view());
    assert_eq!(session.prompt(&chassis.view()), "pe1#");
    assert_eq!(session.line("conf t", &chassis.view()).action, Some(Action::EnterConfig));
    session.enter_config();
    assert!(session.line("do disable", &chassis.view()).failed);
    assert_eq!(session.prompt(&chassis.view()), "pe1(config)#");
}

#[test]
fn question_marks_explain() {
    assert_eq!(
        text("show redundancy ?"),
        "  clients       Clients of the redundancy facility, in order of progression\n  \
           config-sync   How the standby follows the configuration\n  \
           counters      Counters of the redundancy facility\n  \
           debug-log     Debugging messages kept\n  \
           handover      A planned switchover that is under way\n  \
           history       Log of the redundancy facility's events\n  \
           inter-device  Redundancy between chassis\n  \
           linecard      Line cards\n  \
           states        States of both units, and the mode\n  \
           switchover    Switchovers\n  \
           <cr>\n"
    );
    assert_eq!(text("show red c?"), "clients  config-sync  counters\n");
    assert_eq!(text("re?"), "redundancy  reload\n");
    assert_eq!(text("show clock | ?").lines().count(), 6);
    assert_eq!(text("show clock | in?"), "include\n");
    assert!(text("?").contains("  show       "));
    assert!(text("show ip route ?").contains("  A.B.C.D/<0-32>  IPv4 prefix\n"));
    assert!(run("bogus ?").failed);
    assert_eq!(run("showx?").text, "% Unrecognized command\n");

    let chassis = Chassis::default();
    let mut session = CliSession::default();
    session.enter_config();
    session.line("redundancy", &chassis.view());
    assert_eq!(session.line("mode ?", &chassis.view()).text.lines().count(), 4);
    assert_eq!(session.line("cr?", &chassis.view()).text, "crashdump-timeout\n");
    assert_eq!(session.line("hostn?", &chassis.view()).text, "hostname\n");
}

#[test]
fn a_configuration_session_asks_for_what_it_changes() {
    let chassis = Chassis::default();
    let mut session = CliSession::default();
    session.enter_config();
    let mut line = |text: &str| session.line(text, &chassis.view());
    assert_eq!(line("redundancy"), Outcome::default());
    let Some(Action::Configure(configure)) = line("mode rpr").action else { panic!("no change") };
    assert_eq!(configure.changes, [ConfigChange::RedundancyMode]);
    assert_eq!(configure.lines, "redundancy\nmode rpr\n");
    let mut config = Chassis::default().running;
    config.apply_all(configure.edits);
    assert_eq!(config.redundancy.mode.to_string(), "rpr");
    assert_eq!(line("mode sso"), Outcome::default(), "it is sso already");
    assert!(line("mode bogus").failed);
    assert_eq!(
        line("router bgp 1").text,
        "                ^\n% 'router bgp' is not supported: routes come from the route feed and from static routes; \
         there is no routing process to configure\n"
    );
    assert!(line("do show clock").text.contains("2020"));
    assert!(line("do conf t").failed);
    assert_eq!(line("end").action, Some(Action::LeaveConfig));
    assert!(!session.prompt(&chassis.view()).contains("config"));
}

#[test]
fn filters_choose_lines() {
    assert_eq!(
        text("show redundancy states | include state ="),
        "       my state = 13 -ACTIVE\n     peer state = 8  -STANDBY HOT\n"
    );
    assert_eq!(text("sh red st | i Unit|Swact").lines().count(), 3);
    let all = text("show redundancy clients");
    assert_eq!(text("show redundancy clients | exclude CHKPT").lines().count(), all.lines().count() - 1);
    assert!(text("show running-config | begin interface").starts_with("interface GigabitEthernet1/1\n"));
}

#[test]
fn sections_and_counts() {
    let section = text("show running-config | section interface GigabitEthernet1/3");
    assert_eq!(section.lines().count(), 3, "{section}");
    let section = text("show running-config | section ^redundancy|^interface");
    assert!(
        section.starts_with("redundancy\n mode sso\n") && section.ends_with(" no snmp trap link-status\n"),
        "{section}"
    );
    assert!(!section.contains('!'));
    assert_eq!(text("show ip interface brief | count up"), "Number of lines which match regexp = 1\n");
    assert_eq!(text("show redundancy clients | count"), "Number of lines which match regexp = 3\n");
    assert_eq!(text("show redundancy states | include ^ +(my|peer)").lines().count(), 2);
}

#[test]
fn completion_offers_words_only() {
    let words = |session: &CliSession, line: &str| -> Vec<String> {
        session.complete(line).into_iter().map(|completion| completion.word).collect()
    };
    let mut session = CliSession::default();
    assert_eq!(words(&session, "sh red st"), ["states"]);
    assert_eq!(words(&session, "show ip route "), ["summary", "vrf"], "addresses cannot be completed");
    assert_eq!(words(&session, "show clock | in"), ["include"]);
    assert!(words(&session, "bogus ").is_empty() && words(&session, "show clockx").is_empty());
    assert!(words(&session, "").contains(&"redundancy".to_owned()));
    session.enter_config();
    assert_eq!(words(&session, "do sh red st"), ["states"]);
    assert_eq!(words(&session, "no ip "), ["cef", "route"]);
    session.line("interface 1/1", &Chassis::default().view());
    assert_eq!(words(&session, "shut"), ["shutdown"]);
    assert_eq!(words(&session, "redun"), ["redundancy"]);
}

#[test]
fn a_session_that_wants_it_is_asked_first() {
    let chassis = Chassis::default();
    let view = chassis.view();
    let mut session = CliSession::default();
    session.line("terminal confirm", &view);
    // The running configuration differs from the startup configuration of the fixture.
    assert_eq!(session.line("redundancy force-switchover", &view), Outcome::default());
    assert!(session.prompt(&view).starts_with("System configuration has been modified."));
    assert!(session.line("", &view).failed, "neither yes nor no");
    assert_eq!(session.line("y", &view).action, Some(Action::WriteMemory { force: false }));
    assert!(session.prompt(&view).ends_with("[confirm]"));
    assert_eq!(session.line("", &view).action, Some(Action::ForceSwitchover));
    assert_eq!(session.prompt(&view), "pe1#");

    session.line("reload", &view);
    assert_eq!(session.line("no", &view), Outcome::default());
    assert!(session.line("no", &view).failed);
    assert_eq!(session.prompt(&view), "pe1#", "nothing was done");

    let saved = Chassis::default().running.render();
    let view = View { startup: Some(&saved), ..chassis.view() };
    session.line("hw-module slot 1 reset", &view);
    let reset = Action::ResetSlot("1".parse().unwrap());
    assert_eq!(session.line("yes", &view).action, Some(reset));
    session.line("redundancy force-switchover", &view);
    assert!(session.prompt(&view).ends_with("[confirm]"), "there is nothing to save");
    session.line("n", &view);

    let mut refused = Chassis::default();
    refused.redundancy.manual_swact_refused = Some("no standby".to_owned());
    let outcome = session.line("redundancy force-switchover", &refused.view());
    assert_eq!(outcome.action, Some(Action::ForceSwitchover), "what will be refused needs no question");
    session.line("terminal no confirm", &view);
    assert_eq!(session.line("reload", &view).action, Some(Action::Reload));
}

#[test]
fn a_platform_may_demand_a_keyword() {
    let chassis = Chassis { platform: "c10000", ..Chassis::default() };
    let line = |line: &str| CliSession::default().line(line, &chassis.view());
    assert!(line("redundancy force-switchover").failed);
    assert_eq!(line("redundancy force-switchover main-cpu").action, Some(Action::ForceSwitchover));
}

#[test]
fn help_and_shows_work_from_configuration_mode() {
    let chassis = Chassis::default();
    let mut session = CliSession::default();
    session.enter_config();
    assert_eq!(session.line("do sh red st?", &chassis.view()).text, "states\n");
    assert!(session.line("do show clock | ?", &chassis.view()).text.contains("json"));
}

#[test]
fn debugging_shows_in_the_mask() {
    let mut debug = Debug::default();
    debug.set(Debug::ALL, true);
    debug.set(Debug::MSG, false);
    let chassis = Chassis { debug, ..Chassis::default() };
    let show = |line: &str| CliSession::default().line(line, &chassis.view()).text;
    assert!(show("show redundancy states").ends_with("RF debug mask = 0xB\n"));
    assert_eq!(show("show debugging").lines().count(), 4);
}

/// Lines that make every show command of the grammar.
fn show_lines() -> Vec<String> {
    exec_rows().iter().filter(|row| row[0] == Token::Keyword("show")).map(|row| fixture::sample(row)).collect()
}

/// Every row of exec mode, with nothing left open.
fn exec_rows() -> Vec<Vec<Token>> {
    commands().flat_map(|command| rows(command.tokens)).collect()
}

#[test]
fn every_show_command_has_json_with_snake_case_keys() {
    fn check(line: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
                assert!(
                    key.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_'),
                    "{line}: {key}"
                );
                check(line, value);
            }),
            serde_json::Value::Array(values) => values.iter().for_each(|value| check(line, value)),
            _ => {}
        }
    }
    for line in show_lines() {
        let value = serde_json::from_str(&text(&format!("{line} | json"))).unwrap();
        check(&line, &value);
        assert!(text(&line).ends_with('\n'), "{line}");
    }
}

#[test]
fn every_word_has_a_help_text() {
    for row in exec_rows() {
        let mut before = "";
        for token in row {
            if let Token::Keyword(word) = token {
                assert_ne!(grammar(true).text(before, word), "", "'{word}' has no help");
                before = word;
            }
        }
    }
}

proptest! {
    /// Cutting every keyword to any prefix that is unique at its place does not change the command.
    #[test]
    fn unique_abbreviations_mean_the_same(index: prop::sample::Index, cuts in collection::vec(1..20usize, 20)) {
        let rows = exec_rows();
        let row = index.get(&rows);
        let full = fixture::sample(row);
        let mut short: Vec<String> = Vec::new();
        for (at, word) in full.split(' ').enumerate() {
            let cut = match row[at] {
                Token::Keyword(keyword) => {
                    let before = full.split(' ').take(at).collect::<Vec<_>>().join(" ");
                    let others: Vec<String> = grammar(true)
                        .help(&crate::grammar::words(&before), "")
                        .unwrap()
                        .into_iter()
                        .map(|row| row.label)
                        .filter(|word| word != keyword)
                        .collect();
                    let unique = |len: usize| !others.iter().any(|other| other.starts_with(&keyword[..len]));
                    (cuts[at].min(keyword.len())..=keyword.len()).find(|len| unique(*len)).unwrap_or(keyword.len())
                }
                _ => word.len(),
            };
            short.push(word[..cut].to_owned());
        }
        let short = short.join(" ");
        prop_assert_eq!(run(&short), run(&full), "{} for {}", short, full);
    }

    #[test]
    fn arbitrary_lines_do_not_panic(lines in collection::vec("\\PC{0,60}", 1..5), config: bool) {
        let chassis = Chassis::default();
        let mut session = CliSession::default();
        if config {
            session.enter_config();
        }
        for line in lines {
            session.line(&line, &chassis.view());
        }
    }

    #[test]
    fn lines_of_real_words_do_not_panic(
        words in collection::vec(prop_oneof![
            Just("show"), Just("sh"), Just("ip"), Just("route"), Just("cef"), Just("10.0.0.0/8"), Just("::/0"), Just("|"),
            Just("json"), Just("include"), Just("?"), Just("do"), Just("redundancy"), Just("re"), Just("\u{e4}?"), Just("exit"),
        ], 0..7),
        config: bool,
    ) {
        let chassis = Chassis::default();
        let mut session = CliSession::default();
        if config {
            session.enter_config();
        }
        session.line(&words.join(" "), &chassis.view());
        session.line(&words.concat(), &chassis.view());
    }
}

#[test]
fn exact_route_says_what_a_line_card_does() {
    for (flow, text) in [
        ("10.0.1.9 192.0.2.1", "IP adj out of GigabitEthernet1/1, addr 10.0.1."),
        ("10.0.1.9 src-port 40000 192.0.2.1 dest-port 443", "IP adj out of GigabitEthernet1/1, addr 10.0.1."),
        ("10.0.1.9 10.0.1.1", "receive"),
        ("10.0.1.9 198.51.100.1", "drop, discard"),
        ("10.0.1.9 203.0.113.1", "drop, no_adjacency"),
        ("10.0.1.9 9.9.9.9", "drop, no_route"),
        ("127.0.0.1 192.0.2.1", "drop, source_loopback"),
        ("10.0.1.9 169.254.1.1", "drop, destination_link_local"),
    ] {
        let shown = run(&format!("show ip cef exact-route {flow}"));
        assert!(!shown.failed && shown.text.contains(&format!(" =>{text}")), "{flow}: {}", shown.text);
    }
    let shown = run("show ipv6 cef exact-route 2001:db8:1::9 2001:db8:f::1").text;
    assert!(shown.ends_with(" =>IPV6 adj out of GigabitEthernet1/1, addr 2001:DB8:1::2\n"), "{shown}");
    let ports = (1..200).map(|port| {
        let line = format!("show ip cef exact-route 10.0.1.9 src-port {port} 192.0.2.1 dest-port 7 | json");
        let shown: serde_json::Value = serde_json::from_str(&run(&line).text).unwrap();
        assert_eq!((&shown["paths"], &shown["dropped"]), (&2.into(), &serde_json::Value::Null));
        shown["path"]["next_hop"].as_str().unwrap().to_owned()
    });
    let first = ports.filter(|hop| hop == "10.0.1.2").count();
    assert!((70..130).contains(&first), "{first} of 199 ports lead to the first next hop");
    assert!(run("show ip cef exact-route 10.0.1.9 src-port 65536 192.0.2.1 dest-port 7").failed);
    assert!(run("show ip cef exact-route 10.0.1.9").failed);
}
