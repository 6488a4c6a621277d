//! What a card's container is, and what becomes of the others when it dies.

use crate::lab::{Lab, eventually, topology};
use bollard::models::{ContainerInspectResponse, RestartPolicyNameEnum};

fn started(container: &ContainerInspectResponse) -> (String, String) {
    let state = container.state.as_ref().unwrap();
    (container.id.clone().unwrap(), state.started_at.clone().unwrap())
}

/// Goal: a card has no privilege that it does not need, and what the topology gives it. Method: deploy, and ask the
/// engine.
#[test]
fn cards_are_unprivileged_and_limited() {
    let lab = Lab::new("      memory: 512MiB\n      cpu: 1.5\n");
    lab.deploy().with(0).says("runtime: containers");
    let containers = lab.containers();
    assert_eq!(containers.keys().collect::<Vec<_>>(), ["pe1/1", "pe1/2", "pe1/A", "pe1/B", "t1/tester"]);
    for (card, container) in &containers {
        assert_eq!(container.name, Some(format!("/swact-{}-{}", lab.name, card.replace('/', "-"))));
        let host = container.host_config.as_ref().unwrap();
        assert_eq!(host.restart_policy.as_ref().unwrap().name, Some(RestartPolicyNameEnum::NO), "{card}");
        assert_eq!((host.readonly_rootfs, host.privileged), (Some(true), Some(false)), "{card}");
        assert_eq!(
            (host.cap_drop.as_deref(), host.cap_add.as_deref()),
            (Some(&["ALL".to_owned()][..]), None),
            "{card}"
        );
        assert_eq!(host.security_opt.as_deref(), Some(&["no-new-privileges".to_owned()][..]), "{card}");
        let user = container.config.as_ref().unwrap().user.clone().unwrap();
        assert!(!user.starts_with("0:") && !user.is_empty(), "{card} runs as {user}");
        let limits = (host.memory, host.nano_cpus);
        let of_chassis = card.starts_with("pe1");
        assert_eq!(
            limits,
            if of_chassis { (Some(512 << 20), Some(1_500_000_000)) } else { (Some(0), Some(0)) },
            "{card}"
        );
        // Its own folder, its own wires, and nothing else of the host.
        for mount in container.mounts.iter().flatten() {
            let source = mount.source.clone().unwrap();
            let own = lab.folder().join(card);
            let wire = lab.folder().join("wires");
            assert!(
                source.starts_with(own.to_str().unwrap()) || source.starts_with(wire.to_str().unwrap()),
                "{source}"
            );
        }
    }
    let networks = lab.networks();
    assert_eq!(networks[0].internal, Some(true));
    assert_eq!(networks[0].options.as_ref().unwrap()["com.docker.network.driver.mtu"], "9000");
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}

/// Goal: cards are failure domains of their own. Method: kill and restart a line card, then swap the image of the
/// standby; only these two were started again, and the line card found its wire and its routes.
#[test]
fn a_killed_line_card_finds_its_wires_again_and_a_swapped_image_replaces_one_card() {
    let lab = Lab::new("");
    lab.deploy().with(0);
    lab.settled();
    let before = lab.containers();
    lab.swact(&["fault", "kill", &lab.name, "pe1/lc:2"]).with(0);
    eventually("the line card is down, and stays down", || {
        let running = lab.containers()["pe1/2"].state.as_ref().unwrap().running;
        if running == Some(false) { Ok(()) } else { Err(format!("{running:?}")) }
    });
    lab.swact(&["fault", "restart", &lab.name, "pe1/lc:2"]).with(0);
    lab.settled();
    let log = eventually("the wire carries again", || {
        let events = lab.events();
        let up =
            |line: &&str| line.contains("pe1/2") && line.contains(r#""event":"port""#) && line.contains(r#""up":true"#);
        if events.lines().filter(up).count() > 0 { Ok(events) } else { Err(events) }
    });
    assert!(!log.is_empty());
    let after = lab.containers();
    for card in ["pe1/1", "pe1/A", "pe1/B", "t1/tester"] {
        assert_eq!(started(&before[card]), started(&after[card]), "{card} was started again");
    }
    assert_ne!(started(&before["pe1/2"]).1, started(&after["pe1/2"]).1);

    lab.swact(&["fault", "swap-image", &lab.name, "pe1/rp:B", "--image", "2.0"]).with(0);
    lab.swact(&["fault", "restart", &lab.name, "pe1/rp:B"]).with(0);
    eventually("the standby runs the other release", || {
        let release = lab.inspect()["pe1/B"]["release"].clone();
        if release == "2.0" { Ok(()) } else { Err(release.to_string()) }
    });
    let swapped = lab.containers();
    assert_eq!(swapped["pe1/B"].config.as_ref().unwrap().image.as_deref(), Some("swact/rp:2.0"));
    for card in ["pe1/1", "pe1/2", "pe1/A", "t1/tester"] {
        assert_eq!(started(&after[card]), started(&swapped[card]), "{card} was started again");
    }
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}

/// Goal: `deploy` brings a lab to what its topology says, and touches nothing else. Method: kill a line card and
/// deploy again; then add a line card; a dry run says it beforehand and does nothing.
#[test]
fn deploy_converges_a_lab_that_runs() {
    let lab = Lab::new("");
    lab.swact(&["deploy", "--dry-run", "lab.chassis.yml"]).with(0).says("add");
    lab.assert_nothing_is_left();
    lab.deploy().with(0);
    lab.swact(&["fault", "kill", &lab.name, "pe1/lc:2"]).with(0);
    let before = lab.containers();
    lab.swact(&["deploy", "--dry-run", "lab.chassis.yml"]).with(0).says("it does not run");
    assert_eq!(lab.containers()["pe1/2"].state.as_ref().unwrap().running, Some(false));
    lab.deploy().with(0).says("start pe1/2");
    let after = lab.containers();
    assert_eq!(after["pe1/2"].state.as_ref().unwrap().running, Some(true));
    for card in ["pe1/1", "pe1/A", "pe1/B", "t1/tester"] {
        assert_eq!(started(&before[card]), started(&after[card]), "{card} was started again");
    }
    let wider =
        topology(&lab.name, "1.0", "").replace("{slot: 2, ports: 1}", "{slot: 2, ports: 1}, {slot: 3, ports: 1}");
    lab.write(&wider);
    lab.deploy().with(0).says("add pe1/3");
    assert_eq!(lab.containers().len(), 6);
    lab.write(&topology(&lab.name, "1.0", ""));
    lab.deploy().with(0).says("remove pe1/3");
    assert_eq!(lab.containers().len(), 5);
    lab.settled();
    lab.destroy().with(0);
    lab.assert_nothing_is_left();
}

impl Lab {
    /// What happened in the lab so far: followed until nothing more comes.
    fn events(&self) -> String {
        let mut command = self.command(&["--format", "json", "events", &self.name, "--history"]);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(3));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
