//! How a command of the rings ended.

use std::process::Output;

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Ended {
    /// Asserts its exit code.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Asserts that it said something, wherever.
    #[track_caller]
    pub fn says(self, what: &str) -> Self {
        let said = self.out.contains(what) || self.err.contains(what);
        assert!(said, "nobody says '{what}'\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}
