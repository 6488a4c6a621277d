//! Where in the configuration a line is read: modes within modes.

use super::{
    Config, Edit, VrfName,
    sections::{self, interface, redundancy, vrf},
};
use crate::grammar::{Command, Grammar, Help, Line, LineError, Problem};
use fabric_proto::{fib::Family, id::InterfaceId};
use std::sync::OnceLock;

/// A mode, with what it configures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeKey {
    /// `redundancy`.
    Redundancy,
    /// `main-cpu`, in `redundancy`.
    MainCpu,
    /// `interface`.
    Interface(InterfaceId),
    /// `vrf definition`.
    Vrf(VrfName),
    /// `address-family`, in `vrf definition`.
    VrfFamily(Family),
}

/// The modes that a session is in, from the outermost; none of them is the global mode. `exit` leaves the innermost, `end` all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Vec<ModeKey>);

/// What a command does: what it asks for, and where it leads. It is given the configuration and where it stands in it.
pub(crate) type Does = fn(&At<'_>, &Line) -> Result<Asked, LineError>;

/// Where a command is read.
pub(crate) struct At<'a> {
    pub(super) config: &'a Config,
    pub(super) keys: &'a [ModeKey],
}

/// What a command asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(super) edits: Vec<Edit>,
    /// For the operator.
    pub(super) notes: Vec<String>,
    pub(super) next: Next,
}

/// Where a command leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// Nowhere: to the mode that it is a command of.
    #[default]
    Stay,
    /// Into a mode of that mode.
    Enter(ModeKey),
    /// Out of that mode.
    Up,
    /// Out of configuration.
    Leave,
}

/// A mode as sections describe it.
pub(crate) struct Mode {
    /// What documentation calls it.
    pub(crate) name: &'static str,
    /// What the prompt shows of it.
    pub(super) prompt: &'static str,
    pub(super) tables: &'static [&'static [Command<Does>]],
    pub(super) help: &'static [Help],
    grammar: OnceLock<Grammar<Does>>,
}

impl Mode {
    pub(super) const fn new(
        name: &'static str,
        prompt: &'static str,
        tables: &'static [&'static [Command<Does>]],
        help: &'static [Help],
    ) -> Self {
        Self { name, prompt, tables, help, grammar: OnceLock::new() }
    }

    /// Its commands, those of every mode first.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &'static Command<Does>> + '_ {
        sections::EVERYWHERE.iter().chain(self.tables.iter().copied().flatten())
    }

    pub(crate) fn grammar(&self) -> &Grammar<Does> {
        self.grammar.get_or_init(|| {
            let help: Vec<Help> = self.help.iter().copied().chain([sections::WORDS]).collect();
            Grammar::new(self.commands(), &help)
        })
    }
}

impl ModeKey {
    fn mode(&self) -> &'static Mode {
        match self {
            Self::Redundancy => &redundancy::MODE,
            Self::MainCpu => &redundancy::MAIN_CPU,
            Self::Interface(id) => interface::mode(*id),
            Self::Vrf(_) => &vrf::MODE,
            Self::VrfFamily(_) => &vrf::FAMILY,
        }
    }

    /// The command that leads into it, from the mode around it.
    fn line(&self) -> String {
        match self {
            Self::Redundancy => "redundancy".to_owned(),
            Self::MainCpu => "main-cpu".to_owned(),
            Self::Interface(id) => format!("interface {id}"),
            Self::Vrf(name) => format!("vrf definition {name}"),
            Self::VrfFamily(Family::V4) => "address-family ipv4".to_owned(),
            Self::VrfFamily(Family::V6) => "address-family ipv6".to_owned(),
        }
    }
}

impl Place {
    /// The modes, from the outermost.
    pub fn keys(&self) -> &[ModeKey] {
        &self.0
    }

    /// The commands that lead here from the global mode, each with its line's end.
    pub fn path(&self) -> String {
        self.0.iter().map(|key| key.line() + "\n").collect()
    }

    /// What the prompt shows of it: `(config-if)`.
    pub fn prompt(&self) -> &'static str {
        self.mode(self.0.len()).prompt
    }

    /// The mode at a depth; 0 is the global one.
    pub(super) fn mode(&self, depth: usize) -> &'static Mode {
        depth.checked_sub(1).and_then(|at| self.0.get(at)).map_or(&sections::GLOBAL, ModeKey::mode)
    }

    /// Goes where a command of the mode at a depth leads. Says whether that is out of configuration.
    pub(super) fn go(&mut self, depth: usize, next: Next) -> bool {
        self.0.truncate(depth);
        match next {
            Next::Stay => false,
            Next::Enter(key) => {
                self.0.push(key);
                false
            }
            Next::Up => self.0.pop().is_none(),
            Next::Leave => true,
        }
    }
}

impl At<'_> {
    /// The interface that is being configured.
    pub(super) fn interface(&self) -> Result<InterfaceId, LineError> {
        if let Some(ModeKey::Interface(id)) = self.keys.last() { Ok(*id) } else { Err(misplaced()) }
    }

    /// The VRF that is being configured, or that something is configured of.
    pub(super) fn vrf(&self) -> Result<&VrfName, LineError> {
        let mut keys = self.keys.iter().rev();
        keys.find_map(|key| if let ModeKey::Vrf(name) = key { Some(name) } else { None }).ok_or_else(misplaced)
    }
}

/// A command was read in a mode that is not its own: the tables exclude it.
pub(super) fn misplaced() -> LineError {
    LineError { column: 1, word: String::new(), problem: Problem::Invalid, expected: Vec::new() }
}

impl From<Edit> for Asked {
    fn from(edit: Edit) -> Self {
        Self { edits: vec![edit], ..Self::default() }
    }
}

impl From<Vec<Edit>> for Asked {
    fn from(edits: Vec<Edit>) -> Self {
        Self { edits, ..Self::default() }
    }
}

impl From<Next> for Asked {
    fn from(next: Next) -> Self {
        Self { next, ..Self::default() }
    }
}

impl From<ModeKey> for Asked {
    fn from(key: ModeKey) -> Self {
        Next::Enter(key).into()
    }
}
