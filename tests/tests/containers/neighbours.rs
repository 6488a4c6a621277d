//! Nodes that are none of ours as containers of somebody's image.

use crate::lab::{Lab, eventually};
use nix::unistd::Uid;
use serde_json::Value;
use std::{path::Path, process::Command};

/// The image of `.ci/host-image`.
const IMAGE: &str = "swact-ring/host:1";

fn topology(name: &str) -> String {
    let host = |name: &str, other: &str, number: u8| {
        format!(
            "    {name}:\n      kind: linux\n      image: {IMAGE}\n      cmd: sleep 1000000\n      env: {{WORDS: \"a b\"}}\n      exec:\n\
             \x20       - ip addr add 10.{number}.1.10/24 dev eth1\n\
             \x20       - ip route add {other} via 10.{number}.1.1\n"
        )
    };
    format!(
        "name: {name}\ntopology:\n  nodes:\n    pe1:\n      kind: chassis\n      image: \"2.0\"\n      startup-config: pe1.cfg\n\
         \x20     components: [{{slot: A}}, {{slot: B}}, {{slot: 1, ports: 4}}, {{slot: 2, ports: 4}}]\n{}{}  links:\n\
         \x20   - endpoints: [\"pe1:1/1\", \"h1:eth1\"]\n    - endpoints: [\"pe1:2/1\", \"h2:eth1\"]\n",
        host("h1", "10.2.1.0/24", 1),
        host("h2", "10.1.1.0/24", 2)
    )
}

/// How the interface of a node is, as `inspect` has it.
fn interface(lab: &Lab, node: &str) -> Value {
    let shown = lab.swact(&["--format", "json", "inspect", &lab.name]).with(0);
    let rows: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    rows.into_iter().find(|row| row["card"] == node).map_or(Value::Null, |row| row["node"]["ports"][0].clone())
}

fn wait_for_carrier(lab: &Lab, node: &str, up: bool) -> Value {
    eventually("carrier is as it should be", || {
        let port = interface(lab, node);
        if port["carrier"] == up { Ok(port) } else { Err(port.to_string()) }
    })
}

fn ping(lab: &Lab) {
    eventually("there is an answer", || {
        let pinged = lab.swact(&["exec", &lab.name, "h1", "--", "ping", "-c", "1", "-W", "1", "10.2.1.10"]);
        if pinged.code == Some(0) { Ok(()) } else { Err(pinged.out + &pinged.err) }
    });
}

/// Goal: containers of anybody's image talk through a chassis of containers, see a line card die and return as carrier, come up
/// again after their own death, and leave nothing. Method: two containers on two line cards.
#[test]
fn containers_of_others_are_joined_to_a_chassis() {
    assert!(Uid::effective().is_root(), "only root can put interfaces into containers");
    let image =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/host-image")).arg(IMAGE).status().unwrap();
    assert!(image.success());
    let lab = Lab::new("");
    let shipped = include_str!("../../../topologies/neighbours/pe1.cfg");
    std::fs::write(lab.path("pe1.cfg"), shipped).unwrap();
    lab.write(&topology(&lab.name).replace(IMAGE, "swact-ring/nobody-has-this:1"));
    lab.swact(&["deploy", "lab.chassis.yml"]).with(2).says("the engine has no image 'swact-ring/nobody-has-this:1'");
    lab.write(&topology(&lab.name));
    lab.swact(&["deploy", "lab.chassis.yml"]).with(0);
    ping(&lab);
    lab.swact(&["exec", &lab.name, "h2", "sh -c 'echo $WORDS'"]).with(0).says("a b");
    lab.swact(&["fault", "kill", &lab.name, "pe1/lc:1"]).with(0);
    let port = wait_for_carrier(&lab, "h1", false);
    assert!(port["addresses"].as_array().unwrap().contains(&"10.1.1.10/24".into()), "{port}");
    lab.swact(&["fault", "insert", &lab.name, "pe1/lc:1"]).with(0);
    wait_for_carrier(&lab, "h1", true);
    lab.swact(&["fault", "kill", &lab.name, "h2"]).with(0);
    eventually("the container is gone", || {
        let port = interface(&lab, "h2");
        if port["present"] == false { Ok(()) } else { Err(port.to_string()) }
    });
    let again = lab.swact(&["deploy", "lab.chassis.yml"]).with(0);
    again.says("start h2: it does not run");
    ping(&lab);
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}
