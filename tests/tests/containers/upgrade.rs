//! A line card that is upgraded in its container, under load, beside one that is killed.

use crate::lab::{Lab, eventually};
use bollard::query_parameters::RemoveImageOptionsBuilder;
use chassis_tests::ended::Ended;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// Packets a second through the card that is upgraded, in each direction.
const RATE: u64 = 10_000;
/// What may be lost of them: 50 ms.
const LOST_MAX: u64 = RATE / 20;

/// Two releases of this test alone, of the same programs, and their images.
struct Releases<'l> {
    lab: &'l Lab,
    old: String,
    new: String,
}

impl<'l> Releases<'l> {
    fn build(lab: &'l Lab) -> Self {
        let number = std::process::id();
        let releases = Self { lab, old: format!("8.{number}"), new: format!("9.{number}") };
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/2.0/manifest.yml");
        let shipped = fs::read_to_string(shipped).unwrap();
        for release in [&releases.old, &releases.new] {
            let folder = lab.path("images").join(release);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("manifest.yml"), shipped.replace("\"2.0\"", &format!("\"{release}\""))).unwrap();
        }
        let programs = std::env::var("SWACT_STATIC").expect("SWACT_STATIC names a folder of static programs");
        releases.swact(&["images", "build", "--from", &programs]).with(0);
        releases
    }

    fn swact(&self, arguments: &[&str]) -> Ended {
        self.lab.command(arguments).env("SWACT_IMAGES", self.lab.path("images")).output().unwrap().into()
    }

    fn upgrade(&self, to: &str) -> Ended {
        self.swact(&["upgrade-card", &self.lab.name, "pe1/1", "--to", to])
    }
}

impl Drop for Releases<'_> {
    fn drop(&mut self) {
        self.lab.destroy();
        for program in ["rp", "linecard"] {
            for release in [&self.old, &self.new] {
                let options = RemoveImageOptionsBuilder::new().force(true).build();
                let image = format!("swact/{program}:{release}");
                // One that was not made is gone.
                let _ = self.lab.executor.block_on(self.lab.engine.remove_image(&image, Some(options), None));
            }
        }
    }
}

/// Four line cards, each with a wire to a tester.
fn topology(name: &str, image: &str) -> String {
    let slots: Vec<_> = (1..=4).map(|slot| format!("{{slot: {slot}, ports: 1}}")).collect();
    let links: String = (1..=4).map(|slot| format!("    - endpoints: [\"t1:p{slot}\", \"pe1:{slot}/1\"]\n")).collect();
    format!(
        "name: {name}\ntopology:\n  nodes:\n    pe1:\n      kind: chassis\n      image: \"{image}\"\n\
         \x20     redundancy: {{mode: sso, switchover-timer: 2s, heartbeat: 100ms}}\n\
         \x20     components: [{{slot: A}}, {{slot: B}}, {}]\n\
         \x20     routes: {{table: internet, size: {{ipv4: 10000, ipv6: 2000}}, next-hops: 8}}\n\
         \x20   t1: {{kind: tester, ports: 4}}\n  links:\n{links}",
        slots.join(", ")
    )
}

/// A load there and back through the card that is upgraded, one that passes it by, and one into the card that is killed.
fn experiment(new: &str) -> String {
    let load = |name: &str, from: u8, to: u8, rate: u64| {
        format!(
            "  - {{name: {name}, from: t1:p{from}, to: t1:p{to}, flows: {}, rate: {}kpps, frame-size: 128}}\n",
            rate / 200,
            rate / 1000
        )
    };
    format!(
        "title: Upgrade\ntopology: lab.chassis.yml\nmodes: [sso]\ntrials: 1\nbaseline: 0\nseed: 1\ntraffic:\n{}{}{}{}\
         steady-state: {{for: 500ms, lost: 0}}\nmethod:\n\
         \x20 - {{at: 0s, fault: upgrade-card, target: pe1/lc:1, image: \"{new}\", for: 1s}}\n\
         \x20 - {{at: 3s, fault: kill, target: pe1/lc:4, for: 500ms}}\n\
         observe: {{until: redundant, at-most: 60s}}\nthresholds: {{sso: {{duplicated: 0, unaccounted: 0}}}}\n",
        load("there", 1, 2, RATE),
        load("back", 2, 1, RATE),
        load("beside", 2, 3, RATE / 5),
        load("killed", 3, 4, RATE / 5),
    )
}

