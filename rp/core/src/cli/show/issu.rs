//! `show issu …`: what two images have negotiated, in the field's layouts.
//!
//! * `cards.rs`: what is spoken with each card; the field asks for one session with the peer at a time
//! * `matrix.rs`: what two images come to
//! * `upgrade.rs`: how far an upgrade is

mod cards;
mod matrix;
mod upgrade;

use super::{SHOW, Shown, lines, show};
use crate::{
    cli::{View, commands::Exec, style::Style},
    grammar::{
        Command, Help, Line, Shape,
        Token::{self, Argument as A, Keyword as K, Optional},
    },
    issu::{self, ClientVerdict, Negotiated, Registered, transport_mtu},
};
use fabric_proto::id::RpSlot;
use serde_json::{Value, json};
use std::fmt::Write as _;

const ISSU: Token = K("issu");
const NEGOTIATED: Token = K("negotiated");
const MATRIX: Token = K("comp-matrix");
const DETAIL: Token = K("detail");
const ID: Token = A(Shape::Number(1, u16::MAX as u32));

pub(super) static COMMANDS: &[Command<Exec>] = &[
    show(&[SHOW, ISSU, K("clients")], |view, _| Ok(clients(&view.tables.issu()))),
    show(&[SHOW, ISSU, K("sessions"), Optional(&[ID])], sessions),
    show(&[SHOW, ISSU, NEGOTIATED, K("version"), Optional(&[ID])], versions),
    show(&[SHOW, ISSU, NEGOTIATED, K("capability"), ID], capability),
    show(&[SHOW, ISSU, K("message"), K("types"), Optional(&[ID])], message_types),
    show(&[SHOW, ISSU, K("entities"), Optional(&[ID])], entities),
    show(&[SHOW, ISSU, MATRIX, K("negotiated")], |view, _| Ok(matrix::negotiated(view))),
    show(&[SHOW, ISSU, MATRIX, K("stored")], |view, _| Ok(matrix::stored(&view.tables.issu()))),
    show(&[SHOW, ISSU, MATRIX, K("xml")], |view, _| Ok(matrix::xml(view))),
    show(&[SHOW, ISSU, K("state"), Optional(&[DETAIL])], upgrade::state),
    show(&[SHOW, ISSU, K("rollback-timer")], |view, _| Ok(upgrade::rollback(view))),
];

pub(super) const HELP: Help = &[
    ("issu", "In-service software upgrade"),
    ("issu clients", "Clients that negotiate"),
    ("sessions", "What each client and its peer have negotiated"),
    ("negotiated", "What was agreed on"),
    ("negotiated version", "Versions of messages and records, card by card, or of one session"),
    ("capability", "Capabilities"),
    ("message", "Messages of clients"),
    ("types", "Versions and sizes of each message type"),
    ("entities", "Entities of clients"),
    ("comp-matrix", "What two images come to"),
    ("comp-matrix negotiated", "As this unit and its peer have found out"),
    ("stored", "As it is stored in this unit's image"),
    ("xml", "As negotiated, in XML"),
    ("state", "How far an upgrade is, on both units"),
    ("detail", "With releases and mode"),
    ("show issu rollback-timer", "When a new release is taken back unless it is accepted"),
];

/// Every client has one entity, and one group of messages.
const ONE: u32 = 1;

/// Stands before a client.
const RULE: &str = "-----\n";

fn clients(issu: &issu::View) -> Shown {
    let row =
        |client: &Registered| format!("Client_ID = {}, Client_Name = {}, Entity_Count = {ONE}", client.id, client.name);
    let base = issu.clients.iter().filter(|client| client.base);
    let base = base.map(|client| format!("Client_Name = {}", client.name));
    let text = lines(issu.clients.iter().map(row)) + "\nBase Clients:\n" + &lines(base);
    let row = |client: &Registered| json!({"client_id": client.id, "client_name": client.name, "entity_count": ONE, "base": client.base});
    Shown { text, json: json!({"clients": issu.clients.iter().map(row).collect::<Vec<_>>()}) }
}

/// The clients that a line names, or all.
fn chosen<'a>(issu: &'a issu::View, line: &Line) -> Result<Vec<&'a Registered>, String> {
    let named = line.number().ok();
    let chosen: Vec<_> =
        issu.clients.iter().filter(|client| named.is_none_or(|id| u32::from(client.id) == id)).collect();
    match named {
        Some(id) if chosen.is_empty() => Err(format!("There is no ISSU client {id}; show issu clients lists them.")),
        Some(_) | None => Ok(chosen),
    }
}

/// A client's words for its session, and for the lack of one.
fn word(client: &ClientVerdict) -> &'static str {
    if client.withheld().next().is_some() { "INCOMPATIBLE" } else { "COMPATIBLE" }
}

/// Numbers of this unit and of its peer. The lesser one begins to negotiate.
struct Ends {
    own: u16,
    peer: u16,
}

impl Ends {
    fn of(view: &View<'_>) -> Self {
        let style = Style::of(view.platform);
        Self { own: style.unit(view.slot), peer: style.unit(view.slot.peer().unwrap_or(RpSlot::C)) }
    }

    fn role(&self) -> &'static str {
        if self.own < self.peer { "PRIMARY" } else { "PASSIVE" }
    }
}

