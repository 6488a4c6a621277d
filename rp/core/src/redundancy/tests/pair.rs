//! Chassis lives: faults at random instants over a lossy network.

use super::{super::*, world::*};
use fabric_proto::{id::RpSlot, redundancy::Mode};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Pause,
    Resume,
    Partition,
    Heal,
    Force,
    SetMode(Mode),
    ReloadPeer,
    Reload,
    CfFailed,
    Upgrade,
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Hsa), Just(Mode::Rpr), Just(Mode::RprPlus), Just(Mode::Sso)]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::Kill),
        1 => Just(Fault::Pause),
        1 => Just(Fault::Resume),
        1 => Just(Fault::Partition),
        1 => Just(Fault::Heal),
        2 => Just(Fault::Force),
        1 => mode().prop_map(Fault::SetMode),
        1 => Just(Fault::ReloadPeer),
        1 => Just(Fault::Reload),
        1 => Just(Fault::CfFailed),
        1 => Just(Fault::Upgrade),
    ]
}

fn inject(world: &mut World, slot: RpSlot, fault: Fault) {
    match fault {
        Fault::Kill => world.kill(slot),
        Fault::Pause => world.pause(slot),
        Fault::Resume => world.resume(slot),
        Fault::Partition => world.set_partition(true),
        Fault::Heal => world.set_partition(false),
        Fault::Force => world.input(slot, Input::ForceSwitchover),
        Fault::SetMode(mode) => world.input(slot, Input::SetMode(mode)),
        Fault::ReloadPeer => world.input(slot, Input::ReloadPeer),
        Fault::Reload => world.input(slot, Input::Reload),
        Fault::CfFailed => world.input(slot, Input::CfFailed { why: "test".to_owned() }),
        Fault::Upgrade => world.unit_mut(slot).release = "1.0".to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever happens: no term is ever taken twice (asserted as it is taken), and once it is quiet the
    /// chassis has one active and a standby in the promised state.
    #[test]
    fn a_chassis_always_comes_back(
        seed in any::<u64>(),
        mode in mode(),
        loss in 0_u64..40,
        faults in proptest::collection::vec((0_u64..3000, any::<bool>(), fault()), 0..12),
    ) {
        let mut world = World::new(seed, mode);
        world.loss_percent = loss;
        world.power_on(RpSlot::A);
        world.power_on(RpSlot::B);
        world.run(ms(1500));
        for (wait, primary, fault) in faults {
            inject(&mut world, if primary { RpSlot::A } else { RpSlot::B }, fault);
            world.run(ms(wait));
        }
        world.loss_percent = 0;
        world.set_partition(false);
        world.resume(RpSlot::A);
        world.resume(RpSlot::B);
        world.run(ms(20_000));
        // A failed unit is reset once. One that was killed again on its way up waits for the operator.
        for slot in [RpSlot::A, RpSlot::B] {
            if world.unit(slot).rf.is_none() {
                world.power_on(slot);
            }
        }
        world.run(ms(40_000));
        world.assert_redundant();
    }

    /// A killed active is replaced within the switchover timer and one heartbeat.
    #[test]
    fn a_takeover_is_in_time(seed in any::<u64>(), loss in 0_u64..20, when in 0_u64..200) {
        for mode in [Mode::Rpr, Mode::RprPlus, Mode::Sso] {
            let mut world = World::redundant(seed, mode);
            world.loss_percent = loss;
            world.run(ms(when));
            prop_assume!(world.actives() == [RpSlot::A]);
            world.kill(RpSlot::A);
            let killed = world.now;
            world.run(SWITCHOVER + HEARTBEAT);
            prop_assert_eq!(world.actives(), [RpSlot::B]);
            let taken = world.outputs(|output| matches!(output, Output::BecomeActive { .. }).then_some(()));
            prop_assert!(taken[taken.len() - 1].0.since(killed) <= SWITCHOVER + HEARTBEAT);
        }
    }
}
