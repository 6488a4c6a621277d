use crate::experiment::Experiment;
use fabric_proto::fib::Prefix;
use notation::{document::BadInput, mode::Mode};

const TOPOLOGY: &str = r#"name: lab
topology:
  nodes:
    t1: {kind: tester, ports: 4, addresses: {p1: [10.1.0.10, "fd00:1::10"], p2: [10.2.0.10], p4: ["fd00:4::10"]}}
    r1: {kind: linux}
    r2: {kind: linux}
  links:
    - endpoints: ["t1:p1", "r1:eth1"]
    - endpoints: ["r1:eth2", "r2:eth1"]
    - endpoints: ["t1:p2", "r2:eth2"]
    - endpoints: ["t1:p3", "r2:eth3"]
    - endpoints: ["t1:p4", "r2:eth4"]
"#;

const GOOD: &str = "title: A test
topology: lab.chassis.yml
trials: 1
traffic:
  - {name: one, from: t1:p1, to: t1:p2, flows: 10, rate: 10kpps, frame-size: 128}
method:
  - {fault: link-down, target: 'r1:eth2', for: 1s}
observe: {at-most: 9s}
thresholds:
  none: {lost: 0}
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
    text[text.find("x.experiment.yml").expect("the file is named")..].to_owned()
}

#[test]
fn an_experiment_without_a_chassis_has_one_cell_and_counts_the_routers_on_its_way() {
    let experiment = load(GOOD).unwrap();
    assert_eq!(experiment.modes, [Mode::NoChassis]);
    let through = experiment.traffic[0].through.unwrap();
    assert_eq!((through.hops, through.destinations), (2, None));
    assert_eq!(
        through.next_hop,
        lab::plan::node_mac("lab", "r1", lab::topology::InterfaceName::parse("eth1").unwrap())
    );
    let told = GOOD.replace("128}", "128, hops: 5, next-hop: '00:00:5e:00:01:0a', destinations: 10.9.0.0/16}");
    let through = load(&told).unwrap().traffic[0].through.unwrap();
    assert_eq!((through.hops, through.next_hop), (5, [0, 0, 0x5e, 0, 1, 0x0a]));
    assert_eq!(through.destinations, Some("10.9.0.0/16".parse::<Prefix>().unwrap()));
}

#[test]
fn what_is_not_known_or_cannot_be_is_refused_with_its_place() {
    for (old, new, said) in [
        (
            "trials: 1",
            "modes: [sso]\ntrials: 1",
            "3:8: the lab has no chassis, and so no redundancy mode\n  remove 'modes'",
        ),
        (
            "{at-most",
            "{until: redundant, at-most",
            "8:18: the lab has no chassis that could come to this\n  write 'until: traffic', or leave it out",
        ),
        (
            "none: {lost",
            "sso: {lost",
            "thresholds for sso, and the lab has no chassis\n  write them as 'none: {lost: 0}'",
        ),
        (
            "title: A",
            "expect: {switchover: always, loss: always}\ntitle: A",
            "a switchover is expected, and the lab has no chassis",
        ),
        (
            "to: t1:p2",
            "to: t1:p3",
            "5:34: t1 has no address on p3: what r2 is configured with is not known\n  add 'addresses: {p3: [10.1.0.10]}' to t1",
        ),
        ("to: t1:p2", "to: t1:p2.7", "t1:p2.7 is linked to r2:eth2, which is no chassis"),
        ("from: t1:p1, to: t1:p2", "from: t1:p2, to: t1:p4", "its two ends have no address family in common"),
        ("128}", "128, hops: 64}", "64 routers are more than a test packet crosses"),
        ("128}", "128, next-hop: '01:00:5e:00:00:01'}", "'01:00:5e:00:00:01' is no Ethernet address of one station"),
        ("128}", "128, destinations: 10.9.0.1/16}", "10.9.0.0/16"),
        ("128}", "128, destinations: 'fd00:9::/64'}", ""),
        ("target: 'r1:eth2'", "target: 'r1:eth7'", "7:32: no link ends on r1:eth7\n  these do: r1:eth1, r1:eth2"),
        ("target: 'r1:eth2'", "target: r9", "there is no node 'r9'\n  the nodes are r1, r2"),
        ("target: 'r1:eth2'", "target: active-rp", "'active-rp': the lab has no chassis\n  name a node of it: r1, r2"),
        ("link-down, target: 'r1:eth2'", "kill, target: 'r1:eth2'", "fault 'kill' cannot be done to 'r1:eth2'"),
        ("link-down, target: 'r1:eth2'", "link-down, target: r1", "fault 'link-down' cannot be done to 'r1'"),
        ("link-down, target: 'r1:eth2', for: 1s", "reload, target: r1", "fault 'reload' cannot be done to 'r1'"),
        (
            "link-down, target: 'r1:eth2'",
            "drop, target: 'r1:eth2'",
            "how much of the load is on the wire at r1:eth2 is not known",
        ),
        ("link-down, target: 'r1:eth2'", "partition, plane: data, target: '->r1:eth2'", "a wire has no planes"),
    ] {
        if said.is_empty() {
            // A family that only the destinations have, and the sources too.
            assert!(load(&GOOD.replacen(old, new, 1)).is_ok(), "{new}");
            continue;
        }
        let complained = complaint(old, new);
        assert!(complained.contains(said), "{new}: {complained}");
    }
}

#[test]
fn faults_of_nodes_and_wires_are_understood() {
    for step in [
        "kill, target: r1, for: 1s",
        "pause, target: r1, for: 1s",
        "restart, target: r1",
        "exec, target: r1, lines: ['ip route']",
        "partition, target: 'r1:eth2->', for: 1s",
        "impair, target: '->r2:eth1', loss: 0.1, for: 1s",
        "drop, target: '->r1:eth1', every: 7, for: 1s",
    ] {
        let text = GOOD.replacen("link-down, target: 'r1:eth2', for: 1s", step, 1);
        load(&text).unwrap_or_else(|error| panic!("{step}: {}", error.plain()));
    }
}
