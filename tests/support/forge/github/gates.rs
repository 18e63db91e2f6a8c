//! What stands between a change and a release: environments that wait for an approval, protected branches, required checks.

use serde_json::{Value, json};

use super::{Answer, Answered, GitHub, Level, Request, is_get, listed, not_found, refusal};

/// An environment that a job may have to wait for.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Who must approve; nobody if empty.
    pub(crate) reviewers: Vec<String>,
}

impl GitHub {
    /// With an environment that these people must approve.
    #[must_use]
    pub(crate) fn environment(mut self, name: &str, reviewers: &[&str]) -> Self {
        let id = self.new_id();
        let reviewers = reviewers.iter().map(|login| (*login).to_owned()).collect();
        self.environments.push(Environment { id, name: name.to_owned(), reviewers });
        self
    }

    pub(super) fn of_environments(&mut self, request: &Request, rest: &[&str]) -> Answered {
        Self::reads_only(request)?;
        let answer = match rest {
            [] => {
                let all: Vec<_> = self.environments.iter().map(|environment| self.environment_shape(environment)).collect();
                listed(request, &format!("{}/environments", self.here()), Some("environments"), &all)
            }
            [name] => {
                let found = self.environments.iter().find(|environment| environment.name == *name).ok_or_else(not_found)?;
                Answer::json(200, self.environment_shape(found))
            }
            _ => return Err(not_found()),
        };
        self.needs(request, ("actions", Level::Read), answer)
    }

    fn reviewers(&self, environment: &Environment) -> Vec<Value> {
        environment.reviewers.iter().map(|login| json!({ "type": "User", "reviewer": self.person(login) })).collect()
    }

    fn environment_shape(&self, environment: &Environment) -> Value {
        let mut rules = Vec::new();
        if !environment.reviewers.is_empty() {
            rules.push(json!({
                "id": environment.id + 1, "node_id": "GA_1", "type": "required_reviewers", "prevent_self_review": false,
                "reviewers": self.reviewers(environment),
            }));
        }
        json!({
            "id": environment.id,
            "node_id": format!("EN_{}", environment.id),
            "name": environment.name,
            "url": format!("{}/environments/{}", self.here(), environment.name),
            "html_url": format!("https://github.com/{}/deployments", self.full_name()),
            "created_at": "2020-11-23T22:00:40Z",
            "updated_at": "2020-11-23T22:00:40Z",
            "protection_rules": rules,
            "deployment_branch_policy": null,
        })
    }

    /// Whose approval a run waits for, or the approval.
    pub(super) fn pending(&mut self, request: &Request, at: usize) -> Answered {
        let permission = if is_get(request) { ("actions", Level::Read) } else { ("deployments", Level::Write) };
        self.allow(request, permission.0, permission.1)?;
        let waits = self.runs[at].waits_for.clone();
        let waiting = self.environments.iter().filter(|environment| waits.as_ref() == Some(&environment.name));
        let shapes: Vec<_> = waiting.map(|environment| self.pending_shape(environment)).collect();
        if is_get(request) {
            return self.needs(request, permission, Answer::json(200, json!(shapes)));
        }
        let run = &mut self.runs[at];
        if run.waits_for.take().is_none() {
            return Err(refusal(422, "No pending deployment requests to approve or reject"));
        }
        if request.text("state") == Some("approved") {
            run.set_status("queued");
        } else {
            run.conclude("failure");
        }
        Ok(Answer::json(200, json!([])))
    }

    fn pending_shape(&self, environment: &Environment) -> Value {
        json!({
            "environment": {
                "id": environment.id,
                "node_id": format!("EN_{}", environment.id),
                "name": environment.name,
                "url": format!("{}/environments/{}", self.here(), environment.name),
                "html_url": format!("https://github.com/{}/deployments", self.full_name()),
            },
            "wait_timer": 0,
            "wait_timer_started_at": null,
            "current_user_can_approve": false,
            "reviewers": self.reviewers(environment),
        })
    }

