//! The source of a release, with real git and real repositories.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use canship::{
    archive::Writer,
    plan::{TagAt, Version},
    record::{DrillId, Origin},
    source::{Checkout, DrillTag, FetchPlan, Git, Note, Reach, ReadBack, SourceError, VersionError, fetch, look},
};

/// A folder with repositories, and a home of its own.
struct World {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    next: usize,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder, variables: Vec::new(), next: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
            ("HOME".into(), self.path("home").into()),
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
        ];
        environment.extend(self.variables.iter().map(|(name, value)| (name.into(), value.into())));
        environment
    }

    /// Runs git as a person would, but hermetic.
    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path("home"));
        command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_ALLOW_PROTOCOL", "file")]);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Tess").env(format!("GIT_{who}_EMAIL"), "tess@example.org");
            command.env(format!("GIT_{who}_DATE"), "2026-03-01T12:00:00Z");
        }
        let answer = command.arg("-C").arg(folder).args(arguments).output().unwrap();
        assert!(answer.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8(answer.stdout).unwrap().trim_end().to_owned()
    }

    /// Writes files and commits them.
    fn commit(&self, folder: &Path, files: &[(&str, &str)]) -> String {
        for (name, content) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.git(folder, &["add", "-A", "-f"]);
        self.git(folder, &["commit", "--allow-empty", "-q", "-m", "change"]);
        self.git(folder, &["rev-parse", "HEAD"])
    }

    /// A repository with one commit on `main`.
    fn repository(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        self.git(&folder, &["init", "-q", "-b", "main"]);
        self.commit(&folder, files);
        folder
    }

    fn bare(&self, of: &Path, name: &str) -> PathBuf {
        let to = self.path(name);
        self.git(of, &["clone", "-q", "--bare", ".", to.to_str().unwrap()]);
        to
    }

    /// A working repository with `origin.git` beside it.
    fn with_origin(&self, files: &[(&str, &str)]) -> PathBuf {
        let work = self.repository("work", files);
        let origin = self.bare(&work, "origin.git");
        self.git(&work, &["remote", "add", "origin", origin.to_str().unwrap()]);
        work
    }

    async fn fetch(&mut self, folder: &Path, reference: &str, mirror: Option<&str>) -> Result<Checkout, SourceError> {
        self.next += 1;
        let into = self.path(&format!("fetched-{}", self.next));
        let git = Git::new(self.environment(), Duration::from_secs(30));
        fetch(&FetchPlan { git: &git, folder, reference, mirror, reach: Reach::Servers }, &into).await
    }

    /// What a room would be filled with.
    async fn unpacked(&self, checkout: &Checkout) -> PathBuf {
        let (content, to) = (checkout.content(), self.path(&format!("room-{}", self.next)));
        let bytes = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            let mut writer = Writer::new(&mut bytes, "", 1000);
            content(&mut writer).map(|()| writer.finish()).and_then(|finished| finished).map(|()| bytes)
        });
        tar::Archive::new(&bytes.await.unwrap().unwrap()[..]).unpack(&to).unwrap();
        to
    }
}

fn drill() -> DrillId {
    DrillId::try_from("20260301-120000-00000001".to_owned()).unwrap()
}

