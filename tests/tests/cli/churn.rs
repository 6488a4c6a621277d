//! Routes that come and go while a route processor dies (RFC 7654 §5.5).

use crate::bench::{Bench, Experiment, eventually};
use serde_json::Value;

/// A bench whose table of 2,500 routes churns.
fn bench(share: &str) -> Bench {
    let bench = Bench::new(2_000);
    bench.change("next-hops: 16", &format!("next-hops: 16, churn: {share}"));
    bench
}

/// Goal: SSO loses nothing while routes come and go, and RPR what it always loses. Method: kill the active RP while 25 routes a
/// second go and as many come, none of which packets are sent by.
#[test]
fn sso_loses_nothing_while_routes_come_and_go_and_rpr_does() {
    let bench = bench("60%");
    bench.run(&Experiment { modes: "rpr, sso", ..Experiment::default() }).with(0);
    let packets = |mode: &str, what: &str| bench.cell(mode)["packets"][what].as_i64().unwrap();
    for what in ["lost", "duplicated", "misdelivered", "unaccounted"] {
        assert_eq!(packets("sso", what), 0, "{what}");
    }
    assert!(packets("rpr", "lost") > 0);
    assert_eq!(packets("rpr", "unaccounted"), 0);
    assert_eq!(bench.report()["topology"]["churn"], "60% of the table of pe1 a minute");
    bench.assert_nothing_runs();
}

/// Waits until a route goes, or comes, on line card 1, and then the other way; one of them at a time is away.
#[track_caller]
fn a_route_goes_and_comes(bench: &Bench) {
    let held = || -> i64 {
        let card = &bench.inspect()["pe1/1"]["lc"];
        card["routes"].as_array().unwrap().iter().filter_map(Value::as_i64).sum()
    };
    let first = held();
    let becomes = |wanted: &dyn Fn(i64) -> bool| {
        eventually("routes come and go", || Some(held()).filter(|now| wanted(*now)).ok_or_else(|| format!("{first}")))
    };
    let other = becomes(&|now| now != first);
    assert_eq!((other - first).abs(), 1);
    becomes(&|now| now == first);
}

/// Goal: what churns does so where packets are forwarded, and goes on to under a new active. Method: of 25 routes a minute
/// each is away for a second; line card 1 is asked how many it has, before the active RP is killed and after.
#[test]
fn routes_go_and_come_on_line_cards_under_each_active() {
    let bench = bench("1%");
    bench.deploy();
    let first = bench.settled();
    a_route_goes_and_comes(&bench);
    bench.fault("kill", "pe1/active-rp");
    assert_ne!(bench.settled(), first);
    a_route_goes_and_comes(&bench);
    bench.destroy().with(0);
}
