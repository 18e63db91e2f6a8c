//! What the YAML reader refuses, in the words of a plan.

use serde_saphyr::Error;

use super::{
    problem::Flaw,
    tree::{Place, place_of},
};

/// The flaw an error of the reader stands for. Never quotes a value.
pub(super) fn flaw(error: &Error, text: &str) -> Flaw {
    let mut error = error.without_snippet();
    while let Error::AliasError { error: inner, .. } = error {
        error = inner.without_snippet();
    }
    if let Error::Eof { .. } = error {
        return empty();
    }
    let place = error.location().map_or_else(Place::default, |location| place_of(&location, text));
    let (message, help) = words(error);
    let flaw = match tab(text, place) {
        Some(tab) => Flaw::new(tab, message).help("YAML indents with spaces, not with tabs"),
        None => Flaw::new(place, message).help_if(help),
    };
    if let Error::DuplicateMappingKey { key: Some(key), .. } = error { flaw.pointing_at(text, key) } else { flaw }
}

/// There is nothing in the file, or nothing but comments.
pub(super) fn empty() -> Flaw {
    Flaw::new(Place::default(), "the plan is empty").help("the smallest plan has `release`, `build` and `publish`")
}

fn words(error: &Error) -> (String, Option<&'static str>) {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            (format!("the key `{key}` is given twice"), Some("remove one of the two"))
        }
        Error::DuplicateMappingKey { .. } => ("a key is given twice".into(), Some("remove one of the two")),
        Error::ExternalMessage { msg, .. } if msg.contains("recursion limit") => too_much(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => too_much(),
        Error::MultipleDocuments { .. } => {
            ("the file holds more than one YAML document".into(), Some("a plan is one document: remove what follows `---`"))
        }
        Error::UnknownAnchor { .. } => ("this alias (`*…`) names an anchor that is not there".into(), None),
        Error::RecursiveReferencesRequireWeakTypes { .. } => ("this alias (`*…`) stands inside of its own anchor".into(), None),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => ("only maps can be merged by `<<`".into(), None),
        Error::InvalidBinaryBase64 { .. } | Error::BinaryNotUtf8 { .. } | Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            ("a tag (`!…`) has no meaning in a plan".into(), Some("remove it"))
        }
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => (format!("this is no valid YAML: {msg}"), None),
        other => (format!("this is no valid YAML: {}", without_location(&other.to_string())), None),
    }
}

fn too_much() -> (String, Option<&'static str>) {
    let message = "the plan is too large, too deeply nested or repeats itself too often to be read";
    (message.into(), Some("a plan has a few dozen lines; repeat less by aliases (`*name`)"))
}

/// The reader's text without its own words on where: that is shown by us.
fn without_location(text: &str) -> &str {
    text.find(" at line ").map_or(text, |at| &text[..at])
}

/// The tab that indents the line of the error, the one before or the one after, if there is one.
fn tab(text: &str, place: Place) -> Option<Place> {
    let before = text.get(..place.start).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let previous = before[..line.saturating_sub(1)].rfind('\n').map_or(0, |at| at + 1);
    let next = text[line..].find('\n').map_or(line, |at| line + at + 1);
    [line, previous, next].into_iter().find_map(|start| {
        let spaces = text[start..].bytes().take_while(|b| *b == b' ').count();
        let at = start + spaces;
        text[at..].starts_with('\t').then_some(Place { start: at, end: at + 1 })
    })
}
