//! The matrix: for every call of a drill that cuts, on both forges, everything that can happen there.
//!
//! A recording run counts the calls; each is a number, and so is each case. A call that does not come in its case fails
//! the suite. What a journal writes lies between two calls: killed before a call is killed after what was written for it.

use std::{
    collections::VecDeque,
    sync::Mutex,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    rig::{Forge, Rig, end, run, signal},
    simulator::{
        call::When,
        github::GitHub,
        gitlab::GitLab,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

/// What happens at a call.
#[derive(Clone, Debug)]
enum Happens {
    /// The drill is killed; its watchdog lives.
    Killed(Moment),
    /// The drill and its watchdog are killed; then `recover` here.
    BothKilled(Moment),
    /// So are both, and all local files go; then `recover` elsewhere.
    AllGone(Moment),
    /// The call goes wrong.
    Trouble(Trouble),
    /// Signals come.
    Signals(Vec<Signal>),
    /// Whoever watches is gone: the terminal hangs up, and what reads the output.
    Closed,
}

fn faults() -> Vec<Trouble> {
    vec![
        Trouble::LostAnswer,
        Trouble::Fault(502),
        Trouble::FaultAfter(502),
        Trouble::HangUp,
        Trouble::Reset,
        Trouble::Stall,
        Trouble::StallAfter,
        Trouble::NothingChanged,
        Trouble::Stale,
        Trouble::Slow(Duration::from_millis(700)),
        Trouble::SecretInBody,
        Trouble::Refused(Refusal::Credentials),
        Trouble::Refused(Refusal::Rights),
        Trouble::Refused(Refusal::Hidden),
        Trouble::Refused(Refusal::PrimaryLimit { status: 403, reset_in: 3600 }),
        Trouble::Refused(Refusal::SecondaryLimit { status: 429, retry_after: Some(1) }),
        Trouble::Refused(Refusal::Conflict),
        Trouble::Refused(Refusal::Invalid("no")),
    ]
}

fn is_all() -> bool {
    std::env::var_os("CANSHIP_CRASH").is_some_and(|which| which == "all")
}

/// The cases of the call with this number.
fn cases(call: usize) -> Vec<Happens> {
    use Moment::{After, Before};
    let mut cases = Vec::new();
    for moment in [Before, After] {
        cases.extend([Happens::Killed(moment), Happens::BothKilled(moment), Happens::AllGone(moment)]);
    }
    let faults = faults();
    if !is_all() {
        cases.push(Happens::Trouble(faults[call % faults.len()].clone()));
        return cases;
    }
    cases.extend(faults.into_iter().map(Happens::Trouble));
    for signals in [[Signal::INT].as_slice(), &[Signal::TERM], &[Signal::INT, Signal::INT], &[Signal::TERM, Signal::TERM]] {
        cases.push(Happens::Signals(signals.to_vec()));
    }
    cases.push(Happens::Closed);
    cases
}

/// How long the path was away in a case, and whether its drill died.
#[derive(Clone, Copy, Debug)]
struct Away {
    time: Duration,
    died: bool,
}

fn try_case<F: Forge>(call: usize, happens: &Happens) -> Option<Away> {
    let about = format!("call {call}, {happens:?}");
    let rig = Rig::<F>::new();
    let mut died = None;
    match happens {
        Happens::Killed(moment) | Happens::BothKilled(moment) | Happens::AllGone(moment) => {
            let stop = rig.forge.stop(When::call(call), *moment);
            let mut drill = rig.drill().spawn().unwrap();
            assert!(stop.reached_by(&mut drill).is_some(), "{about}: no such call came: {:?}", end(drill));
            if !matches!(happens, Happens::Killed(_)) {
                // Stopped first, so that the watchdog goes before it can see that the drill is dead.
                signal(&drill, Signal::STOP);
                rig.machine.kill_watchdogs();
            }
            signal(&drill, Signal::KILL);
            died = Some(Instant::now());
            stop.go_on();
            assert_eq!(end(drill).code, -9, "{about}");
            match happens {
                Happens::Killed(_) => rig.machine.await_watchdogs(),
                Happens::BothKilled(_) => {
                    let ran = rig.recover_here();
                    assert_eq!(ran.code, 0, "{about}: {}{}", ran.stdout, ran.stderr);
                }
                _ => {
                    rig.machine.forget();
                    let ran = rig.recover_elsewhere(&["--now"]);
                    assert_eq!(ran.code, 0, "{about}: {}{}", ran.stdout, ran.stderr);
                }
            }
        }
        Happens::Trouble(trouble) => {
            rig.forge.trouble(When::call(call), trouble.clone());
            let ran = run(rig.drill());
            rig.forge.calm();
            settle(&rig, &about, &ran);
        }
        Happens::Signals(signals) => {
            let stop = rig.forge.stop(When::call(call), Moment::Before);
            let mut drill = rig.drill().spawn().unwrap();
            assert!(stop.reached_by(&mut drill).is_some(), "{about}: no such call came");
            for one in signals {
                signal(&drill, *one);
            }
            stop.go_on();
            settle(&rig, &about, &end(drill));
        }
        Happens::Closed => {
            let stop = rig.forge.stop(When::call(call), Moment::Before);
            let mut drill = rig.drill().spawn().unwrap();
            assert!(stop.reached_by(&mut drill).is_some(), "{about}: no such call came");
            drop((drill.stdout.take(), drill.stderr.take()));
            signal(&drill, Signal::HUP);
            stop.go_on();
            let code = end(drill).code;
            rig.machine.await_watchdogs();
            assert!(code == 143 || code == 30, "{about}: {code}");
        }
    }
    rig.assert_as_before(&about);
    away(&rig).map(|time| Away { time, died: died.is_some() })
}

/// Either everything is as it was, or the exit code says otherwise and the printed commands bring it back.
fn settle<F: Forge>(rig: &Rig<F>, about: &str, ran: &super::rig::Ran) {
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(F::TOKEN), "{about}: the token was told");
    if ran.code == 30 {
        rig.machine.kill_watchdogs();
        rig.forge.with(F::later);
        assert!(Rig::<F>::by_hand(&ran.stdout) > 0 || rig.wrong().is_empty(), "{about}: no command was printed: {}", ran.stdout);
    } else {
        rig.machine.await_watchdogs();
    }
    let wrong = rig.wrong();
    assert!(wrong.is_empty(), "{about}: exit code {}: {}\n{}{}", ran.code, wrong.join("\n"), ran.stdout, ran.stderr);
}

/// How long something of the path was not as before.
fn away<F: Forge>(rig: &Rig<F>) -> Option<Duration> {
    let path = |state: &serde_json::Value| {
        let mut state = state.clone();
        state.as_object_mut().map(|state| state.remove("variables"));
        state
    };
    let history = rig.forge.history();
    let first = history.iter().find(|(_, state)| path(state) != path(&rig.before))?.0;
    let last = history.iter().rev().take_while(|(_, state)| path(state) == path(&rig.before)).last()?.0;
    last.checked_duration_since(first)
}

fn every_case_gives_back<F: Forge>() {
    let recorded = Rig::<F>::new();
    let ran = run(recorded.drill());
    assert_eq!(ran.code, 20, "{}\n{}", ran.stderr, ran.stdout);
    let calls = recorded.forge.calls().len();
    let all: VecDeque<_> = (1..=calls).flat_map(|call| cases(call).into_iter().map(move |happens| (call, happens))).collect();
    let (count, started) = (all.len(), Instant::now());
    let (queue, failed, times) = (Mutex::new(all), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some((call, happens)) = queue.lock().unwrap().pop_front() else { return };
                    let tried = std::panic::catch_unwind(|| try_case::<F>(call, &happens));
                    match tried {
                        Ok(away) => times.lock().unwrap().extend(away),
                        Err(why) => {
                            let why = why.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".to_owned());
                            failed.lock().unwrap().push(format!("call {call}, {happens:?}: {why}"));
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    report(count, calls, (&times.into_inner().unwrap(), started.elapsed()));
    assert!(failed.is_empty(), "{} of {count} cases left it cut:\n{}", failed.len(), failed.join("\n\n"));
}

#[expect(clippy::print_stderr, reason = "the figures are what the matrix is run for")]
fn report(count: usize, calls: usize, (times, took): (&[Away], Duration)) {
    let mut all: Vec<_> = times.iter().map(|away| away.time).collect();
    all.sort();
    let after_death = times.iter().filter(|away| away.died).map(|away| away.time).max();
    eprintln!(
        "{count} cases of {calls} calls in {took:.0?}; the path was away for {:?} (median), {:?} (longest), {after_death:?} (longest \
         after a death)",
        all.get(all.len() / 2),
        all.last()
    );
}

#[test]
fn every_case_gives_back_on_github() {
    every_case_gives_back::<GitHub>();
}

#[test]
fn every_case_gives_back_on_gitlab() {
    every_case_gives_back::<GitLab>();
}
