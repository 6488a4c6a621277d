//! The configuration as text, in the order in which routers write it.

use super::{AutoSync, Config, Interface, MTU_DEFAULT, RouteTarget, STATIC_DISTANCE, dotted, interface_name, mask_of};
use std::{
    fmt::{self, Formatter},
    net::IpAddr,
};

impl fmt::Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "!")?;
        if let Some(version) = &self.version {
            writeln!(f, "version {version}")?;
        }
        for line in &self.tolerated {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "!\nhostname {}\n!", self.hostname)?;
        if !self.boot_system.is_empty() {
            writeln!(f, "boot-start-marker")?;
            for image in &self.boot_system {
                writeln!(f, "boot system {image}")?;
            }
            writeln!(f, "boot-end-marker\n!")?;
        }
        writeln!(f, "config-register 0x{:04X}", self.config_register)?;
        for (slot, images) in &self.slot_images {
            for image in images {
                writeln!(f, "hw-module slot {slot} image {image}")?;
            }
        }
        writeln!(f, "!\nip cef distributed")?;
        if self.ipv6_routing {
            writeln!(f, "ipv6 unicast-routing")?;
        }
        if self.ipv6_cef {
            writeln!(f, "ipv6 cef distributed")?;
        }
        writeln!(f, "!")?;
        self.write_redundancy(f)?;
        writeln!(f, "!")?;
        for (port, interface) in &self.interfaces {
            writeln!(f, "interface {}\n{interface}!", interface_name(*port))?;
        }
        self.write_routes(f)?;
        self.write_neighbours(f)?;
        self.write_traps(f)?;
        writeln!(f, "!\nend")
    }
}

impl Config {
    fn write_redundancy(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "redundancy\n mode {}", self.redundancy.mode)?;
        match self.redundancy.switchover_timer.map(|timer| timer.as_millis()) {
            None => {}
            Some(msec) if msec % 1000 == 0 => writeln!(f, " switchover timer {}", msec / 1000)?,
            Some(msec) => writeln!(f, " switchover timer msec {msec}")?,
        }
        match self.redundancy.crashdump_timeout.as_secs() {
            0 => {}
            seconds if seconds % 60 == 0 => writeln!(f, " crashdump-timeout {}", seconds / 60)?,
            seconds => writeln!(f, " crashdump-timeout seconds {seconds}")?,
        }
        writeln!(f, " main-cpu")?;
        let sync = self.redundancy.auto_sync;
        if sync == AutoSync::STANDARD {
            return writeln!(f, "  auto-sync standard");
        }
        let no = |on: bool| if on { "" } else { "no " };
        writeln!(f, "  {}auto-sync startup-config", no(sync.startup_config))?;
        writeln!(f, "  {}auto-sync running-config", no(sync.running_config))
    }

    fn write_routes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (route, distance) in &self.routes {
            match route.prefix.address() {
                IpAddr::V4(address) => write!(f, "ip route {address} {}", mask_of(route.prefix.len()))?,
                IpAddr::V6(_) => write!(f, "ipv6 route {}", route.prefix)?,
            }
            match route.target {
                RouteTarget::Via(next_hop) => write!(f, " {next_hop}")?,
                RouteTarget::OnPort(port, next_hop) => write!(f, " {} {next_hop}", interface_name(port))?,
                RouteTarget::Null0 => write!(f, " Null0")?,
            }
            match *distance {
                STATIC_DISTANCE => writeln!(f)?,
                distance => writeln!(f, " {distance}")?,
            }
        }
        Ok(())
    }

    fn write_neighbours(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (address, neighbour) in &self.neighbours {
            let mac = dotted(neighbour.mac);
            match (address, neighbour.port) {
                (IpAddr::V4(address), None) => writeln!(f, "arp {address} {mac} arpa")?,
                (IpAddr::V4(address), Some(port)) => writeln!(f, "arp {address} {mac} arpa {}", interface_name(port))?,
                (IpAddr::V6(address), Some(port)) => {
                    writeln!(f, "ipv6 neighbor {address} {} {mac}", interface_name(port))?;
                }
                // The grammar asks for the port of an IPv6 neighbour; one without it cannot be written.
                (IpAddr::V6(address), None) => writeln!(f, "! ipv6 neighbor {address} without a port")?,
            }
        }
        Ok(())
    }
}

impl Config {
    fn write_traps(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.link_traps.down, self.link_traps.up) {
            (false, false) => Ok(()),
            (true, true) => writeln!(f, "!\nsnmp-server enable traps snmp linkdown linkup"),
            (true, false) => writeln!(f, "!\nsnmp-server enable traps snmp linkdown"),
            (false, true) => writeln!(f, "!\nsnmp-server enable traps snmp linkup"),
        }
    }
}

/// The section's lines, without its head.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(description) = &self.description {
            writeln!(f, " description {description}")?;
        }
        if self.mtu != MTU_DEFAULT {
            writeln!(f, " mtu {}", self.mtu)?;
        }
        match self.ipv4 {
            Some(own) => writeln!(f, " ip address {} {}", own.address, mask_of(own.len))?,
            None => writeln!(f, " no ip address")?,
        }
        for own in &self.ipv6 {
            writeln!(f, " ipv6 address {}/{}", own.address, own.len)?;
        }
        if self.shutdown {
            writeln!(f, " shutdown")?;
        }
        if !self.link_trap {
            writeln!(f, " no snmp trap link-status")?;
        }
        Ok(())
    }
}
