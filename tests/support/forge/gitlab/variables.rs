//! The project's variables. Making one is atomic: who comes second is told that it is there.

use serde_json::{Value, json};

use super::{Answer, Answered, GitLab, Request, Role, invalid, listed, not_found};

/// A variable.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the real one")]
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) key: String,
    pub(crate) value: String,
    /// The environments it is for; `*` for all.
    pub(crate) scope: String,
    pub(crate) is_protected: bool,
    pub(crate) is_masked: bool,
    pub(crate) is_hidden: bool,
    pub(crate) is_raw: bool,
    pub(crate) description: Option<String>,
}

impl Variable {
    fn read(request: &Request) -> Self {
        let is = |name| request.truth(name).unwrap_or(false);
        Self {
            key: request.text("key").unwrap_or_default().to_owned(),
            value: request.text("value").unwrap_or_default().to_owned(),
            scope: request.text("environment_scope").unwrap_or("*").to_owned(),
            is_protected: is("protected"),
            is_masked: is("masked") || is("masked_and_hidden"),
            is_hidden: is("masked_and_hidden"),
            is_raw: is("raw"),
            description: request.text("description").map(str::to_owned),
        }
    }

    /// Its key, with its scope if it is not for all.
    pub(super) fn name(&self) -> String {
        if self.scope == "*" { self.key.clone() } else { format!("{} in {}", self.key, self.scope) }
    }

    fn shape(&self) -> Value {
        json!({
            "variable_type": "env_var",
            "key": self.key,
            "value": if self.is_hidden { Value::Null } else { json!(self.value) },
            "hidden": self.is_hidden,
            "protected": self.is_protected,
            "masked": self.is_masked,
            "raw": self.is_raw,
            "environment_scope": self.scope,
            "description": self.description,
        })
    }
}

impl GitLab {
    /// Sets a variable for all environments, whether or not it is there.
    pub(crate) fn set_variable(&mut self, key: &str, value: &str) {
        self.variables.retain(|variable| variable.key != key);
        self.variables.push(Variable {
            key: key.to_owned(),
            value: value.to_owned(),
            scope: "*".to_owned(),
            is_protected: false,
            is_masked: false,
            is_hidden: false,
            is_raw: true,
            description: None,
        });
    }

    pub(super) fn of_variables(&mut self, request: &Request, rest: &[&str]) -> Answered {
        self.allow(request, Role::Maintainer)?;
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                let shapes: Vec<_> = self.variables.iter().map(Variable::shape).collect();
                Ok(listed(request, &format!("{}/variables", self.here()), &shapes))
            }
            ("POST", []) => self.create_variable(request),
            (method, [key]) => self.of_variable(request, method, key),
            _ => Err(not_found("")),
        }
    }

    fn create_variable(&mut self, request: &Request) -> Answered {
        let variable = Variable::read(request);
        if variable.key.is_empty() || !variable.key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(invalid("key", "can contain only letters, digits and '_'."));
        }
        if variable.value.len() > 10_000 {
            return Err(invalid("value", "is too long (maximum is 10000 characters)"));
        }
        if self.variables.iter().any(|known| known.key == variable.key && known.scope == variable.scope) {
            return Err(invalid("key", &format!("({}) has already been taken", variable.key)));
        }
        let shape = variable.shape();
        self.variables.push(variable);
        Ok(Answer::json(201, shape))
    }

    fn of_variable(&mut self, request: &Request, method: &str, key: &str) -> Answered {
        let scope = request.asked("filter[environment_scope]").or_else(|| request.body["filter"]["environment_scope"].as_str());
        let fits = |variable: &Variable| variable.key == key && scope.is_none_or(|scope| scope == variable.scope);
        let found: Vec<usize> = (0..self.variables.len()).filter(|at| fits(&self.variables[*at])).collect();
        let at = match found[..] {
            [] => return Err(not_found("Variable")),
            [at] => at,
            _ => {
                let message = "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'";
                return Err(Answer::json(409, json!({ "message": message })));
            }
        };
        match method {
            "GET" => Ok(Answer::json(200, self.variables[at].shape())),
            "PUT" => {
                let variable = &mut self.variables[at];
                if let Some(value) = request.text("value") {
                    if value.len() > 10_000 {
                        return Err(invalid("value", "is too long (maximum is 10000 characters)"));
                    }
                    value.clone_into(&mut variable.value);
                }
                Ok(Answer::json(200, variable.shape()))
            }
            "DELETE" => {
                self.variables.remove(at);
                Ok(Answer::empty(204))
            }
            _ => Err(not_found("")),
        }
    }
}
