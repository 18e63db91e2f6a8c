//! Which jobs make or publish a release, and why.
//!
//! What a job does counts first, its stage and name second, and neither if it runs for merge requests or without a tag only.
//! Names deceive: a stage `deploy` may build an installer, a job `publish` may test.

use super::scripts::Line;
use crate::pipeline::{
    publish::{Target, commands::Effect},
    yaml::{Place, Yaml},
};

/// What stands in a job that matters for a release.
pub(super) struct Found {
    pub(super) lines: Vec<Line>,
    /// Why it is part of a release; none if it is not.
    pub(super) reason: Option<(String, Place)>,
}

/// Words in names and stages that promise a release.
const RELEASES: &[&str] = &["release", "releases", "publish", "publishing", "upload", "postrelease", "ship"];

/// Programs that sign what is released.
const SIGNERS: &[&str] =
    &["rpmsign", "dpkg-sig", "debsigs", "debsign", "minisign", "signtool", "jarsigner", "codesign", "osslsigncode"];

/// Looks at a job with these commands.
pub(super) fn job(name: &str, job: &Yaml, lines: Vec<Line>) -> Found {
    let reason = if is_for_others(job) { None } else { reason(name, job, &lines) };
    Found { lines, reason }
}

fn reason(name: &str, job: &Yaml, lines: &[Line]) -> Option<(String, Place)> {
    if let Some(release) = job.entry("release").filter(|release| release.node.is_map()) {
        return Some(("it makes a release (`release`)".to_owned(), release.key_place));
    }
    if name == "pages" || job.get("pages").is_some_and(|pages| pages.is_true() || pages.is_map()) {
        return Some(("it publishes GitLab Pages".to_owned(), job.place));
    }
    let stage = job.get("stage").and_then(|stage| stage.as_str()).unwrap_or_default();
    let named = |words: &[&str]| tokens(name).chain(tokens(stage)).any(|token| words.contains(&token.as_str()));
    let sends = |line: &&Line| {
        line.effects.iter().any(|effect| {
            matches!(effect, Effect::Publishes(target) if !target.is_beside()) || matches!(effect, Effect::PushesImage(_))
        })
    };
    let is_release = named(RELEASES) || conditions(job).iter().any(|condition| condition.to_ascii_lowercase().contains("tag"));
    if let Some(line) = lines.iter().find(sends).filter(|_| is_release || !is_manual(job)) {
        return Some((format!("it runs `{}`", line.role()), line.place));
    }
    let signs = |line: &&Line| {
        let program = line.command.program();
        SIGNERS.contains(&program)
            || (program == "cosign" && line.command.has("sign"))
            || (program == "gpg"
                && line.command.words.iter().any(|word| word.contains("secret-key") || word == "--import" || word.contains("sign")))
    };
    if tokens(name).chain(tokens(stage)).any(|token| {
        matches!(token.as_str(), "test" | "tests" | "coverage" | "check" | "verify" | "lint" | "gate" | "validate" | "mock")
    }) {
        return None;
    }
    if let Some(line) = lines.iter().find(signs) {
        return Some((format!("it signs with `{}`", line.command.program()), line.place));
    }
    if lines.is_empty() || !is_for_releases(job) {
        return None;
    }
    let script = job.entry("script")?;
    if named(RELEASES) {
        return Some((format!("its name or stage says so (stage `{stage}`)"), script.key_place));
    }
    None
}

/// The words of a name.
fn tokens(name: &str) -> impl Iterator<Item = String> + '_ {
    name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The conditions under which a job runs: of its rules, or of `only`.
fn conditions(job: &Yaml) -> Vec<String> {
    let rules = job.get("rules").map(|rules| rules.items()).unwrap_or_default();
    let mut found: Vec<String> = rules
        .iter()
        .filter(|rule| rule.get("when").and_then(|when| when.as_str()) != Some("never"))
        .map(|rule| rule.get("if").and_then(|condition| condition.as_str()).unwrap_or_default().to_owned())
        .collect();
    if let Some(only) = job.get("only") {
        let refs = only.get("refs").unwrap_or(only);
        found.extend(refs.texts().into_iter().map(|(text, _)| format!("only {text}")));
    }
    found
}

/// Whether a person starts it, whatever the pipeline is about.
fn is_manual(job: &Yaml) -> bool {
    let is = |node: &Yaml| node.get("when").and_then(|when| when.as_str()) == Some("manual");
    let rules = job.get("rules").map(|rules| rules.items()).unwrap_or_default();
    is(job)
        || (!rules.is_empty()
            && rules.iter().all(|rule| is(rule) || rule.get("when").and_then(|when| when.as_str()) == Some("never")))
}

