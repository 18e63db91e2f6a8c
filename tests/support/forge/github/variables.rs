//! The repository's variables. Making one is atomic: who comes second is told that it is there.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{super::stamp, Answer, Answered, GitHub, Level, Request, listed, not_found, now, refusal};

/// A variable's value and times.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) value: String,
    created: Timestamp,
    updated: Timestamp,
}

/// Its permission's name in the header that tells it.
const PERMISSION: &str = "actions_variables";

impl GitHub {
    /// Sets a variable, whether or not it is there.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        let created = self.variables.get(name).map_or_else(now, |known| known.created);
        self.variables.insert(name.to_owned(), Variable { value: value.to_owned(), created, updated: now() });
    }

    pub(super) fn of_variables(&mut self, request: &Request, rest: &[&str]) -> Answered {
        let level = if super::is_get(request) { Level::Read } else { Level::Write };
        self.allow(request, PERMISSION, level)?;
        let answer = match (request.method.as_str(), rest) {
            ("GET", []) => {
                let all: Vec<_> = self.variables.iter().map(|(name, variable)| shape(name, variable)).collect();
                listed(request, &format!("{}/actions/variables", self.here()), Some("variables"), &all)
            }
            ("POST", []) => self.create_variable(request)?,
            (_, [name]) => self.of_variable(request, &name.to_uppercase())?,
            _ => return Err(not_found()),
        };
        self.needs(request, (PERMISSION, level), answer)
    }

    fn create_variable(&mut self, request: &Request) -> Answered {
        let (name, value) = (request.text("name").unwrap_or_default().to_uppercase(), request.text("value").unwrap_or_default());
        if value.len() > 48 * 1024 {
            return Err(refusal(422, "Variable value exceeds 48 KB"));
        }
        if name.starts_with("GITHUB_") || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(refusal(422, "Variable name is invalid"));
        }
        if self.variables.contains_key(&name) {
            return Err(refusal(409, "Already exists - Variable already exists"));
        }
        self.set_variable(&name, value);
        Ok(Answer::json(201, json!({})))
    }

    fn of_variable(&mut self, request: &Request, name: &str) -> Answered {
        let known = self.variables.get(name).cloned().ok_or_else(not_found)?;
        match request.method.as_str() {
            "GET" => Ok(Answer::json(200, shape(name, &known))),
            "PATCH" => {
                let renamed = request.text("name").map_or_else(|| name.to_owned(), str::to_uppercase);
                let value = request.text("value").unwrap_or(&known.value).to_owned();
                self.variables.remove(name);
                self.variables.insert(renamed, Variable { value, created: known.created, updated: now() });
                Ok(Answer::empty(204))
            }
            "DELETE" => {
                self.variables.remove(name);
                Ok(Answer::empty(204))
            }
            _ => Err(not_found()),
        }
    }
}

fn shape(name: &str, variable: &Variable) -> Value {
    json!({
        "name": name,
        "value": variable.value,
        "created_at": stamp::seconds(variable.created),
        "updated_at": stamp::seconds(variable.updated),
    })
}
