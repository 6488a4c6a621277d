//! Experiments on routers that are none of ours: the load passes their own forwarding, and what is done to them and to their wires
//! is found. Needs what nodes of kind linux need; where this user has it not, the tests say so and end.

use crate::{
    bench::{Bench, LAB, shipped},
    neighbours::can_have_nodes,
};
use serde_json::Value;

/// One router between the two ports of a tester.
const ONE: &str = "name: small
topology:
  nodes:
    t1: {kind: tester, ports: 2, addresses: {p1: [10.1.0.10, 'fd00:1::10'], p2: [10.2.0.10, 'fd00:2::10']}}
    r1:
      kind: linux
      exec:
        - sh -c 'for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$f; done'
        - ip addr add 10.1.0.1/24 dev eth1
        - ip addr add 10.2.0.1/24 dev eth2
        - ip addr add fd00:1::1/64 dev eth1 nodad
        - ip addr add fd00:2::1/64 dev eth2 nodad
  links:
    - endpoints: ['t1:p1', 'r1:eth1']
    - endpoints: ['r1:eth2', 't1:p2']
";

/// A bench with one router, and an experiment with a method; `rest` is what is asked of it.
fn bench(method: &[&str], rest: &str) -> Option<Bench> {
    if !can_have_nodes() {
        return None;
    }
    let bench = Bench::new(10);
    bench.write(&format!("{LAB}.chassis.yml"), ONE);
    let steps: String = method.iter().map(|step| format!("  - {step}\n")).collect();
    bench.write(
        "test.experiment.yml",
        &format!(
            "title: Test\ntopology: {LAB}.chassis.yml\ntrials: 1\nseed: 1\ntraffic:\n\
             \x20 - {{name: there, from: t1:p1, to: t1:p2, flows: 10, rate: 5kpps, frame-size: 128}}\n\
             \x20 - {{name: back, from: t1:p2, to: t1:p1, flows: 10, rate: 5kpps, frame-size: 128}}\n\
             steady-state: {{for: 300ms, lost: 0}}\nmethod:\n{steps}observe: {{at-most: 20s}}\n{rest}"
        ),
    );
    Some(bench)
}

fn packets(cell: &Value, what: &str) -> u64 {
    cell["packets"][what].as_u64().unwrap_or_else(|| panic!("no {what} in {cell:#}"))
}

/// Packets of a cell that were dropped under a cause.
fn dropped(cell: &Value, cause: &str) -> u64 {
    cell["packets"]["dropped"][cause].as_u64().unwrap_or(0)
}

/// The only cell, whose packets are all accounted for.
#[track_caller]
fn cell(bench: &Bench) -> Value {
    let report = bench.report();
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 1, "{cells:#?}");
    let cell = cells[0].clone();
    assert_eq!((&cell["mode"], &cell["invalid_trials"]), (&"none".into(), &0.into()), "{cell:#}");
    assert!(packets(&cell, "delivered") > 0);
    for what in ["unaccounted", "misdelivered", "lost_with_card"] {
        assert_eq!(packets(&cell, what), 0, "{what}: {cell:#}");
    }
    cell
}

/// Goal: outages of known length on a node's wire are found within the accuracy that is stated, and every packet of them is counted
/// under its cause. Method: the wire drops for 10 ms and 200 ms, each way, and one packet in seven of what comes from the node.
#[test]
fn known_outages_on_a_nodes_wire_are_found_within_the_stated_accuracy() {
    let method = [
        "{at: 0s, fault: drop, target: 'r1:eth1', for: 10ms}",
        "{at: 500ms, fault: drop, target: '->r1:eth1', for: 200ms}",
        "{at: 1200ms, fault: drop, target: 'r1:eth2->', every: 7, for: 300ms}",
    ];
    let Some(bench) = bench(&method, "expect: {switchover: never, loss: always}\n") else { return };
    bench.run_written().with(0);
    let cell = cell(&bench);
    assert_eq!(packets(&cell, "lost"), dropped(&cell, "injected"), "{cell:#}");
    let report = bench.report();
    let known = report["known_outages"].as_array().unwrap();
    assert_eq!(known.len(), 3, "{known:#?}");
    for outage in known {
        assert_eq!(outage["dropped"], outage["lost"], "{outage:#}");
        assert!(outage["dropped"].as_u64() > Some(0) && outage["within_accuracy"] == true, "{outage:#}");
    }
    bench.assert_nothing_runs();
}

