//! The protocol against a forge in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::{
    WatchOrder,
    back::{self, Away, Calls, Outcome, Own, Told},
    lease::{self, Held, Lease, Terms},
    watch,
    wire::Wire,
};
use crate::{
    forge::{
        Budget, Cancel, Created, ForgeError, Found, LeaseStore, Left, Missed, PrimaryPath, Ready, Run, RunRef, Runners, Sight,
        Snapshot, SpareRunners, State, Turned, Unready, Wanted, WayBack, Wish,
    },
    record::{Control, DrillId, ForgeKind, HostId, Place, Text},
};

/// A forge with two switches and room for a lease.
struct Memory {
    place: Place,
    off: Mutex<Vec<Control>>,
    lease: Mutex<Option<String>>,
    /// What somebody else's call writes into the lease just after the next one.
    late: Mutex<Option<String>>,
}

#[async_trait]
impl PrimaryPath for Memory {
    fn place(&self) -> &Place {
        &self.place
    }

    fn budget(&self) -> Budget {
        Budget::default()
    }

    async fn controls(&self, _: &Wanted) -> Result<Vec<Found>, ForgeError> {
        Ok(Vec::new())
    }

    async fn look(&self, control: &Control) -> Result<State, ForgeError> {
        Ok(if self.off.lock().unwrap().contains(control) { State::Off } else { State::On })
    }

    async fn way_back(&self, _: &[Found]) -> Result<WayBack, ForgeError> {
        Ok(WayBack { missing: Vec::new(), expires: crate::forge::Expiry::Never })
    }

    async fn in_flight(&self, _: &[Found]) -> Result<Vec<Run>, ForgeError> {
        Ok(Vec::new())
    }

    async fn snapshot(&self, _: &[Found]) -> Result<Snapshot, ForgeError> {
        Ok(Snapshot::default())
    }

    async fn missed(&self, _: &Snapshot) -> Result<Missed, ForgeError> {
        Ok(Missed::default())
    }

    async fn set(&self, control: &Control, state: &State) -> Result<Turned, ForgeError> {
        let mut off = self.off.lock().unwrap();
        off.retain(|known| known != control);
        if *state == State::Off {
            off.push(control.clone());
        }
        Ok(Turned::Taken)
    }

    async fn cancel(&self, _: &Run, _: Cancel) -> Result<(), ForgeError> {
        Ok(())
    }

    async fn was_called(&self, _: &str) -> Result<bool, ForgeError> {
        Ok(false)
    }

    fn by_hand(&self, control: &Control, _: &State) -> String {
        format!("curl {control}")
    }
}

#[async_trait]
impl LeaseStore for Memory {
    async fn lease(&self) -> Result<Option<String>, ForgeError> {
        Ok(self.lease.lock().unwrap().clone())
    }

    async fn create_lease(&self, text: &str) -> Result<Created, ForgeError> {
        let mut lease = self.lease.lock().unwrap();
        if lease.is_some() {
            return Ok(Created::AlreadyThere);
        }
        *lease = Some(text.to_owned());
        Ok(Created::Yes)
    }

    async fn replace_lease(&self, text: &str) -> Result<(), ForgeError> {
        *self.lease.lock().unwrap() = Some(self.late.lock().unwrap().take().unwrap_or_else(|| text.to_owned()));
        Ok(())
    }

    async fn delete_lease(&self) -> Result<(), ForgeError> {
        *self.lease.lock().unwrap() = None;
        Ok(())
    }

    fn delete_lease_by_hand(&self) -> String {
        "curl lease".to_owned()
    }
}

/// A cut asks no runner for anything.
#[async_trait]
impl SpareRunners for Memory {
    async fn ready(&self, _: &Wish) -> Result<Result<Ready, Unready>, ForgeError> {
        unreachable!()
    }

    async fn runners(&self, _: &Wish) -> Result<Runners, ForgeError> {
        unreachable!()
    }

    async fn start(&self, _: &Wish, _: &Ready) -> Result<Result<Option<RunRef>, Unready>, ForgeError> {
        unreachable!()
    }

    async fn find(&self, _: &Wish, _: &Ready) -> Result<Option<RunRef>, ForgeError> {
        unreachable!()
    }

    async fn sight(&self, _: &RunRef) -> Result<Sight, ForgeError> {
        unreachable!()
    }

    async fn approvals(&self, _: &RunRef) -> Result<Vec<Text>, ForgeError> {
        unreachable!()
    }

    async fn left_by(&self, _: &RunRef, _: &Sight) -> Result<Option<Left>, ForgeError> {
        unreachable!()
    }
}