fn hook(repository: &Path, name: &str, script: &str) {
    let path = repository.join("hooks").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn without_an_origin_the_source_is_the_plans_own_repository() {
    let mut world = World::new();
    let work = world.repository("work", &[("a", "1")]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    assert_eq!(checkout.facts().from, Origin::Local);
    assert_eq!(checkout.facts().url.as_str(), work.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(checkout.facts().committed_at.to_string(), "2026-03-01T12:00:00Z");
    assert_eq!(checkout.facts().behind, None);
    assert_eq!(checkout.notes(), &[]);
}

#[tokio::test]
async fn the_content_is_what_a_checkout_has_whatever_attributes_say() {
    let mut world = World::new();
    let work = world.repository(
        "work",
        &[
            (".gitattributes", "hidden export-ignore\nsubst export-subst\n*.bat text eol=crlf\n"),
            ("hidden", "here"),
            ("subst", "$Format:%H$"),
            ("run.bat", "one\ntwo\n"),
            ("deep/er/file", "x"),
        ],
    );
    symlink("/somewhere/else", work.join("outward")).unwrap();
    fs::set_permissions(work.join("deep/er/file"), fs::Permissions::from_mode(0o755)).unwrap();
    let long = format!("{}file", "long-name-of-a-folder/".repeat(12));
    world.commit(&work, &[(&long, "far down")]);
    world.git(&work, &["tag", "-a", "v1.2.3", "-m", "release"]);
    let commit = world.commit(&work, &[("newest", "1")]);

    let checkout = world.fetch(&work, "main", None).await.unwrap();
    assert_eq!(checkout.commit(), commit);
    let names: Vec<_> = fs::read_dir(checkout.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".git"], "nothing is checked out on this machine");
    let room = world.unpacked(&checkout).await;
    let read = |name: &str| fs::read_to_string(room.join(name)).unwrap();
    assert_eq!(read("hidden"), "here");
    assert_eq!(read("subst"), "$Format:%H$");
    assert_eq!(read("run.bat"), "one\r\ntwo\r\n");
    assert_eq!(read(&long), "far down");
    assert_eq!(fs::read_link(room.join("outward")).unwrap(), Path::new("/somewhere/else"));
    let mode = |name: &str| fs::metadata(room.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("deep/er/file"), mode("hidden")), (0o755, 0o644));
    assert_eq!(world.git(&room, &["describe", "--tags", "--dirty"]), format!("v1.2.3-1-g{}", &commit[..7]));
    assert_eq!(world.git(&room, &["status", "--porcelain"]), "");
    assert_eq!(world.git(&room, &["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
    assert!(!room.join(".git/hooks").exists() && !room.join(".git/info").exists());
    world.git(&room, &["fsck"]);
}

#[tokio::test]
async fn a_plan_in_a_subfolder_uses_the_repository_around_it_and_its_origin() {
    let mut world = World::new();
    let work = world.with_origin(&[("services/api/canship.yaml", "")]);
    let pushed = world.git(&work, &["rev-parse", "HEAD"]);
    world.commit(&work, &[("a", "not pushed")]);
    fs::write(work.join("a"), "not committed").unwrap();
    let checkout = world.fetch(&work.join("services/api"), "main", None).await.unwrap();
    assert_eq!(checkout.facts().from, Origin::Origin);
    assert_eq!(checkout.commit(), pushed);
    assert_eq!(checkout.notes(), &[Note::Uncommitted { files: 1 }, Note::NotPushed { commits: 1 }]);
}

#[tokio::test]
async fn a_relative_origin_starts_at_its_repository() {
    let mut world = World::new();
    let work = world.with_origin(&[("sub/a", "1")]);
    world.git(&work, &["remote", "set-url", "origin", "../origin.git"]);
    let checkout = world.fetch(&work.join("sub"), "main", None).await.unwrap();
    assert_eq!(checkout.facts().from, Origin::Origin);
}

#[tokio::test]
async fn a_branch_a_tag_and_a_commit_lead_to_their_commits() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    let first = world.git(&work, &["rev-parse", "HEAD"]);
    world.git(&work, &["tag", "-a", "v1", "-m", "one"]);
    let second = world.commit(&work, &[("a", "2")]);
    world.git(&work, &["checkout", "-q", "-b", "hotfix/1"]);
    let third = world.commit(&work, &[("a", "3")]);
    world.git(&work, &["push", "-q", "--all", "origin"]);
    world.git(&work, &["push", "-q", "--tags", "origin"]);
    world.git(&work, &["checkout", "-q", "--detach", "main"]);
    for (reference, commit) in [
        ("main", &second),
        ("refs/heads/main", &second),
        ("hotfix/1", &third),
        ("v1", &first),
        ("refs/tags/v1", &first),
        (&*first, &first),
        (&second[..9], &second),
        ("HEAD", &second),
    ] {
        let checkout = world.fetch(&work, reference, None).await.unwrap();
        assert_eq!(checkout.commit(), commit, "{reference}");
    }
}

#[tokio::test]
async fn a_ref_that_is_not_there_is_answered_with_the_nearest_ones() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    world.git(&work, &["push", "-q", "origin", "main:release/2", "main:main2", "main:zzz"]);
    let error = world.fetch(&work, "release/1", None).await.unwrap_err();
    let SourceError::NoSuchRef { near, .. } = &error else { panic!("{error}") };
    assert_eq!(near[0].as_str(), "release/2");
    for reference in ["--upload-pack=id", "main@{1}", "main^", &"a".repeat(40), ""] {
        let error = world.fetch(&work, reference, None).await.unwrap_err();
        assert!(matches!(error, SourceError::NoSuchRef { .. }), "{reference}: {error}");
    }
}

#[tokio::test]
async fn a_mirror_that_is_behind_is_used_and_its_distance_counted() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "0")]);
    let mirrored = world.git(&work, &["rev-parse", "HEAD"]);
    world.bare(&work, "mirror.git");
    for n in 1..=3 {
        world.commit(&work, &[("a", &n.to_string())]);
    }
    world.git(&work, &["push", "-q", "origin", "main"]);
    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!((checkout.facts().from, checkout.facts().behind), (Origin::Mirror, Some(3)));
    assert_eq!(checkout.commit(), mirrored);
    assert_eq!(checkout.notes(), &[Note::NotPushed { commits: 3 }]);
    let room = world.unpacked(&checkout).await;
    let newest = world.git(&work, &["rev-parse", "HEAD"]);
    let known = Command::new("git").arg("-C").arg(&room).args(["cat-file", "-e", &newest]).output().unwrap();
    assert!(!known.status.success(), "what only the origin has does not get into the room");

    world.git(&work, &["push", "-q", "../mirror.git", "main"]);
    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!((checkout.facts().behind, checkout.notes()), (Some(0), &[][..]));

    world.commit(&work, &[("a", "only in the mirror")]);
    world.git(&work, &["push", "-q", "../mirror.git", "main"]);
    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!((checkout.facts().behind, checkout.notes()), (Some(0), &[Note::MirrorAhead { commits: 1 }][..]));
}

