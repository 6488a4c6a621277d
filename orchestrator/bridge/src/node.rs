//! The command of a node, as a bridge runs it: a child in namespaces of its own, which waits for its interfaces before it
//! goes on.

use crate::config::{Config, NodeCommand};
use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// A command that ends sooner than this has not started well.
const SETTLE: Duration = Duration::from_millis(200);

/// Words between a node's first process and its bridge, each a line.
pub mod word {
    /// The namespaces are there.
    pub const READY: &str = "ready";
    /// So are the interfaces.
    pub const GO: &str = "go";
    /// The command runs.
    pub const RUNS: &str = "runs";
}

/// A node that begins: its namespaces are there, and nothing runs in them.
#[derive(Debug)]
pub struct Begun {
    child: Child,
    said: BufReader<ChildStdout>,
}

/// Makes the namespaces of a node.
pub fn begin(config: &Config, command: &NodeCommand, file: &Path) -> io::Result<Begun> {
    let log = OpenOptions::new().create(true).append(true).open(&command.log)?;
    let mut child = Command::new("/proc/self/exe")
        .arg0(format!("bridge node {}", config.node))
        .arg("node")
        .arg("--config")
        .arg(file)
        .envs(&command.labels)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .process_group(0)
        .spawn()?;
    let said = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
    let mut begun = Begun { child, said: BufReader::new(said) };
    begun.hear(word::READY)?;
    Ok(begun)
}

impl Begun {
    /// A process in the namespaces.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Waits for a word; the node that ends in place of it has said why in its log.
    fn hear(&mut self, word: &str) -> io::Result<()> {
        let mut line = String::new();
        self.said.by_ref().take(64).read_line(&mut line)?;
        if line.trim_end() == word {
            return Ok(());
        }
        let status = self.child.wait()?;
        Err(io::Error::other(format!("it ended while it started ({status})")))
    }

    /// Lets the node go on, and waits until its command runs. `ended` hears of its end.
    pub fn go(mut self, ended: impl FnOnce(ExitStatus) + Send + 'static) -> io::Result<()> {
        let mut go = self.child.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
        writeln!(go, "{}", word::GO)?;
        self.hear(word::RUNS)?;
        thread::sleep(SETTLE);
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!("its command ended at once ({status})")));
        }
        let mut child = self.child;
        thread::Builder::new().name("reaper".to_owned()).spawn(move || {
            if let Ok(status) = child.wait() {
                ended(status);
            }
        })?;
        Ok(())
    }

    /// Ends what has begun.
    pub fn abandon(mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
