//! A card's name in a certificate.

use crate::FabricError;
use fabric_proto::id::{CardId, Unit};
use rustls::pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

/// Last label of every name: not a domain of the internet.
const SUFFIX: &str = "swact";

/// Refuses a lab's or node's name that cannot be a DNS label.
pub fn check_name(what: &'static str, name: &str) -> Result<(), FabricError> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let ends = name.starts_with('-') || name.ends_with('-');
    if name.is_empty() || name.len() > 63 || ends || !name.bytes().all(plain) {
        return Err(FabricError::Name { what, name: name.to_owned() });
    }
    Ok(())
}

/// The DNS name that stands for `id`.
pub(crate) fn dns_name(id: &CardId) -> Result<String, FabricError> {
    check_name("lab", &id.lab)?;
    let unit = match id.unit {
        Unit::Operator => return Ok(format!("operator.{}.{SUFFIX}", id.lab)),
        Unit::Tester => "tester".to_owned(),
        // Of no use: nobody takes it for a card.
        Unit::Linux => "linux".to_owned(),
        Unit::Card(slot) => slot.to_string().to_ascii_lowercase(),
    };
    check_name("node", &id.node)?;
    Ok(format!("{unit}.{}.{}.{SUFFIX}", id.node, id.lab))
}

/// The card that a DNS name stands for.
pub(super) fn card_of(name: &str) -> Option<CardId> {
    let labels: Vec<&str> = name.split('.').collect();
    match labels[..] {
        ["operator", lab, SUFFIX] => Some(CardId::operator(lab)),
        ["tester", node, lab, SUFFIX] => Some(CardId::tester(lab, node)),
        [slot, node, lab, SUFFIX] => Some(CardId::card(lab, node, slot.parse().ok()?)),
        _ => None,
    }
}

/// The card that a certificate names: exactly one DNS name, and one of ours.
pub(super) fn card_of_certificate(der: &[u8]) -> Option<CardId> {
    let der = CertificateDer::from(der);
    let certificate = EndEntityCert::try_from(&der).ok()?;
    let mut names = certificate.valid_dns_names();
    let (name, None) = (names.next()?, names.next()) else { return None };
    certificate.verify_is_valid_for_subject_name(&ServerName::try_from(name).ok()?).ok()?;
    card_of(name)
}

#[cfg(test)]
mod tests;
