//! Two units that do what they are ordered to, and fail when they like.

use super::*;
use proptest::prelude::*;

const OLD: &str = "2.0";
const NEW: &str = "2.1";
/// A step of the world: a unit boots in one, and is ready in another.
const STEP: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
struct Slot {
    /// What it boots.
    image: &'static str,
    boot: u64,
    up: bool,
    ready: bool,
    /// Whether its program dies whenever it boots the new release.
    faulty: bool,
    procedure: Procedure,
}

#[derive(Clone, Debug)]
struct World {
    slots: [Slot; 2],
    active: usize,
    boots: u64,
    /// Standbys that failed and were not told to.
    failures: u32,
    now: Instant,
    log: Vec<String>,
}

impl World {
    fn new() -> Self {
        let slot =
            |boot| Slot { image: OLD, boot, up: true, ready: true, faulty: false, procedure: Procedure::default() };
        Self { slots: [slot(1), slot(2)], active: 0, boots: 2, failures: 0, now: Instant(1), log: Vec::new() }
    }

    fn units(slots: &[Slot; 2], active: usize, failures: u32) -> Units<'_> {
        let unit =
            |at: usize| Unit { slot: [RpSlot::A, RpSlot::B][at], release: slots[at].image, boot: slots[at].boot };
        let peer = slots[1 - active].up.then(|| unit(1 - active));
        let ready = peer.is_some() && slots[1 - active].ready;
        Units { own: unit(active), peer, ready, loses: None, failures, busy: None }
    }

    fn command(&mut self, command: Command) -> Result<(), Refused> {
        let seen = self.slots.clone();
        let units = Self::units(&seen, self.active, self.failures);
        let images = [OLD, NEW].map(|release| Loadable { release: release.to_owned(), negotiates: true, loses: None });
        let orders = self.slots[self.active].procedure.command(self.now, command, &units, &images)?;
        self.obey(orders);
        Ok(())
    }

    fn obey(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Reset { slot, release, .. } => {
                    assert_ne!(slot.index(), self.active, "an active is not reset");
                    let image = if release == OLD { OLD } else { NEW };
                    self.slots[slot.index()].image = image;
                    self.die(slot.index());
                }
                Order::Switchover => {
                    let old = self.active;
                    if self.slots[1 - old].up && self.slots[1 - old].ready {
                        self.take_over();
                        self.die(old);
                    } else {
                        let orders = self.slots[old].procedure.not_handed_over(self.now, "it is not ready");
                        self.obey(orders);
                    }
                }
                Order::Log(line) => self.log.push(line),
            }
        }
        self.share();
    }

    /// The standby is given what the active knows, while it is there.
    fn share(&mut self) {
        let known = self.slots[self.active].procedure.clone();
        let standby = &mut self.slots[1 - self.active];
        if standby.up {
            standby.procedure.follow(known.upgrade.clone(), known.rollback);
        }
    }

    fn die(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        (slot.up, slot.ready) = (false, false);
    }

    fn fail_standby(&mut self) {
        self.die(1 - self.active);
        self.failures += 1;
    }

    fn take_over(&mut self) {
        self.active = 1 - self.active;
        let slot = &mut self.slots[self.active];
        let orders = slot.procedure.took_over(self.now, slot.image);
        self.obey(orders);
    }

    /// The active fails; the standby, where there is one, takes over.
    fn kill_active(&mut self) {
        if self.slots[1 - self.active].up && self.slots[1 - self.active].ready {
            let old = self.active;
            self.take_over();
            self.die(old);
        }
    }

    /// Some time goes by: a unit that is down boots, one that has booted becomes ready.
    fn step(&mut self) {
        self.now = self.now + STEP;
        let standby = 1 - self.active;
        let slot = &mut self.slots[standby];
        if !slot.up {
            self.boots += 1;
            (slot.up, slot.boot) = (true, self.boots);
        } else if slot.faulty && slot.image == NEW {
            self.fail_standby();
        } else {
            slot.ready = true;
        }
        self.share();
        let seen = self.slots.clone();
        let orders = self.slots[self.active].procedure.look(self.now, &Self::units(&seen, self.active, self.failures));
        self.obey(orders);
    }

    fn steps(&mut self, steps: u32) {
        (0..steps).for_each(|_| self.step());
    }

    fn state(&self) -> State {
        self.slots[self.active].procedure.state()
    }

    fn images(&self) -> [&'static str; 2] {
        [0, 1].map(|at| self.slots[at].image)
    }

    fn load(&mut self) -> Result<(), Refused> {
        let standby = Named { slot: None, release: Some(NEW.to_owned()) };
        self.command(Command::Load { active: Named::default(), standby, forced: false })
    }

    /// As far as `state`.
    fn upgraded_to(state: State) -> Self {
        let mut world = Self::new();
        world.load().unwrap();
        world.steps(3);
        if state == State::RunVersion {
            world.command(Command::Run(Named::default())).unwrap();
            world.steps(3);
        }
        assert_eq!(world.state(), state);
        world
    }

    fn logged(&self, word: &str) -> bool {
        self.log.iter().any(|line| line.contains(word))
    }
}

