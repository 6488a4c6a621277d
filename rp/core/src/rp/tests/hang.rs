//! A client that does its work and does not answer: what the books say, and what comes of it.

use super::*;

fn hang(pair: &mut Pair, at: usize, who: &str, hangs: bool) {
    let mut out = Vec::new();
    pair.rps[at].hang(pair.now, who, hangs, &mut out).unwrap();
    pair.deliver(at, out);
}

fn counter(pair: &mut Pair, at: usize, name: &str) -> u64 {
    let text = pair.line(at, 7, "show redundancy counters").text;
    let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn a_takeover_waits_once_for_a_client_that_hangs_and_goes_on_without_it() {
    let mut pair = Pair::new(STARTUP);
    hang(&mut pair, B, "cef", true);
    pair.cut = true;
    let silence = pair.now;
    assert!(pair.run(SECOND, |pair| pair.rps[B].stats().active));
    let began = pair.now;
    assert!(began.since(silence) < SECOND);
    // It is active and not there yet: nobody may change what it is still reading, nobody is called.
    assert_eq!(pair.rps[B].stats().state.to_string(), "ACTIVE-FAST");
    assert!(pair.line(B, 1, "configure terminal").text.contains("a switchover is in progress"));
    assert!(pair.line(B, 1, "write memory").failed);
    let there = |pair: &Pair| pair.rps[B].stats().state.to_string() == "ACTIVE";
    assert!(pair.run(40 * SECOND, there));
    let took = pair.now.since(began);
    assert!((30 * SECOND..31 * SECOND).contains(&took), "one notification timer, whatever events follow: {took:?}");
    assert!(logged(&pair, B, "client CEF RRP RF Client (24) did not answer RF_PROG_ACTIVE_FAST(200)"));
    assert!(logged(&pair, B, "is skipped"));
    let history = pair.line(B, 1, "show redundancy history").text;
    assert_eq!(history.matches("client timed out: CEF RRP RF Client(24)").count(), 1, "{history}");
    assert_eq!(counter(&mut pair, B, "client timeouts"), 1);
    assert!(!pair.line(B, 1, "configure terminal").failed);
    // It has done its work all the same, and an answer that comes too late is counted.
    assert_eq!(pair.rps[B].fib().position().epoch, pair.rps[B].stats().epoch);
    hang(&mut pair, B, "24", false);
    assert_eq!(counter(&mut pair, B, "late client answers"), 1);
}

#[test]
fn a_standby_does_not_come_up_while_a_vital_client_hangs() {
    for (who, fails) in [("CEF", true), ("config", true), ("History RF Client", false)] {
        let mut pair = Pair::booting("native", STARTUP);
        hang(&mut pair, A, who, true);
        // Boot and the way to being active were over before it hung; the standby's way up begins.
        assert!(pair.run(SECOND, |pair| pair.rps[A].stats().active), "{who}");
        let ends = |pair: &Pair| pair.rps[A].rf.view().counters.client_timeouts > 0;
        assert!(pair.run(120 * SECOND, ends), "{who}");
        assert_eq!(counter(&mut pair, A, "progressions failed"), u64::from(fails), "{who}");
        assert_eq!(logged(&pair, A, "and the progression fails"), fails, "{who}");
        hang(&mut pair, A, who, false);
        if fails {
            assert!(logged(&pair, B, "%RF-5-RF_RELOAD"), "{who}: the standby begins anew");
            pair.rps[B] = Rp::new(pair.now, Boot { boot: 9, ..boot("native", RpSlot::B, STARTUP) });
            pair.connect();
        }
        assert!(pair.run(300 * SECOND, |pair| pair.rps[A].stats().redundant), "{who}");
    }
}

#[test]
fn a_client_that_nobody_knows_cannot_hang() {
    let mut pair = Pair::new(STARTUP);
    let unknown = pair.rps[A].hang(pair.now, "bgp", true, &mut Vec::new()).unwrap_err().to_string();
    assert!(unknown.starts_with("no redundancy client is called 'bgp': they are Redundancy Mode RF (29)"), "{unknown}");
}
