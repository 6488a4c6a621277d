//! Line card of the swact chassis: `linecard --config card.json`.

use arc_swap::ArcSwap;
use clap::Parser;
use fabric::{
    card::{self, BadFile, FileKind, process},
    control::ControlEndpoint,
    tls::Identity,
};
use fabric_proto::{deploy::CardConfig, id::LcSlot, offer::Offer, operator::Event};
use linecard::{
    control::{Control, End},
    data::{DataConfig, DataError, DataLeft},
    handover::{self, Offered, TakeOverError, Taken},
    life::NextLife,
};
use linecard_core::linecard::{LineCard, LineCardConfig, STALE_TIME};
use std::{
    net::UdpSocket,
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
    /// Take the card of the program that runs, with its wires and its table, in place of starting it from nothing. Where that
    /// program does not hand over, it goes on, and this one ends with the reason.
    #[arg(long)]
    take_over: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let usage = |error: &anyhow::Error| match error.downcast_ref() {
        Some(DataError::NoAddress) => true,
        Some(DataError::Fabric(error)) => error.is_usage(),
        Some(DataError::Thread(_)) | None => error.is::<TakeOverError>(),
    };
    // A card that was taken over and restarts is a card that restarts.
    let take_over = arguments.take_over && !process::is_restarted();
    card::run(usage, || start(&arguments.config, take_over))
}

/// What stays the same while the program runs.
struct Program {
    config: CardConfig,
    slot: LcSlot,
    release: String,
    identity: Identity,
}

/// A card that does not run at the moment: all that there is of it.
struct Card {
    machine: LineCard,
    left: DataLeft,
    control: UdpSocket,
    resets: u32,
    events: Vec<Event>,
    /// It goes on, and how that came; `None`: it begins.
    goes_on: Option<String>,
}

fn start(file: &Path, take_over: bool) -> anyhow::Result<card::End<Box<NextLife>>> {
    let config = card::configuration(file)?;
    let slot = config
        .lc()
        .ok_or_else(|| BadFile::new(FileKind::Configuration, file, format_args!("{} is not a line card", config.id)))?;
    let release = card::own_manifest(&config.image)?.version;
    let identity = Identity::load(&config.id, &config.tls)?.speaking(Offer::new(&release));
    let program = Program { config, slot, release, identity };
    let mut card = if take_over { program.inherit()? } else { program.begin()? };
    loop {
        let control = card.control.try_clone()?;
        match program.run(card)? {
            End::Stop => return Ok(card::End::Stop),
            End::Restart(life) => return Ok(card::End::Restart(life)),
            End::Yield(yielded) => match handover::offer(*yielded, &control) {
                Offered::Taken => {
                    tracing::info!("another program has this card now");
                    // A guard holds nothing: the card may restart, and binds its addresses anew.
                    drop(control);
                    handover::guard()?;
                    return Ok(card::End::Stop);
                }
                Offered::Kept { machine, left, resets, events, why } => {
                    tracing::warn!("this program keeps its card: {why}");
                    let goes_on = Some(format!("%HANDOVER-4-KEPT: release {} keeps its card: {why}", program.release));
                    card = Card { machine: *machine, left: *left, control, resets, events, goes_on };
                }
            },
        }
    }
}

impl Program {
    fn machine(&self, life: &NextLife) -> LineCardConfig {
        let boot = fabric::clock::now().0;
        LineCardConfig { slot: self.slot, boot, highest: life.highest, stale_time: STALE_TIME }
    }

    /// A card that has nothing but what its last life left it.
    fn begin(&self) -> anyhow::Result<Card> {
        let life: NextLife = process::inherited();
        let machine = LineCard::new(self.machine(&life));
        let NextLife { counters, resets, events, .. } = life;
        let (left, control) = (DataLeft::counters(counters), fabric::udp(self.config.control)?);
        Ok(Card { machine, left, control, resets, events, goes_on: None })
    }

    /// The card of the program that runs.
    fn inherit(&self) -> anyhow::Result<Card> {
        let path = handover::socket_of(&self.config);
        let config = self.machine(&NextLife::default());
        let Taken { machine, left, control, resets, events, release } =
            handover::take_over(&path, &self.config.id, &self.release, config)?;
        let goes_on =
            Some(format!("%HANDOVER-6-TAKEN: release {} has taken the card of release {release}", self.release));
        Ok(Card { machine, left, control, resets, events, goes_on })
    }

    fn run(&self, card: Card) -> anyhow::Result<End> {
        let Card { machine, left, control, resets, events, goes_on } = card;
        let (boot, highest, counters) = (machine.boot(), machine.highest(), left.counters.clone());
        let tables = Arc::new(ArcSwap::new(Arc::clone(machine.tables())));
        let data = DataConfig::new(&self.config, self.identity.clone(), Arc::clone(&tables), left)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = runtime.block_on(async {
            let data = data.spawn().await?;
            let endpoint = ControlEndpoint::on(&self.identity, &control)?;
            endpoint.expect(self.config.control_peers());
            let life = NextLife { counters, highest, resets, events };
            let (config, release) = (self.config.clone(), self.release.clone());
            let mut control = Control::new(config, release, boot, machine, tables, data, endpoint, life)
                .heirs_at(&handover::socket_of(&self.config));
            if let Some(line) = goes_on {
                control = control.going_on(line);
            }
            control.run().await
        });
        // Nothing of this runtime touches a socket any more, whoever goes on.
        drop(runtime);
        end
    }
}
