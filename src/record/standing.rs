//! What the drills that are on record come to today: which proof counts, and whether it still does.
//!
//! Invariants: of each spare the last drill counts, whatever it was: one that was killed proves nothing, and does not
//! leave an older yes standing; only a rehearsal that found nothing, and can prove no more than that, leaves the drill
//! before it standing; a yes of another plan is *degraded*, and takes nothing from what a drill of today's plan has
//! said; a record that cannot be read may be of a later drill that said otherwise, so no yes stands before it; a proof
//! of no known age is never fresh; one that took longer than today's plan lets a hotfix take is *degraded*, as its drill
//! would be today; spares are alternatives, so one that can ship is enough, and one without a proof hides no answer of
//! another; without any proof the answer is *unknown*.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Brief, Digest, DrillId, Exit, Mode, Restored, Text, Verdict};

/// A clock may be so far off before a proof counts as one from the future.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// What is asked of the proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Today.
    pub now: Timestamp,
    /// How old a proof may be; none for any age.
    pub max_age: Option<Duration>,
    /// The weakest verdict that is enough.
    pub accept: Verdict,
    /// The digest of today's plan.
    pub plan_digest: Digest,
    /// Which plan a proof must be of.
    pub of: Of,
    /// The time that a hotfix may take by today's plan.
    pub target: Duration,
}

impl Demand {
    /// Whether a hotfix took longer than it may by today's plan.
    #[must_use]
    pub fn is_missed_by(&self, drill: &Brief) -> bool {
        drill.time_to_ship.is_some_and(|took| took > self.target)
    }

    /// Whether a yes of this drill lacks something today: it is one of another plan, or took longer than it may by now.
    fn has_gap(&self, drill: &Brief) -> bool {
        drill.plan_digest != self.plan_digest || self.is_missed_by(drill)
    }
}

/// Which plan a proof must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Any of this release; one of another plan than today's has a gap.
    Any,
    /// Today's.
    Today,
}

/// The drills of one spare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The spare's name.
    pub spare: Text,
    /// Its drills, oldest first; none if it was never drilled.
    pub drills: Vec<Brief>,
}

/// A file that gave no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub name: Text,
    /// What is wrong with it: a sentence that names it.
    pub reason: Text,
}

impl Damaged {
    /// When its drill started, if the file has the name of a record.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        let name = self.name.as_str().rsplit('/').next()?;
        DrillId::made(name.split('.').next()?)?.started()
    }
}

/// Everything that is on record, as the history gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// The drills that have ended, oldest first, each once.
    pub drills: Vec<Brief>,
    /// The drills that run right now on this machine.
    pub running: Vec<DrillId>,
    /// What is there but cannot be read, and is passed over.
    pub damaged: Vec<Damaged>,
    /// Records that wait on this machine to be brought to where they belong.
    pub waiting: usize,
    /// Why the store could not be read, if so: then what waits on this machine is all that is known.
    pub closed: Option<Text>,
    /// Records that were left out because reading all of them would take too long: older than any that was read.
    pub unread: usize,
}

/// What is on record for one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What is released.
    pub release: Text,
    /// The plan file as it was given.
    pub plan: Text,
    /// Where the records are kept.
    pub place: Text,
    /// What is asked.
    pub demand: Demand,
    /// The plan's spares that are looked at, in the plan's order.
    pub spares: Vec<Standing>,
    /// Spares on record that the plan no longer has; they do not count.
    pub former: Vec<Standing>,
    /// Drills of other releases, which do not count.
    pub of_others: usize,
    /// What else was seen; its drills are in the standings.
    pub shelf: Shelf,
}

/// Why a spare's last proof is as good or as bad as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// There was never a drill.
    Missing,
    /// It is older than it may be.
    Stale,
    /// It comes from the future, by this machine's clock, so that nobody knows how old it is.
    Undated,
    /// It is of another plan than today's, and that is asked for.
    OfAnotherPlan,
    /// It counts, with this verdict.
    Counts(Verdict),
}

impl Standing {
    /// The last drill that says something, whatever plan it is of.
    fn newest(&self) -> Option<&Brief> {
        self.counted().next().or(self.drills.last())
    }

    /// All but rehearsals that found nothing, the last one first.
    fn counted(&self) -> impl Iterator<Item = &Brief> {
        let counts = |drill: &&Brief| drill.mode == Mode::Drill || drill.verdict == Verdict::CannotShip;
        self.drills.iter().rev().filter(counts)
    }

    /// The drill that counts: a yes of another plan takes nothing from what a drill of today's plan has said.
    #[must_use]
    pub fn last(&self, demand: &Demand) -> Option<&Brief> {
        let is_todays = |drill: &&Brief| drill.plan_digest == demand.plan_digest;
        let todays = self
            .counted()
            .find(|drill| is_todays(drill) || !drill.verdict.is_yes())
            .filter(|_| self.counted().any(|drill| is_todays(&drill)));
        todays.or_else(|| self.newest())
    }

