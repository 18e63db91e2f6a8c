//! The project's own settings.

use serde_json::{Value, json};

use super::{super::shape::with, Answer, Answered, GitLab, Request, Role, invalid, not_found};

impl GitLab {
    pub(super) fn project(&mut self, request: &Request) -> Answered {
        match request.method.as_str() {
            "GET" => {}
            "PUT" => {
                self.allow(request, Role::Maintainer)?;
                self.edit_project(request)?;
            }
            _ => return Err(not_found("")),
        }
        Ok(Answer::json(200, self.project_shape(request)))
    }

    fn edit_project(&mut self, request: &Request) -> Result<(), Answer> {
        if request.body.as_object().is_none_or(serde_json::Map::is_empty) {
            return Err(Answer::json(400, json!({ "error": "at least one parameter must be provided" })));
        }
        let shared = request.truth("shared_runners_enabled");
        if shared == Some(true) && self.group_forbids_shared {
            return Err(invalid("shared_runners_enabled", "cannot be enabled because parent group does not allow it"));
        }
        self.shared_runners_enabled = shared.unwrap_or(self.shared_runners_enabled);
        self.group_runners_enabled = request.truth("group_runners_enabled").unwrap_or(self.group_runners_enabled);
        if let Some(level) = request.text("builds_access_level") {
            level.clone_into(&mut self.builds_access_level);
        }
        if let Some(is_on) = request.truth("jobs_enabled") {
            self.builds_access_level = if is_on { "enabled" } else { "disabled" }.to_owned();
        }
        Ok(())
    }

    pub(super) fn builds_are_off(&self) -> bool {
        self.builds_access_level == "disabled"
    }

    fn project_shape(&self, request: &Request) -> Value {
        let (group, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let web = self.web();
        let mut shape = json!({
            "id": self.id,
            "description": null,
            "name": name,
            "name_with_namespace": self.path.replace('/', " / "),
            "path": name,
            "path_with_namespace": self.path,
            "created_at": "2021-03-25T09:37:09.123Z",
            "default_branch": self.default_branch,
            "tag_list": [],
            "topics": [],
            "ssh_url_to_repo": format!("git@gitlab.example:{}.git", self.path),
            "http_url_to_repo": format!("{web}.git"),
            "web_url": web,
            "readme_url": null,
            "forks_count": 0,
            "star_count": 0,
            "last_activity_at": "2024-03-25T09:37:09.123Z",
            "visibility": if self.is_private { "private" } else { "public" },
            "namespace": { "id": 3, "name": group, "path": group, "kind": "group", "full_path": group, "parent_id": null },
            "empty_repo": false,
            "archived": self.is_archived,
        });
        let Some(token) = self.caller(request) else { return shape };
        // What CI is set to, only its members are told.
        if token.role >= Some(Role::Guest) {
            let more = json!({
                "jobs_enabled": !self.builds_are_off(),
                "builds_access_level": self.builds_access_level,
                "shared_runners_enabled": self.shared_runners_enabled,
                "group_runners_enabled": self.group_runners_enabled,
                "ci_config_path": null,
                "ci_pipeline_variables_minimum_override_role": self.variables_role,
                "ci_restrict_pipeline_cancellation_role": self.cancel_role,
                "permissions": {
                    "project_access": { "access_level": token.role.map_or(0, |role| role as u64), "notification_level": 3 },
                    "group_access": null,
                },
            });
            shape = with(shape, &more);
            if request.method == "PUT" {
                shape.as_object_mut().unwrap().remove("permissions");
            }
        }
        shape
    }
}