fn sessions(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let issu = view.tables.issu();
    let ends = Ends::of(view);
    let negotiated = |client: &&Registered| issu.peer.as_ref()?.session(u32::from(client.id));
    let chosen = chosen(&issu, line)?;
    let sessions: Vec<&ClientVerdict> = chosen.iter().filter_map(negotiated).collect();
    let (peer, role) = (ends.peer, ends.role());
    let text = |client: &&ClientVerdict| {
        let ClientVerdict { id, name, .. } = client;
        format!(
            "{RULE}Client_ID = {id}, Entity_ID = {ONE} :\n*** Session_ID = {id}, Session_Name = {name} :\n  \
             Peer     Peer   Negotiate  Negotiated    Cap      Msg      Session\n  \
             UniqueID Sid    Role       Result        GroupID  GroupID  Signature\n  \
             {peer:<8} {id:<6} {role:<10} {:<13} {ONE:<8} {ONE:<8} 0\n{:29}(no policy)\n  \
             Negotiation Session Info for This Message Session:\n    Nego_Session_ID = {id}\n    \
             Nego_Session_Name = {name}\n    Transport_Mtu = {}\n",
            word(client),
            "",
            transport(client),
        )
    };
    let json = |client: &&ClientVerdict| {
        json!({
            "client_id": client.id,
            "entity_id": ONE,
            "session_id": client.id,
            "session_name": client.name,
            "peer_unique_id": peer,
            "peer_session_id": client.id,
            "role": role,
            "result": word(client),
            "compatibility": client.result(),
            "why": client.fault.as_ref().map(ToString::to_string),
            "cap_group_id": ONE,
            "msg_group_id": ONE,
            "transport_mtu": transport(client),
        })
    };
    Ok(Shown {
        text: sessions.iter().map(text).collect(),
        json: json!({"sessions": sessions.iter().map(json).collect::<Vec<_>>()}),
    })
}

/// The longest message of what carries a client's.
fn transport(client: &ClientVerdict) -> usize {
    client.types.iter().map(|(group, _)| transport_mtu(*group)).max().unwrap_or_default()
}

/// The session that a line names.
fn session(line: &Line, peer: &Option<Negotiated>) -> Result<(Negotiated, ClientVerdict), String> {
    let id = line.number().map_err(|error| error.to_string())?;
    let found = peer.as_ref().and_then(|peer| Some((peer.clone(), peer.session(id)?.clone())));
    found.ok_or_else(|| format!("There is no ISSU session {id}; show issu sessions lists them."))
}

fn versions(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    if line.number().is_err() {
        return Ok(cards::cards(view));
    }
    let (peer, client) = session(line, &view.tables.issu().peer)?;
    let mut text = format!("Session_ID = {} :\n", client.id);
    let mut json = Vec::new();
    for (number, (group, version)) in (1..).zip(&client.types) {
        let mtu = peer.mtu(*group);
        if let Some(version) = version {
            let _ = writeln!(text, "  Message_Type = {number}, Negotiated_Version = {version}, Message_MTU = {mtu}");
        }
        let says = group.to_string();
        json.push(json!({"message_type": number, "says": says, "negotiated_version": version, "message_mtu": mtu}));
    }
    Ok(Shown { text, json: json!({"session_id": client.id, "message_types": json}) })
}

/// There is one capability, and it has no values: what a release can, its versions say.
fn capability(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let (_, client) = session(line, &view.tables.issu().peer)?;
    let text = format!("Session_ID = {} :\n  Cap_Type = 0, Cap_Result = 1 No cap value assigned\n", client.id);
    let capability = json!({"cap_type": 0, "cap_result": 1, "cap_value": Value::Null});
    Ok(Shown { text, json: json!({"session_id": client.id, "capabilities": [capability]}) })
}

fn message_types(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let issu = view.tables.issu();
    let chosen = chosen(&issu, line)?;
    let mut text = String::new();
    let mut json = Vec::new();
    for client in chosen {
        let _ = writeln!(text, "{RULE}Client_ID = {}, Entity_ID = {ONE} :", client.id);
        let mut types = Vec::new();
        for (number, kind) in (1..).zip(&client.types) {
            let (oldest, newest, mtu) = (kind.versions.oldest(), kind.versions.newest(), kind.mtu);
            let _ = writeln!(text, "  Message_Type = {number}, Version_Range = {oldest} ~ {newest}");
            for version in kind.versions.all() {
                let _ = writeln!(text, "    Message_Ver = {version}, Message_Mtu = {mtu}");
            }
            types.push(json!({
                "message_type": number,
                "says": kind.group.to_string(),
                "oldest": oldest,
                "newest": newest,
                "message_mtu": mtu,
            }));
        }
        json.push(json!({"client_id": client.id, "entity_id": ONE, "message_types": types}));
    }
    Ok(Shown { text, json: json!({"clients": json}) })
}

fn entities(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let issu = view.tables.issu();
    let chosen = chosen(&issu, line)?;
    let text = |client: &&Registered| {
        format!(
            "Client_ID = {} :\n    Entity_ID = {ONE}, Entity_Name = {} :\n        \
             MsgType  MsgGroup  CapType  CapEntry  CapGroup\n        \
             Count    Count     Count    Count     Count\n        \
             {:<8} {ONE:<9} {ONE:<8} {ONE:<9} {ONE}\n",
            client.id,
            client.name,
            client.types.len(),
        )
    };
    let json = |client: &&Registered| {
        json!({
            "client_id": client.id,
            "entity_id": ONE,
            "entity_name": client.name,
            "msg_type_count": client.types.len(),
            "msg_group_count": ONE,
            "cap_type_count": ONE,
            "cap_entry_count": ONE,
            "cap_group_count": ONE,
        })
    };
    Ok(Shown {
        text: chosen.iter().map(text).collect(),
        json: json!({"entities": chosen.iter().map(json).collect::<Vec<_>>()}),
    })
}