#[test]
fn an_upgrade_goes_through_its_states() {
    let mut world = World::new();
    assert_eq!(world.state(), State::Init);
    world.load().unwrap();
    assert_eq!(world.command(Command::Run(Named::default())), Err(Refused::StillLoading));
    world.steps(3);
    assert_eq!((world.state(), world.images()), (State::LoadVersion, [OLD, NEW]));
    world.command(Command::Run(Named::default())).unwrap();
    world.steps(3);
    assert_eq!((world.state(), world.active, world.images()), (State::RunVersion, 1, [OLD, NEW]));
    world.command(Command::Accept(Named::default())).unwrap();
    world.steps(1000);
    assert_eq!((world.state(), world.active), (State::RunVersion, 1), "nothing is rolled back any more");
    world.command(Command::Commit(Named::default())).unwrap();
    world.steps(3);
    assert_eq!((world.state(), world.active, world.images()), (State::Init, 1, [NEW, NEW]));
}

#[test]
fn it_is_taken_back_from_every_state() {
    for state in [State::LoadVersion, State::RunVersion] {
        let mut world = World::upgraded_to(state);
        world.command(Command::Abort(Named::default())).unwrap();
        assert_eq!(world.state(), State::SystemReset);
        world.steps(8);
        assert_eq!((world.state(), world.images()), (State::Init, [OLD, OLD]), "{state}");
        assert_eq!(world.active, 0, "{state}");
    }
}

#[test]
fn what_is_not_accepted_in_time_is_taken_back() {
    let mut world = World::upgraded_to(State::RunVersion);
    let left = world.slots[1].procedure.rolls_back_at().unwrap().since(world.now);
    assert!(left <= ROLLBACK_DEFAULT && left > ROLLBACK_DEFAULT - 4 * STEP, "{left:?}");
    world.steps((ROLLBACK_DEFAULT.as_secs() / STEP.as_secs()) as u32 + 8);
    assert_eq!((world.state(), world.images(), world.active), (State::Init, [OLD, OLD], 0));
    assert!(world.logged("not accepted in time"), "{:?}", world.log);
}

#[test]
fn a_release_that_dies_while_it_is_loaded_is_not_kept() {
    let mut world = World::new();
    world.slots[1].faulty = true;
    world.load().unwrap();
    world.steps(12);
    assert_eq!((world.state(), world.images(), world.active), (State::Init, [OLD, OLD], 0));
    assert!(world.logged("it failed while it came up"), "{:?}", world.log);
    assert!(world.slots[1].ready, "redundant again");
}

#[test]
fn a_release_that_dies_when_it_runs_leaves_the_old_one_active() {
    let mut world = World::upgraded_to(State::RunVersion);
    world.kill_active();
    assert_eq!((world.active, world.state()), (0, State::SystemReset));
    world.steps(8);
    assert_eq!((world.state(), world.images()), (State::Init, [OLD, OLD]));
}

#[test]
fn an_active_that_fails_after_loadversion_leaves_the_new_release_running() {
    let mut world = World::upgraded_to(State::LoadVersion);
    world.kill_active();
    assert_eq!((world.active, world.state()), (1, State::RunVersion));
    assert!(world.slots[1].procedure.rolls_back_at().is_some(), "and it is to be accepted");
}

