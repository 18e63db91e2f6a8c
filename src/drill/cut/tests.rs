//! The protocol against a forge in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    back::{self, Away, Calls, Outcome, Told},
    lease::{self, Held, Lease, Terms},
    wire::Wire,
};
use crate::{
    forge::{
        Budget, Cancel, Created, ForgeError, Found, LeaseStore, Missed, PrimaryPath, Ready, Run, RunRef, Runners, Sight, Snapshot,
        SpareRunners, State, Turned, Unready, Wanted, WayBack, Wish,
    },
    record::{Control, DrillId, ForgeKind, HostId, Place, Text},
};

/// A forge with two switches and room for a lease.
struct Memory {
    place: Place,
    off: Mutex<Vec<Control>>,
    lease: Mutex<Option<String>>,
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
        *self.lease.lock().unwrap() = Some(text.to_owned());
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

    async fn left_by(&self, _: &RunRef, _: &Sight) -> Result<Option<bytes::Bytes>, ForgeError> {
        unreachable!()
    }
}

fn memory() -> (Arc<Memory>, Wire) {
    let place = Place { kind: ForgeKind::Github, url: "https://forge.example".parse().unwrap(), repository: "acme/api".into() };
    let memory = Arc::new(Memory { place, off: Mutex::default(), lease: Mutex::default() });
    let wire = Wire::new(Arc::clone(&memory) as Arc<dyn crate::forge::Forge>, std::time::Duration::from_secs(1));
    (memory, wire)
}

fn drill(number: u32) -> DrillId {
    DrillId::new(Timestamp::UNIX_EPOCH, number)
}

fn lease_of(drill: &DrillId, was_on: &[Control]) -> Lease {
    let (host, who, why) = (HostId::new(1), "somebody".into(), "a drill".into());
    let [max_cut, longest] = [45, 2].map(std::time::Duration::from_mins);
    let terms = Terms { drill, host: &host, who: &who, why: &why, max_cut, longest };
    Lease::new(&terms, was_on.to_vec(), Timestamp::UNIX_EPOCH)
}

fn away(controls: &[Control]) -> Vec<Away> {
    controls.iter().map(|control| Away { control: control.clone(), calls: Calls::Answered }).collect()
}

async fn give_back(wire: &Wire, drill: &DrillId, away: &[Away]) -> (Outcome, Vec<Told>) {
    let told = Mutex::new(Vec::new());
    let tell = |one| told.lock().unwrap().push(one);
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    let outcome = back::give_back(wire, (drill, Calls::Answered), away, (until, &tell)).await;
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
async fn what_another_drills_lease_names_is_left_to_it_and_all_else_is_given_back() {
    let (memory, wire) = memory();
    let parts = [Control::SharedRunners, Control::GroupRunners];
    *memory.off.lock().unwrap() = parts.to_vec();
    assert!(lease::take(&wire, &lease_of(&drill(2), &parts[..1])).await.unwrap().is_ok());
    let (outcome, told) = give_back(&wire, &drill(1), &away(&parts)).await;
    assert_eq!(outcome, Outcome::AllBack);
    assert!(told.contains(&Told::OfAnother(Control::SharedRunners)) && told.contains(&Told::Back(Control::GroupRunners)));
    assert_eq!(*memory.off.lock().unwrap(), parts[..1]);
    assert!(memory.lease.lock().unwrap().is_some());
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
