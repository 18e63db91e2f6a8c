//! No secret leaves: whatever a build, a server or a name does, nothing that canship tells, writes, starts or pushes holds any
//! part of a secret, in any usual encoding.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should stop it there")]

#[path = "secrets/arguments.rs"]
mod arguments;
#[path = "secrets/canary.rs"]
mod canary;
#[path = "secrets/echo.rs"]
mod echo;
#[path = "secrets/inside.rs"]
mod inside;
#[path = "secrets/look.rs"]
mod look;
#[path = "secrets/published.rs"]
mod published;
#[path = "secrets/repeated.rs"]
mod repeated;
mod support;
#[path = "secrets/tools.rs"]
mod tools;
#[path = "secrets/trace.rs"]
mod trace;

use std::fs;

use canary::Canary;
use look::Children;
use rustix::process::Signal;
use support::{
    Canship, Project, Services,
    project::{Plan, oci},
    run::{Ran, Running},
};

/// Prints the secret named by each argument: whole, after other bytes, on the other stream, and in pieces of three
/// characters with something on the other stream between them.
const LEAK: &str = r#"
for name in "$@"; do
  eval "value=\$$name"
  [ -n "$value" ] || exit 9
  printf '%s\n' "$value"
  printf '%s' "before $value after" >&2
  printf '%s' "$value" | base64
  printf 'u:%s' "$value" | base64
  printf 'user:%s' "$value" | base64
  printf 'in a name:%s and more' "$value" | base64
  printf '%s' "$value" | od -An -tx1 | tr -d ' \n'
  rest=$value
  while [ -n "$rest" ]; do
    next=${rest#???}
    [ "$next" != "$rest" ] || next=
    printf '%s' "${rest%"$next"}"
    printf . >&2
    rest=$next
  done
  echo
  printf '%s\n' "$value" | while IFS= read -r line; do echo "line: $line"; done
done
cat leaks.txt
echo leaks are over
cat leaks.txt >&2
echo leaks are over >&2
"#;

/// The canaries of a drill, one for each place that a plan can take a secret from.
struct Canaries {
    env: Canary,
    file: Canary,
    command: Canary,
    key: Canary,
    login: Canary,
}

impl Canaries {
    fn new(services: &Services) -> Self {
        Self {
            env: Canary::awkward(),
            file: Canary::lines(),
            command: Canary::dangerous(),
            key: Canary::long(),
            login: Canary::given(&services.password),
        }
    }

    fn all(&self) -> [&Canary; 5] {
        [&self.env, &self.file, &self.command, &self.key, &self.login]
    }

    /// A project with this plan and `leak.sh`, and a drill of it that has every secret.
    fn drill(&self, plan: &Plan) -> (Project, Canship) {
        let project = Project::new(plan);
        let forms: Vec<_> =
            self.all().into_iter().flat_map(Canary::forms).map(|(name, form)| format!("{name}: {form}\n")).collect();
        project.write("leak.sh", LEAK);
        project.write("leaks.txt", &forms.concat());
        project.commit("Leak");
        project.git(&["push", "-q", "origin", "main"]);
        fs::write(project.beside("secret"), format!("{}\n", self.file.value)).unwrap();
        fs::write(project.beside("printed"), &self.command.value).unwrap();
        let canship = Canship::drill(&project)
            .variable("TEST_ENV", &self.env.value)
            .variable("TEST_KEY", &self.key.value)
            .variable("TEST_LOGIN", &self.login.value);
        (project, canship)
    }

    /// Fails if any of them is in what the call told or wrote, or in what is rendered from its log afterwards.
    #[track_caller]
    fn are_nowhere(&self, canship: &Canship, ran: &Ran) {
        let log = canship.folder().join("log.jsonl");
        for canary in self.all() {
            canary.is_not_in("standard output", &ran.stdout);
            canary.is_not_in("standard error", &ran.stderr);
            canary.is_in_no_file_of(&canship.folder());
            for format in ["text", "json", "markdown", "junit"] {
                let later = Canship::new(&["report", "--format", format, "--from"]).argument(&log).run_as_is();
                assert_eq!(later.code, Some(0), "{}", later.stderr);
                canary.is_not_in(format, later.stdout + &later.stderr);
            }
        }
    }
}

/// The plan with a secret of each kind; each build step names all of them.
fn with_secrets(plan: Plan, steps: &[&str]) -> Plan {
    let services = Services::get();
    let steps: Vec<_> = steps.iter().map(|step| all_named(step)).collect();
    plan.run(&steps.iter().map(String::as_str).collect::<Vec<_>>())
        .publish(oci(&services.basic, Some((&services.user, "LOGIN"))))
        .secret("ENV", "{ env: TEST_ENV }")
        .secret("FILE", "{ file: ../secret }")
        .secret("COMMAND", "{ command: [sh, -c, 'cat ../printed; cat ../printed >&2'] }")
        .secret("KEY", "{ env: TEST_KEY }")
        .secret("LOGIN", "{ env: TEST_LOGIN }")
}

/// A step that names every secret.
fn all_named(step: &str) -> String {
    format!("{{ run: {}, secrets: [ENV, FILE, COMMAND, KEY, LOGIN] }}", serde_json::Value::from(step))
}

/// A drill that writes everything it can, into the folder it works in.
fn with_reports(canship: Canship) -> Canship {
    let options = ["--events", "log.jsonl", "--json", "report.json", "--markdown", "report.md", "--junit", "report.xml"];
    let canship = canship.variable("GITHUB_STEP_SUMMARY", "summary.md");
    options.into_iter().fold(canship, Canship::argument)
}

fn both_spares(services: &Services) -> [Plan; 2] {
    [Plan::in_clean_room(services), Plan::on_host(services)]
}

const LEAKING: &str = "sh leak.sh ENV FILE COMMAND KEY LOGIN";

#[test]
fn a_build_that_prints_every_secret_in_every_form_and_fails_shows_none() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let canaries = Canaries::new(&services);
        let (_project, canship) = canaries.drill(&with_secrets(plan, &[LEAKING, &format!("{LEAKING}; exit 3")]));
        let canship = with_reports(canship);
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stdout.contains("build-step-failed") && ran.stdout.contains("leaks are over"), "{}", ran.stdout);
        assert!(ran.stdout.contains("│ escaped units: ***"), "the last lines are shown, without the secret: {}", ran.stdout);
        canaries.are_nowhere(&canship, &ran);
        for file in ["log.jsonl", "report.json", "report.md", "report.xml", "summary.md"] {
            let text = fs::read_to_string(canship.folder().join(file)).unwrap();
            assert!(text.contains("leaks are over") && text.contains("***"), "{file} shows what was printed: {text}");
        }
    }
}

