//! Every value of a plan with where it came from.

use serde_json::json;

use super::{
    Ignore, Primary, PrimaryParts, Running,
    cursor::Cursor,
    model::{
        Addressing, BuildImage, Dockerfile, History, Login, OciTarget, Plan, Release, ReleaseAccess, ReleasePlace, SecretName,
        SecretSource, SpareKind, Step, Store, StoreKey, TagAt, Target, Template, Version,
    },
    problem::Source,
    tree::{Node, Value},
    unit::{show_duration, show_size},
};
use crate::record::{Digest, Text};

/// One value of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, `build.limits.time`.
    pub path: String,
    /// The value as a person writes it, on one line; in brackets what stands for none.
    pub value: String,
    /// Where it came from.
    pub origin: SettingOrigin,
    /// Whether this version drills it, rather than only reads it.
    pub verified: bool,
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// It is written in the plan.
    Written {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// The plan says nothing.
    Default,
}

const DOCKERS_LOGIN: &str = "(what Docker's configuration knows, or nobody)";
const INSIDE: &str = "(the only place with the artifact's name)";

/// Every value of the plan, in the order of the keys in the documentation.
pub(super) fn list(plan: &Plan, root: &Node, source: &Source<'_>) -> Vec<Setting> {
    let mut list = List { settings: Vec::new(), source, verified: true };
    let at = Cursor::root(root);
    list.add(&at.key("version"), "1");
    list.add(&at.key("release"), &plan.release);
    list.add(&at.key("target"), &show_duration(plan.target));
    list.source(plan, &at.key("source"));
    list.build(plan, &at.key("build"));
    list.add_or(&at.key("tag"), plan.tag.as_ref().map(super::TagTemplate::as_str), "(none)");
    list.add(&at.key("tag_at"), tag_at(plan.tag_at));
    for (index, target) in plan.publish.iter().enumerate() {
        list.target(target, &at.key("publish").item(index));
    }
    list.secrets(plan, &at.key("secrets"));
    list.paths(&plan.trust, &at.key("trust"));
    list.primary(plan, &at.key("primary"));
    list.spares(plan, &at.key("spares"));
    for key in ["outages", "people"] {
        list.unverified(&at.key(key));
    }
    list.history(&plan.history, &at.key("history"));
    list.ignored(&plan.ignored, &at.key("check").key("ignore"));
    let timeouts = at.key("timeouts");
    list.add(&timeouts.key("api"), &show_duration(plan.timeouts.api));
    list.add(&timeouts.key("retry_after_max"), &show_duration(plan.timeouts.retry_after_max));
    list.settings
}

struct List<'s> {
    settings: Vec<Setting>,
    source: &'s Source<'s>,
    verified: bool,
}

