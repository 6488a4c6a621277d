//! What follows for two units from what their images come to.

use super::{example::flaps, *};
use fabric_proto::offer::Group;

/// A unit of a release, with the client of docs/clients.md or without.
fn unit(slot: RpSlot, release: &str, flaps: bool) -> Rp {
    let boot = Boot { release: release.to_owned(), ..boot("native", slot, STARTUP) };
    let others: Vec<Box<dyn Client>> = if flaps { vec![Box::new(flaps::Flaps::default())] } else { Vec::new() };
    Rp::with_clients(Instant(1), boot, others).unwrap()
}

fn pair(releases: [(&str, bool); 2]) -> Pair {
    let [a, b] = releases;
    let mut pair = Pair::of([unit(RpSlot::A, a.0, a.1), unit(RpSlot::B, b.0, b.1)]);
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant), "{:?}", pair.rps[A].stats());
    pair
}

fn operating(pair: &Pair) -> [Mode; 2] {
    [A, B].map(|at| pair.rps[at].stats().operating)
}

/// Carrier comes and goes on a port, as the active hears it.
fn flap(pair: &mut Pair, at: usize) {
    for up in [true, false] {
        let mut out = Vec::new();
        pair.rps[at].port_reported(pair.now, "1/1".parse().unwrap(), up, &mut out);
        pair.rps[at].settle(pair.now, &mut out);
        pair.deliver(at, out);
    }
}

/// The standby takes over from an active that is not heard any more.
fn take_over(pair: &mut Pair) {
    pair.cut = true;
    assert!(pair.run(60 * SECOND, |pair| pair.rps[B].stats().active));
}

#[test]
fn compatible_releases_operate_in_sso_and_lose_nothing() {
    let mut pair = pair([("2.0", true), ("2.1", true)]);
    assert_eq!(operating(&pair), [Mode::Sso; 2]);
    for (at, other, release) in [(A, 'B', "2.1"), (B, 'A', "2.0")] {
        assert!(logged(&pair, at, &format!("%ISSU-5-COMPATIBLE: slot {other} runs release {release}: ")));
    }
    flap(&mut pair, A);
    take_over(&mut pair);
    assert!(logged(&pair, B, "%FLAPS-6-KEPT: 1/1 1"), "{:?}", pair.events[B]);
}

/// A client that one release lacks loses its state, whichever side has it; the rest is SSO.
#[test]
fn a_client_at_base_level_loses_its_state_and_nobody_elses() {
    for has_it in [A, B] {
        let mut pair =
            pair(if has_it == A { [("2.1", true), ("2.0", false)] } else { [("2.0", false), ("2.1", true)] });
        assert_eq!(operating(&pair), [Mode::Sso; 2]);
        let lacks = "a switchover loses the state of checkpoint client 900 (release 2.0 does not have it)";
        assert!([A, B].iter().all(|at| logged(&pair, *at, lacks)), "{:?}", pair.events);
        flap(&mut pair, A);
        pair.configure(&["hostname core"]);
        let refused = pair.rps[A].stats().redundant;
        assert!(refused && !logged(&pair, B, "%CHKPT-3-APPLY"), "the standby is given nothing that it does not have");
        take_over(&mut pair);
        assert!(!logged(&pair, B, "%FLAPS-6-KEPT"), "the client is not told that it has everything");
        assert_eq!(pair.rps[B].config().hostname, "core");
        assert_eq!(pair.rps[B].clients.links.get("1/1".parse().unwrap()).map(|(up, _)| up), Some(false));
    }
}

/// One side that does not negotiate: both go by names, and to the family's mode for images that differ.
#[test]
fn a_release_that_does_not_negotiate_leaves_rpr() {
    let older = Boot { release: "1.0".to_owned(), issu: Image::default(), ..boot("native", RpSlot::B, STARTUP) };
    assert_eq!(Rp::new(Instant(1), older.clone()).offer().versions(Group::Issu), None);
    let mut pair = Pair::of([unit(RpSlot::A, "2.0", false), Rp::new(Instant(1), older)]);
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    assert_eq!(operating(&pair), [Mode::Rpr; 2]);
    assert!(logged(
        &pair,
        A,
        "%ISSU-3-INCOMPATIBLE: slot B runs release 1.0: no stateful switchover: ISSU Proto client ("
    ));
}

#[test]
fn what_was_negotiated_is_shown_on_both_units() {
    let mut pair = pair([("2.1", true), ("2.0", false)]);
    let mut shown = |at, line: &str| pair.line(at, 1, line).text;
    assert!(shown(A, "show issu clients").contains("Client_ID = 900, Client_Name = checkpoint client 900"));
    assert!(!shown(B, "show issu clients").contains("900"));
    for (at, peer, role) in [(A, 2, "PRIMARY"), (B, 1, "PASSIVE")] {
        let session = shown(at, "show issu sessions 5");
        assert!(session.contains(&format!("  {peer:<8} 5      {role:<10} COMPATIBLE")), "{session}");
    }
    let links = "Session_ID = 5 :\n  Message_Type = 1, Negotiated_Version = 2, Message_MTU = 67108864\n";
    assert_eq!(shown(A, "show issu negotiated version 5"), links);
    let verdict = |text: String| -> serde_json::Value { serde_json::from_str(&text).unwrap() };
    let both = [A, B].map(|at| verdict(shown(at, "show issu comp-matrix negotiated | json"))["peer"].clone());
    assert_eq!(both[0]["clients"], both[1]["clients"]);
    assert_eq!((&both[0]["verdict"], &both[0]["release"]), (&"base-level".into(), &"2.0".into()));
    // A peer that is gone has no sessions.
    let mut out = Vec::new();
    pair.rps[A].step(pair.now, Some(Input::PeerLost), &mut out);
    assert_eq!(pair.line(A, 1, "show issu sessions").text, "");
}

/// What the peer's version has no words for costs that, and is named, before anybody switches over.
#[test]
fn lines_without_words_put_their_client_at_base_level() {
    let startup = STARTUP.replace("end\n", "ip route 192.0.2.0 255.255.255.0 Gi1/1 10.0.1.9\nend\n");
    let units = [RpSlot::A, RpSlot::B].map(|slot| rp("native", slot, &startup));
    let older =
        units[1].offer().with(Group::Client(CfClientId::STARTUP_CONFIG), fabric_proto::version::Versions::FIRST);
    let mut pair = Pair::across(units, Some(older));
    assert!(pair.run(60 * SECOND, |pair| pair.rps[A].stats().redundant));
    let text = pair.line(A, 1, "show issu comp-matrix negotiated").text;
    let why = "7       ISSU CONFIG SYNC                Base (version 1 has no words for some lines of the startup configuration)";
    assert!(text.contains(", Base(2)\n") && text.contains(why), "{text}");
    assert_eq!(operating(&pair), [Mode::Sso; 2]);
}
