//! Route processor of the swact chassis.
//!
//! `rp --config card.json`: the boot loader verifies the release's image, the ROM monitor reads
//! NVRAM, and the [`shell`] runs the machine ([`rp_core::rp::Rp`]) over sockets and files.

mod coredump;
mod crash;
mod data;
mod image;
mod links;
mod nvram;
mod operator;
mod shell;
mod writer;

use anyhow::Context as _;
use clap::Parser;
use data::Data;
use fabric::{
    card::{self, BadFile, FileKind, process},
    control::ControlEndpoint,
    tls::Identity,
};
use fabric_proto::{
    deploy::{CardAddress, CardConfig},
    flow::FlowSeed,
    id::{LcSlot, Slot},
    platform::Profile,
};
use rp_core::rp::{Boot, Rp};
use shell::{End, Shell};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Route processor of a swact chassis. The orchestrator starts it; it is rarely started by hand.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The card's configuration, as the orchestrator writes it.
    #[arg(long, env = "SWACT_CONFIG")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    card::run(|_| false, || start(&arguments.config))
}

fn start(file: &Path) -> anyhow::Result<End> {
    let config = card::configuration(file)?;
    let slot = config.rp().ok_or_else(|| {
        BadFile::new(FileKind::Configuration, file, format_args!("{} is not a route processor", config.id))
    })?;

    let profile = Profile::named(&config.platform).ok_or_else(|| {
        BadFile::new(FileKind::Configuration, file, format_args!("there is no platform '{}'", config.platform))
    })?;
    coredump::install_hook();

    // The boot loader: nothing runs before its image is known to be whole.
    let image = image::load(&config.image)?;
    let release = image.version.clone();
    let nvram = nvram::Nvram::open(&config.nvram).context("NVRAM")?;
    let boot = fabric::clock::now().0;
    let rp = Rp::new(
        fabric::clock::now(),
        Boot {
            slot,
            boot,
            release: release.clone(),
            issu: image.issu(),
            profile,
            modelled: config.modelled,
            legacy: line_cards(&config).filter(|card| card.legacy).filter_map(slot_of).collect(),
            timers: config.redundancy,
            startup: nvram.startup().context("NVRAM")?,
            last_term: nvram.term().context("NVRAM")?,
            upgrade: nvram.upgrade().context("NVRAM")?.map(Into::into),
            line_cards: line_cards(&config).filter_map(slot_of).collect(),
            base_mac: config.base_mac,
            flow_seed: FlowSeed::of(&config.id),
            releases: config.releases.clone(),
            feeds: config.feeds.len().min(1),
            life: process::inherited(),
            clock_offset: fabric::clock::wall_offset(),
        },
    );
    let identity = Identity::load(&config.id, &config.tls)?.speaking(rp.offer());
    // Two workers: QUIC's own work goes on while the owner is busy with routes.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let endpoint = ControlEndpoint::bind(&identity, config.control)?;
        endpoint.expect(config.control_peers());
        let data = Data::start(&identity, &config, profile.forwarding.uses_rp()).await?;
        Shell::run(config, slot, release, boot, nvram, endpoint, data, rp).await
    })
}

fn line_cards(config: &CardConfig) -> impl Iterator<Item = &CardAddress> {
    config.cards.iter().filter(|card| slot_of(card).is_some())
}

fn slot_of(card: &CardAddress) -> Option<LcSlot> {
    match card.slot {
        Slot::Lc(slot) => Some(slot),
        Slot::Rp(_) => None,
    }
}
