//! `tester --config card.json`: the measuring instrument of a swact lab.
//!
//! Exit codes: 0 after SIGTERM or SIGINT, 2 when the configuration cannot be used, 70 when something broke here.

use clap::Parser;
use fabric::{
    card::{self, End, Events, telemetry::Telemetry},
    control::ControlEndpoint,
    tls::Identity,
};
use fabric_proto::{deploy::CardConfig, operator::EventKind};
use route_table::Table;
use std::{path::PathBuf, process::ExitCode, sync::Arc, thread};
use tester::{
    config::{self, ConfigError},
    control::{self, Shared},
    feed::Frames,
    traffic::{StartError, Traffic},
};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
};

/// Tester of a swact lab: offers load, measures it, plays the routing peer. The orchestrator starts it.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The tester's configuration, as the orchestrator writes it.
    #[arg(long, env = "SWACT_CONFIG")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let usage = |error: &anyhow::Error| {
        error.is::<ConfigError>() || matches!(error.downcast_ref(), Some(StartError::Config(_)))
    };
    card::run(usage, || start(&arguments).map(|()| End::<()>::Stop))
}

fn start(arguments: &Arguments) -> anyhow::Result<()> {
    let config = config::load(&arguments.config)?;
    let identity = Identity::load(&config.id, &config.tls)?;
    // One thread: sessions are few, and the load has its own.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&config, &identity))
}

async fn run(config: &CardConfig, identity: &Identity) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let boot = fabric::clock::now();
    let events = Events::traced(Vec::new(), Telemetry::new(&config.id, env!("CARGO_PKG_VERSION"), boot));
    let endpoint = ControlEndpoint::bind(identity, config.control)?;
    endpoint.expect(config.control_peers());
    let (traffic, mut traffic_ended) = Traffic::start(&config.wires, events.clone())?;
    let (loaded, table) = watch::channel(None);
    let mut loading = load_table(config, loaded)?;
    let shared = Shared { endpoint, traffic, events: events.clone(), table, boot: boot.0 };
    events.push(fabric::clock::now(), EventKind::Booted { release: env!("CARGO_PKG_VERSION").to_owned() });
    tracing::info!(id = %config.id, control = %config.control, ports = config.wires.len(), "tester is ready");
    let serving = control::serve(&shared);
    tokio::pin!(serving);
    let mut is_loading = true;
    let result = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            result = &mut loading, if is_loading => match result {
                Ok(Ok(())) => is_loading = false,
                Ok(Err(error)) => break Err(error),
                Err(_) => break Err(anyhow::anyhow!("the thread that loads the table panicked")),
            },
            ended = &mut traffic_ended => {
                let reason = ended.map_or_else(|_| "it panicked".to_owned(), |result| format!("{result:?}"));
                return Err(anyhow::anyhow!("the traffic thread ended: {reason}"));
            }
            () = &mut serving => break Err(anyhow::anyhow!("the control endpoint ended")),
        }
    };
    shared.endpoint.close("the tester ends");
    shared.traffic.end();
    // The wires' sockets are gone when the thread has ended.
    let _ = traffic_ended.await;
    result
}

/// Loads and packs the table in a thread of its own: operators are answered meanwhile.
fn load_table(
    config: &CardConfig,
    loaded: watch::Sender<Option<Arc<Frames>>>,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
    let spec = config.table.clone();
    let (done, loading) = oneshot::channel();
    thread::Builder::new().name("table".to_owned()).spawn(move || {
        let pack = || -> anyhow::Result<Frames> {
            let table = spec.as_ref().map_or_else(|| Ok(Table::default()), route_table::load);
            let table = table.map_err(ConfigError::from)?;
            tracing::info!(routes = table.routes().len(), origin = ?table.origin(), "routing table loaded");
            Ok(Frames::pack(&table, spec.as_ref())?)
        };
        let result = pack().map(|frames| {
            loaded.send_replace(Some(Arc::new(frames)));
        });
        // Nobody listens when the program ends first.
        let _ = done.send(result);
    })?;
    Ok(loading)
}
