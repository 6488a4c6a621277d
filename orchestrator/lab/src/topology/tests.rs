use super::*;

const GOOD: &str = r#"name: lab
topology:
  nodes:
    pe1:
      kind: chassis
      image: "1.0"
      redundancy: {mode: sso, switchover-timer: 300ms, heartbeat: 50ms}
      components:
        - slot: A
        - slot: B
        - slot: 1
          ports: 4
        - slot: 2
          ports: 2
      routes: {table: internet, size: {ipv4: 1000, ipv6: 200}, next-hops: 16}
    t1:
      kind: tester
      ports: 2
  links:
    - endpoints: ["t1:p1", "pe1:1/1"]
    - endpoints: ["t1:p2", "pe1:2/1"]
"#;

fn load(text: &str) -> Result<Topology, BadInput> {
    Topology::from_document(Document::from_text(Path::new("lab.chassis.yml"), text))
}

/// The complaint about `GOOD` with one line of it changed.
fn complaint(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    load(&GOOD.replacen(old, new, 1)).expect_err(new).plain()
}

#[test]
fn a_good_topology_is_understood() {
    let topology = load(GOOD).unwrap();
    assert_eq!(topology.name, "lab");
    let pe1 = topology.chassis("pe1").unwrap();
    assert_eq!(pe1.platform.name, "native");
    assert_eq!(pe1.rps, [RpSlot::A, RpSlot::B]);
    assert_eq!(pe1.line_cards[1], LineCard { slot: LcSlot(2), ports: 2, legacy: false });
    assert_eq!(pe1.redundancy.switchover_timer.to_string(), "300ms");
    assert_eq!(pe1.routes.as_ref().unwrap().next_hops, 16);
    let end = &topology.links[0].ends[0];
    assert_eq!(topology.opposite(end).unwrap().to_string(), "pe1:1/1");
}

