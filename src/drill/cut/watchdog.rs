//! The watchdog: a child in a session of its own that holds the other end of a pipe. What it must know comes through
//! that pipe, the token too; when the pipe ends without a word, or at the deadline, it gives back.
//!
//! Invariants: the token is in neither its arguments nor its environment; it gives back only what the drill has said that
//! it is about to turn off, and deletes the lease only if it is the drill's; signals do not end it.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use process_wrap::tokio::{CommandWrap, ProcessSession};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufRead, AsyncReadExt as _, AsyncWriteExt as _, Lines},
    process::{ChildStdin, Command},
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Program,
    back::{self, Away, Calls, Outcome, Own, Told},
    now, recover, until,
    wire::Wire,
};
use crate::{
    forge::Forge,
    record::{Control, DrillId, Place},
    secret::Secret,
    state::State,
};

/// How long it may take to start.
const START: Duration = Duration::from_secs(10);
/// How long its end is waited for once it was told that all is back.
const END: Duration = Duration::from_secs(2);
/// How long it goes on trying.
const TRIES: Duration = Duration::from_mins(30);
/// How long it waits for each answer at first.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How often and how soon after each other it looks whether the drill's lock is free.
const LOOKS: usize = 100;
const LOOK: Duration = Duration::from_millis(50);

/// Before the number of a part: it is about to be turned off.
const OFF: &str = "off ";
/// Before the number of a part: the call that turns it off was answered.
const ANSWERED: &str = "answered ";
/// Before the number of a part: it is not the drill's to give back.
const LEFT: &str = "left ";
/// Everything is back.
const DONE: &str = "done";
/// The drill gives back no more, and not everything is back.
const OVER: &str = "over";
/// It stands, and has what it needs.
const READY: &[u8] = b"ready\n";

/// What it must know, but for the token.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where the primary path is.
    pub place: Place,
    /// The drill.
    pub drill: DrillId,
    /// What may be off later, all of which was on; each is numbered by its place in here.
    pub was_on: Vec<Control>,
    /// When the cut began.
    pub cut_at: Timestamp,
    /// When it is given back whatever the drill does.
    pub deadline: Timestamp,
    /// How long one answer may take.
    pub api: Duration,
    /// How long after its sender's end a call may take effect.
    pub late_effect: Duration,
    /// The longest that the forge may ask to wait.
    pub retry_after_max: Duration,
    /// Files with the certificates of private authorities.
    pub trust: Vec<PathBuf>,
    /// The state folder.
    pub state: PathBuf,
}

/// A word for it, and where it is told once the word is in the pipe.
type Word = (String, oneshot::Sender<()>);

/// The drill's end of the pipe.
pub(super) struct Watchdog {
    words: mpsc::UnboundedSender<Word>,
    ended: CancellationToken,
}

