//! What is found while reading, each with where and how sure.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    locate::Locator,
    model::{Facts, Open, Refused, Site, Sure, Topic},
    publish::Target,
    source::{File, Files, weight},
    yaml::{Node, Place},
};

/// What keeping a fact counts.
const FACT: u64 = 3;

/// One place that publishes.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) target: Target,
    pub(super) sure: Sure,
    pub(super) place: Place,
    pub(super) role: Rc<str>,
    pub(super) job: Rc<str>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Notes<'f> {
    pub(super) files: &'f Files,
    pub(super) facts: Facts,
    pub(super) open: BTreeSet<Open>,
    pub(super) published: Vec<Published>,
    pub(super) refused: BTreeSet<Refused>,
    /// Whether there was a fact for which there was no more room.
    is_full: bool,
    /// The file that was asked for last.
    last: Option<(u32, Rc<File>)>,
}

impl<'f> Notes<'f> {
    pub(super) fn new(files: &'f Files) -> Self {
        let (open, refused) = (BTreeSet::new(), BTreeSet::new());
        Self { files, facts: Facts::default(), open, published: Vec::new(), refused, is_full: false, last: None }
    }

    /// A fact.
    pub(super) fn fact(&mut self, topic: Topic, value: &str, site: (Place, Sure, &str, Option<&str>)) {
        let _kept = self.fact_under(topic, value, site, None);
    }

    /// A fact that is given under a key; whether there was room for it.
    pub(super) fn fact_under(
        &mut self,
        topic: Topic,
        value: &str,
        (place, sure, role, job): (Place, Sure, &str, Option<&str>),
        under: Option<&str>,
    ) -> bool {
        let bytes = value.len() + role.len() + job.map_or(0, str::len) + under.map_or(0, str::len);
        if !self.has_room(place, bytes) {
            return false;
        }
        let (at, role) = (self.files.at(place), self.files.shared(role));
        let (job, under) = (job.map(|job| self.files.shared(job)), under.map(|under| self.files.shared(under)));
        self.facts.add(topic, value, Site { at, sure, role, job, under, on_path: true });
        true
    }

    /// Whether there is room for one more fact of so many bytes, which is taken if so.
    fn has_room(&mut self, place: Place, bytes: usize) -> bool {
        self.has_room_for(FACT + weight(bytes), place)
    }

    /// Whether there is room for so much work on what stands at a place; it is taken if so, and said if not.
    pub(super) fn has_room_for(&mut self, work: u64, place: Place) -> bool {
        let has = self.files.spend(work);
        // Said once, at the first.
        if !has && !std::mem::replace(&mut self.is_full, true) {
            let what = "there is more here than is looked at in one repository: it is not listed from here on";
            self.files.unfinished(place, what.to_owned());
        }
        has
    }

    /// Something that the files leave open.
    pub(super) fn open(&mut self, place: Place, what: String) {
        if !self.has_room(place, what.len()) {
            return;
        }
        let at = self.files.at(place);
        self.open.insert(Open { at, what, of: None });
    }

    /// The registry that a job pushes to, where the files leave it open.
    pub(super) fn open_registry(&mut self, place: Place, what: String, job: &str) {
        self.open_of(Topic::Registries, (place, what), job);
    }

    /// The name of an image that a job pushes, where the files leave it open.
    pub(super) fn open_image(&mut self, place: Place, what: String, job: &str) {
        self.open_of(Topic::Images, (place, what), job);
    }

    fn open_of(&mut self, topic: Topic, (place, what): (Place, String), job: &str) {
        if !self.has_room(place, what.len() + job.len()) {
            return;
        }
        let (at, job) = (self.files.at(place), self.files.shared(job));
        self.open.insert(Open { at, what, of: Some((topic, job)) });
    }

    /// Something that makes the forge refuse the whole pipeline.
    pub(super) fn refused(&mut self, place: Place, what: String, doubt: Option<&str>) {
        if !self.has_room(place, what.len()) {
            return;
        }
        let at = self.files.at(place);
        self.refused.insert(Refused { at, what, doubt: doubt.map(str::to_owned) });
    }

    /// Something that publishes.
    pub(super) fn publishes(&mut self, published: Published) {
        let Published { target, sure, place, role, job } = &published;
        if self.fact_under(Topic::PublishTargets, target.name(), (*place, sure.clone(), role, Some(job)), None) {
            self.published.push(published);
        }
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
