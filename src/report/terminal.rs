//! A drill as it is followed live: bars on a terminal, plain lines elsewhere, or nothing.
//!
//! The lines that stay are the same with and without bars, but for build output: with bars it only moves past as the
//! last line, and the final report shows the end of it where a step failed.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::{
    lines::{BOLD, Colour},
    plain::Narrator,
    words,
};
use crate::record::{Bytes, Event, EventKind, Phase, Sink};

/// How often bars are drawn, in times a second.
const DRAWN: u8 = 10;
/// A phase at work.
const SPINNER: &str = "{spinner} {prefix} {elapsed:>4}  {wide_msg}";
/// A phase that moves a known number of bytes.
const TRANSFER: &str = "{spinner} {prefix} {elapsed:>4}  {bar:24} {decimal_bytes} of {decimal_total_bytes}  {wide_msg}";

/// How a drill is shown while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// One moving line per open phase below the lines that stay. The function tells the terminal's columns.
    Bars(fn() -> u16),
    /// Lines only, all build output among them.
    Plain,
    /// Nothing.
    Quiet,
}

/// Follows a drill on a terminal or in a CI job's log.
#[derive(Debug)]
pub struct Live {
    narrator: Narrator,
    screen: Screen,
}

#[derive(Debug)]
enum Screen {
    Bars(Bars),
    Plain(Writer),
    Quiet,
}

impl Live {
    /// Shows the drill through `writer`; who calls decides on mode and colour.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>, mode: Mode, colour: Colour) -> Self {
        let writer = Writer(Arc::new(Mutex::new(writer)));
        let screen = match mode {
            Mode::Bars(width) => Screen::Bars(Bars::new(writer, width, colour)),
            Mode::Plain => Screen::Plain(writer),
            Mode::Quiet => Screen::Quiet,
        };
        Self { narrator: Narrator::new(colour), screen }
    }
}

impl Sink for Live {
    fn name(&self) -> String {
        "the terminal".to_owned()
    }

    fn take(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.screen {
            Screen::Quiet => Ok(()),
            Screen::Plain(writer) => writer.lines(&self.narrator.tell(event)),
            Screen::Bars(bars) => {
                let lines = self.narrator.tell(event);
                bars.show(event, &lines)
            }
        }
    }
}

/// One moving line per open phase.
struct Bars {
    screen: MultiProgress,
    writer: Writer,
    open: BTreeMap<Phase, ProgressBar>,
    colour: Colour,
}

impl Bars {
    fn new(writer: Writer, width: fn() -> u16, colour: Colour) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Tty { writer: writer.clone(), width }), DRAWN);
        Self { screen: MultiProgress::with_draw_target(target), writer, open: BTreeMap::new(), colour }
    }

    fn show(&mut self, event: &Event, lines: &[String]) -> io::Result<()> {
        match &event.kind {
            EventKind::PhaseStarted { phase } => {
                self.begin(*phase);
                return Ok(());
            }
            EventKind::StepOutput { step, line, .. } => {
                let last = line.as_str().lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
                self.say(step.phase, &format!("{} │ {}", step.in_phase(), last.trim()));
                return Ok(());
            }
            EventKind::StepStarted { step, command } => {
                self.say(step.phase, &format!("{}: {}", step.in_phase(), command.one_line()));
                return Ok(());
            }
            EventKind::CheckStarted { check, subject } => {
                self.say(Phase::Probe, &format!("{} {}", words::check(*check), subject.one_line()));
            }
            EventKind::Progress { phase, what, done, total } => self.progress(*phase, &what.one_line(), *done, *total),
            EventKind::PhaseFinished { phase, .. } => self.end(*phase),
            EventKind::DrillFinished { .. } => self.end_all(),
            _ => {}
        }
        if lines.is_empty() { Ok(()) } else { self.screen.suspend(|| self.writer.lines(lines)) }
    }

    fn begin(&mut self, phase: Phase) {
        let bar = self.screen.add(ProgressBar::no_length());
        bar.set_style(style(SPINNER));
        bar.set_prefix(self.colour.paint(BOLD, &format!("{:<9}", phase.name())));
        bar.enable_steady_tick(Duration::from_millis(100));
        self.open.insert(phase, bar);
    }

    fn say(&self, phase: Phase, text: &str) {
        if let Some(bar) = self.open.get(&phase) {
            if bar.length().is_some() {
                bar.unset_length();
                bar.set_style(style(SPINNER));
            }
            bar.set_message(words::clip(text));
        }
    }

    fn progress(&self, phase: Phase, what: &str, done: u64, total: Option<u64>) {
        let Some(total) = total else {
            return self.say(phase, &format!("{what} {}", Bytes(done)));
        };
        let Some(bar) = self.open.get(&phase) else { return };
        if bar.length() != Some(total) || bar.message() != what {
            bar.set_style(style(TRANSFER));
            bar.set_length(total);
            bar.set_message(what.to_owned());
        }
        bar.set_position(done.min(total));
    }

    fn end(&mut self, phase: Phase) {
        if let Some(bar) = self.open.remove(&phase) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }

    fn end_all(&mut self) {
        for phase in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(phase);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // Whoever writes next finds a clean line, also when the drill ended early.
        self.end_all();
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").field("open", &self.open.keys()).finish_non_exhaustive()
    }
}

/// The style of one of the templates above, which a test proves valid.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Where lines go; shared, because bars are drawn from their own thread.
#[derive(Clone)]
struct Writer(Arc<Mutex<Box<dyn Write + Send>>>);

impl Writer {
    fn with<T>(&self, act: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        act(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }

    fn lines(&self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.with(|out| {
            let mut text = lines.join("\n");
            text.push('\n');
            out.write_all(text.as_bytes())?;
            out.flush()
        })
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

/// The terminal that bars are drawn on.
#[derive(Debug)]
struct Tty {
    writer: Writer,
    width: fn() -> u16,
}

impl Tty {
    fn put(&self, text: &str) -> io::Result<()> {
        self.writer.with(|out| out.write_all(text.as_bytes()))
    }

    fn step(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.put(&format!("\u{1b}[{n}{direction}")) }
    }
}

impl TermLike for Tty {
    fn width(&self) -> u16 {
        (self.width)().max(20)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.put(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.put(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.writer.with(|out| out.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [SPINNER, TRANSFER] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
