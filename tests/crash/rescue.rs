//! The matrix of whoever gives back what a dead drill has cut: each call of the watchdog and of `canship recover`, by the
//! journal here and by the lease elsewhere, with a kill before and after it and with faults.
//!
//! A recording run names the calls; one that does not come in its case fails the suite, but for a look whether a call takes
//! effect late: how many of these there are is a matter of time.

use std::{collections::VecDeque, process::Command, time::Instant};

use super::{
    matrix::{faults, is_all, side_by_side},
    named::Named,
    rig::{Forge, Machine, Rig, Then, end, run},
    simulator::{
        github::GitHub,
        gitlab::GitLab,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

/// Who gives back.
#[derive(Clone, Copy, Debug)]
enum Rescuer {
    /// The watchdog of the dead drill.
    Watchdog,
    /// `recover` on the drill's machine.
    Here,
    /// `recover` on another machine.
    Elsewhere,
}

/// What happens at a call of the rescuer's.
#[derive(Clone, Debug)]
enum Happens {
    /// It is killed.
    Killed(Moment),
    /// The call goes wrong.
    Trouble(Trouble),
}

/// A rescuer's call, named from its first on, and what happens there.
type Case = (Rescuer, Named, Happens);

impl Rescuer {
    /// `recover`, ready to be started.
    fn recovery<F: Forge>(self, rig: &Rig<F>, other: &Machine) -> Command {
        match self {
            Self::Watchdog | Self::Here => rig.recovery(),
            Self::Elsewhere => rig.recovery_elsewhere(other, &["--now"]),
        }
    }

    /// The calls that it makes if nothing happens to it.
    fn calls<F: Forge>(self) -> Vec<Named> {
        let rig = self.ready::<F>();
        if let Self::Watchdog = self {
            let (drill, stop) = rig.all_off();
            let before = rig.forge.calls().len();
            rig.die(drill, &stop, Then::Watchdog);
            rig.machine.await_watchdogs();
            rig.assert_as_before("after the watchdog");
            return Named::all(&rig.forge.calls()[before..]);
        }
        let before = rig.forge.calls().len();
        let ran = run(self.recovery(&rig, &Machine::new()));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        rig.assert_as_before(&ran.stdout);
        Named::all(&rig.forge.calls()[before..])
    }

    fn is_elsewhere(self) -> bool {
        matches!(self, Self::Elsewhere)
    }

    fn ready<F: Forge>(self) -> Rig<F> {
        match self {
            Self::Watchdog => Rig::new(),
            Self::Here | Self::Elsewhere => Rig::cut_and_dead(),
        }
    }
}

fn cases<F: Forge>() -> VecDeque<Case> {
    let mut cases = VecDeque::new();
    for rescuer in [Rescuer::Watchdog, Rescuer::Here, Rescuer::Elsewhere] {
        let calls = rescuer.calls::<F>();
        assert!(calls.len() > 5, "{rescuer:?} makes these calls: {calls:?}");
        for call in calls {
            cases.extend([Moment::Before, Moment::After].map(|moment| (rescuer, call.clone(), Happens::Killed(moment))));
            let faults = faults().into_iter().cycle().skip(cases.len());
            let faults = faults.step_by(if is_all() { 5 } else { 1 }).take(if is_all() { 6 } else { 1 });
            cases.extend(faults.map(|trouble| (rescuer, call.clone(), Happens::Trouble(trouble))).collect::<Vec<_>>());
        }
    }
    cases
}

fn try_case<F: Forge>((rescuer, call, happens): &Case) {
    let rig = rescuer.ready::<F>();
    match rescuer {
        Rescuer::Watchdog => watchdog(&rig, call, happens),
        Rescuer::Here | Rescuer::Elsewhere => recover(&rig, *rescuer, (call, happens)),
    }
    rig.assert_as_before("at the end");
}

/// Whether a rescuer's call came, or was one that need not.
fn came<F: Forge>(rig: &Rig<F>, before: usize, call: &Named) -> bool {
    call.is_late_look() || call.is_among(&rig.forge.calls()[before..])
}

/// Something happens at a call of the watchdog's after its drill has died.
fn watchdog<F: Forge>(rig: &Rig<F>, call: &Named, happens: &Happens) {
    let (drill, held) = rig.all_off();
    let before = rig.forge.calls().len();
    match happens {
        Happens::Killed(moment) => {
            let stop = rig.forge.stop(call.when(), *moment);
            rig.die(drill, &held, Then::Watchdog);
            if stop.reached_or(|| !rig.machine.has_watchdog()).is_none() {
                assert!(call.is_late_look(), "it ended before the call: {}", rig.machine.log());
            }
            rig.machine.kill_watchdogs();
            stop.go_on();
        }
        Happens::Trouble(trouble) => {
            rig.forge.trouble(call.when(), trouble.clone());
            let limited = rig.forge.stop(call.when(), Moment::After);
            let is_limit = matches!(trouble, Trouble::Refused(Refusal::PrimaryLimit { .. }));
            if !is_limit {
                limited.go_on();
            }
            rig.die(drill, &held, Then::Watchdog);
            if is_limit {
                // Longer than the test goes on: the watchdog tries for half an hour.
                limited.reached_or(|| !rig.machine.has_watchdog());
                rig.forge.with(F::later);
                limited.go_on();
            }
            rig.machine.await_watchdogs();
            let log = rig.machine.log();
            assert!(came(rig, before, call), "no such call came: {log}");
            assert!(!log.contains(F::TOKEN), "the token was told");
            calm(rig);
            let is_back = rig.wrong().is_empty();
            assert!(is_back || log.contains("NOT given back") && Rig::<F>::by_hand(&log) > 0, "nothing is told: {log}");
            rig.assert_as_before(&log);
        }
    }
    let ran = rig.recover_here();
    assert_eq!(ran.code, 0, "{}{}\n{}", ran.stdout, ran.stderr, rig.machine.log());
}

/// Something happens at a call of `recover`; then it is started once more.
fn recover<F: Forge>(rig: &Rig<F>, rescuer: Rescuer, (call, happens): (&Named, &Happens)) {
    let before = rig.forge.calls().len();
    let other = Machine::new();
    let mut recovery = rescuer.recovery(rig, &other);
    match happens {
        Happens::Killed(moment) => {
            let stop = rig.forge.stop(call.when(), *moment);
            let mut child = recovery.spawn().unwrap();
            if stop.reached_by(&mut child).is_some() {
                rig.die(child, &stop, Then::Watchdog);
            } else {
                let ran = end(child);
                assert!(ran.code == 0 && call.is_late_look(), "it ended before the call: {}{}", ran.stdout, ran.stderr);
            }
        }
        Happens::Trouble(trouble) => {
            rig.forge.trouble(call.when(), trouble.clone());
            let ran = run(recovery);
            assert!(came(rig, before, call), "it ended before the call: {}", ran.stdout);
            assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(F::TOKEN), "the token was told");
            calm(rig);
            match ran.code {
                0 => {}
                30 => assert!(Rig::<F>::by_hand(&ran.stdout) > 0 || rig.wrong().is_empty(), "no command: {}", ran.stdout),
                // The lease could not be asked for, which is told: elsewhere nothing else says what is cut, so that nothing was
                // touched; here all that the journal says was given back before.
                20 => {
                    let is_told = ran.stdout.contains("is NOT KNOWN");
                    assert!(is_told && (rescuer.is_elsewhere() || rig.wrong().is_empty()), "{}", ran.stdout);
                    assert_eq!(run(rescuer.recovery(rig, &other)).code, 0);
                }
                other => panic!("exit code {other}: {}{}", ran.stdout, ran.stderr),
            }
            rig.assert_as_before(&format!("exit code {}: {}", ran.code, ran.stdout));
        }
    }
    let ran = run(rescuer.recovery(rig, &other));
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// Nothing goes wrong any more, and a person has waited for what is limited or under way.
fn calm<F: Forge>(rig: &Rig<F>) {
    rig.forge.calm();
    rig.forge.with(F::later);
    rig.forge.await_effects();
}

#[expect(clippy::print_stderr, reason = "the figures are what the matrix is run for")]
fn every_rescuer_gives_back<F: Forge>() {
    let all = cases::<F>();
    let (count, started) = (all.len(), Instant::now());
    let (_, failed) = side_by_side(all, try_case::<F>);
    eprintln!("{count} cases of the calls of watchdog and recover in {:.0?}", started.elapsed());
    assert!(failed.is_empty(), "{} of {count} cases left it cut:\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn whatever_happens_to_whoever_gives_back_it_is_given_back_on_github() {
    every_rescuer_gives_back::<GitHub>();
}

#[test]
fn whatever_happens_to_whoever_gives_back_it_is_given_back_on_gitlab() {
    every_rescuer_gives_back::<GitLab>();
}
