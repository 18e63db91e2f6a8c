//! What a room is really held to. Engines take limits that they cannot enforce (one without rights on its machine, one
//! whose machine has no control groups for it) and most say nothing, so it is read in the room, by its first process and
//! with nothing but its shell.

use std::collections::HashMap;

use super::{
    super::RoomPlan,
    connect::Capacity,
    create::{Disk, memory, processors},
};

/// What the first process tells before anything else: the limits of both versions of control groups as far as they are
/// there, who its root is outside, and what is mounted where the steps work. Then that it is there.
pub(super) const HELLO: &str = r#"for file in pids.max pids/pids.max memory.max memory/memory.limit_in_bytes memory.swap.max \
memory/memory.memsw.limit_in_bytes cpu.max cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us; do
[ -r /sys/fs/cgroup/$file ] && read -r line </sys/fs/cgroup/$file && echo "$file $line"
done
read -r line </proc/self/uid_map && echo "uid_map $line"
while read -r line; do case $line in *" /work "*) echo "mount $line" ;; esac; done </proc/self/mountinfo
echo ready
"#;

/// The last line of the hello.
pub(super) const READY: &str = "ready";

/// A limit that a room can lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Pids,
    Memory,
    Swap,
    Cpus,
    Disk,
}

/// What the hello told.
struct Seen<'h>(HashMap<&'h str, &'h str>);

/// The limits that the plan asks for and the room, as it says in its hello, is not held to.
pub(super) fn lacking(hello: &str, plan: &RoomPlan, capacity: &Capacity) -> Vec<Limit> {
    let seen = Seen(hello.lines().filter_map(|line| line.trim_end().split_once(' ')).collect());
    let held = [
        (Limit::Pids, seen.is_at_most(["pids.max", "pids/pids.max"], plan.limits.pids)),
        (Limit::Cpus, processors(plan, capacity).is_none_or(|asked| seen.processors().is_some_and(|seen| seen <= asked * 1.01))),
        (
            Limit::Disk,
            match Disk::choose(plan, capacity) {
                Disk::Memory { size } => seen.disk().is_some_and(|seen| seen <= size.next_multiple_of(LARGEST_PAGE)),
                // Told as what it is: nothing was asked of the engine.
                Disk::Plain => true,
            },
        ),
        (Limit::Memory, memory(plan, capacity).is_none_or(|asked| seen.is_at_most(MEMORY, asked))),
        (Limit::Swap, memory(plan, capacity).is_none_or(|asked| seen.has_no_swap(asked))),
    ];
    held.into_iter().filter(|(_, is_held)| !is_held).map(|(limit, _)| limit).collect()
}

/// Whether the root of the room is somebody without rights on the engine's machine. The first line of its map of users
/// says who in the room comes first, and who that is outside.
pub(super) fn is_rootless(hello: &str) -> bool {
    let first = hello.lines().find_map(|line| line.strip_prefix("uid_map ")).map(str::split_whitespace);
    first.is_some_and(|mut map| map.next() == Some("0") && map.next().is_some_and(|outside| outside != "0"))
}

const MEMORY: [&str; 2] = ["memory.max", "memory/memory.limit_in_bytes"];

/// The kernel rounds the size of a file system in memory up to a page.
const LARGEST_PAGE: u64 = 64 * 1024;

