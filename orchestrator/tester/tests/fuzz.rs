//! Frames that a tester's port receives: anything at all.
#![allow(missing_docs, reason = "a test")]

use measure::Signature;
use tester::frame::receive;

#[path = "../../../tests/src/fuzz.rs"]
mod harness;

#[test]
fn received_frames() {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 92, 0, 0, 0, 0, 63, 17, 0, 0];
    frame.extend([10, 0, 0, 1, 20, 0, 0, 1, 0, 7, 0, 8, 0, 72, 0, 0]);
    frame.resize(128, 0x5a);
    harness::fuzz("received-frame", &[frame], |bytes| {
        let _ = receive(&[], 1, 1, bytes);
        let _ = Signature::read(bytes);
    });
}
