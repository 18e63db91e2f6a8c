//! A control group for each room, where this process may make one: the kernel then bounds memory, processes and
//! processors of all that the steps start, wherever it goes, and everything in it can be found and ended.
//!
//! Version 2 of control groups: below the nearest group above this process in which children get the controllers (that
//! is root's, or what a service manager has handed to the user). Version 1: below this process's own group of each
//! controller. Nothing of the groups that are there is changed.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Pid;

use super::{left::IsDead, processes};
use crate::{plan::Limits, record::DrillId};

/// What a group can bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Memory,
    Processes,
    Processors,
}

impl Bound {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Processes, Self::Processors];

    /// The controller's name in both versions.
    fn controller(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "pids",
            Self::Processors => "cpu",
        }
    }

    /// The plan's word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Processors => "processors",
        }
    }

    /// Whether the plan asks for it.
    pub(super) fn is_asked(self, limits: &Limits) -> bool {
        match self {
            Self::Memory => limits.memory.is_some(),
            Self::Processes => true,
            Self::Processors => limits.cpus.is_some(),
        }
    }
}

/// The control group of one room; removed by [`Group::remove`].
#[derive(Debug, Default)]
pub(super) struct Group {
    held: Vec<Held>,
    /// Every folder that was made.
    folders: Vec<PathBuf>,
    pids: u64,
}

/// A folder of the kernel's that bounds something.
#[derive(Debug)]
struct Held {
    bound: Bound,
    version: Version,
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// How often the kernel had to act in a group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Processes that were ended for want of memory.
    pub(super) oom_kills: u64,
    /// Times that a process or thread was refused.
    pub(super) refused: u64,
}

impl Group {
    /// What a group of this name cannot bound of what the plan does, each with the reason: makes one, puts a process into
    /// it and removes it.
    pub(super) fn try_out(name: &str, limits: &Limits) -> Vec<(Bound, String)> {
        let (group, mut lacks) = Self::make(name, limits, |_| true);
        if let Err(reason) = group.take_one() {
            lacks.extend(group.held.iter().map(|held| (held.bound, reason.to_string())));
        }
        if let Err(reason) = group.remove() {
            lacks.extend(group.held.iter().map(|held| (held.bound, reason.to_string())));
        }
        lacks
    }

    fn take_one(&self) -> io::Result<()> {
        let mut waiting = Command::new("/bin/sh").args(["-c", "read -r _"]).env_clear().stdin(Stdio::piped()).spawn()?;
        let joined = self.join(Pid::from_child(&waiting));
        // Ends its input, and so it.
        drop(waiting.stdin.take());
        waiting.wait().and(joined)
    }

    /// Makes a group of this name for what the plan bounds and is wanted. Gives what cannot be bounded too, with the
    /// reason.
    pub(super) fn make(name: &str, limits: &Limits, wanted: impl Fn(Bound) -> bool) -> (Self, Vec<(Bound, String)>) {
        let (mut group, mut lacks) = (Self { held: Vec::new(), folders: Vec::new(), pids: limits.pids }, Vec::new());
        let places = Places::read();
        for bound in Bound::ALL.into_iter().filter(|bound| bound.is_asked(limits) && wanted(*bound)) {
            let made = match &places {
                Ok(places) => places.of(bound).and_then(|(version, above)| {
                    let held = Held { bound, version, folder: above.join(name) };
                    group.make_folder(&held.folder)?;
                    held.set(limits).map(|()| held)
                }),
                Err(reason) => Err(io::Error::other(reason.to_string())),
            };
            match made {
                Ok(held) => group.held.push(held),
                Err(reason) => lacks.push((bound, reason.to_string())),
            }
        }
        (group, lacks)
    }

    /// In version 2 one folder bounds everything.
    fn make_folder(&mut self, folder: &Path) -> io::Result<()> {
        if !self.folders.iter().any(|made| made == folder) {
            fs::create_dir(folder).map_err(|reason| named(&reason, &format!("a control group `{}`", folder.display())))?;
            self.folders.push(folder.to_owned());
        }
        Ok(())
    }

    pub(super) fn bounds(&self, bound: Bound) -> bool {
        self.held.iter().any(|held| held.bound == bound)
    }

    /// Puts a process into the group; what it starts from then on is in it too.
    pub(super) fn join(&self, process: Pid) -> io::Result<()> {
        self.held.iter().try_for_each(|held| held.write("cgroup.procs", &process.as_raw_nonzero().to_string()))
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for held in &self.held {
            match (held.bound, held.version) {
                (Bound::Memory, Version::One) => counts.oom_kills = held.count("memory.oom_control", "oom_kill"),
                (Bound::Memory, Version::Two) => counts.oom_kills = held.count("memory.events", "oom_kill"),
                (Bound::Processes, _) => counts.refused = held.count("pids.events", "max"),
                (Bound::Processors, _) => {}
            }
        }
        counts
    }