impl List<'_> {
    fn add(&mut self, at: &Cursor<'_>, value: &str) {
        let origin = at.node().map_or(SettingOrigin::Default, |node| {
            let (line, column) = self.source.locate(node.place.start);
            SettingOrigin::Written { line, column }
        });
        let value = Text::new(value).as_str().replace('\n', "\\n");
        self.settings.push(Setting { path: at.path().to_owned(), value, origin, verified: self.verified });
    }

    fn add_or(&mut self, at: &Cursor<'_>, value: Option<&str>, none: &str) {
        self.add(at, value.unwrap_or(none));
    }

    /// Everything that is written below a key, as it is written.
    fn unverified(&mut self, at: &Cursor<'_>) {
        let Some(node) = at.node() else { return };
        let before = std::mem::replace(&mut self.verified, false);
        self.leaves(node, at);
        self.verified = before;
    }

    fn leaves(&mut self, node: &Node, at: &Cursor<'_>) {
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                for entry in entries {
                    self.leaves(&entry.node, &at.key(&entry.key));
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.leaves(item, &at.item(index));
                }
            }
            Value::Map(_) => self.add(at, "{}"),
            Value::Null | Value::Plain(_) | Value::Text(_) => self.add(at, node.scalar().unwrap_or("null")),
        }
    }

    fn source(&mut self, plan: &Plan, at: &Cursor<'_>) {
        self.add(&at.key("ref"), &plan.source.reference);
        self.add_or(&at.key("mirror"), plan.source.mirror.as_deref(), "(none)");
        let version = at.key("version");
        match &plan.source.version {
            Version::File { file, key } => {
                self.add(&version.key("file"), &file.to_string_lossy());
                self.add_or(&version.key("key"), key.as_deref(), "(the whole file)");
            }
            Version::Command(command) => self.add(&version.key("command"), &words(command)),
            Version::LatestTag => self.add(&version.key("tag"), "latest"),
            Version::Commit => self.add(&version, "(the commit)"),
        }
    }

    fn build(&mut self, plan: &Plan, at: &Cursor<'_>) {
        let build = &plan.build;
        match &build.image {
            Some(BuildImage::Image(image)) => self.add(&at.key("image"), image),
            Some(BuildImage::Dockerfile(dockerfile)) => self.dockerfile(dockerfile, &at.key("dockerfile")),
            None => self.add(&at.key("image"), "(none)"),
        }
        if build.released_image().is_some() {
            self.add(&at.key("run"), "(none: the image of the Dockerfile is the release)");
        } else {
            self.steps(&build.run, &at.key("run"));
            self.paths(&build.artifacts, &at.key("artifacts"));
        }
        self.steps(&build.smoke, &at.key("smoke"));
        self.paths(&build.writable, &at.key("writable"));
        self.unverified(&at.key("needs"));
        let (limits, here) = (&build.limits, at.key("limits"));
        self.add(&here.key("time"), &show_duration(limits.time));
        self.add_or(&here.key("cpus"), limits.cpus.map(|cpus| cpus.to_string()).as_deref(), "(all)");
        self.add_or(&here.key("memory"), limits.memory.map(show_size).as_deref(), "(all)");
        self.add(&here.key("pids"), &limits.pids.to_string());
        self.add(&here.key("disk"), &show_size(limits.disk));
        self.add(&here.key("output"), &show_size(build.output));
    }

    fn dockerfile(&mut self, dockerfile: &Dockerfile, at: &Cursor<'_>) {
        let short = at.node().is_some_and(|node| node.scalar().is_some());
        self.add(&if short { at.clone() } else { at.key("file") }, &dockerfile.file.to_string_lossy());
        self.add_or(&at.key("target"), dockerfile.target.as_deref(), "(the last stage)");
        for (name, value) in &dockerfile.args {
            self.add(&at.key("args").key(name), value);
        }
        for (index, secret) in dockerfile.secrets.iter().enumerate() {
            self.add(&at.key("secrets").item(index), secret.as_str());
        }
    }

    fn paths(&mut self, paths: &[std::path::PathBuf], at: &Cursor<'_>) {
        if paths.is_empty() {
            self.add(at, "(none)");
        }
        for (index, path) in paths.iter().enumerate() {
            self.add(&at.item(index), &path.to_string_lossy());
        }
    }

    fn steps(&mut self, steps: &[Step], at: &Cursor<'_>) {
        if steps.is_empty() {
            self.add(at, "(none)");
        }
        for (index, step) in steps.iter().enumerate() {
            let here = at.item(index);
            let short = here.node().is_some_and(|node| node.scalar().is_some());
            self.add(&if short { here.clone() } else { here.key("run") }, &step.run);
            for (index, secret) in step.secrets.iter().enumerate() {
                self.add(&here.key("secrets").item(index), secret.as_str());
            }
            for (name, value) in &step.env {
                self.add(&here.key("env").key(name), value);
            }
            self.add(&here.key("time"), &show_duration(step.time));
        }
    }

    fn target(&mut self, target: &Target, at: &Cursor<'_>) {
        match target {
            Target::Oci(OciTarget { repository, login, scratch, base }) => {
                self.add(&at.key("oci"), repository);
                match login {
                    Some(login) => self.login(login, &at.key("login")),
                    None => self.add(&at.key("login"), DOCKERS_LOGIN),
                }
                self.add_or(&at.key("scratch"), scratch.as_deref(), "(none: the push is not rehearsed)");
                self.add_or(&at.key("base"), base.as_deref(), "(none: the artifacts only)");
            }
            Target::Other { .. } => self.unverified(at),
        }
    }

    fn secrets(&mut self, plan: &Plan, at: &Cursor<'_>) {
        let mut secrets: Vec<_> = plan.secrets.iter().map(|(name, source)| (at.key(name.as_str()), name, source)).collect();
        secrets.sort_by_key(|(here, ..)| here.place().start);
        for (here, name, source) in secrets {
            self.secret(source, &here);
            self.add(&here.key("publishes"), if plan.harmless.contains(name) { "false" } else { "true" });
        }
    }

    fn primary(&mut self, plan: &Plan, at: &Cursor<'_>) {
        if let Some(primary) = &plan.primary {
            self.forge(primary, at);
        }
        for (index, release) in plan.released.iter().enumerate() {
            self.release(release, &at.key("artifacts").item(index));
        }
    }

    fn forge(&mut self, primary: &Primary, at: &Cursor<'_>) {
        let Primary { place, parts, token, running, max_cut, late_effect, blackout } = primary;
        let here = at.key(match parts {
            PrimaryParts::Github { .. } => "github",
            PrimaryParts::Gitlab { .. } => "gitlab",
        });
        self.add(&here.key("url"), place.url.as_str().trim_end_matches('/'));
        match parts {
            PrimaryParts::Github { workflows, labels } => {
                self.add(&here.key("repository"), place.repository.as_str());
                self.words(workflows, &here.key("workflows"), "(none)");
                self.words(labels, &here.key("labels"), "(none: runners keep their labels)");
            }
            PrimaryParts::Gitlab { runners, schedules } => {
                self.add(&here.key("project"), place.repository.as_str());
                let runners = runners.as_deref().unwrap_or_default();
                self.words(runners, &here.key("runners"), "(all that serve no other project)");
                self.add(&here.key("schedules"), if *schedules { "true" } else { "false" });
            }
        }
        self.add_or(&here.key("token"), token.as_ref().map(SecretName::as_str), "(none: it cannot be cut)");
        self.add(&at.key("running"), if *running == Running::Cancel { "cancel" } else { "refuse" });
        self.add(&at.key("max_cut"), &show_duration(*max_cut));
        self.add(&at.key("late_effect"), &show_duration(*late_effect));
        let blackout: Vec<String> = blackout.iter().map(ToString::to_string).collect();
        self.words(&blackout, &at.key("blackout"), "(none)");
    }

    fn words(&mut self, words: &[String], at: &Cursor<'_>, none: &str) {
        if words.is_empty() {
            self.add(at, none);
        }
        for (index, word) in words.iter().enumerate() {
            self.add(&at.item(index), word);
        }
    }

    fn release(&mut self, release: &Release, at: &Cursor<'_>) {
        self.add_or(&at.key("artifact"), release.artifact.as_deref(), "(all of them)");
        match &release.place {
            ReleasePlace::Digest { digest, version } => {
                self.add(&at.key("digest"), digest.as_str());
                self.add_or(&at.key("version"), version.as_deref(), "(whichever is drilled)");
            }
            ReleasePlace::Url { url, inside, access } => {
                self.add(&at.key("url"), url.as_str());
                self.add_or(&at.key("inside"), inside.as_ref().map(Template::as_str), INSIDE);
                match access {
                    ReleaseAccess::Anyone => self.add(&at.key("login"), "(nobody)"),
                    ReleaseAccess::Login(login) => self.login(login, &at.key("login")),
                    ReleaseAccess::Token(token) => self.add(&at.key("token"), token.as_str()),
                }
            }
            ReleasePlace::Image { image, inside, login } => {
                self.add(&at.key("image"), image.as_str());
                self.add_or(&at.key("inside"), inside.as_ref().map(Template::as_str), INSIDE);
                match login {
                    Some(login) => self.login(login, &at.key("login")),
                    None => self.add(&at.key("login"), DOCKERS_LOGIN),
                }
            }
        }
    }

    fn login(&mut self, login: &Login, at: &Cursor<'_>) {
        self.add(&at.key("username"), &login.username);
        self.add(&at.key("password"), login.password.as_str());
    }

    /// The source of a secret; its value is not known here.
    fn secret(&mut self, source: &SecretSource, at: &Cursor<'_>) {
        match source {
            SecretSource::Env(variable) => self.add(&at.key("env"), variable),
            SecretSource::File(file) => self.add(&at.key("file"), &file.to_string_lossy()),
            SecretSource::Command(command) => self.add(&at.key("command"), &words(command)),
        }
    }

    fn history(&mut self, history: &History, at: &Cursor<'_>) {
        let Store { bucket, prefix, endpoint, region, addressing, key } = match history {
            History::Nowhere => return self.add(at, "none"),
            History::Folder(folder) => return self.add(at, &folder.to_string_lossy()),
            History::Store(store) => store,
        };
        // Written as a place alone, the store's own value has the place of the whole.
        let short = at.node().is_some_and(|node| node.scalar().is_some());
        self.add(&if short { at.clone() } else { at.key("store") }, &format!("s3://{bucket}/{prefix}"));
        self.add_or(&at.key("endpoint"), endpoint.as_deref(), "(what AWS's variables say, or AWS)");
        self.add_or(&at.key("region"), region.as_deref(), "(what AWS's variables say, or us-east-1)");
        let in_path = addressing.map(|addressing| if addressing == Addressing::Path { "true" } else { "false" });
        self.add_or(&at.key("path_style"), in_path, "(only where there is an endpoint)");
        let of_key = |name: fn(&StoreKey) -> Option<&SecretName>| key.as_ref().and_then(name).map(SecretName::as_str);
        self.add_or(&at.key("key_id"), of_key(|key| Some(&key.id)), "(AWS_ACCESS_KEY_ID)");
        self.add_or(&at.key("secret_key"), of_key(|key| Some(&key.secret)), "(AWS_SECRET_ACCESS_KEY)");
        self.add_or(&at.key("session_token"), of_key(|key| key.session.as_ref()), "(AWS_SESSION_TOKEN, if there is one)");
    }

    fn ignored(&mut self, ignored: &[Ignore], at: &Cursor<'_>) {
        for (index, ignore) in ignored.iter().enumerate() {
            let here = at.item(index);
            self.add(&here.key("rule"), &ignore.rule);
            self.add(&here.key("reason"), &ignore.reason);
            self.add_or(&here.key("file"), ignore.file.as_deref(), "(all)");
        }
    }

    fn spares(&mut self, plan: &Plan, at: &Cursor<'_>) {
        for (index, spare) in plan.spares.iter().enumerate() {
            let here = at.item(index);
            self.add(&here.key("name"), &spare.name);
            match &spare.kind {
                SpareKind::Container { engine } => {
                    self.add_or(&here.key("container").key("engine"), engine.as_deref(), "(the one Docker's environment names)");
                }
                SpareKind::Runner { labels, workflow, pick_up, poll } => {
                    let here = here.key("runner");
                    self.add(&here.key("labels"), &words(labels));
                    self.add(&here.key("workflow"), workflow);
                    self.add(&here.key("pick_up"), &show_duration(*pick_up));
                    self.add(&here.key("poll"), &show_duration(*poll));
                }
                SpareKind::Host => self.add(&here.key("host"), "{}"),
            }
        }
    }
}

