//! A lab's certificates: one authority a deployment, one certificate a card and one for the operator.

use crate::plan::LabPlan;
use fabric::{FabricError, tls::Authority};
use fabric_proto::{deploy::TlsFiles, id::CardId};
use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

/// Makes the authority and writes every certificate of the plan; folders are the owner's alone.
pub fn issue(plan: &LabPlan) -> Result<(), FabricError> {
    let authority = Authority::new(&plan.lab)?;
    let home = plan.dir.join("authority");
    private_dir(&home)?;
    authority.save(&home)?;
    for card in &plan.cards {
        issue_one(&authority, &card.config.id, &card.config.tls)?;
    }
    issue_one(&authority, &CardId::operator(&plan.lab), &operator_files(&plan.dir))
}

/// Writes the certificates of cards that have none yet, under the lab's authority.
pub fn issue_missing(plan: &LabPlan) -> Result<(), FabricError> {
    let authority = Authority::load(&plan.dir.join("authority"))?;
    let mut missing = plan.cards.iter().filter(|card| !card.config.tls.cert.exists());
    missing.try_for_each(|card| issue_one(&authority, &card.config.id, &card.config.tls))
}

/// The operator's files in a lab's folder.
pub fn operator_files(dir: &Path) -> TlsFiles {
    let folder = dir.join("operator");
    TlsFiles { ca: folder.join("ca.pem"), cert: folder.join("cert.pem"), key: folder.join("key.pem") }
}

fn issue_one(authority: &Authority, id: &CardId, files: &TlsFiles) -> Result<(), FabricError> {
    for file in [&files.ca, &files.cert, &files.key] {
        if let Some(folder) = file.parent() {
            private_dir(folder)?;
        }
    }
    let ca = |source| FabricError::File { path: files.ca.clone(), source };
    fs::write(&files.ca, authority.cert_pem()).map_err(ca)?;
    authority.issue(id)?.save(&files.cert, &files.key)
}

/// A folder of its owner's alone, with its parents.
fn private_dir(path: &Path) -> Result<(), FabricError> {
    let wrong = |source| FabricError::File { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong)
}
