//! `swact throughput`.

use super::{
    CliError, Exit,
    args::{Format, ThroughputArgs},
    files, labs, output,
};
use crate::{
    experiment::{FRAME_MAX, FRAME_MIN, RATE_MAX, override_table},
    throughput::{self, Ended, FRAME_SIZES, Options},
};
use lab::topology::Topology;
use notation::{
    document::BadInput,
    units::{PacketRate, Share},
};
use std::{collections::BTreeSet, time::Duration};

/// Evidence takes four bytes a packet in the tester.
const TIME_MAX: Duration = Duration::from_secs(300);

/// 0: every frame size has a zero-loss rate; 1: with some frame size nothing passes without loss.
pub(super) async fn throughput(args: ThroughputArgs, format: Format, colour: bool) -> Result<Exit, CliError> {
    let mut topology = Topology::load(&args.topology)?;
    if let Some(table) = &args.table {
        override_table(&mut topology, table)?;
    }
    let images = files::images(&args.images, &args.topology)?;
    let options = check(args)?;
    let claim = labs::claim_free(&topology.name).await?;
    let quiet = options.quiet;
    let (figures, folder) = match throughput::run(&topology, &images, &options, &claim).await? {
        Ended::Completed(figures, folder) => (figures, folder),
        Ended::Interrupted => return Ok(Exit::Interrupted),
    };
    match format {
        Format::Table => output::text(&throughput::text(&figures, colour)),
        Format::Json => output::json(&figures),
    }
    if !quiet {
        output::say(format_args!("kept in {}", folder.display()));
    }
    let nothing = figures.sizes.iter().any(|size| size.zero_loss_pps <= 0.0);
    Ok(if nothing { Exit::Missed } else { Exit::Pass })
}

fn check(args: ThroughputArgs) -> Result<Options, BadInput> {
    let frame_sizes = if args.frame_size.is_empty() { FRAME_SIZES.to_vec() } else { args.frame_size };
    let mut seen = BTreeSet::new();
    for size in &frame_sizes {
        if !(FRAME_MIN..=FRAME_MAX).contains(size) || !seen.insert(size) {
            let message = format!("a frame of {size} bytes is not possible, or there twice");
            return Err(BadInput::new(
                "--frame-size",
                message,
                format!("give each of {FRAME_MIN} to {FRAME_MAX} once"),
            ));
        }
    }
    let Share(resolution) = args.resolution;
    if !(0.001..=0.5).contains(&resolution) {
        let message = format!("a search cannot end at {}", args.resolution);
        return Err(BadInput::new("--resolution", message, "give 0.1% to 50%"));
    }
    let time = args.time.0;
    if time < Duration::from_millis(100) || time > TIME_MAX {
        let message = format!("a trial of {} is not possible", args.time);
        return Err(BadInput::new("--time", message, "give 100ms to 5m"));
    }
    let (PacketRate(first), PacketRate(ceiling)) = (args.first_rate, args.max_rate);
    if ceiling > RATE_MAX {
        let message = format!("a rate of {} cannot be reached", args.max_rate);
        return Err(BadInput::new("--max-rate", message, "give 20Mpps or less"));
    }
    if args.from.len() != args.to.len() {
        let message = format!("{} ports send and {} receive", args.from.len(), args.to.len());
        return Err(BadInput::new("--from, --to", message, "give both once a pair"));
    }
    let command: Vec<_> = std::env::args().collect();
    Ok(Options {
        frame_sizes,
        time,
        flows: args.flows,
        resolution,
        ports: args.from.into_iter().zip(args.to).collect(),
        first,
        ceiling,
        seed: args.seed,
        search_only: args.search_only,
        runtime: args.runtime.into(),
        store: args.store,
        quiet: args.quiet,
        command: command.join(" "),
    })
}