    /// Ends every process in the group and waits until they are gone. No new one can be started meanwhile.
    pub(super) fn end_all(&self) -> io::Result<()> {
        let Some(any) = self.held.first() else { return Ok(()) };
        let pids = self.held.iter().find(|held| held.bound == Bound::Processes);
        if let Some(pids) = pids {
            pids.write("pids.max", "0")?;
        }
        let ended = processes::end_those(&|| processes_in(&any.folder)).map(drop);
        if let Some(pids) = pids {
            pids.write("pids.max", &self.pids.to_string())?;
        }
        ended
    }

    /// Removes the group, which must be empty.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| remove(folder))
    }
}

/// Ends what still runs in the groups of drills that live no more, whatever it made of its environment, and removes them.
/// Tells how many processes there were.
///
/// # Errors
/// A group is still there; the others are gone all the same.
pub(super) fn remove_left(is_dead: IsDead<'_>) -> io::Result<usize> {
    let (mut ended, mut failed) = (0, None);
    for folder in left(is_dead)? {
        match processes::end_those(&|| processes_in(&folder)).and_then(|count| remove(&folder).map(|()| count)) {
            Ok(count) => ended += count,
            Err(reason) => failed = failed.or(Some(reason)),
        }
    }
    failed.map_or(Ok(ended), Err)
}

/// The ids of the processes in such groups.
///
/// # Errors
/// A group cannot be read.
pub(super) fn list_left(is_dead: IsDead<'_>) -> io::Result<Vec<i32>> {
    let mut all = Vec::new();
    for folder in left(is_dead)? {
        all.extend(processes_in(&folder)?);
    }
    Ok(all)
}

/// The folders of groups that drills have left.
fn left(is_dead: IsDead<'_>) -> io::Result<Vec<PathBuf>> {
    let Ok(places) = Places::read() else { return Ok(Vec::new()) };
    let mut folders = Vec::new();
    for (_, above) in Bound::ALL.into_iter().filter_map(|bound| places.of(bound).ok()) {
        for entry in fs::read_dir(above)? {
            let entry = entry?;
            if drill_of(&entry.file_name()).is_some_and(|drill| is_dead(&drill)) {
                folders.push(entry.path());
            }
        }
    }
    Ok(folders)
}

/// The processes of a group; none if it has been removed meanwhile.
fn processes_in(folder: &Path) -> io::Result<Vec<i32>> {
    match fs::read_to_string(folder.join("cgroup.procs")) {
        Ok(text) => Ok(text.lines().filter_map(|line| line.parse().ok()).collect()),
        Err(gone) if gone.kind() == io::ErrorKind::NotFound || is_removed(&gone) => Ok(Vec::new()),
        Err(reason) => Err(reason),
    }
}

/// What the kernel says of a file of a group that was open when the group was removed.
fn is_removed(reason: &io::Error) -> bool {
    reason.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

/// The drill that a group is named after: `canship-<drill>-<purpose>`, with `-look` behind it while it is tried out.
fn drill_of(name: &OsStr) -> Option<DrillId> {
    let name = name.to_str()?.strip_prefix("canship-")?;
    let name = name.strip_suffix("-look").unwrap_or(name);
    DrillId::made(name.rsplit_once('-')?.0)
}

impl Held {
    fn set(&self, limits: &Limits) -> io::Result<()> {
        let mut values = self.values(limits).into_iter();
        values.try_for_each(|(file, value)| self.write(file, &value).map_err(|reason| named(&reason, &format!("`{file}`"))))
    }

    /// What is written where. Swap is no more memory, where there is any.
    fn values(&self, limits: &Limits) -> Vec<(&'static str, String)> {
        let memory = limits.memory.unwrap_or(u64::MAX).to_string();
        let quota = quota(limits.cpus.unwrap_or(0.0));
        let swap = |file, value| self.folder.join(file).exists().then_some((file, value));
        match (self.bound, self.version) {
            (Bound::Memory, Version::One) => {
                let both = swap("memory.memsw.limit_in_bytes", memory.clone());
                [("memory.limit_in_bytes", memory)].into_iter().chain(both).collect()
            }
            (Bound::Memory, Version::Two) => {
                let none = swap("memory.swap.max", String::from("0"));
                [("memory.max", memory)].into_iter().chain(none).collect()
            }
            (Bound::Processes, _) => vec![("pids.max", limits.pids.to_string())],
            (Bound::Processors, Version::One) => {
                vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())]
            }
            (Bound::Processors, Version::Two) => vec![("cpu.max", format!("{quota} {PERIOD}"))],
        }
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        // Not created: what is not there is no file of the kernel's.
        fs::OpenOptions::new().write(true).open(self.folder.join(file))?;
        fs::write(self.folder.join(file), value)
    }

    fn count(&self, file: &str, key: &str) -> u64 {
        let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        let mut values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        values.next().and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }
}

fn named(reason: &io::Error, what: &str) -> io::Error {
    io::Error::new(reason.kind(), format!("{what}: {reason}"))
}

/// The time over which processors are shared out, in microseconds.
const PERIOD: u32 = 100_000;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a period; `as` saturates")]
fn quota(processors: f64) -> u64 {
    // The kernel takes no less than a millisecond.
    ((processors * f64::from(PERIOD)) as u64).max(1000)
}

