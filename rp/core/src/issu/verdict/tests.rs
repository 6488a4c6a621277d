use super::*;
use fabric_proto::{
    codec::Class,
    platform::{NATIVE, PROFILES},
};
use proptest::prelude::*;

/// Everything that two route processors may offer each other: what is listed, what is not, and what is not between them.
fn groups() -> Vec<Group> {
    let listed = NATIVE.issu.iter().flat_map(IssuClient::speaks);
    listed.chain([Group::Client(CfClientId(900)), Group::Client(CfClientId(901)), Group::Cells]).collect()
}

/// A release that has all of it.
fn whole(release: &str) -> Offer {
    Offer::of(release, groups().into_iter().map(|group| (group, Versions::new(1, 2))))
}

fn without(offer: &Offer, lacks: Group) -> Offer {
    Offer::of(offer.release(), offer.groups().filter(|(group, _)| *group != lacks))
}

fn of(ours: &Offer, theirs: &Offer) -> Verdict {
    verdict(&Agreed::between(ours.clone(), theirs.clone()), NATIVE.issu, &[])
}

fn named<'a>(verdict: &'a Verdict, name: &str) -> &'a ClientVerdict {
    verdict.clients.iter().find(|client| client.name == name).unwrap()
}

fn names<'a>(faults: impl Iterator<Item = (&'a ClientVerdict, &'a Fault)>) -> Vec<&'a str> {
    faults.map(|(client, _)| client.name.as_str()).collect()
}

fn versions() -> impl Strategy<Value = Versions> {
    (1u8..4, 0u8..3).prop_map(|(oldest, more)| Versions::new(oldest, oldest + more))
}

/// Mostly whole, so that every verdict is met.
fn offer(release: &'static str) -> impl Strategy<Value = Offer> {
    let mostly = prop_oneof![
        12 => Just(Some(Versions::new(1, 3))),
        2 => versions().prop_map(Some),
        1 => Just(None),
    ];
    proptest::collection::vec(mostly, groups().len()).prop_map(move |held| {
        Offer::of(release, groups().into_iter().zip(held).filter_map(|(group, held)| Some((group, held?))))
    })
}