#[test]
fn no_file_that_a_drill_writes_on_its_way_ever_holds_one() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let canaries = Canaries::new(&services);
        let step = format!("{LEAKING} && mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool");
        let (_project, canship) = canaries.drill(&with_secrets(plan, &[&step]));
        let canship = with_reports(canship);
        let traced = trace::trace(&canship);
        let told = String::from_utf8_lossy(&traced.output.stdout).into_owned() + &String::from_utf8_lossy(&traced.output.stderr);
        assert_eq!(traced.output.status.code(), Some(0), "{told}");
        let is_seen = |bytes: &[u8]| traced.written.values().any(|written| written == bytes);
        for file in ["log.jsonl", "report.json", "report.md", "report.xml", "summary.md"] {
            // A report is written beside its place, and then moved there.
            let content = fs::read(canship.folder().join(file)).unwrap();
            assert!(!content.is_empty() && is_seen(&content), "writing {file} was seen");
        }
        let passing: Vec<_> = traced.written.keys().filter(|path| !path.exists()).collect();
        assert!(!passing.is_empty(), "files that are gone at the end were seen");
        // The project's own file, which the build prints, is part of every clone.
        let files: Vec<_> = traced.files().filter(|(path, _)| path.file_name().is_none_or(|name| name != "leaks.txt")).collect();
        for canary in canaries.all() {
            canary.is_not_in("what was told", &told);
            for (path, bytes) in &files {
                canary.is_not_in(&path.to_string_lossy(), bytes);
            }
            for name in &traced.names {
                canary.is_not_in("a file's name", name);
            }
        }
    }
}

