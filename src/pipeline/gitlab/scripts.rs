//! What stands in scripts and maps of variables, taken apart once for each: jobs share what they inherit.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use super::{facts, variables};
use crate::pipeline::{
    locate::Locator,
    model::{self, At, Words},
    notes::Notes,
    publish::{
        commands::{self, Effect},
        shell::{self, Command},
    },
    source::weight,
    yaml::{Node, Place, Yaml},
};

/// A command of a job, with where it stands.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) command: Command,
    pub(super) place: Place,
    pub(super) effects: Rc<[Effect]>,
}

impl Line {
    /// The command as others see it.
    pub(super) fn words(&self, at: At) -> Words {
        Words { at, words: Rc::clone(&self.command.words) }
    }

    /// The start of the command.
    pub(super) fn role(&self) -> String {
        self.command.words.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// One text of a script.
pub(super) struct Script {
    pub(super) lines: Vec<Line>,
    /// The variables that it reads, and where.
    pub(super) reads: Vec<(Rc<str>, Place)>,
    /// Those that it sets itself.
    pub(super) sets: BTreeSet<String>,
}

/// The variables that a job sees: their values where they are texts, the innermost map first.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables(pub(super) Vec<model::Variables>);

impl Variables {
    /// One map.
    pub(super) fn of(values: impl IntoIterator<Item = (Rc<str>, Rc<str>)>) -> model::Variables {
        values.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|map| {
            let at = map.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
            map.get(at).map(|(_, value)| &**value)
        })
    }
}

/// What was taken apart so far, by the node; the nodes are kept, so that no other takes their place.
#[derive(Default)]
pub(super) struct Known {
    scripts: HashMap<*const Node, (Yaml, Rc<Script>)>,
    variables: HashMap<*const Node, (Yaml, model::Variables)>,
    /// The names of all variables that a map declares.
    pub(super) declared: BTreeSet<String>,
}

impl Known {
    /// The variables of a map: a text, or a map with a value. They are declared from now on.
    pub(super) fn variables(&mut self, map: Option<&Yaml>) -> model::Variables {
        let Some(map) = map else { return model::Variables::default() };
        if let Some((_, known)) = self.variables.get(&Rc::as_ptr(map)) {
            return Rc::clone(known);
        }
        let value = |node: &Yaml| -> Rc<str> { node.get("value").unwrap_or(node).as_str().unwrap_or_default().into() };
        let made = Variables::of(map.entries().iter().map(|entry| (Rc::clone(&entry.key), value(&entry.node))));
        self.declared.extend(made.iter().map(|(name, _)| name.to_string()));
        self.variables.insert(Rc::as_ptr(map), (Rc::clone(map), Rc::clone(&made)));
        made
    }

    /// The scripts of a job in the order they run in.
    pub(super) fn scripts(&mut self, job: &Yaml, notes: &mut Notes<'_>) -> Vec<Rc<Script>> {
        let keys = ["before_script", "script", "after_script"];
        let texts = keys.iter().filter_map(|key| job.get(key)).flat_map(|script| script.scalars());
        texts.map(|text| self.script(text, notes)).collect()
    }

    fn script(&mut self, node: &Yaml, notes: &mut Notes<'_>) -> Rc<Script> {
        if let Some((_, known)) = self.scripts.get(&Rc::as_ptr(node)) {
            return Rc::clone(known);
        }
        let text = node.as_str().unwrap_or_default();
        let mut locator = Locator::new(node);
        let lines = shell::commands(text).into_iter().map(|command| {
            let place = notes.place(&mut locator, node, command.offset);
            Line { place, effects: commands::effects(&command).into(), command }
        });
        let lines = lines.collect();
        let mut locator = Locator::new(node);
        let reads = variables::in_script(text).into_iter().map(|read| {
            let place = notes.place(&mut locator, node, read.at);
            (notes.files.shared(&read.name), place)
        });
        let made = Rc::new(Script { lines, reads: reads.collect(), sets: variables::set_in_script(text) });
        self.scripts.insert(Rc::as_ptr(node), (Rc::clone(node), Rc::clone(&made)));
        made
    }
}

/// The commands of scripts with the values of variables put in; none if they are more than is looked at.
pub(super) fn lines(scripts: &[Rc<Script>], variables: &Variables, notes: &Notes<'_>) -> Option<Vec<Line>> {
    let mut found = Vec::with_capacity(scripts.iter().map(|script| script.lines.len()).sum());
    for line in scripts.iter().flat_map(|script| &script.lines) {
        match expanded(&line.command, variables) {
            None => found.push(line.clone()),
            Some(command) => {
                // A word of many variables is looked through for each of them.
                if !notes.files.spend(command.words.iter().map(|word| 1 + weight(8 * word.len())).sum()) {
                    return None;
                }
                found.push(Line { place: line.place, effects: commands::effects(&command).into(), command });
            }
        }
    }
    Some(found)
}

/// The command with the values of variables put in; none where that changes nothing.
fn expanded(command: &Command, variables: &Variables) -> Option<Command> {
    if !command.words.iter().any(|word| word.contains('$')) {
        return None;
    }
    let words: Rc<[String]> = command.words.iter().map(|word| facts::expand(word, variables)).collect();
    (words != command.words).then_some(Command { offset: command.offset, words })
}
