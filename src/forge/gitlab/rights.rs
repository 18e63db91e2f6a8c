//! Exercises the rights that giving back needs, without effect.

use futures_util::future::join_all;
use gitlab::api::personal_access_tokens::PersonalAccessTokenSelf;
use jiff::tz::TimeZone;

use super::{Gitlab, MAINTAINER, answers::Token};
use crate::forge::{
    Control, Cut, Expiry, ForgeError, ForgeFault, Found, Missing, NO_VARIABLE, State, WayBack, call::Call, control::missing,
};

impl Gitlab {
    pub(super) async fn prove_way_back(&self, found: &[Found]) -> Result<WayBack, ForgeError> {
        self.is_not_archived(&Call::new("looking whether the project can be changed", MAINTAINER)).await?;
        let turned = found.iter().filter(|found| found.cut == Cut::TurnedOff && found.state == State::On);
        let controls = join_all(turned.map(|found| self.exercise(&found.control)));
        let (controls, lease) = tokio::join!(controls, self.exercise_lease());
        let mut all = Vec::new();
        for exercised in controls.into_iter().chain([lease]) {
            all.extend(exercised?);
        }
        Ok(WayBack { missing: all, expires: self.expiry().await? })
    }

    /// Sets it to the state it is in, which changes nothing.
    async fn exercise(&self, control: &Control) -> Result<Option<Missing>, ForgeError> {
        missing(self.turn(control, &State::On).await.map(drop), &format!("giving back {control}"), MAINTAINER)
    }

    async fn exercise_lease(&self) -> Result<Option<Missing>, ForgeError> {
        let call = Call::new("trying the right to keep a lease", MAINTAINER);
        missing(self.drop_variable(&call, NO_VARIABLE).await, "keeping a lease", MAINTAINER)
    }

    /// How long the token lasts. Only personal, project and group tokens are told of.
    async fn expiry(&self) -> Result<Expiry, ForgeError> {
        let call = Call::new("asking how long the token lasts", "scope api");
        match self.ask::<Token, _>(&call, PersonalAccessTokenSelf::builder().build()).await {
            Ok(Token { expires_at: None }) => Ok(Expiry::Never),
            Ok(Token { expires_at: Some(day) }) => {
                // Not accepted from the first moment of that day on, by GitLab's clock.
                let moment = day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
                Ok(moment.map_or(Expiry::Unsaid, Expiry::At))
            }
            Err(error) if matches!(error.fault(), ForgeFault::NoRights { .. } | ForgeFault::NotFoundOrHidden { .. }) => {
                Ok(Expiry::Unsaid)
            }
            Err(error) => Err(error),
        }
    }
}
