//! The matrix: for every call of a drill that cuts and every line of its journal, on both forges, everything that can
//! happen there.
//!
//! A recording run counts the calls, and looks at the journal when each of them has come: what was written since the call
//! before has its cases too. A call or a line that does not come in its case fails the suite.

use std::{
    collections::VecDeque,
    process::Child,
    sync::Mutex,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    rig::{Forge, Machine, Ran, Rig, end, run, signal},
    simulator::{
        call::When,
        github::GitHub,
        gitlab::GitLab,
        stop::Moment,
        trouble::{Refusal, Trouble},
    },
};

/// So many cases go on side by side.
const AT_ONCE: usize = 8;

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

/// Who gives back what a killed drill has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Its watchdog.
    Watchdog,
    /// `recover` on the same machine: the watchdog is killed too.
    Recover,
    /// `recover` on another machine: all local files are gone as well.
    Elsewhere,
}

const ALL: [Then; 3] = [Then::Watchdog, Then::Recover, Then::Elsewhere];

/// Every way in which a call goes wrong.
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

fn is_all() -> bool {
    std::env::var_os("CANSHIP_CRASH").is_some_and(|which| which == "all")
}

/// What a drill does that nothing happens to.
struct Recording {
    calls: usize,
    /// By call: the offsets at which the lines begin that are written after it and before the next, from the journal's end
    /// when it came.
    written: Vec<Vec<u64>>,
    /// By call: whether it changes anything.
    changes: Vec<bool>,
}

impl Recording {
    /// Holds each call for as long as it takes to look at the journal.
    fn make<F: Forge>() -> Self {
        let changes: Vec<_> = {
            let rig = Rig::<F>::new();
            let ran = run(rig.drill());
            assert_eq!(ran.code, 20, "{}\n{}", ran.stderr, ran.stdout);
            rig.forge.calls().iter().map(super::simulator::call::Call::is_change).collect()
        };
        let calls = changes.len();
        let rig = Rig::<F>::new();
        let stops: Vec<_> = (1..=calls).map(|call| rig.forge.stop(When::call(call), Moment::Before)).collect();
        let mut drill = rig.drill().spawn().unwrap();
        let mut journals = Vec::new();
        for stop in stops {
            assert!(stop.reached_by(&mut drill).is_some(), "call {} came once and not twice", journals.len() + 1);
            journals.push(rig.machine.journal());
            stop.go_on();
        }
        assert_eq!(end(drill).code, 20);
        let mut written: Vec<_> = journals.windows(2).map(|pair| lines(&pair[0], &pair[1])).collect();
        let last = journals.last().unwrap();
        assert!(of_a_cut(last).is_empty(), "all is noted as back before the last call, which asks what was missed: {last}");
        written.push(Vec::new());
        Self { calls, written, changes }
    }

    /// Every case of every call.
    fn cases(&self) -> VecDeque<(usize, Happens)> {
        (1..=self.calls).flat_map(|call| self.cases_of(call).into_iter().map(move |happens| (call, happens))).collect()
    }

