//! Many look-ups at once.
//!
//! The code is compiled twice on x86-64: for every processor, and for those of the last decade, which count bits
//! and shift in one instruction each. IPv6 look-ups gain by it (`docs/performance.md` says how
//! much); to call the second one is this module's one unsafe act.

#![allow(unsafe_code, reason = "calls code that is compiled for features found at run time")]

use super::{
    EMPTY, Shape, first_node, slot,
    store::{Group, View},
};

/// Addresses looked up side by side, step by step, so that their memory accesses overlap: many times the cache
/// misses that a core can have outstanding, few enough for their state to stay in the first cache.
pub(super) const LANES: usize = 256;

/// Entries of up to [`LANES`] addresses.
#[inline]
pub(super) fn find_all<S: Shape>(store: View<'_>, addresses: &[u128], entries: &mut [u32; LANES]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has just been found to have the features that the function is compiled for.
        unsafe { find_all_bmi2::<S>(store, addresses, entries) };
        return;
    }
    find::<S>(store, addresses, entries);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt,bmi1,bmi2")]
fn find_all_bmi2<S: Shape>(store: View<'_>, addresses: &[u128], entries: &mut [u32; LANES]) {
    find::<S>(store, addresses, entries);
}

/// Each step is a short loop of its own, so that the processor, which looks some hundred instructions ahead, sees
/// the next dozens of lanes' misses at once. Nothing branches on an address: which lanes go on to the next level
/// is a list, so that a wrong guess costs once a level and not once an address.
#[inline(always)]
fn find<S: Shape>(store: View<'_>, addresses: &[u128], entries: &mut [u32; LANES]) {
    let mut groups = [Group::uniform(EMPTY); LANES];
    let mut lanes = [0u8; LANES];
    let mut count = 0;
    for (address, group) in addresses.iter().zip(&mut groups) {
        *group = store.group(first_node::<S>(*address), slot::<S>(address, 0));
    }
    for ((address, group), entry) in addresses.iter().zip(&groups).zip(entries.iter_mut()) {
        *entry = store.below(*group, slot::<S>(address, 0));
    }
    for (lane, entry) in entries[..addresses.len()].iter().enumerate() {
        lanes[count % LANES] = lane as u8;
        count += (*entry >> 31) as usize;
    }
    for level in 1..S::LEVELS {
        if count == 0 {
            break;
        }
        for (lane, group) in lanes[..count].iter().zip(&mut groups) {
            let lane = usize::from(*lane);
            *group = store.group(entries[lane], slot::<S>(&addresses[lane], level));
        }
        let mut on = 0;
        for at in 0..count {
            let lane = usize::from(lanes[at]);
            let entry = store.below(groups[at], slot::<S>(&addresses[lane], level));
            entries[lane] = entry;
            lanes[on] = lane as u8;
            on += (entry >> 31) as usize;
        }
        count = on;
    }
}
