//! A card's program gives its card to another one, while packets go through it.

use super::{
    EPOCH_A,
    bench::{Chassis, Session, Wire, frame, soon},
};
use fabric_proto::{
    id::RpSlot,
    linecard::{Adoption, FromLc, ToLc},
    operator::LcStats,
};
use linecard_core::handover::{self as words, FromHeir, FromHolder, read_frame};
use std::{
    cell::Cell,
    future::Future,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    process::Child,
    time::{Duration, Instant},
};

/// Packets a millisecond.
const RATE: u32 = 10;

/// What a load came to.
#[derive(Debug)]
struct Load {
    offered: u32,
    /// Those that arrived, in order.
    arrived: Vec<u32>,
    /// The longest time without an arrival.
    gap: Duration,
}

impl Load {
    fn lost(&self) -> u32 {
        self.offered - self.arrived.len() as u32
    }

    fn whole(&self) {
        let wrong = self.arrived.iter().zip(0..).find(|(number, place)| *number != place);
        assert_eq!((wrong, self.lost()), (None, 0), "complete and in order");
    }
}

/// Offers packets through cards 1 and 2 for as long as `meanwhile` takes, and a little longer.
async fn load<T>(ingress: &mut Wire, egress: &mut Wire, meanwhile: impl Future<Output = T>) -> (Load, T) {
    let (enough, over, offered) = (Cell::new(false), Cell::new(false), Cell::new(0));
    let during = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let done = meanwhile.await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        enough.set(true);
        done
    };
    let send = async {
        let mut due = tokio::time::interval(Duration::from_millis(1));
        while !enough.get() {
            due.tick().await;
            let numbers = offered.get()..offered.get() + RATE;
            offered.set(numbers.end);
            let frames: Vec<u8> = numbers.flat_map(|n| frame([10, 2, (n >> 8) as u8, n as u8], 64, n)).collect();
            if !ingress.try_send(&frames).await {
                break;
            }
        }
        over.set(true);
    };
    let receive = async {
        let (mut arrived, mut gap, mut last) = (Vec::new(), Duration::ZERO, Instant::now());
        while !over.get() || arrived.len() < offered.get() as usize {
            match tokio::time::timeout(Duration::from_millis(700), egress.recv()).await {
                Ok(Some(arrival)) => arrived.push(arrival.number),
                Ok(None) => break,
                Err(_) if over.get() => break,
                Err(_) => {}
            }
            gap = gap.max(last.elapsed());
            last = Instant::now();
        }
        (arrived, gap)
    };
    let (done, (), (arrived, gap)) = tokio::join!(during, send, receive);
    (Load { offered: offered.get(), arrived, gap }, done)
}

/// The active finds its card again: the same run, with the same table.
async fn readopt(chassis: &Chassis, slot: u8, before: &LcStats, boot: u64) -> Session {
    let mut session = chassis.session(slot).await;
    let adopt = ToLc::Adopt { epoch: EPOCH_A, rp: RpSlot::A, how: Adoption::Keep };
    match session.ask(&adopt).await {
        Some(FromLc::Adopted { boot: now, root, routes, .. }) => {
            assert_eq!((now, root, routes), (boot, before.root, before.routes));
        }
        other => panic!("{other:?}"),
    }
    session
}

fn accounted(before: &LcStats, after: &LcStats) {
    assert_eq!(after.received + after.from_fabric, after.sent + after.to_fabric + after.drops.total());
    assert_eq!(after.drops, before.drops, "and nothing was dropped");
    assert_eq!(after.resets, before.resets);
}

async fn hand_over(chassis: &mut Chassis, slot: u8) {
    let heir = chassis.heir(slot);
    chassis.succeed(slot, heir).await;
}