    fn cases_of(&self, call: usize) -> Vec<Happens> {
        let (lines, faults) = (&self.written[call - 1], faults());
        let mut cases = Vec::new();
        for then in ALL {
            cases.extend([Moment::Before, Moment::After].map(|moment| Happens::Killed(moment, then)));
            cases.extend(lines.iter().map(|line| Happens::KilledWriting(*line, then)));
        }
        if self.changes[call - 1] {
            cases.extend(ALL.map(Happens::KilledLate));
            cases.extend([Happens::SignalLate, Happens::Trouble(Trouble::Late(LATE))]);
        }
        if !is_all() {
            cases.push(Happens::Trouble(faults[call % faults.len()].clone()));
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
}

/// Where the lines of a cut begin that were added to a journal; what else a drill notes comes when it comes.
fn lines(from: &str, to: &str) -> Vec<u64> {
    let added = to.strip_prefix(from).unwrap_or_else(|| panic!("a journal only grows:\n{from}\n{to}"));
    let ours: Vec<u64> = of_a_cut(to).into_iter().chain(of_a_cut(from)).collect();
    let mut starts = Vec::new();
    let mut start = 0;
    for line in added.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let entry = json["put"]["entry"].as_u64().or_else(|| json["gone"]["entry"].as_u64());
        if entry.is_some_and(|entry| ours.contains(&entry)) {
            starts.push(start);
        }
        start += u64::try_from(line.len()).unwrap() + 1;
    }
    starts
}

/// The entries of a journal that speak of a lease or of a part that is cut, and are not gone.
fn of_a_cut(journal: &str) -> Vec<u64> {
    let mut open = Vec::new();
    for line in journal.lines().skip(1) {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        if ["cut", "lease"].contains(&json["put"]["item"]["kind"].as_str().unwrap_or_default()) {
            open.extend(json["put"]["entry"].as_u64());
        }
        open.retain(|entry| json["gone"]["entry"].as_u64() != Some(*entry));
    }
    open
}

/// How long the path was away in a case, and how long after the drill's death if its watchdog lived.
#[derive(Clone, Copy, Debug)]
struct Away {
    time: Duration,
    after_death: Option<Duration>,
}

fn try_case<F: Forge>(call: usize, happens: &Happens) -> Option<Away> {
    let rig = Rig::<F>::new();
    let mut died = None;
    match happens {
        Happens::Killed(moment, then) => died = killed(&rig, (call, *moment), *then),
        Happens::KilledLate(then) => {
            rig.forge.trouble(When::call(call), Trouble::Slow(LATE));
            died = killed(&rig, (call, Moment::Before), *then);
            if *then == Then::Elsewhere {
                // Where all local files are gone, nobody knows of a lease that was only asked for: the next `recover` finds it.
                rig.forge.await_effects();
                assert_eq!(rig.recover_elsewhere(&["--now"]).code, 0);
            }
        }
        Happens::SignalLate => {
            rig.forge.trouble(When::call(call), Trouble::Slow(LATE + Duration::from_secs(1)));
            let (drill, stop) = held(&rig, rig.drill(), (call, Moment::Before));
            signal(&drill, Signal::TERM);
            stop.go_on();
            settle(&rig, &end(drill));
        }
        Happens::KilledWriting(more, then) => died = killed_writing(&rig, (call, *more), *then),
        Happens::Full(more) => {
            let (drill, stop) = held(&rig, rig.drill_that_sees_a_full_disk(), (call, Moment::Before));
            limit(&rig.machine, &drill, *more);
            stop.go_on();
            settle(&rig, &end(drill));
        }
        Happens::Trouble(trouble) => {
            rig.forge.trouble(When::call(call), trouble.clone());
            let ran = run(rig.drill());
            assert!(rig.forge.calls().len() >= call, "no such call came: {}", ran.stdout);
            rig.forge.calm();
            settle(&rig, &ran);
        }
        Happens::Signals(signals) => {
            let (drill, stop) = held(&rig, rig.drill(), (call, Moment::Before));
            for one in *signals {
                signal(&drill, *one);
            }
            stop.go_on();
            settle(&rig, &end(drill));
        }
        Happens::Closed => {
            let (mut drill, stop) = held(&rig, rig.drill(), (call, Moment::Before));
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

/// A drill whose call is held.
fn held<F: Forge>(
    rig: &Rig<F>,
    mut drill: std::process::Command,
    (call, moment): (usize, Moment),
) -> (Child, super::simulator::stop::Stop) {
    let stop = rig.forge.stop(When::call(call), moment);
    let mut drill = drill.spawn().unwrap();
    assert!(stop.reached_by(&mut drill).is_some(), "no such call came: {:?}", end(drill));
    (drill, stop)
}

/// Kills a drill at a call; gives when, if its watchdog is to give back.
fn killed<F: Forge>(rig: &Rig<F>, at: (usize, Moment), then: Then) -> Option<Instant> {
    let (drill, stop) = held(rig, rig.drill(), at);
    if then != Then::Watchdog {
        // Stopped first, so that the watchdog goes before it can see that the drill is dead.
        signal(&drill, Signal::STOP);
        rig.machine.kill_watchdogs();
    }
    signal(&drill, Signal::KILL);
    let died = Instant::now();
    stop.go_on();
    assert_eq!(end(drill).code, -9);
    given_back(rig, then);
    (then == Then::Watchdog).then_some(died)
}

/// Kills a drill in the midst of what it writes down after a call; the system does it, at the very byte.
fn killed_writing<F: Forge>(rig: &Rig<F>, (call, more): (usize, u64), then: Then) -> Option<Instant> {
    let (drill, stop) = held(rig, rig.drill(), (call, Moment::Before));
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
    let recording = Recording::make::<F>();
    let all = recording.cases();
    let (count, started) = (all.len(), Instant::now());
    let (queue, failed, times) = (Mutex::new(all), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((call, happens)) = queue.lock().unwrap().pop_front() else { return };
            match std::panic::catch_unwind(|| try_case::<F>(call, &happens)) {
                Ok(away) => times.lock().unwrap().extend(away),
                Err(why) => {
                    let why = why.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".to_owned());
                    failed.lock().unwrap().push(format!("call {call}, {happens:?}: {why}"));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    report(&recording, count, (&times.into_inner().unwrap(), started.elapsed()));
    assert!(failed.is_empty(), "{} of {count} cases left it cut:\n{}", failed.len(), failed.join("\n\n"));
}

#[expect(clippy::print_stderr, reason = "the figures are what the matrix is run for")]
fn report(recording: &Recording, count: usize, (times, took): (&[Away], Duration)) {
    let mut all: Vec<_> = times.iter().map(|away| away.time).collect();
    all.sort();
    let (median, longest) = (all.get(all.len() / 2).copied(), all.last().copied());
    let after_death = times.iter().filter_map(|away| away.after_death).max();
    let [median, longest, after_death] = [median, longest, after_death].map(Option::unwrap_or_default);
    let (calls, lines) = (recording.calls, recording.written.iter().flatten().count());
    eprintln!(
        "{count} cases of {calls} calls and {lines} lines of the journal in {took:.0?}; the path was away for {median:.1?} \
         (median), {longest:.1?} (longest); a watchdog gave it back {after_death:.1?} after its drill's death (longest)"
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