/// Whether a job runs by itself in the pipelines that make releases, as far as its conditions tell.
pub(super) fn is_in_releases(job: &Yaml) -> bool {
    let is_late = matches!(job.get("when").and_then(|when| when.as_str()), Some("on_failure" | "never"));
    !is_late && !is_manual(job) && !is_for_others(job)
}

/// Whether a job runs for merge requests only, or only where there is no tag.
pub(super) fn is_for_others(job: &Yaml) -> bool {
    let conditions = conditions(job);
    !conditions.is_empty() && conditions.iter().all(|condition| is_of_others(condition))
}

/// Whether a condition holds for merge requests only, or only where there is no tag.
pub(super) fn is_of_others(condition: &str) -> bool {
    let is_other = |text: &str| {
        text.contains("merge_request")
            || text.contains("ci_commit_tag == null")
            || text.contains("ci_commit_tag == \"\"")
            || text.contains("!$ci_commit_tag")
    };
    condition.to_ascii_lowercase().split("||").all(is_other)
}

/// Whether a job runs for tags only.
pub(super) fn is_for_tags(job: &Yaml) -> bool {
    let is_tag = |condition: &String| {
        let text = condition.to_ascii_lowercase();
        text == "only tags" || text.split("||").all(|part| part.contains("$ci_commit_tag") && !is_of_others(part))
    };
    let conditions = conditions(job);
    !conditions.is_empty() && conditions.iter().all(is_tag)
}

/// Whether a job runs for branches only: the pipeline of a tag has none.
pub(super) fn is_for_branches(job: &Yaml) -> bool {
    let is_branch = |condition: &String| {
        let text = condition.to_ascii_lowercase();
        // What is not equal to a branch may be none.
        let names_one = |part: &str| part.contains("$ci_commit_branch") && !part.contains('!') && !part.contains("null");
        matches!(text.as_str(), "only branches" | "only main" | "only master")
            || text.split("||").all(|part| part.split("&&").any(names_one))
    };
    let conditions = conditions(job);
    let except = job.get("except").map(|except| except.get("refs").unwrap_or(except).texts()).unwrap_or_default();
    except.iter().any(|(text, _)| *text == "tags") || (!conditions.is_empty() && conditions.iter().all(is_branch))
}

/// Whether a job runs where releases are made: on tags, or on whatever the pipeline runs on.
fn is_for_releases(job: &Yaml) -> bool {
    let conditions = conditions(job);
    conditions.is_empty()
        || conditions.iter().any(|condition| {
            let text = condition.to_ascii_lowercase();
            ["tag", "release", "default_branch", "ref_name", "commit_branch", "master", "main"]
                .iter()
                .any(|word| text.contains(word))
                || text.is_empty()
        })
}

/// What includes of others are known to publish: the start of their name, and where to.
pub(super) const COMPONENTS: &[(&str, Target)] =
    &[("gitlab.gnome.org/GNOME/citemplates/release-service", Target::GnomeRelease), ("gitlab.com/components/", Target::Unknown)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{gitlab::scripts::Known, notes::Notes, source::Files, yaml};

    fn is_release(name: &str, text: &str) -> bool {
        let read = yaml::read(text, 0, 10_000);
        let files = Files::new(std::path::Path::new("."));
        let scripts = Known::default().scripts(&read.documents[0], &mut Notes::new(&files));
        let lines = scripts.iter().flat_map(|script| script.lines.clone()).collect();
        job(name, &read.documents[0], lines).reason.is_some()
    }

    #[test]
    fn what_a_job_does_counts_and_not_its_name() {
        assert!(is_release("windows", "script: [aws s3 cp a s3://b/c]"));
        assert!(!is_release("PUBLISH test", "script: [fdroid publish]"));
        assert!(!is_release("msi", "{stage: deploy, script: [./build-msi.sh]}"));
        assert!(!is_release("coverage", "{stage: publish, script: [bash <(curl -s https://codecov.io/bash)]}"));
    }

    #[test]
    fn jobs_of_merge_requests_are_no_release() {
        let rules = "rules: [{if: $CI_PIPELINE_SOURCE == \"merge_request_event\"}]";
        assert!(!is_release("push", &format!("script: [docker push a/b]\n{rules}")));
        assert!(is_release("push", "script: [docker push a/b]\nrules: [{if: $CI_COMMIT_TAG}]"));
        assert!(!is_release("push", "script: [docker push a/b]\nrules: [{if: $CI_COMMIT_TAG == null}]"));
    }
}
