//! Refs, by the calls of the git database.

use serde_json::{Value, json};

use super::{Answer, Answered, GitHub, Level, Request, not_found, refusal};

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
                let gone = self.refs.remove(&format!("refs/{}", name.join("/")));
                gone.ok_or_else(|| refusal(422, "Reference does not exist"))?;
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
        self.refs.insert(name.to_owned(), sha.to_owned());
        let shape = self.ref_shape(name, sha);
        Ok(Answer::json(201, shape.clone()).header("location", shape["url"].as_str().unwrap()))
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
