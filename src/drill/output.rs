//! What a step prints, on its way to the bus: scrubbed, cut into lines, and no more of it than the plan keeps.
//!
//! Everything is read to its end at full speed and passes the scrubber. The first part is told at once, line by line;
//! of what comes after it the newest lines are held and told at the step's end, behind an event that says how much was
//! left out in between. Memory is bounded by the plan's limit for those lines, and by the longest line for each stream.

use std::collections::VecDeque;

use super::bus::Bus;
use crate::{
    record::{Bytes, EventKind, Finding, LeftOut, Rule, StepId, Stream, Text},
    secret::{ScrubStream, Scrubber},
};

/// Lines that a finding shows of a step that failed.
const TAIL: usize = 8;

/// A line longer than this is told in parts.
const LONGEST_LINE: usize = 16 * 1024;

/// What the event log has of each line beside its text, in bytes: it counts as kept, or many short lines would make a log
/// that is many times as long.
const ENVELOPE: usize = 120;

/// Of what is kept, at most this much is held until the step's end.
const MOST_HELD: u64 = 8 << 20;

/// How often the terminal is told that a step goes on printing what is not told.
const PROGRESS: u64 = 8 << 20;

/// The output of one step.
pub(super) struct Output<'s> {
    bus: &'s Bus,
    step: StepId,
    /// The command, for the finding.
    command: &'s str,
    limit: u64,
    out: Cutter<'s>,
    err: Cutter<'s>,
    /// Bytes that may still be told at once.
    left: u64,
    newest: Newest,
    progress: Progress,
    tail: VecDeque<Text>,
}

impl<'s> Output<'s> {
    /// The output of this step, of which `limit` bytes are kept.
    pub(super) fn new(bus: &'s Bus, (step, command): (StepId, &'s str), scrubber: &'s Scrubber, limit: u64) -> Self {
        let held = (limit / 2).min(MOST_HELD);
        Self {
            bus,
            step,
            command,
            limit,
            out: Cutter::new(scrubber),
            err: Cutter::new(scrubber),
            left: limit - held,
            newest: Newest::new(usize::try_from(held).unwrap_or(usize::MAX)),
            progress: Progress::default(),
            tail: VecDeque::with_capacity(TAIL),
        }
    }

    /// Takes what the step printed.
    pub(super) fn push(&mut self, stream: Stream, chunk: &[u8]) {
        let mut cutter = std::mem::take(self.of(stream));
        cutter.push(chunk, |lines| self.take(stream, lines));
        *self.of(stream) = cutter;
        if self.left == 0
            && let Some(done) = self.progress.moved(chunk.len())
        {
            let what = format!("{} prints on, not told until its end:", self.step.in_phase()).into();
            self.bus.emit(EventKind::Progress { phase: self.step.phase, what, done, total: None });
        }
    }

    /// The step prints no more: tells what is held. Gives the last lines.
    pub(super) fn finish(mut self) -> VecDeque<Text> {
        self.tell_held();
        std::mem::take(&mut self.tail)
    }

    fn tell_held(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let cutter = std::mem::take(self.of(stream));
            cutter.finish(|lines| self.take(stream, lines));
        }
        let newest = std::mem::take(&mut self.newest);
        if newest.left_out.lines > 0 {
            self.tail.clear();
            self.bus.emit(EventKind::StepOutputLeftOut { step: self.step, left_out: newest.left_out });
        }
        for block in newest.blocks {
            block.lines.split_inclusive(|byte| *byte == b'\n').for_each(|line| self.tell(block.stream, line));
        }
    }

    /// Takes whole lines: tells them, or holds them.
    fn take(&mut self, stream: Stream, lines: &[u8]) {
        let mut rest = lines;
        while self.left > 0 && !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            self.left = self.left.saturating_sub((ENVELOPE + line.len()) as u64);
            self.tell(stream, line);
            rest = after;
        }
        if !rest.is_empty() {
            let kept_all = self.newest.left_out.lines == 0;
            self.newest.push(stream, rest);
            if kept_all && self.newest.left_out.lines > 0 {
                self.bus.emit(EventKind::Found(self.finding()));
            }
        }
    }

    fn tell(&mut self, stream: Stream, line: &[u8]) {
        let line = Text::from_bytes(trim(line));
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        self.bus.emit(EventKind::StepOutput { step: self.step, stream, line });
    }

    fn finding(&self) -> Finding {
        let summary = format!(
            "{} (`{}`) printed more than the {} that `build.limits.output` keeps: of the rest only the newest lines are told",
            self.step,
            self.command,
            Bytes(self.limit)
        );
        Finding::new(Rule::OutputCut, self.step.phase, summary, "let the step print less, or raise `build.limits.output`")
    }

    fn of(&mut self, stream: Stream) -> &mut Cutter<'s> {
        match stream {
            Stream::Stdout => &mut self.out,
            Stream::Stderr => &mut self.err,
        }
    }
}

impl Drop for Output<'_> {
    /// A signal ends a step half-way: what it printed by then is told.
    fn drop(&mut self) {
        self.tell_held();
    }
}

/// Cuts one stream into lines once the secrets are out of it.
#[derive(Default)]
struct Cutter<'s> {
    /// None before the first and after the last chunk.
    scrub: Option<ScrubStream<'s>>,
    /// A line whose end has not come.
    open: Vec<u8>,
}

impl<'s> Cutter<'s> {
    fn new(scrubber: &'s Scrubber) -> Self {
        Self { scrub: Some(scrubber.stream()), open: Vec::new() }
    }

