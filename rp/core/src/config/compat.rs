//! Configurations for release 1.0. One line that it does not know, and it starts with the factory's configuration in place of
//! all of a startup configuration: it is given what it understands, and nothing else.

use super::Config;
use fabric_proto::id::PortId;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What release 1.0 is given of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// The text.
    pub text: String,
    /// Lines that it has no words for, each with the mode that it stands in: it is at base level without them.
    pub left_out: Vec<String>,
}

impl Config {
    /// This configuration, which was read from `text`, as release 1.0 understands it: the text itself if that knows every line.
    pub fn for_release_1_0(&self, text: &str) -> Understood {
        let as_it_is = understood(text);
        if as_it_is.left_out.is_empty() { as_it_is } else { understood(&self.render()) }
    }
}

/// Release 1.0's commands, as running configurations write them. Frozen.
const GLOBAL: &[&str] = &[
    "version <word>",
    "hostname <word>",
    "boot-start-marker",
    "boot system <rest>",
    "boot-end-marker",
    "config-register <word>",
    "hw-module slot <word> image <word>",
    "ip cef",
    "ip cef distributed",
    "ipv6 unicast-routing",
    "ipv6 cef",
    "ipv6 cef distributed",
    "redundancy",
    "interface <port>",
    "ip route <v4> <v4> <v4>",
    "ip route <v4> <v4> <v4> <number>",
    "ip route <v4> <v4> Null0",
    "ip route <v4> <v4> Null0 <number>",
    "ipv6 route <v6/len> <v6>",
    "ipv6 route <v6/len> <v6> <number>",
    "ipv6 route <v6/len> Null0",
    "ipv6 route <v6/len> Null0 <number>",
    "arp <v4> <word> arpa",
    "arp <v4> <word> arpa <port>",
    "ipv6 neighbor <v6> <port> <word>",
    "snmp-server enable traps",
    "snmp-server enable traps snmp",
    "snmp-server enable traps snmp linkdown",
    "snmp-server enable traps snmp linkup",
    "snmp-server enable traps snmp linkdown linkup",
    // Without effect, with whatever follows.
    "service timestamps",
    "service timestamps <rest>",
    "no service timestamps",
    "no service timestamps <rest>",
    "no service pad",
    "no service password-encryption",
    "ip classless",
    "ip subnet-zero",
    "no ip domain lookup",
    "no ip domain-lookup",
    "end",
];

/// Those of `redundancy`, and of `main-cpu` in it. Frozen.
const REDUNDANCY: &[&str] = &[
    "mode hsa",
    "mode rpr",
    "mode rpr-plus",
    "mode sso",
    "switchover timer <number>",
    "switchover timer msec <number>",
    "crashdump-timeout <number>",
    "crashdump-timeout seconds <number>",
    "main-cpu",
    "auto-sync standard",
    "auto-sync startup-config",
    "no auto-sync startup-config",
    "auto-sync running-config",
    "no auto-sync running-config",
];

/// Those of `interface`. Frozen.
const INTERFACE: &[&str] = &[
    "description <rest>",
    "mtu <number>",
    "ip address <v4> <v4>",
    "no ip address",
    "ipv6 address <v6/len>",
    "shutdown",
    "no shutdown",
    "snmp trap link-status",
    "no snmp trap link-status",
];

fn understood(text: &str) -> Understood {
    let mut kept = Understood::default();
    // The mode that indented lines stand in, and whether release 1.0 has it.
    let mut mode: (&str, &[&str]) = ("", &[]);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let inner = line.starts_with(' ');
        let known = words.is_empty() || words[0].starts_with('!') || {
            let commands = if inner { mode.1 } else { GLOBAL };
            commands.iter().any(|command| fits(command, &words))
        };
        if !inner {
            let commands: &[&str] = match words.first() {
                Some(&"redundancy") if known => REDUNDANCY,
                Some(&"interface") if known => INTERFACE,
                _ => &[],
            };
            mode = (line, commands);
        }
        match (known, inner) {
            (true, _) => kept.text.extend([line, "\n"]),
            (false, false) => kept.left_out.push(line.to_owned()),
            (false, true) => kept.left_out.push(format!("{}: {}", mode.0, line.trim_start())),
        }
    }
    kept
}

/// Whether a line's words make this command.
fn fits(command: &str, words: &[&str]) -> bool {
    let mut words = words.iter();
    for want in command.split(' ') {
        if want == "<rest>" {
            return words.next().is_some();
        }
        let Some(word) = words.next() else { return false };
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let taken = match want {
            "<word>" => true,
            "<number>" => number(word),
            "<v4>" => word.parse::<Ipv4Addr>().is_ok(),
            "<v6>" => word.parse::<Ipv6Addr>().is_ok(),
            "<v6/len>" => {
                word.split_once('/').is_some_and(|(address, len)| address.parse::<Ipv6Addr>().is_ok() && number(len))
            }
            "<port>" => word.strip_prefix("GigabitEthernet").unwrap_or(word).parse::<PortId>().is_ok(),
            literal => literal == *word,
        };
        if !taken {
            return false;
        }
    }
    words.next().is_none()
}

#[cfg(test)]
mod tests;
