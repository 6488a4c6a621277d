//! What is asked of the tester, and what its answers mean.

use super::RunError;
use fabric_proto::{
    id::CardId,
    operator::{Reply, Request, TrafficProgress},
    time::Instant as Clock,
};
use lab::{Lab, LabError};
use measure::TrafficEvidence;

/// A tester's totals now.
pub(super) async fn progress(lab: &Lab, tester: &CardId) -> Result<TrafficProgress, LabError> {
    match lab.request(tester, Request::Progress).await? {
        Reply::Progress(progress) => Ok(progress),
        other => Err(unexpected(tester, &other)),
    }
}

pub(super) async fn request(lab: &Lab, tester: &CardId, request: Request) -> Result<Reply, RunError> {
    match lab.request(tester, request).await? {
        Reply::Refused(why) => Err(RunError::Tester { tester: tester.clone(), why }),
        reply => Ok(reply),
    }
}

pub(super) fn started(reply: Reply) -> Result<Clock, RunError> {
    match reply {
        Reply::Started(at) => Ok(at),
        other => Err(RunError::Evidence(format!("'Start' was answered with {other:?}"))),
    }
}

pub(super) fn evidence(reply: Reply) -> Result<TrafficEvidence, RunError> {
    match reply {
        Reply::Evidence(bytes) => {
            rmp_serde::from_slice(&bytes).map_err(|error| RunError::Evidence(format!("it does not decode: {error}")))
        }
        other => Err(RunError::Evidence(format!("the tester answered {other:?}"))),
    }
}

fn unexpected(card: &CardId, reply: &Reply) -> LabError {
    LabError::Answer { card: card.clone(), answer: format!("{reply:?}") }
}
