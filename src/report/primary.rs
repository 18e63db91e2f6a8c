//! What every view says of the primary path: what was found of it, taken away, given back, and missed meanwhile.

use super::words;
use crate::record::{CutFacts, Measure, Missed, PartFacts, PrimaryRecord, Record, TakenRecord, Text};

/// What was found of the path and what became of it, in sentences; nothing if the drill did not look at it.
pub(super) fn lines(record: &Record) -> Vec<String> {
    let Some(primary) = &record.primary else { return Vec::new() };
    let mut lines = vec![headline(primary)];
    lines.extend(primary.found.parts.iter().map(|part| of_part(part, primary)));
    lines.extend(primary.cancelled.iter().map(|run| format!("{} was cancelled, which nobody can give back", run.one_line())));
    lines.extend(primary.asked.map(|(requests, remaining)| asked(requests, remaining)));
    lines.iter().map(|line| Text::new(line).one_line()).collect()
}

/// What happened while it was away and started nothing, in sentences.
pub(super) fn missed(record: &Record) -> Vec<String> {
    let missed = record.primary.iter().flat_map(|primary| &primary.missed);
    missed.map(|Missed { what, start }| format!("{}; to make up for it: {}", what.one_line(), start.one_line())).collect()
}

fn headline(primary: &PrimaryRecord) -> String {
    let place = primary.found.place.to_string();
    let Some((at, CutFacts { who, until })) = &primary.cut else { return format!("{place}: not cut") };
    let end = match primary.back {
        Some(back) if !primary.gone.is_empty() => format!("given back at {} but for what is gone", words::time(back)),
        Some(back) => format!("given back at {}", words::time(back)),
        None => format!("given back at {} at the latest, if its watchdog lives", words::time(*until)),
    };
    format!("{place}: cut at {} by {}, {end}", words::time(*at), who.one_line())
}

fn of_part(PartFacts { control, state, left }: &PartFacts, primary: &PrimaryRecord) -> String {
    if let Some(reason) = left {
        return format!("{control}: left as it was (`{}`), {}", control.word(state), reason.one_line());
    }
    if let Some(at) = primary.gone_at(control) {
        return format!("{control}: REMOVED by somebody while it was away, seen at {}: nobody can give it back", words::time(at));
    }
    match primary.taken.iter().find(|taken| taken.control == *control) {
        None => format!("{control}: `{}`, not taken away", control.word(state)),
        Some(TakenRecord { off, back: Some(back), .. }) => {
            let away = std::time::Duration::try_from(back.duration_since(*off)).unwrap_or_default();
            format!("{control}: away for {}, then given back as it was (`{}`), read back", Measure(away), control.word(state))
        }
        Some(TakenRecord { back: None, .. }) => format!("{control}: taken away, NOT READ BACK AS GIVEN BACK"),
    }
}

fn asked(requests: u64, remaining: Option<u64>) -> String {
    let left = remaining.map(|left| format!(", {left} still allowed")).unwrap_or_default();
    format!("{} to the forge{left}", words::count(requests, "request"))
}
