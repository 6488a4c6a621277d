//! The line editor of an interactive console.

use super::{CliError, Exit, Line, Ran, Shared, output, shown};
use reedline::{
    ColumnarMenu, Completer, CompletionResult, Emacs, ExternalPrinter, FileBackedHistory, History, KeyCode,
    KeyModifiers, MenuBuilder as _, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu,
    Signal, Span, Suggestion, default_emacs_keybindings,
};
use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{Arc, mpsc::SyncSender},
};
use tokio::{runtime::Handle, sync::Mutex};

/// Lines remembered over all sessions.
const HISTORY: usize = 2000;
/// Messages that may wait to be shown above the prompt; more are in the event stream.
const MESSAGES: usize = 256;
/// The menu of completions.
const MENU: &str = "completion";
/// What the keys `?` and `^Z` ask of the console.
const HELP: &str = "help";
const END: &str = "end";

pub(super) struct Editor {
    shared: Arc<Shared>,
    printer: ExternalPrinter<String>,
}

impl Editor {
    /// An editor, and where messages for above its prompt go.
    pub(super) fn new(shared: &Arc<Shared>) -> (Self, SyncSender<String>) {
        let printer = ExternalPrinter::new(MESSAGES);
        let sender = printer.sender();
        (Self { shared: Arc::clone(shared), printer }, sender)
    }

    /// Reads and runs lines until the session ends. Reading blocks, and so has a thread of its own.
    pub(super) async fn run(self, line: Line) -> Result<Exit, CliError> {
        let handle = Handle::current();
        let line = Arc::new(Mutex::new(line));
        match tokio::task::spawn_blocking(move || self.read_lines(&handle, &line)).await {
            Ok(exit) => exit,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn read_lines(self, handle: &Handle, line: &Arc<Mutex<Line>>) -> Result<Exit, CliError> {
        let prompt = Shown(Arc::clone(&self.shared));
        let completer = Words { handle: handle.clone(), line: Arc::clone(line) };
        let mut editor = Reedline::create()
            .with_external_printer(self.printer)
            .with_completer(Box::new(completer))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(ColumnarMenu::default().with_name(MENU))))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_edit_mode(Box::new(Emacs::new(keys())))
            .with_history(history())
            .with_ansi_colors(std::env::var_os("NO_COLOR").is_none())
            .use_bracketed_paste(true);
        loop {
            let text = match editor.read_line(&prompt).map_err(CliError::io("the terminal"))? {
                Signal::Success(text) => text,
                Signal::HostCommand(key) if key == HELP => {
                    let before = editor.current_buffer_contents().get(..editor.current_insertion_point());
                    let question = format!("{}?", before.unwrap_or_default());
                    // The painter left the cursor somewhere in the line: it is written anew, and stays as it is.
                    output::text(&format!("\r\x1b[K{}{question}\r\n", shown(&self.shared.prompt())));
                    question
                }
                Signal::HostCommand(_) => {
                    if !self.shared.prompt().contains("(config") {
                        continue;
                    }
                    editor.run_edit_commands(&[reedline::EditCommand::Clear]);
                    output::text(&format!("\r\x1b[K{}^Z\r\n", shown(&self.shared.prompt())));
                    "end".to_owned()
                }
                // Cancels a question; a line that is not finished is gone already.
                Signal::CtrlC if self.shared.prompt().ends_with([']', ':']) => "\u{3}".to_owned(),
                Signal::CtrlC => continue,
                Signal::CtrlD => return Ok(Exit::Pass),
                _ => continue,
            };
            match handle.block_on(async { line.lock().await.run(&text).await })? {
                Ran::Output { text, .. } => output::text(&text),
                Ran::Closed => return Ok(Exit::Pass),
                Ran::Lost { text, why } => output::text(&format!("{text}-- {why}\n")),
            }
        }
    }
}

fn keys() -> reedline::Keybindings {
    let mut keys = default_emacs_keybindings();
    let complete = ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    // Terminals differ in whether they report the shift of a question mark.
    for shift in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
        keys.add_binding(shift, KeyCode::Char('?'), ReedlineEvent::ExecuteHostCommand(HELP.to_owned()));
    }
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('z'), ReedlineEvent::ExecuteHostCommand(END.to_owned()));
    keys
}

/// Lines of earlier sessions, in `$XDG_STATE_HOME/swact` (`~/.local/state/swact`); of this one where there is no such
/// place.
fn history() -> Box<dyn History> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let file = state.or_else(home).map(|dir| dir.join("swact/console-history"));
    match file.map(|file| FileBackedHistory::with_file(HISTORY, file)) {
        Some(Ok(history)) => Box::new(history),
        Some(Err(_)) | None => Box::<FileBackedHistory>::default(),
    }
}

/// The session's prompt.
struct Shown(Arc<Shared>);

impl Prompt for Shown {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        shown(&self.0.prompt()).into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(reverse-i-search) '{}': ", search.term).into()
    }
}

/// Completion by the RP.
struct Words {
    handle: Handle,
    line: Arc<Mutex<Line>>,
}

impl Completer for Words {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let before = line.get(..pos).unwrap_or(line);
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let words = self.handle.block_on(async { self.line.lock().await.complete(before).await });
        let suggestion = |word: fabric_proto::operator::Completion| Suggestion {
            value: word.word,
            description: Some(word.help).filter(|help| !help.is_empty()),
            span: Span::new(start, before.len()),
            append_whitespace: true,
            ..Suggestion::default()
        };
        CompletionResult::Fresh { suggestions: words.into_iter().map(suggestion).collect(), partial: None }
    }
}
