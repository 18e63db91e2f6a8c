//! From the parser's events to a tree.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::{Entry, Node, Place, Style, Tag, Value, Yaml};

/// The most that a text may come to with every alias followed: a node counts one, and so does each 16 bytes of a scalar.
const LARGEST: u64 = 500_000;
/// Deeper than GitLab reads (100), and shallow enough to walk and to drop.
const DEEPEST: u16 = 120;
/// The most entries that merge keys may copy.
const MERGED: usize = 200_000;

/// Keys that are there twice, of which that is told.
const TOLD: usize = 50;

/// What was read of a text, and what is wrong with it.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Read {
    /// The documents that are whole.
    pub(in crate::pipeline) documents: Vec<Yaml>,
    /// Where reading ended before the text did.
    pub(in crate::pipeline) broken: Option<Broken>,
    /// Keys that are there twice in one map: the later ones.
    pub(in crate::pipeline) twice: Vec<(Rc<str>, Place)>,
    /// What it came to: the values that were made, or those of the documents with every alias followed, if that is more.
    pub(in crate::pipeline) size: u64,
}

/// Why a text cannot be read any further.
#[derive(Debug)]
pub(in crate::pipeline) struct Broken {
    pub(in crate::pipeline) place: Place,
    pub(in crate::pipeline) reason: String,
}

/// Reads the documents of a text, which may come to so many values.
pub(in crate::pipeline) fn read(text: &str, file: u32, most: u64) -> Read {
    let mut builder = Builder { text, file, most: most.min(LARGEST), ..Builder::default() };
    let mut options = granit_parser::options! {};
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    while let Some(event) = parser.next_event() {
        let done = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let place = builder.place(error.marker().byte_offset());
                Err(Broken { place, reason: error.info() })
            }
        };
        if let Err(broken) = done {
            builder.read.broken = Some(broken);
            break;
        }
    }
    let documents = builder.read.documents.iter().map(|document| document.size).sum();
    builder.read.size = builder.made.max(documents);
    builder.read
}

/// A collection that is still open.
struct Open {
    place: Place,
    end: u32,
    anchor: usize,
    tag: Tag,
    inside: Inside,
}

enum Inside {
    List(Vec<Yaml>),
    /// The key that waits for its value; none once more if it was no text.
    Map(Vec<Entry>, Option<Yaml>),
}

#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    file: u32,
    most: u64,
    /// The size of the scalars and collections that were made so far, each counted once.
    made: u64,
    open: Vec<Open>,
    anchors: HashMap<usize, Yaml>,
    merged: usize,
    read: Read,
}

impl Builder<'_> {
    fn place(&self, offset: Option<usize>) -> Place {
        Place { file: self.file, offset: offset.and_then(|at| u32::try_from(at).ok()).unwrap_or_default() }
    }

    /// Where the text of a quoted scalar begins.
    fn behind_quote(&self, place: Place) -> Place {
        let begin = usize::try_from(place.offset).ok().and_then(|at| self.text.as_bytes().get(at));
        Place { offset: place.offset + u32::from(matches!(begin, Some(b'"' | b'\''))), ..place }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Broken> {
        let place = self.place(span.start.byte_offset());
        let end = self.place(span.end.byte_offset()).offset;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                    _ => Style::Quoted,
                };
                let tag = tag_of(tag.as_deref());
                let place = if style == Style::Quoted { self.behind_quote(place) } else { place };
                let value = Value::Scalar { text: (*text).into(), style };
                let size = super::size_of(&value);
                self.count(size, place)?;
                self.finish(Rc::new(Node { place, end, tag, value, size, depth: 0, refers: tag == Tag::Reference }), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.count(1, place)?;
                self.open.push(Open { place, end, anchor, tag: tag_of(tag.as_deref()), inside: Inside::List(Vec::new()) });
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.count(1, place)?;
                self.open.push(Open { place, end, anchor, tag: tag_of(tag.as_deref()), inside: Inside::Map(Vec::new(), None) });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.close(open),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.put(node, place),
                None => Err(Broken { place, reason: "an alias stands within what it names".to_owned() }),
            },
            _ => Ok(()),
        }
    }

    /// Counts what is made before it is: a list that is never closed must end too.
    fn count(&mut self, size: u64, place: Place) -> Result<(), Broken> {
        self.made += size;
        if self.made <= self.most {
            return Ok(());
        }
        let most = self.most;
        Err(Broken { place, reason: format!("there are more than {most} values up to here, in this file and those before it") })
    }

    fn close(&mut self, open: Open) -> Result<(), Broken> {
        let (mut size, mut depth, mut refers) = (1_u64, 0, open.tag == Tag::Reference);
        let mut count = |node: &Node| {
            refers |= node.refers;
            size = size.saturating_add(node.size);
            depth = depth.max(node.depth.saturating_add(1));
        };
        let value = match open.inside {
            Inside::List(items) => {
                for item in &items {
                    count(item);
                }
                Value::List(items)
            }
            Inside::Map(entries, _) => {
                let entries = self.merge(entries, open.place)?;
                for entry in &entries {
                    count(&entry.node);
                }
                self.tell_twice(&entries);
                Value::Map(entries)
            }
        };
        let Open { place, end, tag, anchor, .. } = open;
        if size > self.most {
            let most = self.most;
            let reason = format!("what stands here comes to more than {most} values with its aliases followed");
            return Err(Broken { place, reason });
        }
        if depth > DEEPEST {
            return Err(Broken { place, reason: format!("what stands here is nested more than {DEEPEST} deep") });
        }
        self.finish(Rc::new(Node { place, end, tag, value, size, depth, refers }), anchor)
    }

    /// A whole node: remembers it if it has a name, and puts it where it belongs.
    fn finish(&mut self, node: Yaml, anchor: usize) -> Result<(), Broken> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let place = node.place;
        self.put(node, place)
    }

    fn put(&mut self, node: Yaml, place: Place) -> Result<(), Broken> {
        match self.open.last_mut().map(|open| &mut open.inside) {
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map(entries, key)) => match key.take() {
                None => *key = Some(node),
                // A key that is no text means nothing to either forge.
                Some(name) => {
                    if let Value::Scalar { text, .. } = &name.value {
                        entries.push(Entry { key: Rc::clone(text), key_place: name.place, node });
                    }
                }
            },
            None => self.read.documents.push(node),
        }
        if self.open.len() > usize::from(DEEPEST) {
            return Err(Broken { place, reason: format!("what stands here is nested more than {DEEPEST} deep") });
        }
        Ok(())
    }

    /// Follows merge keys: what a map says itself outranks what it merges, earlier merges outrank later ones.
    fn merge(&mut self, entries: Vec<Entry>, place: Place) -> Result<Vec<Entry>, Broken> {
        if !entries.iter().any(|entry| &*entry.key == "<<") {
            return Ok(entries);
        }
        let (merges, own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| &*entry.key == "<<");
        let mut known: HashSet<Rc<str>> = own.iter().map(|entry| Rc::clone(&entry.key)).collect();
        let mut copied = Vec::new();
        for merge in &merges {
            let maps = if merge.node.is_list() { merge.node.items() } else { std::slice::from_ref(&merge.node) };
            for entry in maps.iter().flat_map(|map| map.entries()) {
                self.merged += 1;
                if self.merged > MERGED {
                    return Err(Broken { place, reason: format!("merge keys copy more than {MERGED} entries") });
                }
                if known.insert(Rc::clone(&entry.key)) {
                    copied.push(entry.clone());
                }
            }
        }
        copied.extend(own);
        Ok(copied)
    }

    fn tell_twice(&mut self, entries: &[Entry]) {
        if self.read.twice.len() >= TOLD {
            return;
        }
        if entries.len() < 12 {
            for (at, entry) in entries.iter().enumerate().skip(1) {
                if entries[..at].iter().any(|earlier| earlier.key == entry.key) {
                    self.read.twice.push((Rc::clone(&entry.key), entry.key_place));
                }
            }
            return;
        }
        let mut known = HashSet::with_capacity(entries.len());
        for entry in entries {
            if !known.insert(&*entry.key) && self.read.twice.len() < TOLD {
                self.read.twice.push((Rc::clone(&entry.key), entry.key_place));
            }
        }
    }
}

