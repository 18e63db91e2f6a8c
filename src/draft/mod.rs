//! A first plan, drafted from what a repository's pipelines and manifests say.
//!
//! Static: no network, nothing is run. Invariants: the plan is valid, whatever the files say (what a plan cannot hold is left
//! out and asked for); each line says where it comes from; what nobody can know from the files is a question, never a guess
//! that looks like a fact; no value that looks like a token is taken over.

mod build;
mod commands;
mod images;
mod login;
mod publish;
mod repository;
mod sheet;

pub use repository::Repository;
pub use sheet::{Question, Sheet};

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sheet::Wanted;

use crate::{
    pipeline::{At, Forge, Pipeline, Topic},
    plan,
};

/// What a draft is made of.
struct Draft<'d> {
    pipeline: &'d Pipeline,
    repository: &'d Repository,
    answers: &'d BTreeMap<String, String>,
    sheet: Sheet,
}

/// The most secrets that a draft names of those that it does not use.
const SECRETS: usize = 20;

/// The tokens that a forge makes for each run.
const MADE: &[&str] = &["GITHUB_TOKEN", "CI_JOB_TOKEN"];

/// Drafts the plan of the repository in this folder; `answers` are what a person said, by the key of the question.
#[must_use]
pub fn draft(folder: &Path, pipeline: &Pipeline, answers: &BTreeMap<String, String>) -> Sheet {
    let repository = Repository::read(folder);
    let mut draft = Draft { pipeline, repository: &repository, answers, sheet: Sheet::default() };
    draft.head();
    draft.source();
    draft.build();
    draft.tag();
    draft.publish();
    draft.secrets();
    draft.primary();
    draft.rest();
    let mut sheet = draft.sheet;
    mend(&mut sheet);
    sheet
}

/// Takes out of the sheet what makes it no valid plan, and asks instead.
fn mend(sheet: &mut Sheet) {
    for _ in 0..20 {
        let Err(invalid) = plan::parse(&sheet.text(), plan_name()) else { return };
        let wrong: Vec<(usize, String)> = invalid.problems.iter().map(|problem| (problem.line, problem.message.clone())).collect();
        if !sheet.drop_lines(&wrong) {
            return;
        }
    }
}

fn plan_name() -> &'static str {
    "canship.yaml"
}

/// A place as the comments name it.
fn place(at: &At) -> String {
    format!("{}:{}", at.file, at.line)
}

