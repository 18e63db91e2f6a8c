//! What publishes what: the targets, and tables of the commands and actions that reach them. The tables are data.

pub(super) mod actions;
pub(super) mod commands;
pub(super) mod hosts;
mod images;
pub(super) mod shell;
mod target;

pub use target::Target;

use super::model::{At, Step};

/// The registry's host in an image's name; none for a registry of this machine or one that only a variable knows.
#[must_use]
pub fn registry_of(image: &str) -> Option<String> {
    hosts::of_image(image)
}

/// The images and charts that a step pushes, as they are written and each with its place, as far as it names them; `$` stands
/// where a part of a name is not written.
#[must_use]
pub fn pushed_by(step: &Step) -> Vec<(String, At)> {
    let by_action = by_action(step).into_iter().map(|name| (name, step.at.clone()));
    let by_commands = step.commands.iter().flat_map(|words| {
        let command = shell::Command { offset: 0, words: std::rc::Rc::clone(&words.words) };
        let names = commands::effects(&command).into_iter().filter_map(|effect| match effect {
            commands::Effect::PushesImage(name) => name,
            commands::Effect::PushesChart(to) => Some(format!("{}/{}", to.trim_end_matches('/'), images::chart(&words.words))),
            _ => None,
        });
        names.map(|name| (name, words.at.clone())).collect::<Vec<_>>()
    });
    by_action.chain(by_commands).collect()
}

/// The images that an action is told to push.
fn by_action(step: &Step) -> Vec<String> {
    let does = step.uses.as_ref().and_then(|(action, _)| actions::does(action));
    match does {
        Some(actions::Does::PushesImage) => {
            let tags = step.input("tags").unwrap_or_default().split(['\n', ',']).map(str::trim);
            tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
        }
        Some(actions::Does::PushesImageAlways) => {
            let image = step.input("image").or_else(|| step.input("name"));
            let registry = step.input("registry").map(|registry| format!("{}/", registry.trim_end_matches('/')));
            image.map(|image| format!("{}{image}", registry.unwrap_or_default())).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The registry that a command logs in to, if it logs in to one; a variable stays as it is written.
#[must_use]
pub fn login_of(words: &[String]) -> Option<String> {
    let command = shell::Command { offset: 0, words: words.into() };
    images::effects(&command).into_iter().find_map(|effect| match effect {
        commands::Effect::LogsIn(address) => hosts::of_login(&address),
        _ => None,
    })
}
