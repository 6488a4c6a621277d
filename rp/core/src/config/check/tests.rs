use super::*;
use crate::config::RouteTarget;
use fabric_proto::platform::{NATIVE, Profile};

fn startup(text: &str) -> Reading {
    Reading::of_startup(text, "pe1.cfg", &NATIVE)
}

/// Place and word of what was refused.
fn refused(text: &str) -> Vec<(usize, usize, String)> {
    startup(text).refused.iter().map(|error| (error.line, error.error.column, error.error.word.clone())).collect()
}

#[test]
fn one_unknown_line_costs_one_line() {
    let text = "hostname pe1\nline vty 0 4\ninterface GigabitEthernet1/1\n ip address 192.0.2.1 255.255.255.0\n no shutdown\nend\n";
    let reading = startup(text);
    assert_eq!(reading.config.hostname, "pe1");
    assert_eq!(reading.config.interfaces.len(), 1);
    assert!(reading.config.interfaces.values().all(|port| port.ipv4.is_some() && !port.shutdown));
    let said: Vec<_> = reading.refused.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["pe1.cfg:2:1: 'line' is not supported: terminals need no configuration"]);
    let without = startup(&text.replace("line vty 0 4\n", ""));
    assert_eq!((without.config, without.refused.len()), (reading.config, 0));
}

#[test]
fn what_belongs_to_a_refused_line_is_not_taken_for_the_section_before() {
    // Indented, as it is rendered; and flat, as it is pasted.
    for space in [" ", ""] {
        let text = format!(
            "interface Gi1/1\n{space}mtu 9000\ninterface Serial2/1\n{space}mtu 4470\n{space}description wan\n!\nhostname pe1\n"
        );
        let reading = startup(&text);
        assert_eq!(reading.config.interfaces.values().next().unwrap().mtu, 9000, "{space:?}");
        assert_eq!(reading.config.hostname, "pe1");
        let lines: Vec<_> = reading.refused.iter().map(|error| error.line).collect();
        assert_eq!(lines, [3, 4, 5], "{space:?}");
    }
    let below = "interface Serial2/1\n mtu 4470\n";
    assert!(startup(below).refused[1].to_string().ends_with("it belongs to line 1, which was refused"));
}

#[test]
fn a_bad_value_leaves_the_rest_of_its_section() {
    let text =
        "interface Gi1/1\n mtu 20\n description up\nredundancy\n main-cpu\n  auto-sync all\n crashdump-timeout 5\n";
    assert_eq!(refused(text), [(2, 6, "20".to_owned()), (6, 13, "all".to_owned())]);
    let config = startup(text).config;
    assert_eq!(config.interfaces.values().next().unwrap().description.as_deref(), Some("up"));
    assert_eq!(config.redundancy.crashdump_timeout.as_secs(), 300);
}

#[test]
fn marks_and_line_ends_of_other_systems_change_nothing() {
    let text = "hostname pe1\ninterface Gi1/1\n ip address 192.0.2.1 255.255.255.0\n no shutdown\nip route 0.0.0.0 0.0.0.0 Null0\nend\n";
    let plain = startup(text);
    assert_eq!(plain.refused, []);
    assert!(plain.config.routes.keys().any(|route| route.target == RouteTarget::Null0));
    for other in
        [format!("\u{feff}{text}"), text.replace('\n', "\r\n"), format!("\u{feff}{text}").replace('\n', "\r\n")]
    {
        assert_eq!(startup(&other), plain);
        assert_eq!(Config::parse(&other, "x").unwrap(), Config::parse(text, "x").unwrap());
    }
    // Places count from the text's own beginning.
    assert_eq!(refused("\u{feff}hostnam\u{e9} pe1\r\n"), [(1, 1, "hostnam\u{e9}".to_owned())]);
}

#[test]
fn every_line_after_the_end_is_named() {
    assert_eq!(refused("end\n! nothing\n\nhostname pe1\n no shutdown\n").len(), 2);
}

#[test]
fn what_the_platform_does_not_take_is_refused_where_it_stands() {
    let c10000 = Profile::named("c10000").unwrap();
    let text = "redundancy\n mode hsa\n crashdump-timeout 5\n";
    let reading = Reading::of_startup(text, "pe1.cfg", c10000);
    assert_eq!(reading.refused.len(), 1);
    let said = reading.refused[0].to_string();
    assert!(said.starts_with("pe1.cfg:2:2: ") && said.contains("mode hsa is not supported on c10000"), "{said}");
    assert_eq!(reading.config.redundancy.mode, c10000.default_mode);
    assert_eq!(reading.config.redundancy.crashdump_timeout.as_secs(), 300, "the section goes on");
}