impl Watchdog {
    /// Starts it, and waits until it has what it needs.
    pub(super) async fn start(program: &Program, (order, token): (&Order, &Secret), log: &Path) -> io::Result<Self> {
        let mut command = Command::new(&program.path);
        command.arg(program.argument).env_clear().envs(program.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut child = CommandWrap::from(command).wrap(ProcessSession).spawn()?;
        let (pipe, answer) = (child.stdin().take(), child.stdout().take());
        let (Some(mut pipe), Some(mut answer)) = (pipe, answer) else { return Err(io::Error::other("it has no pipe")) };
        let text = Secret::new(format!("{}\n{}\n", serde_json::to_string(order)?, serde_json::to_string(token.expose())?));
        let started = timeout(START, async {
            pipe.write_all(text.expose().as_bytes()).await?;
            let mut ready = [0; READY.len()];
            answer.read_exact(&mut ready).await.map(|_| ready == *READY)
        });
        let why = || std::fs::read_to_string(log).unwrap_or_default();
        match started.await {
            Ok(Ok(true)) => {}
            Ok(_) => return Err(io::Error::other(format!("it did not start: {}", why().trim()))),
            Err(_) => return Err(io::Error::other("it did not start in time")),
        }
        let (words, ended) = (mpsc::unbounded_channel(), CancellationToken::new());
        let end = ended.clone();
        tokio::spawn(async move {
            let mut words = words.1;
            let speak = speak(&mut pipe, &mut words);
            tokio::select! {
                // The pipe is closed only with this process, or after the last word.
                () = speak => drop(child.wait().await),
                _ = child.wait() => {}
            }
            end.cancel();
        });
        Ok(Self { words: words.0, ended })
    }

    /// Where it is told what there is to give back from now on.
    pub(super) fn ear(&self) -> Ear {
        Ear(self.words.clone())
    }

    /// Ends with it.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Tells it that everything is back, and waits for its end.
    pub(super) async fn dismiss(self) {
        drop(self.ear().say(DONE.to_owned()).await);
        drop(timeout(END, self.ended.cancelled()).await);
    }
}

/// What a watchdog hears through.
pub(super) struct Ear(mpsc::UnboundedSender<Word>);

impl Ear {
    /// Tells it that this part of its order is about to be turned off; once this returns, the word is in the pipe, whatever
    /// becomes of the drill.
    pub(super) async fn off(&self, number: usize) -> io::Result<()> {
        self.say(format!("{OFF}{number}")).await
    }

    /// Tells it that the call that turned this part off can take effect no more.
    pub(super) async fn answered(&self, number: usize) -> io::Result<()> {
        self.say(format!("{ANSWERED}{number}")).await
    }

    /// Tells it that this part is not the drill's to give back.
    pub(super) async fn left(&self, number: usize) -> io::Result<()> {
        self.say(format!("{LEFT}{number}")).await
    }

    async fn say(&self, word: String) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let (heard, hearing) = oneshot::channel();
        self.0.send((word, heard)).map_err(|_| gone())?;
        hearing.await.map_err(|_| gone())
    }
}

/// Writes each word into the pipe; ends after the last one.
async fn speak(pipe: &mut ChildStdin, words: &mut mpsc::UnboundedReceiver<Word>) {
    while let Some((word, heard)) = words.recv().await {
        let line = format!("{word}\n");
        if pipe.write_all(line.as_bytes()).await.is_err() || pipe.flush().await.is_err() {
            return;
        }
        heard.send(()).unwrap_or_default();
        if word == DONE {
            return;
        }
    }
    // Whoever spoke is gone without the last word, as a drill that could not give everything back. This process may hang for
    // long in what it prints of that. The pipe stays open until it ends: its journal is its own until then.
    drop(pipe.write_all(format!("{OVER}\n").as_bytes()).await);
    drop(pipe.flush().await);
    std::future::pending::<()>().await;
}

/// What the watchdog is: waits, and gives back when the drill is dead or the deadline has come. `say` tells its log.
pub async fn watch<R: AsyncBufRead + Unpin>(
    order: &Order,
    forge: std::sync::Arc<dyn Forge>,
    lines: Lines<R>,
    say: &(dyn Fn(&str) + Sync),
) {
    let wire = Wire::new(forge, order.api).taking_effect(order.late_effect).hurried(PATIENCE).stubborn();
    let mut pipe = Pipe { lines, off: BTreeMap::new() };
    let deadline = until(order.deadline);
    let is_over = tokio::select! {
        end = pipe.end() => Some(end),
        () = deadline => None,
    };
    let why = match is_over {
        Some(End::Over) => Some("the drill gives back no more: what it took is given back"),
        None => Some("the path may not be cut any longer: it is given back"),
        Some(End::Done | End::Died) => None,
    };
    if let Some(why) = why {
        say(why);
        give_back(order, &wire, &pipe.off, say).await;
    }
    // The drill may hang, and may go on when nobody expects it.
    let mut end = is_over;
    while matches!(end, None | Some(End::Over)) {
        end = Some(pipe.end().await);
    }
    if end == Some(End::Died) {
        say("the drill has died: what it took is given back");
        if let Some(gone) = give_back(order, &wire, &pipe.off, say).await {
            note(order, &gone).await;
        }
    }
}

