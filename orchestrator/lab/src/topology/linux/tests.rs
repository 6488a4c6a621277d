use super::*;
use crate::topology::{LinkEnd, NodePort, Topology};

const GOOD: &str = r#"name: lab
topology:
  nodes:
    pe1:
      kind: chassis
      image: "1.0"
      components: [{slot: A}, {slot: 1, ports: 4}]
    frr1:
      kind: linux
      image: frr:8
      cmd: sh -c "exec watchfrr zebra 'a b'"
      env: {LEVEL: debug, WORDS: "a=b c"}
      binds: ["/etc:/etc/frr:ro", "/tmp:/scratch"]
      exec: [ip addr add 10.1.1.2/24 dev eth1]
    h1:
      kind: linux
  links:
    - endpoints: ["pe1:1/1", "frr1:eth1"]
    - endpoints: ["frr1:eth2", "h1:eth1"]
    - endpoints: ["host:clab0", "pe1:1/2"]
    - {endpoints: ["pe1:1/3", "macvlan:eth0"], with-addresses: true}
"#;

fn load(text: &str) -> Result<Topology, BadInput> {
    Topology::from_document(Document::from_text(Path::new("lab.chassis.yml"), text))
}

fn complaint(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    load(&GOOD.replacen(old, new, 1)).expect_err(new).plain()
}

#[test]
fn nodes_and_their_links_are_understood() {
    let topology = load(GOOD).unwrap();
    let frr1 = topology.linux("frr1").unwrap();
    assert_eq!(frr1.image.as_ref().unwrap().value, "frr:8");
    assert_eq!(frr1.cmd.as_ref().unwrap().value, ["sh", "-c", "exec watchfrr zebra 'a b'"]);
    assert_eq!(frr1.env["WORDS"], "a=b c");
    let binds: Vec<_> =
        frr1.binds.iter().map(|bind| (bind.value.target.to_str().unwrap(), bind.value.read_only)).collect();
    assert_eq!(binds, [("/etc/frr", true), ("/scratch", false)]);
    assert_eq!(frr1.exec[0].value, ["ip", "addr", "add", "10.1.1.2/24", "dev", "eth1"]);
    let end = LinkEnd { node: "frr1".to_owned(), port: NodePort::Interface(InterfaceName::parse("eth2").unwrap()) };
    assert_eq!(topology.opposite(&end).unwrap().to_string(), "h1:eth1");
    let hosts: Vec<_> = topology.host_ends.iter().map(|host| (host.end.to_string(), host.with_addresses)).collect();
    assert_eq!(hosts, [("host:clab0".to_owned(), false), ("macvlan:eth0".to_owned(), true)]);
}

#[test]
fn what_nodes_cannot_be_is_refused_with_its_place() {
    for (old, new, said) in [
        (
            "      image: frr:8\n",
            "      ports: 2\n",
            "10:14: frr1 has the interfaces that its links end on, and no others\n  remove 'ports', and link 'frr1:eth1'",
        ),
        (
            "      image: frr:8\n",
            "      image: frr:8\n      cap-add: [sys_admin]\n",
            "11:17: 'sys_admin' is no capability\n  write its name as 'SYS_ADMIN'",
        ),
        (
            "      image: frr:8\n",
            "      platform: native\n",
            "10:17: a linux node has no 'platform'\n  remove the key, or change the node's kind",
        ),
        (
            "      image: \"1.0\"\n",
            "      image: \"1.0\"\n      cmd: ls\n",
            "7:12: a chassis has no 'cmd'\n  remove the key, or change the node's kind",
        ),
        ("'a b'\"\n", "'a b'\n", "11:12: a quote in this command is not closed\n  close it"),
        ("[ip addr add 10.1.1.2/24 dev eth1]", "[\"\"]", "14:14: this command is empty\n  write one, or remove it"),
        (
            "/etc:/etc/frr:ro",
            "/etc:etc/frr",
            "13:15: '/etc:etc/frr' is no bind\n  its second part begins at the root: '/etc/frr'",
        ),
        (
            "/etc:/etc/frr:ro",
            "/etc",
            "13:15: '/etc' is no bind\n  write 'frr.conf:/etc/frr/frr.conf', and ':ro' behind it where it is not to be changed",
        ),
        ("LEVEL:", "\"A=B\":", "12:20: 'A=B' is no variable of an environment\n  write 'NAME: value'"),
        (
            "    h1:\n",
            "    host:\n",
            "16:7: 'host' names interfaces of this machine in links\n  give the node another name",
        ),
        (
            "h1:eth1",
            "h1:a-name-too-long-for-linux",
            "19:32: 'a-name-too-long-for-linux' is no name of an interface\n  use 1 to 15 letters, digits, '.', '_' and '-', as in 'h1:eth1'",
        ),
        ("h1:eth1", "h1:lo", "19:32: h1 has an interface lo already\n  name another one, as in 'h1:eth1'"),
        ("h1:eth1", "frr1:eth1", "19:32: port frr1:eth1 has a link already\n  line 18 uses it: a port takes one link"),
        (
            "host:clab0\", \"pe1:1/2",
            "host:clab0\", \"host:clab1",
            "20:18: this link joins this machine to itself\n  one end must be a port of a node",
        ),
        (
            "[\"pe1:1/3\", \"macvlan:eth0\"]",
            "[\"pe1:1/3\", \"h1:eth2\"]",
            "21:59: no end of this link is an interface of this machine\n  remove 'with-addresses'",
        ),
    ] {
        let said = format!("lab.chassis.yml:{said}");
        assert_eq!(complaint(old, new), said, "{new}");
    }
    assert!(complaint("/etc:/etc/frr", "/not/there:/etc/frr").contains("there is nothing to bind at '/not/there'"));
}

