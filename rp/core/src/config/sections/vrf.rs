//! `vrf definition`, and its address families.

use super::{NO, REST, Section, SectionId, WORD};
use crate::{
    config::{
        Config, Edit, Interface,
        entries::Entry,
        place::{Asked, At, Does, Mode, ModeKey, Next, misplaced},
    },
    grammar::{
        Command, Help, Line, LineError, Shape,
        Token::{self, Argument as A, Keyword as K, OneOf, Optional},
        command,
    },
    vpn::VpnNumber,
};
use fabric_proto::{fib::Family, id::TableId};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    sync::Arc,
};

/// Longest name of a VRF, letters (the field's limit).
pub const VRF_NAME_MAX: usize = 32;

/// Name of a VRF.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VrfName(Arc<str>);

impl VrfName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of its table: the same on both units, in every term.
    pub fn table(&self) -> TableId {
        TableId::of_vrf(&self.0)
    }
}

impl From<&str> for VrfName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for VrfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A VRF as configured: a routing table of its own, and what it exchanges with others of its VPN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vrf {
    /// `description`.
    pub description: Option<String>,
    /// `rd`: what sets its prefixes apart from those of other VRFs (RFC 4364 §4.1).
    pub rd: Option<VpnNumber>,
    /// `route-target`, for every family that has none of its own.
    pub targets: RouteTargets,
    /// `address-family`: those that it routes, and the route targets of each.
    pub families: BTreeMap<Family, RouteTargets>,
}

/// Which routes a VRF takes, and how its own are marked (RFC 4364 §4.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTargets {
    /// Routes with one of these are taken.
    pub import: BTreeSet<VpnNumber>,
    /// Put on the VRF's own routes.
    pub export: BTreeSet<VpnNumber>,
}

impl Vrf {
    /// The route targets of a family: its own, or else the VRF's. `None` where it does not route the family.
    pub fn targets(&self, family: Family) -> Option<&RouteTargets> {
        let own = self.families.get(&family)?;
        Some(if *own == RouteTargets::default() { &self.targets } else { own })
    }
}

pub(super) const SECTION: Section = Section {
    id: SectionId::Vrfs,
    name: "vrfs",
    write: |config, f| config.vrfs.write(f),
    tally: |config| config.vrfs.tally(),
};

pub(super) static COMMANDS: &[Command<Does>] =
    &[command(&[K("vrf"), K("definition"), WORD], enter), command(&[K("no"), K("vrf"), K("definition"), WORD], remove)];

pub(in crate::config) static MODE: Mode = Mode::new("vrf", "(config-vrf)", &[IN_VRF, TARGETS], &[HELP]);
pub(in crate::config) static FAMILY: Mode =
    Mode::new("vrf address-family", "(config-vrf-af)", &[IN_FAMILY, TARGETS], &[HELP]);

const NUMBER: Token = A(Shape::VpnNumber);
const IMPORT: Token = K("import");
const EXPORT: Token = K("export");
const IPV6: Token = K("ipv6");
const AF: Token = OneOf(&[&[K("ipv4")], &[IPV6]]);

static IN_VRF: &[Command<Does>] = &[
    command(&[K("rd"), NUMBER], rd),
    command(&[K("no"), K("rd"), Optional(&[NUMBER])], |at, _| edit(at, |vrf| vrf.rd = None)),
    command(&[K("description"), REST], description),
    command(&[K("no"), K("description"), Optional(&[REST])], |at, _| edit(at, |vrf| vrf.description = None)),
    command(&[K("address-family"), AF], enter_family),
    command(&[K("no"), K("address-family"), AF], remove_family),
    command(&[K("exit-vrf")], |_, _| Ok(Next::Up.into())),
];

static IN_FAMILY: &[Command<Does>] = &[command(&[K("exit-address-family")], |_, _| Ok(Next::Up.into()))];

/// Of both modes.
static TARGETS: &[Command<Does>] =
    &[command(&[NO, K("route-target"), OneOf(&[&[IMPORT], &[EXPORT], &[K("both")]]), NUMBER], target)];

pub(super) const HELP: Help = &[
    ("definition", "Define one"),
    ("rd", "Route distinguisher"),
    ("address-family", "Route a family in it"),
    ("ipv4", "IPv4"),
    ("exit-vrf", "Leave this mode"),
    ("exit-address-family", "Leave this mode"),
    ("route-target", "Which routes are exchanged with others of the VPN"),
    ("import", "Take routes that are marked so"),
    ("export", "Mark own routes so"),
    ("both", "Both"),
];

/// The VRF that a line names, where there is one of that name.
pub(super) fn named(config: &Config, line: &Line) -> Result<VrfName, LineError> {
    let name = VrfName::from(line.text()?);
    match config.vrfs.contains_key(&name) {
        true => Ok(name),
        false => Err(line.refused("there is no such VRF: define it first (vrf definition)")),
    }
}

fn enter(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let text = line.text()?;
    if text.chars().count() > VRF_NAME_MAX {
        return Err(line.refused(format!("a VRF's name has at most {VRF_NAME_MAX} letters")));
    }
    let name = VrfName::from(text);
    // Hardly ever: numbers are made of names.
    if let Some(other) = at.config.vrfs.keys().find(|other| **other != name && other.table() == name.table()) {
        return Err(line.refused(format!("its table would have the number of VRF {other}'s: give it another name")));
    }
    let new = (!at.config.vrfs.contains_key(&name)).then(|| Edit::Vrf(name.clone(), Some(Box::default())));
    Ok(Asked { edits: new.into_iter().collect(), ..ModeKey::Vrf(name).into() })
}

