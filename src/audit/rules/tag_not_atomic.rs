//! A tag and a branch that are pushed one without the other.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::Words,
};

pub(super) static RULE: Rule = Rule {
    id: "tag-not-atomic",
    severity: Severity::Warning,
    title: "a tag and its branch are pushed so that one can land without the other",
    detects: "`git push` in the workflows of a release that sends a branch and tags (`--follow-tags`, `--tags` beside a branch, two refs) \
              without `--atomic`; or a branch and a tag in two pushes of one step.",
    misses: "Pushes within scripts and actions, and in workflows that make no release themselves.",
    why: "If the branch is refused (protected, someone was faster), the tag lands on a commit that no branch has, and starts a \
          release of it.",
    advice: "Push both with `git push --atomic REMOTE BRANCH TAG`.",
    check,
};

/// What one push sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sends {
    Branch,
    Tag,
    Both,
    Unclear,
}

fn check(subject: &Subject<'_>, found: &mut Found) {
    let jobs = subject.pipeline.releases.iter().flat_map(|release| &release.jobs);
    for step in jobs.flat_map(|job| &job.steps) {
        let pushes: Vec<(&Words, Sends)> =
            step.commands.iter().filter_map(|command| Some((command, sends(&command.words)?))).collect();
        for (command, _) in pushes.iter().filter(|(_, sends)| *sends == Sends::Both) {
            let text = command.words.join(" ");
            found.add(Severity::Warning, spot(Some(&command.at), &text), format!("`{text}` can send the tag and not the branch"));
        }
        in_two(&pushes, found);
    }
}

fn in_two(pushes: &[(&Words, Sends)], found: &mut Found) {
    let of = |kind: Sends| pushes.iter().find(|(_, sends)| *sends == kind).map(|(command, _)| *command);
    let (Some(branch), Some(tag)) = (of(Sends::Branch), of(Sends::Tag)) else { return };
    let message = "a branch and a tag are sent in two pushes: the first can land without the second".to_owned();
    let finding = found.add(Severity::Warning, spot(Some(&tag.at), &tag.words.join(" ")), message);
    let _told = finding
        .related(spot(Some(&branch.at), &branch.words.join(" ")), "the branch")
        .doubt("whether both run in one go is not followed");
}

fn sends(words: &[String]) -> Option<Sends> {
    let mut rest = words.iter().map(String::as_str);
    if rest.next().map(|program| program.rsplit('/').next().unwrap_or(program)) != Some("git") {
        return None;
    }
    // Options of git itself stand before the command, some with a value.
    let at = words.iter().position(|word| word == "push")?;
    let after: Vec<&str> = words.iter().skip(at + 1).map(String::as_str).collect();
    let has = |word: &str| after.contains(&word);
    if has("--atomic") || has("--dry-run") || has("-n") || has("--delete") || has("-d") {
        return None;
    }
    let places: Vec<&str> = after.iter().copied().filter(|word| !word.starts_with('-') && !word.starts_with(['>', '<'])).collect();
    let refs = places.get(1..).unwrap_or_default();
    if has("--follow-tags") {
        return Some(Sends::Both);
    }
    if has("--tags") {
        return Some(if refs.is_empty() { Sends::Tag } else { Sends::Both });
    }
    Some(match refs {
        [] => Sends::Branch,
        [one] => kind(one),
        several => {
            let kinds: Vec<Sends> = several.iter().map(|one| kind(one)).collect();
            if kinds.contains(&Sends::Tag) && kinds.iter().any(|kind| *kind != Sends::Tag) { Sends::Both } else { Sends::Unclear }
        }
    })
}

fn kind(reference: &str) -> Sends {
    let lower = reference.to_ascii_lowercase();
    let to = lower.rsplit(':').next().unwrap_or_default();
    if to.contains("refs/tags/") || to.starts_with('v') && to.contains('$') || to.contains("tag") {
        return Sends::Tag;
    }
    if ["main", "master", "head", "refs/heads/", "branch", "develop"].iter().any(|word| to.contains(word)) {
        return Sends::Branch;
    }
    Sends::Unclear
}
