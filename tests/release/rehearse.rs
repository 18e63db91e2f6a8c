//! Drills that can publish nothing.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::json;

use crate::{
    server::{Answer, Server},
    support::{
        Canship, Project, Services,
        project::{Plan, oci},
        run::Ran,
    },
    urls::comparison,
};

const HUSH: &str = "correct-horse-battery";

/// A project whose plan takes secrets from everywhere, and a folder with Docker's saved logins.
struct Scene {
    services: Services,
    project: Project,
}

impl Scene {
    fn new() -> Self {
        let services = Services::get();
        let project = Project::new(&Plan::in_clean_room(&services));
        let command = project.beside("give-secret");
        fs::write(&command, format!("#!/bin/sh\necho {HUSH}-by-command\n")).unwrap();
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(project.beside("password"), &services.password).unwrap();
        fs::create_dir(project.beside("docker")).unwrap();
        fs::write(project.beside("docker/config.json"), json!({ "auths": {} }).to_string()).unwrap();

        let with_login = oci(&services.basic, Some((&services.user, "PASSWORD")));
        let without = oci(&services.open, None);
        let steps = [
            "mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool",
            "{ run: 'test -n \"$HARMLESS\"', secrets: [HARMLESS] }",
            "{ run: './sign.sh', secrets: [KEY] }",
            "test -z \"$TEST_TOKEN$KEY$PASSWORD\"",
        ];
        let plan = Plan::in_clean_room(&services).run(&steps).publish(format!("{with_login}{without}"));
        let plan = plan
            .secret("PASSWORD", "{ file: ../password }")
            .secret("KEY", "{ command: [../give-secret] }")
            .secret("TOKEN", "{ env: TEST_TOKEN }")
            .secret("HARMLESS", "{ env: TEST_HARMLESS, publishes: false }");
        project.plan(&plan);
        project.write("sign.sh", "#!/bin/sh\nexit 0\n");
        project.git(&["update-index", "--add", "--chmod=+x", "sign.sh"]);
        project.commit("Sign");
        project.git(&["push", "-q", "origin", "main"]);
        Self { services, project }
    }

    fn drill(&self) -> Canship {
        Canship::drill(&self.project)
            .variable("DOCKER_CONFIG", self.project.beside("docker"))
            .variable("TEST_TOKEN", format!("{HUSH}-by-variable"))
            .variable("TEST_HARMLESS", "harmless-value")
    }

    /// What the drill and everything it started opened, ran and called.
    fn trace(&self, canship: &Canship) -> String {
        let call = canship.command();
        let trace = self.project.beside("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-v", "-s", "65536", "-e", "trace=open,openat,execve,connect,sendto,write", "-o"]).arg(&trace);
        strace.arg(call.get_program()).args(call.get_args()).current_dir(canship.folder()).env_clear();
        strace.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ended = strace.output().expect("`strace` is needed");
        let traced = String::from_utf8_lossy(&fs::read(trace).unwrap()).into_owned();
        // Its own start has the environment that it was given.
        let (own, rest) = traced.split_once('\n').unwrap();
        assert!(own.contains("execve") && rest.contains("exited") || !rest.is_empty(), "{ended:?}");
        rest.to_owned()
    }

    /// What must not be in a trace: what holds or gives a credential, and the registry.
    fn traces(&self) -> [String; 5] {
        let port = |address: &str| format!("sin_port=htons({})", address.parse::<SocketAddr>().unwrap().port());
        [
            "/password\"".to_owned(),
            "give-secret\"".to_owned(),
            "docker/config.json\"".to_owned(),
            port(&self.services.basic),
            port(&self.services.open),
        ]
    }
}

#[test]
fn a_rehearsal_reads_nothing_that_can_push_and_calls_no_registry() {
    let scene = Scene::new();
    let rehearsed = scene.trace(&scene.drill().argument("--rehearse"));
    for trace in scene.traces() {
        assert!(!rehearsed.contains(&trace), "{trace}: {}", lines(&rehearsed, &trace));
    }
    assert!(!rehearsed.contains(HUSH), "{}", lines(&rehearsed, HUSH));
    // The same search finds each of them in a drill.
    let drilled = scene.trace(&scene.drill());
    for trace in scene.traces() {
        assert!(drilled.contains(&trace), "{trace} is not even in the trace of a drill");
    }
    assert!(drilled.contains(&format!("{HUSH}-by-command")));
}

fn lines(trace: &str, of: &str) -> String {
    trace.lines().filter(|line| line.contains(of)).map(|line| line.chars().take(400).collect::<String>() + "\n").collect()
}