/// Removes an empty group. What has just ended may count for a moment longer.
fn remove(folder: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match fs::remove_dir(folder) {
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(reason) if reason.kind() == io::ErrorKind::ResourceBusy && tries < 200 => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Where control groups are, and which are this process's own.
struct Places {
    mounts: String,
    own: String,
}

impl Places {
    fn read() -> io::Result<Self> {
        if !cfg!(target_os = "linux") {
            return Err(io::Error::other("only Linux has control groups"));
        }
        Ok(Self { mounts: fs::read_to_string("/proc/self/mountinfo")?, own: fs::read_to_string("/proc/self/cgroup")? })
    }

    /// The group below which one that bounds this can be made.
    fn of(&self, bound: Bound) -> io::Result<(Version, PathBuf)> {
        let controller = bound.controller();
        if let Some(above) = self.version_one(controller) {
            return Ok((Version::One, above));
        }
        let lacks = || io::Error::other(format!("there is no control group that hands on the controller `{controller}`"));
        let above = self.version_two().ok_or_else(lacks)?;
        if hands_on(&above, controller) { Ok((Version::Two, above)) } else { Err(lacks()) }
    }

    fn version_one(&self, controller: &str) -> Option<PathBuf> {
        let own = self.own.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(':')?;
            names.split(',').any(|name| name == controller).then_some(path)
        })?;
        self.mounts.lines().find_map(|line| {
            let (root, place, options) = mount(line, "cgroup")?;
            options.split(',').any(|name| name == controller).then(|| inside(place, root, own))?
        })
    }

    /// The group that hands on most of what can be bounded, the nearest of them: a process is in one group only.
    fn version_two(&self) -> Option<PathBuf> {
        let own = self.own.lines().find_map(|line| line.strip_prefix("0::"))?;
        self.mounts.lines().find_map(|line| {
            let (root, place, _) = mount(line, "cgroup2")?;
            let own = inside(place, root, own)?;
            let above: Vec<_> = own.ancestors().take_while(|folder| folder.starts_with(place)).collect();
            let most = |folder: &&&Path| Bound::ALL.into_iter().filter(|bound| hands_on(folder, bound.controller())).count();
            // The last of the best is taken: from the top down.
            above.iter().rev().max_by_key(most).map(|folder| (*folder).to_owned())
        })
    }
}

fn hands_on(folder: &Path, controller: &str) -> bool {
    let handed = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
    handed.split_whitespace().any(|name| name == controller)
}

/// Root, place and options of a mount of this kind. Source: `proc_pid_mountinfo(5)`.
fn mount<'l>(line: &'l str, kind: &str) -> Option<(&'l str, &'l str, &'l str)> {
    let (before, after) = line.split_once(" - ")?;
    let (mut before, mut after) = (before.split(' ').skip(3), after.split(' '));
    let (root, place) = (before.next()?, before.next()?);
    (after.next()? == kind).then_some(())?;
    Some((root, place, after.nth(1)?))
}

/// Where the group is to be seen: a mount may show only a part of the tree.
fn inside(place: &str, root: &str, own: &str) -> Option<PathBuf> {
    let below = Path::new(own).strip_prefix(root).ok()?;
    Some(Path::new(place).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(mounts: &str, own: &str) -> Places {
        Places { mounts: mounts.to_owned(), own: own.to_owned() }
    }

    #[test]
    fn a_group_of_version_one_is_found_in_the_mount_that_shows_it() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            31 23 0:27 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
        let places = places(mounts, "4:pids:/docker/abc/x\n3:cpu,cpuacct:/user\n0::/\n");
        assert_eq!(places.version_one("pids"), Some(PathBuf::from("/sys/fs/cgroup/pids/x")));
        assert_eq!(places.version_one("cpu"), Some(PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/user")));
        assert_eq!(places.version_one("memory"), None);
    }

    #[test]
    fn a_group_of_version_two_is_made_where_most_is_handed_on() {
        let top = tempfile::tempdir().unwrap();
        let own = top.path().join("user.slice/app.slice/run.scope");
        fs::create_dir_all(&own).unwrap();
        let hand_on = |folder: &str, names| fs::write(top.path().join(folder).join("cgroup.subtree_control"), names).unwrap();
        hand_on("", "cpu memory pids");
        hand_on("user.slice", "memory pids");
        hand_on("user.slice/app.slice/run.scope", "");
        let mounts = format!("30 23 0:26 / {} rw - cgroup2 cgroup2 rw\n", top.path().display());
        let places = places(&mounts, "0::/user.slice/app.slice/run.scope\n");
        assert_eq!(places.of(Bound::Memory).unwrap(), (Version::Two, top.path().to_owned()));
        hand_on("", "memory pids");
        assert_eq!(places.of(Bound::Processes).unwrap(), (Version::Two, top.path().join("user.slice")));
        assert!(places.of(Bound::Processors).unwrap_err().to_string().contains("`cpu`"));
    }

    #[test]
    fn processors_become_a_share_of_the_period() {
        assert_eq!((quota(1.5), quota(0.0001)), (150_000, 1000));
    }
}
