//! Tells canship's own workflows from those that release: one that drills or gives back must never be disabled.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{CONTENTS_READ, Github, answers::Content, was};
use crate::forge::{
    ForgeError, ForgeFault,
    call::{Call, part},
    wire::Failed,
};

const IS_OWN: &str = "canship itself runs in it: a cut would take away what drills and gives back. Name the workflow that releases";

/// So many files are read for one workflow at most: what it calls in its repository, and what that calls.
const MOST_FILES: usize = 12;

impl Github {
    /// Refuses the workflow that canship runs in, and every other that runs it, itself or by what it calls in its repository.
    pub(super) async fn refuse_own(&self, call: &Call, path: &str) -> Result<(), ForgeError> {
        if self.own.workflow.as_deref() == Some(path) {
            return Err(call.declined(&self.place, IS_OWN));
        }
        let (mut files, mut next) = (vec![path.to_owned()], 0);
        while let Some(file) = files.get(next) {
            let Some(calls) = self.calls_of(file).await? else {
                next += 1;
                continue;
            };
            if calls.runs_canship {
                return Err(call.declined(&self.place, IS_OWN));
            }
            for file in calls.files {
                if !files.contains(&file) {
                    files.push(file);
                }
            }
            if files.len() > MOST_FILES {
                let why = "it calls so much in its own repository that nobody knows whether canship runs in it";
                return Err(call.declined(&self.place, why));
            }
            next += 1;
        }
        Ok(())
    }

    /// What a file of the default branch calls; none if there is no such file.
    async fn calls_of(&self, path: &str) -> Result<Option<Calls>, ForgeError> {
        let reading = Call::new(format!("reading `{path}`, to see that canship does not run in it"), CONTENTS_READ);
        let below = path.split('/').map(part).collect::<Vec<_>>().join("/");
        let content: Content = match self.get(&reading, &format!("/contents/{below}")).await {
            Ok(content) => content,
            // GitHub keeps workflows whose file is gone from the default branch: nothing of canship's is there.
            Err(error) if was(&error, |fault| matches!(fault, ForgeFault::NotFoundOrHidden { .. })) => return Ok(None),
            Err(error) => return Err(error),
        };
        let unreadable = |what: &str| reading.failed(&self.place, Failed::harmless(self.wire.unreadable(what)));
        let text = text(&content).ok_or_else(|| unreadable("it does not hold the file's text"))?;
        let file: Value = serde_saphyr::from_str(&text).map_err(|error| unreadable(&format!("the file is no YAML: {error}")))?;
        let mut calls = Calls::default();
        calls.see(&file);
        Ok(Some(calls))
    }
}

/// What a workflow or an action calls.
#[derive(Debug, Default)]
struct Calls {
    /// Whether it drills, recovers or cleans with canship. One that only checks or reports does not.
    runs_canship: bool,
    /// The files of its own repository that it calls.
    files: Vec<String>,
}

impl Calls {
    fn see(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.see(item)),
            Value::Object(entries) => {
                for (key, value) in entries {
                    match (key.as_str(), value) {
                        ("uses", Value::String(what)) => self.uses(what),
                        ("run", Value::String(script)) => self.runs_canship |= runs_canship(script),
                        (_, value) => self.see(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn uses(&mut self, what: &str) {
        let called = what.split('@').next().unwrap_or_default();
        self.runs_canship |= called.split(['/', ':']).any(|part| part == "canship");
        let Some(local) = called.strip_prefix("./") else { return };
        if Path::new(local).extension().is_some_and(|end| end == "yml" || end == "yaml") {
            return self.files.push(local.to_owned());
        }
        let folder = local.trim_end_matches('/');
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.files.extend(["yml", "yaml"].map(|end| format!("{below}action.{end}")));
    }
}

fn text(content: &Content) -> Option<String> {
    let text = content.content.as_deref()?;
    if content.encoding.as_deref() != Some("base64") {
        return None;
    }
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a script drills, recovers or cleans with canship, under its name, that of a release's file or of an image, or as
/// whatever a variable holds.
fn runs_canship(script: &str) -> bool {
    let script = script.replace("\\\n", " ");
    let lines = script.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    let words: Vec<&str> =
        lines.split(|c: char| c.is_whitespace() || "\"'`;&|()".contains(c)).filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| {
        let program = pair[0].rsplit('/').next().unwrap_or_default();
        let is_named =
            program == "canship" || ["canship-", "canship:", "canship@", "canship."].iter().any(|name| program.starts_with(name));
        // Others have a command `clean` too.
        let is_any = pair[0].contains('$') || pair[0].ends_with('}') || pair[0] == "--";
        match pair[1] {
            "clean" => is_named,
            "drill" | "recover" => is_named || is_any,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Calls {
        let mut calls = Calls::default();
        calls.see(&serde_saphyr::from_str(text).unwrap());
        calls
    }

    #[test]
    fn a_workflow_that_drills_or_gives_back_is_told_from_one_that_releases() {
        for own in [
            "jobs:\n  drill:\n    steps:\n      - run: exec canship drill --cut",
            "run: |\n  set -e\n  ./target/release/canship recover --now",
            "run: >-\n  canship\n  recover",
            "run: |\n  canship \\\n    recover --now",
            "steps:\n- uses: acme/canship@1234567890abcdef",
            "steps:\n- uses: acme/tools/canship@v1",
            "steps: [{uses: acme/canship@v1}]",
            "steps: [{run: canship recover}]",
            "\"uses\": acme/canship@v1",
            "uses : acme/canship@v1",
            "uses: docker://ghcr.io/acme/canship:1",
            "run: sh -c 'canship clean'",
            "run: $BIN recover",
            "run: \"\\\"${BIN}\\\" drill --cut\"",
            "run: ./canship-linux-amd64 recover",
            "run: docker run --rm ghcr.io/acme/canship:1 recover",
            "run: cargo run --release -- recover",
            "run: ${{ steps.get.outputs.path }} recover",
        ] {
            assert!(seen(own).runs_canship, "{own}");
        }
        for release in [
            "on:\n  push:\n    tags-ignore: ['canship-drill/**']\njobs: {}",
            "# canship drill runs elsewhere\nrun: cargo publish",
            "run: |\n  # canship recover\n  make clean",
            "run: canship check --gate warning",
            "uses: actions/checkout@v4 # not canship",
            "run: cargo build -p canship",
            "run: $MAKE clean",
        ] {
            assert!(!seen(release).runs_canship, "{release}");
        }
    }

    #[test]
    fn what_a_workflow_calls_in_its_own_repository_is_known() {
        let calls = seen("jobs:\n  a: { uses: ./.github/workflows/x.yml }\n  b: { steps: [{ uses: ./ }, { uses: ./ci/act/ }] }");
        let files = [".github/workflows/x.yml", "action.yml", "action.yaml", "ci/act/action.yml", "ci/act/action.yaml"];
        assert_eq!(calls.files, files);
    }

    #[test]
    fn a_file_is_read_as_github_wraps_it() {
        let content = Content { content: Some("cnVuOiBjYW5zaGlw\nIGRyaWxs\n".to_owned()), encoding: Some("base64".to_owned()) };
        assert_eq!(text(&content).as_deref(), Some("run: canship drill"));
    }
}
