//! Artifacts and logs, which are kept on another host behind addresses that are good without a token.

use serde_json::{Value, json};

use super::{
    super::{call::Content, shape, stamp},
    Answer, Answered, GitHub, Level, Request, listed, not_found, now, refusal,
};

/// What a job uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    pub(crate) id: u64,
    pub(crate) run: u64,
    pub(crate) name: String,
    /// The archive.
    pub(crate) zip: Vec<u8>,
    pub(crate) is_expired: bool,
}

impl GitHub {
    /// Keeps files, with their names, as an artifact of a run.
    pub(crate) fn upload(&mut self, run: u64, name: &str, files: &[(String, Vec<u8>)]) {
        let id = self.new_id();
        self.artifacts.push(Artifact { id, run, name: name.to_owned(), zip: shape::zipped(files), is_expired: false });
    }

    pub(super) fn of_artifacts(&mut self, request: &Request, rest: &[&str]) -> Answered {
        Self::reads_only(request)?;
        let [id, rest @ ..] = rest else { return Err(not_found()) };
        let artifact = self.artifacts.iter().find(|artifact| artifact.id.to_string() == *id).ok_or_else(not_found)?;
        let answer = match rest {
            [] => Answer::json(200, self.artifact_shape(artifact)),
            ["zip"] if artifact.is_expired => return Err(refusal(410, "Artifact has expired")),
            ["zip"] => self.elsewhere(&format!("artifacts/{id}")),
            _ => return Err(not_found()),
        };
        self.needs(request, ("actions", Level::Read), answer)
    }

    pub(super) fn list_artifacts(&mut self, request: &Request, at: usize) -> Answered {
        let run = self.runs[at].id;
        let is_asked = |name: &str| request.asked("name").is_none_or(|asked| asked == name);
        let fitting = self.artifacts.iter().filter(|artifact| artifact.run == run && is_asked(&artifact.name));
        let shapes: Vec<_> = fitting.map(|artifact| self.artifact_shape(artifact)).collect();
        let url = format!("{}/actions/runs/{run}/artifacts", self.here());
        self.needs(request, ("actions", Level::Read), listed(request, &url, Some("artifacts"), &shapes))
    }

    pub(super) fn logs_of_run(&mut self, request: &Request, at: usize) -> Answered {
        let answer = self.elsewhere(&format!("runs/{}", self.runs[at].id));
        self.needs(request, ("actions", Level::Read), answer)
    }

    /// A redirect to the storage.
    pub(super) fn elsewhere(&self, path: &str) -> Answer {
        Answer::empty(302).header("location", format!("{}/{path}?urlSignature=sim", self.storage))
    }

    pub(super) fn kept(&self, path: &str) -> Option<Answer> {
        let (kind, id) = path.split_once('/')?;
        let id: u64 = id.parse().ok()?;
        let zip = |bytes: Vec<u8>| Answer::new(200, Content::Bytes("application/zip", bytes));
        let mut jobs = self.runs.iter().flat_map(|run| &run.jobs);
        match kind {
            "artifacts" => self.artifacts.iter().find(|artifact| artifact.id == id).map(|artifact| zip(artifact.zip.clone())),
            "logs" => jobs.find(|job| job.id == id).map(|job| Answer::new(200, Content::Text(job.log.clone()))),
            "runs" => {
                let run = self.runs.iter().find(|run| run.id == id)?;
                let logs =
                    run.jobs.iter().enumerate().map(|(at, job)| (format!("{at}_{}.txt", job.name), job.log.clone().into_bytes()));
                Some(zip(shape::zipped(&logs.collect::<Vec<_>>())))
            }
            _ => None,
        }
    }

    fn artifact_shape(&self, artifact: &Artifact) -> Value {
        let run = self.runs.iter().find(|run| run.id == artifact.run);
        let url = format!("{}/actions/artifacts/{}", self.here(), artifact.id);
        json!({
            "id": artifact.id,
            "node_id": format!("A_{}", artifact.id),
            "name": artifact.name,
            "size_in_bytes": artifact.zip.len(),
            "url": url,
            "archive_download_url": format!("{url}/zip"),
            "expired": artifact.is_expired,
            "digest": format!("sha256:{}", shape::digest(&artifact.zip)),
            "created_at": stamp::seconds(now()),
            "updated_at": stamp::seconds(now()),
            "expires_at": "2099-05-13T20:55:58Z",
            "workflow_run": run.map(|run| json!({
                "id": run.id, "repository_id": 4711, "head_repository_id": 4711,
                "head_branch": run.branch.clone().unwrap_or_default(), "head_sha": run.sha,
            })),
        })
    }
}
