//! `show issu comp-matrix …`: what two images come to.

use super::{Ends, ONE, word};
use crate::{
    cli::{
        View,
        show::{Shown, lines},
        style::Style,
    },
    issu::{self, ClientVerdict},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) fn negotiated(view: &View<'_>) -> Shown {
    let issu = view.tables.issu();
    let ends = Ends::of(view);
    let clients = issu.peer.as_ref().map_or(&[][..], |peer| &peer.verdict.clients);
    let mut text = format!(
        "CardType: {}, Uid: {}, Image Ver: {}\nImage Name: {}\n",
        Style::of(view.platform).rp,
        ends.own,
        issu.release,
        issu.image
    );
    if let Some(peer) = &issu.peer {
        let compatibility = peer.verdict.compatibility().short();
        let _ = writeln!(text, "Peer Uid: {}, Image Ver: {}, {compatibility}", ends.peer, peer.verdict.release);
    }
    let peer = ends.peer;
    let rule = |width: usize| "=".repeat(width) + "\n";
    text += &format!("\n{:<8}{:<8}{:<8}{:<8}{:<8}Compatibility\n", "Cid", "Eid", "Sid", "pSid", "pUid");
    text += &rule(55);
    let row = |client: &ClientVerdict| {
        let id = client.id;
        format!("{id:<8}{ONE:<8}{id:<8}{id:<8}{peer:<8}{}", word(client))
    };
    text += &lines(clients.iter().map(row));
    text += "\nMessage group summary:\n";
    text += &format!("{:<8}{:<8}{:<8}{:<8}{:<8}{:<8}Nego Result\n", "Cid", "Eid", "GrpId", "Sid", "pSid", "pUid");
    text += &rule(61);
    let row = |client: &ClientVerdict| {
        let (id, agreed) = (client.id, client.types.iter().all(|(_, version)| version.is_some()));
        let result = if agreed { "Y" } else { "N" };
        format!("{id:<8}{ONE:<8}{ONE:<8}{id:<8}{id:<8}{peer:<8}{result}")
    };
    text += &lines(clients.iter().map(row));
    text += &format!("\nList of Clients:\n{:<8}{:<32}Base/Non-Base\n{}", "Cid", "Client Name", rule(53));
    let row = |client: &ClientVerdict| {
        let kind = if client.base { "Base" } else { "Non-Base" };
        let why = client.fault.as_ref().map_or_else(String::new, |fault| format!(" ({fault})"));
        format!("{:<8}{:<32}{kind}{why}", client.id, client.name)
    };
    text += &lines(clients.iter().map(row));
    Shown { text, json: negotiated_json(&issu) }
}

fn negotiated_json(issu: &issu::View) -> Value {
    let peer = issu.peer.as_ref().map(|peer| peer.verdict.row());
    json!({"image": issu.image, "release": issu.release, "peer": peer})
}

pub(super) fn stored(issu: &issu::View) -> Shown {
    let (image, matrices) = (&issu.image, usize::from(!issu.matrix.is_empty()));
    let mut text = format!("Number of Matrices in Table = {matrices}\n");
    if matrices > 0 {
        text += &format!(
            "\n        (1) Matrix for {image} - {image}\n        ==========================================\n\
             \n                My Image ver:  {}\n                {:<18}Compatibility\n                {:<18}-------------\n",
            issu.release, "Peer Version", "------------"
        );
        text +=
            &lines(issu.matrix.iter().map(|row| format!("                {:<18}{}", row.release, row.verdict.short())));
    }
    Shown { text, json: json!({"image": image, "release": issu.release, "matrix": issu.matrix}) }
}

/// The negotiated matrix as an XML document. The field does not publish a schema of its own.
pub(super) fn xml(view: &View<'_>) -> Shown {
    let issu = view.tables.issu();
    let ends = Ends::of(view);
    let mut text = format!(
        "<?xml version=\"1.0\"?>\n<comp-matrix>\n  <image name=\"{}\" version=\"{}\" uid=\"{}\"/>\n",
        escaped(&issu.image),
        escaped(&issu.release),
        ends.own
    );
    if let Some(peer) = &issu.peer {
        let verdict = &peer.verdict;
        let (release, comes_to) = (escaped(&verdict.release), verdict.compatibility());
        text += &format!("  <peer version=\"{release}\" uid=\"{}\" compatibility=\"{comes_to}\"/>\n", ends.peer);
        for client in &verdict.clients {
            let (id, base, name, result) = (client.id, client.base, escaped(&client.name), client.result());
            let why = client.fault.as_ref().map_or_else(String::new, |fault| escaped(&fault.to_string()));
            let _ = writeln!(
                text,
                "  <client id=\"{id}\" name=\"{name}\" base=\"{base}\" session=\"{id}\" compatibility=\"{result}\" \
                 reason=\"{why}\"/>"
            );
        }
    }
    text += "</comp-matrix>\n";
    Shown { text, json: negotiated_json(&issu) }
}

/// Text as a value of an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            letter if letter.is_control() => safe.push('?'),
            letter => safe.push(letter),
        }
    }
    safe
}
