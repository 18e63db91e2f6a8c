//! Shapes that many answers share.

use serde_json::{Value, json};

use super::GitLab;

impl GitLab {
    /// The project's address in the API.
    pub(super) fn here(&self) -> String {
        format!("{}/api/v4/projects/{}", self.root, self.id)
    }

    /// The project's page.
    pub(super) fn web(&self) -> String {
        format!("{}/{}", self.root, self.path)
    }

    pub(super) fn person(&self, username: &str) -> Value {
        json!({
            "id": 9,
            "username": username,
            "public_email": null,
            "name": username,
            "state": "active",
            "locked": false,
            "avatar_url": null,
            "web_url": format!("{}/{username}", self.root),
        })
    }

    pub(super) fn project_in_short(&self) -> Value {
        let name = self.path.rsplit('/').next();
        json!({
            "id": self.id,
            "description": null,
            "name": name,
            "name_with_namespace": self.path.replace('/', " / "),
            "path": name,
            "path_with_namespace": self.path,
            "created_at": "2021-03-25T09:37:09.123Z",
        })
    }

    pub(super) fn commit(&self, sha: &str) -> Value {
        json!({
            "id": sha,
            "short_id": &sha[..8],
            "created_at": "2024-03-17T10:56:14.000+00:00",
            "parent_ids": [],
            "title": "Fix what is on fire",
            "message": "Fix what is on fire\n",
            "author_name": "Release Captain",
            "author_email": "captain@acme.example",
            "authored_date": "2024-03-17T10:56:14.000+00:00",
            "committer_name": "Release Captain",
            "committer_email": "captain@acme.example",
            "committed_date": "2024-03-17T10:56:14.000+00:00",
            "trailers": {},
            "extended_trailers": {},
            "web_url": format!("{}/-/commit/{sha}", self.web()),
        })
    }
}