fn memory() -> (Arc<Memory>, Wire) {
    let place = Place { kind: ForgeKind::Github, url: "https://forge.example".parse().unwrap(), repository: "acme/api".into() };
    let memory = Arc::new(Memory { place, off: Mutex::default(), lease: Mutex::default(), late: Mutex::default() });
    let wire = Wire::new(Arc::clone(&memory) as Arc<dyn crate::forge::Forge>, std::time::Duration::from_secs(1));
    (memory, wire)
}

/// When the drill has cut that gives back.
const CUT_AT: Timestamp = Timestamp::constant(1000, 0);

fn drill(number: u32) -> DrillId {
    DrillId::new(Timestamp::UNIX_EPOCH, number)
}

fn lease_of(drill: &DrillId, was_on: &[Control]) -> Lease {
    lease_at(drill, was_on, Timestamp::UNIX_EPOCH)
}

fn lease_at(drill: &DrillId, was_on: &[Control], now: Timestamp) -> Lease {
    let (host, who, why) = (HostId::new(1), "somebody".into(), "a drill".into());
    let [max_cut, longest] = [45, 2].map(std::time::Duration::from_mins);
    let terms = Terms { drill, host: &host, who: &who, why: &why, max_cut, longest };
    Lease::new(&terms, was_on.to_vec(), now)
}

fn away(controls: &[Control]) -> Vec<Away> {
    controls.iter().map(|control| Away { control: control.clone(), calls: Calls::Answered }).collect()
}

async fn give_back(wire: &Wire, drill: &DrillId, away: &[Away]) -> (Outcome, Vec<Told>) {
    let told = Mutex::new(Vec::new());
    let tell = |one| told.lock().unwrap().push(one);
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    let own = Own { drill, cut_at: Some(CUT_AT), calls: Calls::Answered };
    let outcome = back::give_back(wire, own, away, (until, &tell)).await;
    (outcome, told.into_inner().unwrap())
}

#[tokio::test]
async fn only_one_of_two_drills_gets_the_lease_and_only_it_can_renew_and_release_it() {
    let (memory, wire) = memory();
    let (first, second) = (drill(1), drill(2));
    assert!(lease::take(&wire, &lease_of(&first, &[])).await.unwrap().is_ok());
    let held = lease::take(&wire, &lease_of(&second, &[])).await.unwrap().unwrap_err();
    assert!(held.is_of(&first), "{held:?}");
    assert!(lease::renew(&wire, &lease_of(&second, &[])).await.unwrap().is_err());
    lease::release(&wire, &second).await.unwrap();
    assert!(memory.lease.lock().unwrap().is_some(), "what is another's stays");
    assert!(lease::renew(&wire, &lease_of(&first, &[])).await.unwrap().is_ok());
    lease::release(&wire, &first).await.unwrap();
    assert_eq!(lease::held(&wire).await.unwrap(), Held::Nobody);
}

#[tokio::test]
async fn what_another_drill_has_turned_off_is_left_to_it_and_all_else_is_given_back() {
    let (memory, wire) = memory();
    let parts = [Control::SharedRunners, Control::GroupRunners];
    *memory.off.lock().unwrap() = parts.to_vec();
    let later = Timestamp::constant(1001, 0);
    // It names both, and has come to the first only.
    let others = lease_at(&drill(2), &parts, later).begun(0, std::time::Duration::ZERO, later);
    assert!(lease::take(&wire, &others).await.unwrap().is_ok());
    let (outcome, told) = give_back(&wire, &drill(1), &away(&parts)).await;
    assert_eq!(outcome, Outcome::LeftToAnother);
    assert!(told.contains(&Told::OfAnother(Control::SharedRunners)) && told.contains(&Told::Back(Control::GroupRunners)));
    assert_eq!(*memory.off.lock().unwrap(), parts[..1]);
    assert!(memory.lease.lock().unwrap().is_some());
}

