//! Line card of the swact chassis: `linecard --config card.json`.

use arc_swap::ArcSwap;
use clap::Parser;
use fabric::{
    card::{self, BadFile, FileKind, process},
    control::ControlEndpoint,
    tls::Identity,
};
use fabric_proto::offer::Offer;
use linecard::{
    control::{Control, End},
    data::{DataConfig, DataError},
    life::NextLife,
};
use linecard_core::linecard::{LineCard, LineCardConfig, STALE_TIME};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// Line card of a swact chassis. The orchestrator starts it; it is rarely started by hand.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The card's configuration, as the orchestrator writes it.
    #[arg(long, env = "SWACT_CONFIG")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let usage = |error: &anyhow::Error| match error.downcast_ref() {
        Some(DataError::NoAddress) => true,
        Some(DataError::Fabric(error)) => error.is_usage(),
        Some(DataError::Thread(_)) | None => false,
    };
    card::run(usage, || start(&arguments.config))
}

fn start(file: &Path) -> anyhow::Result<End> {
    let config = card::configuration(file)?;
    let slot = config
        .lc()
        .ok_or_else(|| BadFile::new(FileKind::Configuration, file, format_args!("{} is not a line card", config.id)))?;
    let release = card::manifest(&config.image)?.version;
    let identity = Identity::load(&config.id, &config.tls)?.speaking(Offer::new(&release));
    let life: NextLife = process::inherited();
    let boot = fabric::clock::now().0;
    let machine = LineCard::new(LineCardConfig { slot, boot, highest: life.highest, stale_time: STALE_TIME });
    let tables = Arc::new(ArcSwap::new(Arc::clone(machine.tables())));
    let data = DataConfig::new(&config, identity.clone(), Arc::clone(&tables), life.counters.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let data = data.spawn().await?;
        let endpoint = ControlEndpoint::bind(&identity, config.control)?;
        endpoint.expect(config.control_peers());
        let control = Control::new(config, release, boot, machine, tables, data, endpoint, life);
        control.run().await
    })
}
