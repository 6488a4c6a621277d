//! What each line does to the configuration. Everything is checked before anything is changed.

use super::{
    AutoSync, CONFIG_REGISTER_DEFAULT, Config, ConfigMode, Interface, InterfaceAddress, MTU_DEFAULT, Neighbour,
    RedundancyConfig, RouteTarget, STATIC_DISTANCE, StaticRoute,
    commands::{Does, Which},
    interface_name, not_a_hosts,
    session::Next,
};
use crate::grammar::{Found, LineError, Problem, Value};
use fabric_proto::{
    fib::{Mac, Prefix},
    id::{PortId, RpSlot},
    redundancy::Mode,
};
use std::{net::IpAddr, time::Duration};

/// Applies a command that the grammar of `mode` has matched.
pub(super) fn perform(config: &mut Config, mode: ConfigMode, does: Does, found: &[Found]) -> Result<Next, LineError> {
    let arguments = Arguments(found);
    match does {
        Does::End => return Ok(Next::Leave),
        Does::Exit => return Ok(Next::Up),
        Does::EnterRedundancy => return Ok(Next::Enter(ConfigMode::Redundancy)),
        Does::EnterMainCpu => return Ok(Next::Enter(ConfigMode::MainCpu)),
        Does::EnterInterface => {
            let port = arguments.port()?;
            config.interfaces.entry(port).or_default();
            return Ok(Next::Enter(ConfigMode::Interface(port)));
        }
        _ => {}
    }
    match mode {
        ConfigMode::Global => global(config, does, &arguments)?,
        ConfigMode::Redundancy | ConfigMode::MainCpu => redundancy(&mut config.redundancy, does, &arguments)?,
        ConfigMode::Interface(port) => interface(config, port, does, &arguments)?,
    }
    Ok(Next::Stay)
}

fn global(config: &mut Config, does: Does, arguments: &Arguments<'_>) -> Result<(), LineError> {
    match does {
        Does::Hostname => config.hostname = hostname(arguments)?,
        Does::NoHostname => config.hostname = Config::default().hostname,
        Does::Version => config.version = Some(arguments.text()?.to_owned()),
        Does::NoVersion => config.version = None,
        Does::NoRedundancy => config.redundancy = RedundancyConfig::default(),
        Does::NoInterface => drop(config.interfaces.remove(&arguments.port()?)),
        Does::IpCef => {}
        Does::NoIpCef => {
            return Err(arguments.unsupported("no ip cef", "line cards always forward on their own tables"));
        }
        Does::Ipv6Routing(on) => config.ipv6_routing = on,
        Does::Ipv6Cef(on) => config.ipv6_cef = on,
        Does::LinkTraps { down, up, on } => {
            let traps = &mut config.link_traps;
            traps.down = if down { on } else { traps.down };
            traps.up = if up { on } else { traps.up };
        }
        Does::Register => config.config_register = arguments.number()? as u16,
        Does::NoRegister => config.config_register = CONFIG_REGISTER_DEFAULT,
        Does::BootSystem => add(&mut config.boot_system, arguments.text()?),
        Does::NoBootSystem => remove(&mut config.boot_system, arguments.text()?),
        Does::NoBootSystems => config.boot_system.clear(),
        Does::SlotImage => add(config.slot_images.entry(arguments.rp()?).or_default(), arguments.text()?),
        Does::NoSlotImages => drop(config.slot_images.remove(&arguments.rp()?)),
        Does::NoSlotImage => {
            let slot = arguments.rp()?;
            if let Some(images) = config.slot_images.get_mut(&slot) {
                remove(images, arguments.text()?);
                if images.is_empty() {
                    config.slot_images.remove(&slot);
                }
            }
        }
        Does::Route | Does::NoRoute | Does::NoRoutes => route(config, does, arguments)?,
        Does::Neighbour | Does::Neighbour6 | Does::NoNeighbour | Does::NoNeighbourFull => {
            neighbour(config, does, arguments)?;
        }
        _ => return Err(arguments.mismatch()),
    }
    Ok(())
}

fn redundancy(redundancy: &mut RedundancyConfig, does: Does, arguments: &Arguments<'_>) -> Result<(), LineError> {
    match does {
        Does::Mode(mode) => redundancy.mode = mode,
        Does::NoMode => redundancy.mode = Mode::Sso,
        Does::NoMainCpu => redundancy.auto_sync = AutoSync::STANDARD,
        Does::CrashdumpMinutes => {
            redundancy.crashdump_timeout = Duration::from_secs(60 * u64::from(arguments.number()?));
        }
        Does::Crashdump => redundancy.crashdump_timeout = Duration::from_secs(u64::from(arguments.number()?)),
        Does::SwitchoverSeconds => {
            redundancy.switchover_timer = Some(Duration::from_secs(u64::from(arguments.number()?)));
        }
        Does::SwitchoverMsec => {
            redundancy.switchover_timer = Some(Duration::from_millis(u64::from(arguments.number()?)));
        }
        Does::NoSwitchover => redundancy.switchover_timer = None,
        Does::NoCrashdump => redundancy.crashdump_timeout = Duration::ZERO,
        Does::AutoSync(Which::Startup, on) => redundancy.auto_sync.startup_config = on,
        Does::AutoSync(Which::Running, on) => redundancy.auto_sync.running_config = on,
        Does::AutoSync(Which::Standard, on) => {
            redundancy.auto_sync = AutoSync { startup_config: on, running_config: on };
        }
        _ => return Err(arguments.mismatch()),
    }
    Ok(())
}

