//! What is released: nothing goes out with a secret in it, and nothing honest is held back.

use serde_json::json;

use crate::{
    both_spares,
    canary::Canary,
    support::{Canship, Project, Services, project::Plan, run::Ran},
};

const COMMON: &str = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n  \"type\": \"service_account\",\n  \
    \"auth_uri\": \"https://accounts.google.com/o/oauth2/auth\",\nacme-production\nQ2E=\n";

/// A key as it lies in files, with a body that is nobody else's.
fn key(canary: &Canary) -> String {
    let body: String = canary.value.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{body}\nQ2E=\n-----END PRIVATE KEY-----\n")
}

/// A drill that releases the folder `dist`, which this step fills; the step has the secret as `KEY`, and a file of what
/// everybody's files have in common with keys.
pub(crate) fn release(plan: Plan, step: &str, value: &str) -> Ran {
    let step = format!("mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool && {step}");
    let step = format!("{{ run: {}, secrets: [KEY] }}", serde_json::Value::from(step));
    let plan = Plan { artifacts: vec!["dist".into()], smoke: vec!["dist/tool".into()], ..plan.run(&[&step]) };
    let project = Project::new(&plan.secret("KEY", "{ env: TEST_KEY }"));
    project.write("common.txt", COMMON);
    project.commit("Add what everybody has");
    project.git(&["push", "-q", "origin", "main"]);
    Canship::drill(&project).variable("TEST_KEY", value).run()
}

/// Refused, with nothing of it pushed and nothing of it told.
#[track_caller]
pub(crate) fn is_refused(ran: Ran, part: &str, canary: &Canary) {
    let ran = ran.ends(10, "cannot-ship");
    assert_eq!((ran.rules()[0], ran.phase("publish")), ("secret-in-image", "skipped"), "{}", ran.stdout);
    assert!(ran.stdout.contains(part), "{}", ran.stdout);
    assert!(!ran.log.contains("image-pushed"), "{}", ran.log);
    canary.is_not_in("what was told", ran.everything());
}

