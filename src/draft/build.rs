//! How a release is built: by a Dockerfile that the pipelines push the image of, or by the commands of their jobs.

use std::collections::BTreeSet;

use super::{
    Draft,
    commands::{Commands, Taken},
    place, sheet,
};
use crate::pipeline::{ImageBuild, Job, Step, Sure, Topic, Words, image_builds};

/// What a kind of project is usually built with: the file that tells, image, commands, and what comes out.
struct Usual {
    file: &'static str,
    image: &'static str,
    run: &'static [&'static str],
    artifact: &'static str,
}

const USUAL: &[Usual] = &[
    Usual {
        file: "Cargo.toml",
        image: "docker.io/library/rust:1",
        run: &["cargo build --release --locked"],
        artifact: "target/{folder}/{name}",
    },
    Usual { file: "go.mod", image: "docker.io/library/golang:1", run: &["go build -o dist/ ./..."], artifact: "dist" },
    Usual {
        file: "package.json",
        image: "docker.io/library/node:lts",
        run: &["npm ci", "mkdir -p dist && npm pack --pack-destination dist"],
        artifact: "dist",
    },
    Usual {
        file: "pyproject.toml",
        image: "docker.io/library/python:3",
        run: &["pip install build && python -m build"],
        artifact: "dist",
    },
    Usual { file: "mvnw", image: "docker.io/library/eclipse-temurin:21", run: &["./mvnw -B package"], artifact: "target" },
    Usual { file: "gradlew", image: "docker.io/library/eclipse-temurin:21", run: &["./gradlew build"], artifact: "build/libs" },
    Usual { file: "Makefile", image: "docker.io/library/debian:stable", run: &["make"], artifact: "dist" },
];

