//! `canship status` for people: the last answer and what it is worth today, what to fix, the spares, how times and
//! verdicts moved, and what was seen beside that.

mod chart;

use super::{
    lines::{BOLD, Layout, Lines, PLAIN, severity_style, verdict_style},
    words,
};
use crate::record::{Brief, Demand, Exit, Grade, Measure, Mode, Standing, Status, Verdict, shell_word};

/// Drills that are drawn of the one spare there is, or of each of several.
const DRAWN_ALONE: usize = 20;
const DRAWN_EACH: usize = 8;
/// Damaged files that are named.
const NAMED: usize = 10;

/// What is on record, as lines of the given layout.
#[must_use]
pub fn render(status: &Status, layout: Layout) -> String {
    let mut lines = Lines::new(layout);
    answer(&mut lines, status);
    findings(&mut lines, status);
    spares(&mut lines, status);
    let drawn = if status.spares.len() > 1 { DRAWN_EACH } else { DRAWN_ALONE };
    for standing in status.spares.iter().filter(|standing| !standing.drills.is_empty()) {
        moves(&mut lines, standing, drawn, layout);
    }
    on_record(&mut lines, status);
    lines.finish()
}

fn answer(lines: &mut Lines, status: &Status) {
    let demand = &status.demand;
    let verdict = words::standing_verdict(status);
    let Some((best, last)) = status.best().and_then(|best| Some((best, best.last(&status.demand)?))) else {
        let where_looked = if status.shelf.closed.is_some() { "known on this machine" } else { "on record" };
        let what = format!("no drill of {} is {where_looked}", status.release.one_line());
        lines.hanging(&[(verdict_style(verdict), words::verdict(verdict)), (PLAIN, ": ")], &what);
        closed(lines, status);
        return fix(lines, status);
    };
    let what = format!("{}, {}", words::of_brief(last), words::ago(last.started, demand.now));
    let headline = match best.grade(demand) {
        Grade::Stale => "UNKNOWN, STALE PROOF",
        Grade::Undated => "UNKNOWN, PROOF FROM THE FUTURE",
        Grade::OfAnotherPlan => "UNKNOWN, PROOF OF ANOTHER PLAN",
        Grade::Missing | Grade::Counts(_) => words::verdict(verdict),
    };
    lines.hanging(&[(verdict_style(verdict), headline), (PLAIN, ": ")], &what);
    if verdict != last.verdict {
        lines.hanging(&[(PLAIN, "its verdict: ")], words::verdict(last.verdict));
    }
    lines.hanging(&[(PLAIN, "time to ship: ")], &words::time_of_brief(last));
    lines.hanging(&[(PLAIN, "drill: ")], &format!("{}, canship {}", last.drill, last.canship.one_line()));
    report(lines, status, last);
    if let Some(yes) = best.drills.iter().rev().find(|drill| drill.verdict.is_yes()).filter(|_| !last.verdict.is_yes()) {
        let when = format!("{}, drill {}", words::ago(yes.started, demand.now), yes.drill);
        lines.hanging(&[(PLAIN, "last yes: ")], &format!("{when}; what came after it stands"));
    }
    for note in notes(last, demand) {
        lines.hanging(&[(BOLD, "note: ")], &note);
    }
    let newer = status.newer_damaged();
    if newer > 0 {
        let what = format!(
            "{} of later drills cannot be read, and may say otherwise, so nothing before counts: drill again",
            words::count(newer, "record")
        );
        lines.hanging(&[(BOLD, "note: ")], &what);
    }
    closed(lines, status);
    if verdict == Verdict::Unknown {
        fix(lines, status);
    }
}

/// How to see all of the proof: an answer in brief has none of its limits.
fn report(lines: &mut Lines, status: &Status, last: &Brief) {
    let place = status.place.as_str();
    if !last.finished || place.starts_with("s3://") {
        return;
    }
    let file = format!("{}/{}.jsonl", place.trim_end_matches('/'), last.drill);
    lines.hanging(&[(PLAIN, "all of it, with what it cannot prove: ")], &format!("canship report --from {}", shell_word(&file)));
}

/// That the store could not be read, so that what this machine knows may be old.
fn closed(lines: &mut Lines, status: &Status) {
    if status.shelf.closed.is_some() {
        let what = "the store cannot be read: only what waits on this machine is known, which is no answer without the rest";
        lines.hanging(&[(BOLD, "note: ")], what);
    }
}

/// What to do where there is no proof that counts.
fn fix(lines: &mut Lines, status: &Status) {
    let spare = status.best().map(|best| best.spare.one_line()).unwrap_or_default();
    let plan = words::plan_option(&status.plan);
    if status.shelf.closed.is_some() {
        return lines.hanging(&[(BOLD, "fix: ")], "let this machine read the store, and ask again");
    }
    lines.hanging(&[(BOLD, "fix: ")], &format!("run `canship drill{plan} --spare {spare}`, and ask again"));
}

