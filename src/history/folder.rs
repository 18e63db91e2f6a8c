//! Records in a folder of this machine, one file each, named by their drills and so sorted by time.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{
    Delivery, History, HistoryError, Whereabouts,
    index::Index,
    log::{self, LogError},
    sink::FolderSink,
};
use crate::record::{Brief, Damaged, DrillId, Record, Shelf, Sink, Text};

/// How the name of a whole log ends.
pub(super) const WHOLE: &str = ".jsonl";
/// How the name of a log ends whose drill runs, or was killed.
pub(super) const LIVE: &str = ".live.jsonl";
/// What was read before; beside the records, hidden from a plain listing.
const INDEX: &str = ".index";
/// canship's own folder in a repository, which no commit should hold.
const OWN: &str = ".canship";
/// A file that changed within this time may change again without its stamp telling.
const SETTLES: SignedDuration = SignedDuration::from_secs(2);
/// More threads than this only wait for the disk.
const MOST_THREADS: usize = 8;

/// A folder of records.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What one file turned out to be.
enum Found {
    Ended(Box<Brief>),
    Running(DrillId),
    Damaged(Damaged),
    /// It was removed after it was listed, as is what was delivered elsewhere.
    Gone,
}

impl Folder {
    /// The folder at `path`, which need not be there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// canship's own folder, if that is where the records are.
    fn own(&self) -> Option<&Path> {
        self.path.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == OWN))
    }

    /// Nobody looks into that folder, so a link there, which a commit may have brought, would lead astray unseen.
    fn refuse_links(&self) -> io::Result<()> {
        let Some(own) = self.own() else { return Ok(()) };
        let mut inside = self.path.ancestors().take_while(|folder| folder.starts_with(own));
        let Some(link) = inside.find(|folder| folder.is_symlink()) else { return Ok(()) };
        let link = Text::new(&link.to_string_lossy());
        Err(io::Error::other(format!("`{link}` is a link: remove it, or name the folder that is meant by `history:`")))
    }

    fn make(&self) -> io::Result<()> {
        self.refuse_links()?;
        fs::create_dir_all(&self.path)?;
        if let Some(own) = self.own() {
            match OpenOptions::new().write(true).create_new(true).open(own.join(".gitignore")) {
                Ok(mut file) => file.write_all(b"*\n")?,
                Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {}
                Err(reason) => return Err(reason),
            }
        }
        // That it can be made says that the log can.
        tempfile::Builder::new().prefix(".new-").tempfile_in(&self.path).map(drop)
    }

    /// Whether the whole log of this drill is there.
    fn holds(&self, drill: &DrillId) -> bool {
        self.path.join(format!("{drill}{WHOLE}")).is_file()
    }

    /// The names of all files that say they are logs, oldest first.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        self.refuse_links()?;
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(reason) => return Err(reason),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(WHOLE) && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// All that is in it. Reads again only what has changed since it was read last.
    pub(super) fn shelf(&self, now: Timestamp) -> io::Result<Shelf> {
        let names = self.names()?;
        let known = fs::read(self.path.join(INDEX)).map_or_else(|_| Index::default(), |bytes| Index::from_bytes(&bytes));
        let (known_before, looked) = (known.len(), self.look_at_all(&names, known)?);
        let mut all = Shelf::default();
        let (mut index, mut fresh) = (Index::default(), 0);
        let mut seen = BTreeSet::new();
        for (name, Looked { found, stamp, read }) in names.iter().zip(looked) {
            match found {
                Found::Ended(brief) => {
                    if let Some((stamp, _)) = stamp.filter(|(_, changed)| now.duration_since(*changed) > SETTLES) {
                        index.add(name, &stamp, &brief);
                        fresh += usize::from(read);
                    }
                    // A copy of a log tells of the same drill.
                    if seen.insert(brief.drill.clone()) {
                        all.drills.push(*brief);
                    }
                }
                Found::Running(drill) => all.running.push(drill),
                Found::Damaged(damaged) => all.damaged.push(damaged),
                Found::Gone => {}
            }
        }
        all.drills.sort_by(|a, b| (a.started, &a.drill).cmp(&(b.started, &b.drill)));
        if fresh > 0 || index.len() != known_before {
            // Whoever may only read goes without it.
            drop(self.write_index(&index));
        }
        Ok(all)
    }

    fn write_index(&self, index: &Index) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.path)?;
        file.write_all(&index.to_bytes())?;
        file.persist(self.path.join(INDEX)).map_err(|refused| refused.error).map(drop)
    }

    /// What each file is, in the order of the names.
    fn look_at_all(&self, names: &[String], mut known: Index) -> io::Result<Vec<Looked>> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let jobs: Vec<(&String, Option<Stamp>, Option<Brief>)> = names
            .iter()
            .map(|name| {
                let stamp = fs::metadata(self.path.join(name)).ok().as_ref().and_then(Stamp::of);
                let brief = stamp.as_ref().and_then(|stamp| known.take(name, &stamp.0));
                (name, stamp, brief)
            })
            .collect();
        let share = jobs.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let workers: Vec<_> = into_chunks(jobs, share)
                .into_iter()
                .map(|jobs| scope.spawn(move || jobs.into_iter().map(|job| self.look(job)).collect::<Vec<_>>()))
                .collect();
            let mut all = Vec::with_capacity(names.len());
            for worker in workers {
                all.extend(worker.join().map_err(|_| io::Error::other("reading them broke off"))?);
            }
            Ok(all)
        })
    }

    fn look(&self, (name, stamp, brief): (&String, Option<Stamp>, Option<Brief>)) -> Looked {
        let stamp = stamp.filter(|_| !name.ends_with(LIVE)).map(|Stamp(stamp, changed)| (stamp, changed));
        if let Some(brief) = brief {
            return Looked { found: Found::Ended(Box::new(brief)), stamp, read: false };
        }
        let path = self.path.join(name);
        let found = self.look_at(name).unwrap_or_else(|reason| {
            let shown = Text::new(&path.to_string_lossy());
            let reason = Text::new(&format!("`{shown}` cannot be read: {reason}"));
            Found::Damaged(Damaged { name: shown, reason })
        });
        Looked { found, stamp, read: true }
    }

    /// Looks at a file, under the name that it has when its drill ends if it has got that since it was listed.
    fn look_at(&self, name: &str) -> io::Result<Found> {
        match look_at(&self.path.join(name), name) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => match name.strip_suffix(LIVE) {
                Some(drill) => self.look_at(&format!("{drill}{WHOLE}")),
                None if self.path.join(name).symlink_metadata().is_err() => Ok(Found::Gone),
                None => Err(missing),
            },
            looked => looked,
        }
    }
}

