//! MRT dumps and prefix lists, damaged: an error or a table, never a panic.

#[path = "../../../../tests/src/fuzz.rs"]
mod harness;

use super::{mrt, parse};

#[test]
fn prefix_lists() {
    let lists: [&[u8]; 3] = [
        b"# routes\n10.0.0.0/8\n20.0.0.0/9 64500\n2001:db8::/32\n",
        b"10.0.0.0/8\t12\n192.0.2.0/24\t13\n",
        b"0.0.0.0/0\r\n::/0\r\n",
    ];
    harness::fuzz("prefix-list", &lists.map(<[u8]>::to_vec), |bytes| {
        if let Err(error) = parse(bytes) {
            assert!(!error.to_string().is_empty());
        }
    });
}

#[test]
fn dumps() {
    harness::fuzz("mrt", &mrt::samples(), |bytes| {
        if let Err(error) = parse(bytes) {
            assert!(!error.to_string().is_empty());
        }
    });
}