fn tag_at(place: TagAt) -> &'static str {
    match place {
        TagAt::Mirror => "mirror",
        TagAt::Origin => "origin",
        TagAt::Nowhere => "nowhere",
    }
}

fn words(command: &[String]) -> String {
    format!("[{}]", command.join(", "))
}

/// Aligned text: each value, and behind it where it came from.
pub(super) fn show(settings: &[Setting], name: &str) -> String {
    let name = Text::new(name).one_line();
    let lines: Vec<(String, String)> = settings
        .iter()
        .map(|setting| {
            let origin = match setting.origin {
                SettingOrigin::Written { line, column } => format!("{name}:{line}:{column}"),
                SettingOrigin::Default => "default".to_owned(),
            };
            let note = if setting.verified { "" } else { " (not verified by this version)" };
            (format!("{} = {}", setting.path, setting.value), format!("# {origin}{note}"))
        })
        .collect();
    let width = lines.iter().map(|(value, _)| value.chars().count()).max().unwrap_or(0).min(72);
    lines.iter().map(|(value, origin)| format!("{value:width$}  {origin}\n")).collect::<Vec<_>>().concat()
}

/// The version of the form for programs; within one, keys are only added.
const JSON_VERSION: u32 = 1;

/// The same for programs.
pub(super) fn to_json(settings: &[Setting], name: &str, digest: &Digest, unverified: &[String]) -> serde_json::Value {
    let settings: Vec<serde_json::Value> = settings
        .iter()
        .map(|setting| {
            let origin = match setting.origin {
                SettingOrigin::Written { line, column } => json!({ "line": line, "column": column }),
                SettingOrigin::Default => json!("default"),
            };
            json!({ "path": setting.path, "value": setting.value, "origin": origin, "verified": setting.verified })
        })
        .collect();
    json!({ "version": JSON_VERSION, "plan": name, "digest": digest.as_str(), "settings": settings, "unverified": unverified })
}
