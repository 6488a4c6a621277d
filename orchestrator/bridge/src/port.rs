//! A port: one thread that joins a wire to an interface.
//!
//! As at a line card's port there is a listening socket only while both the interface is there and the wire is wanted, so
//! that whoever connects has found an end that is up. While the wire is connected the interface has carrier; it stays when
//! the wire goes. Reading from either side stops while the other side does not take what was read: what waits then waits in
//! the socket's buffer, or in the interface's queue, whose drops the kernel counts.

mod carry;
mod trouble;
mod wire;

use crate::{
    config::{Interface, Port},
    device::Device,
    netlink::Netlink,
    request::{Counted, LoadCounted, Outage, PortStatus, Ways},
};
use carry::{Buffers, End};
use fabric_proto::{
    drops::{DropCause, DropCounts},
    operator::{DropOrder, Impairment},
};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};
use std::{
    io,
    os::fd::AsFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};
use trouble::Order;

/// Causes for which test packets are dropped here.
const CAUSES: [DropCause; 4] =
    [DropCause::WireImpaired, DropCause::WireNoCarrier, DropCause::NodeRefused, DropCause::Injected];

/// Between two looks for an interface of the host.
const LOOK_MS: u16 = 200;

/// A port as others see it.
#[derive(Debug)]
pub struct Shared {
    port: Port,
    /// A device that the thread has not taken yet.
    next: Mutex<Option<Device>>,
    wanted: AtomicBool,
    ended: AtomicBool,
    present: AtomicBool,
    carrier: AtomicBool,
    carriers: AtomicU64,
    wake: EventFd,
    counters: Counters,
    /// What the thread is to do to frames.
    orders: Mutex<Vec<Order>>,
    ordered: AtomicBool,
    outages: Mutex<Vec<Outage>>,
}

/// Frames, as [`Counted`] has them. Only the port's thread writes.
#[derive(Debug, Default)]
struct Counters {
    to_node: AtomicU64,
    from_node: AtomicU64,
    no_carrier: AtomicU64,
    refused: AtomicU64,
    malformed: AtomicU64,
    impaired: AtomicU64,
    /// Of test packets: to the node, from it, and dropped, as [`CAUSES`] has them.
    tests_to_node: AtomicU64,
    tests_from_node: AtomicU64,
    drops: [AtomicU64; CAUSES.len()],
}

/// Adds without a locked instruction: there is one writer.
fn add(counter: &AtomicU64, frames: u64) {
    counter.store(counter.load(Relaxed) + frames, Relaxed);
}

impl Shared {
    /// Starts a port's thread.
    pub fn start(port: Port) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let shared = Arc::new(Self {
            port,
            next: Mutex::new(None),
            wanted: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            present: AtomicBool::new(false),
            carrier: AtomicBool::new(false),
            carriers: AtomicU64::new(0),
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            counters: Counters::default(),
            orders: Mutex::default(),
            ordered: AtomicBool::new(false),
            outages: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let name = own.port.interface.name().to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || own.run())?;
        Ok((shared, thread))
    }