fn tag_of(tag: Option<&granit_parser::Tag>) -> Tag {
    match tag {
        Some(tag) if tag.suffix() == "reference" => Tag::Reference,
        _ => Tag::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Yaml {
        let mut read = read(text, 0, LARGEST);
        assert!(read.broken.is_none(), "{:?}", read.broken);
        read.documents.remove(0)
    }

    fn reason(text: &str) -> String {
        read(text, 0, LARGEST).broken.map(|broken| broken.reason).unwrap_or_default()
    }

    #[test]
    fn scalars_keep_their_text_and_their_place() {
        let root = one("on: push\nversion: 3.10\nsha: 0123456\n");
        assert_eq!(root.get("version").and_then(|node| node.as_str()), Some("3.10"));
        assert_eq!(root.get("sha").and_then(|node| node.as_str()), Some("0123456"));
        assert_eq!(root.get("on").map(|node| node.place.offset), Some(4));
    }

    #[test]
    fn merge_keys_fill_what_a_map_does_not_say() {
        let root = one("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\n");
        let c = root.get("c").unwrap();
        let value = |key: &str| c.get(key).and_then(|node| node.as_str().map(str::to_owned));
        assert_eq!((value("x"), value("y"), value("z")), (Some("9".into()), Some("2".into()), Some("4".into())));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_holds_and_it_is_told() {
        let read = read("a: 1\na: 2\n", 0, LARGEST);
        assert_eq!(read.documents[0].get("a").and_then(|node| node.as_str()), Some("2"));
        assert_eq!(read.twice.len(), 1);
        assert_eq!(read.twice[0].1.offset, 5);
    }

    #[test]
    fn a_reference_keeps_its_tag() {
        assert_eq!(one("a: !reference [b, script]\n").get("a").unwrap().tag, Tag::Reference);
    }

    #[test]
    fn what_would_grow_without_end_is_refused() {
        let laughs: String = (1..10).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
            let list = vec![format!("*a{}", n - 1); 9].join(",");
            format!("{text}a{n}: &a{n} [{list}]\n")
        });
        assert!(reason(&laughs).contains("aliases followed"), "{}", reason(&laughs));
        let long = format!("a: &a {}\nb:\n{}", "x".repeat(100_000), "- *a\n".repeat(30_000));
        assert!(reason(&long).contains("aliases followed"));
        let chain: String = (1..20_000).fold("a0: &a0 [x]\n".to_owned(), |text, n| text + &format!("a{n}: &a{n} [*a{}]\n", n - 1));
        assert!(reason(&chain).contains("nested"), "{}", reason(&chain));
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        for deep in ["? ", "- ", "[", "{a: ", "a: {b: [", "!reference ["] {
            assert!(!reason(&deep.repeat(20_000)).is_empty(), "{deep}");
        }
        assert!(!reason("&a [*a]").is_empty());
    }

    #[test]
    fn a_broken_text_is_told_with_its_place() {
        let read = read("jobs:\n  a: [1, 2\n  b: }\n", 7, LARGEST);
        let broken = read.broken.unwrap();
        assert_eq!(broken.place.file, 7);
        assert!(broken.place.offset > 6, "{broken:?}");
    }
}