#[test]
fn a_rehearsal_builds_and_runs_and_says_what_it_does_not_prove() {
    let scene = Scene::new();
    let ran = scene.drill().argument("--rehearse").run().ends(20, "unknown");
    for (phase, outcome) in [
        ("fetch", "passed"),
        ("build", "errored"),
        ("tag", "skipped"),
        ("publish", "skipped"),
        ("smoke", "passed"),
        ("clean", "passed"),
    ] {
        assert_eq!(ran.phase(phase), outcome, "{phase}: {}", ran.stdout);
    }
    let summaries = summaries(&ran);
    for part in [
        "they were not read: `KEY`, `PASSWORD`, `TOKEN`",
        "takes the login, grants the right to push, and gives back what was pushed was not shown",
        "that the tag `v{version}` can be pushed was not shown",
        "build step 3 was not run: it needs the secret `KEY`",
    ] {
        assert!(summaries.contains(part), "{part} is not in {summaries}");
    }
    assert!(ran.rules().iter().all(|rule| *rule == "not-rehearsed"), "{:?}", ran.rules());
    assert_eq!(ran.json["mode"], "rehearsal");
    assert!(ran.stdout.contains("a rehearsal: no credential that can push was read"), "{}", ran.stdout);
    assert!(ran.stdout.contains("on what was built, which did not pass a registry"), "{}", ran.stdout);
    assert_eq!(ran.json["published"].as_array().unwrap().len(), 0);
    assert_eq!(scene.project.mirror_refs(), "refs/heads/main\n");
}

fn summaries(ran: &Ran) -> String {
    let findings = ran.json["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["summary"].as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn a_rehearsal_still_finds_a_broken_build_and_can_build_twice() {
    let services = Services::get();
    let broken = Project::new(&Plan::in_clean_room(&services).run(&["exit 3"]));
    let ran = Canship::drill(&broken).argument("--rehearse").run().ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "build-step-failed");

    // What comes after a step that was left out may miss what that does.
    let plan = Plan::in_clean_room(&services).run(&["{ run: 'mkdir dist', secrets: [KEY] }", "cp tool.sh dist/tool"]);
    let project = Project::new(&plan.secret("KEY", "{ env: TEST_KEY }"));
    let ran = Canship::drill(&project).argument("--rehearse").run().ends(20, "unknown");
    assert!(ran.rules().contains(&"build-step-failed"), "{:?}", ran.rules());

    let whole = Project::new(&Plan::in_clean_room(&services));
    let ran = Canship::drill(&whole).argument("--rehearse").argument("--twice").run().ends(20, "unknown");
    assert_eq!((comparison(&ran)["result"].as_str(), ran.phase("repeat")), (Some("same"), "passed"));
}

#[test]
fn a_source_that_needs_a_login_is_taken_from_where_the_plan_lies() {
    let services = Services::get();
    let project = Project::new(&Plan::in_clean_room(&services));
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    project.write("canship.yaml", &plan.replace("../mirror.git", "ssh://git@127.0.0.1:1/mirror.git"));
    let ran = Canship::drill(&project).argument("--rehearse").run().ends(20, "unknown");
    assert_eq!((ran.phase("build"), ran.json["source"]["from"].as_str()), ("passed", Some("local")), "{}", ran.stdout);
    assert!(summaries(&ran).contains("that the source can be fetched was not shown"), "{}", ran.stdout);
}

#[test]
fn git_gets_nothing_that_gives_access() {
    let (services, server) = (Services::get(), Server::start());
    server.at("/mirror.git/info/refs", Answer::Guarded("Basic nobody", Vec::new()));
    let project = Project::new(&Plan::in_clean_room(&services));
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    project.write("canship.yaml", &plan.replace("../mirror.git", &format!("http://{}/mirror.git", server.address)));
    let asked = project.beside("helper-was-asked");
    let helper = format!("!touch {}; echo username=me; echo password={HUSH}", asked.display());
    let header = format!("http.http://{}/.extraHeader", server.address);
    project.git(&["config", &header, &format!("Authorization: Bearer {HUSH}")]);
    let run = |canship: Canship| {
        let home = canship.folder().join("home");
        fs::write(home.join(".netrc"), format!("machine 127.0.0.1 login me password {HUSH}\n")).unwrap();
        fs::write(home.join(".gitconfig"), format!("[credential]\n\thelper = \"{helper}\"\n")).unwrap();
        canship.run()
    };
    let ran = run(Canship::drill(&project).argument("--rehearse")).ends(20, "unknown");
    assert_eq!((ran.json["source"]["from"].as_str(), asked.exists()), (Some("local"), false), "{}", ran.stdout);
    let logins = || server.asked().into_iter().filter_map(|(_, login)| login).collect::<Vec<_>>();
    assert!(!server.asked().is_empty() && logins().is_empty(), "{:?}", server.asked());

    // A drill uses what the user has.
    run(Canship::drill(&project)).ends(10, "cannot-ship");
    assert!(!logins().is_empty() && asked.exists(), "{:?}", server.asked());
}

#[test]
fn a_spare_that_is_worked_on_with_the_users_logins_refuses_to_rehearse() {
    let services = Services::get();
    let ssh = Plan {
        spare: "{ name: far, container: { engine: \"ssh://build@spare.invalid\" } }".into(),
        ..Plan::in_clean_room(&services)
    };
    for (plan, why) in [(Plan::on_host(&services), "the rights and the logins of the user"), (ssh, "the keys of the user")] {
        let ran = Canship::drill(&Project::new(&plan)).argument("--rehearse").run_as_is();
        assert_eq!(ran.code, Some(20), "{}", ran.stderr);
        assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains(why), "{}", ran.stderr);
    }
}
