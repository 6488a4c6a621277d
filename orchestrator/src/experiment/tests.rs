use super::*;
use crate::{expectation::Must, zero_loss::Known};
use measure::verdict::{Quantity, Statistic};

const TOPOLOGY: &str = r#"name: lab
topology:
  nodes:
    pe1:
      kind: chassis
      image: "1.0"
      components:
        - slot: A
        - slot: 1
          ports: 2
      routes: {table: internet, size: {ipv4: 1000, ipv6: 200}, next-hops: 16}
    t1:
      kind: tester
      ports: 3
  links:
    - endpoints: ["t1:p1", "pe1:1/1"]
    - endpoints: ["t1:p2", "pe1:1/2"]
"#;

const GOOD: &str = "title: A test
topology: lab.chassis.yml
modes: [rpr, sso]
trials: 2
traffic:
  - {name: one, from: t1:p1, to: t1:p2, flows: 10, rate: 100kpps, frame-size: 128}
  - {name: two, from: t1:p2, to: t1:p1, flows: 10, rate: 100kpps, frame-size: 128}
method:
  - {at: 0s, fault: kill, target: pe1/active-rp}
  - {at: 1s, fault: impair, target: rp:A<->lc:1, for: 2s, loss: 0.5, delay: 10ms, plane: control}
observe: {until: redundant, at-most: 60s}
thresholds:
  sso: {lost: 0, unaccounted: 0}
";

fn load(text: &str) -> Result<Experiment, BadInput> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lab.chassis.yml"), TOPOLOGY).unwrap();
    let path = folder.path().join("x.experiment.yml");
    std::fs::write(&path, text).unwrap();
    Experiment::load(&path)
}

fn complaint(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    let text = load(&GOOD.replacen(old, new, 1)).expect_err(new).plain();
    let at = text.find("x.experiment.yml").expect("the file is named");
    text[at..].to_owned()
}

#[test]
fn a_good_experiment_is_understood() {
    let experiment = load(GOOD).unwrap();
    assert_eq!(experiment.modes, [Mode::Rpr, Mode::Sso]);
    assert_eq!((experiment.trials, experiment.baseline, experiment.seed), (2, 0, 1));
    assert_eq!(experiment.traffic[1].from, TesterInterface { port: 2, sub: None });
    assert_eq!(experiment.steady_state.time.to_string(), "2s");
    let limits = Limits::default().and(Quantity::Lost, Statistic::Worst, 0.0);
    assert_eq!(experiment.thresholds[&Mode::Sso], limits.and(Quantity::Unaccounted, Statistic::Worst, 0.0));
    let impair = &experiment.method[1];
    assert_eq!((impair.fault.impairment.loss, impair.fault.impairment.delay_ms), (0.5, 10.0));
    assert_eq!(impair.fault.plane, fabric_proto::operator::PlaneSet::Control);
    assert_eq!(experiment.fault_name(Mode::Sso), "kill pe1/active-rp, impair (control) rp:A<->lc:1");
}

