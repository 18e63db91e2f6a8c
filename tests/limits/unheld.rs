//! A machine that holds steps to nothing: what is watched instead, and what is said of it.

use std::{os::unix::process::CommandExt as _, process::Command};

use super::{MAKE, own_sleep, running};
use crate::support::{Canship, Project, Services, project::Plan};

/// Runs the drill where it sees no control groups: in a mount namespace of its own.
fn without_groups(call: &Canship) -> (Option<i32>, String) {
    let drill = call.command();
    let mut hidden = Command::new("unshare");
    hidden.args(["--mount", "sh", "-c", "umount -R -l /sys/fs/cgroup && exec \"$0\" \"$@\""]).arg(drill.get_program());
    hidden.args(drill.get_args()).current_dir(call.folder()).env_clear().arg0("unshare");
    hidden.envs(drill.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = hidden.output().unwrap();
    (output.status.code(), one_line(&output.stdout))
}

#[test]
fn a_fork_bomb_is_ended_where_nothing_holds_it_and_that_nothing_does_is_said() {
    let sleep = own_sleep();
    let bomb = format!("for i in $(seq 300); do setsid {sleep} & done; {sleep}");
    let mut plan = Plan::on_host(&Services::get()).run(&["true", &bomb]);
    plan.limits = "{ pids: 100, memory: 1GiB, disk: 8MiB, time: 2m }".into();
    let (code, said) = without_groups(&Canship::drill(&Project::new(&plan)));
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("`build.limits.pids` is 100"), "{said}");
    assert!(said.contains("cannot hold steps to the plan's limit of memory") && said.contains("limit of processes"), "{said}");
    assert_eq!(running(&sleep), Vec::<String>::new());
}

#[test]
fn a_modest_step_passes_where_nothing_holds_it() {
    let mut plan =
        Plan::on_host(&Services::get()).run(&["for i in 1 2 3 4 5; do sleep 1000 & all=\"$all $!\"; done; kill $all", MAKE]);
    plan.limits = "{ pids: 100, disk: 8MiB, time: 2m }".into();
    let (code, said) = without_groups(&Canship::drill(&Project::new(&plan)));
    assert_eq!(code, Some(0), "{said}");
}

/// A report without its line breaks.
fn one_line(report: &[u8]) -> String {
    String::from_utf8_lossy(report).split_whitespace().collect::<Vec<_>>().join(" ")
}
