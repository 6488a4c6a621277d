//! What manifests say two releases come to is what the function makes of what their programs offer, and what their route
//! processors find out when they meet.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use chassis_tests::sim::World;
use fabric_proto::{
    deploy::{Manifest, RedundancyTimers},
    flow::FlowSeed,
    id::{RpSlot, Slot},
    issu::{Image, Row},
    offer::{Agreed, Offer},
    platform::NATIVE,
    release::Release,
    time::Instant,
};
use lab::images::Images;
use rp_core::{
    issu::verdict,
    rp::{Boot, NextLife, Rp},
};
use std::{path::Path, time::Duration};

fn images() -> Images {
    Images::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../images")).unwrap()
}

/// What a release's route processor offers: 1.0 made no offers, the others are of this code.
fn offer(manifest: &Manifest) -> Offer {
    if manifest.version == "1.0" {
        return Offer::of_1_0();
    }
    let boot = Boot {
        slot: RpSlot::A,
        boot: 1,
        release: manifest.version.clone(),
        issu: Image { built: Release::named(&manifest.version).unwrap(), ..manifest.issu() },
        profile: &NATIVE,
        modelled: false,
        legacy: Default::default(),
        timers: RedundancyTimers::default(),
        startup: None,
        last_term: Default::default(),
        upgrade: None,
        line_cards: Vec::new(),
        base_mac: Default::default(),
        flow_seed: FlowSeed::default(),
        releases: Vec::new(),
        feeds: 0,
        life: NextLife::Cold,
        clock_offset: 0,
    };
    Rp::new(Instant(1), boot).offer()
}

/// A row as a manifest would have it.
fn written(row: &Row) -> String {
    let mut text = format!("- release: \"{}\"\n  verdict: {}\n  clients:\n", row.release, row.verdict);
    for client in &row.clients {
        let base = if client.base { ", base: true" } else { "" };
        let why = client.why.as_ref().map_or_else(String::new, |why| format!(", why: {why}"));
        text += &format!("  - {{id: {}, name: {}{base}, result: {}{why}}}\n", client.id, client.name, client.result);
    }
    text
}

/// A matrix is computed, never written: this says how its row must read.
#[test]
fn a_manifest_stores_what_the_function_gives() {
    let images = images();
    for manifest in images.manifests().iter().filter(|manifest| manifest.issu().negotiates) {
        for other in images.manifests() {
            let agreed = Agreed::between(offer(manifest), offer(other));
            let row = verdict(&agreed, NATIVE.issu, &[]).row();
            let stored = manifest.matrix.iter().find(|row| row.release == other.version);
            assert!(stored == Some(&row), "images/{}/manifest.yml must say\n{}", manifest.version, written(&row));
        }
        assert_eq!(manifest.matrix.len(), images.manifests().len(), "of release {} alone", manifest.version);
    }
}

/// Two route processors, each of a release, in a simulated chassis.
#[test]
fn what_route_processors_find_out_is_what_is_stored() {
    let images = images();
    let config =
        "hostname pe1\nredundancy\n mode sso\n!\ninterface 1/1\n ip address 10.1.1.1 255.255.255.0\n no shutdown\n";
    let pairs = images.manifests().iter().flat_map(|own| own.matrix.iter().map(|stored| (&own.version, stored)));
    for (own, stored) in pairs {
        let mut world = World::new(3, config, 1, Vec::new());
        world.set_release(Slot::Rp(RpSlot::A), own);
        world.set_release(Slot::Rp(RpSlot::B), &stored.release);
        let settled = world.run(Duration::from_secs(60), World::is_settled).unwrap();
        assert!(settled, "{}", world.settled().unwrap_err());
        let shown = world.exec(RpSlot::A, &["show issu comp-matrix negotiated | json"]).remove(0).text;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let found: Row = serde_json::from_value(shown["peer"].clone()).unwrap();
        assert_eq!(found, *stored, "of release {own}");
        let operating = world.rp(RpSlot::A).unwrap().operating;
        assert_eq!(operating.name() == "sso", stored.verdict.allows_sso(), "{operating} beside {}", stored.release);
    }
}
