use super::*;

fn all() -> impl Iterator<Item = Versions> {
    (1..=5).flat_map(|oldest| (oldest..=5).map(move |newest| Versions::new(oldest, newest)))
}

/// Every pair of ranges up to five: small enough to try them all.
#[test]
fn two_offers_come_to_the_highest_version_of_both() {
    for (ours, theirs) in all().flat_map(|ours| all().map(move |theirs| (ours, theirs))) {
        let both: Vec<u8> = ours.all().filter(|version| theirs.contains(*version)).collect();
        assert_eq!(ours.common(theirs), both.last().copied(), "{ours} and {theirs}");
        assert_eq!(ours.common(theirs), theirs.common(ours), "symmetric");
        let agreed = verdict(Some(ours), Some(theirs));
        assert_eq!(agreed.version(), both.last().copied());
        assert_eq!(matches!(agreed, Verdict::Nothing { .. }), both.is_empty());
    }
    for ours in all() {
        assert_eq!(verdict(Some(ours), None), Verdict::OneSided);
        assert_eq!(verdict(None, Some(ours)), Verdict::OneSided);
        assert_eq!(ours.common(ours), Some(ours.newest()), "a release agrees with itself on its newest");
    }
    assert_eq!(verdict(None, None), Verdict::OneSided);
}

/// A side that learns a version more never agrees on an older one than before, and never loses an agreement.
#[test]
fn agreement_is_monotone() {
    for (ours, theirs) in all().flat_map(|ours| all().map(move |theirs| (ours, theirs))) {
        let wider = Versions::new(ours.oldest(), ours.newest() + 1);
        assert!(wider.common(theirs) >= ours.common(theirs), "{ours}, then {wider}, with {theirs}");
        if ours.oldest() > 1 {
            let kept = Versions::new(ours.oldest() - 1, ours.newest());
            assert!(kept.common(theirs) >= ours.common(theirs), "{ours}, then {kept}, with {theirs}");
        }
    }
}
