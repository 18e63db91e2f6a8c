//! Refs, by the calls of the git database.

use serde_json::{Value, json};

use super::{super::runner::files, Answer, Answered, GitHub, Level, Request, not_found, refusal};

impl GitHub {
    pub(super) fn of_refs(&mut self, request: &Request, rest: &[&str]) -> Answered {
        let level = if super::is_get(request) { Level::Read } else { Level::Write };
        self.allow(request, "contents", level)?;
        let answer = match (request.method.as_str(), rest) {
            ("GET", ["ref", name @ ..]) => {
                let name = format!("refs/{}", name.join("/"));
                let sha = self.refs.get(&name).ok_or_else(not_found)?;
                Answer::json(200, self.ref_shape(&name, sha))
            }
            ("GET", ["matching-refs", start @ ..]) => {
                let start = format!("refs/{}", start.join("/"));
                let fitting = self.refs.iter().filter(|(name, _)| name.starts_with(&start));
                Answer::json(200, fitting.map(|(name, sha)| self.ref_shape(name, sha)).collect())
            }
            ("POST", ["refs"]) => self.create_ref(request)?,
            ("DELETE", ["refs", name @ ..]) => {
                let name = format!("refs/{}", name.join("/"));
                if !self.refs.contains_key(&name) {
                    return Err(refusal(422, "Reference does not exist"));
                }
                self.update_ref(&name, None)?;
                Answer::empty(204)
            }
            _ => return Err(not_found()),
        };
        self.needs(request, ("contents", level), answer)
    }

    fn create_ref(&mut self, request: &Request) -> Answered {
        let (name, sha) = (request.text("ref").unwrap_or_default(), request.text("sha").unwrap_or_default());
        if !name.starts_with("refs/") || name.matches('/').count() < 2 {
            return Err(refusal(422, "Reference name must start with 'refs/' and have at least two slashes"));
        }
        if self.refs.contains_key(name) {
            return Err(refusal(422, "Reference already exists"));
        }
        self.update_ref(name, Some(sha))?;
        let shape = self.ref_shape(name, sha);
        Ok(Answer::json(201, shape.clone()).header("location", shape["url"].as_str().unwrap()))
    }

    /// Sets a ref, or takes it away; in the real repository, too.
    fn update_ref(&mut self, name: &str, sha: Option<&str>) -> Result<(), Answer> {
        if let Some(origin) = &self.origin {
            let arguments = sha.map_or_else(|| vec!["update-ref", "-d", name], |sha| vec!["update-ref", name, sha]);
            files::git(origin, &arguments).map_err(|_| refusal(422, "Object does not exist"))?;
        }
        match sha {
            Some(sha) => self.refs.insert(name.to_owned(), sha.to_owned()),
            None => self.refs.remove(name),
        };
        Ok(())
    }

    fn ref_shape(&self, name: &str, sha: &str) -> Value {
        let here = self.here();
        json!({
            "ref": name,
            "node_id": format!("REF_{name}"),
            "url": format!("{here}/git/{name}"),
            "object": { "sha": sha, "type": "commit", "url": format!("{here}/git/commits/{sha}") },
        })
    }
}
