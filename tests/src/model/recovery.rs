//! Liveness: from wherever the model got to, a fair run with working clocks makes the chassis whole.

use super::{CARDS, Chassis, Event, State, machines::UnitInput};
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

/// Events that a fair run may take: some thirty heartbeats of both units, and what they say in between.
const EVENTS: usize = 3_000;

impl Chassis {
    /// Whether a fair run from here, without further faults, ends with one active whom its standby and every line card
    /// follow. Only one state in `recover_every` is tried; the others pass.
    pub(super) fn recovers(&self, state: &State) -> bool {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        if self.recover_every == 0 || !hasher.finish().is_multiple_of(self.recover_every) {
            return true;
        }
        self.made_whole(state.clone()).is_some()
    }

    /// Where a fair run without further faults ends, if the chassis is whole there.
    pub(super) fn made_whole(&self, state: State) -> Option<State> {
        let left = super::Bound { timers: None, ..state.left };
        let mut state = State { cut: false, left, ..state };
        // How far each unit's clock lags behind the true time.
        let mut lag = [Duration::ZERO; 2];
        let mut events = Vec::new();
        for _ in 0..EVENTS {
            if self.is_whole(&state) {
                return Some(state);
            }
            events.clear();
            self.ordinary(&state, &mut events);
            let at_once = events.iter().copied().find(|event| !matches!(event, Event::Timer(_)));
            if let Some(event) = at_once {
                self.catch_up(&mut state, &mut lag, event);
                state = self.happens(&state, event);
                continue;
            }
            let wait = |at: usize| Some((self.machines.wait(state.units[at].running)?.saturating_sub(lag[at]), at));
            let (time, at) = (0..2).filter_map(wait).min()?;
            lag[1 - at] += time;
            lag[at] = Duration::ZERO;
            state = self.happens(&state, Event::Timer(at));
        }
        None
    }

    /// Moves the clock of the unit that an event concerns up to the true time.
    fn catch_up(&self, state: &mut State, lag: &mut [Duration; 2], event: Event) {
        let units: &[usize] = match event {
            Event::Beat(at) | Event::Message(at) | Event::Notice(at) | Event::Refused(at, _) => &[at],
            Event::Boot(at) => {
                lag[at] = Duration::ZERO;
                &[]
            }
            Event::Connect => &[0, 1],
            _ => &[],
        };
        for at in units {
            if let Some(machine) = state.units[*at].running
                && lag[*at] > Duration::ZERO
            {
                let (after, _) = self.machines.unit(machine, UnitInput::Wait(lag[*at]));
                state.units[*at].running = Some(after);
                lag[*at] = Duration::ZERO;
            }
        }
    }

    fn is_whole(&self, state: &State) -> bool {
        let active = match [state.units[0].term, state.units[1].term] {
            [Some(_), None] => 0,
            [None, Some(_)] => 1,
            _ => return false,
        };
        let obeyed = |card: usize| self.machines.card_ruler(state.cards[card]) == state.units[active].term;
        state.units[active].running.is_some_and(|machine| self.machines.is_redundant(machine)) && (0..CARDS).all(obeyed)
    }
}