/// The same search where nothing is taken out: the values come to the steps by a way on which nobody calls them secrets.
#[test]
fn what_no_scrubber_knows_is_found_in_everything_that_a_drill_tells() {
    let services = Services::get();
    for plan in both_spares(&services) {
        for canary in [Canary::plain(), Canary::awkward(), Canary::dangerous(), Canary::lines()] {
            let step = serde_json::json!({ "run": "sh leak.sh OPEN; exit 3", "env": { "OPEN": canary.value } });
            let project = Project::new(&plan.clone().run(&[&format!("{{ run: {}, env: {} }}", step["run"], step["env"])]));
            project.write("leak.sh", LEAK);
            project.write("leaks.txt", "");
            project.commit("Leak");
            project.git(&["push", "-q", "origin", "main"]);
            let canship = with_reports(Canship::drill(&project));
            let ran = canship.run_as_is();
            assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
            let found = |place: &str, text: &[u8]| {
                assert!(!canary.found_in(text).is_empty(), "{:?} is in {place}", canary.value);
            };
            found("standard output", ran.stdout.as_bytes());
            found("standard error", ran.stderr.as_bytes());
            for file in ["log.jsonl", "report.json", "report.md", "report.xml", "summary.md"] {
                found(file, &fs::read(canship.folder().join(file)).unwrap());
            }
            let search = std::panic::catch_unwind(|| canary.is_in_no_file_of(&canship.folder()));
            assert!(search.is_err(), "the search of files fails");
        }
    }
}

#[test]
fn a_terminal_that_follows_such_a_build_shows_none() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let canaries = Canaries::new(&services);
        let (_project, canship) = canaries.drill(&with_secrets(plan, &[&format!("{LEAKING}; exit 3")]));
        let shown = canship.on_terminal();
        assert!(shown.contains("build-step-failed") && shown.contains("***") && shown.contains("\u{1b}[2K"), "{shown}");
        for canary in canaries.all() {
            canary.is_not_in("the terminal", &shown);
        }
    }
}

#[test]
fn a_release_that_ships_and_prints_every_secret_on_the_way_shows_none() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let canaries = Canaries::new(&services);
        let mut plan = with_secrets(plan, &[&format!("{LEAKING} && mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool")]);
        plan.smoke = vec![all_named(r#"printf '%s\n' "$ENV" "$FILE" "$COMMAND" "$KEY" "$LOGIN"; ./tool"#)];
        let (_project, canship) = canaries.drill(&plan);
        let canship = with_reports(canship);
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stderr.contains("│ ***"), "{}", ran.stderr);
        canaries.are_nowhere(&canship, &ran);
    }
}

#[test]
fn an_artifact_with_a_secret_in_its_name_is_neither_shown_nor_published() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let canaries = Canaries::new(&services);
        let step = r#"mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool && : >"dist/$KEY" && : >"dist/a $COMMAND.txt""#;
        let plan = with_secrets(Plan { artifacts: vec!["dist".into()], smoke: Vec::new(), ..plan }, &[step]);
        let (_project, canship) = canaries.drill(&plan);
        let canship = with_reports(canship);
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
        assert!(
            ran.stdout.contains("secret-in-image") && ran.stderr.contains("publish … skipped"),
            "{}\n{}",
            ran.stderr,
            ran.stdout
        );
        canaries.are_nowhere(&canship, &ran);
    }
}