impl Draft<'_> {
    pub(super) fn build(&mut self) {
        self.sheet.line("build:", "");
        match image_builds(self.pipeline).find(|build| self.repository.has(&build.file)) {
            Some(build) => self.by_dockerfile(&build),
            None if self.pipeline.releases.is_empty() && self.repository.has("Dockerfile") => self.by_own_dockerfile(),
            None => self.by_commands(),
        }
    }

    /// The Dockerfile of a repository whose pipelines do not say how a release is built.
    fn by_own_dockerfile(&mut self) {
        self.sheet.line("  dockerfile: Dockerfile", "it is here, and no pipeline says otherwise");
        if let Some(usual) = USUAL.iter().find(|usual| self.repository.has(usual.file)) {
            self.sheet.question(&format!("does it build what is released? There is `{}` too", usual.file));
        }
        self.ask_smoke();
    }

    fn ask_smoke(&mut self) {
        self.sheet.question("what shows that the image works? It runs in the image that came back from the registry:");
        self.sheet.comment("  smoke: [/usr/local/bin/program --version]");
    }

    fn by_dockerfile(&mut self, build: &ImageBuild<'_>) {
        let from = format!("the image that {} builds", place(build.at));
        let file = sheet::quoted(&build.file);
        let text = match build.target {
            Some(target) => format!("  dockerfile: {{ file: {file}, target: {} }}", sheet::quoted(target)),
            None => format!("  dockerfile: {file}"),
        };
        self.sheet.line_or(&text, &from, "  dockerfile: Dockerfile");
        let makers = self.pipeline.makers();
        let brings =
            makers.iter().flat_map(|job| &job.steps).find(|step| step.is("actions/download-artifact")).map(|step| &step.at);
        let brings = brings.or_else(|| makers.iter().find_map(|job| job.hands_on.first()).map(|(_, at)| at));
        let before = build.before();
        let said = match (brings, before.is_empty()) {
            (Some(at), _) => Some(format!("Jobs hand files on ({})", place(at))),
            (None, false) => Some(format!("Before it, {} runs", listed(&before))),
            (None, true) => None,
        };
        if let Some(said) = said {
            let question = "does the Dockerfile build everything itself?";
            self.sheet
                .question(&format!("{question} {said}; if it takes what that makes, say `run`, `artifacts` and `base` instead"));
        }
        self.ask_smoke();
    }

    fn by_commands(&mut self) {
        let usual = USUAL.iter().find(|usual| self.repository.has(usual.file));
        let Commands { taken: commands, job, left, strips } = self.commands();
        self.image(usual, job);
        self.sheet.line("  run:", "");
        if commands.is_empty() {
            let steps = usual.map_or(&["echo 'canship.yaml does not say yet how this is built'; exit 1"][..], |usual| usual.run);
            let said = left.first().map_or_else(
                || self.silence("The pipelines do not show a command"),
                |first| format!("The pipelines do ({}), but with what only they know", place(first)),
            );
            let instead =
                if usual.is_some() { "this is what such projects usually do" } else { "until you say so, a drill ends here" };
            self.sheet.question(&format!("how is it built? {said}; {instead}:"));
            for step in steps {
                self.sheet.line(&format!("    - {}", sheet::quoted(step)), usual.map_or("", |usual| usual.file));
            }
        }
        for Taken { text, at, secrets } in &commands {
            let run = sheet::quoted(text);
            let names: Vec<&str> = secrets.iter().map(|(name, _)| name.as_str()).collect();
            let line = match names.as_slice() {
                [] => format!("    - {run}"),
                names => format!("    - {{ run: {run}, secrets: [{}] }}", names.join(", ")),
            };
            self.sheet.line_or(&line, &place(at), "");
            for (name, owner) in secrets {
                self.sheet.want(name, owner, &format!("the build, at {}", place(at)));
            }
        }
        if let Some(first) = left.first().filter(|_| !commands.is_empty()) {
            let others =
                if left.len() == 1 { "one more build stands".to_owned() } else { format!("{} more builds stand", left.len()) };
            self.sheet.question(&format!("is that what builds the release? {others} in the pipelines, as at {}", place(first)));
        }
        if let Some(at) = strips {
            let question = "must what is built be stripped? The pipelines do";
            self.sheet.question(&format!("{question} ({}), with what only they know: add a step that does", place(&at)));
        }
        self.artifacts(usual, (&commands, job));
        self.sheet.question("what shows that it works? It runs on what came back from the registry:");
        self.sheet.comment("  smoke: [./program --version]");
    }

    fn image(&mut self, usual: Option<&Usual>, job: Option<&Job>) {
        let of_job = |site: &&crate::pipeline::Site| {
            site.on_path
                && &*site.role == "container"
                && matches!(site.sure, Sure::Read)
                && job.is_none_or(|job| site.job.as_deref() == Some(job.id.as_str()))
        };
        let images = self.pipeline.facts.of(Topic::Images);
        let known = images
            .filter(|(image, _)| !image.contains('$'))
            .find_map(|(image, sites)| Some((image.to_owned(), place(&sites.iter().find(of_job)?.at))));
        let usual = usual.map_or("docker.io/library/debian:stable", |usual| usual.image);
        let fallback = format!("  image: {usual}");
        match (self.answer("image").map(str::to_owned), known) {
            (Some(image), _) => self.sheet.line_or(&format!("  image: {}", sheet::quoted(&image)), sheet::SAID, &fallback),
            (None, Some((image, from))) => self.sheet.line_or(&format!("  image: {}", sheet::quoted(&image)), &from, &fallback),
            (None, None) => {
                let why = self.silence("The jobs run on a runner's own, which has far more tools than this one");
                self.sheet.question(&format!("in which image? {why}:"));
                self.sheet.line(&fallback, "what such projects usually take");
                self.sheet.ask("image", "in which image is it built?", Some(usual));
            }
        }
    }

    /// What the build makes: what jobs hand on or release, as far as it is a plain path.
    fn artifacts(&mut self, usual: Option<&Usual>, (commands, job): (&[Taken], Option<&Job>)) {
        let is_path = |text: &&str| {
            !text.is_empty()
                && !text.starts_with(['/', '~', '.', '!'])
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/+".contains(c))
        };
        let taken = |lines: &mut dyn Iterator<Item = &str>| -> Vec<String> {
            // The plan tells artifacts apart by their last name.
            let mut names = BTreeSet::new();
            let paths = lines.map(str::trim).filter(is_path).map(|line| line.trim_end_matches('/').to_owned());
            paths.filter(|path| names.insert(super::repository::last(path).to_owned())).collect()
        };
        let of_step = |step: &Step| {
            let input = if step.is("actions/upload-artifact") {
                step.input("path")
            } else {
                step.input("files").filter(|_| step.is("softprops/action-gh-release"))
            };
            (taken(&mut input.unwrap_or_default().lines()), step.at.clone())
        };
        let of_job = |job: &Job| {
            let own = job.hands_on.first().map(|(_, at)| at.clone());
            let own = own.map(|at| (taken(&mut job.hands_on.iter().map(|(path, _)| path.as_str())), at));
            own.into_iter().chain(job.steps.iter().map(of_step)).find(|(paths, _)| !paths.is_empty())
        };
        // What is built by commands that are taken over is what those make.
        let found = job.into_iter().chain(self.pipeline.makers()).find_map(of_job);
        let made = usual.map_or("dist", |usual| usual.artifact).replace("{folder}", &cargo_folder(commands));
        let names = self.repository.programs().into_iter().take(PROGRAMS);
        let made: BTreeSet<String> = names.map(|name| sheet::quoted(&made.replace("{name}", &name))).collect();
        let fallback = format!("  artifacts: [{}]", made.into_iter().collect::<Vec<_>>().join(", "));
        if let Some((paths, at)) = found {
            let list: Vec<String> = paths.iter().map(|path| sheet::quoted(path)).collect();
            self.sheet.line_or(&format!("  artifacts: [{}]", list.join(", ")), &place(&at), &fallback);
        } else {
            self.sheet.question("which files or folders does the build make that are released?");
            self.sheet.line_or(&fallback, "what such projects usually make", "  artifacts: [dist]");
        }
    }
}

/// The most programs of one manifest that are listed.
const PROGRAMS: usize = 6;

/// The folder below `target` that cargo builds into; what such projects usually take where no command says.
fn cargo_folder(commands: &[Taken]) -> String {
    let command = commands.iter().rev().find(|taken| taken.text.split(' ').any(|word| word == "build"));
    let words: Vec<&str> = command.map_or("--release", |taken| &taken.text).split(' ').collect();
    let option = |name: &str| {
        words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => words.get(at + 1).copied(),
            value => value.strip_prefix('='),
        })
    };
    let profile = option("--profile").unwrap_or(if words.iter().any(|word| matches!(*word, "--release" | "-r")) {
        "release"
    } else {
        "debug"
    });
    option("--target").into_iter().chain([if profile == "dev" { "debug" } else { profile }]).collect::<Vec<_>>().join("/")
}

/// The most commands that a question lists.
const LISTED: usize = 3;

/// Commands with their places, as a question lists them.
fn listed(commands: &[&Words]) -> String {
    let shown = |command: &&Words| {
        let text: String = command.words.join(" ").chars().take(80).collect();
        format!("`{}` ({})", text.replace('`', "'"), place(&command.at))
    };
    let first = commands.iter().take(LISTED).map(shown).collect::<Vec<_>>().join(", ");
    let more = commands.len().saturating_sub(LISTED);
    if more > 0 { format!("{first} and {more} more") } else { first }
}
