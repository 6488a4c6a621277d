use super::*;
use crate::offer::Group;

fn named(name: &str) -> &'static Profile {
    Profile::named(name).unwrap()
}

#[test]
fn every_profile_keeps_its_own_rules() {
    for profile in PROFILES {
        assert_eq!(Profile::named(profile.name), Some(profile));
        assert!(profile.supports(profile.default_mode), "{}", profile.name);
        assert!(profile.supports(profile.mixed_images), "{}", profile.name);
        assert!(profile.modes.is_sorted() && profile.modes.contains(&Mode::Sso), "{}", profile.name);
        // HSA and RPR start from nothing everywhere, SSO keeps line cards everywhere.
        assert!(profile.resets_line_cards(Mode::Hsa) && profile.resets_line_cards(Mode::Rpr), "{}", profile.name);
        assert!(!profile.resets_line_cards(Mode::Sso), "{}", profile.name);
        assert!(profile.clients.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{}", profile.name);
        assert_eq!(profile.clients[0].id, 0);
        assert_eq!(profile.clients.last().map(|client| client.id), Some(65000));
    }
    assert_eq!(Profile::named(""), Some(&NATIVE));
    assert_eq!(Profile::named("c6500"), None);
}

/// The document's tables and restrictions, one by one.
#[test]
fn families_differ_as_the_document_says() {
    assert!(named("c7500").supports(Mode::Hsa) && !named("c10000").supports(Mode::Hsa));
    assert_eq!(named("asr1000").modes, [Mode::Rpr, Mode::Sso]);
    let defaults = ["c7304", "c7500", "c10000", "c12000"].map(|name| named(name).default_mode);
    assert_eq!(defaults, [Mode::Sso, Mode::Hsa, Mode::Sso, Mode::Rpr]);
    assert_eq!(named("c10000").mixed_images, Mode::RprPlus);
    assert_eq!(named("c12000").mixed_images, Mode::Rpr);
    let warm_resets = ["c7304", "c7500", "c10000", "c12000"].map(|name| named(name).resets_line_cards(Mode::RprPlus));
    assert_eq!(warm_resets, [true, true, false, false]);
    assert_eq!(named("c7500").unready, Unready::TakeOverAsRpr);
    assert_eq!(named("c10000").unready, Unready::ResetChassis);
    assert_eq!(named("c7500").removal, Some(Mode::Rpr));
    assert_eq!(named("c12000").removal, None);
    let fabric = ["c7304", "c7500", "c10000", "c12000"].map(|name| named(name).fabric_change_resets);
    assert_eq!(fabric, [false, true, false, true]);
    let offline = PROFILES.into_iter().filter(|profile| profile.offline_cards_reset).map(|profile| profile.name);
    assert_eq!(offline.collect::<Vec<_>>(), ["c12000"]);
    assert_eq!(named("c7500").legacy, Legacy::Resets { all_from: 3 });
    assert_eq!(named("c7304").legacy, Legacy::ForcesMode(Mode::Rpr));
    assert!(named("c10000").tftp_boot && !named("c12000").tftp_boot);
    assert!(named("c10000").main_cpu_keyword && named("c7500").hw_module_image);
}

#[test]
fn a_mode_that_is_not_supported_falls_to_the_next_one_below() {
    assert_eq!(named("asr1000").at_most(Mode::RprPlus), Mode::Rpr);
    assert_eq!(named("asr1000").at_most(Mode::Hsa), Mode::Rpr);
    assert_eq!(named("c10000").at_most(Mode::Sso), Mode::Sso);
}

#[test]
fn only_what_leaves_a_card_passes_the_rp_of_a_7500() {
    let passes = |name: &str| [true, false].map(|local| named(name).forwarding.passes_rp(local));
    assert_eq!(passes("c7500"), [false, true]);
    assert_eq!(passes("c10000"), [true, true]);
    assert_eq!(passes("c12000"), [false, false]);
}

/// The numbers and names are the field's; that of every family comes to the same mode.
#[test]
fn clients_of_issu_are_listed_once_and_need_what_is_listed() {
    let base = |profile: &Profile| -> Vec<Group> {
        let mut groups: Vec<Group> =
            profile.issu.iter().filter(|client| client.base).flat_map(IssuClient::speaks).collect();
        groups.sort();
        groups
    };
    for profile in PROFILES {
        assert!(profile.issu.windows(2).all(|pair| pair[0].id < pair[1].id), "{}", profile.name);
        assert_eq!(base(profile), base(&NATIVE), "{}: both route processors find the same mode anywhere", profile.name);
        for client in profile.issu {
            let needed = client.needs.iter().map(|id| profile.issu.iter().find(|other| other.id == *id).unwrap());
            for needed in needed {
                assert!(needed.base || !client.base, "{} is without {} where that is", client.name, needed.name);
            }
            for group in client.speaks() {
                let speakers = profile.issu.iter().filter(|other| other.says(group)).count();
                assert_eq!(speakers, 1, "{}: {group}", profile.name);
            }
        }
    }
    let listed = |name: &str| named(name).issu.iter().map(|client| (client.id, client.name)).collect::<Vec<_>>();
    assert!(
        listed("c10000").contains(&(1013, "C10K CARD OIR")) && !listed("asr1000").contains(&(1013, "C10K CARD OIR"))
    );
    let needs = |id: u16| NATIVE.issu.iter().find(|client| client.id == id).map(|client| client.needs);
    // Table 1 of the document.
    assert_eq!([2011, 2009, 2008].map(needs), [Some(&[2007][..]); 3], "LDP, MPLS VPN, VRF");
    assert_eq!(needs(2007), Some(&[4, 3][..]), "LSD");
    assert_eq!([2030, 2031, 2089].map(needs), [Some(&[2003][..]); 3], "MFI Pull, MFI Push, LSPV");
}
