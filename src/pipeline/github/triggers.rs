//! What starts a workflow.

use crate::pipeline::yaml::{Place, Yaml};

/// One event of `on`.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) node: Option<Yaml>,
}

/// The events of a workflow.
#[derive(Clone, Debug, Default)]
pub(super) struct Triggers {
    pub(super) events: Vec<Event>,
}

impl Triggers {
    /// Reads `on` in all of its forms: a name, a list of names, a map.
    pub(super) fn read(workflow: &Yaml) -> Self {
        let Some(on) = workflow.get("on").or_else(|| workflow.get("true")) else { return Self::default() };
        let mut events: Vec<Event> =
            on.texts().into_iter().map(|(name, place)| Event { name: name.to_owned(), place, node: None }).collect();
        events.extend(on.entries().iter().map(|entry| Event {
            name: entry.key.to_string(),
            place: entry.key_place,
            node: Some(entry.node.clone()),
        }));
        Self { events }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Event> {
        self.events.iter().find(|event| event.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether other workflows may call it.
    pub(super) fn is_callable(&self) -> bool {
        self.has("workflow_call")
    }

    /// Whether nothing but a call starts it.
    pub(super) fn only_called(&self) -> bool {
        self.events.iter().all(|event| event.name == "workflow_call")
    }

    /// The event by which a tag or a release starts it.
    pub(super) fn released(&self) -> Option<&Event> {
        if let Some(release) = self.get("release") {
            let types = release.filter("types");
            if types.is_empty()
                || types.iter().any(|kind| matches!(kind.as_str(), "published" | "released" | "created" | "prereleased"))
            {
                return Some(release);
            }
        }
        if let Some(create) = self.get("create") {
            return Some(create);
        }
        // Only what is not negated lets a tag in.
        self.get("push").filter(|push| push.filter("tags").iter().any(|tag| !tag.starts_with('!')))
    }

    /// A push that no filter keeps tags out of, though none is named.
    pub(super) fn any_push(&self) -> Option<&Event> {
        self.get("push")
            .filter(|push| ["branches", "branches-ignore", "tags", "tags-ignore"].iter().all(|key| push.filter(key).is_empty()))
    }

    /// A push to branches that are named like releases.
    pub(super) fn release_branches(&self) -> Option<&Event> {
        let is_one = |branch: &String| {
            let branch = branch.to_ascii_lowercase();
            branch.contains("release") || branch.starts_with("v*") || branch.starts_with("v[0-9]") || branch.contains("stable")
        };
        self.get("push").filter(|push| push.filter("branches").iter().any(is_one))
    }

    /// An input of a start by hand that asks which version is meant.
    pub(super) fn asks_for_version(&self) -> Option<&Event> {
        let dispatch = self.get("workflow_dispatch")?;
        let asks = |input: &str| {
            let input = input.to_ascii_lowercase();
            ["tag", "version", "release"].iter().any(|word| input.contains(word))
        };
        dispatch.inputs().iter().any(|input| asks(input)).then_some(dispatch)
    }
}

impl Event {
    /// The values of a filter; a single one need not be in a list.
    pub(super) fn filter(&self, key: &str) -> Vec<String> {
        let node = self.node.as_ref().and_then(|node| node.get(key));
        node.map_or_else(Vec::new, |node| node.texts().into_iter().map(|(text, _)| text.to_owned()).collect())
    }

    /// The names of its inputs.
    pub(super) fn inputs(&self) -> Vec<String> {
        let inputs = self.node.as_ref().and_then(|node| node.get("inputs"));
        inputs.map_or_else(Vec::new, |inputs| inputs.entries().iter().map(|entry| entry.key.to_string()).collect())
    }

    /// All that narrows it down, in words.
    pub(super) fn filters(&self) -> Vec<String> {
        let keys = ["tags", "tags-ignore", "branches", "branches-ignore", "paths", "paths-ignore", "types", "workflows"];
        let mut told: Vec<String> = keys
            .iter()
            .map(|key| (key, self.filter(key)))
            .filter(|(_, values)| !values.is_empty())
            .map(|(key, values)| format!("{key}: {}", values.join(", ")))
            .collect();
        let inputs = self.inputs();
        if !inputs.is_empty() && self.name != "workflow_call" {
            told.push(format!("inputs: {}", inputs.join(", ")));
        }
        let crons: Vec<&str> =
            self.node.iter().flat_map(|node| node.items()).filter_map(|item| item.get("cron")?.as_str()).collect();
        if !crons.is_empty() {
            told.push(format!("cron: {}", crons.join(", ")));
        }
        told
    }
}
