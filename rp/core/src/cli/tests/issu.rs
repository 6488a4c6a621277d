//! `show issu …` beside a peer of another release, and beside none.

use super::fixture::{Chassis, negotiated, offer};
use crate::cli::CliSession;
use serde_json::{Value, json};

/// What an RP shows whose peer has no label manager, and so no use for LDP.
fn beside(peer: Option<&[u16]>) -> Chassis {
    let mut chassis = Chassis::default();
    let peer = peer.map(|clients| offer("2.1", clients));
    chassis.tables.1 = negotiated(&offer("2.0", &[1, 2, 3, 4, 5, 900, 2007, 2011]), peer.as_ref());
    chassis
}

fn shown(chassis: &Chassis, line: &str) -> String {
    let outcome = CliSession::default().line(line, &chassis.view());
    assert!(!outcome.failed, "{line}: {}", outcome.text);
    outcome.text
}

fn data(chassis: &Chassis, line: &str) -> Value {
    serde_json::from_str(&shown(chassis, &format!("{line} | json"))).unwrap()
}

#[test]
fn what_would_be_lost_is_named_before_it_is() {
    let chassis = beside(Some(&[1, 2, 3, 4, 5, 2011]));
    let text = shown(&chassis, "show issu comp-matrix negotiated");
    for wanted in [
        "Image Name: SWACT-RP-M\nPeer Uid: 2, Image Ver: 2.1, Base(2)\n",
        "2007    1       2007    2007    2       INCOMPATIBLE\n",
        "2011    1       1       2011    2011    2       Y\n",
        "2007    ISSU LSD Label Mgr HA Client    Non-Base (release 2.1 does not have it)\n",
        "2011    ISSU LDP Client                 Non-Base (it needs ISSU LSD Label Mgr HA Client)\n",
        "900     checkpoint client 900           Non-Base (release 2.1 does not have it)\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let peer = data(&chassis, "show issu comp-matrix negotiated")["peer"].clone();
    assert_eq!((&peer["release"], &peer["verdict"]), (&json!("2.1"), &json!("base-level")));
    let lost = peer["clients"].as_array().unwrap().iter().filter(|client| client["result"] != "compatible");
    let lost: Vec<&Value> = lost.map(|client| &client["id"]).collect();
    assert_eq!(lost, [900, 2007, 2011]);
    let sessions = shown(&chassis, "show issu sessions 2011");
    assert!(sessions.contains("PRIMARY    INCOMPATIBLE"), "{sessions}");
    assert!(shown(&chassis, "show issu sessions 7").contains("PRIMARY    COMPATIBLE"));
    // What was not agreed on has no version.
    assert_eq!(shown(&chassis, "show issu negotiated version 2007"), "Session_ID = 2007 :\n");
    let xml = shown(&chassis, "show issu comp-matrix xml");
    assert!(xml.contains("<peer version=\"2.1\" uid=\"2\" compatibility=\"base-level\"/>"), "{xml}");
}

#[test]
fn one_base_client_is_enough_for_incompatible() {
    let chassis = beside(Some(&[1, 2, 3, 5]));
    let text = shown(&chassis, "show issu comp-matrix negotiated");
    assert!(text.contains("Image Ver: 2.1, Incomp(1)\n"), "{text}");
    assert!(text.contains("2002    CEF Push ISSU client            Base (release 2.1 does not have it)\n"), "{text}");
}

#[test]
fn without_a_peer_there_is_no_session() {
    let chassis = beside(None);
    assert_eq!(data(&chassis, "show issu sessions"), json!({"sessions": []}));
    assert_eq!(data(&chassis, "show issu comp-matrix negotiated")["peer"], Value::Null);
    assert!(shown(&chassis, "show issu clients").contains("Client_ID = 2011, Client_Name = ISSU LDP Client"));
    for (line, says) in [
        ("show issu negotiated version 7", "There is no ISSU session 7; show issu sessions lists them."),
        ("show issu sessions 77", "There is no ISSU client 77; show issu clients lists them."),
        ("show issu message types 2009", "There is no ISSU client 2009; show issu clients lists them."),
    ] {
        let outcome = CliSession::default().line(line, &chassis.view());
        assert!(outcome.failed && outcome.text.contains(says), "{line}: {}", outcome.text);
    }
}

/// The secondary unit answers, and names of a peer do not leave their place in XML.
#[test]
fn roles_follow_units_and_names_are_escaped() {
    let mut chassis = beside(None);
    chassis.tables.1 = negotiated(&offer("2.0", &[]), Some(&offer("<&\"\u{1b}>", &[])));
    let xml = shown(&chassis, "show issu comp-matrix xml");
    assert!(xml.contains("<peer version=\"&lt;&amp;&quot;?&gt;\""), "{xml}");
    let view = chassis.view();
    let view = crate::cli::View { slot: fabric_proto::id::RpSlot::B, ..view };
    let text = CliSession::default().line("show issu sessions 3", &view).text;
    assert!(text.contains("PASSIVE") && text.contains("Transport_Mtu = 65536"), "{text}");
}