/// A line of `GOOD`, what stands there instead, and the complaint about it.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    (
        "lab.chassis.yml",
        "other.chassis.yml",
        "x.experiment.yml:2:11: there is no topology 'other.chassis.yml'\n  \
             its path starts from the experiment's folder",
    ),
    ("modes: [rpr, sso]", "modes: [rpr, sso, rpr]", "x.experiment.yml:3:19: mode rpr is there twice\n  remove one"),
    (
        "modes: [rpr, sso]",
        "modes: [rpr, nsr]",
        "x.experiment.yml:3:14: unknown mode 'nsr': the modes are hsa, rpr, rpr-plus, sso and, in experiments, fsu and issu",
    ),
    (
        "trials: 2",
        "trials: 4294967295",
        "x.experiment.yml:4:9: 4294967295 trials of each mode are more than a run holds\n  \
             give 10000 or fewer; 'swact soak' repeats an experiment for as long as you like",
    ),
    (
        "trials: 2",
        "trials: 2\nbaseline: 10001",
        "x.experiment.yml:5:11: 10001 baseline trials of each mode are more than a run holds\n  \
             give 10000 or fewer; 'swact soak' repeats an experiment for as long as you like",
    ),
    (
        "at-most: 60s",
        "at-most: 18m",
        "x.experiment.yml:11:38: a trial could take 4327s\n  \
             twice the steady state, 'after', the method and four times 'at-most' may come to 70m together",
    ),
    (
        "at-most: 60s",
        "at-most: 9000h",
        "x.experiment.yml:11:38: '9000h' is not a time that anything here takes: 8784h at most",
    ),
    ("trials: 2", "trials: 0", "x.experiment.yml:4:9: no trials\n  give 'trials: 1' or more"),
    (
        "fault: kill",
        "fault: explode",
        "x.experiment.yml:9:21: unknown fault 'explode': the faults are kill, stop, pause, resume, restart, \
             force-switchover, remove, insert, reload, partition, heal, impair, link-down, link-up, drop, swap-image, \
             upgrade-card, corrupt, fill, repair, crash, disarm, hang, unhang, exec, storm",
    ),
    (
        "target: pe1/active-rp",
        "target: pe2/active-rp",
        "x.experiment.yml:9:35: there is no chassis 'pe2'\n  the chassis are pe1",
    ),
    ("target: pe1/active-rp", "target: pe1/lc:9", "x.experiment.yml:9:35: pe1 has no lc:9\n  its cards are rp:A, lc:1"),
    (
        "target: pe1/active-rp",
        "target: standby-rp",
        "x.experiment.yml:9:35: pe1 has no standby-rp\n  its cards are rp:A, lc:1",
    ),
    (
        "fault: kill",
        "fault: reload",
        "x.experiment.yml:9:37: fault 'reload' cannot be done to 'pe1/active-rp'\n  correct the fault or its target",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: kill, target: pe1/active-rp, loss: 0.5",
        "x.experiment.yml:9:56: fault 'kill' has no option 'loss'\n  remove the option",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: drop, target: pe1/active-rp, for: 10ms",
        "x.experiment.yml:9:35: fault 'drop' cannot be done to 'pe1/active-rp'\n  correct the fault or its target",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: drop, target: pe1/lc:1",
        "x.experiment.yml:9:21: a drop without an end: the traffic would never come back\n  add 'for: 100ms'",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: drop, target: pe1/lc:1, for: 1s, every: 0",
        "x.experiment.yml:9:61: 'every: 0' drops nothing\n  give 1 to 1000000",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: drop, target: pe1/lc:1, for: 1s, every: 4294967295",
        "x.experiment.yml:9:61: 'every: 4294967295' drops nothing\n  give 1 to 1000000",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: drop, target: pe1/lc:1, for: 100ms, every: 20001",
        "x.experiment.yml:9:64: 'every: 20001' drops nothing: fewer packets come in 100ms\n  give less, or a longer time",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: swap-image, target: pe1/active-rp, image: \"1.0\"",
        "x.experiment.yml:9:63: pe1 runs release 1.0 already\n  give another release",
    ),
    ("loss: 0.5", "loss: 5", "x.experiment.yml:10:65: 'loss: 5' is not a probability\n  give 0 to 1"),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: swap-image, target: pe1/active-rp",
        "x.experiment.yml:9:21: swap-image needs a release\n  add 'image: \"2.0\"' (--image 2.0)",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: upgrade-card, target: pe1/lc:1, or-reset: true",
        "x.experiment.yml:9:21: upgrade-card needs a release\n  add 'image: \"2.0\"' (--image 2.0)",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: upgrade-card, target: pe1/active-rp, image: \"2.0\"",
        "x.experiment.yml:9:43: fault 'upgrade-card' cannot be done to 'pe1/active-rp'\n  correct the fault or its target",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: upgrade-card, target: pe1/lc:1, image: \"1.0\"",
        "x.experiment.yml:9:60: pe1 runs release 1.0 already\n  give another release",
    ),
    (
        "fault: kill, target: pe1/active-rp",
        "fault: swap-image, target: pe1/active-rp, image: \"2.0\", or-reset: true",
        "x.experiment.yml:9:80: fault 'swap-image' has no option 'or-reset'\n  remove the option",
    ),
    ("to: t1:p2", "to: t1:p9", "x.experiment.yml:6:34: tester t1 has no port p9\n  its ports are p1 to p3"),
    ("to: t1:p2", "to: t1:p3", "x.experiment.yml:6:34: nothing is linked to t1:p3\n  add a link to the topology"),
    (
        "from: t1:p1",
        "from: pe1:1/1",
        "x.experiment.yml:6:23: 'pe1:1/1' is not a tester port\n  \
         write 't1:p1', or 't1:p1.100' for a subinterface; the testers are t1",
    ),
    (
        "rate: 100kpps",
        "rate: 1000Mpps",
        "x.experiment.yml:6:58: a rate of 1000Mpps cannot be reached\n  give 20Mpps or less",
    ),
    (
        "rate: 100kpps",
        "rate: 100",
        "x.experiment.yml:6:58: '100' is not a rate (a number and its unit: 500pps, 100kpps, 1Mpps, or 80% of the zero-loss \
         rate)",
    ),
    (
        "frame-size: 128",
        "frame-size: 60",
        "x.experiment.yml:6:79: a frame of 60 bytes is not possible\n  give 64 to 1518",
    ),
    (
        "  sso: {lost: 0",
        "  hsa: {lost: 0",
        "x.experiment.yml:3:8: thresholds for hsa, which is not among the modes\n  add hsa to 'modes', or remove them",
    ),
];