proptest! {
    #[test]
    fn both_sides_find_the_same(a in offer("2.0"), b in offer("2.1")) {
        let (here, there) = (of(&a, &b), of(&b, &a));
        prop_assert_eq!(&here.clients, &there.clients);
        prop_assert_eq!(here.compatibility(), there.compatibility());
        let [mut here, there] = [here.row(), there.row()];
        here.release.clone_from(&there.release);
        prop_assert_eq!(here.contradiction(), None);
        prop_assert_eq!(here, there);
    }

    /// Who learns another version, or what the other side speaks, never makes it worse, for any client.
    #[test]
    fn verdicts_are_monotone(a in offer("2.0"), b in offer("2.1"), learns in proptest::collection::vec(0u8..4, 64)) {
        let wider = groups().into_iter().zip(learns).filter_map(|(group, how)| {
            let own = a.versions(group);
            let learned = match how {
                0 => own.map(|own| Versions::new(own.oldest(), own.newest() + 1)),
                1 => own.map(|own| Versions::new(1, own.newest())),
                2 => own.or(b.versions(group)),
                _ => own,
            };
            Some((group, learned?))
        });
        let (before, after) = (of(&a, &b), of(&Offer::of("2.0", wider), &b));
        prop_assert!(after.compatibility() >= before.compatibility());
        for client in &before.clients {
            prop_assert!(named(&after, &client.name).result() >= client.result(), "{}", client.name);
        }
    }

    /// Nobody is compatible whom somebody that it needs has left.
    #[test]
    fn dependencies_are_closed(a in offer("2.0"), b in offer("2.1")) {
        let verdict = of(&a, &b);
        let fit = |id: u16| verdict.clients.iter().any(|client| client.id == id && client.fault.is_none());
        for client in NATIVE.issu.iter().filter(|client| fit(client.id)) {
            prop_assert!(client.needs.iter().all(|id| fit(*id)), "{}", client.name);
        }
        // And nobody falls without a reason.
        for (client, fault) in verdict.faults() {
            let needs = NATIVE.issu.iter().find(|listed| listed.id == client.id).map_or(&[][..], |listed| listed.needs);
            match fault {
                Fault::Needs { .. } => prop_assert!(needs.iter().any(|id| !fit(*id)), "{}", client.name),
                Fault::Missing { .. } | Fault::Absent | Fault::NoVersion { .. } => {
                    prop_assert!(client.types.iter().any(|(_, version)| version.is_none()), "{}", client.name);
                }
                Fault::Inexpressible(_) => prop_assert!(false, "nobody said so"),
            }
        }
    }

    /// One base client that one side lacks, and there is no stateful switchover; it alone is to blame.
    #[test]
    fn one_missing_base_client_makes_it_incompatible(at in any::<prop::sample::Index>(), ours in any::<bool>()) {
        let base: Vec<(u16, Group)> = NATIVE
            .issu
            .iter()
            .filter(|client| client.base)
            .flat_map(|client| client.speaks().into_iter().map(|group| (client.id, group)))
            .collect();
        let (id, group) = *at.get(&base);
        let [one, other] = [without(&whole("2.1"), group), whole("2.0")];
        let verdict = if ours { of(&one, &other) } else { of(&other, &one) };
        prop_assert_eq!(verdict.compatibility(), Compatibility::Incompatible);
        let blamed: Vec<u16> =
            verdict.faults().filter(|(_, fault)| !matches!(fault, Fault::Needs { .. })).map(|(client, _)| client.id).collect();
        prop_assert_eq!(blamed, vec![id]);
    }

    /// The mode that follows hangs on base clients alone, which every release knows: neither what a later one has
    /// besides, nor its view of who needs whom, can part two route processors.
    #[test]
    fn optional_clients_never_forbid_a_stateful_switchover(a in offer("2.0"), b in offer("2.1")) {
        let base = |offer: &Offer| {
            let is_base = |group: Group| NATIVE.issu.iter().any(|client| client.base && client.says(group));
            Offer::of(offer.release(), offer.groups().filter(|(group, _)| is_base(*group)))
        };
        let older: Vec<IssuClient> = NATIVE.issu.iter().filter(|client| client.base).copied().collect();
        let seen_by_older = verdict(&Agreed::between(a.clone(), b.clone()), &older, &[]).compatibility();
        let modes = [of(&a, &b).compatibility(), of(&base(&a), &base(&b)).compatibility(), seen_by_older];
        prop_assert_eq!(modes.map(Compatibility::allows_sso), [modes[0].allows_sso(); 3]);
    }

    /// Families differ in who says what, and not in what comes of it.
    #[test]
    fn every_family_comes_to_the_same(a in offer("2.0"), b in offer("2.1")) {
        let agreed = Agreed::between(a, b);
        let all = PROFILES.map(|profile| verdict(&agreed, profile.issu, &[]).compatibility());
        prop_assert_eq!(all, [all[0]; 6]);
    }
}

#[test]
fn a_release_is_compatible_with_itself_and_names_every_client() {
    let verdict = of(&whole("2.0"), &whole("2.0"));
    assert_eq!((verdict.compatibility(), verdict.faults().count()), (Compatibility::Compatible, 0));
    // Those listed, and the two that nobody lists; cells are not between route processors.
    assert_eq!(verdict.clients.len(), NATIVE.issu.len() + 2);
    let config = named(&verdict, "ISSU CONFIG SYNC");
    assert!(config.base && config.types.iter().all(|(_, version)| *version == Some(2)) && config.types.len() == 2);
    assert_eq!(named(&verdict, "checkpoint client 900").id, 900);
}

