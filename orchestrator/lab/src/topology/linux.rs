//! Nodes that are none of ours: what the topology says of them, and what their links end on.

use super::{
    Limits, Linux, Placed,
    check::{check_keys, check_limits},
    file::Node,
};
use bridge::{config::Bind, words};
use notation::document::{BadInput, Document};
use serde_saphyr::Spanned;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Component, Path, PathBuf},
};

/// The node that stands for this machine's own interfaces.
pub const HOST: &str = "host";
/// The node that stands for interfaces that are made beside this machine's own.
pub const MACVLAN: &str = "macvlan";

/// The kernel's longest name of an interface.
const NAME_MAX: usize = 15;

/// Name of a network interface, such as `eth1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName {
    bytes: [u8; NAME_MAX],
    length: u8,
}

impl InterfaceName {
    /// Reads one; `None` for what the kernel, or the name of a wire's socket, has no room for.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let good = (1..=NAME_MAX).contains(&text.len())
            && text.bytes().all(fits)
            && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && !text.starts_with('-');
        let mut bytes = [0; NAME_MAX];
        bytes.get_mut(..text.len()).filter(|_| good)?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // Only ASCII was let in.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Where `node` has an interface called `name`; a complaint's words where it has not.
pub(super) fn interface(node: &str, name: &str) -> Result<InterfaceName, (String, String)> {
    let Some(interface) = InterfaceName::parse(name) else {
        let message = format!("'{name}' is no name of an interface");
        return Err((message, format!("use 1 to {NAME_MAX} letters, digits, '.', '_' and '-', as in '{node}:eth1'")));
    };
    if name == "lo" && node != HOST && node != MACVLAN {
        return Err((format!("{node} has an interface lo already"), format!("name another one, as in '{node}:eth1'")));
    }
    Ok(interface)
}

pub(super) fn check(document: &Document, name: &str, node: &Spanned<Node>) -> Result<Linux, BadInput> {
    let Node { kind, image, ports, memory, cpu, cmd, env, binds, cap_add, exec, .. } = &node.value;
    // Of 'ports' there is more to say.
    let own = ["image", "cmd", "env", "binds", "cap-add", "exec", "ports"];
    check_keys(document, &node.value, "linux node", &own)?;
    if let Some(ports) = ports {
        let message = format!("{name} has the interfaces that its links end on, and no others");
        return Err(document.wrong(ports.referenced, message, format!("remove 'ports', and link '{name}:eth1'")));
    }
    let command = |text: &Spanned<String>| -> Result<Placed<Vec<String>>, BadInput> {
        match words::split(&text.value) {
            Some(words) if !words.is_empty() => Ok(Placed { value: words, at: text.referenced }),
            Some(_) => Err(document.wrong(text.referenced, "this command is empty", "write one, or remove it")),
            None => Err(document.wrong(text.referenced, "a quote in this command is not closed", "close it")),
        }
    };
    let mut own = Linux {
        name: name.to_owned(),
        at: kind.referenced,
        image: image.as_ref().map(|image| Placed { value: image.value.clone(), at: image.referenced }),
        cmd: cmd.as_ref().map(command).transpose()?,
        exec: exec.iter().flat_map(|exec| &exec.value).map(command).collect::<Result<_, _>>()?,
        env: BTreeMap::new(),
        binds: Vec::new(),
        cap_add: Vec::new(),
        limits: check_limits(document, memory.as_ref(), cpu.as_ref(), Limits::default())?,
    };
    for (key, value) in env.iter().flat_map(|env| &env.value) {
        if key.is_empty() || key.contains(['=', '\0']) || value.value.contains('\0') {
            let message = format!("'{key}' is no variable of an environment");
            return Err(document.wrong(value.referenced, message, "write 'NAME: value'"));
        }
        own.env.insert(key.clone(), value.value.clone());
    }
    for capability in cap_add.iter().flat_map(|capabilities| &capabilities.value) {
        let name = capability.value.as_str();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            let message = format!("'{name}' is no capability");
            return Err(document.wrong(capability.referenced, message, "write its name as 'SYS_ADMIN'"));
        }
        own.cap_add.push(name.trim_start_matches("CAP_").to_owned());
    }
    for bind in binds.iter().flat_map(|binds| &binds.value) {
        own.binds.push(Placed { value: check_bind(document, bind)?, at: bind.referenced });
    }
    Ok(own)
}

fn check_bind(document: &Document, text: &Spanned<String>) -> Result<Bind, BadInput> {
    let wrong = |message: String, remedy: &str| document.wrong(text.referenced, message, remedy);
    let shape = "write 'frr.conf:/etc/frr/frr.conf', and ':ro' behind it where it is not to be changed";
    let parts: Vec<&str> = text.value.split(':').collect();
    let (source, target, read_only) = match parts.as_slice() {
        [source, target] | [source, target, "rw"] => (source, target, false),
        [source, target, "ro"] => (source, target, true),
        _ => return Err(wrong(format!("'{}' is no bind", text.value), shape)),
    };
    let target = PathBuf::from(target);
    if !target.is_absolute() || target.components().any(|part| part == Component::ParentDir) || source.is_empty() {
        return Err(wrong(format!("'{}' is no bind", text.value), "its second part begins at the root: '/etc/frr'"));
    }
    let path = document.folder().join(Path::new(source));
    let source = path.canonicalize().map_err(|error| {
        let message = format!("there is nothing to bind at '{}': {error}", path.display());
        wrong(message, "correct the path (it starts from the topology's folder)")
    })?;
    Ok(Bind { source, target, read_only })
}

#[cfg(test)]
mod tests;
