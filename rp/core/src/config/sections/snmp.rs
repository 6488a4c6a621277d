//! What an SNMP agent would send.

use super::{NO, Section, SectionId, short};
use crate::{
    config::{
        Config, Edit,
        place::{Asked, At, Does},
    },
    grammar::{
        Command, Help, Line, LineError,
        Token::{self, AnyOf, Keyword as K, Optional},
        command,
    },
};
use std::fmt::{self, Write};

/// Which link notifications are enabled (`linkDown` and `linkUp` of the IF-MIB, RFC 2863).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkTraps {
    /// `linkdown`.
    pub down: bool,
    /// `linkup`.
    pub up: bool,
}

pub(super) const SECTION: Section =
    Section { id: SectionId::Snmp, name: "snmp", write, tally: |config| short(config, write) };

const DOWN: Token = K("linkdown");
const UP: Token = K("linkup");
const WHICH: Token = Optional(&[K("snmp"), AnyOf(&[DOWN, UP])]);

pub(super) static COMMANDS: &[Command<Does>] =
    &[command(&[NO, K("snmp-server"), K("enable"), K("traps"), WHICH], link_traps)];

pub(super) const HELP: Help = &[
    ("snmp-server", "What an SNMP agent would send"),
    ("enable", "Enable notifications"),
    ("traps", "Link notifications"),
    ("snmp", "SNMP notifications"),
    ("linkdown", "linkDown"),
    ("linkup", "linkUp"),
];

/// Neither named means both.
fn link_traps(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let both = !line.has(DOWN) && !line.has(UP);
    let LinkTraps { down, up } = at.config.link_traps;
    let switch = |was, named| if both || line.has(named) { !line.no() } else { was };
    Ok(Edit::LinkTraps(LinkTraps { down: switch(down, DOWN), up: switch(up, UP) }).into())
}

fn write(config: &Config, f: &mut dyn Write) -> fmt::Result {
    let which = match (config.link_traps.down, config.link_traps.up) {
        (false, false) => return Ok(()),
        (true, true) => "linkdown linkup",
        (true, false) => "linkdown",
        (false, true) => "linkup",
    };
    writeln!(f, "!\nsnmp-server enable traps snmp {which}")
}
