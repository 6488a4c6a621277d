//! A bridge at work: its ports, its node, and who asks for something.

use crate::{
    config::{Config, Interface},
    device::NewTap,
    namespace::{self, addresses, network_of, within},
    netlink::{self, Netlink},
    node,
    port::Shared,
    request::{Answer, Request, Status, receive, send},
};
use nix::sys::signal::{SigSet, Signal};
use std::{
    fs::{self, File},
    io,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Whoever asks says what within this time.
const QUESTION: Duration = Duration::from_secs(2);
const BREATH: Duration = Duration::from_millis(5);

/// Why a bridge cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An interface of the host is nobody's but root's.
    #[error("interface '{0}' of the host: only root can join a wire to it")]
    Privileges(String),
    /// The system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What it said.
        source: io::Error,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
    let what = what.into();
    move |source| ServeError::System { what, source }
}

struct Bridge {
    config: Config,
    file: PathBuf,
    ports: Vec<Arc<Shared>>,
    /// A process of the node.
    pid: Arc<Mutex<Option<i32>>>,
}

/// Works until SIGTERM or SIGINT.
pub fn serve(config: Config, file: &Path) -> Result<(), ServeError> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    if !namespace::is_privileged() {
        let of_host = config.ports.iter().find(|port| !matches!(port.interface, Interface::Node { .. }));
        if let Some(port) = of_host {
            return Err(ServeError::Privileges(port.interface.name().to_owned()));
        }
        namespace::become_own_root().map_err(system("a user namespace"))?;
    }
    // A node's processes must not find signals blocked: only this thread and those that it starts from now on do.
    signals.thread_block().map_err(|error| system("signals")(error.into()))?;
    match fs::remove_file(&config.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(system("the socket for requests")(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&config.socket).map_err(system("the socket for requests"))?;
    let (mut ports, mut threads) = (Vec::new(), Vec::new());
    for port in &config.ports {
        let (shared, thread) = Shared::start(port.clone()).map_err(system("a thread"))?;
        ports.push(shared);
        threads.push(thread);
    }
    let socket = config.socket.clone();
    let bridge = Bridge { config, file: file.to_owned(), ports: ports.clone(), pid: Arc::default() };
    let pid = Arc::clone(&bridge.pid);
    let answers = thread::Builder::new().name("requests".to_owned());
    answers.spawn(move || bridge.answer_all(&listener)).map_err(system("a thread"))?;
    signals.wait().map_err(|error| system("signals")(error.into()))?;
    end_node(&pid);
    ports.iter().for_each(|port| port.end());
    for thread in threads {
        // One that panicked has ended, too.
        let _ = thread.join();
    }
    // Gone already is gone.
    let _ = fs::remove_file(socket);
    Ok(())
}

/// Nobody would join it to anything any more.
fn end_node(pid: &Mutex<Option<i32>>) {
    if let Some(pid) = *pid.lock().unwrap_or_else(PoisonError::into_inner) {
        let group = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::killpg(group, Signal::SIGKILL);
    }
}

impl Bridge {
    fn answer_all(&self, listener: &UnixListener) {
        for stream in listener.incoming().flatten() {
            if let Err(error) = self.answer(&stream) {
                tracing::debug!("a request: {error}");
            }
        }
    }

    fn answer(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(QUESTION))?;
        let answer = match receive(stream)? {
            Request::Start => done(self.start()),
            Request::Attach { pid } => done(self.attach(pid)),
            Request::Status => Answer::Status(self.status()),
            Request::Link { interface, up } => match self.port(&interface) {
                Some(port) => {
                    port.set_wanted(up);
                    Answer::Done
                }
                None => self.no_interface(&interface),
            },
            Request::Impair { interface, ways, impairment } => match self.port(&interface) {
                Some(port) => {
                    port.impair(ways, impairment);
                    Answer::Done
                }
                None => self.no_interface(&interface),
            },
            Request::Drop { interface, ways, order } => match self.port(&interface) {
                Some(port) => {
                    port.drop_tests(ways, order);
                    Answer::Done
                }
                None => self.no_interface(&interface),
            },
        };
        send(stream, &answer)
    }

    fn no_interface(&self, interface: &str) -> Answer {
        Answer::Refused(format!("{} has no interface '{interface}'", self.config.node))
    }

    fn port(&self, interface: &str) -> Option<&Shared> {
        let is_it = |port: &&Arc<Shared>| match &port.port().interface {
            // As the topology calls it.
            Interface::Macvlan { parent, .. } => parent == interface,
            own => own.name() == interface,
        };
        self.ports.iter().find(is_it).map(|port| &**port)
    }

    /// Runs the node's command behind its interfaces.
    fn start(&self) -> io::Result<()> {
        let Some(command) = &self.config.command else {
            return Err(io::Error::other("the node is run by somebody else"));
        };
        // One that has just been killed is about to be seen to have ended.
        let limit = Instant::now() + QUESTION;
        while self.pid.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            if Instant::now() >= limit {
                return Err(io::Error::other("it runs already"));
            }
            thread::sleep(BREATH);
        }
        let begun = node::begin(&self.config, command, &self.file)?;
        let pid = begun.pid();
        if let Err(error) = self.attach(pid) {
            begun.abandon();
            *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Err(error);
        }
        let (runs, node) = (Arc::clone(&self.pid), self.config.node.clone());
        let gone = begun.go(move |status| {
            tracing::info!(node, "ended: {status}");
            runs.lock().unwrap_or_else(PoisonError::into_inner).take_if(|own| *own == pid);
        });
        if gone.is_err() {
            *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        gone
    }

    /// Makes the node's interfaces in the namespace of a process.
    fn attach(&self, pid: i32) -> io::Result<()> {
        let network = network_of(pid)?;
        within(&network, || {
            let link = Netlink::open()?;
            link.set_up(netlink::index_of("lo")?, true)
        })?;
        for port in &self.ports {
            let Interface::Node { name, mac } = &port.port().interface else { continue };
            let device = make(&network, name, *mac)
                .map_err(|error| io::Error::new(error.kind(), format!("interface {name}: {error}")))?;
            port.attach(device);
        }
        *self.pid.lock().unwrap_or_else(PoisonError::into_inner) = Some(pid);
        Ok(())
    }

    fn status(&self) -> Status {
        let present = self.ports.is_empty() || self.ports.iter().any(|port| port.status().present);
        // One that somebody else runs does not say that it has ended; its interfaces do.
        let pid = (*self.pid.lock().unwrap_or_else(PoisonError::into_inner)).filter(|_| present);
        let there = pid.and_then(|pid| addresses(&network_of(pid).ok()?).ok()).unwrap_or_default();
        let own = |port: &Arc<Shared>| {
            let mut status = port.status();
            status.addresses = there.get(&status.interface).cloned().unwrap_or_default();
            status
        };
        Status { pid, ports: self.ports.iter().map(own).collect() }
    }
}

/// Makes an interface here and moves it: a device that was opened where it stays would keep the namespace of a node that is
/// dead.
fn make(network: &File, name: &str, mac: [u8; 6]) -> io::Result<crate::device::Device> {
    let NewTap { device, index } = NewTap::make()?;
    let link = Netlink::open()?;
    link.set_address(index, mac)?;
    link.move_to(index, network, name)?;
    within(network, || Netlink::open()?.set_up(netlink::index_of(name)?, true))?;
    Ok(device)
}

fn done(result: io::Result<()>) -> Answer {
    result.map_or_else(|error| Answer::Refused(error.to_string()), |()| Answer::Done)
}
