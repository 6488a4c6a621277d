//! The traffic thread: it alone owns ports and trial.
//!
//! `wait → offer → read → obey`: it sleeps in `ppoll` until a packet is due, a frame or a connection arrives, or a
//! command is given. Between two sends at least `TICK` passes, so that a fast load goes out in batches of one
//! write a wire. Frames get the time at which their batch was read: the resolution of arrival times is what one
//! read of at most 256 KiB takes to process, far below a tick.

use crate::{
    config::ConfigError,
    port::{Change, Port},
    trial::{Plan, Trial},
};
use bytes::Bytes;
use fabric::{card::Events, priority::Preference};
use fabric_proto::{
    codec::Message,
    deploy::WireEnd,
    operator::{EventKind, Reply, TrafficProgress, TrafficSpec},
    time::Instant,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{prctl, time::TimeSpec},
};
use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// Least time between two sends: some hundred packets a write at a million a second.
const TICK: Duration = Duration::from_micros(200);
/// Commands that wait for the thread; an operator waits for each answer, so there are few.
const COMMANDS: usize = 64;

/// What an operator wants of the traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Set up a load; nothing is sent yet.
    Prepare(TrafficSpec),
    /// Begin to send.
    Start,
    /// Send no more; receiving goes on.
    Stop,
    /// How it goes.
    Progress,
    /// Everything about the load since `Prepare`.
    Evidence,
}

/// The way to talk to the traffic thread. The thread ends with the last one, or when it is told to.
#[derive(Clone, Debug)]
pub struct Traffic {
    commands: mpsc::SyncSender<(Command, oneshot::Sender<Reply>)>,
    /// A byte wakes the thread; its end tells it to end.
    wake: Arc<UnixStream>,
}

impl Traffic {
    /// Listens at the wires and starts the thread. The receiver resolves when the thread has ended, to an error
    /// when it did so by itself.
    pub fn start(wires: &[WireEnd], events: Events) -> Result<(Self, oneshot::Receiver<io::Result<()>>), StartError> {
        let ports = wires.iter().map(Port::listen).collect::<Result<Vec<_>, _>>()?;
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (commands, obeyed) = mpsc::sync_channel(COMMANDS);
        let (done, ended) = oneshot::channel();
        let worker =
            Worker { ports, load: Load::Idle, trials: 0, commands: obeyed, woken, events, priority: String::new() };
        thread::Builder::new().name("traffic".to_owned()).spawn(move || {
            let preference = Preference::take(fabric::clock::now());
            tracing::info!("traffic: {}", preference.granted());
            // Nobody listens when the program ends first.
            let _ = done.send(worker.run(preference));
        })?;
        Ok((Self { commands, wake: Arc::new(wake) }, ended))
    }

    /// Tells the thread to end: wires are closed, sockets removed.
    pub fn end(&self) {
        // It fails when the thread has closed its side, which is what is wanted.
        let _ = self.wake.shutdown(Shutdown::Both);
    }

    /// Has a command obeyed.
    pub async fn call(&self, command: Command) -> Reply {
        let (reply, answer) = oneshot::channel();
        if self.commands.try_send((command, reply)).is_err() {
            return Reply::Refused("the tester has too many requests before it; ask again".to_owned());
        }
        // A full pipe wakes as well.
        let _ = (&*self.wake).write(&[1]);
        answer.await.unwrap_or_else(|_| Reply::Refused("the tester's traffic thread has ended".to_owned()))
    }
}

/// Why traffic could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A wire of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The system.
    #[error("traffic thread: {0}")]
    System(#[from] io::Error),
}

/// Where the load stands.
#[derive(Debug)]
enum Load {
    /// None was prepared.
    Idle,
    /// Ready to start.
    Prepared(Box<Plan>),
    /// Started: being sent, or over and its packets still arriving.
    Started(Box<Trial>),
}