    pub(super) fn of_branches(&mut self, request: &Request, rest: &[&str]) -> Answered {
        Self::reads_only(request)?;
        match rest {
            ["branches", branch] => {
                let sha = self.refs.get(&format!("refs/heads/{branch}")).ok_or_else(|| refusal(404, "Branch not found"))?;
                self.needs(request, ("contents", Level::Read), Answer::json(200, self.branch_shape(branch, sha)))
            }
            ["branches", branch, "protection"] => {
                self.allow(request, "administration", Level::Read)?;
                let checks = self.required_checks.get(*branch).ok_or_else(|| refusal(404, "Branch not protected"))?;
                let body = json!({ "url": self.here(), "required_status_checks": checks_shape(checks) });
                self.needs(request, ("administration", Level::Read), Answer::json(200, body))
            }
            ["rules", "branches", branch] => {
                let rules = self.required_checks.get(*branch).map(|checks| self.rule_shape(checks));
                let answer = Answer::json(200, rules.into_iter().collect());
                self.needs(request, ("metadata", Level::Read), answer)
            }
            ["commits", sha, "check-runs"] => self.check_runs(request, sha),
            ["commits", sha, "status"] => {
                let body = json!({
                    "state": "pending", "statuses": [], "sha": sha, "total_count": 0,
                    "repository": self.repository_in_short(),
                    "commit_url": format!("{}/commits/{sha}", self.here()),
                    "url": format!("{}/commits/{sha}/status", self.here()),
                });
                self.needs(request, ("statuses", Level::Read), Answer::json(200, body))
            }
            ["tags"] => {
                let tags = self.refs.iter().filter_map(|(name, sha)| Some((name.strip_prefix("refs/tags/")?, sha)));
                let shapes: Vec<_> = tags.map(|(name, sha)| self.tag_shape(name, sha)).collect();
                let answer = listed(request, &format!("{}/tags", self.here()), None, &shapes);
                self.needs(request, ("contents", Level::Read), answer)
            }
            _ => Err(not_found()),
        }
    }

    fn branch_shape(&self, branch: &str, sha: &str) -> Value {
        let url = format!("{}/branches/{branch}", self.here());
        let checks = self.required_checks.get(branch);
        let protection = checks.map_or(
            json!({ "enabled": false }),
            |checks| json!({ "enabled": true, "required_status_checks": checks_shape(checks) }),
        );
        json!({
            "name": branch,
            "commit": self.commit_in_full(sha),
            "_links": { "html": format!("https://github.com/{}/tree/{branch}", self.full_name()), "self": url },
            "protected": checks.is_some(),
            "protection": protection,
            "protection_url": format!("{url}/protection"),
        })
    }

    fn rule_shape(&self, checks: &[String]) -> Value {
        let checks: Vec<_> = checks.iter().map(|context| json!({ "context": context })).collect();
        json!({
            "type": "required_status_checks",
            "parameters": { "required_status_checks": checks, "strict_required_status_checks_policy": false },
            "ruleset_source_type": "Repository",
            "ruleset_source": self.full_name(),
            "ruleset_id": 42,
        })
    }

    fn check_runs(&self, request: &Request, sha: &str) -> Answered {
        let of_commit = self.checks.iter().filter(|(of, ..)| of == sha).enumerate();
        let shapes: Vec<_> =
            of_commit.map(|(at, (_, name, conclusion))| self.check_shape(at, (sha, name), conclusion.as_ref())).collect();
        let url = format!("{}/commits/{sha}/check-runs", self.here());
        self.needs(request, ("checks", Level::Read), listed(request, &url, Some("check_runs"), &shapes))
    }

    fn check_shape(&self, at: usize, (sha, name): (&str, &str), conclusion: Option<&String>) -> Value {
        let url = format!("{}/check-runs/{at}", self.here());
        json!({
            "id": at + 1, "head_sha": sha, "node_id": format!("CR_{at}"), "external_id": "", "url": url, "html_url": null,
            "details_url": null,
            "status": if conclusion.is_some() { "completed" } else { "queued" },
            "conclusion": conclusion,
            "started_at": "2024-03-17T10:56:14Z",
            "completed_at": conclusion.map(|_| "2024-03-17T10:57:14Z"),
            "output": { "title": null, "summary": null, "text": null, "annotations_count": 0, "annotations_url": format!("{url}/annotations") },
            "name": name, "check_suite": { "id": 5 }, "app": null, "pull_requests": [],
        })
    }

    fn tag_shape(&self, name: &str, sha: &str) -> Value {
        let here = self.here();
        json!({
            "name": name, "node_id": format!("REF_{name}"),
            "commit": { "sha": sha, "url": format!("{here}/commits/{sha}") },
            "zipball_url": format!("{here}/zipball/refs/tags/{name}"), "tarball_url": format!("{here}/tarball/refs/tags/{name}"),
        })
    }
}

fn checks_shape(checks: &[String]) -> Value {
    let each: Vec<_> = checks.iter().map(|context| json!({ "context": context, "app_id": null })).collect();
    json!({ "strict": false, "contexts": checks, "checks": each })
}