/// A line of `GOOD`, what stands there instead, and the complaint about it.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    (
        "name: lab",
        "name: My Lab",
        "lab.chassis.yml:1:7: lab name 'My Lab' cannot be used\n  \
             use 1 to 32 of a-z, 0-9 and '-', and a letter or digit first and last",
    ),
    (
        "name: lab",
        "name: --help",
        "lab.chassis.yml:1:7: lab name '--help' cannot be used\n  \
             use 1 to 32 of a-z, 0-9 and '-', and a letter or digit first and last",
    ),
    (
        "name: lab",
        "name: lab\nprefix: -x-",
        "lab.chassis.yml:2:9: prefix name '-x-' cannot be used\n  \
             use 1 to 32 of a-z, 0-9 and '-', and a letter or digit first and last",
    ),
    (
        "    t1:\n",
        "    t1-:\n",
        "lab.chassis.yml:17:7: node name 't1-' cannot be used\n  \
             use 1 to 16 of a-z, 0-9 and '-', and a letter or digit first and last",
    ),
    (
        "        - slot: B",
        "        - slot: A",
        "lab.chassis.yml:10:17: slot A of pe1 is there twice\n  it stands at line 9 already",
    ),
    ("pe1:2/1", "pe1:2/3", "lab.chassis.yml:21:28: pe1 has no port 2/3\n  line card 2 has ports 2/1 to 2/2"),
    (
        "pe1:2/1",
        "pe1:3/1",
        "lab.chassis.yml:21:28: pe1 has no line card in slot 3\n  \
             add the slot to its components, or correct the endpoint",
    ),
    (
        "pe1:2/1",
        "pe2:2/1",
        "lab.chassis.yml:21:28: there is no node 'pe2'\n  add it to 'nodes', or correct the endpoint",
    ),
    ("\"t1:p2\"", "\"t1:p3\"", "lab.chassis.yml:21:19: tester t1 has no port 'p3'\n  its ports are p1 to p2"),
    (
        "\"t1:p2\", \"pe1:2/1\"",
        "\"t1:p2\", \"pe1:1/1\"",
        "lab.chassis.yml:21:28: port pe1:1/1 has a link already\n  line 20 uses it: a port takes one link",
    ),
    (
        "mode: sso",
        "mode: nsr",
        "lab.chassis.yml:7:26: unknown mode 'nsr': the modes are hsa, rpr, rpr-plus, sso and, in experiments, fsu and issu",
    ),
    (
        "mode: sso",
        "mode: fsu",
        "lab.chassis.yml:7:26: a chassis cannot be configured to 'fsu'\n  the modes are hsa, rpr, rpr-plus and sso",
    ),
    (
        "image: \"1.0\"",
        "image: \"1.0\"\n      platform: c6500",
        "lab.chassis.yml:7:17: unknown platform 'c6500'\n  \
             the platforms are native, c7304, c7500, c10000, c12000, asr1000",
    ),
    (
        "image: \"1.0\"",
        "image: \"1.0\"\n      modelled-times: true",
        "lab.chassis.yml:7:23: platform native stands for no hardware whose times could be modelled\n  \
             remove the key, or name another platform",
    ),
    (
        "image: \"1.0\"",
        "image: \"1.0\"\n      startup-config: nowhere.cfg",
        "lab.chassis.yml:7:23: cannot read the startup configuration 'nowhere.cfg': \
             No such file or directory (os error 2)\n  \
             correct the path (it starts from the topology's folder), or remove the key: one is generated then",
    ),
    (
        "ipv4: 1000",
        "ipv4: 18446744073709551615",
        "lab.chassis.yml:15:39: 18446744073709551615 + 200 routes are more than a table holds\n  \
             give 4194304 or fewer together",
    ),
    (
        "table: internet",
        "table: full.mrt",
        "lab.chassis.yml:15:23: cannot read the routing table 'full.mrt': No such file or directory (os error 2)\n  \
             give 'internet', or a prefix list or MRT file (its path starts from the topology's folder)",
    ),
    (
        "heartbeat: 50ms",
        "heartbeat: 50",
        "lab.chassis.yml:7:67: '50' is not a time (a number and its unit: 300ms, 2s, 10m)",
    ),
    (
        "heartbeat: 50ms",
        "heartbeat: 200ms",
        "lab.chassis.yml:7:19: a switchover timer of 300ms does not fit a heartbeat of 200ms\n  \
             heartbeats take 1ms or more, and the timer must cover at least two of them",
    ),
    (
        "next-hops: 16",
        "next-hops: 16, churn: 101%",
        "lab.chassis.yml:15:86: 101% of a table cannot churn in a minute\n  \
             give 0.001% to 100%, as in 'churn: 1%'",
    ),
    (
        "next-hops: 16",
        "next-hops: 16, churn: 0.00001%",
        "lab.chassis.yml:15:86: 0% of a table cannot churn in a minute\n  \
             give 0.001% to 100%, as in 'churn: 1%'",
    ),
    (
        "next-hops: 16",
        "next-hops: 16, churn: -1%",
        "lab.chassis.yml:15:86: '-1%' is not a share (a number and its sign: 80%)",
    ),
    (
        "next-hops: 16",
        "next-hops: 16, churn: 20",
        "lab.chassis.yml:15:86: '20' is not a share (a number and its sign: 80%)",
    ),
    (
        "next-hops: 16",
        "next-hops: 500",
        "lab.chassis.yml:15:75: 500 next hops over 2 links are 250 behind one link\n  \
             a link has room for 240: lower 'next-hops' or add links",
    ),
    (
        "      ports: 2\n  links",
        "      ports: 2\n      image: \"1.0\"\n  links",
        "lab.chassis.yml:19:14: a tester has no 'image'\n  remove the key, or change the node's kind",
    ),
];

#[test]
fn every_complaint_names_place_and_remedy() {
    for (old, new, wanted) in COMPLAINTS {
        assert_eq!(complaint(old, new), *wanted);
    }
}

#[test]
fn a_chassis_needs_a_route_processor() {
    let text = complaint("        - slot: A\n        - slot: B\n", "");
    assert!(text.contains("chassis pe1 has no route processor"), "{text}");
}

#[test]
fn what_the_parser_refuses_has_a_place_too() {
    for (old, new, place, what) in [
        ("kind: tester", "kind: toaster", "lab.chassis.yml:17:13", "toaster"),
        ("    t1:\n", "    t1:\n      colour: red\n", "lab.chassis.yml:17:7", "colour"),
        ("ports: 4", "ports: many", "lab.chassis.yml:12:18", "u8"),
        ("slot: 2", "slot: Z9", "lab.chassis.yml:13:17", "Z9"),
        ("  links:", " links:", "lab.chassis.yml", ""),
        ("name: lab", "name: lab\nname: lab", "lab.chassis.yml:2:1", "name"),
    ] {
        let text = complaint(old, new);
        assert!(text.starts_with(place), "{text}");
        assert!(text.contains(what), "{text}");
        assert!(!text.contains("at line"), "the place stands once: {text}");
    }
}

#[test]
fn a_complaint_shows_the_text_around_it() {
    let error = load(&GOOD.replace("mode: sso", "mode: nsr")).unwrap_err();
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor());
    let mut shown = String::new();
    handler.render_report(&mut shown, &error).unwrap();
    assert!(shown.contains("lab.chassis.yml:7:26"), "{shown}");
    assert!(shown.contains("redundancy: {mode: nsr, switchover-timer: 300ms"), "{shown}");
}