/// Notes in the journal of the drill, which has died, that everything is back or gone.
async fn note(order: &Order, gone: &[Control]) {
    let Ok(state) = State::open(&order.state) else { return };
    // A child that it was about to start has its lock until it has become its program.
    for _ in 0..LOOKS {
        if state.drills(now()).is_ok_and(|drills| !drills.living.contains(&order.drill)) {
            break;
        }
        sleep(LOOK).await;
    }
    recover::strike(&state, &order.drill, gone, now());
}

/// How the drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With everything back.
    Done,
    /// Without everything back; its process has not ended.
    Over,
    /// Without a word.
    Died,
}

/// Whether the drill has had the answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Seen,
    Unseen,
}

struct Pipe<R> {
    lines: Lines<R>,
    /// The numbers of what the drill has turned off, or is about to, and whether the call that does it was answered.
    off: BTreeMap<usize, Answer>,
}

impl<R: AsyncBufRead + Unpin> Pipe<R> {
    /// Listens until the drill has ended. May be dropped and called again.
    async fn end(&mut self) -> End {
        loop {
            match self.lines.next_line().await {
                Ok(Some(word)) if word == DONE => return End::Done,
                Ok(Some(word)) if word == OVER => return End::Over,
                Ok(Some(word)) => self.hear(&word),
                Ok(None) | Err(_) => return End::Died,
            }
        }
    }

    fn hear(&mut self, word: &str) {
        let number = |start| word.strip_prefix(start)?.parse().ok();
        self.off.extend(number(OFF).map(|number| (number, Answer::Unseen)));
        if let Some(answer) = number(ANSWERED).and_then(|number| self.off.get_mut(&number)) {
            *answer = Answer::Seen;
        }
        if let Some(number) = number(LEFT) {
            self.off.remove(&number);
        }
    }
}

/// Gives back what the drill has taken; what of it is gone, if nothing is away any more.
async fn give_back(order: &Order, wire: &Wire, off: &BTreeMap<usize, Answer>, say: &(dyn Fn(&str) + Sync)) -> Option<Vec<Control>> {
    // What is under way was sent by a drill that has ended by now, or hangs.
    let calls = |answer| if answer == Answer::Seen { Calls::Answered } else { wire.given_up() };
    let off = off.iter().filter_map(|(number, answer)| Some((order.was_on.get(*number)?, *answer)));
    let away: Vec<_> = off.map(|(control, answer)| Away { control: control.clone(), calls: calls(answer) }).collect();
    let gone = Mutex::new(Vec::new());
    let tell = |told| match told {
        Told::Back(control) => say(&format!("{control} is on, read back")),
        Told::Gone(control) => {
            say(&back::gone(wire, &control));
            gone.lock().unwrap_or_else(PoisonError::into_inner).push(control);
        }
        Told::Awaited(control, until) => {
            let what = control.map_or_else(|| "the lease".to_owned(), |control| control.to_string());
            say(&format!(
                "{what} is as it was, but a call that was not answered may take effect until {until}: it is looked at until then"
            ));
        }
        Told::OfAnother(control) => say(&format!("{control} is left to the drill that holds the lease")),
        Told::NotBack(_, not) => say(&format!("NOT given back: {}: {}\nby hand: {}", not.what, not.reason, not.by_hand)),
        Told::Note(note) => say(&note),
    };
    let until = back::at_the_latest(TRIES, &[wire.given_up()]);
    let own = Own { drill: &order.drill, cut_at: Some(order.cut_at), calls: wire.given_up() };
    let outcome = back::give_back(wire, own, &away, (until, &tell)).await;
    (outcome == Outcome::AllBack).then(|| {
        say("nothing is away any more");
        gone.into_inner().unwrap_or_else(PoisonError::into_inner)
    })
}