/// What was begun and left empty. Each would have passed as if it had been checked.
const EMPTY: &[(&str, &str)] = &[
    ("  sso: {lost: }\n", "x.experiment.yml:13:"),
    ("  sso: {lost: ~}\n", "x.experiment.yml:13:"),
    ("  sso: {lost: 0, outage_ms: null}\n", "x.experiment.yml:13:"),
    ("  sso:\n    lost:\n    unaccounted: 0\n", "x.experiment.yml:14:"),
    ("  sso:\n", "x.experiment.yml:13:"),
    ("  sso: {}\n", "x.experiment.yml:13:8: the threshold of sso limits nothing"),
    ("  {}\n", "x.experiment.yml:13:3: 'thresholds' limits nothing"),
    ("", "x.experiment.yml:12:"),
];

#[test]
fn what_was_left_empty_is_refused_with_its_place() {
    for (thresholds, wanted) in EMPTY {
        let text = complaint("  sso: {lost: 0, unaccounted: 0}\n", thresholds);
        assert!(text.starts_with(wanted), "{thresholds}: {text}");
        let says = ["has nothing in it\n  give a value", "limits nothing\n  give limits"];
        assert!(says.iter().any(|says| text.contains(says)), "{text}");
    }
    for key in ["expect", "steady-state", "baseline", "seed"] {
        let text = load(&format!("{GOOD}{key}:\n")).unwrap_err().plain();
        assert!(text.contains(&format!("'{key}' has nothing in it")), "{text}");
    }
    let text = complaint("fault: kill, target", "fault: kill, for: , target");
    assert!(text.starts_with("x.experiment.yml:9:") && text.contains("'for' has nothing in it"), "{text}");
}

#[test]
fn what_no_document_can_hold_hides_nothing_that_was_left_empty() {
    for title in [".nan", ".inf", "-.INF"] {
        let text = GOOD.replace("title: A test", &format!("title: {title}")).replace("lost: 0, una", "lost: , una");
        assert!(load(&text).is_err(), "{title}");
    }
}

#[test]
fn a_fault_that_does_nothing_is_refused_with_its_place() {
    for (fault, wanted) in [
        ("fault: impair, target: \"pe1/rp:A<->lc:1\"", "impair needs something to do"),
        ("fault: impair, target: \"pe1/rp:A<->lc:1\", loss: 0", "impair needs something to do"),
        ("fault: partition, target: \"pe1/rp:A<->rp:A\"", "is one card"),
        ("fault: partition, target: \"pe1/rp:A<->lc:1\", for: 0s", "lasts no time"),
        ("fault: exec, target: pe1/active-rp, lines: [\"\"]", "exec needs lines"),
    ] {
        let text = complaint("fault: kill, target: pe1/active-rp", fault);
        assert!(text.starts_with("x.experiment.yml:9:") && text.contains(wanted), "{fault}: {text}");
    }
    let (before, rest) = GOOD.split_once("method:\n").unwrap();
    let after = &rest[rest.find("observe:").unwrap()..];
    let heals = format!("{before}method: [{{fault: heal, target: \"pe1/rp:A<->lc:1\"}}]\n{after}");
    let text = load(&heals).unwrap_err().plain();
    assert!(text.contains(":8:18: the method only takes back faults, and does none"), "{text}");
}

#[test]
fn an_expectation_that_checks_nothing_is_refused_with_its_place() {
    let expecting = |expect: &str| load(&format!("{GOOD}expect: {expect}\n"));
    let text = expecting("{switchover: if-long, loss: never}").unwrap_err().plain();
    assert!(text.contains("x.experiment.yml:14:22: ") && text.contains("if-long"), "{text}");
    let expect = expecting("{switchover: always, loss: maybe}").unwrap().expect;
    assert_eq!(expect, Some(Expected { switchover: Must::Always, loss: Must::Maybe }));
    let text = expecting("{switchover: maybe, loss: maybe}").unwrap_err().plain();
    assert!(text.contains("x.experiment.yml:14:9: 'expect' expects nothing"), "{text}");
}

