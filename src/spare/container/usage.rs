//! What the kernel tells of a room's limits: read in the room, by nothing but its shell, where the numbers are the room's
//! own. No engine tells them: one that takes an exec does not say that the kernel ended a process of it, or refused one.
//!
//! A step begins with the counts as they are and writes them as the first line of its standard error, so that what it
//! did itself is what they have grown by in the end, and a step that ends well costs no second exec. It ends with all that
//! it has started.

use std::time::Duration;

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt as _;

use super::{
    super::OnOutput,
    connect::Connection,
    create::WORK,
    step::{self, End},
};
use crate::record::Stream;

/// How long reading may take: the room may be full of processes that all want to run.
const READING: Duration = Duration::from_secs(15);

/// Writes the counts of both versions of control groups, as far as they are there. Starts no process: that may be what
/// is refused.
macro_rules! counts {
    () => {
        r#"canship_counts=canship-counts
for canship_file in memory.events memory/memory.oom_control pids.events pids/pids.events; do
[ -r /sys/fs/cgroup/$canship_file ] && while read -r canship_key canship_value; do
canship_counts="$canship_counts $canship_file:$canship_key=$canship_value"
done </sys/fs/cgroup/$canship_file
done
echo "$canship_counts""#
    };
}

/// Runs a step, whose command is `$0`, and then ends whatever was not in the room before it: a process that stayed would
/// see the secrets of later steps, keep its own for them to see, and change artifacts while they are taken out. All is
/// stopped before, since what goes on forking is never found; the room's own processes go on at once, for they end it when
/// canship is gone. It is waited until the others are reaped. Tells the code of the step. What a step sends to its whole
/// group does not end that, and what the shell says of a step that a signal ended is not the step's output.
pub(super) const STEP: &str = concat!(
    counts!(),
    r#" >&2
set -- /proc/[0-9]*
canship_room=" $* "
trap : HUP INT QUIT USR1 USR2 ALRM TERM
exec 3>&2 2>/dev/null
(exec /bin/sh -c "$0" 2>&3 3>&-)
canship_code=$?
kill -STOP -1
for canship_process; do kill -CONT "${canship_process#/proc/}"; done
canship_left=left
while [ "$canship_left" ]; do
canship_left=
for canship_process in /proc/[0-9]*; do
case $canship_room in *" $canship_process "*) continue ;; esac
canship_left=left
kill -9 "${canship_process#/proc/}"
done
done
exit "$canship_code""#
);

/// Reads the counts, and how full the file systems of these paths are.
const END: &str = concat!(counts!(), "\ndf -Pk -- \"$@\" 2>/dev/null\ntrue");

/// How often the kernel had to act, since the room was made; 0 where it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Processes that were ended for want of memory.
    pub(super) oom_kills: u64,
    /// Times that a process or thread was refused.
    pub(super) refused: u64,
}

impl Counts {
    fn parse(line: &str) -> Option<Self> {
        let mut counts = Self::default();
        for count in line.strip_prefix("canship-counts")?.split_whitespace() {
            let (name, value) = count.split_once('=')?;
            let value = value.parse().unwrap_or(0);
            match name {
                "memory.events:oom_kill" | "memory/memory.oom_control:oom_kill" => counts.oom_kills = value,
                "pids.events:max" | "pids/pids.events:max" => counts.refused = value,
                _ => {}
            }
        }
        Some(counts)
    }
}

/// Takes a step's output, and out of it the counts that it begins with.
#[derive(Default)]
pub(super) struct Beginning {
    /// The start of standard error, until it is whole.
    line: Vec<u8>,
    is_over: bool,
    pub(super) counts: Option<Counts>,
}

impl Beginning {
    /// Longer than any line of counts.
    const LONGEST: usize = 4096;

    pub(super) fn take(&mut self, stream: Stream, chunk: &[u8], output: OnOutput<'_>) {
        if self.is_over || stream == Stream::Stdout {
            return output(stream, chunk);
        }
        self.line.extend_from_slice(chunk);
        let end = self.line.iter().position(|byte| *byte == b'\n');
        if end.is_none() && self.line.len() < Self::LONGEST {
            return;
        }
        let first = end.and_then(|end| str::from_utf8(&self.line[..end]).ok());
        self.counts = first.and_then(Counts::parse);
        let ours = if self.counts.is_some() { end.map_or(0, |end| end + 1) } else { 0 };
        self.is_over = true;
        if self.line.len() > ours {
            output(stream, &self.line[ours..]);
        }
        self.line.clear();
    }

    /// There is no more: gives what was taken for the start of a line of counts.
    pub(super) fn finish(&mut self, output: OnOutput<'_>) {
        if !self.line.is_empty() {
            output(Stream::Stderr, &std::mem::take(&mut self.line));
        }
        self.is_over = true;
    }
}

/// How a room stands after a step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) counts: Counts,
    /// Whether a file system that the step may write to is full.
    pub(super) is_disk_full: bool,
    /// Whether no process more may be started.
    pub(super) is_out_of_processes: bool,
}

/// What became of a question to a room.
pub(super) enum Told {
    Usage(Usage),
    /// There is no room any more.
    Gone,
}