impl Draft<'_> {
    /// What a person said to this question.
    fn answer(&self, key: &str) -> Option<&str> {
        self.answers.get(key).map(String::as_str).filter(|answer| !answer.is_empty())
    }

    /// Why the pipelines do not say something: what is told if there are any that release.
    fn silence(&self, otherwise: &str) -> String {
        let pipeline = self.pipeline;
        let told = match (pipeline.forges.is_empty(), pipeline.releases.is_empty()) {
            (true, _) => "There are no pipelines here",
            (false, true) => "No pipeline here makes a release, as far as the files say",
            (false, false) => otherwise,
        };
        told.to_owned()
    }

    fn head(&mut self) {
        self.sheet.comment("Written by `canship init`. Each line says where it comes from; a QUESTION is for you to decide.");
        self.sheet.comment("`canship plan` shows what all of it means, `canship check` where it and the pipelines come apart.");
        self.sheet.line("version: 1", "the form of this file");
        let (name, from) = match self.answer("release") {
            Some(name) => (name.to_owned(), sheet::SAID.to_owned()),
            None => self.repository.release(),
        };
        self.sheet.ask("release", "what is it called that is released?", Some(&name));
        self.sheet.line_or(&format!("release: {}", sheet::quoted(&name)), &from, "release: release");
        let target = "how long may a hotfix take, from the decision until users can have it?";
        if let Some(said) = self.answer("target").map(sheet::quoted) {
            self.sheet.line_or(&format!("target: {said}"), sheet::SAID, "target: 30m");
        } else {
            self.sheet.line("target: 30m", "the default");
            self.sheet.question(target);
        }
        self.sheet.ask("target", target, Some("30m"));
    }

    fn source(&mut self) {
        let (branch, from) = self.repository.branch();
        self.sheet.line("source:", "");
        self.sheet.line_or(&format!("  ref: {}", sheet::quoted(&branch)), &from, "  ref: main");
        let mirror = self.answer("mirror");
        if let Some(mirror) = mirror.filter(|mirror| self.repository.is_place(mirror)).map(sheet::quoted) {
            self.sheet.line_or(&format!("  mirror: {mirror}"), sheet::SAID, "");
        } else {
            if let Some(said) = mirror {
                // Git would take it for the name of a folder.
                self.sheet.refuse(format!("`{said}` is no address, and there is no folder of that name"));
            }
            self.sheet
                .question("where is a copy of this repository that does not need the forge? Without one, a spare has no source:");
            self.sheet.comment("  mirror: ssh://git@spare.example/team/name.git");
        }
        self.sheet.ask("mirror", "where is a copy of this repository that does not need the forge?", None);
        let (version, from) = self.repository.version();
        self.sheet.line_or(&format!("  version: {version}"), &from, "  version: { tag: latest }");
    }

    /// What tags start a release.
    fn tag(&mut self) {
        let patterns = self.pipeline.releases.iter().flat_map(|release| &release.triggers).flat_map(|trigger| {
            let tags = trigger.filters.iter().filter_map(|filter| filter.strip_prefix("tags: "));
            tags.flat_map(|tags| tags.split(", ")).map(move |tag| (tag.to_owned(), place(&trigger.at)))
        });
        for (pattern, from) in patterns {
            // GitLab writes them as regular expressions.
            let (begin, is_regex) = pattern.strip_prefix("/^").map_or((pattern.as_str(), false), |regex| (regex, true));
            let start: String = begin.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '@')).collect();
            let start = start.trim_end_matches(|c: char| c.is_ascii_digit());
            let rest = begin.get(start.len()..).unwrap_or_default();
            if rest.starts_with(['*', '[', '0', '1', '2', '3', '?', '+']) || is_regex && rest.starts_with(r"\d") {
                let tag = sheet::quoted(&format!("{start}{{version}}"));
                self.sheet.line_or(&format!("tag: {tag}"), &format!("the tags `{pattern}` start a release: {from}"), "");
                return;
            }
        }
        let why = self.silence("The pipelines do not say");
        self.sheet.question(&format!("what is a release tagged? {why}:"));
        self.sheet.comment("tag: v{version}");
    }

    /// The secrets that steps and targets above name; the others that a release uses are asked for.
    fn secrets(&mut self) {
        let wanted = self.sheet.wanted();
        let owners: BTreeSet<&str> = wanted.values().map(|wanted| wanted.owner.as_str()).collect();
        let (mut places, mut others) = (BTreeMap::new(), Vec::new());
        for (name, sites) in self.pipeline.facts.of(Topic::Secrets) {
            let Some(site) = sites.iter().find(|site| site.on_path) else { continue };
            if MADE.contains(&name) || name.eq_ignore_ascii_case("github_token") {
                continue;
            }
            let under = site.under.as_deref().filter(|under| *under != name);
            let under = under.map(|under| format!(", as `{under}`")).unwrap_or_default();
            let owner = sheet::variable(name);
            if owners.contains(owner.as_str()) {
                places.insert(owner, format!("{}{under}", place(&site.at)));
            } else {
                others.push(format!("`{name}` ({}{under})", place(&site.at)));
            }
        }
        if !wanted.is_empty() {
            self.sheet.line("secrets:", "where each is found without the forge; never what it is");
            for (name, Wanted { owner, why }) in &wanted {
                let from = places.get(owner).unwrap_or(why);
                self.sheet.line_or(&format!("  {name}: {{ env: {owner} }}"), from, "");
            }
            self.sheet.question("from where does each come on the day that the forge is out? `{ env: NAME }`, `{ file: PATH }`, `{ command: [pass, show, NAME] }`");
        }
        if !others.is_empty() {
            let more = others.len().saturating_sub(SECRETS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.sheet.question(&format!(
                "the pipelines use secrets that no step or target above names: {}{more}. Which does a release need? Add it under `secrets` and to what uses it",
                others.iter().take(SECRETS).map(String::as_str).collect::<Vec<_>>().join(", ")
            ));
        }
    }

    fn primary(&mut self) {
        let Some((host, name)) = &self.repository.origin else {
            self.sheet.question("which forge is the usual path, and which token may turn its workflows off and on? See `primary` in the documentation.");
            return;
        };
        let of = |forge: Forge| -> Vec<String> {
            let files = self.pipeline.releases.iter().filter(|release| release.forge == forge);
            files.filter_map(|release| release.file.rsplit('/').next()).map(sheet::quoted).collect()
        };
        let (github, gitlab) = (of(Forge::Github), of(Forge::Gitlab));
        let is_known = host == "github.com" || host == "gitlab.com";
        if !github.is_empty() && (host == "github.com" || (!is_known && gitlab.is_empty())) {
            let url = if host == "github.com" {
                String::new()
            } else {
                format!(", url: {}", sheet::quoted(&format!("https://{host}/api/v3")))
            };
            let text = format!(
                "primary: {{ github: {{ repository: {}, workflows: [{}]{url} }} }}",
                sheet::quoted(name),
                github.join(", ")
            );
            self.sheet.line_or(&text, "the origin, and the workflows that release", "");
        } else if !gitlab.is_empty() {
            let url =
                if host == "gitlab.com" { String::new() } else { format!(", url: {}", sheet::quoted(&format!("https://{host}"))) };
            let text = format!("primary: {{ gitlab: {{ project: {}{url} }} }}", sheet::quoted(name));
            self.sheet.line_or(&text, "the origin, and the pipeline that releases", "");
        }
        self.sheet.question(
            "may a drill really take that away? Then it needs a token there: `token: CANSHIP_TOKEN`, and that name under `secrets`",
        );
    }

    fn rest(&mut self) {
        self.sheet.line("spares: [{ name: container, container: {} }]", "the default: a clean room on this machine's engine");
        self.sheet.question(
            "which other machine could build? `- { name: build-box, container: { engine: \"ssh://build@spare.example\" } }`",
        );
        let waits: Vec<String> = [Topic::Environments, Topic::Approvals]
            .into_iter()
            .flat_map(|topic| self.pipeline.facts.of(topic))
            .filter_map(|(name, sites)| Some(format!("`{name}` ({})", place(&sites.iter().find(|site| site.on_path)?.at))))
            .collect::<BTreeSet<String>>()
            .into_iter()
            .take(5)
            .collect();
        if !waits.is_empty() {
            self.sheet.question(&format!(
                "a release waits at {}: who decides with the forge out? At least two who can release:",
                waits.join(", ")
            ));
            self.sheet.comment("people: { decide: on-call, release: [first, second] }");
        }
    }
}