#[tokio::test]
async fn a_mirror_that_is_the_origin_itself_says_nothing_of_how_far_it_is_behind() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "0")]);
    let origin = world.path("origin.git");
    let link = world.path("link.git");
    symlink(&origin, &link).unwrap();
    for mirror in [origin.clone(), link] {
        let checkout = world.fetch(&work, "main", mirror.to_str()).await.unwrap();
        assert_eq!((checkout.facts().behind, checkout.notes()), (None, &[Note::OriginIsMirror][..]));
    }
    let mirror = world.bare(&work, "mirror.git");
    let to_mirror = format!("url.{}.insteadOf", mirror.display());
    world.git(&work, &["config", &to_mirror, origin.to_str().unwrap()]);
    let checkout = world.fetch(&work, "main", mirror.to_str()).await.unwrap();
    assert_eq!((checkout.facts().behind, checkout.notes()), (None, &[Note::OriginIsMirror][..]));
}

#[tokio::test]
async fn a_mirror_that_lacks_tags_of_the_origin_is_behind() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "0")]);
    world.bare(&work, "mirror.git");
    world.git(&work, &["tag", "v1.4.0"]);
    world.git(&work, &["tag", "canship-drill/20260301-120000-00000001"]);
    world.git(&work, &["push", "-q", "origin", "--tags"]);
    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!(checkout.notes(), &[Note::MirrorLacksTags { count: 1, last: "v1.4.0".into() }]);
    world.git(&work, &["push", "-q", "../mirror.git", "v1.4.0"]);
    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!(checkout.notes(), &[]);
}

