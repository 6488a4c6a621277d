//! Switches of forwarding.

use super::{NO, Section, SectionId, nothing, short};
use crate::{
    config::{
        Config, Edit,
        place::{Asked, At, Does},
    },
    grammar::{
        Command, Help, Line, LineError,
        Token::{self, Keyword as K, Optional},
        command,
    },
};
use std::fmt::{self, Write};

pub(super) const SECTION: Section =
    Section { id: SectionId::Forwarding, name: "forwarding", write, tally: |config| short(config, write) };

const DISTRIBUTED: Token = Optional(&[K("distributed")]);

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("ip"), K("cef"), DISTRIBUTED], nothing),
    command(&[K("no"), K("ip"), K("cef"), DISTRIBUTED], no_ip_cef),
    command(&[NO, K("ipv6"), K("unicast-routing")], |_, line| Ok(Edit::Ipv6Routing(!line.no()).into())),
    command(&[NO, K("ipv6"), K("cef"), DISTRIBUTED], |_, line| Ok(Edit::Ipv6Cef(!line.no()).into())),
];

pub(super) const HELP: Help = &[
    ("cef", "Express forwarding"),
    ("distributed", "Line cards forward on their own"),
    ("unicast-routing", "Route IPv6"),
];

fn no_ip_cef(_: &At<'_>, _: &Line) -> Result<Asked, LineError> {
    Err(Line::unsupported("no ip cef", "line cards always forward on their own tables"))
}

fn write(config: &Config, f: &mut dyn Write) -> fmt::Result {
    writeln!(f, "ip cef distributed")?;
    if config.ipv6_routing {
        writeln!(f, "ipv6 unicast-routing")?;
    }
    if config.ipv6_cef {
        writeln!(f, "ipv6 cef distributed")?;
    }
    writeln!(f, "!")
}