    /// Gives `take` the lines that are whole now, each with its end.
    fn push(&mut self, chunk: &[u8], mut take: impl FnMut(&[u8])) {
        let Some(scrub) = &mut self.scrub else { return };
        scrub.push(chunk, &mut self.open);
        if let Some(end) = memchr::memrchr(b'\n', &self.open) {
            take(&self.open[..=end]);
            self.open.drain(..=end);
        }
        if self.open.len() > LONGEST_LINE {
            self.end_line(&mut take);
        }
    }

    fn finish(mut self, mut take: impl FnMut(&[u8])) {
        let Some(scrub) = &mut self.scrub else { return };
        scrub.finish(&mut self.open);
        if !self.open.is_empty() {
            self.end_line(&mut take);
        }
    }

    fn end_line(&mut self, take: &mut impl FnMut(&[u8])) {
        self.open.push(b'\n');
        take(&self.open);
        self.open.clear();
    }
}

/// A line without its end and a carriage return before it; what a progress bar drew over is left out.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    memchr::memrchr(b'\r', line).map_or(line, |at| &line[at + 1..])
}

/// The newest lines, in bounded memory.
#[derive(Default)]
struct Newest {
    blocks: VecDeque<Block>,
    /// Bytes that the blocks take.
    held: usize,
    most: usize,
    left_out: LeftOut,
}

/// Whole lines of one stream.
struct Block {
    stream: Stream,
    lines: Vec<u8>,
    /// How many.
    count: usize,
}

impl Block {
    /// Lines are added to a block up to this size.
    const FULL: usize = 64 * 1024;

    fn takes(&self) -> usize {
        self.lines.capacity() + size_of::<Self>() + self.count * ENVELOPE
    }

    /// How many lines at the beginning make a full block, and where they end.
    fn first(lines: &[u8]) -> (usize, usize) {
        let (mut count, mut end) = (0, 0);
        for at in memchr::memchr_iter(b'\n', lines) {
            (count, end) = (count + 1, at + 1);
            if end + count * ENVELOPE >= Self::FULL {
                break;
            }
        }
        // Nothing stays behind that has no end.
        if end == 0 { (1, lines.len()) } else { (count, end) }
    }
}

impl Newest {
    fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Takes whole lines.
    fn push(&mut self, stream: Stream, lines: &[u8]) {
        let mut rest = lines;
        while !rest.is_empty() {
            let (count, end) = Block::first(rest);
            self.add(Block { stream, lines: rest[..end].to_vec(), count });
            rest = &rest[end..];
        }
    }

    fn add(&mut self, block: Block) {
        match self.blocks.back_mut() {
            Some(last) if last.stream == block.stream && last.takes() + block.takes() <= Block::FULL => {
                self.held -= last.takes();
                last.lines.extend_from_slice(&block.lines);
                last.count += block.count;
                self.held += last.takes();
            }
            _ => {
                self.held += block.takes();
                self.blocks.push_back(block);
            }
        }
        while self.held > self.most
            && self.blocks.len() > 1
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.held -= oldest.takes();
            self.left_out.lines += oldest.count as u64;
            self.left_out.bytes += oldest.lines.len() as u64;
        }
    }
}

/// How much was printed, told now and then.
#[derive(Default)]
struct Progress {
    done: u64,
    told: u64,
}

impl Progress {
    fn moved(&mut self, bytes: usize) -> Option<u64> {
        self.done += bytes as u64;
        if self.done - self.told < PROGRESS {
            return None;
        }
        self.told = self.done;
        Some(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(most: usize, lines: &[(Stream, &str)]) -> (Vec<String>, LeftOut) {
        let mut newest = Newest::new(most);
        for (stream, line) in lines {
            newest.push(*stream, line.as_bytes());
        }
        assert!(newest.held <= most.max(newest.blocks.back().map_or(0, Block::takes)));
        let held = newest.blocks.iter().map(|block| String::from_utf8(block.lines.clone()).unwrap());
        (held.collect(), newest.left_out)
    }

    #[test]
    fn the_newest_lines_stay_in_their_order_and_the_others_are_counted() {
        let lines = [(Stream::Stdout, "a\nb\n"), (Stream::Stderr, "c\n"), (Stream::Stdout, "d\n"), (Stream::Stderr, "e\n")];
        assert_eq!(newest(1000, &lines), (vec!["a\nb\n".into(), "c\n".into(), "d\n".into(), "e\n".into()], LeftOut::default()));
        let most = 2 * (size_of::<Block>() + ENVELOPE) + 10;
        assert_eq!(newest(most, &lines), (vec!["d\n".into(), "e\n".into()], LeftOut { lines: 3, bytes: 6 }));
        assert_eq!(newest(0, &lines), (vec!["e\n".into()], LeftOut { lines: 4, bytes: 8 }), "the last is held in any case");
    }

    #[test]
    fn a_line_that_never_ends_is_cut_into_parts() {
        let scrubber = Scrubber::new([]);
        let (mut cutter, mut parts) = (Cutter::new(&scrubber), Vec::new());
        for _ in 0..100 {
            cutter.push(&[b'x'; 1000], |part| parts.push(part.len()));
        }
        cutter.push(b"\nend", |part| parts.push(part.len()));
        cutter.finish(|part| parts.push(part.len()));
        assert!(parts.iter().all(|part| *part <= LONGEST_LINE + 1001), "{parts:?}");
        assert_eq!(parts.iter().sum::<usize>(), 100 * 1000 + 4 + parts.len() - 1, "each part but the line's own end is given one");
    }

    #[test]
    fn what_a_progress_bar_drew_over_is_left_out() {
        assert_eq!(trim(b"10 %\r50 %\r100 %\r\n"), b"100 %");
        assert_eq!(trim(b"plain"), b"plain");
    }
}
