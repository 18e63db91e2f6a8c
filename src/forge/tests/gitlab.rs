//! The adapter of GitLab.

use super::*;

#[tokio::test]
async fn gitlabs_runners_are_turned_off_but_for_spares_paused_ones_and_those_of_other_projects() {
    let runner = |id: u64, name: &str, paused: bool| json!({ "id": id, "description": name, "paused": paused, "runner_type": "project_type" });
    let alone = |id: u64, projects: usize| json!({ "id": id, "paused": false, "projects": vec![json!({ "id": 1 }); projects] });
    let server = Server::new(vec![
        line(
            &format!("GET {P}/runners?tag_list=spare%2Cfast&per_page=100&page=1"),
            200,
            &json!([runner(4, "spare", false), { "id": 9, "runner_type": "group_type" }]),
        ),
        line(
            &format!("GET {P}/runners?type=project_type&per_page=100&page=1"),
            200,
            &json!([
                runner(1, "builder", false),
                runner(2, "paused", true),
                runner(3, "shared-by-many", false),
                runner(4, "spare", false)
            ]),
        ),
        line("GET /git/api/v4/runners/1", 200, &alone(1, 1)),
        line("GET /git/api/v4/runners/3", 200, &alone(3, 4)),
        line(&format!("GET {P}"), 200, &json!({ "id": 1, "shared_runners_enabled": true, "group_runners_enabled": true })),
        line("GET /git/api/v4/user", 200, &json!({ "id": 40, "username": "bot" })),
        line(
            &format!("GET {P}/pipeline_schedules?per_page=100&page=1"),
            200,
            &json!([
                { "id": 1, "description": "nightly", "active": true, "owner": { "id": 40, "username": "bot" } },
                { "id": 2, "description": "canship recover", "active": true, "owner": { "id": 40, "username": "bot" } },
                { "id": 3, "description": "weekly", "active": true, "owner": { "id": 41, "username": "eve" } },
                { "id": 4, "description": "off", "active": false, "owner": { "id": 40, "username": "bot" } },
            ]),
        ),
    ])
    .await;
    let spares = vec![WantedSpare { workflow: "spare.yml".to_owned(), labels: vec!["spare".to_owned(), "fast".to_owned()] }];
    let found = server.gitlab().controls(&Wanted::Gitlab { runners: None, schedules: true, spares }).await.unwrap();
    server.is_played();
    let off: Vec<String> =
        found.iter().filter(|found| found.cut == Cut::TurnedOff).map(|found| found.control.to_string()).collect();
    assert_eq!(off, ["runner `builder` (#1)", "instance runners of the project", "schedule `nightly` (#1)"]);
    assert_eq!(found.len(), 10);
}

#[tokio::test]
async fn gitlab_is_set_to_the_exact_values_and_never_by_its_builds_access_level() {
    let runner = Control::ProjectRunner { id: 9, name: "builder".into() };
    let schedule = Control::Schedule { id: 5, name: "nightly".into() };
    let server = Server::new(vec![
        line("PUT /git/api/v4/runners/9", 200, &json!({ "id": 9 })),
        line(&format!("PUT {P}"), 200, &json!({ "id": 1 })),
        line(&format!("PUT {P}"), 200, &json!({ "id": 1 })),
        line(&format!("PUT {P}/pipeline_schedules/5"), 200, &json!({ "id": 5 })),
    ])
    .await;
    let gitlab = server.gitlab();
    gitlab.set(&runner, &State::Off).await.unwrap();
    gitlab.set(&Control::SharedRunners, &State::Off).await.unwrap();
    gitlab.set(&Control::GroupRunners, &State::On).await.unwrap();
    gitlab.set(&schedule, &State::Off).await.unwrap();
    server.is_played();
    let bodies = server.script.bodies.lock().unwrap();
    assert_eq!(bodies.as_slice(), ["paused=true", "shared_runners_enabled=false", "group_runners_enabled=true", "active=false"]);
    assert!(
        gitlab.by_hand(&runner, &State::On).ends_with(&format!(" -d '{{\"paused\":false}}' {}/git/api/v4/runners/9", server.url))
    );
}