/// One file, looked at.
struct Looked {
    found: Found,
    /// For what can be indexed: the stamp, and when the file changed last.
    stamp: Option<(String, Timestamp)>,
    /// Whether it was read, rather than known.
    read: bool,
}

/// What changes with every write to a file, whoever writes, and when that was.
struct Stamp(String, Timestamp);

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Option<Self> {
        let changed = Timestamp::new(metadata.ctime(), i32::try_from(metadata.ctime_nsec()).ok()?).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        let text = format!("{}-{}-{}.{}-{changed}", metadata.ino(), metadata.len(), modified.0, modified.1);
        metadata.is_file().then_some(Self(text, changed))
    }
}

fn into_chunks<T>(mut items: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut chunks = Vec::new();
    while !items.is_empty() {
        let rest = items.split_off(items.len().min(size));
        chunks.push(std::mem::replace(&mut items, rest));
    }
    chunks
}

/// Opens a regular file. Opening a pipe would wait for its writer.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

fn look_at(path: &Path, name: &str) -> io::Result<Found> {
    let file = open(path)?;
    let shown = path.to_string_lossy();
    if let Some(drill) = name.strip_suffix(LIVE) {
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                return match DrillId::try_from(drill.to_owned()) {
                    Ok(drill) => Ok(Found::Running(drill)),
                    Err(odd) => Ok(Found::Damaged(damaged(path, &odd))),
                };
            }
            // Without locks it is read as what it is: a log without an end.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        return Ok(ended(path, log::read_without_output(&shown, BufReader::new(&file))));
    }
    Ok(match log::read_without_output(&shown, BufReader::with_capacity(64 * 1024, &file)) {
        Ok(record) if !record.finished => {
            let reason = Text::new(&format!("`{shown}` is cut off before its last event"));
            Found::Damaged(Damaged { name: Text::new(&shown), reason })
        }
        read => ended(path, read),
    })
}

fn ended(path: &Path, read: Result<Record, LogError>) -> Found {
    match read {
        Ok(record) => Found::Ended(Box::new(record.into())),
        Err(reason) => Found::Damaged(damaged(path, &reason)),
    }
}

fn damaged(path: &Path, reason: &dyn std::error::Error) -> Damaged {
    let because = reason.source().map(|source| format!(": {source}")).unwrap_or_default();
    Damaged { name: Text::new(&path.to_string_lossy()), reason: Text::new(&format!("{reason}{because}")) }
}

#[async_trait]
impl History for Folder {
    fn place(&self) -> Text {
        Text::new(&self.path.to_string_lossy())
    }

    fn prepare(&self) -> Result<(), HistoryError> {
        self.make().map_err(|reason| HistoryError::NotWritable { path: self.path.clone(), reason })
    }

    fn sink(&self) -> Box<dyn Sink> {
        Box::new(FolderSink::new(&self.path))
    }

    async fn deliver(&self, drill: &DrillId) -> Delivery {
        // Where it is written is where it belongs.
        let record = if self.holds(drill) { Whereabouts::InPlace } else { Whereabouts::Lost };
        Delivery { record, waiting: 0, problems: Vec::new() }
    }

    async fn read(&self, now: Timestamp) -> Result<Shelf, HistoryError> {
        let folder = self.clone();
        let read = tokio::task::spawn_blocking(move || folder.shelf(now)).await;
        let read = read.unwrap_or_else(|stopped| Err(stopped.into()));
        read.map_err(|reason| HistoryError::NotReadable { path: self.path.clone(), reason })
    }
}
