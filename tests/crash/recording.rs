//! What a drill does that nothing happens to: its calls, and the lines of its journal.

use super::{
    named::Named,
    rig::{Forge, Ran, Rig, end, run},
    simulator::{call::When, stop::Moment},
};

/// A call of a drill that nothing happens to.
pub(super) struct Recorded {
    pub(super) call: Named,
    /// Where the lines begin that are written after it and before the next that comes alone, from the journal's end when it
    /// came.
    pub(super) written: Vec<u64>,
}

/// What a drill does that nothing happens to, as far as two after each other agree: on a machine that is busy with other things, one
/// may ask once more.
pub(super) fn record<F: Forge>() -> Vec<Recorded> {
    let mut tried = Vec::new();
    for _ in 0..5 {
        match try_to_record::<F>() {
            Ok(recording) => return recording,
            Err(why) => tried.push(why),
        }
    }
    panic!("no two drills agree: {tried:#?}")
}

/// Holds each call for as long as it takes to look at the journal.
fn try_to_record<F: Forge>() -> Result<Vec<Recorded>, String> {
    let mut expected = {
        let rig = Rig::<F>::new();
        has_cut(&run(rig.drill()))?;
        Named::all(&rig.forge.calls())
    };
    let rig = Rig::<F>::new();
    let stops: Vec<_> = (1..=expected.len()).map(|call| rig.forge.stop(When::call(call), Moment::Before)).collect();
    let mut drill = rig.drill().spawn().unwrap();
    let mut journals = Vec::new();
    for stop in stops {
        if stop.reached_by(&mut drill).is_none() {
            return Err(format!("call {} came once and not twice: {:?}", journals.len() + 1, end(drill)));
        }
        journals.push(rig.machine.journal());
        stop.go_on();
    }
    has_cut(&end(drill))?;
    let calls = Named::all(&rig.forge.calls());
    let mut seen = calls.clone();
    seen.sort();
    expected.sort();
    if seen != expected {
        return Err(format!("{expected:#?} came, and then {seen:#?}"));
    }
    let written = written(&calls, &journals)?;
    Ok(calls.into_iter().zip(written).map(|(call, written)| Recorded { call, written }).collect())
}

/// Whether a drill has cut and given back: one that could not, for want of time, has other calls.
fn has_cut(ran: &Ran) -> Result<(), String> {
    let has_cut = ran.code == 20 && ran.stdout.contains("was cut and is given back");
    if has_cut { Ok(()) } else { Err(format!("exit code {}: {}\n{}", ran.code, ran.stderr, ran.stdout)) }
}

/// By call: where the lines begin that are written after it. The journals are those that there were when each call came.
///
/// Parts are given back side by side, and which call of theirs a line comes after is another in each drill. So all lines
/// that note a part as back go with the call before these, which comes alone.
fn written(calls: &[Named], journals: &[String]) -> Result<Vec<Vec<u64>>, String> {
    let last = journals.last().unwrap();
    assert!(open(last, &["cut", "lease"]).is_empty(), "all is noted as back before the last call, which asks what was missed");
    let cut = open(last.split("{\"gone\"").next().unwrap(), &["cut"]);
    let notes_back = |line: &Line| line.is_gone && cut.contains(&line.entry);
    let deletion = calls.iter().rposition(|call| call.deletes("CANSHIP_LEASE")).unwrap();
    let setting = calls[..deletion].iter().enumerate().rev().filter(|(_, call)| call.is_change).nth(cut.len() - 1);
    let alone = setting.unwrap().0 - 1;
    if calls[alone].is_change || !open(&journals[alone], &["cut"]).iter().eq(&cut) {
        return Err(format!("{:?} is not what comes before all is given back: {calls:#?}", calls[alone]));
    }
    let begin = |from: &str, to: &str, is_meant: &dyn Fn(&Line) -> bool| {
        added(from, to).into_iter().filter(is_meant).map(|line| line.begins).collect::<Vec<_>>()
    };
    let mut written: Vec<_> = journals.windows(2).map(|pair| begin(&pair[0], &pair[1], &|line| !notes_back(line))).collect();
    written.push(Vec::new());
    written[alone].extend(begin(&journals[alone], last, &notes_back));
    Ok(written)
}

/// A line of a journal that speaks of a lease or of a part that is cut.
struct Line {
    entry: u64,
    is_gone: bool,
    /// How far from the journal's end as it was.
    begins: u64,
}

/// The lines of a cut that were added to a journal; what else a drill notes comes when it comes.
fn added(from: &str, to: &str) -> Vec<Line> {
    let added = to.strip_prefix(from).unwrap_or_else(|| panic!("a journal only grows:\n{from}\n{to}"));
    let kinds = ["cut", "lease"];
    let ours: Vec<u64> = open(to, &kinds).into_iter().chain(open(from, &kinds)).collect();
    let mut lines = Vec::new();
    let mut begins = 0;
    for line in added.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let gone = json["gone"]["entry"].as_u64();
        let entry = json["put"]["entry"].as_u64().or(gone).filter(|entry| ours.contains(entry));
        lines.extend(entry.map(|entry| Line { entry, is_gone: gone.is_some(), begins }));
        begins += u64::try_from(line.len()).unwrap() + 1;
    }
    lines
}

/// The entries of a journal that speak of things of these kinds, and are not gone.
fn open(journal: &str, kinds: &[&str]) -> Vec<u64> {
    let mut open = Vec::new();
    for line in journal.lines().skip(1) {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let entry = json["put"]["entry"].as_u64().filter(|entry| !open.contains(entry));
        if kinds.contains(&json["put"]["item"]["kind"].as_str().unwrap_or_default()) {
            open.extend(entry);
        }
        open.retain(|entry| json["gone"]["entry"].as_u64() != Some(*entry));
    }
    open
}
