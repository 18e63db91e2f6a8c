//! Self-hosted runners and their labels, of the repository and of its organization.

use serde_json::{Value, json};

use super::{super::runner::Machine, Answer, Answered, GitHub, Level, Request, listed, not_found, refusal};

/// A self-hosted runner.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) is_online: bool,
    pub(crate) is_busy: bool,
    pub(crate) version: Option<String>,
    pub(crate) labels: Vec<Label>,
    /// What does its jobs; without one it takes none.
    pub(crate) machine: Option<Machine>,
}

/// A label; those that a runner has by itself cannot be taken off.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) is_custom: bool,
}

/// What every runner has by itself.
const OWN: &[&str] = &["self-hosted", "Linux", "X64"];

impl Runner {
    pub(super) fn new(id: u64, name: &str, labels: &[&str], mut ids: impl FnMut() -> u64) -> Self {
        let custom = labels.iter().filter(|label| !OWN.contains(label)).map(|label| (*label, true));
        let all = OWN.iter().map(|label| (*label, false)).chain(custom);
        let labels = all.map(|(name, is_custom)| Label { id: ids(), name: name.to_owned(), is_custom }).collect();
        Self {
            id,
            name: name.to_owned(),
            is_online: true,
            is_busy: false,
            version: Some("2.336.0".to_owned()),
            labels,
            machine: None,
        }
    }

    pub(crate) fn label_names(&self) -> std::collections::BTreeSet<String> {
        self.labels.iter().map(|label| label.name.clone()).collect()
    }

    /// Whether it has all of these labels, which GitHub compares without regard to case.
    pub(crate) fn has_all(&self, labels: &[String]) -> bool {
        labels.iter().all(|wanted| self.labels.iter().any(|label| label.name.eq_ignore_ascii_case(wanted)))
    }

    fn shape(&self) -> Value {
        json!({
            "id": self.id,
            "runner_group_id": 1,
            "name": self.name,
            "os": "linux",
            "status": if self.is_online { "online" } else { "offline" },
            "busy": self.is_busy,
            "ephemeral": false,
            "version": self.version,
            "labels": self.label_shapes(),
        })
    }

    fn label_shapes(&self) -> Vec<Value> {
        let kind = |label: &Label| if label.is_custom { "custom" } else { "read-only" };
        self.labels.iter().map(|label| json!({ "id": label.id, "name": label.name, "type": kind(label) })).collect()
    }
}

/// Whose runners.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Repository,
    Organization,
}

impl Scope {
    const fn permission(self) -> &'static str {
        match self {
            Self::Repository => "administration",
            Self::Organization => "organization_self_hosted_runners",
        }
    }
}

impl GitHub {
    /// With a runner of the organization's.
    #[must_use]
    pub(crate) fn org_runner(mut self, name: &str, labels: &[&str]) -> Self {
        let id = self.new_id();
        let runner = Runner::new(id, name, labels, || self.new_id());
        self.org_runners.push(runner);
        self
    }

    pub(super) fn of_runners(&mut self, request: &Request, rest: &[&str]) -> Answered {
        self.runners_of(Scope::Repository, request, rest)
    }

    pub(super) fn of_organization(&mut self, request: &Request, rest: &[&str]) -> Answered {
        match rest {
            ["runners", rest @ ..] => self.runners_of(Scope::Organization, request, rest),
            _ => Err(not_found()),
        }
    }

    fn runners_of(&mut self, scope: Scope, request: &Request, rest: &[&str]) -> Answered {
        let level = if super::is_get(request) { Level::Read } else { Level::Write };
        self.allow(request, scope.permission(), level)?;
        let (ids, url) = (self.next_id, format!("{}/actions/runners", self.here()));
        self.next_id += 100;
        let runners = if scope == Scope::Repository { &mut self.runners } else { &mut self.org_runners };
        let Some((id, rest)) = rest.split_first() else {
            let is_asked = |runner: &&Runner| request.asked("name").is_none_or(|asked| asked == runner.name);
            let shapes: Vec<_> = runners.iter().filter(is_asked).map(Runner::shape).collect();
            return self.needs(request, (scope.permission(), level), listed(request, &url, Some("runners"), &shapes));
        };
        let runner = runners.iter_mut().find(|runner| runner.id.to_string() == *id).ok_or_else(not_found)?;
        let answer = match rest {
            [] if level == Level::Read => Answer::json(200, runner.shape()),
            ["labels", rest @ ..] => labels(runner, request, rest, ids)?,
            _ => return Err(not_found()),
        };
        self.needs(request, (scope.permission(), level), answer)
    }
}

fn labels(runner: &mut Runner, request: &Request, rest: &[&str], mut next: u64) -> Answered {
    let given: Vec<String> = serde_json::from_value(request.body["labels"].clone()).unwrap_or_default();
    match (request.method.as_str(), rest) {
        ("GET", []) => {}
        ("POST" | "PUT", []) => {
            if request.method == "PUT" {
                runner.labels.retain(|label| !label.is_custom || given.contains(&label.name));
            }
            for name in given {
                next += 1;
                if !runner.labels.iter().any(|label| label.name.eq_ignore_ascii_case(&name)) {
                    runner.labels.push(Label { id: next, name, is_custom: true });
                }
            }
        }
        ("DELETE", []) => runner.labels.retain(|label| !label.is_custom),
        ("DELETE", [name]) => {
            let at = runner.labels.iter().position(|label| label.name.eq_ignore_ascii_case(name)).ok_or_else(not_found)?;
            if !runner.labels[at].is_custom {
                return Err(refusal(422, "Labels that are read-only cannot be removed"));
            }
            runner.labels.remove(at);
        }
        _ => return Err(not_found()),
    }
    let shapes = runner.label_shapes();
    Ok(Answer::json(200, json!({ "total_count": shapes.len(), "labels": shapes })))
}
