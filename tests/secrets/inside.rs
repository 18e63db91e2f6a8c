//! Values inside of a secret: a program that takes it apart prints them, and none is shown.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    canary::Canary,
    support::{Canship, Project, Services, project::Plan},
    with_reports,
};

/// A drill whose build prints what is in this file. Its secret is `value`.
fn prints(printed: &str, value: &str) -> (Canship, Project) {
    let step = "{ run: \"cat printed.txt; echo that was all; exit 3\", secrets: [KEY] }";
    let project = Project::new(&Plan::on_host(&Services::get()).run(&[step]).secret("KEY", "{ env: TEST_KEY }"));
    project.write("printed.txt", printed);
    project.commit("Print");
    project.git(&["push", "-q", "origin", "main"]);
    (with_reports(Canship::drill(&project).variable("TEST_KEY", value)), project)
}

#[test]
fn what_is_taken_out_of_a_secret_is_hidden_as_well() {
    let [one, two] = [Canary::plain(), Canary::plain()];
    let [a, b] = [&one.value, &two.value];
    let account = json!({ "type": "service_account", "private_key_id": a, "private_key": format!("-----BEGIN KEY-----\n{b}\n-----END KEY-----\n") });
    for value in [
        account.to_string(),
        STANDARD.encode(account.to_string()),
        format!("postgres://{a}:{b}@db.example/app"),
        format!("# of the database\nexport DB_USER={a}\nDB_PASSWORD=\"{b}\"\n"),
        format!("users:\n- name: ci\n  user:\n    id: {a}\n    token: '{b}'\n"),
        json!({ "auths": { "ghcr.io": { "auth": STANDARD.encode(format!("bot:{a}")), "identitytoken": b } } }).to_string(),
        format!("Server=db;AccountName={a};AccountKey={b}"),
        format!("machine git.example login {a} password {b}"),
    ] {
        let forms = [&one, &two].into_iter().flat_map(Canary::forms).map(|(name, form)| format!("{name}: {form}\n"));
        let (canship, _project) = prints(&forms.collect::<String>(), &value);
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
        assert!(ran.stdout.contains("that was all"), "{}", ran.stdout);
        for canary in [&one, &two] {
            canary.is_not_in(&format!("what was told of {value}"), ran.stdout.clone() + &ran.stderr);
            canary.is_in_no_file_of(&canship.folder());
        }
    }
}