#[tokio::test]
async fn a_release_tag_that_another_commit_has_is_taken() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    world.git(&work, &["tag", "-a", "-m", "x", "v1.2.3"]);
    let taken = async |world: &mut World| {
        let mirror = world.bare(&work, "mirror.git");
        let checkout = world.fetch(&work, "main", mirror.to_str()).await.unwrap();
        let tag = DrillTag::make(&checkout, &drill(), "v1.2.3", TagAt::Mirror).await.unwrap();
        fs::remove_dir_all(mirror).unwrap();
        tag.is_taken().await.unwrap()
    };
    assert!(!taken(&mut world).await, "it is this very commit's");
    world.commit(&work, &[("a", "2")]);
    assert!(taken(&mut world).await);
}

#[tokio::test]
async fn an_origin_that_does_not_answer_is_a_note() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "0")]);
    world.bare(&work, "mirror.git");
    world.git(&work, &["remote", "set-url", "origin", "https://me:hush@127.0.0.1:1/x"]);
    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!(checkout.facts().behind, None);
    let [Note::OriginSilent { words }] = checkout.notes() else { panic!("{:?}", checkout.notes()) };
    assert!(words.as_str().contains("https://127.0.0.1:1/x") && !words.as_str().contains("hush"), "{words}");
}

#[tokio::test]
async fn a_plan_outside_of_any_repository_needs_a_mirror() {
    let mut world = World::new();
    let work = world.repository("work", &[("a", "1")]);
    let mirror = world.bare(&work, "mirror.git");
    let elsewhere = world.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    assert!(matches!(world.fetch(&elsewhere, "main", None).await, Err(SourceError::NotARepository { .. })));
    let checkout = world.fetch(&elsewhere, "main", mirror.to_str()).await.unwrap();
    assert_eq!(checkout.facts().behind, None);
    assert!(matches!(checkout.notes(), [Note::OriginSilent { .. }]));
}

#[tokio::test]
async fn what_is_not_there_and_what_does_not_answer_are_told_apart() {
    let mut world = World::new();
    let work = world.repository("work", &[("a", "1")]);
    let error = world.fetch(&work, "main", Some("../nowhere.git")).await.unwrap_err();
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
    let error = world.fetch(&work, "main", Some("https://u:hush@127.0.0.1:1/x.git")).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }) && !error.to_string().contains("hush"), "{error}");
    world.variables = vec![("PATH", world.path("empty").display().to_string())];
    let git = Git::new([("PATH".into(), world.path("empty").into())], Duration::from_secs(5));
    let plan = FetchPlan { git: &git, folder: &work, reference: "main", mirror: None, reach: Reach::Servers };
    assert!(matches!(fetch(&plan, &world.path("into")).await, Err(SourceError::GitMissing(_))));
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_at_the_bound() {
    let world = World::new();
    let work = world.repository("work", &[("a", "1")]);
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("git://{}/x", server.local_addr().unwrap());
    let git = Git::new(world.environment(), Duration::from_secs(3));
    let plan = FetchPlan { git: &git, folder: &work, reference: "main", mirror: Some(&mirror), reach: Reach::Servers };
    let error = fetch(&plan, &world.path("into")).await.unwrap_err();
    assert!(matches!(error, SourceError::Timeout { what: "clone", .. }), "{error}");
}

