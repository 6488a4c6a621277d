use crate::runtime::RuntimeError;
use fabric::FabricError;
use fabric_proto::{codec::CodecError, id::CardId};
use std::{io, path::PathBuf};

/// Why something could not be done to a lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A lab of this name was deployed before.
    #[error("lab {lab} is there already ({}): 'swact destroy {lab}' removes it", dir.display())]
    Exists {
        /// Its name.
        lab: String,
        /// Its folder.
        dir: PathBuf,
    },
    /// No lab has this folder.
    #[error("there is no lab in {}: 'swact deploy' makes one", .0.display())]
    NoLab(PathBuf),
    /// A name that no lab can have.
    #[error("'{0}' is no lab's name: use a-z, 0-9 and '-', and a letter or digit first and last")]
    Name(String),
    /// Somebody else changes the lab.
    #[error("lab {lab} is in use by {holder}: wait until it has ended, or end it first")]
    Busy {
        /// Its name.
        lab: String,
        /// Who, in its own words.
        holder: String,
    },
    /// Another topology has a lab of this name.
    #[error(
        "lab {lab} was deployed from {}, not from {}: 'swact destroy {lab}' takes it down, --replace makes it this one",
        deployed.display(), asked.display()
    )]
    Elsewhere {
        /// Its name.
        lab: String,
        /// The file that it was deployed from.
        deployed: PathBuf,
        /// The one that is asked for.
        asked: PathBuf,
    },
    /// A folder that others can change, or have made.
    #[error("{} cannot be trusted with labs: {why}; name a folder of your own in SWACT_DIR", dir.display())]
    Untrusted {
        /// Which.
        dir: PathBuf,
        /// Why not.
        why: String,
    },
    /// A lab whose plan says nothing that can be used.
    #[error("lab {lab} cannot be read: plan.json in {}: {why}; 'swact destroy {lab}' removes it", dir.display())]
    Unreadable {
        /// Its name.
        lab: String,
        /// Its folder.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A folder with other things in it.
    #[error("{} is not a lab's folder: it is left alone", .0.display())]
    Foreign(PathBuf),
    /// The folder is there, and nothing runs.
    #[error("nothing of lab {0} runs: 'swact destroy {0}' removes what is left")]
    NotRunning(String),
    /// Somebody takes it down, or was killed doing it.
    #[error("lab {0} is being taken down: 'swact destroy {0}' ends that")]
    Going(String),
    /// A card that the plan does not have.
    #[error("the lab has no card {0}")]
    NoCard(CardId),
    /// An interface that a node does not have.
    #[error("{0}")]
    NoInterface(String),
    /// A card that was taken out.
    #[error("the slot of {0} is empty: insert it first")]
    Empty(CardId),
    /// A card that did not come up.
    #[error("{card} did not come up: {why}\n{log}")]
    Start {
        /// Which.
        card: CardId,
        /// What is known.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// A line card that runs on as it is.
    #[error("{card} keeps its program: {why}; --or-reset changes its release with a reset")]
    Kept {
        /// Which.
        card: CardId,
        /// Why.
        why: String,
    },
    /// A line card that runs on as it is, because the program that was to take it does not run as it should.
    #[error("{card} keeps its program: the new one is of no use: {why}")]
    Unfit {
        /// Which.
        card: CardId,
        /// Why.
        why: String,
    },
    /// A card that is what it is to become.
    #[error("{card} runs release {release} already")]
    Runs {
        /// Which.
        card: CardId,
        /// The release.
        release: String,
    },
    /// Only line cards are handed over.
    #[error("{0} is no line card: 'swact fault swap-image' and 'restart' change its release")]
    NoLineCard(CardId),
    /// A card that has ended while it was handed over.
    #[error(
        "{card} has ended while it was handed over, with what it held: {why}; 'swact fault insert' starts it again"
    )]
    Died {
        /// Which.
        card: CardId,
        /// What is known.
        why: String,
    },
    /// A card that has its new release, and has not forwarded all the time.
    #[error("{card} runs release {release}, and was reset meanwhile: what it held is lost")]
    Renewed {
        /// Which.
        card: CardId,
        /// The release.
        release: String,
    },
    /// A card that does not answer.
    #[error("{0} does not answer")]
    Silent(CardId),
    /// A card that says no.
    #[error("{card}: {why}")]
    Refused {
        /// Which.
        card: CardId,
        /// Why, in its own words.
        why: String,
    },
    /// An answer that does not fit its request: the card is to blame.
    #[error("{card} gave an answer that does not fit: {answer}")]
    Answer {
        /// Which.
        card: CardId,
        /// What it said.
        answer: String,
    },
    /// A file of the lab.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The runtime could not do it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The fabric could not do it.
    #[error(transparent)]
    Fabric(#[from] FabricError),
}

impl LabError {
    /// Whether the user asked for what cannot be had, and can ask for something else.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Exists { .. } | Self::NoLab(_) | Self::Foreign(_) | Self::NotRunning(_) | Self::Going(_) => true,
            Self::NoCard(_) | Self::Empty(_) | Self::Name(_) | Self::Busy { .. } | Self::Elsewhere { .. } => true,
            Self::Untrusted { .. } | Self::Unreadable { .. } | Self::Kept { .. } | Self::Unfit { .. } => true,
            Self::Runs { .. } | Self::NoLineCard(_) | Self::NoInterface(_) | Self::Refused { .. } => true,
            Self::Runtime(error) => error.is_usage(),
            Self::Died { .. } | Self::Renewed { .. } => false,
            Self::Start { .. } | Self::Silent(_) | Self::Answer { .. } | Self::File { .. } | Self::Fabric(_) => false,
        }
    }

    /// Whether it is over when the card's next life begins.
    pub fn is_passing(&self) -> bool {
        use FabricError::{Closed, Truncated, Unreachable};
        matches!(self, Self::Silent(_) | Self::Fabric(Unreachable { .. } | Closed(_) | Truncated))
    }

    /// Why a request was not sent; where a card's release has no words for it, that is the card's refusal.
    pub(super) fn of_request(card: &CardId, error: FabricError) -> Self {
        match error {
            FabricError::Codec(CodecError::Inexpressible { why, .. }) => {
                Self::Refused { card: card.clone(), why: format!("its release does not know {}", why.what) }
            }
            error => Self::Fabric(error),
        }
    }
}
