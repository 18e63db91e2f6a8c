//! The plan as others see it: what loads, what is refused, and in which words.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test they are how it fails")]
#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its inline snapshots so")]

use std::{fmt::Write as _, path::Path, time::Duration};

use canship::plan::{
    self, BuildImage, Invalid, Loaded, PrimaryParts, Running, SecretName, SettingOrigin, SpareKind, TagAt, Target, Version,
};
use proptest::prelude::*;
use snapbox::{assert_data_eq, str};

const EXAMPLE: &str = include_str!("../pipelines/canship.yaml");
const SCHEMA: &str = include_str!("../pipelines/canship.schema.json");

/// The smallest plan. Further keys of the top level can follow.
const SMALL: &str = "\
release: api
build:
  image: debian:12
  run: [make]
  artifacts: [api]
publish:
  - oci: registry.example/api
";

fn parse(text: &str) -> Loaded {
    plan::parse(text, "canship.yaml").unwrap_or_else(|invalid| panic!("{invalid}\n{text}"))
}

fn refused(text: &str) -> Invalid {
    match plan::parse(text, "canship.yaml") {
        Ok(_) => panic!("this was taken as a plan:\n{text}"),
        Err(invalid) => invalid,
    }
}

/// The smallest plan with these lines at its end.
fn top(more: &str) -> String {
    format!("{SMALL}{more}\n")
}

/// The smallest plan with these lines at the end of `build`.
fn build(more: &str) -> String {
    let more: String = more.lines().fold(String::new(), |mut text, line| {
        writeln!(text, "  {line}").unwrap();
        text
    });
    SMALL.replace("publish:", &format!("{more}publish:"))
}

/// The smallest plan whose release is the image of a Dockerfile.
fn dockerfile(value: &str) -> String {
    let secrets = "secrets:\n  TOKEN: { env: TOKEN }\n";
    format!("release: api\nbuild:\n  dockerfile: {value}\npublish:\n  - oci: registry.example/api\n{secrets}")
}

/// The smallest plan with these lines at the end of its publish target, and two secrets.
fn publish(more: &str) -> String {
    let more: String = more.lines().fold(String::new(), |mut text, line| {
        writeln!(text, "    {line}").unwrap();
        text
    });
    format!("{SMALL}{more}secrets:\n  GHCR_TOKEN: {{ env: GHCR }}\n  SIGNING_KEY: {{ env: KEY }}\n")
}

/// Each plan is refused with exactly one problem, at the place that is marked by `§`, with this in its message.
fn each_is_refused(cases: &[(String, &str)]) {
    for (marked, message) in cases {
        let at = marked.find('§').unwrap_or_else(|| panic!("no place is marked in:\n{marked}"));
        let text = marked.replacen('§', "", 1);
        let line = text[..at].matches('\n').count() + 1;
        let column = text[..at].rsplit('\n').next().unwrap().chars().count() + 1;
        let invalid = refused(&text);
        let [problem] = invalid.problems.as_slice() else { panic!("more than one problem:\n{invalid}\n{text}") };
        assert_eq!((problem.line, problem.column), (line, column), "{invalid}\n{text}");
        let said = format!("{} / {}", problem.message, problem.help.as_deref().unwrap_or_default());
        assert!(said.contains(message), "`{message}` is not in `{said}`\n{text}");
        assert!(invalid.to_string().contains(&format!("--> canship.yaml:{line}:{column}\n")), "{invalid}");
    }
}

#[test]
fn the_smallest_plan_has_every_default() {
    let Loaded { plan, digest, folder, .. } = parse(SMALL);
    assert_eq!(plan.target, Duration::from_mins(30));
    assert_eq!((plan.source.reference.as_str(), plan.source.mirror, plan.source.version), ("main", None, Version::Commit));
    assert_eq!(plan.build.image, Some(BuildImage::Image("debian:12".into())));
    assert_eq!(plan.build.run[0].time, Duration::from_mins(20));
    let limits = plan.build.limits;
    assert_eq!((limits.time, limits.cpus, limits.memory), (Duration::from_mins(20), None, None));
    assert_eq!((limits.pids, limits.disk, plan.build.output), (4096, 8 << 30, 16 << 20));
    assert_eq!(plan.spares.len(), 1);
    assert_eq!((plan.spares[0].name.as_str(), &plan.spares[0].kind), ("container", &SpareKind::Container { engine: None }));
    assert_eq!((plan.timeouts.api, plan.timeouts.retry_after_max), (Duration::from_secs(30), Duration::from_mins(1)));
    assert_eq!((plan.tag, plan.tag_at), (None, TagAt::Nowhere));
    assert!(plan.secrets.is_empty() && plan.trust.is_empty() && plan.unverified.is_empty() && plan.build.smoke.is_empty());
    assert_eq!(digest.as_str().len(), 71);
    assert_eq!(folder, Path::new(""));
}

