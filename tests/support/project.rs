//! A project with a git repository, a mirror and a plan.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Services, engines::On};

/// The plan of a test project, part by part. The default builds a script in a clean room and can ship.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) target: String,
    pub(crate) image: Option<String>,
    pub(crate) dockerfile: Option<String>,
    pub(crate) run: Vec<String>,
    pub(crate) artifacts: Vec<String>,
    pub(crate) smoke: Vec<String>,
    pub(crate) limits: String,
    pub(crate) tag: Option<String>,
    pub(crate) tag_at: Option<String>,
    pub(crate) version: String,
    pub(crate) mirror: String,
    pub(crate) publish: String,
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) spare: String,
    pub(crate) more: String,
}

impl Plan {
    /// A release of a script, built in a clean room and pushed to the open registry.
    pub(crate) fn in_clean_room(services: &Services) -> Self {
        Self {
            target: "10m".into(),
            image: Some(services.image.clone()),
            dockerfile: None,
            run: vec!["mkdir -p dist && cp tool.sh dist/tool && chmod +x dist/tool".into(), "./dist/tool".into()],
            artifacts: vec!["dist/tool".into()],
            smoke: vec!["./tool --version".into()],
            limits: "{ disk: 64MiB, time: 2m }".into(),
            tag: Some("v{version}".into()),
            tag_at: None,
            version: "{ file: VERSION }".into(),
            mirror: "../mirror.git".into(),
            publish: oci(&services.open, None),
            secrets: Vec::new(),
            spare: "{ name: room, container: {} }".into(),
            more: String::new(),
        }
    }

    /// The same on this machine.
    pub(crate) fn on_host(services: &Services) -> Self {
        Self { image: None, spare: "{ name: by-hand, host: {} }".into(), ..Self::in_clean_room(services) }
    }

    /// The same in a clean room on this engine.
    #[must_use]
    pub(crate) fn on(self, on: On) -> Self {
        Self { spare: on.spare(), ..self }
    }

    #[must_use]
    pub(crate) fn run(mut self, steps: &[&str]) -> Self {
        self.run = steps.iter().map(ToString::to_string).collect();
        self
    }

    #[must_use]
    pub(crate) fn secret(mut self, name: &str, source: &str) -> Self {
        self.secrets.push((name.into(), source.into()));
        self
    }

    #[must_use]
    pub(crate) fn publish(mut self, text: String) -> Self {
        self.publish = text;
        self
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("version: 1\nrelease: tool\ntarget: {}", self.target)];
        lines.push(format!("source:\n  mirror: {}\n  version: {}\nbuild:", self.mirror, self.version));
        lines.extend(self.image.iter().map(|image| format!("  image: {image}")));
        lines.extend(self.dockerfile.iter().map(|dockerfile| format!("  dockerfile: {dockerfile}")));
        for (key, values) in [("run", &self.run), ("artifacts", &self.artifacts), ("smoke", &self.smoke)] {
            if !values.is_empty() {
                lines.push(format!("  {key}:"));
                lines.extend(values.iter().map(|value| format!("    - {}", quoted(value))));
            }
        }
        lines.push(format!("  limits: {}", self.limits));
        for (key, value) in [("tag", &self.tag), ("tag_at", &self.tag_at)] {
            lines.extend(value.iter().map(|value| format!("{key}: {}", quoted(value))));
        }
        lines.push(format!("publish:\n{}", self.publish.trim_end()));
        if !self.secrets.is_empty() {
            lines.push("secrets:".into());
            lines.extend(self.secrets.iter().map(|(name, source)| format!("  {name}: {source}")));
        }
        lines.push(format!("spares:\n  - {}\n{}", self.spare, self.more));
        lines.join("\n")
    }
}

/// A publish target at a registry, with a scratch repository of this test's own.
pub(crate) fn oci(registry: &str, login: Option<(&str, &str)>) -> String {
    let login = login.map_or_else(String::new, |(user, secret)| format!("    login: {{ username: {user}, password: {secret} }}\n"));
    let own = unique();
    format!("  - oci: {registry}/{own}/tool\n{login}    scratch: {registry}/{own}/drill\n")
}

/// A name that no other test has.
pub(crate) fn unique() -> String {
    format!("t{}", uuid::Uuid::now_v7().simple())
}

/// A string as YAML takes it whatever is in it; a map stays one.
fn quoted(value: &str) -> String {
    if value.starts_with("{ run:") { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

/// A repository with a plan, and its mirror beside it.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A project with this plan, committed and mirrored.
    pub(crate) fn new(plan: &Plan) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(project.path()).unwrap();
        project.git(&["init", "-q", "-b", "main"]);
        project.write("VERSION", "1.2.3\n");
        project.write("tool.sh", "#!/bin/sh\necho tool 1.2.3\n");
        project.plan(plan);
        project.commit("Start");
        let [mirror, origin] = ["mirror.git", "origin.git"].map(|name| project.beside(name).to_string_lossy().into_owned());
        for bare in [&mirror, &origin] {
            project.git(&["clone", "-q", "--bare", ".", bare]);
        }
        project.git(&["remote", "add", "origin", &origin]);
        // What is pushed is mirrored.
        for bare in [&mirror, &origin] {
            project.git(&["remote", "set-url", "--add", "--push", "origin", bare]);
        }
        project
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// A path beside the project, not part of it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn plan_file(&self) -> PathBuf {
        self.path().join("canship.yaml")
    }

    /// Replaces the plan, which need not be committed: it is read where it lies.
    pub(crate) fn plan(&self, plan: &Plan) {
        self.write("canship.yaml", &plan.text());
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// Makes the mirror run this script before it takes anything.
    pub(crate) fn hook(&self, script: &str) {
        let hook = self.beside("mirror.git/hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes the mirror wait with the removal of a tag until `let_tags_go` is called.
    pub(crate) fn hold_tags(&self) {
        let gate = self.beside("tags-may-go");
        let waits = format!("for i in $(seq 1200); do [ -e {} ] && exit 0; sleep 0.05; done", gate.display());
        self.hook(&format!("#!/bin/sh\nwhile read old new ref; do case $new in *[!0]*) ;; *) {waits} ;; esac; done\n"));
    }

    /// What `hold_tags` holds may go on.
    pub(crate) fn let_tags_go(&self) {
        fs::write(self.beside("tags-may-go"), "").unwrap();
    }

    /// Every ref of the mirror.
    pub(crate) fn mirror_refs(&self) -> String {
        git_in(&self.beside("mirror.git"), &["for-each-ref", "--format=%(refname)"])
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git_in(&self.path(), arguments)
    }
}

fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
