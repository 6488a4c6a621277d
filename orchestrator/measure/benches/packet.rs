//! What measuring costs a packet: it is paid beside the chassis, on the same processors.

use divan::{Bencher, black_box, counter::ItemsCount};
use measure::{Recorder, Schedule, Signature};
use std::time::Duration;

fn main() {
    divan::main();
}

const PACKETS: u64 = 100_000;

fn schedule() -> Schedule {
    Schedule::new(0, 1e6, 1000).expect("a good schedule")
}

#[divan::bench(args = [18, 82, 1458])]
fn write_signature(bencher: Bencher<'_, '_>, payload: usize) {
    let mut bytes = vec![0; payload];
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        black_box(Signature { trial: 1, flow: 2, sequence: 3, intended: 4 }).write(black_box(&mut bytes));
    });
}

#[divan::bench(args = [18, 82, 1458])]
fn read_signature(bencher: Bencher<'_, '_>, payload: usize) {
    let mut bytes = vec![0; payload];
    Signature { trial: 1, flow: 2, sequence: 3, intended: 4 }.write(&mut bytes);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| Signature::read(black_box(&bytes)));
}

#[divan::bench]
fn record_arrivals(bencher: Bencher<'_, '_>) {
    let schedule = schedule();
    bencher
        .counter(ItemsCount::new(PACKETS))
        .with_inputs(|| Recorder::new(schedule, 0, Duration::from_secs(1)))
        .bench_local_values(|mut recorder| {
            for slot in schedule.cursor(0).take(PACKETS as usize) {
                let packet = Signature { trial: 0, flow: slot.flow, sequence: slot.sequence, intended: slot.offset };
                recorder.arrived(&packet, slot.offset + 50_000);
            }
            recorder
        });
}