/// Goal: a wire that is pulled out for a known time is an outage of at least that time, less what is stated. Method: pull it out at
/// the node for 200 ms; both directions lose, and every packet has its cause.
#[test]
fn a_wire_pulled_out_at_a_node_is_an_outage_of_its_length() {
    let method = ["{at: 0s, fault: link-down, target: 'r1:eth2', for: 200ms}"];
    let Some(bench) = bench(&method, "expect: {switchover: never, loss: always}\n") else { return };
    bench.run_written().with(0);
    let cell = cell(&bench);
    assert!(dropped(&cell, "tester_port_down") > 0, "what the tester had for the wire: {cell:#}");
    assert!(dropped(&cell, "lost_in_node") > 0, "what the node had for it: {cell:#}");
    let accuracy = cell["accuracy_ms"].as_f64().unwrap();
    let flows = std::fs::read_to_string(bench.run_file("flows.csv")).unwrap();
    let mut rows = flows.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    let longest = header.iter().position(|name| *name == "longest_ms").unwrap();
    let found: Vec<f64> = rows.map(|row| row[longest].parse().unwrap()).collect();
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|longest| *longest >= 200.0 - accuracy), "accurate to {accuracy}: {found:?}");
}

/// Goal: what takes nothing away from packets costs none. Method: the node's processes stand still, commands run in it, and its wire
/// is slow, and all that while nothing may be lost, or arrive in another way than it should.
#[test]
fn a_paused_node_whose_kernel_forwards_and_a_slow_wire_lose_nothing() {
    let method = [
        "{at: 0s, fault: pause, target: r1, for: 300ms}",
        "{at: 500ms, fault: exec, target: r1, lines: ['ip -6 route', 'ip neigh show']}",
        "{at: 600ms, fault: impair, target: 'r1:eth1', delay: 10ms, for: 300ms}",
    ];
    let rest = "expect: {switchover: never, loss: never}\nthresholds: {none: {lost: 0, duplicated: 0}}\n";
    let Some(bench) = bench(&method, rest) else { return };
    bench.run_written().with(0);
    assert_eq!(packets(&cell(&bench), "lost"), 0);
}

/// Goal: a node that is dead carries nothing, and nothing passes for a pass. Method: kill it, and start it no more.
#[test]
fn a_node_that_stays_dead_is_a_failure() {
    let method = ["{at: 0s, fault: kill, target: r1}"];
    let Some(bench) = bench(&method, "") else { return };
    let text = std::fs::read_to_string(bench.path("test.experiment.yml")).unwrap();
    bench.write("test.experiment.yml", &text.replace("at-most: 20s", "at-most: 2s"));
    bench.run_written().with(1);
    let cell = bench.cell("none");
    assert!(cell["verdict"] == "fail" && cell["reasons"].to_string().contains("never"), "{cell:#}");
    bench.assert_nothing_runs();
}

/// Goal: what an impairment of a wire takes is counted, in the direction that it impairs and in no other. Method: a tenth of what goes
/// into the node is lost for a time, then all of what comes from it.
#[test]
fn what_an_impaired_wire_takes_is_counted_to_the_packet() {
    let method = [
        "{at: 0s, fault: impair, target: '->r1:eth1', loss: 0.1, for: 400ms}",
        "{at: 800ms, fault: partition, target: 'r1:eth1->', for: 100ms}",
    ];
    let Some(bench) = bench(&method, "expect: {switchover: never, loss: always}\n") else { return };
    bench.run_written().with(0);
    let cell = cell(&bench);
    let taken = dropped(&cell, "wire_impaired");
    assert_eq!(packets(&cell, "lost"), taken, "{cell:#}");
    assert!(taken > 100, "a tenth of 2,000, and 500: {cell:#}");
}

/// Goal: a chassis and a neighbour's own forwarding in a row, both ways: the death of the active RP costs nothing, the one of the
/// router in use of a pair something, and all of it is accounted for. Method: the experiments that are shipped, a trial each.
#[test]
fn the_shipped_experiments_with_neighbours_hold_what_they_say() {
    if !can_have_nodes() {
        return;
    }
    for name in ["through", "pair"] {
        let bench = Bench::new(10);
        for file in [format!("{name}.chassis.yml"), format!("{name}.experiment.yml")] {
            bench.write(&file, &shipped(&format!("neighbours/{file}")));
        }
        bench.write("through.cfg", &shipped("neighbours/through.cfg"));
        let text = std::fs::read_to_string(bench.path(&format!("{name}.experiment.yml"))).unwrap();
        bench.write(
            "test.experiment.yml",
            &text
                .replace("trials: 3", "trials: 1")
                .replace("[sso, rpr-plus]", "[sso]")
                .replace("  rpr-plus: {unaccounted: 0}\n", "")
                .replace("trials: 5", "trials: 1"),
        );
        bench.run_written().with(0);
        let report = bench.report();
        for cell in report["cells"].as_array().unwrap() {
            assert_eq!(packets(cell, "unaccounted"), 0, "{cell:#}");
            assert_eq!(packets(cell, "lost") == 0, name == "through", "{cell:#}");
        }
        assert_eq!(bench.swact(&["destroy", name]).code, Some(0), "nothing is left of {name}");
    }
}