/// What must be known of the proof beside its verdict.
fn notes(last: &Brief, demand: &Demand) -> Vec<String> {
    let mut notes = Vec::new();
    let age = demand.now.duration_since(last.started);
    if age.is_negative() {
        notes.push("it began after now, by this machine's clock: one of two clocks is wrong, so its age is not known".to_owned());
    } else if let Some(most) = demand.max_age
        && std::time::Duration::try_from(age).is_ok_and(|age| age > most)
    {
        notes.push(format!("it may be at most {} old", words::span(most)));
    }
    if last.mode == Mode::Rehearsal {
        notes.push("it was a rehearsal, which publishes nothing".to_owned());
    }
    if !last.finished {
        notes.push("the drill was killed: what it had not reached is not known".to_owned());
    }
    if let Some(by) = last.interrupted {
        notes.push(format!("it was interrupted by {}", words::signal(by)));
    }
    if last.plan_digest != demand.plan_digest {
        notes.push("it is of another plan than today's, which is a gap: the plan has changed since, or was another file (`--same-plan` makes that no proof)".to_owned());
    }
    if let Some(took) = last.time_to_ship.filter(|_| demand.is_missed_by(last) && last.target != demand.target) {
        notes.push(format!(
            "by today's plan a hotfix may take {}, and it took {}, which is a gap",
            Measure(demand.target),
            Measure(took)
        ));
    }
    notes
}

fn findings(lines: &mut Lines, status: &Status) {
    let Some(last) = status.best().and_then(|best| best.last(&status.demand)).filter(|last| !last.findings.is_empty()) else {
        return;
    };
    lines.heading("What to fix first");
    for (place, finding) in last.findings.iter().enumerate() {
        let number = format!("{:>3}. ", place + 1);
        let summary = format!("{} [{}]", finding.summary.one_line(), finding.rule);
        let severity = words::severity(finding.severity);
        lines.hanging(&[(PLAIN, &number), (severity_style(finding.severity), severity), (PLAIN, " ")], &summary);
        lines.hanging(&[(PLAIN, "     "), (BOLD, "fix: ")], &finding.advice.one_line());
    }
}

fn spares(lines: &mut Lines, status: &Status) {
    if status.spares.len() < 2 && status.former.is_empty() {
        return;
    }
    lines.heading("Spares");
    for standing in &status.spares {
        let label = format!("  {}: ", standing.spare.one_line());
        match standing.last(&status.demand) {
            Some(last) => {
                let worth = match standing.grade(&status.demand) {
                    Grade::Stale => ", stale",
                    Grade::Undated => ", from the future",
                    Grade::OfAnotherPlan => ", of another plan",
                    Grade::Missing | Grade::Counts(_) if last.plan_digest != status.demand.plan_digest => ", of another plan",
                    Grade::Missing | Grade::Counts(_) => "",
                };
                let when = format!("{}{worth}; {}", words::ago(last.started, status.demand.now), words::time_of_brief(last));
                lines.hanging(&[(PLAIN, &label), (verdict_style(last.verdict), words::verdict(last.verdict)), (PLAIN, " ")], &when);
            }
            None => lines.hanging(&[(PLAIN, &label)], "never drilled"),
        }
    }
    for standing in &status.former {
        let count = words::count(standing.drills.len(), "drill");
        let label = format!("  {}: ", standing.spare.one_line());
        lines.hanging(&[(PLAIN, &label)], &format!("no longer in the plan, so what it has on record does not count: {count}"));
    }
}

fn moves(lines: &mut Lines, standing: &Standing, drawn: usize, layout: Layout) {
    let all = &standing.drills;
    let shown = &all[all.len().saturating_sub(drawn)..];
    let which = if shown.len() < all.len() { format!("the last {} of {}", shown.len(), all.len()) } else { "all".to_owned() };
    lines.heading(&format!("Drills on `{}`: {which}, each with its time to ship and | at its target", standing.spare.one_line()));
    chart::draw(lines, shown, layout);
    if all.len() > 1 {
        let count = |verdict| all.iter().filter(|drill| drill.verdict == verdict).count();
        let of = [Verdict::CanShip, Verdict::Degraded, Verdict::CannotShip, Verdict::Unknown]
            .map(|verdict| (count(verdict), verdict))
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, verdict)| format!("{count} {}", verdict.word()));
        lines.hanging(&[(PLAIN, "  in all: ")], &of.collect::<Vec<_>>().join(", "));
    }
}

fn on_record(lines: &mut Lines, status: &Status) {
    let shelf = &status.shelf;
    lines.heading("On record");
    lines.hanging(&[(PLAIN, "  kept in: ")], &status.place.one_line());
    for drill in &shelf.running {
        lines.hanging(&[(PLAIN, "  running: ")], &format!("{drill}; it counts once it has ended"));
    }
    if let Some(reason) = &shelf.closed {
        lines.hanging(&[(BOLD, "  not read: ")], &reason.one_line());
    }
    if shelf.waiting > 0 {
        let what = format!("{} on this machine, for the next drill to bring to the store", words::count(shelf.waiting, "record"));
        lines.hanging(&[(BOLD, "  waiting: ")], &what);
    }
    if shelf.unread > 0 {
        let what =
            format!("{}, older than those that were read; each drill puts more of them into the store's index", shelf.unread);
        lines.hanging(&[(PLAIN, "  not read: ")], &what);
    }
    if status.of_others > 0 {
        let what = format!("{}, which do not count here", words::count(status.of_others, "drill"));
        lines.hanging(&[(PLAIN, "  of other releases: ")], &what);
    }
    for damaged in shelf.damaged.iter().take(NAMED) {
        lines.hanging(&[(BOLD, "  damaged: ")], &format!("{}; it is passed over", damaged.reason.one_line()));
    }
    let more = shelf.damaged.len().saturating_sub(NAMED);
    if more > 0 {
        lines.hanging(&[(BOLD, "  damaged: ")], &format!("{more} more, which `--format json` names"));
    }
    let exit = status.exit();
    let style = if exit == Exit::CanShip { PLAIN } else { BOLD };
    lines.hanging(&[(PLAIN, "  "), (style, &format!("exit code {}: ", exit.code()))], words::exit_of_status(status));
}
