//! The operator's connections: one to every card, made again for as long as the handle lives, with the
//! card's events flowing into the hub.
//!
//! A card keeps a connection that nobody closed until it has been silent for seconds, and with it whatever is tied to
//! its sessions. So an operator that leaves says goodbye, and its process waits until that is out ([`farewell`]).

use super::{LabError, event::Hub};
use crate::{
    pki,
    plan::{LabPlan, Placement},
    runtime::Runtime,
};
use fabric::{
    FabricError,
    control::{Connection, ControlEndpoint, Receiver, Sender},
    tls::Identity,
};
use fabric_proto::{
    codec::Class,
    id::CardId,
    operator::{CardStats, CommandOutput, Completion, Reply, Request},
};
use futures_util::future::join_all;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

/// Between attempts that were refused at once; those that nobody answers take their time anyway.
const BREATH: Duration = Duration::from_millis(25);
/// A card that restarts is waited for this long.
const REACH: Duration = Duration::from_secs(2);
/// The longest answer is a tester's evidence of a hundred thousand flows.
const ANSWER: Duration = Duration::from_secs(60);
/// A card that lives answers a question after its state within this time.
const STATS: Duration = Duration::from_secs(1);

/// A goodbye is out within a few milliseconds; a card that is paused or dead never answers it.
const FAREWELL: Duration = Duration::from_millis(200);
/// A card ends a session as soon as it hears of it.
const END: Duration = Duration::from_secs(1);

/// The endpoints of all operators of this process whose cards may not know yet that they have left.
static ENDPOINTS: Mutex<Vec<Weak<ControlEndpoint>>> = Mutex::new(Vec::new());

/// Ends the connections of all operators of this process, and waits, not for long, until their cards know. The last
/// thing that a process does with its labs.
pub async fn farewell() {
    let endpoints = std::mem::take(&mut *ENDPOINTS.lock().unwrap_or_else(PoisonError::into_inner));
    let endpoints: Vec<_> = endpoints.iter().filter_map(Weak::upgrade).collect();
    join_all(endpoints.iter().map(|endpoint| leave(endpoint))).await;
}

async fn leave(endpoint: &ControlEndpoint) {
    endpoint.close("the operator leaves");
    // Whoever does not hear of it finds out by the silence.
    let _ = timeout(FAREWELL, endpoint.closed()).await;
}

/// The operator. Dropping it ends its connections.
pub(super) struct Operator {
    links: BTreeMap<CardId, Link>,
    endpoint: Arc<ControlEndpoint>,
}

struct Link {
    connection: watch::Receiver<Option<Connection>>,
    task: AbortHandle,
}

/// A command line session on an RP. Dropping it ends the session.
#[derive(Debug)]
pub struct Session {
    card: CardId,
    sender: Sender,
    receiver: Receiver,
    /// Whether it is in configuration mode, as its last prompt says.
    configuring: bool,
}

/// A request that is answered again and again. Dropping it ends the card's answers.
#[derive(Debug)]
pub struct Stream {
    /// The card takes its end as the end.
    _sender: Sender,
    receiver: Receiver,
}

impl Stream {
    /// The next answer; `None` when the card has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Reply>, LabError> {
        Ok(self.receiver.recv().await?)
    }
}

impl Operator {
    /// Begins to connect to every card of the plan.
    pub(super) fn connect(plan: &LabPlan, runtime: Arc<dyn Runtime>, hub: &Arc<Hub>) -> Result<Self, LabError> {
        let identity = Identity::load(&CardId::operator(&plan.lab), &pki::operator_files(&plan.dir))?;
        let endpoint = Arc::new(ControlEndpoint::bind(&identity, own_address(plan))?);
        let mut endpoints = ENDPOINTS.lock().unwrap_or_else(PoisonError::into_inner);
        endpoints.retain(|endpoint| endpoint.strong_count() > 0);
        endpoints.push(Arc::downgrade(&endpoint));
        drop(endpoints);
        let mut links = BTreeMap::new();
        for card in &plan.cards {
            let (out, connection) = watch::channel(None);
            let id = card.config.id.clone();
            let keeper = Keeper {
                endpoint: ControlEndpoint::clone(&endpoint),
                runtime: Arc::clone(&runtime),
                hub: Arc::clone(hub),
                address: card.config.control,
                card: id.clone(),
                out,
            };
            links.insert(id, Link { connection, task: tokio::spawn(keeper.run()).abort_handle() });
        }
        Ok(Self { links, endpoint })
    }

    /// The connection to a card, as soon as there is one.
    pub(super) async fn connection(&self, card: &CardId) -> Result<Connection, LabError> {
        let link = self.links.get(card).ok_or_else(|| LabError::NoCard(card.clone()))?;
        let mut connection = link.connection.clone();
        let connected = connection.wait_for(Option::is_some).await.map_err(|_| LabError::Silent(card.clone()))?;
        connected.clone().ok_or_else(|| LabError::Silent(card.clone()))
    }

    async fn open(&self, card: &CardId) -> Result<(Sender, Receiver), LabError> {
        let connection = timeout(REACH, self.connection(card)).await.map_err(|_| LabError::Silent(card.clone()))??;
        Ok(connection.open(Class::Operator).await?)
    }

