//! From a byte of a scalar's value to its place in the file.

use std::cell::OnceCell;

use super::{
    source::File,
    yaml::{Node, Place, Style},
};

/// Finds places within one scalar; asked in order, it looks through the text once.
#[derive(Debug)]
pub(super) struct Locator<'n> {
    node: &'n Node,
    text: &'n str,
    /// The line that was found last, and where it begins in the value.
    line: usize,
    begins: usize,
    /// Whether the value of a scalar on one line stands there as it is.
    is_plain: OnceCell<bool>,
}

impl<'n> Locator<'n> {
    pub(super) fn new(node: &'n Node) -> Self {
        Self { node, text: node.as_str().unwrap_or_default(), line: 0, begins: 0, is_plain: OnceCell::new() }
    }

    /// Where this byte of the value stands; the scalar's own place where that cannot be told.
    pub(super) fn place(&mut self, offset: usize, file: Option<&File>) -> Place {
        let Some(file) = file else { return self.node.place };
        let start = usize::try_from(self.node.place.offset).unwrap_or_default();
        let end = usize::try_from(self.node.end).unwrap_or_default();
        let found = match (file.text.get(start..end.max(start)), &self.node.value) {
            (Some(raw), super::yaml::Value::Scalar { style: Style::Block, .. }) => self.in_block(offset, raw, start, file),
            (Some(raw), _) => self.in_line(offset, raw).map(|at| start + at),
            (None, _) => None,
        };
        match found.and_then(|at| u32::try_from(at).ok()) {
            Some(at) => Place { offset: at, ..self.node.place },
            None => self.node.place,
        }
    }

    /// In a scalar on one line without escapes the value stands there as it is.
    fn in_line(&self, offset: usize, raw: &str) -> Option<usize> {
        self.is_plain.get_or_init(|| raw.starts_with(self.text)).then_some(offset)
    }

    fn in_block(&mut self, offset: usize, raw: &str, start: usize, file: &File) -> Option<usize> {
        if offset < self.begins {
            (self.line, self.begins) = (0, 0);
        }
        while let Some(length) = memchr::memchr(b'\n', self.text.as_bytes().get(self.begins..offset)?) {
            self.begins += length + 1;
            self.line += 1;
        }
        let value = self.text.get(self.begins..)?.lines().next().unwrap_or_default();
        let first = usize::from(raw.starts_with(['|', '>']));
        let line = file.line(file.line_of(start) + first + self.line)?;
        let text = file.text.get(line.clone())?.trim_end_matches(['\n', '\r']);
        let indent = text.len().checked_sub(value.len())?;
        (text.get(indent..) == Some(value)).then_some(line.start + indent + (offset - self.begins))
    }
}