/// Packets lost between two ports of the chassis, over all flows that lost any.
fn lost(flows: &str) -> BTreeMap<(String, String), u64> {
    let mut lines = flows.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let column = |name: &str| names.iter().position(|found| *found == name).unwrap();
    let (ingress, egress, lost) = (column("ingress"), column("egress"), column("lost"));
    let mut sums = BTreeMap::new();
    for line in lines {
        *sums.entry((line[ingress].to_owned(), line[egress].to_owned())).or_default() +=
            line[lost].parse::<u64>().unwrap();
    }
    sums
}

/// Goal: a line card in a container is upgraded and handed back under 10,000 packets a second each way, and loses less than
/// 50 ms of them; packets that pass it by lose nothing, those into a killed card do, and every packet is accounted for.
/// Method: one trial that does both.
#[test]
fn a_line_card_in_a_container_is_upgraded_under_load() {
    let lab = Lab::new("");
    let releases = Releases::build(&lab);
    lab.write(&topology(&lab.name, &releases.old));
    fs::write(lab.path("test.experiment.yml"), experiment(&releases.new)).unwrap();
    let report =
        || -> Value { serde_json::from_slice(&fs::read(lab.path("store/latest/report.json")).unwrap()).unwrap() };
    let mut ended = releases.swact(&["run", "test.experiment.yml"]);
    // A host that stood still for a moment makes a trial invalid: that is said, and is no miss.
    for _ in 0..2 {
        if ended.code == Some(3) && report()["reasons"].to_string().contains("did not keep pace") {
            ended = releases.swact(&["run", "test.experiment.yml"]);
        }
    }
    ended.with(0);
    let events = fs::read_to_string(lab.path("store/latest/events.ndjson")).unwrap();
    let cell = report()["cells"][0].clone();
    // One that only a busy machine has spoilt is held again.
    let trials = cell["trials"].as_u64().unwrap();
    assert_eq!(events.matches("HANDOVER-6-TAKEN").count() as u64, 2 * trials, "there and back");
    assert_eq!(cell["packets"]["unaccounted"], 0, "{}", cell["packets"]);
    let lost = lost(&fs::read_to_string(lab.path("store/latest/flows.csv")).unwrap());
    println!("{} packets; lost: {lost:?}; delay: {}", cell["packets"]["offered"], cell["delay"]);
    let between = |from: &str, to: &str| lost.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or_default();
    assert!(between("1/1", "2/1") + between("2/1", "1/1") <= 2 * LOST_MAX, "{lost:?}");
    assert_eq!(between("2/1", "3/1"), 0, "{lost:?}");
    assert!(between("3/1", "4/1") > 0, "a killed card loses: {lost:?}");
}

/// Goal: a card that has kept its program in its container is that card after a reset, too, and one that was upgraded is of its
/// new release after a reset and after a restart. Method: a release that does not hand over, then one that does.
#[test]
fn a_card_in_a_container_is_of_its_release_after_a_reset() {
    let lab = Lab::new("");
    let releases = Releases::build(&lab);
    lab.write(&topology(&lab.name, &releases.old));
    releases.swact(&["deploy", "lab.chassis.yml"]).with(0);
    let runs = |release: &str, resets: u64| {
        eventually("the card runs its release", || {
            let card = lab.inspect()["pe1/1"].clone();
            let up = card["release"] == release && card["lc"]["resets"] == resets && card["lc"]["stale"] == false;
            if up { Ok(()) } else { Err(card.to_string()) }
        });
    };
    lab.settled();
    let reset = || lab.swact(&["exec", &lab.name, "pe1", "hw-module slot 1 reset"]).with(0);
    // Told another release for its next start, it is not that before.
    releases.swact(&["fault", "swap-image", &lab.name, "pe1/lc:1", "--image", &releases.new]).with(0);
    reset();
    runs(&releases.old, 1);
    releases.upgrade(&releases.new).with(0);
    runs(&releases.new, 1);
    reset();
    runs(&releases.new, 2);
    releases.swact(&["fault", "restart", &lab.name, "pe1/lc:1"]).with(0);
    runs(&releases.new, 0);
}
