//! Where a job runs: runners, environments, images.

use super::{
    eval::Val,
    walk::{Here, Walk},
};
use crate::pipeline::{
    model::{Sure, Topic},
    yaml::{Node, Yaml},
};

impl Walk<'_> {
    /// Takes in the runner's labels and group.
    pub(super) fn runner(&mut self, job: &Yaml, here: Here<'_>) {
        let Some(runs_on) = job.get("runs-on") else { return };
        if runs_on.is_map() {
            for (key, prefix) in [("group", "group:"), ("labels", "")] {
                for text in runs_on.get(key).map(scalars).unwrap_or_default() {
                    self.labels(text, prefix, here);
                }
            }
            return;
        }
        for text in scalars(runs_on) {
            self.labels(text, "", here);
        }
    }

    fn labels(&mut self, node: &Node, prefix: &str, here: Here<'_>) {
        let text = node.as_str().unwrap_or_default();
        let combos = u64::try_from(here.combos.len()).unwrap_or(u64::MAX);
        if text.contains("${{") && !self.notes.has_room_for(combos, node.place) {
            return;
        }
        let sure = || if text.contains("${{") { Sure::Computed } else { Sure::Read };
        for value in here.values(text) {
            let label = |text: &str| format!("{prefix}{text}");
            match value {
                Val::Known(text) if text.trim().is_empty() => {}
                Val::Known(text) => {
                    self.notes.fact(Topic::RunnerLabels, &label(&text), (node.place, sure(), "runs-on", Some(here.job)));
                }
                Val::Node(list) if list.is_map() => {
                    for (key, prefix) in [("group", "group:"), ("labels", "")] {
                        for (text, _) in list.get(key).map(|node| node.texts()).unwrap_or_default() {
                            self.notes.fact(
                                Topic::RunnerLabels,
                                &format!("{prefix}{text}"),
                                (node.place, sure(), "runs-on", Some(here.job)),
                            );
                        }
                    }
                }
                Val::Node(list) => {
                    for (text, _) in list.texts() {
                        self.notes.fact(Topic::RunnerLabels, &label(text), (node.place, sure(), "runs-on", Some(here.job)));
                    }
                }
                Val::Open(text) => self.dynamic(Topic::RunnerLabels, &label(&text), (node, "runs-on", "the runner"), here),
            }
        }
    }

    fn dynamic(&mut self, topic: Topic, value: &str, (node, role, what): (&Node, &str, &str), here: Here<'_>) {
        self.notes.fact(topic, value, (node.place, Sure::Dynamic, role, Some(here.job)));
        self.notes.open(node.place, format!("{what} of `{}` is decided by `{value}`", here.job));
    }

    /// Takes in the environment that a job belongs to.
    pub(super) fn environment(&mut self, job: &Yaml, here: Here<'_>) {
        let Some(environment) = job.get("environment") else { return };
        let Some(name) = (if environment.is_map() { environment.get("name") } else { Some(environment) }) else { return };
        let text = name.as_str().unwrap_or_default();
        let sure = if text.contains("${{") { Sure::Computed } else { Sure::Read };
        for value in here.values(text) {
            match value {
                Val::Known(text) if text.trim().is_empty() => {}
                Val::Known(text) => {
                    self.notes.fact(Topic::Environments, &text, (name.place, sure.clone(), "environment", Some(here.job)));
                    self.notes.fact(
                        Topic::Approvals,
                        &text,
                        (name.place, Sure::Outside, "reviewers of the environment", Some(here.job)),
                    );
                }
                Val::Node(_) => {}
                Val::Open(text) => self.dynamic(Topic::Environments, &text, (name, "environment", "the environment"), here),
            }
        }
    }

    /// Takes in the images that a job runs in and beside.
    pub(super) fn images(&mut self, job: &Yaml, here: Here<'_>) {
        if let Some(container) = job.get("container") {
            self.image(container, "container", here);
        }
        for service in job.get("services").map(|services| services.entries()).unwrap_or_default() {
            self.image(&service.node, "service", here);
        }
    }

    fn image(&mut self, container: &Yaml, role: &str, here: Here<'_>) {
        let Some(image) = (if container.is_map() { container.get("image") } else { Some(container) }) else { return };
        let text = image.as_str().unwrap_or_default();
        let sure = if text.contains("${{") { Sure::Computed } else { Sure::Read };
        for value in here.values(text) {
            let known = match value {
                Val::Known(text) => text,
                Val::Node(map) => map.get("image").and_then(|image| image.as_str()).unwrap_or_default().to_owned(),
                Val::Open(text) => {
                    self.dynamic(Topic::Images, &text, (image, role, "the image"), here);
                    continue;
                }
            };
            if !known.trim().is_empty() {
                self.notes.fact(Topic::Images, known.trim(), (image.place, sure.clone(), role, Some(here.job)));
            }
        }
    }
}

/// A scalar, or the scalars of a list.
fn scalars(node: &Yaml) -> Vec<&Node> {
    if node.is_list() { node.items().iter().map(|item| &**item).collect() } else { vec![&**node] }
}
