//! What every part of resolving needs: flaws with places, units with defaults, names of secrets.
//!
//! A check that fails records why and gives a value that is never used: the plan is refused once all of it was seen.

use std::{collections::BTreeSet, time::Duration};

use super::{
    cursor::Cursor,
    model::SecretName,
    names,
    problem::Flaw,
    raw::{RawDuration, RawSize},
    token, unit,
};

/// So many flaws are helped with the nearest name; each costs a comparison with every name.
const HELPED: usize = 50;

/// What was found while a plan is resolved.
#[derive(Debug)]
pub(super) struct Checks {
    flaws: Vec<Flaw>,
    /// Each with the place it is about.
    unverified: Vec<(usize, String)>,
    declared: BTreeSet<String>,
}

/// Whether no time at all makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    Allowed,
    Refused,
}

impl Checks {
    pub(super) fn new(declared: impl IntoIterator<Item = String>) -> Self {
        Self { flaws: Vec::new(), unverified: Vec::new(), declared: declared.into_iter().collect() }
    }

    /// The value is wrong; `what` goes on after its path.
    pub(super) fn wrong(&mut self, at: &Cursor<'_>, what: &str) -> &mut Flaw {
        self.add(Flaw::new(at.place(), format!("`{}` {what}", names::short(at.path()))))
    }

    pub(super) fn add(&mut self, flaw: Flaw) -> &mut Flaw {
        self.flaws.push(flaw);
        let last = self.flaws.len() - 1;
        &mut self.flaws[last]
    }

    /// Records the reason, if there is one: `path` is no `what`: reason.
    pub(super) fn form(&mut self, at: &Cursor<'_>, what: &str, reason: Option<&str>) {
        if let Some(reason) = reason {
            self.wrong(at, &format!("is no {what}: {reason}"));
        }
    }

    /// A text with something in it, on one line.
    pub(super) fn line(&mut self, at: &Cursor<'_>, text: &str) {
        if text.trim().is_empty() {
            self.wrong(at, "is empty");
        } else if text.chars().any(char::is_control) {
            self.wrong(at, "has a control character or line end in it");
        }
    }

    /// A list with something in it.
    pub(super) fn list<T>(&mut self, at: &Cursor<'_>, items: &[T]) {
        if items.is_empty() {
            self.wrong(at, "is an empty list").help = Some("give it an entry, or remove the key if it is optional".into());
        }
    }

    /// A list of texts with something in each.
    pub(super) fn lines(&mut self, at: &Cursor<'_>, items: &[String]) {
        self.list(at, items);
        for (index, item) in items.iter().enumerate() {
            self.line(&at.item(index), item);
        }
    }

    /// A program and its arguments, which may hold anything.
    pub(super) fn command(&mut self, at: &Cursor<'_>, command: &[String]) {
        self.list(at, command);
        if let Some(program) = command.first() {
            self.line(&at.item(0), program);
        }
    }

    pub(super) fn duration(&mut self, at: &Cursor<'_>, raw: Option<&RawDuration>, default: Duration, zero: Zero) -> Duration {
        let Some(RawDuration(text)) = raw else { return default };
        let usual = if default < Duration::from_mins(2) { "s" } else { "m" };
        match unit::duration(text, usual) {
            Ok(Duration::ZERO) if zero == Zero::Refused => {
                self.wrong(at, "must be more than no time");
                default
            }
            Ok(duration) => duration,
            Err(flaw) => {
                self.add(Flaw::new(at.place(), format!("`{}`: {}", at.path(), flaw.message)).help(flaw.help));
                default
            }
        }
    }

    pub(super) fn size(&mut self, at: &Cursor<'_>, raw: Option<&RawSize>) -> Option<u64> {
        let RawSize(text) = raw?;
        match unit::size(text) {
            Ok(0) => {
                self.wrong(at, "must be more than nothing");
                None
            }
            Ok(bytes) => Some(bytes),
            Err(flaw) => {
                self.add(Flaw::new(at.place(), format!("`{}`: {}", at.path(), flaw.message)).help(flaw.help));
                None
            }
        }
    }

    /// The name of a secret that the plan declares. What is no such name may be the secret itself: it is quoted only
    /// if it is like a declared name or written like one.
    pub(super) fn secret(&mut self, at: &Cursor<'_>, name: &str) -> SecretName {
        if !self.declared.contains(name) {
            let known = self.declared.iter().map(String::as_str).take(if self.flaws.len() < HELPED { 200 } else { 0 });
            let nearest = names::nearest(name, known).map(str::to_owned);
            let quotable = names::is_variable(name) && (nearest.is_some() || token::is_name_like(name));
            let help = match (nearest, self.declared.len()) {
                (Some(nearest), _) => format!("did you mean `{nearest}`?"),
                (None, 0) => "the plan has no `secrets`: say there where it is found".to_owned(),
                (None, _) => format!("the secrets of this plan are {}", self.declared_names()),
            };
            let message = if quotable {
                format!("`{}` names the secret `{}`, which is not under `secrets`", at.path(), names::short(name))
            } else {
                format!("`{}` must be the name of a secret that is under `secrets`, never a value", at.path())
            };
            let flaw = Flaw::new(at.place(), message).help(help);
            self.add(if quotable { flaw } else { flaw.hidden() });
        }
        SecretName(name.to_owned())
    }

    fn declared_names(&self) -> String {
        let shown = self.declared.iter().filter(|name| names::is_variable(name)).take(20);
        shown.map(|name| format!("`{}`", names::short(name))).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.declared.contains(name)
    }

    /// A key that is read, but not verified: one sentence.
    pub(super) fn unverified(&mut self, at: &Cursor<'_>, what_stays_open: &str) {
        self.unverified.push((at.place().start, format!("`{}`: {what_stays_open}", at.path())));
    }

    /// The sentences on what is not verified, in the file's order; or all flaws.
    pub(super) fn finish(mut self) -> Result<Vec<String>, Vec<Flaw>> {
        self.unverified.sort();
        if self.flaws.is_empty() {
            Ok(self.unverified.into_iter().map(|(_, sentence)| sentence).collect())
        } else {
            Err(self.flaws)
        }
    }
}