    /// What it joins.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Gives it an interface in place of the one that it has.
    pub fn attach(&self, device: Device) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(device);
        self.wake();
    }

    /// Plugs the wire in, or pulls it out.
    pub fn set_wanted(&self, up: bool) {
        self.wanted.store(up, Relaxed);
        self.wake();
    }

    /// Impairs what is carried from now on.
    pub fn impair(&self, ways: Ways, impairment: Impairment) {
        self.order(Order::Impair(ways, impairment));
    }

    /// Drops test packets for a time.
    pub fn drop_tests(&self, ways: Ways, order: DropOrder) {
        self.order(Order::Drop(ways, order));
    }

    fn order(&self, order: Order) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.ordered.store(true, Relaxed);
        self.wake();
    }

    /// Ends the thread, in good order.
    pub fn end(&self) {
        self.ended.store(true, Relaxed);
        self.wake();
    }

    /// How it is, but for addresses.
    pub fn status(&self) -> PortStatus {
        let counters = &self.counters;
        PortStatus {
            interface: self.port.interface.name().to_owned(),
            present: self.present.load(Relaxed),
            carrier: self.carrier.load(Relaxed),
            carriers: self.carriers.load(Relaxed),
            addresses: Vec::new(),
            counters: Counted {
                to_node: counters.to_node.load(Relaxed),
                from_node: counters.from_node.load(Relaxed),
                no_carrier: counters.no_carrier.load(Relaxed),
                refused: counters.refused.load(Relaxed),
                malformed: counters.malformed.load(Relaxed),
                impaired: counters.impaired.load(Relaxed),
            },
            load: LoadCounted {
                to_node: counters.tests_to_node.load(Relaxed),
                from_node: counters.tests_from_node.load(Relaxed),
                drops: self.drops(),
            },
            outages: self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn drops(&self) -> DropCounts {
        let mut drops = DropCounts::default();
        for (cause, counter) in CAUSES.iter().zip(&self.counters.drops) {
            drops.add(*cause, counter.load(Relaxed));
        }
        drops
    }

    fn wake(&self) {
        // A counter that is full wakes as well.
        let _ = self.wake.write(1);
    }

    /// Forgets that it was woken: what there is to see is looked at afterwards.
    fn awake(&self) {
        let _ = self.wake.read();
    }

    fn has_next(&self) -> bool {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether a wire that is connected is to go on.
    fn goes_on(&self) -> bool {
        self.wanted.load(Relaxed) && !self.ended.load(Relaxed) && !self.has_next()
    }

    /// Waits to be woken, or for a time.
    fn rest(&self, timeout: PollTimeout) {
        let mut waits = [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        // Interrupted is awake.
        let _ = poll(&mut waits, timeout);
        self.awake();
    }

    fn run(&self) {
        let (mut device, mut buffers) = (None, Buffers::new());
        while !self.ended.load(Relaxed) {
            self.settle(&mut buffers.trouble);
            if let Some(next) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() {
                device = Some(next);
            }
            if device.is_none() {
                device = self.find();
            }
            self.present.store(device.is_some(), Relaxed);
            let Some(own) = &device else {
                let is_ours = matches!(self.port.interface, Interface::Node { .. });
                self.rest(if is_ours { PollTimeout::NONE } else { PollTimeout::from(LOOK_MS) });
                continue;
            };
            if !self.wanted.load(Relaxed) {
                self.rest(PollTimeout::NONE);
                continue;
            }
            let stream = match self.connect(own) {
                Ok(Some(stream)) => stream,
                Ok(None) => continue,
                Err(error) => {
                    tracing::info!(interface = self.port.interface.name(), "the interface is gone: {error}");
                    device = None;
                    continue;
                }
            };
            self.set_carrier(own, true);
            let end = self.carry(own, &stream, &mut buffers);
            self.set_carrier(own, false);
            self.part(own, &stream, &mut buffers, end);
            if end == End::DeviceGone {
                device = None;
            }
        }
        self.present.store(false, Relaxed);
        self.tidy();
    }

    fn set_carrier(&self, device: &Device, up: bool) {
        self.carrier.store(up, Relaxed);
        self.carriers.fetch_add(u64::from(up), Relaxed);
        let name = self.port.interface.name();
        match device.set_carrier(up) {
            Ok(()) => tracing::info!(interface = name, "carrier {}", if up { "up" } else { "down" }),
            // One that is gone has none.
            Err(error) => tracing::debug!(interface = name, up, "carrier: {error}"),
        }
    }

    /// Looks for an interface of the host; those of nodes are brought.
    fn find(&self) -> Option<Device> {
        let opened = match &self.port.interface {
            Interface::Node { .. } => return None,
            Interface::Host { name } => Device::on_host(name),
            Interface::Macvlan { parent, name } => macvlan(parent, name),
        };
        opened.inspect_err(|error| tracing::debug!(interface = self.port.interface.name(), "{error}")).ok()
    }

    /// Removes what it made, where that does not go by itself.
    fn tidy(&self) {
        if let Interface::Macvlan { name, .. } = &self.port.interface {
            let remove = || Netlink::open()?.remove(crate::netlink::index_of(name)?);
            if let Err(error) = remove() {
                tracing::debug!(interface = name, "{error}");
            }
        }
    }
}

fn macvlan(parent: &str, name: &str) -> io::Result<Device> {
    let link = Netlink::open()?;
    // One that a bridge left that was killed.
    if let Ok(left) = crate::netlink::index_of(name) {
        link.remove(left)?;
    }
    link.make_macvlan(crate::netlink::index_of(parent)?, name)?;
    link.set_up(crate::netlink::index_of(name)?, true)?;
    Device::on_host(name)
}