/// Release 1.0 does not negotiate: it goes by names, and to RPR. So must whoever is beside it.
#[test]
fn release_1_0_is_incompatible() {
    let verdict = of(&whole("2.0"), &Offer::of_1_0());
    assert_eq!(verdict.compatibility(), Compatibility::Incompatible);
    let proto = named(&verdict, "ISSU Proto client");
    assert_eq!(proto.fault.as_ref().unwrap().to_string(), "release 1.0 does not have it");
    let base: Vec<&ClientVerdict> =
        verdict.clients.iter().filter(|client| client.base && client.fault.is_some()).collect();
    assert_eq!(base, [proto], "the rest of what it has is spoken");
    // Nor do two that do not negotiate find anything out.
    let neither = of(&Offer::of_1_0(), &Offer::of_1_0());
    assert_eq!(named(&neither, "ISSU Proto client").fault, Some(Fault::Absent));
    assert_eq!(neither.compatibility(), Compatibility::Incompatible);
}

#[test]
fn who_needs_the_label_manager_falls_with_it() {
    let lsd = Group::Client(CfClientId(2007));
    let verdict = of(&whole("2.0"), &without(&whole("2.1"), lsd));
    assert_eq!(verdict.compatibility(), Compatibility::BaseLevel);
    let fallen = ["ISSU LSD Label Mgr HA Client", "ISSU Tableid Client", "ISSU MPLS VPN Client", "ISSU LDP Client"];
    assert_eq!(names(verdict.faults()), fallen);
    let why = |name: &str| named(&verdict, name).fault.as_ref().unwrap().to_string();
    assert_eq!(why(fallen[0]), "release 2.1 does not have it");
    assert_eq!(why(fallen[3]), "it needs ISSU LSD Label Mgr HA Client");
    let withheld = |name: &str| named(&verdict, name).withheld().count();
    assert_eq!([fallen[0], fallen[3], "ISSU XDR client"].map(withheld), [1, 1, 0]);

    // The label manager itself rests on two base clients; what rests on it falls in the same verdict.
    let verdict = of(&whole("2.0"), &without(&whole("2.1"), Group::Messages(Class::Checkpoint)));
    assert_eq!(verdict.compatibility(), Compatibility::Incompatible);
    assert_eq!(named(&verdict, fallen[3]).result(), Compatibility::BaseLevel);

    let xdr = Group::Messages(Class::LineCard);
    let later = without(&whole("2.1"), xdr).with(xdr, Versions::new(3, 4));
    let verdict = of(&whole("2.0"), &later);
    assert_eq!(verdict.compatibility(), Compatibility::BaseLevel);
    let fallen = ["ISSU XDR client", "MFI Pull ISSU client", "MFI Push ISSU client", "MPLS LSPV Push client"];
    assert_eq!(names(verdict.faults()), fallen);
    let why = named(&verdict, fallen[0]).fault.as_ref().unwrap().to_string();
    assert_eq!(why, "no version in common: release 2.0 speaks 1-2, release 2.1 3-4");
}

/// A value that the version of both has no words for costs that value, whoever holds it, and no mode.
#[test]
fn what_has_no_words_is_at_base_level() {
    let agreed = Agreed::between(whole("2.0"), whole("2.1"));
    let why = Inexpressible { version: 2, what: "routes of VRFs" };
    let verdict = verdict(&agreed, NATIVE.issu, &[(Group::Client(CfClientId::FIB), why)]);
    assert_eq!(verdict.compatibility(), Compatibility::BaseLevel);
    let [(client, fault)] = verdict.faults().collect::<Vec<_>>()[..] else { panic!("{verdict:?}") };
    assert_eq!((client.id, client.base), (2002, true));
    assert_eq!(fault.to_string(), "version 2 has no words for routes of VRFs");
    assert_eq!(client.withheld().count(), 0, "the rest of it is given");
}
