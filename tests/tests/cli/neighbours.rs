//! Nodes that are none of ours: real Linux at the other end of the wires. Needs root, or a `/dev/net/tun` for everybody and user
//! namespaces; where this user has neither, the tests say so and end.

use crate::bench::{Bench, LAB, eventually, send, shipped};
use nix::{sys::signal::Signal, unistd::Uid};
use serde_json::Value;
use std::fs;

/// Whether nodes can be had; says it where not.
#[allow(clippy::print_stdout, reason = "a test that does not run says so")]
pub(crate) fn can_have_nodes() -> bool {
    let tun = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_ok();
    let namespaces = Uid::effective().is_root()
        || fs::read_to_string("/proc/sys/user/max_user_namespaces").is_ok_and(|most| most.trim() != "0");
    if !(tun && namespaces) {
        println!("not run: this user has neither TAP devices nor namespaces");
    }
    tun && namespaces
}

/// The lab of `topologies/neighbours`, under this bench's name.
fn neighbours() -> Bench {
    let bench = Bench::new(10);
    let text = shipped("neighbours/neighbours.chassis.yml").replace("name: neighbours", &format!("name: {LAB}"));
    bench.write(&format!("{LAB}.chassis.yml"), &text);
    bench.write("pe1.cfg", &shipped("neighbours/pe1.cfg"));
    bench
}

/// An interface of a node, as `inspect` has it.
fn interface(bench: &Bench, node: &str, name: &str) -> Option<Value> {
    let shown = bench.swact(&["--format", "json", "inspect", LAB]).with(0);
    let rows: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    let row = rows.into_iter().find(|row| row["card"] == node)?;
    row["node"]["ports"].as_array()?.iter().find(|port| port["interface"] == name).cloned()
}

#[track_caller]
fn wait_for_carrier(bench: &Bench, node: &str, name: &str, up: bool) -> Value {
    eventually("carrier is as it should be", || {
        let port = interface(bench, node, name);
        port.clone().filter(|port| port["carrier"] == up).ok_or_else(|| format!("{port:?}"))
    })
}

#[track_caller]
fn ping(bench: &Bench, node: &str, to: &str) {
    eventually("there is an answer", || {
        let pinged = bench.swact(&["exec", LAB, node, "--", "ping", "-c", "1", "-W", "1", to]);
        if pinged.code == Some(0) { Ok(()) } else { Err(pinged.out + &pinged.err) }
    });
}

/// Goal: hosts talk through a chassis, and see a line card's death as a pulled cable: no carrier, the interface with its
/// addresses, and carrier again. Method: ping, kill the card, look from inside the host, start the card, ping.
#[test]
fn a_host_sees_a_line_card_die_and_return_as_carrier() {
    if !can_have_nodes() {
        return;
    }
    let bench = neighbours();
    bench.deploy();
    wait_for_carrier(&bench, "h1", "eth1", true);
    ping(&bench, "h1", "10.2.1.10");
    bench.fault("kill", "pe1/lc:1");
    let port = wait_for_carrier(&bench, "h1", "eth1", false);
    assert_eq!(port["present"], true);
    assert!(port["addresses"].as_array().unwrap().contains(&"10.1.1.10/24".into()), "{port}");
    let shown = bench.swact(&["exec", LAB, "h1", "ip addr show eth1"]).with(0);
    shown.says("NO-CARRIER").says("10.1.1.10/24");
    ping(&bench, "h1", "192.168.0.2");
    bench.fault("restart", "pe1/lc:1");
    wait_for_carrier(&bench, "h1", "eth1", true);
    ping(&bench, "h2", "10.1.1.10");
    // A switchover is none of their business.
    let before = interface(&bench, "h1", "eth1").unwrap()["carriers"].clone();
    bench.fault("kill", "pe1/active-rp");
    ping(&bench, "h1", "10.2.1.10");
    assert_eq!(interface(&bench, "h1", "eth1").unwrap()["carriers"], before);
    bench.destroy().with(0);
    bench.assert_nothing_runs();
}

