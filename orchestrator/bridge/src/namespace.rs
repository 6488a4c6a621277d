//! Namespaces: entered by a thread for a moment, by a program for good, and made where somebody has no privileges.

use nix::{
    ifaddrs::getifaddrs,
    sched::{CloneFlags, setns, unshare},
    sys::socket::{AddressFamily, SockaddrLike as _},
    unistd::{Gid, Uid},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    net::{Ipv4Addr, Ipv6Addr},
    thread,
};

/// Whether this process may make interfaces and namespaces.
pub fn is_privileged() -> bool {
    Uid::effective().is_root()
}

/// Makes a process without privileges one that has them over namespaces of its own: it is root there and nowhere else. Only
/// before a process has threads.
pub fn become_own_root() -> io::Result<()> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// The network namespace of a process.
pub fn network_of(pid: i32) -> io::Result<File> {
    File::open(format!("/proc/{pid}/ns/net"))
}

/// Does something in a network namespace: a thread of its own enters it, and ends.
pub fn within<T: Send>(network: &File, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let there = || {
        setns(network, CloneFlags::CLONE_NEWNET)?;
        work()
    };
    thread::scope(|scope| scope.spawn(there).join()).unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
}

/// Addresses of a namespace's interfaces, each with the length of its prefix.
pub fn addresses(network: &File) -> io::Result<BTreeMap<String, Vec<String>>> {
    within(network, || {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for found in getifaddrs()? {
            let (Some(address), Some(mask)) = (found.address, found.netmask) else { continue };
            let text = match address.family() {
                Some(AddressFamily::Inet) => address.as_sockaddr_in().zip(mask.as_sockaddr_in()).map(|(ip, mask)| {
                    let ip: Ipv4Addr = ip.ip();
                    format!("{ip}/{}", mask.ip().to_bits().count_ones())
                }),
                Some(AddressFamily::Inet6) => {
                    address.as_sockaddr_in6().zip(mask.as_sockaddr_in6()).map(|(ip, mask)| {
                        let ip: Ipv6Addr = ip.ip();
                        format!("{ip}/{}", mask.ip().to_bits().count_ones())
                    })
                }
                _ => None,
            };
            all.entry(found.interface_name).or_default().extend(text);
        }
        Ok(all)
    })
}

/// Enters all namespaces of a process that are not this one's own. What is started afterwards runs in them. Only before a
/// process has threads.
pub fn enter(pid: i32) -> io::Result<()> {
    let open = |kind: &str| File::open(format!("/proc/{pid}/ns/{kind}"));
    let is_own = |kind: &str| {
        let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
        of("self") == of(&pid.to_string())
    };
    let kinds = [
        ("user", CloneFlags::CLONE_NEWUSER),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("net", CloneFlags::CLONE_NEWNET),
        ("pid_for_children", CloneFlags::CLONE_NEWPID),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ];
    // All are opened first: behind another mount namespace they may not be found any more.
    let mut opened = Vec::new();
    for (kind, flag) in kinds {
        if !is_own(kind) {
            opened.push((open(kind)?, flag));
        }
    }
    for (file, flag) in opened {
        setns(file, flag)?;
    }
    Ok(())
}
