//! `swact console`: a session on a route processor's command line that follows the chassis' active RP.
//!
//! On a terminal it is an interactive shell: completion and `?` are the RP's own, log messages of the RP appear above
//! the prompt, and after a switchover the session goes on with the RP that took over. Where lines cannot be edited (a
//! pipe, a dumb terminal, a tool that drives a pseudo-terminal) it gives plain prompts and takes plain lines.

mod editor;
mod plain;
mod terminal;

use super::{CliError, Exit, args::ConsoleArgs, labs::attach, output, sessions::card_named};
use fabric_proto::{
    id::{CardId, Unit},
    operator::{CommandOutput, Completion, EventKind},
};
use lab::{Lab, LabError, LabEvent, Session, card_name};
use std::{
    io::{self, IsTerminal as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

/// How long an RP may take to come back, or another one to take over: longer than a chassis takes to restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between attempts to reach the active RP.
const BREATH: Duration = Duration::from_millis(100);
/// How long an answer is waited for once another RP has taken over.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A completion that takes longer than this is not worth the wait.
const COMPLETION: Duration = Duration::from_secs(2);

/// `swact console`.
pub(super) async fn console(args: ConsoleArgs) -> Result<Exit, CliError> {
    let lab = Arc::new(attach(&args.lab).await?);
    // Whoever can answer is asked before an interruption of service; a list of commands cannot.
    let asks = io::stdin().is_terminal();
    let mut line = Line::open(Arc::clone(&lab), args.card, asks).await?;
    let shared = Arc::clone(&line.shared);
    match terminal::kind() {
        terminal::Kind::Full => {
            let (editor, printer) = editor::Editor::new(&shared);
            // A full printer drops the message: the event stream has it.
            let say = move |text: String| drop(printer.try_send(text));
            let watcher = tokio::spawn(watch(lab, shared, say));
            let exit = editor.run(line).await;
            watcher.abort();
            exit
        }
        terminal::Kind::Plain(typed) => {
            // Nothing stands between a command and its answer unless it was asked for.
            shared.monitor.store(false, Ordering::Relaxed);
            let monitor = Arc::clone(&shared);
            let say = move |text: String| {
                if monitor.monitor.load(Ordering::Relaxed) {
                    output::text(&format!("\n{text}\n"));
                }
            };
            let watcher = tokio::spawn(watch(lab, shared, say));
            let exit = plain::run(&mut line, typed).await;
            watcher.abort();
            exit
        }
    }
}

/// A prompt is followed by the command at once, so that the marker of an error stands under its word; a question
/// has a space before the answer.
fn shown(prompt: &str) -> String {
    if prompt.ends_with(['#', '>']) { prompt.to_owned() } else { format!("{prompt} ") }
}

/// What the session, its watcher and the editor share.
#[derive(Debug)]
struct Shared {
    /// As the user named it: a chassis, whose active RP is followed, or one card.
    name: String,
    card: Mutex<CardId>,
    prompt: Mutex<String>,
    /// Another RP has taken over.
    moved: AtomicBool,
    wake: Notify,
    /// Whether log messages are shown.
    monitor: AtomicBool,
}

impl Shared {
    fn prompt(&self) -> String {
        self.prompt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn card(&self) -> CardId {
        self.card.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, card: CardId, prompt: String) {
        *self.card.lock().unwrap_or_else(PoisonError::into_inner) = card;
        self.set_prompt(prompt);
    }

    fn set_prompt(&self, prompt: String) {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = prompt;
    }
}

/// A session that is opened again when its RP is not the active one any more.
struct Line {
    lab: Arc<Lab>,
    session: Session,
    shared: Arc<Shared>,
    /// Whether the RP asks before commands that interrupt service.
    confirm: bool,
}

/// What became of a line.
enum Ran {
    /// It was answered.
    Output { text: String, failed: bool },
    /// It ended the session.
    Closed,
    /// The connection was lost; there is a new one.
    Lost {
        /// What was answered before.
        text: String,
        /// What happened, for the user.
        why: String,
    },
}

impl Line {
    async fn open(lab: Arc<Lab>, name: String, confirm: bool) -> Result<Self, CliError> {
        let (card, session, prompt) = connect(&lab, &name, confirm).await?;
        let shared = Shared {
            name,
            card: Mutex::new(card),
            prompt: Mutex::new(prompt),
            moved: AtomicBool::new(false),
            wake: Notify::new(),
            monitor: AtomicBool::new(true),
        };
        Ok(Self { lab, session, shared: Arc::new(shared), confirm })
    }

    /// A session on the RP that is active now, as soon as there is one.
    async fn reopen(&mut self) -> Result<(), CliError> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.shared.moved.store(false, Ordering::Release);
            match connect(&self.lab, &self.shared.name, self.confirm).await {
                Ok((card, session, prompt)) => {
                    self.session = session;
                    self.shared.set(card, prompt);
                    return Ok(());
                }
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => sleep(BREATH).await,
            }
        }
    }

    /// Runs one line, on the RP that is active now.
    async fn run(&mut self, line: &str) -> Result<Ran, CliError> {
        if self.shared.moved.load(Ordering::Acquire) {
            self.reopen().await?;
        }
        self.notice_terminal(line);
        let answer = {
            let shared = &self.shared;
            let moved = async {
                while !shared.moved.load(Ordering::Acquire) {
                    shared.wake.notified().await;
                }
                sleep(LAST_WORDS).await;
            };
            tokio::select! {
                answer = self.session.exec(line) => answer.ok(),
                () = moved => None,
            }
        };
        match answer {
            Some(CommandOutput { text, prompt, .. }) if prompt.is_empty() && text.is_empty() => Ok(Ran::Closed),
            Some(CommandOutput { text, prompt, .. }) if prompt.is_empty() => {
                self.reopen().await?;
                let why = format!("connected to {}", card_name(&self.shared.card()));
                Ok(Ran::Lost { text, why })
            }
            Some(CommandOutput { text, prompt, failed }) => {
                self.shared.set_prompt(prompt);
                Ok(Ran::Output { text, failed })
            }
            None => {
                let lost = card_name(&self.shared.card());
                self.reopen().await?;
                let now = card_name(&self.shared.card());
                let why = format!(
                    "the connection to {lost} was lost before '{}' was answered: it may or may not have been carried \
                     out; connected to {now}",
                    line.trim()
                );
                Ok(Ran::Lost { text: String::new(), why })
            }
        }
    }

    /// What can complete a line; nothing where the RP does not answer at once.
    async fn complete(&mut self, line: &str) -> Vec<Completion> {
        if self.shared.moved.load(Ordering::Acquire) && self.reopen().await.is_err() {
            return Vec::new();
        }
        match timeout(COMPLETION, self.session.complete(line)).await {
            Ok(Ok(words)) => words,
            Ok(Err(_)) => Vec::new(),
            Err(_) => {
                // The answer would be taken for the next one's.
                let _ = self.reopen().await;
                Vec::new()
            }
        }
    }

    /// `terminal monitor` is the console's business.
    fn notice_terminal(&self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (on, word) = match words.as_slice() {
            [terminal, "no", word] if is_terminal(terminal) => (false, word),
            [terminal, word] if is_terminal(terminal) => (true, word),
            _ => return,
        };
        if "monitor".starts_with(word) {
            self.shared.monitor.store(on, Ordering::Relaxed);
        }
    }
}

fn is_terminal(word: &str) -> bool {
    word.len() >= 3 && "terminal".starts_with(word)
}

/// A session on the card that `name` means now, and its prompt.
async fn connect(lab: &Lab, name: &str, confirm: bool) -> Result<(CardId, Session, String), CliError> {
    let card = card_named(lab, name).await?;
    let mut session = lab.session(&card).await?;
    let hello = session.exec(if confirm { "terminal confirm" } else { "" }).await?;
    if hello.prompt.is_empty() {
        return Err(LabError::Silent(card).into());
    }
    Ok((card, session, hello.prompt))
}

/// Notices switchovers, and says them and log messages.
async fn watch(lab: Arc<Lab>, shared: Arc<Shared>, say: impl Fn(String)) {
    let mut events = lab.events(false);
    while let Some(LabEvent { card, event }) = events.recv().await {
        let current = shared.card();
        let mine = card == current;
        let same_chassis = card.node == current.node && matches!(card.unit, Unit::Card(_));
        match event.kind {
            EventKind::TookOver { .. } if same_chassis && !mine && shared.name == current.node => {
                shared.moved.store(true, Ordering::Release);
                shared.wake.notify_waiters();
                let prompt = shared.prompt();
                if let Some((host, _)) = prompt.split_once("(config") {
                    shared.set_prompt(format!("{host}#"));
                    say("-- the configuration session ended with the switchover".to_owned());
                }
                say(format!("-- {} is active now; this console follows it", card_name(&card)));
            }
            EventKind::Log { line } if mine && shared.monitor.load(Ordering::Relaxed) => say(line),
            _ => {}
        }
    }
}