#[test]
fn a_command_that_prints_a_secret_gives_no_version_and_no_tag() {
    let services = Services::get();
    for before in ["1.0-".to_owned(), "x".repeat(120)] {
        let canaries = Canaries::new(&services);
        let plan = Plan { version: "{ command: [cat, told] }".into(), ..Plan::in_clean_room(&services) };
        let (project, canship) = canaries.drill(&with_secrets(plan, &["true"]));
        project.write("told", &format!("{before}{}\n", canaries.key.value));
        project.commit("Tell");
        project.git(&["push", "-q", "origin", "main"]);
        let canship = with_reports(canship);
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stdout.contains("version-unreadable") && ran.stdout.contains("a secret of the plan"), "{}", ran.stdout);
        canaries.are_nowhere(&canship, &ran);
        canaries.key.is_not_in("the mirror's refs", project.mirror_refs());
    }
}

#[test]
fn a_server_that_repeats_a_secret_when_it_refuses_the_tag_is_not_quoted_with_it() {
    let services = Services::get();
    let canaries = Canaries::new(&services);
    let plan = with_secrets(Plan::in_clean_room(&services), &["true"]);
    let (project, canship) = canaries.drill(&plan);
    let words = [&canaries.command.value, &canaries.key.value].map(|value| format!("echo 'GH013: {value} may not'\n")).concat();
    project.hook(&format!("#!/bin/sh\nexec >&2\n{words}exit 1\n"));
    let canship = with_reports(canship);
    let ran = canship.run_as_is();
    assert!(ran.stdout.contains("tag-refused") && ran.stdout.contains("GH013: *** may not"), "{}", ran.stdout);
    canaries.are_nowhere(&canship, &ran);
}

#[test]
fn a_secret_that_stands_in_a_name_of_the_plan_is_masked_and_told() {
    let services = Services::get();
    let canary = Canary::plain();
    let project = Project::new(&Plan::on_host(&services).secret("KEY", "{ env: TEST_KEY }"));
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    for (changed, file, place) in [
        (plan.replace("release: tool\n", &format!("release: x{}\n", canary.value)), "canship.yaml".to_owned(), "`release`"),
        (plan.replace("by-hand", &format!("x{}", canary.value)), "canship.yaml".to_owned(), "the name of the spare"),
        (plan.clone(), format!("{}.yaml", canary.value), "the path of the plan"),
    ] {
        project.write(&file, &changed);
        let canship = Canship::new(&["drill"]).argument("--plan").argument(project.path().join(&file));
        let canship = with_reports(canship.variable("TEST_KEY", &canary.value));
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(11), "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stdout.contains("secret-in-address") && ran.stdout.contains(place), "{place}: {}", ran.stdout);
        canary.is_not_in("what was told", ran.stdout.clone() + &ran.stderr);
        canary.is_in_no_file_of(&canship.folder());
    }
}

#[test]
fn a_registry_that_repeats_the_login_is_not_quoted_with_it() {
    let services = Services::get();
    let registry = echo::Registry::start();
    let canaries = Canaries { login: Canary::awkward(), ..Canaries::new(&services) };
    let plan = with_secrets(Plan::on_host(&services), &["true"]).publish(oci(&registry.address, Some(("bot", "LOGIN"))));
    let (_project, canship) = canaries.drill(&plan);
    let canship = with_reports(canship);
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(!canaries.login.found_in(registry.heard().as_bytes()).is_empty(), "it was sent: {}", registry.heard());
    assert!(ran.stdout.contains("you sent"), "the registry's words are shown: {}", ran.stdout);
    canaries.are_nowhere(&canship, &ran);
}

#[test]
fn a_registry_that_repeats_its_own_token_is_not_quoted_with_it() {
    let token = Canary::long();
    let registry = echo::Registry::giving(Some(&token.value));
    let project = Project::new(&Plan::on_host(&Services::get()).publish(oci(&registry.address, None)));
    let canship = with_reports(Canship::drill(&project));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(registry.heard().contains(&token.value) && ran.stdout.contains("you sent"), "{}", ran.stdout);
    token.is_not_in("what was told", ran.stdout + &ran.stderr);
    token.is_in_no_file_of(&canship.folder());
}