#[test]
fn commands_out_of_order_say_what_comes_first() {
    let mut world = World::new();
    let said = |world: &mut World, command: Command| world.command(command).unwrap_err().to_string();
    assert_eq!(
        said(&mut world, Command::Run(Named::default())),
        "the upgrade is in state Init: issu loadversion comes first"
    );
    assert_eq!(world.command(Command::Abort(Named::default())), Err(Refused::NothingToAbort));
    let to = |release: &str| Command::Load {
        active: Named::default(),
        standby: Named { slot: None, release: Some(release.to_owned()) },
        forced: false,
    };
    assert_eq!(said(&mut world, to("9.9")), "there is no release 9.9: there are 2.0, 2.1");
    assert_eq!(
        said(&mut world, to(OLD)),
        "the active RP runs release 2.0 already; name another one, show issu comp-matrix stored has those that are known"
    );
    let wrong = Named { slot: Some(RpSlot::A), release: Some(NEW.to_owned()) };
    let wrong = Command::Load { active: Named::default(), standby: wrong, forced: false };
    assert_eq!(said(&mut world, wrong), "slot A is not the standby RP: that is slot B; name it, or leave it out");
    let mut world = World::upgraded_to(State::LoadVersion);
    assert_eq!(world.load(), Err(Refused::UnderWay(State::LoadVersion)));
    let early = Command::Commit(Named::default());
    assert_eq!(said(&mut world, early), "the upgrade is in state Load Version: issu runversion comes first");
    world.fail_standby();
    assert_eq!(world.command(Command::Run(Named::default())), Err(Refused::NoStandby));
}

#[test]
fn a_loss_of_state_is_said_before_anything_is_reset() {
    let mut procedure = Procedure::default();
    let world = World::new();
    let images =
        [Loadable { release: NEW.to_owned(), negotiates: true, loses: Some("LDP loses its sessions".to_owned()) }];
    let load = |forced| Command::Load {
        active: Named::default(),
        standby: Named { slot: None, release: Some(NEW.to_owned()) },
        forced,
    };
    let units = World::units(&world.slots, 0, 0);
    let refused = procedure.command(world.now, load(false), &units, &images).unwrap_err().to_string();
    assert!(refused.starts_with("release 2.1: LDP loses its sessions"), "{refused}");
    assert_eq!(procedure, Procedure::default());
    assert!(procedure.command(world.now, load(true), &units, &images).is_ok());
}

#[test]
fn a_loss_that_shows_when_the_units_meet_is_said_before_the_switchover() {
    for forced in [false, true] {
        let mut world = World::new();
        let standby = Named { slot: None, release: Some(NEW.to_owned()) };
        world.command(Command::Load { active: Named::default(), standby, forced }).unwrap();
        world.steps(3);
        let seen = world.slots.clone();
        let units = Units { loses: Some("LDP loses its sessions"), ..World::units(&seen, 0, 0) };
        let run = world.slots[0].procedure.command(world.now, Command::Run(Named::default()), &units, &[]);
        assert_eq!(run.is_ok(), forced, "{run:?}");
        assert_eq!(world.state(), if forced { State::RunVersion } else { State::LoadVersion });
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Step,
    Steps,
    Load,
    Run,
    Accept,
    Commit,
    Abort,
    KillActive,
    KillStandby,
}

fn event() -> impl Strategy<Value = Event> {
    use Event::*;
    prop_oneof![
        6 => Just(Step),
        3 => Just(Steps),
        4 => Just(Load),
        4 => Just(Run),
        2 => Just(Accept),
        3 => Just(Commit),
        2 => Just(Abort),
        2 => Just(KillActive),
        2 => Just(KillStandby),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever fails, and whenever: an upgrade ends, on one release on both units.
    #[test]
    fn every_upgrade_ends(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new();
        for event in events {
            match event {
                Event::Step => world.step(),
                Event::Steps => world.steps(4),
                Event::Load => drop(world.load()),
                Event::Run => drop(world.command(Command::Run(Named::default()))),
                Event::Accept => drop(world.command(Command::Accept(Named::default()))),
                Event::Commit => drop(world.command(Command::Commit(Named::default()))),
                Event::Abort => drop(world.command(Command::Abort(Named::default()))),
                Event::KillActive => world.kill_active(),
                Event::KillStandby => world.fail_standby(),
            }
            let upgrade = world.slots[world.active].procedure.upgrade().cloned();
            if let Some(upgrade) = upgrade {
                prop_assert!(world.images().iter().all(|image| *image == upgrade.from || *image == upgrade.to));
            }
        }
        // Nobody fails any more. What is loaded waits for the operator, and what was accepted too.
        world.steps(8);
        if matches!(world.slots[world.active].procedure.upgrade(), Some(Upgrade { phase: Phase::Loaded | Phase::Accepted, .. })) {
            world.command(Command::Abort(Named::default())).unwrap();
        }
        world.steps((ROLLBACK_DEFAULT.as_secs() / STEP.as_secs()) as u32 + 70);
        let [a, b] = world.images();
        prop_assert_eq!((world.state(), a), (State::Init, b), "{:?} {:?}", world.slots, world.log);
        prop_assert!(world.slots[1 - world.active].ready);
    }
}