#[test]
fn every_complaint_names_place_and_remedy() {
    for (old, new, wanted) in COMPLAINTS {
        assert_eq!(complaint(old, new), *wanted);
    }
}

/// An end of traffic, and what is wrong with it. The configuration is that of `topologies/vpn`, with more subinterfaces.
const ENDS: &[(&str, &str, &str)] = &[
    ("t1:p1.100", "t1:p2.100", ""),
    (
        "t1:p1.7",
        "t1:p2.100",
        "6:23: pe1 has no interface GigabitEthernet1/1.7\n  add it to pe1.cfg, or take GigabitEthernet1/1.100 (VLAN \
         100) or GigabitEthernet1/1.200 (VLAN 200) or GigabitEthernet1/1.300 (VLAN 300) or GigabitEthernet1/1.500 (VLAN 500)",
    ),
    (
        "t1:p1.100",
        "t1:p2.101",
        "6:38: pe1 has no interface GigabitEthernet2/1.101\n  add it to pe1.cfg, or take GigabitEthernet2/1.100 (VLAN \
         101) or GigabitEthernet2/1.200 (VLAN 201)",
    ),
    (
        "t1:p1.300",
        "t1:p2.100",
        "6:23: GigabitEthernet1/1.300 of pe1 is shut down\n  give it 'no shutdown' in pe1.cfg, or take another one",
    ),
    (
        "t1:p1.400",
        "t1:p2.100",
        "6:23: GigabitEthernet1/1.400 of pe1 has no VLAN\n  give it 'encapsulation dot1Q 400' in pe1.cfg",
    ),
    (
        "t1:p1.500",
        "t1:p2.100",
        "6:23: GigabitEthernet1/1.500 of pe1 has no address\n  give it an 'ip address' or 'ipv6 address' in pe1.cfg",
    ),
    (
        "t1:p1.100",
        "t1:p2.200",
        "6:38: traffic goes from VRF red of pe1 to VRF blue of pe1\n  no route leads from one table to another: name two \
         ends of one",
    ),
    (
        "t1:p1.100",
        "t1:p2",
        "6:38: traffic goes from VRF red of pe1 to the default table of pe1\n  no route leads from one table to another: \
         name two ends of one",
    ),
    (
        "t1:p2.100",
        "t1:p1.600",
        "6:38: nothing in VRF red of pe1 leads to GigabitEthernet1/1.600\n  give pe1.cfg a static route and its \
         neighbour there",
    ),
    (
        "t1:p1.0",
        "t1:p2",
        "6:23: 't1:p1.0' is not a tester port\n  write 't1:p1', or 't1:p1.100' for a subinterface; the testers are t1",
    ),
    (
        "t1:p1.+9",
        "t1:p2",
        "6:23: 't1:p1.+9' is not a tester port\n  write 't1:p1', or 't1:p1.100' for a subinterface; the testers are t1",
    ),
];

/// Interfaces that no traffic can use, but for the last.
const MORE: &str = "\
interface GigabitEthernet1/1.300
 encapsulation dot1Q 300
 vrf forwarding red
 shutdown
interface GigabitEthernet1/1.400
interface GigabitEthernet1/1.500
 encapsulation dot1Q 500
interface GigabitEthernet1/1.600
 encapsulation dot1Q 600
 vrf forwarding red
 ip address 10.20.6.1 255.255.255.0
ip route vrf blue";

#[test]
fn ends_that_no_traffic_can_use_are_refused_with_their_place() {
    let vpn = Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies/vpn");
    let folder = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(vpn.join("pe1.cfg")).unwrap().replacen("ip route vrf blue", MORE, 1);
    std::fs::write(folder.path().join("pe1.cfg"), config).unwrap();
    std::fs::copy(vpn.join("vpn.chassis.yml"), folder.path().join("lab.chassis.yml")).unwrap();
    let path = folder.path().join("x.experiment.yml");
    for (from, to, wanted) in ENDS {
        let ends = format!("from: {from}, to: {to}, flows: 10, rate: 100kpps, frame-size: 128}}\n");
        let (before, after) = GOOD.split_once("from: t1:p1").unwrap();
        let after = &after[after.find("method:").unwrap()..];
        std::fs::write(&path, format!("{before}{ends}{after}")).unwrap();
        match Experiment::load(&path) {
            Ok(experiment) => {
                assert_eq!(*wanted, "", "{from} to {to}");
                assert_eq!(experiment.traffic[0].to.to_string(), "p2.100");
            }
            Err(error) => {
                let text = error.plain();
                let at = text.find("x.experiment.yml:").expect("the file is named");
                assert_eq!(&text[at + "x.experiment.yml:".len()..], *wanted, "{from} to {to}");
            }
        }
    }
}