/// `GOOD` on another platform, with one more change.
fn on(platform: &str, old: &str, new: &str) -> Result<Topology, BadInput> {
    assert!(GOOD.contains(old), "{old}");
    let image = "image: \"1.0\"";
    load(&GOOD.replacen(old, new, 1).replacen(image, &format!("{image}\n      platform: {platform}"), 1))
}

#[test]
fn a_platform_says_which_modes_and_which_cards_there_are() {
    assert_eq!(
        on("c10000", "mode: sso", "mode: hsa").expect_err("hsa").plain(),
        "lab.chassis.yml:8:26: a c10000 has no mode 'hsa'\n  its modes are rpr, rpr-plus, sso"
    );
    // Without a mode of its own, a chassis gets its platform's default.
    for (platform, default) in [("c7304", Mode::Sso), ("c7500", Mode::Hsa), ("c12000", Mode::Rpr)] {
        assert_eq!(on(platform, "mode: sso, ", "").unwrap().chassis[0].redundancy.mode, default, "{platform}");
    }
    let legacy = "ports: 2\n          legacy: true";
    assert!(on("c7500", "ports: 2", legacy).unwrap().chassis[0].line_cards[1].legacy);
    assert!(
        on("c12000", "ports: 2", legacy).expect_err("legacy").plain().contains("a c12000 has no legacy line cards")
    );
    let on_rp = on("c7500", "- slot: B", "- slot: B\n          legacy: true").expect_err("legacy RP").plain();
    assert!(on_rp.contains("only line cards can be"), "{on_rp}");
}

/// Every name that passes is one that certificates are made for and that an engine takes.
#[test]
fn a_name_that_passes_can_be_deployed() {
    let authority = |lab: &str| fabric::tls::Authority::new(lab);
    for name in
        ["a", "1", "a-b", "x".repeat(32).as_str(), "-", "-x-", "--help", "a-", "", "a.b", "A", "a_b", "ä", "a b"]
    {
        let passes = load(&GOOD.replacen("name: lab", &format!("name: {name:?}"), 1)).is_ok();
        assert_eq!(passes, authority(name).is_ok(), "{name:?}");
        let plain = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        assert!(!passes || plain, "engines want a letter or digit first: {name:?}");
    }
    assert!(load(&GOOD.replacen("name: lab", &format!("name: {}", "x".repeat(33)), 1)).is_err());
}

/// A topology with a startup configuration beside it.
fn with_startup(text: &str) -> Result<Topology, BadInput> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pe1.cfg"), text).unwrap();
    let image = "image: \"1.0\"";
    let topology = GOOD.replacen(image, &format!("{image}\n      startup-config: pe1.cfg"), 1);
    Topology::from_document(Document::from_text(&folder.path().join("lab.chassis.yml"), &topology))
}

const STARTUP: &str =
    "hostname pe1\ninterface GigabitEthernet1/1\n ip address 192.0.2.1 255.255.255.0\n no shutdown\nend\n";

#[test]
fn a_startup_configuration_is_read_as_its_card_would() {
    let error = with_startup(&STARTUP.replacen("interface", "line vty 0 4\ninterface", 1)).unwrap_err().plain();
    let (place, rest) = error.split_once(": ").unwrap();
    assert!(place.ends_with("/pe1.cfg:2:1"), "{error}");
    assert_eq!(
        rest,
        "'line' is not supported: terminals need no configuration\n  \
             correct or remove the line: a card would boot without it"
    );
    let several = STARTUP.replace(" no shutdown", " no shutdwon\n mtu 20").replace("hostname", "hostnamed");
    let error = with_startup(&format!("{several}{}", "x\n".repeat(9))).unwrap_err().plain();
    assert!(error.contains("pe1.cfg:1:1: "), "{error}");
    assert!(error.ends_with("; refused too: line 4, 5, 7, 8, 9, 10, 11, 12, ..."), "{error}");
}

#[test]
fn marks_and_line_ends_of_other_systems_change_nothing() {
    let plain = with_startup(STARTUP).unwrap().chassis[0].startup_config.clone();
    assert_eq!(plain.as_ref().map(|startup| startup.text.as_str()), Some(STARTUP));
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(with_startup(&windows(STARTUP)).unwrap().chassis[0].startup_config, plain);
    let topology = load(&windows(GOOD)).unwrap();
    assert_eq!((&topology.chassis, &topology.links), (&load(GOOD).unwrap().chassis, &load(GOOD).unwrap().links));
    let wrong = load(&windows(&GOOD.replacen("name: lab", "name: My Lab", 1))).unwrap_err().plain();
    assert!(wrong.starts_with("lab.chassis.yml:1:7: "), "{wrong}");
}