/// Asks the room how it stands.
pub(super) async fn read(connection: &Connection, container: &str, writable: &[std::path::PathBuf]) -> Told {
    let paths = writable.iter().map(|path| path.to_string_lossy().into_owned());
    let places = [WORK.to_owned(), String::from("/tmp")].into_iter().chain(paths);
    let arguments = [END.to_owned(), String::from("canship")].into_iter().chain(places).collect();
    let mut said = Vec::new();
    let mut take = |_: Stream, bytes: &[u8]| said.extend_from_slice(bytes);
    let reading = step::exec(connection, container, arguments, Vec::new(), &mut take);
    match tokio::time::timeout(READING, reading).await {
        Ok(Ok(End::Exited(0))) => Told::Usage(parse(&String::from_utf8_lossy(&said))),
        Ok(Ok(End::Gone)) => Told::Gone,
        // A container that is just ending takes an exec, but does not run it.
        _ if step::is_ending(connection, container).await => Told::Gone,
        // An engine that needs a process in the room to start an exec cannot when there may be no more.
        _ => Told::Usage(Usage { is_out_of_processes: has_all_processes(connection, container).await, ..Usage::default() }),
    }
}

fn parse(said: &str) -> Usage {
    let (first, rest) = said.split_once('\n').unwrap_or((said, ""));
    Usage {
        counts: Counts::parse(first).unwrap_or_default(),
        is_disk_full: rest.lines().skip(1).any(|line| is_full(line).unwrap_or(false)),
        is_out_of_processes: false,
    }
}

/// Whether a line of `df` is of a file system with less than a hundredth left.
fn is_full(line: &str) -> Option<bool> {
    // From the right: the name of a device may have spaces, that of a place which we chose has none before its `/`.
    let before = line.get(..line.find(" /")?)?;
    let mut numbers = before.split_whitespace().rev().skip(1).map(str::parse::<u64>);
    let (available, used) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(available.saturating_mul(99) < used)
}

/// Ends when the processes of a room hold more memory of their own than this, twice in a row: the kernel counts with it
/// what lies in file systems in memory, so the room's limit is higher. Never ends where the engine does not tell, as Podman.
pub(super) async fn beyond(connection: &Connection, container: &str, most: Option<u64>) {
    if let Some(most) = most {
        let mut stats = connection.docker.stats(container, Some(StatsOptionsBuilder::default().stream(true).build()));
        let mut is_beyond = false;
        while let Some(Ok(seen)) = stats.next().await {
            let told = seen.memory_stats.and_then(|memory| memory.stats).unwrap_or_default();
            // As control groups call it, version 2 and version 1.
            let held = ["anon", "total_rss"].iter().find_map(|name| told.get(*name)).copied().unwrap_or_default();
            if held > most && std::mem::replace(&mut is_beyond, held > most) {
                return;
            }
            is_beyond = held > most;
        }
    }
    std::future::pending::<()>().await;
}

/// Whether a room has as many processes as it may, as the engine counts them.
pub(super) async fn has_all_processes(connection: &Connection, container: &str) -> bool {
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    let mut stats = connection.docker.stats(container, Some(options));
    let Ok(Some(Ok(seen))) = tokio::time::timeout(READING, stats.next()).await else { return false };
    let pids = seen.pids_stats.unwrap_or_default();
    pids.current.zip(pids.limit).is_some_and(|(current, limit)| limit > 0 && current >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(chunks: &[(Stream, &str)]) -> (Option<Counts>, String) {
        let (mut beginning, mut given) = (Beginning::default(), String::new());
        for (stream, chunk) in chunks {
            beginning.take(*stream, chunk.as_bytes(), &mut |_, bytes| given.push_str(str::from_utf8(bytes).unwrap()));
        }
        beginning.finish(&mut |_, bytes| given.push_str(str::from_utf8(bytes).unwrap()));
        (beginning.counts, given)
    }

    #[test]
    fn the_counts_are_taken_out_of_a_steps_output_however_it_is_cut() {
        let counts = "canship-counts memory.events:oom=9 memory.events:oom_kill=2 pids.events:max=3\n";
        for cut in 0..counts.len() {
            let (a, b) = counts.split_at(cut);
            let b = format!("{b}warning\n");
            let seen = through(&[(Stream::Stderr, a), (Stream::Stdout, "out "), (Stream::Stderr, &b)]);
            assert_eq!(seen, (Some(Counts { oom_kills: 2, refused: 3 }), "out warning\n".to_owned()));
        }
    }

    #[test]
    fn output_without_counts_stays_whole() {
        let long = "x".repeat(5000);
        for said in ["exec failed: no such file\n", "no line end", &long] {
            assert_eq!(through(&[(Stream::Stderr, said)]), (None, said.to_owned()));
        }
    }

    #[test]
    fn a_disk_is_full_when_less_than_a_hundredth_is_left() {
        let usage = |df: &str| {
            parse(&format!(
                "canship-counts pids/pids.events:max=4\nFilesystem 1024-blocks Used Available Capacity Mounted on\n{df}\n"
            ))
        };
        assert!(usage("tmpfs 65536 65536 0 100% /work").is_disk_full);
        assert!(!usage("tmpfs 65536 64000 1536 98% /work").is_disk_full);
        assert!(!usage("tmpfs 65536 0 65536 0% /tmp\nmy disk 10 1 9 10% /usr/local/my place").is_disk_full);
        assert_eq!(usage("").counts, Counts { oom_kills: 0, refused: 4 });
    }
}
