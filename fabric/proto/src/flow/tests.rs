use super::*;
use crate::id::{LcSlot, RpSlot, Slot};
use crate::random::next;

/// Flows of a kind that networks have: `(source, destination, ports)`, left to the family to be read.
type Flow = (u128, u128, u32);

fn seed(node: &str) -> FlowSeed {
    FlowSeed::of(&CardId::card("lab", node, Slot::Rp(RpSlot::A)))
}

/// What a network's flows look like, with few bits of difference between them: `n` of each kind.
fn kinds(n: u32) -> Vec<(&'static str, Vec<Flow>)> {
    let mut state = 7;
    let random: Vec<u32> = (0..n).map(|_| next(&mut state) as u32).collect();
    let ports = |source: u32, destination: u32| source << 16 | destination;
    let count = |flow: &dyn Fn(u32) -> Flow| (0..n).map(flow).collect::<Vec<_>>();
    vec![
        ("one host, destinations all over", count(&|n| (0x0a01_010a, random[n as usize].into(), ports(0xc020, 7)))),
        ("a tester: a port a flow too", {
            count(&|n| (0x0a01_010a, random[n as usize].into(), ports(0xc020 + n % 0x2000, 7)))
        }),
        (
            "neighbouring clients of one server",
            count(&|n| (0x0a00_0000 + u128::from(n), 0x0b00_0001, ports(40_000, 443))),
        ),
        (
            "one pair of hosts, a port a connection",
            count(&|n| (0x0a00_0001, 0x0b00_0001, ports(32_768 + n % 28_000, 443))),
        ),
        ("both addresses count up", count(&|n| (0x0a00_0000 + u128::from(n), 0x0b00_0000 + u128::from(n), 0))),
        ("subnets of a prefix, first host", count(&|n| (0x0a00_0001, 0x1400_0001 + (u128::from(n) << 8), 0))),
    ]
}

/// The same flows as IPv6: the numbers count in the interface identifier, and in the subnet.
fn wide(flow: Flow, shift: u32) -> Flow {
    let net = 0x2001_0db8_u128 << 96;
    (net | flow.0 << shift | 1, net | 1 << 80 | flow.1 << shift | 1, flow.2)
}

fn shares(hashes: impl Iterator<Item = u32>, paths: usize) -> Vec<u64> {
    let mut shares = vec![0; paths];
    hashes.for_each(|hash| shares[choose(hash, paths)] += 1);
    shares
}

/// Pearson's statistic for equal shares.
fn chi_square(shares: &[u64]) -> f64 {
    let expected = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
    shares.iter().map(|share| (*share as f64 - expected).powi(2) / expected).sum()
}

/// The value that a fair hash exceeds once in 10,000 (Wilson and Hilferty's approximation: 3.719 standard deviations).
fn limit(paths: usize) -> f64 {
    let freedom = (paths - 1) as f64;
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + 3.719 * part.sqrt()).powi(3)
}

fn assert_fair(what: &str, hashes: impl Iterator<Item = u32>, paths: usize) {
    let shares = shares(hashes, paths);
    let (found, limit) = (chi_square(&shares), limit(paths));
    assert!(found < limit, "{what} over {paths} paths: {shares:?}, chi-square {found:.1} of {limit:.1}");
}

const FLOWS: u32 = 20_000;
const PATHS: [usize; 6] = [2, 3, 4, 5, 8, 16];

#[test]
fn realistic_flows_spread_evenly() {
    for node in ["pe1", "r1", "r2", "spine-17"] {
        let seed = seed(node);
        for (kind, flows) in kinds(FLOWS) {
            for paths in PATHS {
                let v4 = flows.iter().map(|flow| seed.hash_v4(flow.0 as u32, flow.1 as u32, flow.2));
                assert_fair(&format!("{node}, IPv4, {kind}"), v4, paths);
                for shift in [8, 64] {
                    let v6 =
                        flows.iter().map(|flow| wide(*flow, shift)).map(|flow| seed.hash_v6(flow.0, flow.1, flow.2));
                    assert_fair(&format!("{node}, IPv6, {kind}"), v6, paths);
                }
            }
        }
    }
}

/// Each tier is given only what the tier before sent one way: without a seed, or with one that does not reach every
/// bit, some of its paths would see nothing.
#[test]
fn no_tier_decides_for_the_next() {
    let tiers = ["r1", "r2", "r3", "r4"];
    for (kind, flows) in kinds(4 * FLOWS) {
        for paths in [2, 4] {
            let mut left = flows.clone();
            for tier in tiers {
                let hash = |flow: &Flow| seed(tier).hash_v4(flow.0 as u32, flow.1 as u32, flow.2);
                assert_fair(&format!("{tier}, {kind}"), left.iter().map(hash), paths);
                left.retain(|flow| choose(hash(flow), paths) == 0);
                if left.len() < 40 * paths {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_chassis_has_one_seed_and_no_other_chassis_has_it() {
    let cards = [Slot::Rp(RpSlot::A), Slot::Rp(RpSlot::B), Slot::Lc(LcSlot(1)), Slot::Lc(LcSlot(64))];
    for card in cards {
        assert_eq!(FlowSeed::of(&CardId::card("lab", "pe1", card)), seed("pe1"), "{card}");
    }
    let others = [("lab", "pe2"), ("lab2", "pe1"), ("la", "bpe1"), ("labp", "e1"), ("pe1", "lab")];
    for (lab, node) in others {
        assert_ne!(FlowSeed::of(&CardId::card(lab, node, Slot::Rp(RpSlot::A))), seed("pe1"), "{lab}/{node}");
    }
    let mut seeds: Vec<u64> = (0..5000).map(|n| seed(&format!("r{n}")).0).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 5000);
}

/// The same in every release, or a flow would move when a card is upgraded.
#[test]
fn known_answers() {
    let seed = seed("pe1");
    let v4 = seed.hash_v4(0x0a01_010a, 0xcb00_7105, 0xc020_0007);
    let v6 = seed.hash_v6(0x2001_0db8 << 96 | 1, 0x2001_0db8 << 96 | 2, 0xc020_0007);
    assert_eq!((seed.0, v4, v6), (5_023_153_926_345_049_023, 4_022_987_491, 3_928_287_106));
}