/// Its watchdog hears no more, and by the clock on the wall, which was set back, the deadline never comes.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_keeps_nothing_cut_for_longer() {
    let (memory, wire) = memory();
    memory.off.lock().unwrap().push(Control::SharedRunners);
    let cut_at = super::now();
    let hour = std::time::Duration::from_hours(1);
    let state = tempfile::tempdir().unwrap();
    let order = WatchOrder {
        place: memory.place.clone(),
        drill: drill(1),
        was_on: vec![Control::SharedRunners],
        cut_at,
        deadline: lease::later(cut_at, hour),
        api: std::time::Duration::from_secs(1),
        late_effect: std::time::Duration::from_secs(1),
        retry_after_max: std::time::Duration::from_secs(1),
        trust: Vec::new(),
        state: state.path().join("canship"),
    };
    let (mut drill, pipe) = tokio::io::duplex(64);
    drill.write_all(b"off 0\nanswered 0\n").await.unwrap();
    let (began, said) = (tokio::time::Instant::now(), Mutex::new(Vec::new()));
    let say = |line: &str| said.lock().unwrap().push((began.elapsed(), line.to_owned()));
    // Here only the time of this runtime goes by: no second passes by the wall.
    let watched = watch(&order, Arc::clone(&wire.forge), BufReader::new(pipe).lines(), &say);
    tokio::time::timeout(2 * hour, watched).await.unwrap_err();
    assert!(memory.off.lock().unwrap().is_empty(), "{said:?}");
    let first = said.lock().unwrap().first().cloned().unwrap();
    assert!(first.0 <= hour + std::time::Duration::from_secs(1) && first.1.contains("not be cut any longer"), "{first:?}");
}

#[test]
fn a_call_is_not_waited_for_until_a_time_that_a_wrong_clock_has_written_down() {
    let minute = std::time::Duration::from_mins(1);
    let far = lease::later(super::now(), 1000 * minute);
    let until = Calls::written(far, minute).until().unwrap();
    assert!(until <= tokio::time::Instant::now() + minute, "{until:?}");
    assert_eq!(Calls::written(CUT_AT, minute), Calls::Answered);
}

#[tokio::test]
async fn a_lease_that_an_earlier_drill_has_written_late_keeps_nothing_cut_and_stays() {
    let (memory, wire) = memory();
    *memory.off.lock().unwrap() = vec![Control::SharedRunners];
    assert!(lease::take(&wire, &lease_of(&drill(2), &[Control::SharedRunners])).await.unwrap().is_ok());
    let (outcome, told) = give_back(&wire, &drill(1), &away(&[Control::SharedRunners])).await;
    assert_eq!((outcome, memory.off.lock().unwrap().len()), (Outcome::AllBack, 0), "{told:?}");
    assert!(lease::held(&wire).await.unwrap().is_of(&drill(2)));
}

#[tokio::test]
async fn a_lease_is_renewed_only_where_it_is_read_back() {
    let (memory, wire) = memory();
    let (own, other) = (lease_of(&drill(1), &[]), lease_of(&drill(2), &[]));
    assert!(lease::take(&wire, &own).await.unwrap().is_ok());
    *memory.late.lock().unwrap() = other.text();
    let held = lease::renew(&wire, &own).await.unwrap().unwrap_err();
    assert!(held.is_of(&drill(2)), "{held:?}");
}

#[test]
fn a_lease_of_another_form_is_refused_and_nothing_is_guessed() {
    let whole: serde_json::Value = serde_json::from_str(&lease_of(&drill(1), &[Control::SharedRunners]).text().unwrap()).unwrap();
    for field in ["late_until", "begun", "lease_until", "was_on"] {
        let mut old = whole.clone();
        old.as_object_mut().unwrap().remove(field);
        let refused = Lease::read(&old.to_string()).unwrap_err();
        assert!(refused.contains(&format!("missing field `{field}`")), "{refused}");
    }
    let mut foreign = whole.clone();
    foreign["begun"] = 2.into();
    assert_eq!(Lease::read(&foreign.to_string()).unwrap_err(), "it says that 2 of 1 parts may be off");
    foreign = whole.clone();
    foreign["more"] = 1.into();
    assert!(Lease::read(&foreign.to_string()).is_err() && Lease::read(&whole.to_string()).is_ok());
}

#[tokio::test]
async fn a_lease_that_cannot_be_read_is_neither_taken_nor_touched_and_keeps_nothing_cut() {
    let (memory, wire) = memory();
    for strange in ["", "{}", "true", "{\"canship_lease\":2}"] {
        *memory.lease.lock().unwrap() = Some(strange.to_owned());
        *memory.off.lock().unwrap() = vec![Control::SharedRunners];
        let held = lease::take(&wire, &lease_of(&drill(1), &[])).await.unwrap().unwrap_err();
        assert!(matches!(held, Held::Unreadable { .. }), "{held:?}");
        let (outcome, _) = give_back(&wire, &drill(1), &away(&[Control::SharedRunners])).await;
        assert_eq!(outcome, Outcome::AllBack);
        assert_eq!(memory.off.lock().unwrap().len(), 0);
        assert_eq!(memory.lease.lock().unwrap().as_deref(), Some(strange));
    }
}
