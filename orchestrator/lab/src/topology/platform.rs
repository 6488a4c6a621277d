//! What a platform profile has to say about a topology.

use fabric_proto::{
    id::Slot,
    platform::{Legacy, NATIVE, PROFILES, Profile},
};
use notation::{
    document::{BadInput, Document},
    mode::Mode,
};
use serde_saphyr::Spanned;

/// The profile that a chassis names; swact's own where it names none.
pub(super) fn profile(document: &Document, name: Option<&Spanned<String>>) -> Result<&'static Profile, BadInput> {
    let Some(name) = name else { return Ok(&NATIVE) };
    Profile::named(&name.value).filter(|_| !name.value.is_empty()).ok_or_else(|| {
        let names = PROFILES.map(|profile| profile.name).join(", ");
        let message = format!("unknown platform '{}'", name.value);
        document.wrong(name.referenced, message, format!("the platforms are {names}"))
    })
}

/// Refuses a mode that the platform does not have.
pub(super) fn supported(document: &Document, profile: &Profile, mode: &Spanned<Mode>) -> Result<(), BadInput> {
    lacks(profile, mode.value).map_or(Ok(()), |(message, remedy)| Err(document.wrong(mode.referenced, message, remedy)))
}

/// That a platform does not have `mode`, and what it has.
pub(super) fn lacks(profile: &Profile, mode: Mode) -> Option<(String, String)> {
    let message = || format!("a {} has no mode '{mode}'", profile.name);
    (!mode.supported_by(profile)).then(|| (message(), format!("its modes are {}", profile.mode_names())))
}

/// Whether times of the hardware are waited for; a platform without hardware has none.
pub(super) fn modelled(
    document: &Document,
    profile: &Profile,
    wanted: Option<&Spanned<bool>>,
) -> Result<bool, BadInput> {
    let Some(wanted) = wanted else { return Ok(false) };
    if wanted.value && profile.modelled.switchover.is_zero() {
        let message = format!("platform {} stands for no hardware whose times could be modelled", profile.name);
        return Err(document.wrong(wanted.referenced, message, "remove the key, or name another platform"));
    }
    Ok(wanted.value)
}

/// Only a line card, and only where there are such cards, is of an older kind.
pub(super) fn legacy(
    document: &Document,
    profile: &Profile,
    slot: Slot,
    legacy: Option<&Spanned<bool>>,
) -> Result<(), BadInput> {
    let Some(legacy) = legacy.filter(|legacy| legacy.value) else { return Ok(()) };
    if let Slot::Rp(rp) = slot {
        let message = format!("route processor {rp} cannot be 'legacy'");
        return Err(document.wrong(legacy.referenced, message, "remove the key: only line cards can be"));
    }
    if profile.legacy == Legacy::None {
        let message = format!("a {} has no legacy line cards", profile.name);
        return Err(document.wrong(legacy.referenced, message, "remove the key, or use c7304 or c7500"));
    }
    Ok(())
}