#[test]
fn a_load_has_room_in_the_tester_or_is_refused() {
    let fast = GOOD.replace("rate: 100kpps", "rate: 9Mpps");
    let text = load(&fast).unwrap_err().plain();
    assert!(text.contains(":11:38: a trial of 247s at 18Mpps could come to more packets than are kept"), "{text}");
    let mut wide = GOOD.replace("flows: 10", "flows: 100000").replace("rate: 100kpps", "rate: 1Mpps");
    load(&wide).unwrap();
    let third = "  - {name: three, from: t1:p1, to: t1:p2, flows: 1, rate: 10pps, frame-size: 128}\nmethod:";
    wide = wide.replace("method:", third);
    let text = load(&wide).unwrap_err().plain();
    assert!(text.contains(":8:50: 200001 flows with those of the entries before"), "{text}");
}

#[test]
fn what_the_parser_refuses_has_a_place_too() {
    for (old, new, place, what) in [
        ("title: A test", "titel: A test", "x.experiment.yml:1:1", "titel"),
        ("trials: 2", "trials: few", "x.experiment.yml:4:9", "u32"),
        ("{lost: 0, unaccounted", "{lost: none, unaccounted", "x.experiment.yml:13:15", "floating point"),
        ("until: redundant", "until: tea", "x.experiment.yml:11:18", "tea"),
        ("at-most: 60s", "at-most: 60", "x.experiment.yml:11:38", "not a time"),
    ] {
        let text = complaint(old, new);
        assert!(text.starts_with(place), "{text}");
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn the_command_line_changes_modes_trials_and_table() {
    let mut experiment = load(GOOD).unwrap();
    let overrides = Overrides { modes: Some(vec![Mode::Hsa]), trials: Some(7), table: None, seed: Some(9) };
    experiment.apply(&overrides).unwrap();
    assert_eq!(experiment.modes, [Mode::Hsa]);
    assert_eq!((experiment.trials, experiment.seed), (7, 9));
    assert!(experiment.thresholds.is_empty(), "thresholds of modes that are not run play no part");
    let missing = Overrides { table: Some("nowhere.gz".into()), ..Overrides::default() };
    let text = experiment.apply(&missing).unwrap_err().plain();
    assert_eq!(
        text,
        "--table: cannot read the routing table 'nowhere.gz': No such file or directory (os error 2)\n  \
         give a prefix list or an MRT table dump"
    );
}

#[test]
fn a_share_of_the_zero_loss_rate_is_settled_from_the_store() {
    let store = tempfile::tempdir().unwrap();
    let text = GOOD.replace("rate: 100kpps", "rate: 40%");
    let mut experiment = load(&text).unwrap();
    let error = experiment.settle_rates(store.path()).unwrap_err().plain();
    assert!(
        error.contains("no zero-loss rate of lab with frames of 128 bytes is stored\n  measure it: swact throughput")
    );
    let known = Known { zero_loss_pps: 2e6, ..Known::default() };
    Stored::keep(store.path(), "lab", [(128, known)]).unwrap();
    experiment.settle_rates(store.path()).unwrap();
    let settled = Rate::Absolute(PacketRate(0.8e6));
    assert_eq!(experiment.traffic.iter().map(|traffic| traffic.rate).collect::<Vec<_>>(), [settled, settled]);

    let uneven = complaint(
        "flows: 10, rate: 100kpps, frame-size: 128}\n  - {name: two, from: t1:p2, to: t1:p1, flows: 10, rate: 100kpps",
        "flows: 10, rate: 40%, frame-size: 128}\n  - {name: two, from: t1:p2, to: t1:p1, flows: 10, rate: 30%",
    );
    assert!(uneven.contains("30% over 10 flows is another rate a flow than the first entry's"), "{uneven}");
    let mixed = GOOD.replacen("rate: 100kpps", "rate: 40%", 1);
    let error = load(&mixed).unwrap().settle_rates(store.path()).unwrap_err().plain();
    assert!(error.contains("give every entry the same rate a flow"), "what a share comes to is known now: {error}");
}