impl Seen<'_> {
    /// Whether one of these files is there and holds no more than `asked`; a limit that is not set reads `max`, `-1` or as
    /// a number beyond all memory.
    fn is_at_most(&self, files: [&str; 2], asked: u64) -> bool {
        files.iter().find_map(|file| self.0.get(file)).and_then(|value| value.parse().ok()).is_some_and(|seen: u64| seen <= asked)
    }

    /// Version 2 limits swap by itself, version 1 together with memory.
    fn has_no_swap(&self, asked: u64) -> bool {
        match self.0.get("memory.swap.max") {
            Some(swap) => *swap == "0",
            None => self.is_at_most(["memory/memory.memsw.limit_in_bytes"; 2], asked),
        }
    }

    fn processors(&self) -> Option<f64> {
        let (quota, period) = match self.0.get("cpu.max") {
            Some(both) => both.split_once(' ')?,
            None => (*self.0.get("cpu/cpu.cfs_quota_us")?, *self.0.get("cpu/cpu.cfs_period_us")?),
        };
        let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
        (quota > 0.0 && period > 0.0).then_some(quota / period)
    }

    /// The bytes that a file system in memory may hold, where the steps work.
    fn disk(&self) -> Option<u64> {
        let (kind, rest) = self.0.get("mount")?.split_once(" - ")?.1.split_once(' ')?;
        let size = rest.rsplit(' ').next()?.split(',').find_map(|option| option.strip_prefix("size="))?;
        let kib: u64 = size.strip_suffix('k')?.parse().ok()?;
        (kind == "tmpfs").then(|| kib.saturating_mul(1024))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::connect::InMemory, *};
    use crate::{
        plan::Limits,
        record::{Claim, DrillId, HostId},
    };

    fn lacking_of(hello: &str, disk: u64) -> Vec<Limit> {
        let plan = RoomPlan {
            drill: DrillId::try_from(String::from("a")).unwrap(),
            purpose: "build",
            claim: Claim { host: HostId::new(7), until: jiff::Timestamp::MAX },
            image: None,
            writable: Vec::new(),
            limits: Limits { time: Duration::from_mins(1), cpus: Some(1.5), memory: Some(64 << 20), pids: 256, disk },
        };
        let capacity = Capacity { memory: Some(1 << 30), processors: Some(2), kernel: None, in_memory: InMemory::Volume };
        lacking(hello, &plan, &capacity)
    }

    const WORK: &str = "mount 101 84 0:41 / /work rw,nosuid,nodev - tmpfs tmpfs rw,size=65536k,mode=755,uid=1000\n";

    #[test]
    fn a_room_that_is_held_to_everything_lacks_nothing() {
        let version_1 = "pids/pids.max 256\nmemory/memory.limit_in_bytes 100000000\nmemory/memory.memsw.limit_in_bytes 100000000\n\
            cpu/cpu.cfs_quota_us 150000\ncpu/cpu.cfs_period_us 100000\n";
        let version_2 = "pids.max 256\nmemory.max 100000000\nmemory.swap.max 0\ncpu.max 150000 100000\n";
        for hello in [version_1, version_2] {
            assert_eq!(lacking_of(&format!("{hello}{WORK}"), 64 << 20), []);
        }
    }

    #[test]
    fn what_is_not_there_not_set_or_set_higher_is_lacking() {
        let all = [Limit::Pids, Limit::Cpus, Limit::Disk, Limit::Memory, Limit::Swap];
        let unset =
            "pids.max max\nmemory.max max\nmemory.swap.max max\ncpu.max max 100000\nmount 1 2 0:3 / /work rw - tmpfs tmpfs rw\n";
        let of_the_machine = "memory/memory.limit_in_bytes 9223372036854771712\ncpu/cpu.cfs_quota_us -1\n\
            mount 1 2 254:0 /volumes/x /work rw - ext4 /dev/vda rw,size=1k\n";
        for hello in ["", unset, of_the_machine] {
            assert_eq!(lacking_of(hello, 64 << 20), all, "{hello}");
        }
    }

    #[test]
    fn root_that_is_somebody_else_outside_has_no_rights_there() {
        assert!(is_rootless("pids.max max\nuid_map          0       1001          1\nready\n"));
        assert!(!is_rootless("uid_map          0          0 4294967295\nready\n") && !is_rootless("ready\n"));
    }

    #[test]
    fn a_plain_disk_is_not_looked_at() {
        assert!(!lacking_of("", 1 << 40).contains(&Limit::Disk));
    }
}
