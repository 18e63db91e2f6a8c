//! The official contracts, as judges of requests and answers.
//!
//! `CANSHIP_CONTRACTS` names the folder with `github.json` and `gitlab.json`; without it nothing is judged, which is said
//! once for each forge. What the descriptions get wrong for this purpose is set right while they are read ([`schema`]), and
//! what the real forges answer beyond them is listed with its source ([`undocumented`]).

mod route;
mod schema;
mod undocumented;

use std::{
    collections::HashMap,
    env, fs,
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex},
};

use jsonschema::{Draft, Registry, Validator};
use serde_json::Value;

use super::call::{Answer, Content, Request};

/// One forge's contract.
pub(crate) struct Contract {
    name: &'static str,
    document: &'static Value,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// The contract with this name, read once.
    pub(crate) fn named(name: &'static str) -> Option<&'static Self> {
        static READ: Mutex<Vec<(&'static str, Option<&'static Contract>)>> = Mutex::new(Vec::new());
        let mut read = READ.lock().unwrap();
        if let Some((_, contract)) = read.iter().find(|(known, _)| *known == name) {
            return *contract;
        }
        let contract = Self::read(name).map(|contract| &*Box::leak(Box::new(contract)));
        read.push((name, contract));
        contract
    }

    fn read(name: &'static str) -> Option<Self> {
        let Some(folder) = env::var_os("CANSHIP_CONTRACTS") else {
            // Past the harness, which keeps what tests print.
            let line = format!("skipped: {name}'s contract, since CANSHIP_CONTRACTS names no folder with it\n");
            drop(std::io::stderr().write_all(line.as_bytes()));
            return None;
        };
        let path = Path::new(&folder).join(format!("{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut document: Value = serde_json::from_str(&text).unwrap();
        schema::set_right(&mut document);
        let document: &'static Value = Box::leak(Box::new(document));
        let registry = Registry::new().draft(Draft::Draft202012).add(base(name), document).unwrap().prepare().unwrap();
        Some(Self { name, document, registry, validators: Mutex::default() })
    }

    /// What the contract calls this request, or how it breaks the contract.
    pub(crate) fn request(&self, request: &Request) -> Result<String, String> {
        let (template, ends) = route::find(self.document, &request.path).ok_or("no such path in the contract")?;
        let method = request.method.as_str().to_ascii_lowercase();
        let operation = format!("/paths/{}/{method}", escaped(template));
        let node = self.document.pointer(&operation).ok_or_else(|| format!("no {method} of {template} in the contract"))?;
        self.parameters(&operation, node, request, &ends)?;
        self.body(&operation, node, request)?;
        Ok(operation)
    }

    fn parameters(&self, operation: &str, node: &Value, request: &Request, ends: &[(String, String)]) -> Result<(), String> {
        let known: Vec<(String, &Value)> = self.parameters_of(operation, node);
        for (name, text) in &request.query {
            let name = name.strip_suffix("[]").unwrap_or(name);
            let fits = known.iter().find(|(_, parameter)| parameter["in"] == "query" && parameter["name"] == name);
            let (pointer, parameter) = fits.ok_or_else(|| format!("`{name}` is no parameter of the query"))?;
            let value = schema::from_text(self.resolved(&parameter["schema"]), text);
            self.judge(&format!("{pointer}/schema"), &value).map_err(|what| format!("`{name}` of the query: {what}"))?;
        }
        // Names of other parameters are typed wrongly here and there: a branch is no integer.
        for (name, text) in ends.iter().filter(|(name, _)| name.ends_with("id")) {
            let fits = known.iter().find(|(_, parameter)| parameter["in"] == "path" && parameter["name"] == *name);
            let Some((pointer, parameter)) = fits else { continue };
            let value = schema::from_text(self.resolved(&parameter["schema"]), text);
            self.judge(&format!("{pointer}/schema"), &value).map_err(|what| format!("`{name}` of the path: {what}"))?;
        }
        let missing = known.iter().find(|(_, parameter)| {
            let is_asked = request.query.iter().any(|(name, _)| parameter["name"] == **name);
            parameter["in"] == "query" && parameter["required"] == true && !is_asked
        });
        missing.map_or(Ok(()), |(_, parameter)| Err(format!("{} of the query is missing", parameter["name"])))
    }

    fn parameters_of<'a>(&'a self, operation: &str, node: &'a Value) -> Vec<(String, &'a Value)> {
        let parameters = node["parameters"].as_array().into_iter().flatten().enumerate();
        let placed = parameters.map(|(at, parameter)| match parameter["$ref"].as_str() {
            Some(reference) => (reference[1..].to_owned(), self.resolved(parameter)),
            None => (format!("{operation}/parameters/{at}"), parameter),
        });
        placed.collect()
    }

    fn body(&self, operation: &str, node: &Value, request: &Request) -> Result<(), String> {
        let is_empty = request.body.is_null() || request.body.as_object().is_some_and(serde_json::Map::is_empty);
        let Some(wanted) = node.get("requestBody") else {
            return if is_empty { Ok(()) } else { Err("a body is sent that the contract knows none of".to_owned()) };
        };
        if request.body.is_null() && wanted["required"] != true {
            return Ok(());
        }
        let at = format!("{operation}/requestBody/content/application~1json/schema");
        let wanted = self.document.pointer(&at).map(|wanted| self.resolved(wanted)).ok_or("the contract has no JSON body")?;
        let body = if request.is_form { schema::from_form(wanted, &request.body) } else { request.body.clone() };
        self.judge(&at, &body).map_err(|what| format!("the body: {what}"))
    }

    /// How this answer to the operation breaks the contract.
    pub(crate) fn answer(&self, operation: &str, answer: &Answer) -> Result<(), String> {
        let at = format!("{operation}/responses/{}", answer.status);
        let Some(known) = self.document.pointer(&at) else {
            let (_, source) = undocumented::find(self.name, operation, answer.status)
                .ok_or("the contract knows no such status of it, and nothing else shows that there is one")?;
            assert!(!source.is_empty());
            return self.error(answer);
        };
        let at = known["$ref"].as_str().map_or(at, |reference| reference[1..].to_owned());
        let contents = self.resolved(known)["content"].as_object().filter(|kinds| !kinds.is_empty());
        let Some(contents) = contents else {
            // Of an error, descriptions often leave out the body.
            if answer.status >= 400 {
                return self.error(answer);
            }
            let is_empty = answer.content == Content::Nothing;
            return if is_empty { Ok(()) } else { Err("it has a body, and the contract has none".to_owned()) };
        };
        match &answer.content {
            Content::Json(body) if contents.contains_key("application/json") => {
                self.judge(&format!("{at}/content/application~1json/schema"), body)
            }
            Content::Text(_) if contents.contains_key("text/plain") => Ok(()),
            Content::Bytes(kind, _) if contents.contains_key(*kind) => Ok(()),
            other => Err(format!("the contract has {:?}, and this is {other:.60?}", contents.keys().collect::<Vec<_>>())),
        }
    }

    /// An error has the shape that all of the forge's errors have.
    fn error(&self, answer: &Answer) -> Result<(), String> {
        let shape = if self.name == "github" { "basic-error" } else { "CanshipError" };
        match &answer.content {
            Content::Json(body) => self.judge(&format!("/components/schemas/{shape}"), body),
            _ => Ok(()),
        }
    }

    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(reference) => self.resolved(self.document.pointer(&reference[1..]).unwrap()),
            None => node,
        }
    }

    /// Holds a value against the schema at this place of the contract.
    fn judge(&self, pointer: &str, value: &Value) -> Result<(), String> {
        let validator = self.validator(pointer);
        let errors: Vec<_> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let build = || {
            let schema = serde_json::json!({ "$ref": format!("{}#{}", base(self.name), encoded(pointer)) });
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            Arc::new(options.with_registry(&self.registry).build(&schema).unwrap_or_else(|error| panic!("{pointer}: {error}")))
        };
        Arc::clone(validators.entry(pointer.to_owned()).or_insert_with(build))
    }
}

fn base(name: &str) -> String {
    format!("urn:contract:{name}")
}

/// A key as it stands in a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A pointer as it stands in a URL's fragment.
fn encoded(pointer: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'~').remove(b'-').remove(b'_').remove(b'.');
    utf8_percent_encode(pointer, KEPT).to_string()
}