#[test]
fn a_registry_that_repeats_a_login_of_dockers_is_not_quoted_with_it() {
    let password = Canary::long();
    let registry = echo::Registry::start();
    let project = Project::new(&Plan::on_host(&Services::get()).publish(oci(&registry.address, None)));
    let config = serde_json::json!({ "auths": { &registry.address: { "username": "bot", "password": password.value } } });
    fs::write(project.beside("config.json"), config.to_string()).unwrap();
    let canship = with_reports(Canship::drill(&project).variable("DOCKER_CONFIG", project.beside("")));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(registry.heard().contains(&password.value) && ran.stdout.contains("you sent"), "{}", ran.stdout);
    password.is_not_in("what was told", ran.stdout + &ran.stderr);
    password.is_in_no_file_of(&canship.folder());
}

#[test]
fn a_command_that_fails_to_give_a_secret_is_not_quoted() {
    let services = Services::get();
    let canary = Canary::plain();
    let plan = Plan::on_host(&services).secret("KEY", "{ command: [sh, -c, 'cat ../printed; cat ../printed >&2; exit 3'] }");
    let project = Project::new(&plan);
    fs::write(project.beside("printed"), &canary.value).unwrap();
    let canship = with_reports(Canship::drill(&project));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(ran.stdout.contains("secret-missing"), "{}", ran.stdout);
    canary.is_not_in("what was told", ran.stdout + &ran.stderr);
    canary.is_in_no_file_of(&canship.folder());
}

#[test]
fn a_step_has_just_the_secrets_that_it_names() {
    let services = Services::get();
    // The output cannot show it, as secrets are taken out of it: the steps look themselves.
    let lacks = |name: &str, value: &str| {
        let (half, _) = value.split_at(value.len() / 2);
        format!("test -z \"${{{name}+set}}\" && ! env | grep -qF '{half}' && ! grep -qF '{half}' /proc/*/environ 2>/dev/null")
    };
    for plan in both_spares(&services) {
        let is_host = plan.image.is_none();
        let (one, two) = (Canary::plain(), Canary::plain());
        // On this machine a step sees canship's own environment in /proc, as every program of the same user does.
        let lacks = |name: &str, value: &str| {
            let looks = lacks(name, value);
            if is_host { looks.rsplit_once(" && ").unwrap().0.to_owned() } else { looks }
        };
        // In two parts: one of the scripts is released, with no secret in it.
        let has = |name: &str, value: &str| format!("test \"${name}\" = '{}''{}'", &value[..9], &value[9..]);
        let script = |checks: &[String]| checks.join(" &&\n") + "\n";
        let plan = Plan {
            smoke: vec!["sh ./none.sh".into(), "{ run: 'sh ./two.sh', secrets: [TWO] }".into()],
            artifacts: vec!["none.sh".into(), "two.sh".into()],
            ..plan
        };
        let plan = plan
            .run(&["sh none.sh", "{ run: 'sh one.sh', secrets: [ONE] }", "sh none.sh", "{ run: 'sh two.sh', secrets: [TWO] }"])
            .secret("ONE", "{ env: TEST_ONE }")
            .secret("TWO", "{ file: ../two }");
        let project = Project::new(&plan);
        let neither = [lacks("ONE", &one.value), lacks("TWO", &two.value), lacks("TEST_ONE", &one.value)];
        project.write("none.sh", &script(&neither));
        project.write("one.sh", &script(&[has("ONE", &one.value), lacks("TWO", &two.value)]));
        project.write("two.sh", &script(&[has("TWO", &two.value), lacks("ONE", &one.value)]));
        project.commit("Look");
        project.git(&["push", "-q", "origin", "main"]);
        fs::write(project.beside("two"), &two.value).unwrap();
        Canship::drill(&project).variable("TEST_ONE", &one.value).run().ends(0, "can-ship");
    }
}