fn interface(config: &mut Config, port: PortId, does: Does, arguments: &Arguments<'_>) -> Result<(), LineError> {
    let checked = match does {
        Does::Ipv4Address | Does::Ipv6Address => Some(own_address(config, port, arguments)?),
        Does::NoIpv6Address => Some(arguments.subnet()?.0),
        _ => None,
    };
    let interface: &mut Interface = config.interfaces.entry(port).or_default();
    match does {
        Does::Ipv4Address => interface.ipv4 = checked,
        Does::NoIpv4Address => interface.ipv4 = None,
        Does::Ipv6Address => interface.ipv6.extend(checked),
        Does::NoIpv6Address => interface.ipv6.retain(|own| Some(*own) != checked),
        Does::NoIpv6Addresses => interface.ipv6.clear(),
        Does::Shutdown(on) => interface.shutdown = on,
        Does::Description => interface.description = Some(arguments.text()?.to_owned()),
        Does::NoDescription => interface.description = None,
        Does::Mtu => interface.mtu = arguments.number()? as u16,
        Does::NoMtu => interface.mtu = MTU_DEFAULT,
        Does::LinkStatus(on) => interface.link_trap = on,
        _ => return Err(arguments.mismatch()),
    }
    Ok(())
}

/// A host name as the prompt and reports can bear it (RFC 1123 §2.1, and the underscore).
fn hostname(arguments: &Arguments<'_>) -> Result<String, LineError> {
    let name = arguments.text()?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.len() > 63 || !name.chars().all(plain) {
        return Err(arguments.refused(0, "a host name has letters, digits, '-', '_' and '.', at most 63"));
    }
    Ok(name.to_owned())
}

/// An interface's own address: one that a host can have, in a subnet that no other port has.
fn own_address(config: &Config, port: PortId, arguments: &Arguments<'_>) -> Result<InterfaceAddress, LineError> {
    let (own, prefix) = arguments.subnet()?;
    if let Some(special) = not_a_hosts(own.address) {
        return Err(arguments.refused(0, format!("not an address that a port can have ({special})")));
    }
    let host_bits = prefix.family().width() - prefix.len();
    if prefix.family() == fabric_proto::fib::Family::V4 && host_bits > 1 {
        let last = prefix.nth((1 << host_bits) - 1);
        if own.address == prefix.address() || own.address == last {
            return Err(arguments.refused(0, format!("the network's or broadcast address of {prefix}")));
        }
    }
    let overlaps = |other: &InterfaceAddress| {
        prefix.contains(other.prefix().address()) || other.prefix().contains(prefix.address())
    };
    let taken = config
        .interfaces
        .iter()
        .filter(|(other, _)| **other != port)
        .find_map(|(other, interface)| interface.addresses().find(overlaps).map(|address| (*other, address)));
    match taken {
        Some((other, address)) => {
            let why = format!("{prefix} overlaps with {} of {}", address.prefix(), interface_name(other));
            Err(arguments.refused(0, why))
        }
        None => Ok(own),
    }
}

fn route(config: &mut Config, does: Does, arguments: &Arguments<'_>) -> Result<(), LineError> {
    let (own, prefix) = arguments.subnet()?;
    if own.address != prefix.address() {
        return Err(arguments.refused(0, format!("has bits set beyond the mask; did you mean {prefix}?")));
    }
    let rest = &arguments.0[arguments.subnet_words()..];
    let next_hop = rest.iter().find_map(|found| match found.value {
        Value::Address(address) => Some((found, address)),
        _ => None,
    });
    let target = match (arguments.port().ok(), next_hop) {
        (port, Some((found, address))) => {
            let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
            if let Some(special) = not_a_hosts(address).filter(|_| does == Does::Route) {
                return Err(found.refused(format!("not a neighbour's address ({special})")));
            }
            match port {
                None if does == Does::Route && link_local => {
                    return Err(found.refused("a link-local next hop needs its interface before it"));
                }
                Some(port) => RouteTarget::OnPort(port, address),
                None => RouteTarget::Via(address),
            }
        }
        (_, None) => RouteTarget::Null0,
    };
    let distance = match rest.last().map(|found| &found.value) {
        Some(Value::Number(distance)) => *distance as u8,
        _ => STATIC_DISTANCE,
    };
    match does {
        Does::NoRoutes => config.routes.retain(|route, _| route.prefix != prefix),
        Does::NoRoute => {
            let route = StaticRoute { prefix, target };
            // A distance that is named is part of what is to go.
            let named = matches!(rest.last().map(|found| &found.value), Some(Value::Number(_)));
            if !named || config.routes.get(&route) == Some(&distance) {
                config.routes.remove(&route);
            }
        }
        _ => drop(config.routes.insert(StaticRoute { prefix, target }, distance)),
    }
    Ok(())
}