#[test]
fn a_release_with_a_secret_in_it_is_not_published() {
    for plan in both_spares(&Services::get()) {
        for (step, part) in [
            (r#"printf 'x%sy' "$KEY" >dist/data"#, "content of `dist/data`"),
            (r#"ln -s "$KEY" dist/link"#, "target of `dist/link`"),
        ] {
            let canary = Canary::plain();
            is_refused(release(plan.clone(), step, &canary.value), part, &canary);
        }
    }
}

#[test]
fn a_release_with_a_login_of_dockers_in_it_is_not_published() {
    let (canary, services, folder) = (Canary::plain(), Services::get(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("password"), format!("password={}\n", canary.value)).unwrap();
    let config = json!({ "auths": { &services.open: { "username": "bot", "password": canary.value } } });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let copy = format!("mkdir dist && cp tool.sh dist/tool && cat {}/password >dist/data", folder.path().display());
    let plan = Plan { artifacts: vec!["dist".into()], smoke: vec!["dist/tool".into()], ..Plan::on_host(&services).run(&[&copy]) };
    let ran = Canship::drill(&Project::new(&plan)).variable("DOCKER_CONFIG", folder.path()).run();
    is_refused(ran, "content of `dist/data`", &canary);
}

#[test]
fn a_login_of_dockers_is_known_before_the_build_prints_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let (canary, services, folder) = (Canary::plain(), Services::get(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("password"), &canary.value).unwrap();
    // A helper takes its time, as one that asks a keychain does.
    let helper = folder.path().join("docker-credential-slow");
    let answers = json!({ "ServerURL": "", "Username": "bot", "Secret": canary.value });
    std::fs::write(&helper, format!("#!/bin/sh\ncat >/dev/null; sleep 1; echo '{answers}'\n")).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths([folder.path().to_owned(), "/usr/bin".into(), "/bin".into()]).unwrap();
    let print = format!("cat {}/password", folder.path().display());
    let build = "mkdir dist && cp tool.sh dist/tool && chmod +x dist/tool";
    let released = |at: &str| format!("primary: {{ artifacts: [{{ image: \"{at}/nobody/tool:v{{version}}\" }}] }}\n");
    for (config, more) in [
        (json!({ "credHelpers": { &services.open: "slow" } }), String::new()),
        (json!({ "credHelpers": { "127.0.0.1:9": "slow" } }), released("127.0.0.1:9")),
    ] {
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let plan = Plan { more, ..Plan::on_host(&services).run(&[&print, build]) };
        let ran = Canship::drill(&Project::new(&plan)).variable("DOCKER_CONFIG", folder.path()).variable("PATH", &path).run();
        assert!(ran.log.contains("\"line\":\"***\""), "it was printed: {}", ran.log);
        canary.is_not_in("what was told", ran.everything());
    }
}

#[test]
fn a_release_with_a_secret_in_another_form_is_not_published() {
    for step in [
        r#"printf 'user:%s' "$KEY" | base64 | tr -d '\n' >dist/data"#,
        r#"printf '%s' "$KEY" | od -An -v -tx1 | tr -d ' \n' >dist/data"#,
        r#"printf '%s' "$KEY" | sed 's/./&\n/g' | tr '\n' '\000' >dist/data"#,
        r#"head -c 300000 /dev/zero >dist/data && printf '%s' "$KEY" >>dist/data"#,
    ] {
        let canary = Canary::plain();
        let ran = release(Plan::on_host(&Services::get()), step, &canary.value);
        is_refused(ran, "content of `dist/data`", &canary);
    }
}

#[test]
fn a_release_with_a_secret_in_an_archive_is_not_published() {
    for pack in [
        "tar czf dist/data -C tmp .",
        "python3 -m zipfile -c dist/data tmp",
        "tar czf tmp/inner -C tmp key && rm tmp/key && tar cf dist/data -C tmp inner",
        "gzip -9 <tmp/key >dist/data",
    ] {
        let canary = Canary::plain();
        let step = format!(r#"mkdir tmp && printf 'x%sy' "$KEY" >tmp/key && {pack}"#);
        let ran = release(Plan::on_host(&Services::get()), &step, &canary.value);
        is_refused(ran, "packed content of `dist/data`", &canary);
    }
}

#[test]
fn an_archive_that_cannot_be_searched_for_secrets_is_named() {
    let told = |step: &str| {
        let ran = release(Plan::on_host(&Services::get()), step, &Canary::plain().value).ends(0, "can-ship");
        ran.json["limits"].to_string()
    };
    let limits = told("tar cJf dist/data tool.sh");
    assert!(limits.contains("what is in the artifact `dist/data` was not searched for secrets: it is packed by xz"), "{limits}");
    let limits = told("tar czf dist/data tool.sh");
    assert!(!limits.contains("not searched"), "{limits}");
}

#[test]
fn a_release_with_a_part_of_a_larger_secret_is_not_published() {
    let canary = Canary::long();
    let step = r#"printf '%s' "$KEY" | sed -n 2p >dist/data"#;
    is_refused(release(Plan::on_host(&Services::get()), step, &key(&canary)), "content of `dist/data`", &canary);
    let url = Canary::plain();
    let step = r#"printf '%s' "$KEY" | sed 's/.*app://; s/@.*//' >dist/data"#;
    let ran = release(Plan::on_host(&Services::get()), step, &format!("postgres://app:{}@db.example/app", url.value));
    is_refused(ran, "content of `dist/data`", &url);
}

#[test]
fn a_release_with_what_everybody_has_in_common_with_a_secret_ships() {
    let canary = Canary::long();
    let account = serde_json::json!({ "type": "service_account", "project_id": "acme-production", "private_key": key(&canary),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token" });
    for value in [key(&canary), serde_json::to_string_pretty(&account).unwrap()] {
        let step = "cp common.txt dist/data && base64 dist/data >dist/encoded";
        let ran = release(Plan::on_host(&Services::get()), step, &value).ends(0, "can-ship");
        canary.is_not_in("what was told", ran.everything());
    }
}

#[test]
fn a_secret_that_cannot_be_looked_for_is_named() {
    for value in ["4711", "hunter2", "production"] {
        let ran = release(Plan::on_host(&Services::get()), "true", value).ends(0, "can-ship");
        let limits = ran.json["limits"].to_string();
        assert!(limits.contains("was not searched for these secrets") && limits.contains("`KEY`"), "{limits}");
    }
    let ran = release(Plan::on_host(&Services::get()), "true", &Canary::plain().value).ends(0, "can-ship");
    assert!(!ran.json["limits"].to_string().contains("not searched"), "{}", ran.stdout);
}