    pub(super) async fn request(&self, card: &CardId, request: Request) -> Result<Reply, LabError> {
        let (mut sender, mut receiver) = self.open(card).await?;
        let answer = async {
            sender.send(&request).await.map_err(|error| LabError::of_request(card, error))?;
            Ok::<_, LabError>(receiver.recv().await?)
        };
        let answer = timeout(ANSWER, answer).await.map_err(|_| LabError::Silent(card.clone()))??;
        answer.ok_or_else(|| LabError::Silent(card.clone()))
    }

    pub(super) async fn stream(&self, card: &CardId, request: Request) -> Result<Stream, LabError> {
        let (mut sender, receiver) = self.open(card).await?;
        sender.send(&request).await.map_err(|error| LabError::of_request(card, error))?;
        Ok(Stream { _sender: sender, receiver })
    }

    pub(super) async fn stats(&self, card: &CardId) -> Option<CardStats> {
        match timeout(STATS, self.request(card, Request::Stats)).await {
            Ok(Ok(Reply::Stats(stats))) => Some(*stats),
            Ok(_) | Err(_) => None,
        }
    }

    pub(super) async fn session(&self, card: &CardId) -> Result<Session, LabError> {
        let (sender, receiver) = self.open(card).await?;
        Ok(Session { card: card.clone(), sender, receiver, configuring: false })
    }
}

/// Where the operator's endpoint is: on the lab's network, if it has one.
fn own_address(plan: &LabPlan) -> SocketAddr {
    let address = match &plan.placement {
        Placement::Process => Ipv4Addr::LOCALHOST,
        Placement::Docker { subnet, .. } => subnet.gateway(),
    };
    SocketAddr::from((address, 0))
}

impl Drop for Operator {
    fn drop(&mut self) {
        for link in self.links.values() {
            link.task.abort();
        }
        self.endpoint.close("the operator leaves");
        // Out of a runtime nothing can be sent any more.
        if let Ok(runtime) = Handle::try_current() {
            let endpoint = Arc::clone(&self.endpoint);
            runtime.spawn(async move { leave(&endpoint).await });
        }
    }
}

impl Session {
    /// Runs one line.
    pub async fn exec(&mut self, line: &str) -> Result<CommandOutput, LabError> {
        self.sender.send(&Request::Exec(line.to_owned())).await?;
        let answer = timeout(ANSWER, self.receiver.recv()).await.map_err(|_| LabError::Silent(self.card.clone()))??;
        match answer {
            Some(Reply::Output(output)) => {
                self.configuring = output.prompt.contains("(config");
                Ok(output)
            }
            Some(Reply::Refused(text)) => Ok(CommandOutput { text, failed: true, ..CommandOutput::default() }),
            Some(other) => Err(LabError::Answer { card: self.card.clone(), answer: format!("{other:?}") }),
            None => Err(LabError::Silent(self.card.clone())),
        }
    }

    /// Ends the session. One that holds the configuration lock returns once the card has ended it too, so that whoever
    /// comes next finds the lock free; others leave nothing to wait for, and their card may be restarting as it was told.
    /// A card that does not answer ends the session by itself.
    pub async fn end(mut self) {
        self.sender.finish();
        if !self.configuring {
            return;
        }
        let over = async { while let Ok(Some(_)) = self.receiver.recv::<Reply>().await {} };
        let _ = timeout(END, over).await;
    }

    /// The words that can complete a line, or follow it after a space.
    pub async fn complete(&mut self, line: &str) -> Result<Vec<Completion>, LabError> {
        self.sender.send(&Request::Complete(line.to_owned())).await?;
        match self.receiver.recv().await? {
            Some(Reply::Completions(words)) => Ok(words),
            Some(other) => Err(LabError::Answer { card: self.card.clone(), answer: format!("{other:?}") }),
            None => Err(LabError::Silent(self.card.clone())),
        }
    }
}

/// Keeps one card connected.
struct Keeper {
    endpoint: ControlEndpoint,
    runtime: Arc<dyn Runtime>,
    hub: Arc<Hub>,
    card: CardId,
    address: SocketAddr,
    out: watch::Sender<Option<Connection>>,
}

impl Keeper {
    async fn run(self) {
        loop {
            match self.endpoint.connect(&self.card, self.address).await {
                Ok(connection) => self.keep(connection).await,
                Err(FabricError::Unreachable { .. }) => {}
                Err(error) => tracing::debug!(card = %self.card, "{error}"),
            }
            sleep(BREATH).await;
        }
    }

    /// Until the connection ends, or the program at its other end: a killed one says nothing.
    async fn keep(&self, connection: Connection) {
        self.out.send_replace(Some(connection.clone()));
        let ended = tokio::select! {
            error = self.follow(&connection) => error.map_or_else(|error| error.to_string(), |()| "events ended".to_owned()),
            reason = connection.closed() => reason,
            () = self.runtime.ended(&self.card) => "its program has ended".to_owned(),
        };
        tracing::debug!(card = %self.card, "connection lost: {ended}");
        self.out.send_replace(None);
        connection.close("connecting again");
    }

    /// Takes the card's events, from the oldest that it remembers: the hub knows those that it has.
    async fn follow(&self, connection: &Connection) -> Result<(), FabricError> {
        let (mut sender, mut receiver) = connection.open(Class::Operator).await?;
        sender.send(&Request::Events { after: 0 }).await?;
        while let Some(reply) = receiver.recv().await? {
            if let Reply::Event(event) = reply {
                self.hub.push(&self.card, event);
            }
        }
        Ok(())
    }
}
