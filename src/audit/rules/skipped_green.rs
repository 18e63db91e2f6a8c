//! A step that is skipped, and green, when its secret is empty.

use std::collections::BTreeSet;

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        publishing::Publishing,
        subject::spot,
    },
    pipeline::{Forge, Step, Words},
};

pub(super) static RULE: Rule = Rule {
    id: "skipped-green",
    severity: Severity::Warning,
    title: "a step of the release is skipped, and the job green, when its secret is empty",
    detects: "Steps on the release's path whose `if` looks whether a secret, or a variable that holds one, is empty; scripts that end \
              with 0 when one is. A warning where the step publishes, signs or logs in, else a note.",
    misses: "Tests within scripts that only leave out a part; variables that another step sets.",
    why: "A secret that ran out or was never set in a fork or a new repository makes a release that looks done and is not.",
    advice: "Let the step fail without its secret, or skip it by something that says so: the repository's name, an input.",
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found) {
    let secrets: BTreeSet<String> = subject.secrets().map(|secret| secret.value.to_ascii_uppercase()).collect();
    let publishing = Publishing::of(subject);
    for (release, job) in subject.jobs() {
        for step in &job.steps {
            if let Some((condition, at)) = &step.condition
                && let Some(name) = guarded_by(condition, step)
            {
                let does = publishing.step(step) || promises(step);
                let severity = if does { Severity::Warning } else { Severity::Note };
                let message = format!("this step is skipped, and the job green, when `{name}` is empty");
                let _told = found.add(severity, spot(Some(at), condition), message);
            }
            let is_secret = |name: &str| match release.forge {
                Forge::Github => step.variable(name).is_some_and(|value| value.contains("secrets.")),
                Forge::Gitlab => secrets.contains(&name.to_ascii_uppercase()),
            };
            for (command, name) in ends_green(&step.commands).into_iter().filter(|(_, name)| is_secret(name)) {
                let message = format!("the script ends with 0 when `{name}` is empty: the job is green, and nothing was done");
                let finding = found.add(Severity::Warning, spot(Some(&command.at), &command.words.join(" ")), message);
                let _told = finding.doubt("what the script does in between is not followed");
            }
        }
    }
}

/// The secret, or variable with one, that a condition wants not to be empty.
fn guarded_by(condition: &str, step: &Step) -> Option<String> {
    for (context, is_secret) in [("secrets.", true), ("env.", false)] {
        for (start, _) in condition.match_indices(context) {
            let whole = !condition[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
            let rest = &condition[start + context.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
            let (name, rest) = (&rest[..end], rest[end..].trim_start());
            let wants_some = match rest.strip_prefix("!=") {
                Some(other) => other.trim_start().starts_with("''") || other.trim_start().starts_with("null"),
                None => rest.is_empty() || rest.starts_with("&&") || rest.starts_with("}}"),
            };
            let holds = is_secret || step.variable(name).is_some_and(|value| value.contains("secrets."));
            let negated = condition[..start].trim_end().ends_with('!');
            if whole && wants_some && holds && !negated && !name.is_empty() {
                return Some(name.to_owned());
            }
        }
    }
    None
}

/// Whether the release would lack something without this step, by what it calls.
fn promises(step: &Step) -> bool {
    let word =
        |word: &str| ["sign", "publish", "push", "login", "notar", "release", "upload"].iter().any(|part| word.contains(part));
    step.uses.as_ref().is_some_and(|(name, _)| word(&name.to_ascii_lowercase()))
        || step.commands.iter().any(|command| command.words.iter().take(3).any(|text| word(&text.to_ascii_lowercase())))
}

/// Tests whether a variable is empty that are followed by an end with 0.
fn ends_green(commands: &[Words]) -> Vec<(&Words, String)> {
    let tests = |command: &Words| -> Option<String> {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let at = words.iter().position(|word| *word == "-z")?;
        let is_test = matches!(words.first(), Some(&("[" | "[[" | "test")));
        let name = words.get(at + 1)?.trim_start_matches('$').trim_matches(['{', '}', '"']);
        let name = name.split([':', '-']).next().unwrap_or(name);
        (is_test && !name.is_empty() && !words.contains(&"-a") && !words.contains(&"&&")).then(|| name.to_owned())
    };
    let is_end = |command: &Words| matches!(command.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), ["exit", "0"]);
    let mut found = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let Some(name) = tests(command) else { continue };
        let rest =
            commands.iter().skip(at + 1).take(4).take_while(|next| !matches!(next.words.first().map(String::as_str), Some("fi")));
        if rest.into_iter().any(is_end) {
            found.push((command, name));
        }
    }
    found
}