#[tokio::test]
async fn a_card_is_handed_over_under_load_and_nothing_is_lost() {
    let mut chassis = Chassis::start(10);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    for slot in [1, 2, 1, 2] {
        let before = [chassis.settled(1).await, chassis.settled(2).await];
        let boot = chassis.stats(slot).await.boot;
        let (load, _session) = load(&mut ingress, &mut egress, async {
            hand_over(&mut chassis, slot).await;
            readopt(&chassis, slot, &before[usize::from(slot) - 1], boot).await
        })
        .await;
        println!("card {slot}: {} offered, {} lost, longest gap {:?}", load.offered, load.lost(), load.gap);
        load.whole();
        let after = [chassis.settled(1).await, chassis.settled(2).await];
        assert_eq!(after[0].received - before[0].received, u64::from(load.offered));
        assert_eq!(after[1].sent - before[1].sent, u64::from(load.offered));
        for (before, after) in before.iter().zip(&after) {
            accounted(before, after);
        }
    }
}

#[tokio::test]
async fn a_card_that_is_killed_instead_loses() {
    let mut chassis = Chassis::start(11);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    let (load, ()) = load(&mut ingress, &mut egress, async { chassis.kill(2) }).await;
    assert!(load.lost() > 0, "{} arrived of {}", load.arrived.len(), load.offered);
}

#[tokio::test]
async fn a_card_that_was_taken_over_restarts_like_any_other() {
    let mut chassis = Chassis::start(15);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    let before = chassis.settled(1).await;
    let boot = chassis.stats(1).await.boot;
    hand_over(&mut chassis, 1).await;
    let mut session = readopt(&chassis, 1, &before, boot).await;
    session.say(&ToLc::Reset { reason: "hw-module slot 1 reload".into() }).await;
    assert_eq!(soon(ingress.half_closed()).await, 0);
    ingress.half_close().await;
    chassis.restarted(1, boot).await;
    let after = chassis.stats(1).await.lc.unwrap();
    assert_eq!((after.resets, after.received, after.routes), (1, before.received, [0, 0]));
    let told = chassis.events(1, 2).await;
    assert!(told.iter().zip(1..).all(|(event, number)| event.number == number), "one log, without gaps");
}

/// How far an heir gets before it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Connected,
    Asked,
    InTheTable,
    BeforeTheRest,
    BeforeItTakes,
    Garbage,
}

