//! `show vrf`.

use super::{SHOW, Shown, lines, show};
use crate::{
    cli::{View, commands::Exec},
    config::{Vrf, VrfName},
    grammar::{
        Command, Help, Line, Shape,
        Token::{Argument as A, Keyword as K, Optional},
    },
};
use fabric_proto::{fib::Family, id::InterfaceId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) static COMMANDS: &[Command<Exec>] = &[show(&[SHOW, K("vrf"), Optional(&[A(Shape::Word)])], vrfs)];

pub(super) const HELP: Help = &[("show vrf", "VRFs, and the interfaces that are in them")];

fn vrfs(view: &View<'_>, line: &Line) -> Result<Shown, String> {
    let named = line.text().ok().map(VrfName::from);
    let wanted = |name: &VrfName| named.as_ref().is_none_or(|named| named == name);
    let chosen: Vec<(&VrfName, &Vrf)> = view.running.vrfs.iter().filter(|(name, _)| wanted(name)).collect();
    if let (Some(named), true) = (&named, chosen.is_empty()) {
        return Err(format!("No VRF named {named}"));
    }
    let mut members: BTreeMap<&VrfName, Vec<InterfaceId>> = BTreeMap::new();
    for (id, interface) in view.running.interfaces.iter() {
        if let Some(vrf) = interface.vrf.as_ref().filter(|vrf| wanted(vrf)) {
            members.entry(vrf).or_default().push(*id);
        }
    }
    let of = |name: &VrfName| members.get(name).map_or(&[][..], Vec::as_slice);
    let head = format!("  {:<33}{:<22}{:<12}Interfaces", "Name", "Default RD", "Protocols");
    let text = chosen.iter().flat_map(|(name, vrf)| rows(name, vrf, of(name)));
    let json: Vec<Value> = chosen
        .iter()
        .map(|(name, vrf)| {
            json!({
                "name": name.as_str(),
                "rd": vrf.rd.map(|rd| rd.to_string()),
                "description": vrf.description,
                "protocols": families(vrf),
                "interfaces": of(name),
            })
        })
        .collect();
    Ok(Shown { text: lines([head].into_iter().chain(text)), json: json!({"vrfs": json}) })
}

/// A line for each interface; name, distinguisher and families stand in the first.
fn rows(name: &VrfName, vrf: &Vrf, members: &[InterfaceId]) -> Vec<String> {
    let rd = vrf.rd.map_or_else(|| "<not set>".to_owned(), |rd| rd.to_string());
    let first = members.first().map(|id| id.short()).unwrap_or_default();
    let head = format!("  {:<33}{rd:<22}{:<12}{first}", name.as_str(), families(vrf).join(","));
    let rest = members.iter().skip(1).map(|id| format!("{:69}{}", "", id.short()));
    [head.trim_end().to_owned()].into_iter().chain(rest).collect()
}

fn families(vrf: &Vrf) -> Vec<&'static str> {
    let name = |family: &Family| match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    };
    vrf.families.keys().map(name).collect()
}
