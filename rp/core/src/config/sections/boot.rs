//! What is booted next time.

use super::{REST, Section, SectionId, WORD, short};
use crate::{
    config::{
        Config, Edit,
        place::{Asked, At, Does},
    },
    grammar::{
        Command, Help, Line, LineError, Shape,
        Token::{self, Argument as A, Keyword as K, Optional},
        command,
    },
};
use std::fmt::{self, Write};

/// The register's factory value: boot the configured image, read the startup configuration.
pub const CONFIG_REGISTER_DEFAULT: u16 = 0x2102;

pub(super) const SECTION: Section =
    Section { id: SectionId::Boot, name: "boot", write, tally: |config| short(config, write) };

const SLOT: Token = A(Shape::RpSlot);

pub(super) static COMMANDS: &[Command<Does>] = &[
    command(&[K("boot"), K("system"), REST], image),
    command(&[K("no"), K("boot"), K("system"), Optional(&[REST])], no_image),
    command(&[K("config-register"), A(Shape::Register)], register),
    command(&[K("no"), K("config-register")], register),
    command(&[K("hw-module"), K("slot"), SLOT, K("image"), WORD], slot_image),
    command(&[K("no"), K("hw-module"), K("slot"), SLOT, K("image"), Optional(&[WORD])], no_slot_image),
];

pub(super) const HELP: Help = &[
    ("boot", "What is booted"),
    ("system", "System image"),
    ("config-register", "Configuration register"),
    ("hw-module", "Hardware of one slot"),
    ("slot", "Slot of a route processor"),
    ("image", "Image that this slot boots"),
];

fn image(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    Ok(Edit::BootSystem(with(&at.config.boot_system, line.text()?)).into())
}

fn no_image(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let left = line.text().map_or_else(|_| Vec::new(), |image| without(&at.config.boot_system, image));
    Ok(Edit::BootSystem(left).into())
}

fn register(_: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let register = if line.no() { CONFIG_REGISTER_DEFAULT } else { line.number()? as u16 };
    Ok(Edit::Register(register).into())
}

fn slot_image(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let slot = line.rp()?;
    let images = at.config.slot_images.get(&slot).map_or(&[][..], Vec::as_slice);
    Ok(Edit::SlotImages(slot, with(images, line.text()?)).into())
}

fn no_slot_image(at: &At<'_>, line: &Line) -> Result<Asked, LineError> {
    let slot = line.rp()?;
    let images = at.config.slot_images.get(&slot).map_or(&[][..], Vec::as_slice);
    let left = line.text().map_or_else(|_| Vec::new(), |image| without(images, image));
    Ok(Edit::SlotImages(slot, left).into())
}

fn with(list: &[String], entry: &str) -> Vec<String> {
    let new = (!list.iter().any(|have| have == entry)).then(|| entry.to_owned());
    list.iter().cloned().chain(new).collect()
}

/// Without an entry, and without those that `entry` begins: `no boot system flash` clears every image on flash.
fn without(list: &[String], entry: &str) -> Vec<String> {
    let other =
        |have: &&String| have.strip_prefix(entry).is_none_or(|rest| !(rest.is_empty() || rest.starts_with(' ')));
    list.iter().filter(other).cloned().collect()
}

fn write(config: &Config, f: &mut dyn Write) -> fmt::Result {
    if !config.boot_system.is_empty() {
        writeln!(f, "boot-start-marker")?;
        for image in &config.boot_system {
            writeln!(f, "boot system {image}")?;
        }
        writeln!(f, "boot-end-marker\n!")?;
    }
    writeln!(f, "config-register 0x{:04X}", config.config_register)?;
    for (slot, images) in &config.slot_images {
        for image in images {
            writeln!(f, "hw-module slot {slot} image {image}")?;
        }
    }
    writeln!(f, "!")
}