#[test]
fn the_smallest_plan_shows_where_each_value_came_from() {
    assert_data_eq!(
        parse(SMALL).show(),
        str![[r#"
version = 1                                                        # default
release = api                                                      # canship.yaml:1:10
target = 30m                                                       # default
source.ref = main                                                  # default
source.mirror = (none)                                             # default
source.version = (the commit)                                      # default
build.image = debian:12                                            # canship.yaml:3:10
build.run[0] = make                                                # canship.yaml:4:9
build.run[0].time = 20m                                            # default
build.artifacts[0] = api                                           # canship.yaml:5:15
build.smoke = (none)                                               # default
build.writable = (none)                                            # default
build.limits.time = 20m                                            # default
build.limits.cpus = (all)                                          # default
build.limits.memory = (all)                                        # default
build.limits.pids = 4096                                           # default
build.limits.disk = 8GiB                                           # default
build.limits.output = 16MiB                                        # default
tag = (none)                                                       # default
tag_at = nowhere                                                   # default
publish[0].oci = registry.example/api                              # canship.yaml:7:10
publish[0].login = (what Docker's configuration knows, or nobody)  # default
publish[0].scratch = (none: the push is not rehearsed)             # default
publish[0].base = (none: the artifacts only)                       # default
trust = (none)                                                     # default
spares[0].name = container                                         # default
spares[0].container.engine = (the one Docker's environment names)  # default
history = .canship/history                                         # default
timeouts.api = 30s                                                 # default
timeouts.retry_after_max = 1m                                      # default

"#]]
    );
}

#[test]
fn every_value_of_the_example_is_shown_with_its_place() {
    let loaded = parse(EXAMPLE);
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    for setting in &loaded.settings {
        let SettingOrigin::Written { line, column } = setting.origin else { continue };
        let written = &lines[line - 1][column - 1..];
        let shown = if setting.path.ends_with("retry_after_max") { "60s" } else { setting.value.as_str() };
        let written = written.trim_start_matches('"');
        assert!(written.starts_with(shown), "{} = {shown}, but there stands {written}", setting.path);
    }
    let defaults: Vec<&str> =
        loaded.settings.iter().filter(|s| s.origin == SettingOrigin::Default).map(|s| s.path.as_str()).collect();
    let secrets = ["secrets.GHCR_TOKEN.publishes", "secrets.CARGO_TOKEN.publishes", "secrets.CANSHIP_TOKEN.publishes"];
    let times = ["build.run[0].time", "build.smoke[0].time"];
    let rest = ["primary.artifacts[1].inside", "spares[0].container.engine"];
    assert_eq!(defaults, [&times[..], &secrets, &rest].concat());
}

#[test]
fn what_this_version_does_not_verify_is_said() {
    let loaded = parse(EXAMPLE);
    assert_data_eq!(
        loaded.plan.unverified.join("\n"),
        str![[r#"
`build.needs`: this version does not verify which hosts the build reaches
`publish[1]`: this version cannot drill `crate: acme-api`
`outages`: this version does not cut the network off
`people`: this version does not verify who may release
"#]]
    );
    for (path, verified) in [("people.decide", false), ("publish[1].crate", false), ("build.needs[0]", false), ("release", true)] {
        assert_eq!(loaded.settings.iter().find(|s| s.path == path).map(|s| s.verified), Some(verified), "{path}");
    }
    assert!(
        loaded.show().lines().any(|line| line.starts_with("people.decide") && line.ends_with("(not verified by this version)"))
    );
    assert!(matches!(&loaded.plan.publish[1], Target::Other { kind, name } if kind == "crate" && name == "acme-api"));
}

#[test]
fn programs_read_the_same_settings() {
    let json = parse(SMALL).to_json();
    let settings = json["settings"].as_array().unwrap();
    let of = |path: &str| settings.iter().find(|setting| setting["path"] == path).unwrap();
    assert_eq!(of("release")["origin"], serde_json::json!({ "line": 1, "column": 10 }));
    assert_eq!((&of("target")["origin"], &of("target")["value"]), (&"default".into(), &"30m".into()));
}

#[test]
fn the_schema_in_the_tree_is_the_one_the_types_make() {
    let now = format!("{}\n", serde_json::to_string_pretty(&plan::schema()).unwrap());
    assert!(now == SCHEMA, "regenerate it: canship schema > pipelines/canship.schema.json");
}

#[test]
fn schema_and_loader_agree() {
    let schema = jsonschema::validator_for(&plan::schema()).unwrap();
    let json = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).unwrap();
    let good = [
        EXAMPLE.to_owned(),
        SMALL.to_owned(),
        top("target: 1h30m"),
        build("smoke: [{ run: x, env: { A: 1, B: true } }]"),
        dockerfile("Dockerfile"),
        dockerfile("{ file: deploy/Dockerfile, target: release, args: { A: 1 }, secrets: [TOKEN] }"),
        dockerfile("Dockerfile\n  run: [make]\n  artifacts: [api]"),
    ];
    for good in good {
        assert!(schema.is_valid(&json(&good)), "{:?}", schema.iter_errors(&json(&good)).collect::<Vec<_>>());
        parse(&good);
    }
    let bad = [
        top("tagret: 30m"),
        top("target: 30"),
        top("target: 30min"),
        top("target:"),
        top("version: 2"),
        top("tag: v1"),
        top("tag_at: mirrro"),
        top("spares: []"),
        top("spares: [{ name: a }]"),
        top("spares: [{ name: a, host: {}, container: {} }]"),
        top("secrets: { A: { env: A, file: b } }"),
        top("secrets: { 1A: { env: A } }"),
        top("people: { who: me }"),
        top("source: { version: { file: a, tag: latest } }"),
        build("limits: { memory: 4 }"),
        build("limits: { cpus: 0 }"),
        build("dockerfile: Dockerfile"),
        SMALL.replace("  run: [make]\n", ""),
        SMALL.replace("  artifacts: [api]\n", ""),
        dockerfile("Dockerfile\n  run: [make]"),
        dockerfile("Dockerfile\n  artifacts: [api]"),
        dockerfile("{ file: Dockerfile, tagret: a }"),
        dockerfile("{ target: a }"),
        dockerfile("{ file: Dockerfile, args: { 1A: b } }"),
        build("writable: [usr]"),
        build("smoke: [{ rnu: x }]"),
        publish("npm: x"),
        publish("lgoin: x"),
    ];
    for bad in bad {
        assert!(!schema.is_valid(&json(&bad)), "{bad}");
        refused(&bad);
    }
}

#[test]
fn keys_that_are_unknown_or_missing_name_what_is_right() {
    each_is_refused(&[
        (top("§tagret: 30m"), "did you mean `target`?"),
        (top("§TagAt: origin"), "did you mean `tag_at`?"),
        (build("§artefacts: [a]"), "did you mean `artifacts`?"),
        (build("limits: { time: 1m, §mem: 4GiB }"), "did you mean `memory`?"),
        (top("primary:\n  github: { repository: a/b, workflows: [c.yml], §tokn: D }"), "did you mean `token`?"),
        (top("people: { §zzz: me }"), "the keys here are `decide`, `release`"),
        (top("spares: [{ name: a, runner: { labels: [b], workflow: c, §pickup: 1m } }]"), "did you mean `pick_up`?"),
        (top("tag: v{version}\ntag_at: §orgin"), "did you mean `origin`?"),
        (top("§release: again"), "the key `release` is given twice"),
        (SMALL.replace("release: api", "").trim_start().replacen("build", "§build", 1), "the key `release` is missing"),
        (SMALL.replace("artifacts:", "§artifacts:").replace("  run: [make]\n", ""), "needs `build.run` beside it"),
    ]);
}

#[test]
fn values_of_the_wrong_kind_are_refused_where_they_stand() {
    each_is_refused(&[
        (SMALL.replace("api\nbuild", "§3.10\nbuild"), "`release` must be text, but is a number / put it in quotes"),
        (SMALL.replace("[make]", "§make"), "`build.run` must be a list, but is text"),
        (SMALL.replace("[make]", "[§3]"), "`build.run[0]` must be a command, or a map with `run`, but is a number"),
        (build("limits: { pids: §many }"), "must be a whole number, but is text"),
        (build("limits: { pids: §1.5 }"), "must be a whole number"),
        (build("limits: { cpus: §two }"), "must be a number, but is text"),
        (top("source: §main"), "`source` must be a map, but is text"),
        (top("target: §[30m]"), "must be text, but is a list"),
        (top("§tag:"), "`tag` must be text, but is nothing / give it a value, or remove the key"),
        (top("version: §2"), "this canship reads plans of version 1 only"),
        (top("version: §\"1\""), "write `version: 1`"),
    ]);
}

#[test]
fn times_and_sizes_need_their_unit() {
    each_is_refused(&[
        (top("target: §30"), "this length of time has no unit / write `30m`; the units are `ms`, `s`, `m`, `h` and `d`"),
        (top("timeouts: { api: §30 }"), "write `30s`"),
        (top("target: §30min"), "write `30m`"),
        (top("target: §soon"), "the units are"),
        (top("target: §0m"), "must be more than no time"),
        (build("limits: { memory: §4 }"), "this size has no unit / write `4MiB`"),
        (build("limits: { memory: §4gb }"), "write `4GB`"),
        (build("limits: { disk: §much }"), "this is no size / the units are"),
        (build("limits: { disk: §99999999999TiB }"), "this is no size"),
        (build("limits: { disk: §0B }"), "must be more than nothing"),
        (build("smoke: [{ run: x, time: §5 }]"), "`build.smoke[0].time`"),
        (
            top(
                "primary: { gitlab: { project: a/b, token: T } }\nsecrets: { T: { env: T } }\nspares: [{ name: a, runner: { labels: [b], workflow: c, pick_up: §9 } }]",
            ),
            "write `9m`",
        ),
    ]);
    let limits = parse(&build("limits: { memory: 500MB, disk: 20G, cpus: 1.5, time: 1h30m }")).plan.build.limits;
    assert_eq!((limits.memory, limits.disk, limits.cpus), (Some(500_000_000), 20 << 30, Some(1.5)));
    assert_eq!(limits.time, Duration::from_mins(90));
}

#[test]
fn empty_lists_and_texts_are_refused() {
    each_is_refused(&[
        (SMALL.replace("[make]", "§[]"), "`build.run` is an empty list"),
        (SMALL.replace("[make]", "[§\"\"]"), "`build.run[0]` is empty"),
        (SMALL.replace("[api]", "§[]"), "`build.artifacts` is an empty list"),
        (SMALL.replace("\n  - oci: registry.example/api", " §[]"), "`publish` is an empty list"),
        (SMALL.replace("release: api", "release: §\" \""), "`release` is empty"),
        (build("smoke: §[]"), "empty list"),
        (build("writable: §[]"), "empty list"),
        (build("needs: §[]"), "empty list"),
        (top("spares: §[]"), "empty list"),
        (top("trust: §[]"), "empty list"),
        (top("outages: §[]"), "empty list"),
        (top("people: { release: §[] }"), "empty list"),
        (top("secrets: §{}"), "`secrets` is empty"),
        (publish("").replace("SIGNING_KEY: { env: KEY }", "SIGNING_KEY: { command: §[] }"), "empty list"),
    ]);
}

#[test]
fn secrets_are_named_declared_and_have_one_source() {
    each_is_refused(&[
        (publish("login: { username: a, password: §GHCR_TOKN }"), "did you mean `GHCR_TOKEN`?"),
        (publish("login: { username: a, password: §OTHER_NAME }"), "names the secret `OTHER_NAME`, which is not under `secrets`"),
        (
            top(
                "spares: [{ name: a, host: {} }]\nprimary: { github: { repository: a/b, workflows: [c.yml], token: §SOME_TOKEN } }",
            ),
            "the plan has no `secrets`",
        ),
        (top("secrets: { A: §hunter2 }"), "must be a map, but is text"),
        (top("secrets: { A: §{} }"), "exactly one of `env`, `file` and `command`"),
        (top("secrets: { A: §{ env: A, file: a } }"), "exactly one of `env`, `file` and `command`"),
        (top("secrets: { §A-B: { env: A } }"), "letters, digits and underscores only"),
        (top("secrets: { A: { env: §A-B } }"), "must be the name of an environment variable, never a value"),
        (top("secrets: { A: { file: §\"\" } }"), "is empty"),
        (format!("{}secrets: {{ KEY: {{ env: K }} }}\n", build("smoke: [{ run: x, secrets: [KEY, §KEY] }]")), "a second time"),
        (format!("{}secrets: {{ KEY: {{ env: K }} }}\n", build("smoke: [{ run: x, secrets: [§KYE] }]")), "did you mean `KEY`?"),
        (
            format!("{}secrets: {{ KEY: {{ env: K }} }}\n", build("smoke: [{ run: x, env: { §KEY: y } }]")),
            "`KEY` is a secret of this plan",
        ),
        (build("smoke: [{ run: x, env: { §A-B: y } }]"), "is no name of an environment variable"),
    ]);
}

#[test]
fn paths_stay_where_they_belong() {
    each_is_refused(&[
        (SMALL.replace("[api]", "[§/api]"), "it is absolute"),
        (SMALL.replace("[api]", "[§a/../../b]"), "it has `..` in it"),
        (SMALL.replace("[api]", "[a/x, §b/x]"), "has the same last name, `x`, as an earlier artifact"),
        (SMALL.replace("[api]", "[§.]"), "it names no file or folder"),
        (build("writable: [§usr]"), "it must be absolute"),
        (build("writable: [§/]"), "it is the root"),
        (build("writable: [§//.]"), "it is the root"),
        (build("writable: [§/a/../..]"), "`..`"),
        (build("writable: [/a, §/a]"), "is there twice"),
        (SMALL.replace("image: debian:12", "dockerfile: §../Dockerfile"), "`..`"),
        (top("source: { version: { file: §/etc/passwd } }"), "it is absolute"),
    ]);
}

#[test]
fn tags_are_what_git_takes_and_never_a_drill_tag() {
    each_is_refused(&[
        (top("tag: §v1"), "must have `{version}` in it / write for example `v{version}`"),
        (top("tag: §canship-drill/{version}"), "where drills put their own tags"),
        (top("tag: §v {version}"), "it has a space"),
        (top("tag: §v{version}.lock"), "ends with `.lock`"),
        (top("tag: §\"-{version}\""), "begins with `-`"),
        (top("tag: v{version}\ntag_at: §mirror"), "the plan has no `source.mirror`"),
        (top("tag_at: §origin"), "the plan has no `tag`"),
        (top("source: { ref: §\"a b\" }"), "is no name of a branch, tag or commit"),
        (top("source: { mirror: §\"ext::sh -c x\" }"), "a transport that runs commands"),
        (top("source: { version: §{} }"), "exactly one of `file`, `command` and `tag`"),
        (top("source: { version: { tag: latest, key: §a } }"), "only beside `file`"),
    ]);
    let plan = parse(&top("source: { mirror: ../mirror.git }\ntag: v{version}")).plan;
    assert_eq!((plan.tag_at, plan.tag.unwrap().tag("1.2")), (TagAt::Mirror, "v1.2".to_owned()));
    assert_eq!(parse(&top("tag: \"{version}\"")).plan.tag_at, TagAt::Nowhere);
}

#[test]
fn images_and_repositories_are_references() {
    each_is_refused(&[
        (SMALL.replace("debian:12", "§Debian:12"), "is no image reference"),
        (SMALL.replace("registry.example/api", "§registry.example/api:1"), "it has a tag"),
        (SMALL.replace("registry.example/api", "§registry.example:5000/api:1"), "it has a tag"),
        (SMALL.replace("registry.example/api", &format!("§r.example/api@sha256:{}", "0".repeat(64))), "it has a digest"),
        (publish("scratch: §registry.example/api"), "a repository that is published to"),
        (SMALL.replace("registry.example/api", "acme/api\n    scratch: §docker.io/acme/api"), "a repository that is published to"),
        (publish("scratch: §Registry.example:443/api"), "a repository that is published to"),
        (
            SMALL.replace("registry.example/api", "127.0.0.1:5000/a\n    scratch: §localhost:5000/a"),
            "a repository that is published to",
        ),
        (
            SMALL.replace("registry.example/api", "acme/api\n    scratch: §registry-1.docker.io/acme/api"),
            "a repository that is published to",
        ),
        (publish("scratch: §registry.example/drill:x"), "it has a tag"),
        (publish("scratch: §https://registry.example/drill"), "it is a URL: write host and path alone"),
        (publish("base: §UPPER"), "is no image reference"),
        (top("  - oci: §registry.example/api"), "is the repository of `publish[0]`"),
        (publish("token: §GHCR_TOKEN"), "has no meaning beside `oci`"),
        (top("  - §npm: a\n    crate: b"), "more than one kind of place"),
        (top("  - crate: a\n    scratch: §b"), "only beside `oci`"),
        (top("  - §{}"), "does not say where to publish"),
    ]);
    assert!(matches!(&parse(SMALL).plan.publish[0], Target::Oci(oci) if oci.repository == "registry.example/api"));
    parse(&SMALL.replace("registry.example/api", "localhost:5000/api"));
}

#[test]
fn the_image_of_a_dockerfile_is_the_release_unless_there_are_steps_and_artifacts() {
    let plan = parse(&dockerfile("{ file: ./deploy/Dockerfile, target: release, args: { A: 1 }, secrets: [TOKEN] }")).plan;
    let released = plan.build.released_image().unwrap();
    assert_eq!((released.file.to_str(), released.target.as_deref()), (Some("deploy/Dockerfile"), Some("release")));
    assert_eq!(released.args["A"], "1");
    assert_eq!(released.secrets[0].as_str(), "TOKEN");
    let with_steps = parse(&dockerfile("Dockerfile\n  run: [make]\n  artifacts: [api]")).plan.build;
    assert!(with_steps.released_image().is_none() && with_steps.dockerfile().is_some());
    each_is_refused(&[
        (dockerfile("Dockerfile\n  §run: [make]"), "needs `build.artifacts`"),
        (dockerfile("Dockerfile\n  §artifacts: [api]"), "remove `artifacts` if the image"),
        (SMALL.replace("  artifacts: [api]\n", "").replace("run:", "§run:"), "add `artifacts`"),
        (dockerfile("§../Dockerfile"), "`..`"),
        (dockerfile("{ file: Dockerfile, secrets: [§TOKNE] }"), "did you mean `TOKEN`?"),
        (dockerfile("{ file: Dockerfile, args: { §TOKEN: x } }"), "never by a plain value"),
        (
            format!("{}    base: §debian:12\n", dockerfile("Dockerfile").replace("secrets:\n  TOKEN: { env: TOKEN }\n", "")),
            "stands on its own `FROM`",
        ),
        (dockerfile("Dockerfile").replace("build:", "source: { version: { command: §[a] } }\nbuild:"), "has no room to run in"),
    ]);
}

#[test]
fn spares_have_one_kind_each_and_names_of_their_own() {
    each_is_refused(&[
        (top("spares: [§{ name: a }]"), "exactly one of `container`, `runner` and `host`"),
        (top("spares: [§{ name: a, host: {}, container: {} }]"), "exactly one of"),
        (top("spares: [{ name: a, host: {} }, { name: §a, host: {} }]"), "names must differ"),
        (top("spares: [{ name: §a b, host: {} }]"), "must begin with a letter or digit"),
        (top("spares: [{ name: a, §host: }]"), "write `{}` for a map without keys"),
        (top("spares: [{ name: a, container: { engine: §spare.example } }]"), "`ssh://user@host`"),
        (SMALL.replace("  image: debian:12\n", "").replace("build:", "§build:"), "`build` needs `image` or `dockerfile`"),
        (build("dockerfile: §Dockerfile"), "exclude each other"),
    ]);
    let hosts = top("spares: [{ name: a, host: {} }]").replace("  image: debian:12\n", "");
    assert_eq!(parse(&hosts).plan.build.image, None);
}

#[test]
fn what_was_released_is_named_so_that_it_can_be_compared() {
    let release = |entry: &str| top(&format!("secrets: {{ TOKEN: {{ env: TOKEN }} }}\nprimary: {{ artifacts: [{entry}] }}"));
    let digest = format!("sha256:{}", "0a".repeat(32));
    each_is_refused(&[
        (release("§{ artifact: api }"), "exactly one of `digest`, `url` and `image`"),
        (release(&format!("§{{ artifact: api, url: \"https://x.example/a\", digest: \"{digest}\" }}")), "exactly one of"),
        (release("§{ url: \"https://x.example/a\" }"), "does not say which `artifact` it is"),
        (release("{ artifact: §ab, url: \"https://x.example/a\" }"), "is none of `build.artifacts`"),
        (release("{ artifact: api, digest: §sha256:12 }"), "is no digest"),
        (release(&format!("\n  {{ artifact: api, digest: \"{digest}\",\n  inside: §a }}")), "has no meaning beside `digest`"),
        (release("{ artifact: api, url: §\"http://x.example/a\" }"), "must be fetched by https"),
        (release("{ artifact: api, url: §\"https://{version}.example/a\" }"), "in the name of its host"),
        (release("{ artifact: api, url: \"https://x.example/a\", inside: §\"../a\" }"), "has `..` in it"),
        (release("{ image: §\"x.example/A:{version}\" }"), "is no image reference"),
        (release("{ image: x.example/a, token: §TOKEN }"), "has no meaning beside `image`"),
    ]);
    let hidden = refused(&release("{ artifact: api, url: \"https://me:hush-hush@x.example/a\" }").replace('§', "")).to_string();
    assert!(hidden.contains("has a login in it") && !hidden.contains("hush-hush"), "{hidden}");
    let plan = parse(&release("{ image: \"x.example/a:v{version}\" }")).plan;
    assert_eq!((plan.released.len(), plan.unverified.len()), (1, 0), "it needs no forge");
}

#[test]
fn a_secret_that_publishes_cannot_be_said_to_be_harmless() {
    let secret = |uses: &str| top(&format!("secrets: {{ T: {{ env: T, publishes: §false }} }}\n{uses}"));
    let publish = "  - crate: x\n    token: T";
    each_is_refused(&[
        (top(&format!("{publish}\nsecrets: {{ T: {{ env: T, publishes: §false }} }}")), "but `publish[1].token` uses it"),
        (secret("primary: { github: { repository: a/b, workflows: [c.yml], token: T } }"), "but `primary.github.token` uses it"),
    ]);
    let plan = parse(&secret("").replace('§', "")).plan;
    assert_eq!(plan.harmless.iter().map(SecretName::as_str).collect::<Vec<_>>(), ["T"]);
}

#[test]
fn the_primary_path_has_every_default() {
    let plan = parse(&top("primary: { github: { repository: acme/api, workflows: [.github/workflows/release.yml] } }")).plan;
    let primary = plan.primary.unwrap();
    assert_eq!(primary.place.to_string(), "GitHub `acme/api` (api.github.com)");
    let workflows = vec!["release.yml".to_owned()];
    assert_eq!(primary.parts, PrimaryParts::Github { workflows, labels: Vec::new() });
    assert_eq!((primary.running, primary.max_cut, primary.token), (Running::Refuse, Duration::from_mins(45), None));
    assert_eq!(primary.late_effect, Duration::from_mins(1));
    assert_eq!(primary.blackout, []);

    let text = top("primary: { gitlab: { project: acme/team/api, url: \"https://x.example/git/\" }, running: cancel }");
    let primary = parse(&text).plan.primary.unwrap();
    assert_eq!(primary.place.to_string(), "GitLab `acme/team/api` (x.example)");
    assert_eq!(primary.parts, PrimaryParts::Gitlab { runners: None, schedules: false });
    assert_eq!(primary.running, Running::Cancel);
    let shown = parse(&text).show();
    for line in [
        "primary.gitlab.url = https://x.example/git ",
        "primary.gitlab.runners = (all that serve no other project)",
        "primary.max_cut = 45m",
        "primary.late_effect = 1m",
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}:\n{shown}");
    }
}

#[test]
fn keys_of_later_versions_are_checked_for_their_form() {
    let primary = |more: &str| top(&format!("primary:\n  github: {{ repository: a/b, workflows: [c.yml] }}\n  {more}"));
    each_is_refused(&[
        (primary("blackout: [§Friday]"), "it must have the form `Fri 12:00 - Mon 06:00 Europe/Berlin`"),
        (primary("blackout: [§Fri 25:00 - Mon 06:00 UTC]"), "between 00:00 and 23:59"),
        (primary("running: §stop"), "the values here are `refuse`, `cancel`"),
        (primary("max_cut: §45"), "write `45m`"),
        (top("primary: §{}"), "exactly one of `github` and `gitlab`"),
        (top("primary: { github: { repository: §a, workflows: [c.yml] } }"), "of the form `owner/name`"),
        (top("primary: { gitlab: { project: a/b, url: §gitlab.example } }"), "is no address of a server"),
        (top("primary: { gitlab: { project: a/b, schedules: §maybe } }"), "must be `true` or `false`"),
        (top("primary: { gitlab: { project: a/b, url: §\"http://gitlab.example\" } }"), "must be reached by https"),
        (top("primary: { gitlab: { project: a/b, url: §\"https://gitlab.example?a=b\" } }"), "more than a path behind its host"),
        (top("primary: { github: { repository: a/.., workflows: [c.yml] } }").replace("a/..", "§a/.."), "of the form `owner/name`"),
        (top("primary: { github: { repository: a/b, workflows: [§release] } }"), "is no workflow file"),
        (top("primary: { github: { repository: a/b, workflows: [c.yml], labels: §[] } }"), "is an empty list"),
        (top("outages: [§\"https://github.com\"]"), "name the host alone"),
        (build("needs: [§a b]"), "it is no host name"),
        (top("people: §{}"), "must have `decide`, `release` or both"),
        (top("history: §\"\""), "is empty"),
        (top("history: §s3:/foo/bar"), "is no place for records"),
        (top("history: §s3:foo/bar"), "is no place for records"),
        (top("history: §file:records"), "is no place for records"),
    ]);
    for kind in
        ["crate", "npm", "pypi", "maven", "nuget", "gem", "homebrew", "winget", "github_release", "gitlab_release", "s3", "pages"]
    {
        let plan = parse(&top(&format!("  - {kind}: thing"))).plan;
        assert_eq!(plan.unverified, [format!("`publish[1]`: this version cannot drill `{kind}: thing`")]);
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let text = SMALL.replace("[api]", "[/api]").replace("debian:12", "Debian") + "target: 5\ntag: v\n";
    assert_data_eq!(
        refused(&text).to_string(),
        str![[r#"
error: `build.image` is no image reference: it has capitals in its name: write it in small letters
 --> canship.yaml:3:10
  |
3 |   image: Debian
  |          ^^^^^^

error: `build.artifacts[0]` is no file or folder of the source: it is absolute: it must be relative to the source's root
 --> canship.yaml:5:15
  |
5 |   artifacts: [/api]
  |               ^^^^

error: `target`: this length of time has no unit
 --> canship.yaml:8:9
  |
8 | target: 5
  |         ^
  |
  = help: write `5m`; the units are `ms`, `s`, `m`, `h` and `d`, as in `45s` or `1h30m`

error: `tag` must have `{version}` in it
 --> canship.yaml:9:6
  |
9 | tag: v
  |      ^
  |
  = help: write for example `v{version}`
"#]]
    );
}

#[test]
fn an_unknown_key_is_shown_like_by_a_compiler() {
    assert_data_eq!(
        refused(&build("limits: { time: 20m, memroy: 4GiB }")).to_string(),
        str![[r#"
error: unknown key `memroy` in `build.limits`
 --> canship.yaml:6:24
  |
6 |   limits: { time: 20m, memroy: 4GiB }
  |                        ^^^^^^
  |
  = help: did you mean `memory`? The keys here are `time`, `cpus`, `memory`, `pids`, `disk`, `output`
"#]]
    );
}

#[test]
fn every_unknown_key_is_told_at_once_and_what_it_may_have_meant_is_not_called_missing() {
    assert_data_eq!(
        refused("version: 1\nrelaese: api\nbuild: { run: [make], artifcats: [a], limits: { pids: many } }\n").to_string(),
        str![[r#"
error: unknown key `relaese`
 --> canship.yaml:2:1
  |
2 | relaese: api
  | ^^^^^^^
  |
  = help: did you mean `release`? The keys here are `version`, `release`, `target`, `source`, `build`, `tag`, `tag_at`, `publish`, `secrets`, `trust`, `primary`, `spares`, `outages`, `people`, `history`, `check`, `timeouts`

error: unknown key `artifcats` in `build`
 --> canship.yaml:3:23
  |
3 | build: { run: [make], artifcats: [a], limits: { pids: many } }
  |                       ^^^^^^^^^
  |
  = help: did you mean `artifacts`? The keys here are `image`, `dockerfile`, `run`, `artifacts`, `smoke`, `writable`, `needs`, `limits`

error: `build.limits.pids` must be a whole number, but is text
 --> canship.yaml:3:55
  |
3 | build: { run: [make], artifcats: [a], limits: { pids: many } }
  |                                                       ^^^^
"#]]
    );
}

#[test]
fn a_bare_number_is_shown_with_what_to_write() {
    assert_data_eq!(
        refused(&top("target: 30 # minutes")).to_string(),
        str![[r#"
error: `target`: this length of time has no unit
 --> canship.yaml:8:9
  |
8 | target: 30 # minutes
  |         ^^
  |
  = help: write `30m`; the units are `ms`, `s`, `m`, `h` and `d`, as in `45s` or `1h30m`
"#]]
    );
}

#[test]
fn columns_count_characters_and_wide_ones_do_not_shift_the_mark() {
    assert_data_eq!(
        refused(&top("spares: [{ name: \"größe🚀\", host: {} }, { name: x, hots: {} }]")).to_string(),
        str![[r#"
error: unknown key `hots` in `spares[1]`
 --> canship.yaml:8:51
  |
8 | spares: [{ name: "größe🚀", host: {} }, { name: x, hots: {} }]
  |                                                    ^^^^
  |
  = help: did you mean `host`? The keys here are `name`, `container`, `runner`, `host`
"#]]
    );
}

#[test]
fn a_syntax_error_is_shown_in_its_line() {
    assert_data_eq!(
        refused("release: api\nbuild: [\n").to_string(),
        str![[r#"
error: this is no valid YAML: unclosed bracket '['
 --> canship.yaml:2:8
  |
2 | build: [
  |        ^
"#]]
    );
    assert_data_eq!(
        refused("release: api\nbuild:\n\trun: [make]\n").to_string(),
        str![[r#"
error: this is no valid YAML: tabs disallowed within this context (block indentation)
 --> canship.yaml:3:1
  |
3 |     run: [make]
  | ^^^^
  |
  = help: YAML indents with spaces, not with tabs
"#]]
    );
}

#[test]
fn a_token_is_refused_without_being_shown() {
    let text = publish(&format!("login: {{ username: acme, password: ghp_{} }}", "A1b2".repeat(9)));
    assert_data_eq!(
        refused(&text).to_string(),
        str![[r#"
error: this looks like a GitHub token; a plan never holds a secret's value
--> canship.yaml:8:40
 = note: the line is not shown: it may hold a secret
 = help: name where it is found under `secrets`, and revoke this one if the file was shared
"#]]
    );
}

#[test]
fn a_secret_s_value_in_place_of_where_it_is_found_is_refused_without_being_shown() {
    assert_data_eq!(
        refused(&top("secrets:\n  TOKEN: hunter2")).to_string(),
        str![[r#"
error: `secrets.TOKEN` must be a map, but is text
--> canship.yaml:9:10
 = note: the line is not shown: it may hold a secret
 = help: say where it is found, never what it is: `{ env: NAME }`, `{ file: PATH }` or `{ command: [pass, show, NAME] }`
"#]]
    );
}

#[test]
fn a_repository_that_is_none_is_told_how_one_is_written() {
    for (repository, told) in [
        ("ghcr.io/Acme/API", "it has capitals in its name: write it in small letters; write host and path, as in"),
        ("ghcr.io/acme/api:v1", "it has a tag, which comes from the release's version: name the repository alone, as in"),
        ("ghcr.io/acme/api@sha256:0000000000000000000000000000000000000000000000000000000000000000", "it has a digest: name"),
        ("https://ghcr.io/acme/api", "it is a URL: write host and path alone, as in"),
        ("\"ghcr.io/acme/api \"", "it has a space in it; write host and path, as in"),
        ("ghcr.io/", "; write host and path, as in"),
    ] {
        let told_is = refused(&SMALL.replace("registry.example/api", repository)).to_string();
        assert!(told_is.contains(told) && told_is.contains("`ghcr.io/acme/api`"), "{told_is}");
    }
}

#[test]
fn a_password_in_place_of_a_name_is_refused_without_being_shown() {
    assert_data_eq!(
        refused(&publish("login: { username: acme, password: hunter2 }")).to_string(),
        str![[r#"
error: `publish[0].login.password` must be the name of a secret that is under `secrets`, never a value
--> canship.yaml:8:40
 = note: the line is not shown: it may hold a secret
 = help: the secrets of this plan are `GHCR_TOKEN`, `SIGNING_KEY`
"#]]
    );
}

/// Literals in the form of tokens, put together so that no scanner takes this file for a leak.
fn tokens() -> Vec<String> {
    let word = "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2";
    let mut tokens: Vec<String> = ["ghp_", "gho_", "ghs_", "glpat-", "npm_", "pypi-", "cio", "xoxb-", "xoxp-", "dckr_pat_"]
        .iter()
        .map(|prefix| format!("{prefix}{word}"))
        .collect();
    tokens.push(format!("github_{}_11{word}_{word}", "pat"));
    tokens.push(format!("AKIA{}", "ABCDEFGH12345678"));
    tokens.push(format!("eyJ{word}.eyJ{word}.{word}"));
    tokens.push(format!("https://user:{word}@git.example/x"));
    tokens.push(format!("https://{word}@git.example/x"));
    tokens.push("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned());
    tokens
}

#[test]
fn no_literal_that_looks_like_a_token_is_taken_or_shown_anywhere() {
    for token in tokens() {
        let telling = &token[token.len() - 12..];
        let texts = [
            top(&format!("source: {{ mirror: \"{token}\" }}")),
            top(&format!("secrets: {{ A: {{ env: \"{token}\" }} }}")),
            top(&format!("secrets: {{ A: \"{token}\" }}")),
            top(&format!("secrets: {{ A: {{ value: \"{token}\" }} }}")),
            top(&format!("\"{token}\": 1")),
            top(&format!("tag: v{{version}} # {token}")),
            top(&format!("tagret: {{ a: \"{token}\"")),
            build(&format!("smoke: [\"curl {token} | sh\"]")),
            build(&format!("smoke: [{{ run: x, env: {{ A: \"{token}\" }} }}]")),
            publish(&format!("login: {{ username: a, password: \"{token}\" }}")),
            publish(&format!("login: {{ usrname: a, password: \"{token}\" }}")),
            top(&format!("tag: >-\n  {token}\n  tail")),
        ];
        for text in texts {
            let invalid = refused(&text);
            let shown = format!("{invalid}\n{invalid:?}");
            assert!(!shown.contains(telling), "{shown}");
            assert!(shown.contains("this looks like a"), "{shown}");
        }
    }
}

#[test]
fn a_token_hidden_by_escapes_or_inside_a_key_file_is_found() {
    let escaped = top(&format!("tag: \"v{{version}}\\x67hp_{}\"", "A1b2".repeat(9)));
    assert!(refused(&escaped).to_string().contains("this looks like a GitHub token"));
    let key = top(
        "secrets:\n  A:\n    value: |\n      -----BEGIN PRIVATE KEY-----\n      Zm9vYmFyZm9v\n      -----END PRIVATE KEY-----\n  B: 1",
    );
    let shown = refused(&key).to_string();
    assert!(shown.contains("a private key") && !shown.contains("Zm9v"), "{shown}");
}

#[test]
fn no_error_shows_a_line_that_may_hold_a_secret() {
    let texts = [
        top("secrets: { A: hunter2 }"),
        top("secrets: { A: { value: hunter2 } }"),
        top("secrets:\n  A:\n    value: |\n      hunter2\n"),
        top("secrets: { A: { env: \"hunter2!\" } }"),
        publish("login: { usrname: a, password: hunter2 }"),
        publish("login: { username: 3, password: hunter2 }"),
        publish("login:\n      username: a\n      password: |\n        hunter2"),
        publish("login: { username: a, password: [hunter2] }"),
        publish("login: { username: a, password: hunter2"),
        build("smoke: [{ run: x, secrets: [hunter2] }]"),
        build("smoke: [{ run: 3, env: { DB_PASSWORD: hunter2 } }]"),
        top("  - npm: x\n    token: hunter2"),
        top("password: hunter2"),
        top("source: { mirror: \"https://hunter2@git.example/x.git\" }"),
        top("source: { mirror: \"HTTP://hunter2@git.example\", ref: 3 }"),
        SMALL.replace("- oci: ", "- oci: acme-bot:hunter2@"),
        build("smoke: [{ run: [\"curl https://hunter2@x.example\"] }]"),
        // Under a key that is no key, or was meant to be another.
        publish("login: { username: bot, passw: hunter2 }"),
        publish("login:\n      username: bot\n      pasword: hunter2"),
        publish("login: { user: bot, pass: x, auth: hunter2 }"),
        publish("login: bot hunter2"),
        publish("password: { value: hunter2 }"),
        top("  - npm: x\n    tken: hunter2"),
        top("  - npm: x\n    token: { value: hunter2 }"),
        top("secrts: { TOK: hunter2 }"),
        top("secrets:\n  A: { env: A }\n  B: hunter2: x\n"),
        top("history: { store: \"s3://a/b\", regon: us, secret_key: hunter2 }"),
        top("history: { store: \"s3://a/b\", secret_ky: hunter2 }"),
        top("history: { store: \"s3://a/b\", secret_key: { value: hunter2 } }"),
        build("passwrd: hunter2"),
    ];
    for text in texts {
        let invalid = refused(&text);
        assert!(!format!("{invalid}{invalid:?}").contains("hunter2"), "{invalid}\n{text}");
    }
}

#[test]
fn names_of_variables_and_users_in_urls_are_no_tokens() {
    for mirror in ["ssh://git@git.example/acme/api", "git@git.example:acme/api"] {
        parse(&top(&format!("source: {{ mirror: \"{mirror}\" }}")));
    }
    parse(&build("smoke: [\"curl https://u:$PASSWORD@x.example\", npm_config_offline=1 npm ci, echo ghp_ eyJ AKIA]"));
}

#[test]
fn hostile_files_end_in_a_clear_error_at_once() {
    let laughs = (1..10).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |mut text, n| {
        let refs = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(text, "a{n}: &a{n} [{refs}]").unwrap();
        text
    });
    let aliases = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 30_000].join(", "));
    let too_much = "too large, too deeply nested or repeats itself too often";
    let cases = [
        (laughs, too_much),
        (aliases, too_much),
        ("- ".repeat(20_000), too_much),
        ("? ".repeat(20_000), too_much),
        ("[".repeat(20_000), too_much),
        ("{a: ".repeat(20_000), too_much),
        ((0..500).flat_map(|n| [" ".repeat(n), "a:\n".to_owned()]).collect(), too_much),
        (format!("[{}", "a,".repeat(200_000)), too_much),
        ("eyJ.".repeat(100_000), "the plan must be a map"),
        ("-----BEGIN PRIVATE KEY\n".repeat(20_000), "more problems are not shown"),
        (format!("a: {}", "x".repeat(900_000)), "unknown key `a`"),
        (format!("{}: 1", "x".repeat(900)), "unknown key"),
        ("a: &a [*a]".to_owned(), ""),
        ("&a a: *a".to_owned(), ""),
        ("x".repeat(8 * 1024 * 1024), "the plan is larger than 1MiB"),
    ];
    for (text, message) in cases {
        let invalid = refused(&text);
        let shown = invalid.to_string();
        assert!(shown.contains(message), "{shown}");
        assert!(shown.len() < 20_000, "{} bytes", shown.len());
    }
}

#[test]
fn a_file_that_is_no_plain_plan_is_refused_in_plain_words() {
    let cases = [
        ("", "the plan is empty", 1),
        ("# nothing\n\n", "the plan is empty", 1),
        ("---\n", "the plan is empty", 1),
        ("null\n", "the plan is empty", 1),
        ("- a\n", "the plan must be a map, but is a list", 1),
        ("text", "the plan must be a map, but is text", 1),
        ("release: a\n---\nrelease: b\n", "more than one YAML document", 3),
        ("release: a\0b\n", "a NUL character", 1),
        ("release: \"a\\0b\"\n", "a NUL character", 1),
        ("release: !name a\n", "a tag (`!…`) has no meaning", 1),
        ("release: !!str 3\n", "a tag (`!…`) has no meaning", 1),
        ("? [a]\n: b\n", "a key must be text", 1),
        ("release: *a\n", "names an anchor that is not there", 1),
        ("<<: 3\n", "only maps can be merged", 1),
    ];
    for (text, message, line) in cases {
        let invalid = refused(text);
        assert!(invalid.problems[0].message.contains(message), "{text:?}: {invalid}");
        assert_eq!(invalid.problems[0].line, line, "{text:?}: {invalid}");
    }
}

#[test]
fn byte_order_marks_line_ends_anchors_and_merges_are_fine() {
    let plain = parse(SMALL);
    let marked = parse(&format!("\u{feff}{SMALL}"));
    assert_eq!(marked.plan, plain.plan);
    assert_eq!(marked.settings, plain.settings);
    assert_ne!(marked.digest, plain.digest);
    assert_eq!(parse(&SMALL.replace('\n', "\r\n")).settings, plain.settings);
    let merged = parse(&build("smoke:\n  - &step { run: x, time: 3m, env: { A: 010 } }\n  - { <<: *step, run: y }\n  - *step"));
    let smoke = &merged.plan.build.smoke;
    assert_eq!((smoke[1].run.as_str(), smoke[1].time), ("y", Duration::from_mins(3)));
    assert_eq!((smoke[2].run.as_str(), smoke[2].env["A"].as_str()), ("x", "010"));
}

#[test]
fn a_plan_is_loaded_from_its_file_and_knows_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canship.yaml");
    std::fs::write(&path, SMALL).unwrap();
    let loaded = plan::load(&path).unwrap();
    assert_eq!(loaded.folder, folder.path());
    assert_eq!(loaded.digest, parse(SMALL).digest);

    std::fs::write(&path, b"release: api\nbuild: \xff\n").unwrap();
    let invalid = plan::load(&path).unwrap_err();
    assert_eq!((invalid.problems[0].line, invalid.problems[0].column), (2, 8));
    assert!(invalid.to_string().contains("not UTF-8"), "{invalid}");

    let missing = plan::load(&folder.path().join("nowhere.yaml")).unwrap_err().to_string();
    assert!(missing.contains("cannot read the plan") && missing.contains("nowhere.yaml"), "{missing}");
    let directory = plan::load(folder.path()).unwrap_err().to_string();
    assert!(directory.contains("cannot read the plan"), "{directory}");
}

#[test]
fn escapes_in_a_plan_do_not_reach_the_terminal() {
    let invalid = refused(&top("\"tag\\e[31mret\": 1"));
    assert!(!invalid.to_string().contains('\u{1b}'), "{invalid}");
    let loaded = parse(&build("smoke: [\"printf '\\e[31m' ##[set-env]\"]"));
    assert!(!loaded.show().contains('\u{1b}') && !loaded.show().contains("##["));
    assert!(refused("a: 1").render(plan::Colour::Ansi).contains('\u{1b}'));
}

/// The example with a stretch of it replaced, removed or doubled.
fn mutated() -> impl Strategy<Value = String> {
    (0..EXAMPLE.len(), 0..40usize, prop_oneof![Just(String::new()), ".{0,6}", "[-:{}\\[\\],&*!|>'\"%@` \\n\\t#?]{1,4}"]).prop_map(
        |(at, length, by)| {
            let start = EXAMPLE.floor_char_boundary(at);
            let end = EXAMPLE.ceil_char_boundary((start + length).min(EXAMPLE.len()));
            format!("{}{by}{}", &EXAMPLE[..start], &EXAMPLE[end..])
        },
    )
}

/// Whatever comes out can be shown.
fn show(text: &str) {
    match plan::parse(text, "canship.yaml") {
        Ok(loaded) => assert!(!loaded.show().is_empty() && loaded.to_json().is_object()),
        Err(invalid) => assert!(!invalid.to_string().is_empty() && !invalid.render(plan::Colour::Ansi).is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn nothing_panics_on_any_text(text in "\\PC{0,200}") {
        show(&text);
    }

    #[test]
    fn nothing_panics_on_any_characters(text in proptest::collection::vec(any::<char>(), 0..60)) {
        show(&text.into_iter().collect::<String>());
    }

    #[test]
    fn nothing_panics_on_text_that_looks_like_yaml(text in "[a-z:{}\\[\\],&*!|>'\"%@` \\n\\t\\r#?0-9~<=\\-\u{e4}\u{1f680}]{0,120}") {
        show(&text);
    }

    #[test]
    fn nothing_panics_on_a_damaged_plan(text in mutated()) {
        show(&text);
    }
}
