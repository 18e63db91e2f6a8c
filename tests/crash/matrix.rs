//! The matrix: for every call of a drill that cuts and every line of its journal, on both forges, everything that can
//! happen there.
//!
//! A recording run names the calls, and looks at the journal when each of them has come: what was written since the call
//! before has its cases too. A call or a line that does not come in its case fails the suite. A call is found again by what
//! it is, and a line by the call that comes alone before it: what goes out side by side comes in no order.

use std::{
    collections::VecDeque,
    process::Child,
    sync::Mutex,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    named::Named,
    recording::{Recorded, record},
    rig::{Forge, Machine, Ran, Rig, Then, end, run, signal},
    simulator::{
        github::GitHub,
        gitlab::GitLab,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

/// So many cases go on side by side for each processor: they mostly wait.
const AT_ONCE: usize = 6;

/// So much of a line gets onto a disk that is full, or before a kill in its midst.
const TORN: u64 = 20;

/// So long after its caller is gone a late call takes effect: longer than one look waits, and less than the plan's `late_effect`.
const LATE: Duration = Duration::from_millis(1500);

/// What happens to a drill at a call.
#[derive(Clone, Debug)]
enum Happens {
    /// It is killed.
    Killed(Moment, Then),
    /// It is killed at a line of its journal that it writes after the call: when the journal has grown by so many bytes.
    KilledWriting(u64, Then),
    /// The disk that its journal is on is full from then on.
    Full(u64),
    /// The call goes wrong.
    Trouble(Trouble),
    /// It is killed, and the call takes effect long after.
    KilledLate(Then),
    /// A signal comes, and the call takes effect after its answer is waited for no more.
    SignalLate,
    /// Signals come.
    Signals(&'static [Signal]),
    /// Whoever watches is gone: the terminal hangs up, and what reads the output.
    Closed,
}

const ALL: [Then; 3] = [Then::Watchdog, Then::Recover, Then::Elsewhere];

/// Every way in which a call goes wrong.
pub(super) fn faults() -> Vec<Trouble> {
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
        Trouble::Late(LATE),
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

pub(super) fn is_all() -> bool {
    std::env::var_os("CANSHIP_CRASH").is_some_and(|which| which == "all")
}

/// Every case of every call.
fn cases(recording: &[Recorded]) -> VecDeque<(Named, Happens)> {
    let named = |(number, recorded): (usize, &Recorded)| {
        let cases = cases_of(number, recorded).into_iter();
        cases.map(|happens| (recorded.call.clone(), happens)).collect::<Vec<_>>()
    };
    recording.iter().enumerate().flat_map(named).collect()
}

/// Every case of a call; the number tells which fault is its turn.
fn cases_of(number: usize, recorded: &Recorded) -> Vec<Happens> {
    let (lines, faults) = (&recorded.written, faults());
    let mut cases = Vec::new();
    for then in ALL {
        cases.extend([Moment::Before, Moment::After].map(|moment| Happens::Killed(moment, then)));
        cases.extend(lines.iter().map(|line| Happens::KilledWriting(*line, then)));
    }
    if recorded.call.is_change {
        cases.extend(ALL.map(Happens::KilledLate));
        cases.extend([Happens::SignalLate, Happens::Trouble(Trouble::Late(LATE))]);
    }
    if !is_all() {
        cases.push(Happens::Trouble(faults[number % faults.len()].clone()));
        return cases;
    }
    for line in lines {
        cases.extend([Happens::Full(*line), Happens::Full(line + TORN)]);
        cases.extend(ALL.map(|then| Happens::KilledWriting(line + TORN, then)));
    }
    cases.extend(faults.into_iter().map(Happens::Trouble));
    let twice: [&[Signal]; 2] = [&[Signal::INT, Signal::INT], &[Signal::TERM, Signal::TERM]];
    let once: [&[Signal]; 2] = [&[Signal::INT], &[Signal::TERM]];
    cases.extend(once.into_iter().chain(twice).map(Happens::Signals));
    cases.push(Happens::Closed);
    cases
}

/// How long the path was away in a case, and, if the watchdog lived, how long after the drill's death or its last call's effect.
#[derive(Clone, Copy, Debug)]
struct Away {
    time: Duration,
    after_death: Option<Duration>,
}

fn try_case<F: Forge>(call: &Named, happens: &Happens) -> Option<Away> {
    let rig = Rig::<F>::new();
    let mut died = None;
    match happens {
        Happens::Killed(moment, then) => died = killed(&rig, (call, *moment), *then),
        Happens::KilledLate(then) => {
            rig.forge.trouble(call.when(), Trouble::Slow(LATE));
            // What its last call turns off can be given back only then.
            died = killed(&rig, (call, Moment::Before), *then).map(|died| died + LATE);
            if *then == Then::Elsewhere {
                // Where all local files are gone, nobody knows of a lease that was only asked for: the next `recover` finds it.
                rig.forge.await_effects();
                assert_eq!(rig.recover_elsewhere(&["--now"]).code, 0);
            }
        }
        Happens::SignalLate => {
            rig.forge.trouble(call.when(), Trouble::Slow(LATE + Duration::from_secs(1)));
            let (drill, stop) = rig.held(rig.drill(), (call.when(), Moment::Before));
            signal(&drill, Signal::TERM);
            stop.go_on();
            settle(&rig, &end(drill));
        }
        Happens::KilledWriting(more, then) => died = killed_writing(&rig, (call, *more), *then),
        Happens::Full(more) => {
            let (drill, stop) = rig.held(rig.drill_that_sees_a_full_disk(), (call.when(), Moment::Before));
            limit(&rig.machine, &drill, *more);
            stop.go_on();
            settle(&rig, &end(drill));
        }
        Happens::Trouble(trouble) => {
            rig.forge.trouble(call.when(), trouble.clone());
            let ran = run(rig.drill());
            assert!(call.is_among(&rig.forge.calls()), "no such call came: {}", ran.stdout);
            rig.forge.calm();
            settle(&rig, &ran);
        }
        Happens::Signals(signals) => {
            let (drill, stop) = rig.held(rig.drill(), (call.when(), Moment::Before));
            for one in *signals {
                signal(&drill, *one);
            }
            stop.go_on();
            settle(&rig, &end(drill));
        }
        Happens::Closed => {
            let (mut drill, stop) = rig.held(rig.drill_at_a_terminal(), (call.when(), Moment::Before));
            drop((drill.stdout.take(), drill.stderr.take()));
            signal(&drill, Signal::HUP);
            stop.go_on();
            let code = end(drill).code;
            rig.machine.await_watchdogs();
            assert!(code == 143 || code == 30, "it ended with {code}");
        }
    }
    rig.forge.await_effects();
    rig.assert_as_before("at the end");
    away(&rig, died)
}

/// Kills a drill at a call; gives when, if its watchdog is to give back.
fn killed<F: Forge>(rig: &Rig<F>, (call, moment): (&Named, Moment), then: Then) -> Option<Instant> {
    let (drill, stop) = rig.held(rig.drill(), (call.when(), moment));
    let died = rig.die(drill, &stop, then);
    given_back(rig, then);
    (then == Then::Watchdog).then_some(died)
}

/// Kills a drill in the midst of what it writes down after a call; the system does it, at the very byte.
fn killed_writing<F: Forge>(rig: &Rig<F>, (call, more): (&Named, u64), then: Then) -> Option<Instant> {
    let (drill, stop) = rig.held(rig.drill(), (call.when(), Moment::Before));
    limit(&rig.machine, &drill, more);
    if then != Then::Watchdog {
        rig.machine.signal_watchdogs(Signal::STOP);
    }
    stop.go_on();
    assert_eq!(end(drill).code, -Signal::XFSZ.as_raw(), "no such line was written");
    let died = Instant::now();
    if then != Then::Watchdog {
        rig.machine.kill_watchdogs();
    }
    rig.machine.await_death();
    given_back(rig, then);
    (then == Then::Watchdog).then_some(died)
}

/// Lets a drill's journal grow by so much and no more.
fn limit(machine: &Machine, drill: &Child, more: u64) {
    let most = u64::try_from(machine.journal().len()).unwrap() + more;
    let limit = rustix::process::Rlimit { current: Some(most), maximum: Some(most) };
    let pid = rustix::process::Pid::from_child(drill);
    rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, limit).unwrap();
}

/// Waits for whoever gives back what a dead drill has taken.
fn given_back<F: Forge>(rig: &Rig<F>, then: Then) {
    let ran = match then {
        Then::Watchdog => {
            rig.machine.await_watchdogs();
            rig.forge.await_effects();
            rig.assert_as_before("after the watchdog");
            // What it gave back is nobody's to give back any more.
            rig.recover_here()
        }
        Then::Recover => rig.recover_here(),
        Then::Elsewhere => {
            rig.machine.forget();
            rig.recover_elsewhere(&["--now"])
        }
    };
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// Either everything is as it was, or the exit code says otherwise and the printed commands bring it back.
fn settle<F: Forge>(rig: &Rig<F>, ran: &Ran) {
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(F::TOKEN), "the token was told");
    if ran.code == 30 {
        rig.machine.kill_watchdogs();
        // A person who was told that there are limits waits until they are over.
        rig.forge.with(F::later);
        // One who was told that a call may take effect yet waits, too.
        rig.forge.await_effects();
        assert!(Rig::<F>::by_hand(&ran.stdout) > 0 || rig.wrong().is_empty(), "no command was printed: {}", ran.stdout);
    } else {
        rig.machine.await_watchdogs();
        rig.forge.await_effects();
    }
    let wrong = rig.wrong();
    assert!(wrong.is_empty(), "exit code {}: {}\n{}{}", ran.code, wrong.join("\n"), ran.stdout, ran.stderr);
}

/// How long something of the path was not as before.
fn away<F: Forge>(rig: &Rig<F>, died: Option<Instant>) -> Option<Away> {
    let path = |state: &serde_json::Value| {
        let mut state = state.clone();
        state.as_object_mut().map(|state| state.remove("variables"));
        state
    };
    let history = rig.forge.history();
    let first = history.iter().find(|(_, state)| path(state) != path(&rig.before))?.0;
    let last = history.iter().rev().take_while(|(_, state)| path(state) == path(&rig.before)).last()?.0;
    let after_death = died.and_then(|died| last.checked_duration_since(died));
    Some(Away { time: last.checked_duration_since(first)?, after_death })
}

fn every_case_gives_back<F: Forge>() {
    let recording = record::<F>();
    let all = cases(&recording);
    let (count, started) = (all.len(), Instant::now());
    let (times, failed) = side_by_side(all, |(call, happens)| try_case::<F>(call, happens));
    let times: Vec<_> = times.into_iter().filter_map(|(case, away)| Some((case, away?))).collect();
    report(&recording, count, (&times, started.elapsed()));
    assert!(failed.is_empty(), "{} of {count} cases left it cut:\n{}", failed.len(), failed.join("\n\n"));
}

/// Tries all cases, some at a time; gives what came of them, and those that failed with why.
pub(super) fn side_by_side<C, T>(cases: VecDeque<C>, try_one: impl Fn(&C) -> T + Sync) -> (Vec<(String, T)>, Vec<String>)
where
    C: std::fmt::Debug + Send,
    T: Send,
{
    let (queue, failed, done) = (Mutex::new(cases), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(case) = queue.lock().unwrap().pop_front() else { return };
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| try_one(&case))) {
                Ok(result) => done.lock().unwrap().push((format!("{case:?}"), result)),
                Err(why) => {
                    let why = why.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".to_owned());
                    failed.lock().unwrap().push(format!("{case:?}: {why}"));
                }
            }
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE * processors {
            scope.spawn(work);
        }
    });
    (done.into_inner().unwrap(), failed.into_inner().unwrap())
}