#[test]
fn git_and_what_it_starts_have_no_secret() {
    let services = Services::get();
    let canaries = Canaries::new(&services);
    let plan = with_secrets(Plan::on_host(&services), &["mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool"]);
    let (project, canship) = canaries.drill(&plan);
    let seen = project.beside("seen");
    // Everything between this hook and canship.
    project.hook(&format!(
        "#!/bin/sh\np=$$\nwhile [ \"$(cat /proc/$p/comm)\" != canship ]; do\n  cat /proc/$p/cmdline /proc/$p/environ >>'{}'\n  \
         p=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$p/status)\ndone\n",
        seen.display()
    ));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
    let seen = String::from_utf8_lossy(&fs::read(seen).unwrap()).into_owned();
    assert!(seen.contains("push\0--porcelain") && seen.contains("HOME="), "git was looked at: {seen}");
    for canary in canaries.all() {
        canary.is_not_in("git", &seen);
    }
}

/// Starts a drill and waits until a step of this phase runs that goes on until it is ended.
fn at_step(canship: Canship, phase: &str) -> Running {
    let mut running = canship.start();
    running.await_event(|event| event["event"] == "step-output" && event["step"]["phase"] == phase && event["line"] == "running");
    running
}

/// Ends a drill that was looked at.
fn end(running: Running) {
    running.signal(Signal::INT);
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn while_a_step_has_its_secrets_no_container_process_or_file_outside_of_it_has() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let is_host = plan.image.is_none();
        let canaries = Canaries::new(&services);
        let (_project, canship) = canaries.drill(&with_secrets(plan, &["rm leaks.txt; echo running; sleep 100000"]));
        let running = at_step(canship, "build");
        let children = Children::of(running.id());
        assert!(!canaries.key.found_in(&look::environment(running.id())).is_empty(), "its own environment is where it comes from");
        let containers = if is_host { String::new() } else { look::engine(running.drill()) };
        assert!(is_host || containers.contains(running.drill()), "the engine was asked: {containers}");
        for canary in canaries.all() {
            for (process, arguments) in look::arguments() {
                canary.is_not_in(&format!("the command line of {process}"), arguments);
            }
            for process in children.but_the_steps() {
                canary.is_not_in(&format!("the environment of {process}"), look::environment(*process));
            }
            canary.is_not_in("what the engine tells", &containers);
            if is_host {
                let has = |process: &u32| !canary.found_in(&look::environment(*process)).is_empty();
                assert!(children.of_steps().iter().any(has), "the step has what it names");
            }
            canary.is_in_no_file_of(&running.folder().join("home"));
            canary.is_in_no_file_of(&running.folder().join("tmp"));
        }
        end(running);
    }
}

#[test]
fn what_lies_at_the_registry_holds_no_secret() {
    let services = Services::get();
    for plan in both_spares(&services) {
        let canaries = Canaries::new(&services);
        let step = format!("{LEAKING} && mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool");
        let mut plan = with_secrets(plan, &[&step]);
        plan.publish = oci(&services.open, None);
        plan.smoke = vec!["echo running; sleep 100000".into()];
        let (_project, canship) = canaries.drill(&plan);
        let mut running = canship.start();
        let pushed = running.await_event(|event| event["event"] == "image-pushed");
        running.await_event(|event| event["event"] == "step-output" && event["step"]["phase"] == "smoke");
        let image = look::image(pushed["reference"].as_str().unwrap(), pushed["marked"].as_str().unwrap());
        assert!(
            image.contains("\"rootfs\"") && image.contains("echo tool 1.2.3"),
            "configuration and artifact were looked at: {image}"
        );
        for canary in canaries.all() {
            canary.is_not_in("the image", &image);
        }
        end(running);
    }
}
