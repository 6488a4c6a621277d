//! VRFs and subinterfaces under load: the lab of `topologies/vpn`.

use crate::bench::{Bench, LAB, shipped};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

/// A bench with that lab, and its experiment with a trial of each mode.
fn bench(change: impl Fn(&str) -> String) -> Bench {
    let bench = Bench::new(500);
    let topology = shipped("vpn/vpn.chassis.yml").replace("name: vpn\n", &format!("name: {LAB}\n"));
    bench.write(&format!("{LAB}.chassis.yml"), &topology);
    bench.write("pe1.cfg", &shipped("vpn/pe1.cfg"));
    let experiment = shipped("vpn/failover.experiment.yml").replace("vpn.chassis.yml", &format!("{LAB}.chassis.yml"));
    let experiment = experiment.replace("trials: 3", "trials: 1").replace("baseline: 1", "baseline: 0");
    bench.write("test.experiment.yml", &change(&experiment));
    bench
}

fn packets(cell: &Value, what: &str) -> i64 {
    cell["packets"][what].as_i64().unwrap()
}

/// Packets lost in a mode, by table.
fn lost_by_table(bench: &Bench, mode: &str) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(bench.run_file("flows.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let (of_mode, lost, vrf) = (column("mode"), column("lost"), column("vrf"));
    let mut tables = BTreeMap::new();
    for line in lines.filter(|line| line[of_mode] == mode) {
        *tables.entry(line[vrf].to_owned()).or_default() += line[lost].parse::<u64>().unwrap();
    }
    tables
}

/// Goal: a switchover costs no table a packet in SSO, and each of them some in RPR; no packet ever gets into another VPN.
/// Method: kill the active RP with traffic in two VRFs of the same addresses, in both directions, and in the default table.
#[test]
fn sso_loses_nothing_in_any_table_and_rpr_something_in_each() {
    let bench = bench(str::to_owned);
    bench.run_written().with(0);
    let sso = bench.cell("sso");
    for what in ["lost", "duplicated", "misdelivered", "unaccounted"] {
        assert_eq!(packets(&sso, what), 0, "{what}: {sso:#}");
    }
    let rpr = bench.cell("rpr");
    assert_eq!(packets(&rpr, "unaccounted"), 0, "{rpr:#}");
    let tables = lost_by_table(&bench, "rpr");
    assert_eq!(tables.keys().map(String::as_str).collect::<Vec<_>>(), ["", "blue", "red"]);
    assert!(tables.values().all(|lost| *lost > 0), "{tables:?}");
    bench.assert_nothing_runs();
}

/// Goal: a chassis that mixes up two VPNs does not pass. Method: the tags of the two change places on one port while
/// traffic flows, and change back a second later.
#[test]
fn two_vpns_that_change_places_are_seen() {
    let tags = |red: u32, blue: u32| {
        format!(
            "[configure terminal, interface 2/1.100, encapsulation dot1Q 4000, interface 2/1.200, encapsulation dot1Q {blue}, \
             interface 2/1.100, encapsulation dot1Q {red}, end]"
        )
    };
    let method = format!(
        "  - {{at: 0s, fault: exec, target: pe1/active-rp, lines: {}}}\n  \
         - {{at: 1s, fault: exec, target: pe1/active-rp, lines: {}}}\n",
        tags(201, 101),
        tags(101, 201)
    );
    let bench = bench(|text| {
        let text = text.replace("modes: [rpr, sso]", "modes: [sso]").replace("  rpr: {unaccounted: 0}", "  #");
        let kill = "  - {at: 0s, fault: kill, target: pe1/active-rp}\n";
        assert!(text.contains(kill));
        text.replace(kill, &method) + "expect: {switchover: never, loss: maybe}\n"
    });
    bench.run_written().with(1);
    let sso = bench.cell("sso");
    assert_eq!((sso["verdict"].as_str(), packets(&sso, "unaccounted")), (Some("fail"), 0), "{sso:#}");
    let reasons = sso["reasons"].to_string();
    // East, red packets leave as blue ones. West, they come in as such, and follow blue's table to the other port.
    for how in ["packets were delivered wrongly: ", "wrong_tag ", "wrong_port "] {
        assert!(reasons.contains(how), "{how}: {reasons}");
    }
    bench.assert_nothing_runs();
}

/// Goal: an end that the chassis does not have is a mistake of the experiment's author, and is told before anything runs.
#[test]
fn an_end_that_is_not_there_is_refused_by_validate_and_run_alike() {
    let bench = bench(|text| text.replacen("to: t1:p2.100", "to: t1:p2.300", 1));
    let line =
        shipped("vpn/failover.experiment.yml").lines().position(|line| line.contains("to: t1:p2.100")).unwrap() + 1;
    for verb in ["validate", "run"] {
        let ended = bench.swact(&[verb, "test.experiment.yml"]).with(2);
        let ended = ended.says(&format!("test.experiment.yml:{line}:9: pe1 has no interface GigabitEthernet2/1.300"));
        ended.says("GigabitEthernet2/1.100 (VLAN 101)");
    }
    bench.assert_nothing_runs();
}