fn neighbour(config: &mut Config, does: Does, arguments: &Arguments<'_>) -> Result<(), LineError> {
    let address = arguments.address()?;
    if matches!(does, Does::NoNeighbour | Does::NoNeighbourFull) {
        config.neighbours.remove(&address);
        return Ok(());
    }
    if let Some(special) = not_a_hosts(address) {
        return Err(arguments.refused(0, format!("not a neighbour's address ({special})")));
    }
    let (mac, at) = arguments.mac()?;
    if mac[0] & 1 != 0 || mac == [0; 6] {
        return Err(arguments.refused(at, "not the address of one station"));
    }
    config.neighbours.insert(address, Neighbour { mac, port: arguments.port().ok() });
    Ok(())
}

fn add(list: &mut Vec<String>, entry: &str) {
    if !list.iter().any(|have| have == entry) {
        list.push(entry.to_owned());
    }
}

/// Removes an entry, and those that `entry` begins: `no boot system flash` clears every image on flash.
fn remove(list: &mut Vec<String>, entry: &str) {
    list.retain(|have| have.strip_prefix(entry).is_none_or(|rest| !(rest.is_empty() || rest.starts_with(' '))));
}

/// The values of a command. The grammar has checked their shapes; [`Arguments::mismatch`] says that
/// grammar and effect disagree, which a test over all commands excludes.
struct Arguments<'a>(&'a [Found]);

impl Arguments<'_> {
    fn find<T>(&self, pick: impl Fn(&Value) -> Option<T>) -> Result<T, LineError> {
        self.0.iter().find_map(|found| pick(&found.value)).ok_or_else(|| self.mismatch())
    }

    fn text(&self) -> Result<&str, LineError> {
        let text = |found: &Found| matches!(found.value, Value::Text(_));
        match self.0.iter().find(|found| text(found)).map(|found| &found.value) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.mismatch()),
        }
    }

    fn number(&self) -> Result<u32, LineError> {
        self.find(|value| if let Value::Number(number) = value { Some(*number) } else { None })
    }

    fn port(&self) -> Result<PortId, LineError> {
        self.find(|value| if let Value::Port(port) = value { Some(*port) } else { None })
    }

    fn rp(&self) -> Result<RpSlot, LineError> {
        self.find(|value| if let Value::RpSlot(slot) = value { Some(*slot) } else { None })
    }

    fn address(&self) -> Result<IpAddr, LineError> {
        self.find(|value| if let Value::Address(address) = value { Some(*address) } else { None })
    }

    /// The Ethernet address and where it stands.
    fn mac(&self) -> Result<(Mac, usize), LineError> {
        let at = self.0.iter().position(|found| matches!(found.value, Value::Mac(_))).unwrap_or_default();
        self.find(|value| if let Value::Mac(mac) = value { Some((*mac, at)) } else { None })
    }

    /// Address and mask, or address/length: as given, and the prefix that they lie in.
    fn subnet(&self) -> Result<(InterfaceAddress, Prefix), LineError> {
        let (address, len) = match (self.0.first().map(|f| &f.value), self.0.get(1).map(|f| &f.value)) {
            (Some(Value::AddressLength(address, len)), _)
            | (Some(Value::Address(address)), Some(Value::Length(len))) => (*address, *len),
            _ => return Err(self.mismatch()),
        };
        let prefix = Prefix::covering(address, len).map_err(|error| self.refused(0, error.to_string()))?;
        Ok((InterfaceAddress { address, len }, prefix))
    }

    /// How many words [`Arguments::subnet`] takes.
    fn subnet_words(&self) -> usize {
        if matches!(self.0.first().map(|found| &found.value), Some(Value::Address(_))) { 2 } else { 1 }
    }

    fn refused(&self, at: usize, why: impl Into<String>) -> LineError {
        self.0.get(at).map_or_else(|| self.mismatch(), |found| found.refused(why))
    }

    fn unsupported(&self, command: &'static str, why: &'static str) -> LineError {
        LineError { column: 1, word: command.to_owned(), problem: Problem::Unsupported(why), expected: Vec::new() }
    }

    fn mismatch(&self) -> LineError {
        LineError {
            column: self.0.first().map_or(1, |found| found.column),
            word: self.0.first().map_or_else(String::new, |found| found.word.clone()),
            problem: Problem::Invalid,
            expected: Vec::new(),
        }
    }
}