#[test]
fn names_of_interfaces_are_the_kernels() {
    for good in ["eth1", "e1-1-c1", "ens3f0.100", "a_b", "123456789012345"] {
        assert_eq!(InterfaceName::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", ".", "..", "-a", "a b", "a/b", "a:b", "eth1\n", "1234567890123456", "é"] {
        assert!(InterfaceName::parse(bad).is_none(), "{bad}");
    }
}

const TESTED: &str = r#"name: lab
topology:
  nodes:
    r1: {kind: linux}
    pe1: {kind: chassis, image: "1.0", components: [{slot: A}, {slot: 1, ports: 1}]}
    t1:
      kind: tester
      ports: 4
      addresses: {p1: [10.1.0.10, "fd00:1::10"], p2: [10.2.0.10]}
  links:
    - endpoints: ["t1:p1", "r1:eth1"]
    - endpoints: ["r1:eth2", "t1:p2"]
    - endpoints: ["t1:p3", "pe1:1/1"]
"#;

#[test]
fn a_tester_has_addresses_where_it_is_linked_to_nodes() {
    let topology = load(TESTED).unwrap();
    let addresses = &topology.tester("t1").unwrap().addresses;
    assert_eq!(addresses[&1], ["10.1.0.10", "fd00:1::10"].map(|address| address.parse::<std::net::IpAddr>().unwrap()));
    let end = |port| LinkEnd { node: "t1".to_owned(), port: NodePort::Tester(port) };
    assert_eq!(topology.nodes_between(&end(1), &end(2)), Some(1));
    assert_eq!(topology.nodes_between(&end(1), &end(3)), None, "no wire leads there");
    for (old, new, said) in [
        (
            "p2: [10",
            "p3: [10",
            "9:54: t1:p3 is linked to pe1:1/1: the chassis' configuration says which address is there",
        ),
        ("p2: [10", "p4: [10", "nothing is linked to t1:p4"),
        ("p2: [10", "p5: [10", "tester t1 has no port 'p5'\n  its ports are p1 to p4"),
        ("10.2.0.10", "10.2.0.10/24", "'10.2.0.10/24' is no address of a host"),
        ("10.2.0.10", "224.0.0.5", "'224.0.0.5' is no address of a host"),
        ("10.2.0.10", "10.1.0.10", "10.1.0.10 is there twice: port p1 has it"),
        ("p2: [10.2.0.10]", "p2: []", "port p2 has no address"),
        ("{kind: linux}", "{kind: linux, addresses: {p1: [10.1.0.1]}}", "a linux node has no 'addresses'"),
    ] {
        assert!(TESTED.contains(old), "{old}");
        let complained = load(&TESTED.replacen(old, new, 1)).expect_err(new).plain();
        assert!(complained.contains(said), "{new}: {complained}");
    }
}
