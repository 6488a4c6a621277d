//! `swact capture`: copies of packets, to stdout or into a file.

use super::{CliError, Exit, args::CaptureArgs, labs::attach, output};
use crate::capture::{Capture, Counted, File, Heard, Place, filter, place::written, places};
use fabric_proto::capture::{Captured, Filter};
use notation::document::BadInput;
use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// An end that somebody asked for waits so long for a reader who does not read.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Until a person, the reader, `--count` or the lab's end ends it.
pub(super) async fn capture(args: CaptureArgs) -> Result<Exit, CliError> {
    let text = args.filter.clone().unwrap_or_default();
    let filter: Filter = filter::parse(&text)?;
    // As others have it, '-' is stdout.
    let path = args.write.as_ref().filter(|path| path.as_os_str() != "-");
    if path.is_none() && io::stdout().is_terminal() {
        let remedy =
            "pipe it: 'swact capture LAB PLACE | tshark -r -' (or wireshark -k -i -), or write a file with -w FILE";
        return Err(BadInput::new("capture", "pcapng is nothing for a terminal", remedy).into());
    }
    let lab = Arc::new(attach(&args.lab).await?);
    let mut all = Vec::new();
    for word in &args.places {
        for place in places(lab.plan(), word)? {
            if !all.contains(&place) {
                all.push(place);
            }
        }
    }
    let sink = match path {
        Some(path) => Sink::File(fs::File::create(path).map_err(CliError::io(path.display()))?),
        None => Sink::Stdout,
    };
    let failed = CliError::io(path.map_or("stdout".to_owned(), |path| path.display().to_string()));
    let file = File::new(&all, &text, args.keep, args.count.unwrap_or(u64::MAX), fabric::clock::wall_offset());
    let file = file.map_err(|error| CliError::io("capture")(error.into()))?;
    let mut writer = Writer::start(file, sink);
    let mut running = Capture::start(&lab, &all, &filter, args.keep);
    let ended = tokio::select! {
        ended = follow(&mut running, &all, &writer.batches) => ended,
        () = crate::run::interrupted() => Ok(()),
        // The file is full, or its reader has had enough.
        _ = &mut writer.done => Ok(()),
    };
    running.stop().await;
    let written = writer.finish().await;
    say_counts(&all, &written.counted);
    ended?;
    written.result.map_err(failed)?;
    Ok(Exit::Pass)
}

/// Takes what is heard, until the lab is gone, or nothing can be had of a card.
async fn follow(
    running: &mut Capture,
    all: &[Place],
    batches: &mpsc::Sender<(usize, Captured)>,
) -> Result<(), CliError> {
    let mut gone = vec![false; all.len()];
    let mut lost = vec![false; all.len()];
    while let Some((number, heard)) = running.next().await {
        let card = written(&all[number].card);
        match heard {
            Heard::Copies(captured) => {
                if batches.send((number, captured)).await.is_err() {
                    // The writer has ended: that is the other branch's to tell.
                    return std::future::pending().await;
                }
            }
            Heard::Begun if std::mem::take(&mut lost[number]) => {
                output::say(format_args!("{}: {card} is there again, and the capture goes on", all[number].name));
            }
            Heard::Begun => {}
            Heard::Lost => {
                lost[number] = true;
                let name = &all[number].name;
                output::say(format_args!("{name}: {card} does not answer; the capture goes on with its next life"));
            }
            Heard::Gone => {
                gone[number] = true;
                if gone.iter().all(|gone| *gone) {
                    output::say("the lab is gone");
                    return Ok(());
                }
            }
            Heard::Failed(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn say_counts(all: &[Place], counted: &[Counted]) {
    for (place, Counted { packets, missed }) in all.iter().zip(counted) {
        let missed = match missed {
            0 => String::new(),
            missed => format!(
                "; {missed} more were missed: they came faster than copies could be taken (a --filter or --keep helps)"
            ),
        };
        output::say(format_args!("{}: {packets} packets{missed}", place.name));
    }
}

/// Where bytes go.
enum Sink {
    Stdout,
    File(fs::File),
}

impl Sink {
    /// Writes bytes; false when nobody wants more of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        match self {
            Self::Stdout => {
                crate::output::data(bytes);
                Ok(crate::output::is_read())
            }
            Self::File(file) => file.write_all(bytes).map(|()| true),
        }
    }
}

/// What was written, and how that ended.
struct Written {
    counted: Vec<Counted>,
    result: io::Result<()>,
}

/// A thread that makes the file: a reader who stands still must not keep anybody from being heard.
struct Writer {
    batches: mpsc::Sender<(usize, Captured)>,
    done: oneshot::Receiver<()>,
    thread: JoinHandle<io::Result<()>>,
    file: Arc<Mutex<File>>,
}

impl Writer {
    fn start(file: File, mut sink: Sink) -> Self {
        let (batches, mut inbox) = mpsc::channel::<(usize, Captured)>(1);
        let (tell, done) = oneshot::channel();
        let file = Arc::new(Mutex::new(file));
        let own = Arc::clone(&file);
        let thread = tokio::task::spawn_blocking(move || {
            // Dropped, it says that no more is written.
            let _tell: oneshot::Sender<()> = tell;
            let lock = || own.lock().unwrap_or_else(PoisonError::into_inner);
            let head = lock().take();
            let mut wanted = sink.write(&head)?;
            while wanted && let Some((place, captured)) = inbox.blocking_recv() {
                let (more, bytes) = {
                    let mut file = lock();
                    (file.push(place, &captured)?, file.take())
                };
                wanted = sink.write(&bytes)? && more;
            }
            let bytes = {
                let mut file = lock();
                file.finish(fabric::clock::now())?;
                file.take()
            };
            sink.write(&bytes).map(drop)
        });
        Self { batches, done, thread, file }
    }

    /// Ends it. A reader who does not read is not waited for for long.
    async fn finish(self) -> Written {
        let Self { batches, done: _, thread, file } = self;
        drop(batches);
        let result = match timeout(LAST_WORDS, thread).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads: the end of the capture is lost")),
        };
        let counted = file.lock().unwrap_or_else(PoisonError::into_inner).counted();
        Written { counted, result }
    }
}