    /// What its last drill is worth under this demand.
    #[must_use]
    pub fn grade(&self, demand: &Demand) -> Grade {
        let Some(last) = self.last(demand) else { return Grade::Missing };
        let age = demand.now.duration_since(last.started);
        match demand.max_age {
            _ if age < -CLOCKS_DIFFER => Grade::Undated,
            Some(most) if Duration::try_from(age).is_ok_and(|age| age > most) => Grade::Stale,
            _ if demand.of == Of::Today && last.plan_digest != demand.plan_digest => Grade::OfAnotherPlan,
            Some(_) | None if last.verdict == Verdict::CanShip && demand.has_gap(last) => Grade::Counts(Verdict::Degraded),
            Some(_) | None => Grade::Counts(last.verdict),
        }
    }

    /// The exit code that this spare alone would give.
    #[must_use]
    pub fn exit(&self, demand: &Demand) -> Exit {
        if self.newest().is_some_and(|last| last.restored == Restored::No) {
            return Exit::MayStillBeCut;
        }
        match self.grade(demand) {
            Grade::Missing | Grade::Stale | Grade::Undated | Grade::OfAnotherPlan => Exit::Unknown,
            Grade::Counts(verdict) => Exit::of_verdict(verdict, demand.accept),
        }
    }
}

impl Status {
    /// Puts what is on record in order for this plan.
    ///
    /// `spares` are the ones to look at; `all` are the names of every spare of the plan.
    #[must_use]
    pub fn new(demand: Demand, mut shelf: Shelf, plan: Names<'_>) -> Self {
        let Names { release, plan, place, spares, all } = plan;
        let mut drills = std::mem::take(&mut shelf.drills);
        let before = drills.len();
        drills.retain(|drill| drill.release.as_str() == release);
        let of_others = before - drills.len();
        let mut standings: Vec<_> = spares.iter().map(|name| Standing { spare: (*name).into(), drills: Vec::new() }).collect();
        let mut former: Vec<Standing> = Vec::new();
        for drill in drills {
            let name = drill.spare.name.as_str();
            match standings.iter_mut().find(|standing| standing.spare.as_str() == name) {
                Some(standing) => standing.drills.push(drill),
                None if all.contains(&name) => {}
                None => match former.iter_mut().find(|standing| standing.spare.as_str() == name) {
                    Some(standing) => standing.drills.push(drill),
                    None => former.push(Standing { spare: drill.spare.name.clone(), drills: vec![drill] }),
                },
            }
        }
        Self {
            release: release.into(),
            plan: plan.into(),
            place: place.into(),
            demand,
            spares: standings,
            former,
            of_others,
            shelf,
        }
    }

    /// The spare that the answer comes from: the best one whose proof counts, the first of the plan among equals.
    #[must_use]
    pub fn best(&self) -> Option<&Standing> {
        self.spares.iter().min_by_key(|standing| rank(standing.grade(&self.demand)))
    }

    /// How many records that cannot be read are of drills that began after the one the answer comes from: what they were
    /// of and what they said, nobody knows.
    #[must_use]
    pub fn newer_damaged(&self) -> usize {
        let last = self.best().and_then(|best| best.last(&self.demand)).map(|last| last.started);
        self.shelf.damaged.iter().filter(|damaged| damaged.started().is_some_and(|at| last.is_some_and(|last| at > last))).count()
    }

    /// How `canship status` ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        // A path that may still be cut is never outshone by another spare.
        let cut = self.spares.iter().chain(&self.former).any(|standing| standing.exit(&self.demand) == Exit::MayStillBeCut);
        match self.best() {
            _ if cut => Exit::MayStillBeCut,
            // Later drills, and those of other machines, may have said otherwise, a yes as well as a no.
            _ if self.shelf.closed.is_some() => Exit::Unknown,
            None => Exit::Unknown,
            Some(best) if self.newer_damaged() == 0 => best.exit(&self.demand),
            // A no is no better for it.
            Some(best) => Some(best.exit(&self.demand)).filter(|exit| *exit == Exit::CannotShip).unwrap_or(Exit::Unknown),
        }
    }
}

/// The names that a status is told with.
#[derive(Clone, Copy, Debug)]
pub struct Names<'n> {
    /// What is released.
    pub release: &'n str,
    /// The plan file as it was given.
    pub plan: &'n str,
    /// Where the records are kept.
    pub place: &'n str,
    /// The spares to look at.
    pub spares: &'n [&'n str],
    /// Every spare of the plan.
    pub all: &'n [&'n str],
}

fn rank(grade: Grade) -> u8 {
    match grade {
        Grade::Counts(Verdict::CanShip) => 0,
        Grade::Counts(Verdict::Degraded) => 1,
        Grade::Counts(Verdict::Unknown) => 2,
        Grade::Counts(Verdict::CannotShip) => 3,
        Grade::Stale | Grade::Undated | Grade::OfAnotherPlan => 4,
        Grade::Missing => 5,
    }
}
