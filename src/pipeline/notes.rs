//! What is found while reading, each with where and how sure.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    locate::Locator,
    model::{Facts, Open, Site, Sure, Topic},
    publish::Target,
    source::{File, Files},
    yaml::{Node, Place},
};

/// What keeping a fact counts.
const FACT: u64 = 2;

/// One place that publishes.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) target: Target,
    pub(super) sure: Sure,
    pub(super) place: Place,
    pub(super) role: String,
    pub(super) job: String,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Notes<'f> {
    pub(super) files: &'f Files,
    pub(super) facts: Facts,
    pub(super) open: BTreeSet<Open>,
    pub(super) published: Vec<Published>,
    /// Whether there was a fact for which there was no more room.
    is_full: bool,
    /// The file that was asked for last.
    last: Option<(u32, Rc<File>)>,
}

impl<'f> Notes<'f> {
    pub(super) fn new(files: &'f Files) -> Self {
        Self { files, facts: Facts::default(), open: BTreeSet::new(), published: Vec::new(), is_full: false, last: None }
    }

    /// A fact.
    pub(super) fn fact(&mut self, topic: Topic, value: &str, site: (Place, Sure, &str, Option<&str>)) {
        self.fact_under(topic, value, site, None);
    }

    /// A fact that is given under a key.
    pub(super) fn fact_under(&mut self, topic: Topic, value: &str, site: (Place, Sure, &str, Option<&str>), under: Option<&str>) {
        let (place, sure, role, job) = site;
        if !self.files.spend(FACT) {
            // Said once, at the first.
            if !std::mem::replace(&mut self.is_full, true) {
                self.open(
                    place,
                    "there is more here than is looked at in one repository: it is not listed from here on".to_owned(),
                );
            }
            return;
        }
        let (at, role) = (self.files.at(place), role.to_owned());
        let (job, under) = (job.map(str::to_owned), under.map(str::to_owned));
        self.facts.add(topic, value, Site { at, sure, role, job, under, on_path: true });
    }

    /// Something that the files leave open.
    pub(super) fn open(&mut self, place: Place, what: String) {
        let at = self.files.at(place);
        self.open.insert(Open { at, what });
    }

    /// Something that publishes.
    pub(super) fn publishes(&mut self, published: Published) {
        let Published { target, sure, place, role, job } = published.clone();
        self.fact(Topic::PublishTargets, target.name(), (place, sure, &role, Some(&job)));
        self.published.push(published);
    }

    /// Where a byte of a scalar's value stands.
    pub(super) fn place(&mut self, locator: &mut Locator<'_>, node: &Node, offset: usize) -> Place {
        let file = match &self.last {
            Some((number, file)) if *number == node.place.file => Some(Rc::clone(file)),
            _ => self.files.file(node.place),
        };
        if let Some(file) = &file {
            self.last = Some((node.place.file, Rc::clone(file)));
        }
        locator.place(offset, file.as_deref())
    }
}