/// An heir that dies.
fn doomed(door: &std::path::Path, dies: Dies) {
    let mut stream = UnixStream::connect(door).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut say = |word: &FromHeir| stream.write_all(&words::frame(word).unwrap()).unwrap();
    if dies == Dies::Connected {
        return;
    }
    if dies == Dies::Garbage {
        return stream.write_all(&[0xff; 64]).unwrap();
    }
    say(&FromHeir::Ask { versions: (1, 1), release: "9.9".to_owned(), card: "lab/pe1/1".parse().unwrap() });
    if dies == Dies::Asked {
        return;
    }
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        while let Some((word, used)) = read_frame::<FromHolder>(&bytes).unwrap() {
            bytes.drain(..used);
            match word {
                FromHolder::Part(_) if dies == Dies::InTheTable => return,
                FromHolder::Part(part) => {
                    let loaded = words::frame(&FromHeir::Loaded { number: part.number }).unwrap();
                    stream.write_all(&loaded).unwrap();
                }
                FromHolder::Standing { .. } if dies == Dies::BeforeTheRest => return,
                FromHolder::End { .. } => return,
                FromHolder::Refused { why } => panic!("{why}"),
                FromHolder::Welcome { .. }
                | FromHolder::Standing { .. }
                | FromHolder::Port(_)
                | FromHolder::Link(_) => {}
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test]
async fn an_heir_that_dies_in_any_phase_leaves_the_card_forwarding() {
    let mut chassis = Chassis::start(12);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    let boot = chassis.stats(1).await.boot;
    let phases =
        [Dies::Connected, Dies::Garbage, Dies::Asked, Dies::InTheTable, Dies::BeforeTheRest, Dies::BeforeItTakes];
    for dies in phases {
        let before = chassis.settled(1).await;
        let stands_still = matches!(dies, Dies::BeforeTheRest | Dies::BeforeItTakes);
        let (load, _session) = load(&mut ingress, &mut egress, async {
            let door = chassis.door(1);
            tokio::task::spawn_blocking(move || doomed(&door, dies)).await.unwrap();
            match stands_still {
                true => Some(readopt(&chassis, 1, &before, boot).await),
                false => None,
            }
        })
        .await;
        println!("{dies:?}: {} offered, {} lost, longest gap {:?}", load.offered, load.lost(), load.gap);
        load.whole();
        let after = chassis.settled(1).await;
        assert_eq!(after.received - before.received, u64::from(load.offered));
        accounted(&before, &after);
        assert_eq!(chassis.stats(1).await.boot, boot);
    }
    // And the next one gets it.
    let before = chassis.settled(1).await;
    hand_over(&mut chassis, 1).await;
    readopt(&chassis, 1, &before, boot).await;
}

/// The last words of a program that has failed.
async fn last_words(mut heir: Child) -> String {
    let status = soon(async {
        loop {
            if let Some(status) = heir.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    assert!(!status.success());
    let mut words = String::new();
    heir.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    words
}

#[tokio::test]
async fn while_another_card_stands_still_nothing_is_handed_over() {
    let chassis = Chassis::start(13);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    let before = chassis.settled(1).await;
    chassis.pause(2, true);
    let words = last_words(chassis.heir(1)).await;
    chassis.pause(2, false);
    assert!(words.contains("keeps its card") && words.contains("did not answer"), "{words}");
    let (load, ()) = load(&mut ingress, &mut egress, std::future::ready(())).await;
    load.whole();
    accounted(&before, &chassis.settled(1).await);
}

/// What the others hold meanwhile is not given up before the card that keeps its program has its links again.
#[tokio::test]
async fn a_hand_over_that_a_third_card_prevents_loses_nothing() {
    let chassis = Chassis::with_cards(18, 3);
    let ((_one, _two), (mut ingress, mut egress)) = chassis.wired(EPOCH_A).await;
    chassis.warm_up(&mut ingress, &mut egress).await;
    chassis.pause(3, true);
    for slot in [2, 1] {
        let before = chassis.settled(slot).await;
        let (load, words) = load(&mut ingress, &mut egress, last_words(chassis.heir(slot))).await;
        assert!(words.contains("did not answer"), "{words}");
        println!("card {slot}: {} offered, {} lost, longest gap {:?}", load.offered, load.lost(), load.gap);
        load.whole();
        accounted(&before, &chassis.settled(slot).await);
    }
    chassis.pause(3, false);
}

#[tokio::test]
async fn without_a_program_there_is_nothing_to_take() {
    let mut chassis = Chassis::start(14);
    chassis.stats(1).await;
    chassis.kill(1);
    let words = last_words(chassis.heir(1)).await;
    assert!(words.contains("start the card in the ordinary way"), "{words}");
}

/// A reset of a card's program is no start of another release, whatever its files say by then: it is the program that it was.
#[tokio::test]
async fn a_reset_card_is_of_the_release_that_it_was_whatever_it_is_told_next() {
    let chassis = Chassis::start(16);
    let mut session = chassis.session(1).await;
    session.adopt(EPOCH_A, Adoption::Flush).await;
    let before = chassis.stats(1).await;
    chassis.change_image(1);
    session.say(&ToLc::Reset { reason: "hw-module slot 1 reload".into() }).await;
    chassis.restarted(1, before.boot).await;
    let after = chassis.stats(1).await;
    assert_eq!((after.release, after.lc.unwrap().resets), (before.release, 1));
}

#[tokio::test]
async fn a_card_outlives_the_terminal_of_who_has_started_it() {
    let chassis = Chassis::start(17);
    let boot = chassis.stats(1).await.boot;
    chassis.hang_up(1);
    assert_eq!(chassis.stats(1).await.boot, boot);
    // The signal has come before whatever is asked after a stop.
    chassis.pause(1, true);
    chassis.hang_up(1);
    chassis.pause(1, false);
    assert_eq!(chassis.stats(1).await.boot, boot);
}
