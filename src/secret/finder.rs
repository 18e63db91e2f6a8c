//! Finds every occurrence of many texts in a stream, in linear time whatever the stream holds.
//!
//! Two parts: [`Heads`] runs over what cannot begin any of the texts at a byte or two per nanosecond; an Aho-Corasick
//! automaton walks over the rest. The automaton's state is all that is needed to go on with the next chunk, and the
//! depth of that state is exactly what must be held back: the longest end of the stream that begins a text.

use std::fmt;

use aho_corasick::{
    Anchored, BuildError,
    automaton::{Automaton as _, StateID},
    nfa::contiguous::NFA,
};

use super::forms::{Kind, SHORTEST};

/// Finds texts of at least [`SHORTEST`] bytes.
pub(super) struct Finder {
    nfa: NFA,
    /// What each text is.
    kinds: Vec<Kind>,
    start: StateID,
    /// The depth of each state: how many bytes of a text have been seen in it.
    depths: Vec<u16>,
    /// Of the texts that are at least of each kind.
    heads: [Heads; 3],
}

/// How far a [`Finder`] has come in a stream, and the least kind that is sought there.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    id: Option<StateID>,
    least: Kind,
}

impl State {
    /// A stream in which all texts are sought, and remainders once one was found.
    pub(super) fn of_all() -> Self {
        Self { id: None, least: Kind::Hidden }
    }

    /// A stream in which telling texts only are sought.
    pub(super) fn of_telling() -> Self {
        Self { id: None, least: Kind::Telling }
    }

    /// The same stream, where nothing that came before can be the beginning of a text.
    #[must_use]
    pub(super) fn anew(self) -> Self {
        Self { id: None, ..self }
    }

    fn heads(self) -> usize {
        match self.least {
            Kind::Remainder => 0,
            Kind::Hidden | Kind::Dump => 1,
            Kind::Telling => 2,
        }
    }

    fn has_found(&mut self) {
        if self.least == Kind::Hidden {
            self.least = Kind::Remainder;
        }
    }
}

impl Finder {
    /// Finds these texts.
    pub(super) fn new<'t>(texts: impl Iterator<Item = (&'t [u8], Kind)> + Clone) -> Result<Self, BuildError> {
        let all = texts.clone().map(|(text, _)| text);
        let nfa = NFA::builder().prefilter(false).build(all.clone())?;
        let start = nfa.start_state(Anchored::No).unwrap_or_default();
        let at_least = |least: Kind| texts.clone().filter(move |(_, kind)| *kind >= least).map(|(text, _)| text);
        let heads = [Heads::new(all.clone()), Heads::new(at_least(Kind::Hidden)), Heads::new(at_least(Kind::Telling))];
        let mut depths = Vec::new();
        for text in all {
            let mut state = start;
            for (depth, byte) in (1_u16..).zip(text) {
                state = nfa.next_state(Anchored::No, state, *byte);
                if depths.len() <= state.as_usize() {
                    depths.resize(state.as_usize() + 1, 0);
                }
                depths[state.as_usize()] = depth;
            }
        }
        Ok(Self { nfa, kinds: texts.map(|(_, kind)| kind).collect(), start, depths, heads })
    }

    /// How many bytes at the end of what was walked over begin a text.
    pub(super) fn depth(&self, state: State) -> usize {
        state.id.and_then(|id| self.depths.get(id.as_usize())).copied().unwrap_or(0).into()
    }

    /// Walks over `text`, of which everything before `at` was walked over before and led to `state`; at least
    /// `depth(state)` bytes of that must still be there. Tells `found` each occurrence, the longest at each end, ends
    /// ascending.
    pub(super) fn walk(&self, text: &[u8], mut at: usize, state: State, mut found: impl FnMut(Occurrence)) -> State {
        let mut state = state;
        while at < text.len() {
            let from = at.saturating_sub(self.depth(state));
            let next = from + self.heads[state.heads()].next(&text[from..]);
            if next > from {
                (at, state) = (next, state.anew());
            }
            // Beyond the head, as long as more than a head is under way: what is shorter, the heads find again.
            let head = (next + SHORTEST).min(text.len());
            while at < text.len() && (at < head || self.depth(state) >= SHORTEST) {
                let id = self.nfa.next_state(Anchored::No, state.id.unwrap_or(self.start), text[at]);
                at += 1;
                if self.nfa.is_match(id)
                    && let Some((length, kind)) = self.longest(id, state.least)
                {
                    found(Occurrence { begin: at.saturating_sub(length), end: at, kind });
                    state.has_found();
                }
                state.id = Some(id);
            }
        }
        state
    }

    /// The longest text of at least this kind that ends in this state, and the most that one of them is.
    fn longest(&self, id: StateID, least: Kind) -> Option<(usize, Kind)> {
        let ended = (0..self.nfa.match_len(id)).map(|i| self.nfa.match_pattern(id, i));
        let told = ended.map(|text| (self.nfa.pattern_len(text), self.kinds[text.as_usize()])).filter(|(_, kind)| *kind >= least);
        told.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
    }
}

