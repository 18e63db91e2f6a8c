//! Calls of this program in the pipelines: whether anything gives back what a drill that was killed has cut.

use std::rc::Rc;

use super::{
    model::{At, OwnCall},
    source::Files,
};

/// The commands that pipelines call.
const COMMANDS: &[&str] = &["drill", "recover", "check", "clean", "status"];

/// The calls in all files that were read; comments are none.
pub(super) fn calls(files: &Files) -> Vec<OwnCall> {
    let mut found = Vec::new();
    for file in files.all() {
        // Most files have none.
        if memchr::memmem::find(file.text.as_bytes(), b"canship ").is_none() {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or_default();
            if line.trim_start().starts_with('#') {
                continue;
            }
            for (start, _) in line.match_indices("canship ") {
                let word = line[start + "canship ".len()..].split_whitespace().next().unwrap_or_default();
                let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                if COMMANDS.contains(&word) {
                    let from_one = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
                    let (line, column) = (from_one(number), from_one(line[..start].chars().count()));
                    let at = At { file: Rc::clone(&file.path), line, column };
                    found.push(OwnCall { command: word.to_owned(), at });
                }
            }
        }
    }
    found
}
