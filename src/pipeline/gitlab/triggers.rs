//! What starts the jobs of a release, by their rules: tags as tags, whatever else narrows them down as it is written.

use std::collections::BTreeSet;

use super::Seen;
use crate::pipeline::{
    model::Trigger,
    source::Files,
    yaml::{Place, Yaml},
};

/// The most triggers that are told.
const MOST: usize = 20;
/// The variable that only the pipeline of a tag has.
const TAG: &str = "$CI_COMMIT_TAG";

/// What starts the jobs of a release: the conditions that name a tag, a branch or a schedule.
pub(super) fn of(all: &[Seen], files: &Files) -> Vec<Trigger> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let jobs = all.iter().filter(|seen| seen.found.reason.is_some());
    let texts = jobs.flat_map(|seen| rules(&seen.job).chain(only(&seen.job)));
    texts
        .filter(|(_, text, _)| seen.insert(text))
        .take(MOST)
        .map(|(key, text, place)| {
            let tags = if key == "rules" { tags(text) } else { (text == "tags").then(|| vec!["tags".to_owned()]) };
            let (event, filters) = tags.map_or_else(|| (key, vec![text.to_owned()]), |tags| ("push", tags));
            Trigger { event: event.to_owned(), filters, at: files.at(place) }
        })
        .collect()
}

/// The conditions under which its rules add a job.
fn rules(job: &Yaml) -> impl Iterator<Item = (&'static str, &str, Place)> {
    let rules = job.get("rules").map(|rules| rules.items()).unwrap_or_default();
    let adds = |rule: &&Yaml| rule.get("when").and_then(|when| when.as_str()) != Some("never");
    rules.iter().filter(adds).filter_map(|rule| rule.get("if").map(|text| ("rules", text.as_str().unwrap_or_default(), text.place)))
}

/// The refs that it is for.
fn only(job: &Yaml) -> impl Iterator<Item = (&'static str, &str, Place)> {
    let refs = job.get("only").map(|only| only.get("refs").unwrap_or(only).texts()).unwrap_or_default();
    refs.into_iter().map(|(text, place)| ("only", text, place))
}

/// The tags that a condition is about, and what else it asks for; none if it is about other things too, or put together otherwise.
fn tags(condition: &str) -> Option<Vec<String>> {
    let (mut tags, mut others) = (None, Vec::new());
    for part in parts(condition)? {
        match part.strip_prefix(TAG).map(str::trim) {
            Some("" | "!= null" | "!= \"\"" | "!= ''") => tags = tags.or(Some("tags".to_owned())),
            Some(rest) if rest.starts_with("=~") || rest.starts_with("==") => {
                let pattern = rest.get(2..).unwrap_or_default().trim().trim_matches(['"', '\'']);
                tags = Some(format!("tags: {pattern}"));
            }
            _ => others.push(part),
        }
    }
    let rest = (!others.is_empty()).then(|| others.join(" && "));
    Some(std::iter::once(tags?).chain(rest).collect())
}

/// What a condition joins with `&&`; none if there are brackets or alternatives in it. Quotes and patterns are passed over.
fn parts(condition: &str) -> Option<Vec<&str>> {
    let (mut found, mut start, mut within, mut before) = (Vec::new(), 0, None, ' ');
    for (at, c) in condition.char_indices() {
        let escaped = before == '\\';
        match within {
            Some(end) if c == end && !escaped => within = None,
            None if matches!(c, '"' | '\'') => within = Some(c),
            None if c == '/' && before == '~' => within = Some(c),
            None if matches!(c, '(' | ')' | '|') => return None,
            None if c == '&' && before == '&' => {
                found.push(condition.get(start..at - 1)?.trim());
                start = at + 1;
            }
            _ => {}
        }
        if !c.is_whitespace() {
            before = if escaped { ' ' } else { c };
        }
    }
    found.push(condition.get(start..)?.trim());
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::tags;

    #[test]
    fn a_condition_on_a_tag_is_told_as_tags() {
        let told = |condition: &str| tags(condition).unwrap_or_default().join("; ");
        assert_eq!(told("$CI_COMMIT_TAG"), "tags");
        assert_eq!(told("$CI_COMMIT_TAG != null"), "tags");
        assert_eq!(told(r"$CI_COMMIT_TAG =~ /^v\d+/"), r"tags: /^v\d+/");
        assert_eq!(told(r"$CI_COMMIT_TAG =~ /^v(1|2)\/(&&|x)$/i"), r"tags: /^v(1|2)\/(&&|x)$/i");
        assert_eq!(told("$CI_COMMIT_TAG == 'v1' && $A == \"(b||c)\" && $D"), "tags: v1; $A == \"(b||c)\" && $D");
        assert_eq!(told("$CI_PROJECT_PATH == 'a/b' && $CI_COMMIT_TAG"), "tags; $CI_PROJECT_PATH == 'a/b'");
        for other in ["$CI_COMMIT_TAG || $A", "$CI_COMMIT_TAG !~ /a/", "$CI_COMMIT_TAG_MESSAGE", "($CI_COMMIT_TAG)", "$A", ""] {
            assert_eq!(told(other), "", "{other}");
        }
    }
}