#[tokio::test]
async fn nothing_of_the_users_configuration_runs() {
    let mut world = World::new();
    let work = world.with_origin(&[(".gitattributes", "*.x filter=evil\n"), ("a.x", "content")]);
    let (ran, hooks) = (world.path("ran"), world.path("hooks"));
    let evil = format!("touch {}; cat", ran.display());
    for name in ["post-checkout", "reference-transaction", "pre-push", "post-index-change"] {
        hook(&world.path(""), name, &format!("touch {}", ran.display()));
        hook(&world.path("template"), name, &format!("touch {}", ran.display()));
    }
    for (name, value) in [
        ("core.hooksPath", hooks.to_str().unwrap()),
        ("core.fsmonitor", &evil),
        ("core.askPass", &evil),
        ("core.pager", &evil),
        ("init.templateDir", world.path("template").to_str().unwrap()),
        ("filter.evil.smudge", &evil),
        ("filter.evil.clean", &evil),
        ("filter.evil.required", "true"),
        ("tag.gpgSign", "true"),
        ("gpg.program", "/bin/false"),
        ("push.gpgSign", "true"),
        ("protocol.ext.allow", "always"),
        ("url.ext::sh -c touch.insteadOf", "https://evil.example"),
    ] {
        world.git(&work, &["config", "--global", name, value]);
    }
    fs::write(work.join("a.x"), "changed").unwrap();
    fs::remove_file(&ran).unwrap_or_default();
    world.bare(&work, "mirror.git");
    fs::remove_file(&ran).unwrap_or_default();

    let checkout = world.fetch(&work, "main", Some("../mirror.git")).await.unwrap();
    assert_eq!(checkout.notes(), &[Note::Uncommitted { files: 1 }]);
    let room = world.unpacked(&checkout).await;
    assert_eq!(fs::read_to_string(room.join("a.x")).unwrap(), "content");
    assert!(world.fetch(&work, "main", Some("https://evil.example/x")).await.is_err());
    // A mirror on this machine runs its hooks as any server does; here these are the user's, but not the one for pushing.
    assert!(!ran.exists(), "nothing of the user's ran while fetching");
    fs::remove_file(hooks.join("reference-transaction")).unwrap();
    let tag = DrillTag::make(&checkout, &drill(), "v1", TagAt::Mirror).await.unwrap();
    tag.push().await.unwrap();
    tag.remove().await.unwrap();
    assert!(!ran.exists(), "nothing of the user's ran while pushing");
}

