//! `.gitlab-ci.yml`: what it takes, includes and extends, and the jobs of a pipeline.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value};

use super::{
    super::runner::{files, yaml},
    GitLab, Input, JobPlan, rules,
};

/// Top-level keys that are no jobs.
const RESERVED: &[&str] = &[
    "spec",
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "pages",
];

/// A pipeline's configuration, with its inputs filled in and its includes merged.
pub(super) struct Configuration {
    pub(super) inputs: Vec<Input>,
    body: String,
}

/// Text with a `spec:` header before it, if there is one.
fn headed(text: &str) -> Result<(Value, String), String> {
    let parts = text.trim_start_matches("---\n").split_once("\n---\n").filter(|(header, _)| header.contains("spec:"));
    match parts {
        Some((header, body)) => Ok((yaml::read(header)?, body.to_owned())),
        None => Ok((Value::Null, text.to_owned())),
    }
}

fn inputs_of(header: &Value) -> Vec<Input> {
    let inputs = header["spec"]["inputs"].as_object().into_iter().flatten();
    inputs.map(|(name, input)| Input { name: name.clone(), default: input.get("default").map(yaml::text) }).collect()
}

fn filled(body: &str, inputs: &BTreeMap<String, String>) -> String {
    let fill = |text: String, (name, value): (&String, &String)| text.replace(&format!("$[[ inputs.{name} ]]"), value);
    inputs.iter().fold(body.to_owned(), fill)
}

impl Configuration {
    pub(super) fn read(origin: &Path, sha: &str) -> Result<Self, String> {
        let text = files::file_of(origin, sha, ".gitlab-ci.yml").map_err(|_| "Missing CI config file")?;
        let (header, body) = headed(&text)?;
        Ok(Self { inputs: inputs_of(&header), body })
    }

    /// The whole, with these inputs; what is included may hang on variables that are known by then.
    pub(super) fn with(
        &self,
        (inputs, variables): (&BTreeMap<String, String>, &BTreeMap<String, String>),
        origin: &Path,
        sha: &str,
    ) -> Result<Value, String> {
        let own = yaml::read(&filled(&self.body, inputs))?;
        let mut whole = Value::Object(Map::new());
        let includes = match &own["include"] {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        for include in includes {
            if include.get("rules").is_some() && rules::when(&include["rules"], variables)?.is_none() {
                continue;
            }
            let path = include["local"].as_str().or_else(|| include.as_str()).ok_or("only local files are included here")?;
            let text = files::file_of(origin, sha, path.trim_start_matches('/'))
                .map_err(|_| format!("Local file `{path}` does not exist!"))?;
            let (header, body) = headed(&text)?;
            let given = |input: Input| {
                let value = include["inputs"].get(&input.name).map(yaml::text).or(input.default);
                value
                    .map(|value| (input.name.clone(), value))
                    .ok_or(format!("`{}` input: required value has not been provided", input.name))
            };
            let inputs = inputs_of(&header).into_iter().map(given).collect::<Result<BTreeMap<_, _>, _>>()?;
            merge(&mut whole, &yaml::read(&filled(&body, &inputs))?);
        }
        merge(&mut whole, &own);
        Ok(whole)
    }
}

/// Objects are merged, all else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// A job with what it extends, and with the defaults.
fn extended(whole: &Value, name: &str) -> Result<Value, String> {
    let own = whole.get(name).ok_or_else(|| format!("{name}: unknown keys in `extends`"))?;
    let mut job = Value::Object(Map::new());
    for base in yaml::texts(&own["extends"]) {
        merge(&mut job, &extended(whole, &base)?);
    }
    merge(&mut job, own);
    Ok(job)
}

impl GitLab {
    /// On a real git repository, from which pipelines, refs and files come.
    #[must_use]
    pub(crate) fn on(mut self, origin: &Path) -> Self {
        self.origin = Some(origin.to_owned());
        self.refresh();
        self
    }

    /// Looks at the repository anew: somebody may have pushed.
    pub(super) fn refresh(&mut self) {
        if let Some(origin) = &self.origin {
            self.refs = files::refs_of(origin).into_iter().collect();
        }
    }

    /// The jobs that a pipeline of this configuration has, in the order of their stages.
    pub(super) fn plans_of(whole: &Value, variables: &BTreeMap<String, String>) -> Result<Vec<JobPlan>, String> {
        if whole["workflow"].get("rules").is_some() && rules::when(&whole["workflow"]["rules"], variables)?.is_none() {
            return Ok(Vec::new());
        }
        let usual = ["build", "test", "deploy"].map(str::to_owned).to_vec();
        let stages = Some(yaml::texts(&whole["stages"])).filter(|stages| !stages.is_empty()).unwrap_or(usual);
        let names = whole.as_object().into_iter().flatten().map(|(name, _)| name);
        let mut plans = Vec::new();
        for name in names.filter(|name| !RESERVED.contains(&name.as_str()) && !name.starts_with('.')) {
            let mut job = whole["default"].clone();
            merge(&mut job, &extended(whole, name)?);
            if job["script"].is_null() {
                continue;
            }
            if job.get("rules").is_some_and(|rules| !rules.is_null()) {
                let Some(when) = rules::when(&job["rules"], variables)? else { continue };
                job["when"] = when.into();
            }
            let stage = job["stage"].as_str().unwrap_or("test").to_owned();
            let at = stages
                .iter()
                .position(|known| *known == stage)
                .ok_or_else(|| format!("{name} job: chosen stage {stage} does not exist"))?;
            let may_fail = job["allow_failure"] == true;
            plans.push(JobPlan { name: name.clone(), tags: yaml::texts(&job["tags"]), stage: at, may_fail, job });
        }
        plans.sort_by_key(|plan| plan.stage);
        Ok(plans)
    }
}