/// Where a text was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occurrence {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Finder({} texts)", self.nfa.patterns_len())
    }
}

/// Where a text may begin, told by a few bytes at a time out of hashed sets, which may hold too much and never too little.
///
/// Looked at is only every `stride`th place: whatever text lies over it has there one of the four bytes that texts have
/// within their first `stride` places. Only then the places before are looked at one by one, with more bytes each: to walk
/// there in vain costs as much as hundreds of bytes that are passed over.
struct Heads {
    /// Four bytes of every text at each of its first `stride` places.
    near: Grams,
    /// The first bytes of every text, as many as `begin` leaves of eight.
    begins: Grams,
    begin: u64,
    /// No text is too short to have that many places.
    stride: usize,
}

/// The longest stride: with more, the set of what is near fills up faster than it saves.
const LONGEST_STRIDE: usize = 4;

/// The most bytes that the beginning of a text is told by.
const BEGIN: usize = size_of::<u64>();

impl Heads {
    fn new<'t>(texts: impl Iterator<Item = &'t [u8]> + Clone) -> Self {
        let shortest = texts.clone().map(<[u8]>::len).min().unwrap_or(SHORTEST);
        let stride = (shortest + 1).saturating_sub(SHORTEST).clamp(1, LONGEST_STRIDE);
        let mut first = [0; BEGIN];
        first[..shortest.min(BEGIN)].fill(0xff);
        let (mut near, mut begins, begin) = (Grams::new(), Grams::new(), u64::from_le_bytes(first));
        for text in texts {
            text.array_windows().take(stride).for_each(|gram| near.add(four(*gram)));
            let mut first = [0; BEGIN];
            first[..text.len().min(BEGIN)].copy_from_slice(&text[..text.len().min(BEGIN)]);
            begins.add(u64::from_le_bytes(first) & begin);
        }
        Self { near, begins, begin, stride }
    }

    /// The first place in `text` where a text may begin; at the end, where bytes are lacking, it always may.
    fn next(&self, text: &[u8]) -> usize {
        let mut at = 0;
        while let Some(gram) = text.get(at + self.stride - 1..).and_then(<[u8]>::first_chunk) {
            if self.near.has(four(*gram))
                && let Some(begin) = (at..at + self.stride).find(|begin| self.may_begin(&text[*begin..]))
            {
                return begin;
            }
            at += self.stride;
        }
        (at..text.len()).find(|begin| self.may_begin(&text[*begin..])).unwrap_or(text.len())
    }

    fn may_begin(&self, text: &[u8]) -> bool {
        text.first_chunk().is_none_or(|first| self.begins.has(u64::from_le_bytes(*first) & self.begin))
    }
}

fn four(gram: [u8; SHORTEST]) -> u64 {
    u32::from_le_bytes(gram).into()
}

/// A hashed set of bytes.
struct Grams(Vec<u64>);

/// 2^14 words, 128 KiB: stays in the processor's second cache. 50 secrets in all their forms are 60 000 texts; it takes one
/// in a hundred others for one of them.
const WORD_BITS: u32 = 14;

impl Grams {
    fn new() -> Self {
        Self(vec![0; 1 << WORD_BITS])
    }

    fn add(&mut self, gram: u64) {
        let (word, bits) = Self::place(gram);
        self.0[word] |= bits;
    }

    fn has(&self, gram: u64) -> bool {
        let (word, bits) = Self::place(gram);
        self.0[word] & bits == bits
    }

    /// A word, and two bits of it: a Bloom filter that looks at one place only (Putze, Sanders, Singler: Cache-, Hash- and
    /// Space-Efficient Bloom Filters, 2007), hashed by multiplication (Knuth, volume 3, section 6.4).
    fn place(gram: u64) -> (usize, u64) {
        let hash = gram.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bit = |from: u32| 1 << (hash >> (64 - WORD_BITS - from) & 63);
        ((hash >> (64 - WORD_BITS)) as usize, bit(6) | bit(12))
    }
}
