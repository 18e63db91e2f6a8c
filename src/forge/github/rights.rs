//! Exercises the rights that giving back needs, without effect.

use futures_util::future::join_all;

use super::{ACTIONS_WRITE, ADMINISTRATION_WRITE, Github, VARIABLES_WRITE};
use crate::forge::{
    Control, Cut, Expiry, ForgeError, ForgeFault, Found, Missing, NO_VARIABLE, State, WayBack, call::Call, control::missing,
    wire::Failed,
};

impl Github {
    pub(super) async fn prove_way_back(&self, found: &[Found]) -> Result<WayBack, ForgeError> {
        if self.see_repository().await?.archived == Some(true) {
            let call = Call::new("looking whether the repository can be changed", super::METADATA_READ);
            return Err(call.failed(&self.place, Failed::harmless(ForgeFault::Archived { words: "`archived` is true".into() })));
        }
        let turned = found.iter().filter(|found| found.cut == Cut::TurnedOff && found.state == State::On);
        let controls = join_all(turned.map(|found| self.exercise(&found.control)));
        let (controls, lease) = tokio::join!(controls, self.exercise_lease());
        let mut all = Vec::new();
        for exercised in controls.into_iter().chain([lease]) {
            all.extend(exercised?);
        }
        Ok(WayBack { missing: all, expires: self.expiry().await? })
    }

    /// Sets it to the state it is in: enabling an active workflow, or adding a label that is there, changes nothing.
    async fn exercise(&self, control: &Control) -> Result<Option<Missing>, ForgeError> {
        let right = match control {
            Control::Workflow { .. } => ACTIONS_WRITE,
            _ => ADMINISTRATION_WRITE,
        };
        missing(self.turn(control, &State::On).await.map(drop), &format!("giving back {control}"), right)
    }

    async fn exercise_lease(&self) -> Result<Option<Missing>, ForgeError> {
        let call = Call::new("trying the right to keep a lease", VARIABLES_WRITE);
        // "Not found" is only said to somebody who may see them.
        let seen = self.read_lease().await.map(drop);
        if let Some(missing) = missing(seen, "keeping a lease", super::VARIABLES_READ)? {
            return Ok(Some(missing));
        }
        missing(self.drop_variable(&call, NO_VARIABLE).await, "keeping a lease", VARIABLES_WRITE)
    }

    /// How long the token lasts. GitHub says so of tokens with a set end, and of no others; what a job or an app is given
    /// ends within an hour or with the job, and GitHub does not say when.
    async fn expiry(&self) -> Result<Expiry, ForgeError> {
        if let Some(expires) = self.wire.expires() {
            return Ok(expires);
        }
        let call = Call::new("asking whose the token is", super::METADATA_READ);
        match self.crab._get("/user").await.map_err(|error| self.failed(&call, error)) {
            Ok(_) => Ok(self.wire.expires().unwrap_or(Expiry::Never)),
            // A job's or an app's token is nobody's.
            Err(error) if matches!(error.fault(), ForgeFault::NoRights { .. }) => Ok(Expiry::Unsaid),
            Err(error) => Err(error),
        }
    }
}