#[tokio::test]
async fn variables_of_a_hook_that_canship_runs_in_do_not_mislead() {
    let mut world = World::new();
    let other = world.repository("other", &[("b", "1")]);
    let work = world.with_origin(&[("a", "1")]);
    let inside = other.join(".git");
    let path = |name: &str| inside.join(name).display().to_string();
    world.variables = vec![
        ("GIT_DIR", inside.display().to_string()),
        ("GIT_WORK_TREE", other.display().to_string()),
        ("GIT_INDEX_FILE", path("index")),
        ("GIT_OBJECT_DIRECTORY", path("objects")),
        ("GIT_CONFIG_PARAMETERS", "'core.bare=true'".into()),
        ("GIT_TERMINAL_PROMPT", "1".into()),
    ];
    let expected = world.git(&work, &["rev-parse", "HEAD"]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    assert_eq!(checkout.commit(), expected);
    assert_eq!(checkout.notes(), &[]);
    assert_eq!(world.git(&other, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn submodules_come_along_and_those_that_cannot_are_all_named() {
    let mut world = World::new();
    let inner = world.repository("inner", &[("deep", "1")]);
    let lib = world.repository("lib", &[("lib.c", "1")]);
    world.git(&lib, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", "../inner", "third party/inner"]);
    world.commit(&lib, &[]);
    let work = world.repository("work", &[("a", "1")]);
    let url = format!("file://{}", lib.display());
    world.git(&work, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", &url, "libs/lib"]);
    for name in ["gone", "odd"] {
        world.git(&work, &["-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.to_str().unwrap(), name]);
    }
    world.git(&work, &["config", "-f", ".gitmodules", "submodule.gone.url", "../gone.git"]);
    world.git(&work, &["config", "-f", ".gitmodules", "submodule.odd.url", "ext::sh -c touch% /tmp/x"]);
    world.commit(&work, &[]);

    let checkout = world.fetch(&work, "main", None).await.unwrap();
    let shown: Vec<_> = checkout.facts().submodules.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["libs/lib", "libs/lib/third party/inner"]);
    let named = checkout.notes().iter().map(|note| match note {
        Note::SubmoduleUnavailable { path, words, .. } if !words.is_empty() => path.to_string(),
        other => panic!("{other:?}"),
    });
    let named: Vec<_> = named.collect();
    assert_eq!(named, ["gone", "odd"]);
    let room = world.unpacked(&checkout).await;
    assert_eq!(fs::read_to_string(room.join("libs/lib/lib.c")).unwrap(), "1");
    assert_eq!(fs::read_to_string(room.join("libs/lib/third party/inner/deep")).unwrap(), "1");
    assert_eq!(world.git(&room.join("libs/lib"), &["status", "--porcelain"]), "");
    assert_eq!(world.git(&room, &["status", "--porcelain", "--ignore-submodules=none"]), "");
}

#[tokio::test]
async fn pointers_of_git_lfs_are_counted_and_named() {
    let mut world = World::new();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "ab".repeat(32));
    let work = world.repository(
        "work",
        &[
            ("assets/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n"),
            ("assets/a.bin", &pointer),
            ("b", &"x".repeat(200)),
        ],
    );
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    assert_eq!(checkout.notes(), &[Note::LfsPointers { count: 1, first: vec!["assets/a.bin".into()] }]);
}

#[tokio::test]
async fn a_shallow_source_is_named() {
    let mut world = World::new();
    let full = world.repository("full", &[("a", "1")]);
    world.git(&full, &["tag", "v1"]);
    world.commit(&full, &[("a", "2")]);
    let url = format!("file://{}", full.display());
    world.git(&full, &["clone", "-q", "--depth=1", &url, "../work"]);
    let work = world.path("work");
    world.git(&work, &["remote", "remove", "origin"]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    assert_eq!(checkout.notes(), &[Note::Shallow]);
    let room = world.unpacked(&checkout).await;
    assert_eq!(world.git(&room, &["log", "--format=%s"]), "change");
    let error = checkout.read_version(&Version::LatestTag, None).await.unwrap_err();
    assert_eq!(error.to_string(), "no tag leads to the commit; the source is shallow");
}

#[tokio::test]
async fn a_source_that_borrows_objects_is_made_whole() {
    let mut world = World::new();
    let lender = world.repository("lender", &[("a", "1")]);
    world.git(&lender, &["clone", "-q", "--shared", ".", "../work"]);
    let work = world.path("work");
    world.git(&work, &["remote", "remove", "origin"]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    let room = world.unpacked(&checkout).await;
    fs::remove_dir_all(lender).unwrap();
    world.git(&room, &["fsck", "--full"]);
}

#[tokio::test]
async fn versions_are_read_from_the_commit_not_from_the_disk() {
    let mut world = World::new();
    let work = world.repository("work", &[("Cargo.toml", "[package]\nversion = \"1.2.3\"\n"), ("VERSION", "4.5.6\n")]);
    world.git(&work, &["tag", "v1.2.0"]);
    world.git(&work, &["tag", "canship-drill/old"]);
    world.commit(&work, &[("a", "1")]);
    fs::write(work.join("VERSION"), "9.9.9\n").unwrap();
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    let read = async |version| checkout.read_version(&version, None).await.map_err(|error| error.to_string());
    let file = |file: &str, key: Option<&str>| Version::File { file: file.into(), key: key.map(Into::into) };
    assert_eq!(read(file("Cargo.toml", Some("package.version"))).await.unwrap(), "1.2.3");
    assert_eq!(read(file("./VERSION", None)).await.unwrap(), "4.5.6");
    assert_eq!(read(Version::LatestTag).await.unwrap(), "v1.2.0");
    assert_eq!(read(Version::Commit).await.unwrap(), checkout.commit()[..12]);
    assert_eq!(read(file("none", None)).await.unwrap_err(), "the commit has no file `none`");
    assert!(matches!(checkout.read_version(&Version::Command(vec!["x".into()]), None).await, Err(VersionError::InRoom)));
}

#[tokio::test]
async fn the_drills_tag_is_pushed_read_back_and_removed_again_and_again() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    let mirror = world.bare(&work, "mirror.git");
    let checkout = world.fetch(&work, "main", mirror.to_str()).await.unwrap();
    let tag = DrillTag::make(&checkout, &drill(), "v1.2.3", TagAt::Mirror).await.unwrap();
    assert!(matches!(tag.read_back().await.unwrap(), ReadBack::Differs { .. }), "nothing is there before the push");
    tag.push().await.unwrap();
    tag.push().await.unwrap();
    let ReadBack::Same(facts) = tag.read_back().await.unwrap() else { panic!("the tag differs") };
    assert_eq!((facts.release_tag.as_str(), facts.drill_tag.as_str()), ("v1.2.3", "canship-drill/20260301-120000-00000001"));
    let object = world.git(&mirror, &["cat-file", "tag", "refs/tags/canship-drill/20260301-120000-00000001"]);
    assert!(object.contains("\ntag v1.2.3\n") && object.contains(checkout.commit()), "{object}");
    assert_eq!(world.git(&mirror, &["tag"]), "canship-drill/20260301-120000-00000001");
    assert!(!tag.is_taken().await.unwrap());
    tag.remove().await.unwrap();
    tag.remove().await.unwrap();
    assert_eq!(world.git(&mirror, &["tag"]), "");
    assert_eq!(world.git(&world.path("origin.git"), &["tag"]), "");
}

#[tokio::test]
async fn a_tag_that_is_not_the_one_that_was_pushed_is_seen() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    let tag = DrillTag::make(&checkout, &drill(), "v1", TagAt::Origin).await.unwrap();
    tag.push().await.unwrap();
    let origin = world.path("origin.git");
    world.git(&origin, &["tag", "-f", "canship-drill/20260301-120000-00000001", "main"]);
    let ReadBack::Differs { expected, found } = tag.read_back().await.unwrap() else { panic!("taken for the same") };
    assert!(expected.as_str().contains(" → ") && found.as_str() == checkout.commit(), "{expected} {found}");
}

#[tokio::test]
async fn a_refused_tag_is_told_in_the_servers_words() {
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    let mirror = world.bare(&work, "mirror.git");
    hook(&mirror, "pre-receive", "echo 'only the release team makes tags' >&2; exit 1");
    let checkout = world.fetch(&work, "main", mirror.to_str()).await.unwrap();
    let tag = DrillTag::make(&checkout, &drill(), "v1", TagAt::Mirror).await.unwrap();
    let error = tag.push().await.unwrap_err();
    let SourceError::Refused { words, .. } = &error else { panic!("{error}") };
    assert_eq!(words.as_str(), "only the release team makes tags\n[remote rejected] (pre-receive hook declined)");
    tag.remove().await.unwrap();

    hook(&mirror, "pre-receive", "while read old new ref; do case $new in 0000*) exit 1;; esac; done");
    tag.push().await.unwrap();
    assert!(matches!(tag.remove().await, Err(SourceError::Refused { .. })), "a tag that stays is not called removed");
}

#[tokio::test]
async fn a_name_that_no_tag_can_have_and_a_place_that_is_not_there_are_said_so() {
    let mut world = World::new();
    let work = world.repository("work", &[("a", "1")]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    let error = DrillTag::make(&checkout, &drill(), "v1", TagAt::Mirror).await.unwrap_err();
    assert_eq!(error.to_string(), "the tag should go to the mirror, and there is none");
    let mut world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    let checkout = world.fetch(&work, "main", None).await.unwrap();
    let error = DrillTag::make(&checkout, &drill(), "v 1", TagAt::Origin).await.unwrap_err();
    assert!(error.to_string().contains("`v 1` cannot be the name of a tag"), "{error}");
}

#[tokio::test]
async fn looking_at_the_tags_place_says_what_that_does_not_prove() {
    let world = World::new();
    let work = world.with_origin(&[("a", "1")]);
    let git = Git::new(world.environment(), Duration::from_secs(30));
    let place = look(&git, &work, None, TagAt::Origin).await.unwrap();
    assert!(place.url.as_str().ends_with("origin.git") && place.unproved.as_str().contains("reading only"));
    assert!(matches!(look(&git, &work, None, TagAt::Mirror).await, Err(SourceError::NoPlace("mirror"))));
    assert!(matches!(look(&git, &work, Some("../none.git"), TagAt::Mirror).await, Err(SourceError::NotFound { .. })));
}
