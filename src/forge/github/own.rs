//! Tells canship's own workflows from those that release: one that drills or gives back must never be disabled.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{CONTENTS_READ, Github, answers::Content, was};
use crate::forge::{
    ForgeError, ForgeFault,
    call::{Call, part},
    wire::Failed,
};

const IS_OWN: &str = "canship itself runs in it: a cut would take away what drills and gives back. Name the workflow that releases";

impl Github {
    /// Refuses the workflow that canship runs in, and every other that runs it.
    pub(super) async fn refuse_own(&self, call: &Call, path: &str) -> Result<(), ForgeError> {
        if self.own.workflow.as_deref() == Some(path) {
            return Err(call.declined(&self.place, IS_OWN));
        }
        let reading = Call::new(format!("reading `{path}`, to see that canship does not run in it"), CONTENTS_READ);
        let below = path.split('/').map(part).collect::<Vec<_>>().join("/");
        let content: Content = match self.get(&reading, &format!("/contents/{below}")).await {
            Ok(content) => content,
            // GitHub keeps workflows whose file is gone from the default branch: nothing of canship's is there.
            Err(error) if was(&error, |fault| matches!(fault, ForgeFault::NotFoundOrHidden { .. })) => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(text) = text(&content) else {
            let fault = self.wire.unreadable("it does not hold the file's text");
            return Err(reading.failed(&self.place, Failed::harmless(fault)));
        };
        if runs_canship(&text) { Err(call.declined(&self.place, IS_OWN)) } else { Ok(()) }
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

/// Whether a line of it, that is no comment, drills, recovers or cleans with canship, or uses an action of that name.
/// A workflow that only checks or reports, or that leaves a drill's tags alone, does not.
fn runs_canship(text: &str) -> bool {
    text.lines().map(str::trim).filter(|line| !line.starts_with('#')).any(|line| {
        let line = line.strip_prefix("- ").unwrap_or(line);
        if let Some(action) = line.strip_prefix("uses:") {
            let action = action.split('@').next().unwrap_or_default();
            return action.split('/').any(|part| part.trim_matches([' ', '"', '\'']) == "canship");
        }
        let words: Vec<&str> =
            line.split(|c: char| c.is_whitespace() || "\"'`;&|()".contains(c)).filter(|w| !w.is_empty()).collect();
        words.windows(2).any(|pair| {
            let program = pair[0].rsplit('/').next().unwrap_or_default();
            program == "canship" && matches!(pair[1], "drill" | "recover" | "clean")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_that_drills_or_gives_back_is_told_from_one_that_releases() {
        for own in [
            "jobs:\n  drill:\n    steps:\n      - run: exec canship drill --cut",
            "        run: |\n          set -e\n          ./target/release/canship recover --now",
            "      - uses: acme/canship@1234567890abcdef",
            "      - uses: acme/tools/canship@v1",
            "run: sh -c 'canship clean'",
        ] {
            assert!(runs_canship(own), "{own}");
        }
        for release in [
            "on:\n  push:\n    tags-ignore: ['canship-drill/**']\njobs: {}",
            "# canship drill runs elsewhere\nrun: cargo publish",
            "run: canship check --gate warning",
            "uses: actions/checkout@v4 # not canship",
            "run: cargo build -p canship",
        ] {
            assert!(!runs_canship(release), "{release}");
        }
    }

    #[test]
    fn a_file_is_read_as_github_wraps_it() {
        let content = Content { content: Some("cnVuOiBjYW5zaGlw\nIGRyaWxs\n".to_owned()), encoding: Some("base64".to_owned()) };
        assert_eq!(text(&content).as_deref(), Some("run: canship drill"));
    }
}
