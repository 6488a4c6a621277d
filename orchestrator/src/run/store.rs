//! What of the lab goes into a run's folder.

use fabric_proto::id::Unit;
use lab::{card_name, plan::LabPlan};
use std::{
    io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Milliseconds since the epoch.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Appends the cards' logs to `logs/<slot>.log`; in a lab of several chassis to `logs/<node>-<slot>.log`. A run
/// that deploys its lab more than once has the logs of every deployment.
pub fn copy_logs(plan: &LabPlan, run: &Path) -> io::Result<()> {
    let logs = run.join("logs");
    std::fs::create_dir_all(&logs)?;
    for card in &plan.cards {
        let id = &card.config.id;
        let name = match id.unit {
            Unit::Card(slot) if plan.chassis.len() == 1 => slot.to_string(),
            Unit::Card(_) | Unit::Tester | Unit::Linux | Unit::Operator => card_name(id).replace('/', "-"),
        };
        let mut from = match std::fs::File::open(&card.log) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut to = std::fs::File::options().create(true).append(true).open(logs.join(format!("{name}.log")))?;
        io::copy(&mut from, &mut to)?;
    }
    Ok(())
}