/// The VRF goes with all that refers to it: as in the field, its interfaces lose their addresses with their table.
fn remove(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let name = named(at.config, line)?;
    let mut asked = emptied(at.config, &name, &Family::ALL, None);
    asked.edits.push(Edit::Vrf(name, None));
    Ok(asked)
}

fn remove_family(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let name = at.vrf()?;
    let family = family(line);
    let mut asked = emptied(at.config, name, &[family], Some(name));
    asked.edits.extend(edit(at, |vrf| drop(vrf.families.remove(&family)))?.edits);
    Ok(asked)
}

/// What goes with families of a VRF: routes, neighbours, addresses. Its interfaces are in `table` then.
fn emptied(config: &Config, name: &VrfName, families: &[Family], table: Option<&VrfName>) -> Asked {
    let goes = |address| families.contains(&Family::of(address));
    let routes = config.routes_in(Some(name)).filter(|(route, _)| families.contains(&route.prefix.family()));
    let mut edits: Vec<Edit> = routes.map(|(route, _)| Edit::Route(route.clone(), None)).collect();
    let neighbours = config.neighbours.keys().filter(|key| key.vrf() == Some(name) && goes(key.address));
    edits.extend(neighbours.map(|key| Edit::Neighbour(key.clone(), None)));
    let mut addresses = false;
    for (id, interface) in config.interfaces.iter().filter(|(_, interface)| interface.vrf.as_ref() == Some(name)) {
        let mut new = Interface { vrf: table.cloned(), ..interface.clone() };
        new.ipv4 = new.ipv4.filter(|own| !goes(own.address));
        new.ipv6.retain(|own| !goes(own.address));
        addresses |= new.addresses().count() != interface.addresses().count();
        edits.push(Edit::Interface(*id, Some(Box::new(new))));
    }
    let families: Vec<String> = families.iter().map(Family::to_string).collect();
    let families = families.join(" and ");
    let note = addresses.then(|| format!("% {families} addresses from all interfaces in VRF {name} have been removed"));
    Asked { edits, notes: note.into_iter().collect(), ..Asked::default() }
}

/// The VRF that is being configured, with a change.
fn edit(at: &At<'_>, change: impl FnOnce(&mut Vrf)) -> Result<Asked, LineError> {
    let name = at.vrf()?;
    let mut new = at.config.vrfs.get(name).cloned().unwrap_or_default();
    change(&mut new);
    Ok(Edit::Vrf(name.clone(), Some(Box::new(new))).into())
}

fn rd(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let rd = line.vpn_number()?;
    let name = at.vrf()?;
    let held = at.config.vrfs.get(name).and_then(|vrf| vrf.rd);
    if let Some(held) = held.filter(|held| *held != rd) {
        return Err(line.refused(format!("VRF {name} has the distinguisher {held}: take it back first (no rd)")));
    }
    if let Some((other, _)) = at.config.vrfs.iter().find(|(other, vrf)| *other != name && vrf.rd == Some(rd)) {
        return Err(line.refused(format!("it is the distinguisher of VRF {other}; each has its own")));
    }
    edit(at, |vrf| vrf.rd = Some(rd))
}

fn description(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let text = line.text()?;
    edit(at, |vrf| vrf.description = Some(text.to_owned()))
}

fn family(line: &Line) -> Family {
    if line.has(IPV6) { Family::V6 } else { Family::V4 }
}

fn enter_family(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let family = family(line);
    let asked = edit(at, |vrf| {
        vrf.families.entry(family).or_default();
    })?;
    Ok(Asked { next: Next::Enter(ModeKey::VrfFamily(family)), ..asked })
}

/// Of the family that is being configured, or of all.
fn target(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let number = line.vpn_number()?;
    let family = match at.keys.last() {
        Some(ModeKey::VrfFamily(family)) => Some(*family),
        Some(ModeKey::Vrf(_)) => None,
        Some(ModeKey::Redundancy | ModeKey::MainCpu | ModeKey::Interface(_)) | None => return Err(misplaced()),
    };
    let change = |set: &mut BTreeSet<VpnNumber>| if line.no() { set.remove(&number) } else { set.insert(number) };
    edit(at, |vrf| {
        let targets = match family {
            Some(family) => vrf.families.entry(family).or_default(),
            None => &mut vrf.targets,
        };
        if !line.has(EXPORT) {
            change(&mut targets.import);
        }
        if !line.has(IMPORT) {
            change(&mut targets.export);
        }
    })
}

impl Entry<VrfName> for Vrf {
    fn write(&self, name: &VrfName, f: &mut dyn Write) -> fmt::Result {
        writeln!(f, "vrf definition {name}")?;
        if let Some(description) = &self.description {
            writeln!(f, " description {description}")?;
        }
        if let Some(rd) = self.rd {
            writeln!(f, " rd {rd}")?;
        }
        self.targets.write(" ", f)?;
        for (family, targets) in &self.families {
            let family = match family {
                Family::V4 => "ipv4",
                Family::V6 => "ipv6",
            };
            writeln!(f, " !\n address-family {family}")?;
            targets.write("  ", f)?;
            writeln!(f, " exit-address-family")?;
        }
        writeln!(f, "!")
    }
}

impl RouteTargets {
    fn write(&self, indent: &str, f: &mut dyn Write) -> fmt::Result {
        for number in &self.export {
            writeln!(f, "{indent}route-target export {number}")?;
        }
        for number in &self.import {
            writeln!(f, "{indent}route-target import {number}")?;
        }
        Ok(())
    }
}
