//! How times and verdicts moved: a bar for each drill, with a mark at its target.

use std::time::Duration;

use crate::record::{Brief, Measure};
use crate::report::{
    lines::{Drawing, Layout, Lines, PLAIN, verdict_style},
    words,
};

/// The columns that a bar takes at least and at most.
const NARROWEST: usize = 10;
const WIDEST: usize = 60;

/// A line for each of these drills.
pub(super) fn draw(lines: &mut Lines, drills: &[Brief], layout: Layout) {
    let longest = drills.iter().flat_map(|drill| drill.time_to_ship.into_iter().chain([drill.target])).max().unwrap_or_default();
    for drill in drills {
        let when = format!("  {}  ", words::minute(drill.started));
        let verdict = format!("{:<12}", words::short_verdict(drill));
        let time = drill.time_to_ship.map_or_else(|| "-".to_owned(), |time| Measure(time).to_string());
        let time = format!("{time:>9}  ");
        let used = when.len() + verdict.len() + time.len();
        let width = layout.width.saturating_sub(used + 1).clamp(NARROWEST, WIDEST);
        let bar = bar(drill, longest, width, layout.drawing);
        lines.hanging(&[(PLAIN, &when), (verdict_style(drill.verdict), &verdict), (PLAIN, &time), (PLAIN, &bar)], "");
    }
}

fn bar(drill: &Brief, longest: Duration, width: usize, drawing: Drawing) -> String {
    let (full, mark) = match drawing {
        Drawing::Ascii => ('#', '|'),
        Drawing::Blocks => ('█', '│'),
    };
    let target = cells(drill.target, longest, width);
    // The shortest time there is shows too.
    let filled = drill.time_to_ship.map_or(0, |time| cells(time, longest, width).max(1));
    (0..=width)
        .map(|cell| {
            if cell == target {
                mark
            } else if cell < filled {
                full
            } else {
                ' '
            }
        })
        .collect()
}

fn cells(time: Duration, longest: Duration, width: usize) -> usize {
    let share = time.as_millis().saturating_mul(width as u128) / longest.as_millis().max(1);
    usize::try_from(share).unwrap_or(width).min(width)
}
