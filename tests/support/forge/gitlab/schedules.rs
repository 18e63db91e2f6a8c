//! Pipeline schedules, which only their owner may change.

use serde_json::{Value, json};

use super::{super::stamp, Answer, Answered, GitLab, Request, Role, forbidden, listed, not_found, now};

/// A schedule.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) id: u64,
    pub(crate) description: String,
    pub(crate) owner: String,
    pub(crate) is_active: bool,
    pub(crate) cron: String,
}

impl Schedule {
    pub(super) fn new(id: u64, description: &str, owner: &str, is_active: bool) -> Self {
        let cron = "0 1 * * *".to_owned();
        Self { id, description: description.to_owned(), owner: owner.to_owned(), is_active, cron }
    }

    /// What a drill must give back of it: the owner, too.
    pub(super) fn standing(&self) -> Value {
        json!({ "active": self.is_active, "owner": self.owner, "cron": self.cron })
    }
}

impl GitLab {
    pub(super) fn of_schedules(&mut self, request: &Request, rest: &[&str]) -> Answered {
        self.allow(request, Role::Developer)?;
        if self.builds_are_off() {
            return Err(forbidden());
        }
        let [id, rest @ ..] = rest else {
            let is_asked = |schedule: &&Schedule| match request.asked("scope") {
                Some("active") => schedule.is_active,
                Some("inactive") => !schedule.is_active,
                _ => true,
            };
            let shapes: Vec<_> = self.schedules.iter().filter(is_asked).map(|schedule| self.schedule_shape(schedule)).collect();
            return Ok(listed(request, &format!("{}/pipeline_schedules", self.here()), &shapes));
        };
        let is = |schedule: &Schedule| schedule.id.to_string() == *id;
        let at = self.schedules.iter().position(is).ok_or_else(|| not_found("Pipeline Schedule"))?;
        let caller = self.caller(request).map(|token| token.username.clone()).unwrap_or_default();
        match (request.method.as_str(), rest) {
            ("GET", []) => {}
            ("PUT", []) if self.schedules[at].owner == caller => {
                let schedule = &mut self.schedules[at];
                schedule.is_active = request.truth("active").unwrap_or(schedule.is_active);
            }
            ("PUT", []) => return Err(forbidden()),
            ("POST", ["take_ownership"]) => {
                self.allow(request, Role::Maintainer)?;
                self.schedules[at].owner = caller;
                return Ok(Answer::json(201, self.schedule_in_full(at)));
            }
            _ => return Err(not_found("")),
        }
        Ok(Answer::json(200, self.schedule_in_full(at)))
    }

    fn schedule_shape(&self, schedule: &Schedule) -> Value {
        json!({
            "id": schedule.id,
            "description": schedule.description,
            "ref": format!("refs/heads/{}", self.default_branch),
            "cron": schedule.cron,
            "cron_timezone": "UTC",
            "next_run_at": "2099-03-25T01:00:00.000Z",
            "active": schedule.is_active,
            "created_at": "2021-03-25T09:37:09.123Z",
            "updated_at": stamp::millis(now()),
            "owner": self.person(&schedule.owner),
        })
    }

    fn schedule_in_full(&self, at: usize) -> Value {
        let mut shape = self.schedule_shape(&self.schedules[at]);
        (shape["last_pipeline"], shape["variables"], shape["inputs"]) = (Value::Null, json!([]), json!([]));
        shape
    }
}