struct Worker {
    ports: Vec<Port>,
    load: Load,
    /// Loads prepared so far; the next one's number.
    trials: u16,
    commands: mpsc::Receiver<(Command, oneshot::Sender<Reply>)>,
    woken: UnixStream,
    events: Events,
    /// How the thread is scheduled, for people.
    priority: String,
}

/// What a descriptor that is ready belongs to.
#[derive(Clone, Copy)]
enum Ready {
    Woken,
    Listener(usize),
    Carrier(usize),
}

impl Worker {
    fn run(mut self, mut preference: Preference) -> io::Result<()> {
        self.priority = preference.granted().to_string();
        // Sleeps end when they should, not within the default's 50 µs after it.
        let _ = prctl::set_timerslack(1);
        let mut ready = Vec::new();
        loop {
            let now = fabric::clock::now();
            preference.keep(now);
            match &mut self.load {
                Load::Started(trial) => {
                    trial.offer(now, &mut self.ports);
                }
                // Neighbours are answered whether there is a load or not.
                Load::Idle | Load::Prepared(_) => {
                    for port in &mut self.ports {
                        port.flush(|_, _| ());
                    }
                }
            }
            self.wait(now, &mut ready)?;
            for what in ready.drain(..) {
                match what {
                    Ready::Listener(port) => self.accept(port)?,
                    Ready::Carrier(port) => self.read(port),
                    Ready::Woken => {
                        if !self.obey()? {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }

    /// Sleeps until something is ready or due.
    fn wait(&self, now: Instant, ready: &mut Vec<Ready>) -> io::Result<()> {
        let mut what = Vec::with_capacity(1 + 2 * self.ports.len());
        let mut descriptors = Vec::with_capacity(1 + 2 * self.ports.len());
        what.push(Ready::Woken);
        descriptors.push(PollFd::new(self.woken.as_fd(), PollFlags::POLLIN));
        for (at, port) in self.ports.iter().enumerate() {
            let (listener, carrier) = port.descriptors();
            if let Some(carrier) = carrier {
                let write = if port.wants_to_write() { PollFlags::POLLOUT } else { PollFlags::empty() };
                what.push(Ready::Carrier(at));
                descriptors.push(PollFd::new(carrier, PollFlags::POLLIN | write));
            }
            // After the carrier: what the old connection sent comes before the new one.
            what.push(Ready::Listener(at));
            descriptors.push(PollFd::new(listener, PollFlags::POLLIN));
        }
        let due = match &self.load {
            Load::Started(trial) => trial.next_due(),
            Load::Idle | Load::Prepared(_) => None,
        };
        let timeout = due.map(|due| TimeSpec::from_duration(due.max(now + TICK).since(fabric::clock::now())));
        match ppoll(&mut descriptors, timeout, None) {
            Ok(0) | Err(Errno::EINTR) => Ok(()),
            Ok(_) => {
                let happened = descriptors.iter().map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
                ready.extend(what.into_iter().zip(happened).filter(|(_, happened)| *happened).map(|(what, _)| what));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn accept(&mut self, at: usize) -> io::Result<()> {
        let (port, load) = (&mut self.ports[at], &mut self.load);
        let number = port.number;
        let change = port.accept(|now, frame| load.receive(now, number, frame))?;
        self.changed(at, change);
        Ok(())
    }

    fn read(&mut self, at: usize) {
        let (port, load) = (&mut self.ports[at], &mut self.load);
        let number = port.number;
        let change = port.read(|now, frame| load.receive(now, number, frame));
        self.changed(at, change);
    }

    fn changed(&mut self, at: usize, change: Option<Change>) {
        let Some(Change { up, dropped }) = change else { return };
        if let Load::Started(trial) = &mut self.load {
            trial.lost_carrier(dropped);
        }
        self.events.push(fabric::clock::now(), EventKind::Port { port: self.ports[at].number, up });
    }

    /// Obeys every command that waits; false when nobody is left to give one.
    fn obey(&mut self) -> io::Result<bool> {
        let mut bytes = [0; COMMANDS];
        let open = match self.woken.read(&mut bytes) {
            Ok(length) => length > 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        while let Ok((command, reply)) = self.commands.try_recv() {
            let answer = self.answer(command);
            // The operator may have gone away.
            let _ = reply.send(answer);
        }
        Ok(open)
    }

    fn answer(&mut self, command: Command) -> Reply {
        match command {
            Command::Prepare(spec) => self.prepare(&spec),
            Command::Start => self.start(),
            Command::Stop => self.stop(),
            Command::Progress => Reply::Progress(self.progress()),
            Command::Evidence => self.evidence(),
        }
    }

    /// A load that is still being sent ends with this, as does its evidence.
    fn prepare(&mut self, spec: &TrafficSpec) -> Reply {
        match Plan::new(spec, &self.ports, self.trials) {
            Ok(plan) => {
                self.ports.iter_mut().for_each(Port::forget);
                self.trials = self.trials.wrapping_add(1);
                self.load = Load::Prepared(Box::new(plan));
                Reply::Done
            }
            Err(error) => Reply::Refused(error.to_string()),
        }
    }

    fn start(&mut self) -> Reply {
        match std::mem::replace(&mut self.load, Load::Idle) {
            Load::Prepared(plan) => match plan.start(fabric::clock::now()) {
                Ok(trial) => {
                    let started = trial.started();
                    self.load = Load::Started(Box::new(trial));
                    Reply::Started(started)
                }
                Err(error) => Reply::Refused(error.to_string()),
            },
            load @ (Load::Idle | Load::Started(_)) => {
                self.load = load;
                Reply::Refused("no load is prepared; send Prepare first".to_owned())
            }
        }
    }

    /// What was due until now has been offered; nothing after it.
    fn stop(&mut self) -> Reply {
        if let Load::Started(trial) = &mut self.load {
            let now = fabric::clock::now();
            while !trial.offer(now, &mut self.ports) {}
            if !trial.is_stopped() {
                let TrafficProgress { offered, delivered, .. } = trial.progress(&self.ports);
                let counts = [("swact.packets.offered", offered), ("swact.packets.delivered", delivered)];
                self.events.span("load", trial.started(), now, &counts);
            }
            trial.stop();
        }
        Reply::Progress(self.progress())
    }

    fn progress(&self) -> TrafficProgress {
        match &self.load {
            Load::Started(trial) => trial.progress(&self.ports),
            Load::Idle | Load::Prepared(_) => TrafficProgress::default(),
        }
    }

    fn evidence(&mut self) -> Reply {
        let Load::Started(trial) = &self.load else {
            return Reply::Refused("no load was started; send Prepare and Start first".to_owned());
        };
        if !trial.is_stopped() {
            return Reply::Refused(
                "the load is being sent: packets under way would look lost; send Stop first".to_owned(),
            );
        }
        if trial.strangers() > 0 {
            let line = format!("{} frames received are no test packets", trial.strangers());
            self.events.push(fabric::clock::now(), EventKind::Log { line });
        }
        match rmp_serde::to_vec(&trial.evidence(&self.ports, &self.priority)) {
            Ok(bytes) if bytes.len() + 16 > Reply::CAP => Reply::Refused(format!(
                "the evidence takes {} bytes, a message {}; use fewer flows",
                bytes.len(),
                Reply::CAP
            )),
            Ok(bytes) => Reply::Evidence(Bytes::from(bytes)),
            Err(error) => Reply::Refused(format!("the evidence cannot be encoded: {error}")),
        }
    }
}

impl Load {
    /// Frames that arrive when no load runs are nobody's.
    fn receive(&mut self, now: Instant, port: u8, frame: &[u8]) {
        match self {
            Self::Started(trial) => trial.receive(now, port, frame),
            Self::Idle | Self::Prepared(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