#[expect(clippy::print_stderr, reason = "the figures are what the matrix is run for")]
fn report(recording: &[Recorded], count: usize, (times, took): (&[(String, Away)], Duration)) {
    let (calls, lines) = (recording.len(), recording.iter().map(|recorded| recorded.written.len()).sum::<usize>());
    let which = times.iter().max_by_key(|(_, away)| away.time).map_or("", |(case, _)| case.as_str());
    let away: Vec<_> = times.iter().map(|(_, away)| *away).collect();
    let figures = figures(&away);
    eprintln!("{count} cases of {calls} calls and {lines} lines of the journal in {took:.0?}; {figures}; longest: {which}");
    let mut all = ALTOGETHER.lock().unwrap();
    all.0 += count;
    all.1.extend(away);
    eprintln!("altogether {} cases of drills; {}", all.0, self::figures(&all.1));
}

/// How many cases of drills were tried so far, on either forge, and how long the path was away in them.
static ALTOGETHER: Mutex<(usize, Vec<Away>)> = Mutex::new((0, Vec::new()));

fn figures(all: &[Away]) -> String {
    let of = |times: Vec<Duration>| {
        let mut times = times;
        times.sort_unstable();
        let [median, longest] = [times.get(times.len() / 2), times.last()].map(|time| time.copied().unwrap_or_default());
        format!("{median:.1?} (median), {longest:.1?} (longest)")
    };
    let after: Vec<_> = all.iter().filter_map(|away| away.after_death).collect();
    let (killed, away) = (after.len(), of(all.iter().map(|away| away.time).collect()));
    format!("the path was away for {away}; after the death of {killed} drills their watchdogs gave it back in {}", of(after))
}

#[test]
fn every_case_gives_back_on_github() {
    every_case_gives_back::<GitHub>();
}

#[test]
fn every_case_gives_back_on_gitlab() {
    every_case_gives_back::<GitLab>();
}
