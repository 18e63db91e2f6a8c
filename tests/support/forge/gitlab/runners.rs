//! Runners: the project's own, its groups', and the instance's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{runner::Machine, shape::with, stamp},
    Answer, Answered, GitLab, Request, Role, forbidden, listed, not_found, now,
};

/// Whose a runner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunnerKind {
    Project,
    Group,
    Instance,
}

impl RunnerKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Project => "project_type",
            Self::Group => "group_type",
            Self::Instance => "instance_type",
        }
    }
}

/// A runner.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the real one")]
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    pub(crate) id: u64,
    pub(crate) kind: RunnerKind,
    pub(crate) description: String,
    pub(crate) is_paused: bool,
    /// `online`, `offline`, `stale` or `never_contacted`: what GitLab believes.
    pub(crate) status: String,
    /// Whether it asks for jobs, whatever GitLab believes.
    pub(crate) is_alive: bool,
    pub(crate) is_busy: bool,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) runs_untagged: bool,
    pub(crate) is_locked: bool,
    /// Whether it takes jobs of protected refs only.
    pub(crate) is_for_protected: bool,
    pub(crate) version: String,
    /// Other projects that it also is for.
    pub(crate) other_projects: Vec<String>,
    /// What does its jobs; without one it takes none.
    pub(crate) machine: Option<Machine>,
}

impl Runner {
    pub(super) fn new(id: u64, kind: RunnerKind, description: &str, tags: &[&str]) -> Self {
        Self {
            id,
            kind,
            description: description.to_owned(),
            is_paused: false,
            status: "online".to_owned(),
            is_alive: true,
            is_busy: false,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            runs_untagged: tags.is_empty(),
            is_locked: kind == RunnerKind::Project,
            is_for_protected: false,
            version: "18.6.0".to_owned(),
            other_projects: Vec::new(),
            machine: None,
        }
    }

    /// What a drill must give back of it.
    pub(super) fn standing(&self) -> Value {
        json!({ "paused": self.is_paused, "tags": self.tags, "run_untagged": self.runs_untagged })
    }

    fn in_short(&self) -> Value {
        json!({
            "id": self.id,
            "description": self.description,
            "ip_address": "",
            "active": !self.is_paused,
            "paused": self.is_paused,
            "is_shared": self.kind == RunnerKind::Instance,
            "runner_type": self.kind.name(),
            "name": null,
            "online": self.status == "online",
            "created_by": null,
            "created_at": "2024-03-25T09:37:09.123Z",
            "status": self.status,
            "job_execution_status": if self.is_busy { "active" } else { "idle" },
        })
    }

    pub(super) fn shape(&self) -> Value {
        self.in_short()
    }

    fn in_full(&self, project: Value) -> Value {
        let shape = self.in_short();
        let others = self.other_projects.iter().enumerate();
        let others = others.map(|(at, path)| json!({ "id": 100 + at, "name": path, "path": path, "path_with_namespace": path }));
        let projects: Vec<_> = std::iter::once(project).chain(others).collect();
        let is_project = self.kind == RunnerKind::Project;
        let more = json!({
            "tag_list": self.tags,
            "run_untagged": self.runs_untagged,
            "locked": self.is_locked,
            "maximum_timeout": null,
            "access_level": if self.is_for_protected { "ref_protected" } else { "not_protected" },
            "version": self.version,
            "revision": "12030cf4",
            "platform": "linux",
            "architecture": "amd64",
            "contacted_at": (self.status != "never_contacted").then(|| stamp::millis(now())),
            "maintenance_note": null,
            "projects": if is_project { projects } else { Vec::new() },
            "groups": [],
        });
        with(shape, &more)
    }

    /// Whether it takes a job with these tags of such a ref.
    pub(crate) fn takes(&self, tags: &[String], is_protected: bool) -> bool {
        let fits = if tags.is_empty() { self.runs_untagged } else { tags.iter().all(|tag| self.tags.contains(tag)) };
        fits && self.is_alive && !self.is_paused && !self.is_busy && (is_protected || !self.is_for_protected)
    }
}

impl GitLab {
    pub(super) fn list_runners(&mut self, request: &Request) -> Answered {
        self.allow(request, Role::Maintainer)?;
        let fits = |runner: &&Runner| {
            let tags: Vec<&str> = request.asked("tag_list").map_or_else(Vec::new, |tags| tags.split(',').collect());
            let is_in_use = match runner.kind {
                RunnerKind::Project => true,
                RunnerKind::Group => self.group_runners_enabled,
                RunnerKind::Instance => self.shared_runners_enabled,
            };
            is_in_use
                && request.asked("type").is_none_or(|kind| kind == runner.kind.name())
                && request.asked("paused").is_none_or(|paused| paused == runner.is_paused.to_string())
                && request.asked("status").is_none_or(|status| status == runner.status)
                && tags.iter().all(|tag| runner.tags.contains(*tag))
        };
        let shapes: Vec<_> = self.runners.iter().filter(fits).map(Runner::in_short).collect();
        Ok(listed(request, &format!("{}/runners", self.here()), &shapes))
    }

    pub(super) fn of_runner(&mut self, request: &Request, id: &str, rest: &[&str]) -> Answered {
        let at = self.runners.iter().position(|runner| runner.id.to_string() == id).ok_or_else(|| not_found("Runner"))?;
        self.allow(request, Role::Maintainer)?;
        match (request.method.as_str(), rest) {
            ("GET", []) => {}
            ("GET", ["managers"]) => return Ok(Answer::json(200, json!([Self::manager_shape(&self.runners[at])]))),
            ("PUT", []) => {
                let needs = match self.runners[at].kind {
                    RunnerKind::Project => Some(Role::Maintainer),
                    RunnerKind::Group => Some(Role::Owner),
                    RunnerKind::Instance => None,
                };
                let is_admin = self.caller(request).is_some_and(|token| token.is_admin);
                match needs {
                    Some(role) => self.allow(request, role)?,
                    None if is_admin => {}
                    None => return Err(forbidden()),
                }
                self.edit_runner(at, request);
            }
            _ => return Err(not_found("")),
        }
        let project = self.project_in_short();
        Ok(Answer::json(200, self.runners[at].in_full(project)))
    }

    fn edit_runner(&mut self, at: usize, request: &Request) {
        let runner = &mut self.runners[at];
        let paused = request.truth("paused").or_else(|| request.truth("active").map(|active| !active));
        runner.is_paused = paused.unwrap_or(runner.is_paused);
        runner.runs_untagged = request.truth("run_untagged").unwrap_or(runner.runs_untagged);
        runner.is_locked = request.truth("locked").unwrap_or(runner.is_locked);
        if let Ok(tags) = serde_json::from_value(request.body["tag_list"].clone()) {
            runner.tags = tags;
        }
        if let Some(tags) = request.text("tag_list") {
            runner.tags = tags.split(',').map(str::to_owned).collect();
        }
    }

    pub(super) fn manager_shape(runner: &Runner) -> Value {
        json!({
            "id": runner.id + 1,
            "system_id": "s_0123456789ab",
            "version": runner.version,
            "revision": "12030cf4",
            "platform": "linux",
            "architecture": "amd64",
            "created_at": "2024-03-25T09:37:09.123Z",
            "contacted_at": stamp::millis(now()),
            "ip_address": "127.0.0.1",
            "status": runner.status,
            "job_execution_status": if runner.is_busy { "active" } else { "idle" },
        })
    }
}