/// Goal: faults act on nodes as on cards, and each is taken back. Method: pull a wire, pause, kill and restart a node, and look
/// from the other one.
#[test]
fn faults_act_on_nodes_and_their_wires() {
    if !can_have_nodes() {
        return;
    }
    let bench = neighbours();
    bench.deploy();
    ping(&bench, "h1", "192.168.0.2");
    bench.fault("link-down", "h1:eth2");
    wait_for_carrier(&bench, "h1", "eth2", false);
    wait_for_carrier(&bench, "h2", "eth2", false);
    bench.fault("link-up", "h1:eth2");
    ping(&bench, "h1", "192.168.0.2");
    bench.fault("kill", "h2");
    wait_for_carrier(&bench, "h1", "eth2", false);
    bench.swact(&["exec", LAB, "h2", "--", "true"]).with(70).says("does not answer");
    bench.fault("restart", "h2");
    ping(&bench, "h1", "192.168.0.2");
    bench.fault("pause", "h2");
    bench.fault("resume", "h2");
    bench.swact(&["fault", "exec", LAB, "h2", "--line", "ip addr add 192.168.0.3/24 dev eth2"]).with(0);
    ping(&bench, "h1", "192.168.0.3");
    bench.swact(&["fault", "kill", LAB, "pe1"]).with(2).says("name its cards");
    bench.swact(&["fault", "link-down", LAB, "h2:eth9"]).with(2).says("h2 has no interface 'eth9'");
    bench.swact(&["fault", "reload", LAB, "h2"]).with(2);
}

/// Goal: a deployment touches what changed, and nothing else; and nothing is left behind, whatever was killed. Method: deploy
/// again, change one node, kill bridges and nodes, deploy, kill all again, destroy.
#[test]
fn nodes_converge_like_cards_and_leave_nothing_behind() {
    if !can_have_nodes() {
        return;
    }
    let bench = neighbours();
    bench.deploy();
    let before = bench.processes();
    bench.deploy();
    assert_eq!(bench.processes(), before, "nothing has changed");
    bench.change("192.168.0.2/24", "192.168.0.9/24");
    let changed = bench.swact(&["deploy", &format!("{LAB}.chassis.yml")]).with(0);
    changed.says("replace h2: ");
    assert_eq!(bench.processes()["h1/bridge"], before["h1/bridge"]);
    ping(&bench, "h1", "192.168.0.9");
    send(bench.processes()["h1/bridge"], Signal::SIGKILL);
    bench.fault("kill", "h2");
    eventually("both are gone", || match bench.processes().keys().find(|name| name.starts_with("h2/l")) {
        None => Ok(()),
        Some(_) => Err("h2 runs".to_owned()),
    });
    bench.deploy();
    ping(&bench, "h1", "192.168.0.9");
    let processes = bench.processes();
    for name in ["h1/bridge", "h2/bridge", "h2/linux"] {
        send(processes[name], Signal::SIGKILL);
    }
    bench.destroy().with(0);
    bench.assert_nothing_runs();
    let interfaces = fs::read_dir("/sys/class/net").unwrap().flatten().map(|entry| entry.file_name());
    assert!(interfaces.into_iter().all(|name| !name.to_string_lossy().starts_with("swact")), "a device is left");
}

/// Goal: what cannot be is refused before anything starts. Method: one thing wrong at a time.
#[test]
fn what_a_node_needs_is_looked_at_first() {
    if !can_have_nodes() {
        return;
    }
    let file = format!("{LAB}.chassis.yml");
    let cases = [
        (
            "    h1:\n      kind: linux\n",
            "    h1:\n      kind: linux\n      cmd: no-such-command -x\n",
            "chassis.yml:20:12: this machine has no command 'no-such-command'",
        ),
        (
            "    h1:\n      kind: linux\n",
            "    h1:\n      kind: linux\n      image: frr\n",
            "chassis.yml:20:14: node h1 has an image and no command",
        ),
        ("\"h1:eth2\", \"h2:eth2\"", "\"h1:eth2\", \"host:nothing0\"", "this machine has no interface 'nothing0'"),
        ("\"h1:eth2\", \"h2:eth2\"", "\"h1:eth2\", \"host:lo\"", "interface 'lo' has addresses"),
        ("\"h1:eth2\", \"h2:eth2\"", "\"h1:eth2\", \"h2:eth1\"", "port h2:eth1 has a link already"),
    ];
    for (from, to, said) in cases {
        let bench = neighbours();
        bench.change(from, to);
        bench.swact(&["deploy", &file]).with(2).says(said);
        bench.assert_nothing_runs();
    }
    let bench = neighbours();
    bench.change("    h1:\n      kind: linux\n", "    h1:\n      kind: linux\n      cmd: sh -c 'echo alas; exit 3'\n");
    bench.swact(&["deploy", &file]).with(2).says("h1/linux did not come up: its command ended at once").says("alas");
    bench.assert_nothing_runs();
}
