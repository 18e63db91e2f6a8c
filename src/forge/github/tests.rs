//! Real answers of GitHub are read by our own types.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answers::{CheckRuns, Content, Reference, Rule, Run, Runs, Statuses, Variable, Workflow};

/// Reads an answer as the adapter would.
type Reader = fn(&Value) -> Result<(), serde_json::Error>;

fn reader<T: DeserializeOwned>(body: &Value) -> Result<(), serde_json::Error> {
    T::deserialize(body).map(drop)
}

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Workflows {
    workflows: Vec<Workflow>,
}

/// What of the recorded answers has content that is asked for, each with the type it is read into.
fn readers() -> BTreeMap<&'static str, Reader> {
    let list: [(&str, Reader); 9] = [
        ("/repos/{owner}/{repo}/actions/runs", reader::<Runs>),
        ("/repos/{owner}/{repo}/actions/runs/{run_id}", reader::<Run>),
        ("/repos/{owner}/{repo}/actions/variables/{name}", reader::<Variable>),
        ("/repos/{owner}/{repo}/actions/workflows", reader::<Workflows>),
        ("/repos/{owner}/{repo}/commits/{ref}/status", reader::<Statuses>),
        // Recorded as the file's bare text, which is another media type than the one that is asked for.
        ("/repos/{owner}/{repo}/contents/{path}", |body| if body.is_string() { Ok(()) } else { reader::<Content>(body) }),
        ("/repos/{owner}/{repo}/git/matching-refs/{ref}", reader::<Vec<Reference>>),
        ("/repos/{owner}/{repo}/rules/branches/{branch}", reader::<Vec<Rule>>),
        ("/repos/{owner}/{repo}/commits/{ref}/check-runs", reader::<CheckRuns>),
    ];
    list.into_iter().collect()
}

/// What the other answers are about: nothing that a cut asks for.
const NOT_ASKED: [&str; 18] = [
    "/",
    "/meta",
    "/rate_limit",
    "/user",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}",
    "/repos/{owner}/{repo}/actions/jobs/{job_id}",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
    "/repos/{owner}/{repo}/actions/secrets/{secret_name}",
    "/repos/{owner}/{repo}/branches/{branch}/protection",
    "/repos/{owner}/{repo}/collaborators",
    "/repos/{owner}/{repo}/git/refs",
    "/repos/{owner}/{repo}/releases",
    "/repos/{owner}/{repo}/releases/tags/{tag}",
    "/repos/{owner}/{repo}/releases/{release_id}/assets",
    "/repos/{owner}/{repo}/tags",
    "/repos/{owner}/{repo}/actions/variables",
];

/// Skipped without the recorded answers, which are not part of the project: `CANSHIP_SHARED` names their place.
#[test]
fn recorded_answers_are_read_by_our_types() {
    let Some(shared) = env::var_os("CANSHIP_SHARED").map(PathBuf::from) else { return };
    let recorded = shared.join("recorded");
    let index: Vec<Value> = serde_json::from_slice(&fs::read(recorded.join("index.json")).unwrap()).unwrap();
    let readers = readers();
    let (mut read, mut refused) = (0, 0);
    for entry in &index {
        let [file, method, template] = ["file", "method", "template"].map(|key| entry[key].as_str().unwrap());
        let answer: Value = serde_json::from_slice(&fs::read(recorded.join(file)).unwrap()).unwrap();
        let (status, body) = (answer["response"]["status"].as_u64().unwrap(), &answer["response"]["body"]);
        if status >= 400 {
            // Kept as the forge's own words.
            let is_empty = body.as_object().is_none_or(serde_json::Map::is_empty);
            assert!(is_empty || body["message"].is_string(), "{file}: {body}");
            refused += 1;
        } else if method == "GET" && status == 200 {
            match readers.get(template) {
                Some(reader) => reader(body).unwrap_or_else(|error| panic!("{file}: {error}")),
                None => assert!(NOT_ASKED.contains(&template), "{file} is of a kind that nobody has looked at: {template}"),
            }
            read += usize::from(readers.contains_key(template));
        }
    }
    assert!(read >= 11 && refused >= 10, "{read} were read, {refused} refused");
}
