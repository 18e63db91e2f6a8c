//! Shapes that many answers share: people, commits, the repository in full and in short.

use serde_json::{Value, json};

use super::{
    super::{shape::with, stamp},
    GitHub, now,
};

/// Addresses of a repository's parts, as they stand in every answer that tells of it.
const PARTS: &[&str] = &[
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
];

/// Addresses of a person's parts.
const OF_PEOPLE: &[&str] =
    &["followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events", "received_events"];

/// The repository's number.
pub(super) const REPOSITORY: u64 = 4711;

impl GitHub {
    pub(super) fn person(&self, login: &str) -> Value {
        let mut shape = json!({
            "login": login,
            "id": 7_544_739,
            "node_id": "MDQ6VXNlcjc1NDQ3Mzk=",
            "avatar_url": "https://avatars.githubusercontent.com/u/7544739?v=4",
            "gravatar_id": "",
            "url": format!("{}/users/{login}", self.api),
            "html_url": format!("https://github.com/{login}"),
            "type": "User",
            "site_admin": false,
        });
        for part in OF_PEOPLE {
            shape[format!("{part}_url")] = json!(format!("{}/users/{login}/{part}", self.api));
        }
        shape
    }

    pub(super) fn repository_in_short(&self) -> Value {
        let here = self.here();
        let mut shape = json!({
            "id": REPOSITORY,
            "node_id": "R_4711",
            "name": self.name,
            "full_name": self.full_name(),
            "private": self.is_private,
            "owner": self.person(&self.owner),
            "html_url": format!("https://github.com/{}", self.full_name()),
            "description": "What the simulator holds",
            "fork": false,
            "url": here,
        });
        for part in PARTS {
            shape[format!("{part}_url")] = json!(format!("{here}/{}", part.replace("git_", "git/")));
        }
        if !self.org_runners.is_empty() {
            shape["owner"]["type"] = "Organization".into();
        }
        shape
    }

    pub(super) fn repository_in_full(&self, permissions: &Value) -> Value {
        let shape = self.repository_in_short();
        let html = format!("https://github.com/{}", self.full_name());
        let more = json!({
            "git_url": format!("git://github.com/{}.git", self.full_name()),
            "ssh_url": format!("git@github.com:{}.git", self.full_name()),
            "clone_url": format!("{html}.git"),
            "svn_url": html,
            "mirror_url": null, "homepage": null, "language": null, "license": null,
            "default_branch": self.default_branch,
            "visibility": if self.is_private { "private" } else { "public" },
            "archived": self.is_archived,
            "disabled": false,
            "has_issues": true, "has_projects": true, "has_wiki": true, "has_pages": false, "has_discussions": false,
            "has_downloads": true,
            "forks": 0, "forks_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0, "open_issues": 0,
            "open_issues_count": 0, "network_count": 0, "subscribers_count": 1, "size": 42,
            "created_at": "2021-03-17T09:33:32Z",
            "updated_at": "2024-03-17T09:33:32Z",
            "pushed_at": stamp::seconds(now()),
            "permissions": permissions,
        });
        with(shape, &more)
    }

    pub(super) fn commit_in_short(sha: &str) -> Value {
        let who = json!({ "name": "Release Captain", "email": "captain@acme.example" });
        json!({
            "id": sha,
            "tree_id": "666bb9f951306171acb21632eca28a386cb35f73",
            "message": "Fix what is on fire",
            "timestamp": "2024-03-17T10:56:14Z",
            "author": who,
            "committer": who,
        })
    }

    pub(super) fn commit_in_full(&self, sha: &str) -> Value {
        let url = format!("{}/commits/{sha}", self.here());
        let who = json!({ "name": "Release Captain", "email": "captain@acme.example", "date": "2024-03-17T10:56:14Z" });
        let tree = "666bb9f951306171acb21632eca28a386cb35f73";
        json!({
            "url": url,
            "sha": sha,
            "node_id": format!("C_{sha}"),
            "html_url": format!("https://github.com/{}/commit/{sha}", self.full_name()),
            "comments_url": format!("{url}/comments"),
            "commit": {
                "url": url, "author": who, "committer": who, "message": "Fix what is on fire", "comment_count": 0,
                "tree": { "sha": tree, "url": format!("{}/git/trees/{tree}", self.here()) },
            },
            "author": null,
            "committer": null,
            "parents": [],
        })
    }
}
