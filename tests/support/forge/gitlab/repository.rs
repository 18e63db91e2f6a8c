//! The project's git repository: branches, tags, files.

use serde_json::{Value, json};

use super::{super::call::Content, Answer, Answered, GitLab, Request, Role, listed, not_found};

impl GitLab {
    pub(super) fn of_repository(&mut self, request: &Request, rest: &[&str]) -> Answered {
        let method = request.method.as_str();
        match (method, rest) {
            ("GET", ["branches", branch]) => {
                let sha = self.refs.get(&format!("refs/heads/{branch}")).ok_or_else(|| not_found("Branch"))?;
                Ok(Answer::json(200, self.branch_shape(branch, sha)))
            }
            ("GET", ["tags"]) => {
                let tags = self.refs.iter().filter_map(|(name, sha)| Some((name.strip_prefix("refs/tags/")?, sha)));
                let shapes: Vec<_> = tags.map(|(name, sha)| self.tag_shape(name, sha)).collect();
                Ok(listed(request, &format!("{}/repository/tags", self.here()), &shapes))
            }
            ("POST", ["tags"]) => self.create_tag(request),
            ("GET", ["tags", name]) => {
                let sha = self.refs.get(&format!("refs/tags/{name}")).ok_or_else(|| not_found("Tag"))?;
                Ok(Answer::json(200, self.tag_shape(name, sha)))
            }
            ("DELETE", ["tags", name]) => {
                self.allow(request, Role::Developer)?;
                self.refs.remove(&format!("refs/tags/{name}")).ok_or_else(|| not_found("Tag"))?;
                Ok(Answer::empty(204))
            }
            ("GET", ["files", path, "raw"]) => {
                let text = self.files.get(*path).ok_or_else(|| not_found("File"))?;
                Ok(Answer::new(200, Content::Text(text.clone())))
            }
            _ => Err(not_found("")),
        }
    }

    fn create_tag(&mut self, request: &Request) -> Answered {
        self.allow(request, Role::Developer)?;
        let (name, from) = (request.text("tag_name").unwrap_or_default(), request.text("ref").unwrap_or_default());
        let full = format!("refs/tags/{name}");
        if self.refs.contains_key(&full) {
            return Err(Answer::json(400, json!({ "message": format!("Tag {name} already exists") })));
        }
        let known = self.refs.get(&format!("refs/heads/{from}")).or_else(|| self.refs.values().find(|sha| *sha == from));
        let sha = known.cloned().ok_or_else(|| Answer::json(400, json!({ "message": format!("Target {from} is invalid") })))?;
        self.refs.insert(full, sha.clone());
        Ok(Answer::json(201, self.tag_shape(name, &sha)))
    }

    /// The commit that a branch, a tag or a commit's name means, and the full name of the ref.
    pub(super) fn resolve(&self, name: &str) -> Option<(String, String)> {
        let of = |full: String| self.refs.get(&full).map(|sha| (full.clone(), sha.clone()));
        of(name.to_owned()).or_else(|| of(format!("refs/heads/{name}"))).or_else(|| of(format!("refs/tags/{name}")))
    }

    fn branch_shape(&self, name: &str, sha: &str) -> Value {
        json!({
            "name": name,
            "commit": self.commit(sha),
            "merged": false,
            "protected": self.protected.contains(name),
            "developers_can_push": false,
            "developers_can_merge": false,
            "can_push": true,
            "default": name == self.default_branch,
            "web_url": format!("{}/-/tree/{name}", self.web()),
        })
    }

    fn tag_shape(&self, name: &str, sha: &str) -> Value {
        json!({
            "name": name,
            "message": "",
            "target": sha,
            "commit": self.commit(sha),
            "release": null,
            "protected": self.protected.contains(name),
            "created_at": null,
        })
    }
}
