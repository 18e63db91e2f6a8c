//! A place that releases land at and the plan does not name.

use crate::{
    audit::{
        Rule, Severity, Subject,
        found::{Found, Say as _},
        subject::spot,
    },
    pipeline::{Sure, Target as Place, Topic},
    plan::Target,
};

pub(super) static RULE: Rule = Rule {
    id: "target-not-covered",
    severity: Severity::Error,
    title: "a release lands in a place that the plan does not publish to",
    detects: "Targets that jobs on the release's path publish to (images, packages, releases of the forge, stores) for which the \
              plan's `publish` has no entry of that kind. Sites are notes; what another file decides is a warning with doubt; a \
              place that plans have no kind for is a note.",
    misses: "Which package or file it is: one entry of the kind covers all. Targets that only a remote workflow or a tool's own \
             configuration names.",
    why: "A hotfix that is in one place and not in the other is half shipped, and users of the other do not get it.",
    advice: "Add an entry of that kind to the plan's `publish`; a kind that is not drilled yet makes the answer unknown, which is the truth.",
    check,
};

/// The kind of a plan's target for each place; none if plans have no kind for it.
fn kind(target: Place) -> Option<&'static str> {
    Some(match target {
        Place::ContainerImage | Place::Ngc | Place::HelmChart => "oci",
        Place::CratesIo => "crate",
        Place::Npm => "npm",
        Place::Pypi => "pypi",
        Place::MavenCentral | Place::MavenStaging => "maven",
        Place::Nuget => "nuget",
        Place::Rubygems => "gem",
        Place::HomebrewCore | Place::HomebrewTap => "homebrew",
        Place::Winget => "winget",
        Place::GithubRelease => "github_release",
        Place::GitlabRelease => "gitlab_release",
        Place::S3 | Place::CloudflareR2 | Place::Gcs => "s3",
        Place::GithubPages | Place::GitlabPages | Place::CloudflarePages | Place::DocsRepo | Place::SiteRepo => "pages",
        _ => return None,
    })
}

/// What comes with a release and is no place of its own.
const BESIDE: &[Place] = &[Place::TestPypi, Place::SlsaProvenance, Place::Announce];

fn check(subject: &Subject<'_>, found: &mut Found) {
    let Some(plan) = subject.plan() else { return };
    let has = |kind: &str| {
        plan.publish.iter().any(|target| match target {
            Target::Oci(_) => kind == "oci",
            Target::Other { kind: known, .. } => known == kind,
        })
    };
    for fact in subject.facts(Topic::PublishTargets) {
        let Some(target) = Place::ALL.iter().copied().find(|target| target.name() == fact.value) else { continue };
        if BESIDE.contains(&target) {
            continue;
        }
        let decided_by = fact.sites.iter().find_map(|site| match &site.sure {
            Sure::Delegated(file) => Some(file.as_str()),
            _ => None,
        });
        let is_sure = fact.sites.iter().any(|site| matches!(site.sure, Sure::Read | Sure::Computed));
        let at = spot(fact.sites.first().map(|site| &site.at), "");
        match kind(target) {
            Some(kind) if has(kind) => {}
            Some(kind) => {
                let severity = if kind == "pages" {
                    Severity::Note
                } else if is_sure {
                    Severity::Error
                } else {
                    Severity::Warning
                };
                let message = format!("a release lands at {} and the plan's `publish` has no `{kind}`", fact.value);
                let finding = found.add(severity, at, message).advise(add(kind, subject.plan_file()));
                if let (false, Some(file)) = (is_sure, decided_by) {
                    let _told = finding.doubt(format!("`{file}` decides whether it does"));
                }
            }
            None => {
                let what = if target == Place::Unknown { "somewhere".to_owned() } else { format!("at {}", fact.value) };
                let finding =
                    found.add(Severity::Note, at, format!("a release lands {what}, which no kind of target in a plan stands for"));
                let finding = finding.advise(format!(
                    "Try by hand how it gets there without this CI, and accept it in `{}` with that as the reason: `check: {{ ignore: [{{ \
                     rule: target-not-covered, file: {}, reason: … }}] }}`.",
                    subject.plan_file(),
                    fact.sites.first().map_or("…", |site| &*site.at.file)
                ));
                if let Some(file) = decided_by {
                    let _told = finding.doubt(format!("`{file}` decides where to"));
                }
            }
        }
    }
}

/// How an entry of this kind is written, and what comes of it.
fn add(kind: &str, file: &str) -> String {
    let name = match kind {
        "oci" => return format!("Add `- oci: REGISTRY/NAME` to `publish` in `{file}`, with the `login` that a spare pushes with."),
        "github_release" => "OWNER/NAME",
        "gitlab_release" => "GROUP/NAME",
        "s3" => "BUCKET",
        "pages" => "URL",
        _ => "NAME",
    };
    format!(
        "Add `- {{ {kind}: {name} }}` to `publish` in `{file}`; that kind is not drilled yet, which makes the answer unknown, and that is \
         the truth."
    )
}
