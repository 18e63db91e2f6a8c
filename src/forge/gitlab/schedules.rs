//! Pipeline schedules: only their owner may switch them, and canship's own are left alone.

use gitlab::api::{
    projects::pipeline_schedules::{PipelineSchedule, PipelineSchedules},
    users::CurrentUser,
};

use super::{
    DEVELOPER, Gitlab,
    answers::{Schedule, User},
};
use crate::forge::{Control, Cut, ForgeError, Found, State, call::Call};

impl Gitlab {
    pub(super) async fn find_schedules(&self) -> Result<Vec<Found>, ForgeError> {
        let call = Call::new("asking whose the token is", "scope read_user");
        let user: User = self.ask(&call, CurrentUser::builder().build()).await?;
        Ok(self.list_schedules().await?.iter().map(|schedule| as_found(schedule, &user)).collect())
    }

    pub(super) async fn list_schedules(&self) -> Result<Vec<Schedule>, ForgeError> {
        let call = Call::new("listing the project's schedules", DEVELOPER);
        self.ask_all(&call, PipelineSchedules::builder().project(self.project()).build()).await
    }

    pub(super) async fn look_at_schedule(&self, control: &Control, id: u64) -> Result<State, ForgeError> {
        let call = Call::new(format!("looking at {control}"), DEVELOPER);
        let schedule: Schedule = self.ask(&call, PipelineSchedule::builder().project(self.project()).id(id).build()).await?;
        Ok(state(&schedule))
    }
}

fn as_found(schedule: &Schedule, user: &User) -> Found {
    let name = schedule.description.clone().unwrap_or_default();
    let owner = schedule.owner.as_ref();
    let state = state(schedule);
    let cut = if name.to_ascii_lowercase().contains("canship") {
        Cut::Left("canship itself runs in it".into())
    } else if state != State::On {
        Cut::Left("it was found inactive, and stays so".into())
    } else if owner.is_none_or(|owner| owner.id != user.id || owner.username != user.username) {
        let whose = owner.and_then(|owner| owner.username.as_deref()).unwrap_or("somebody else");
        Cut::Left(format!("it belongs to `{whose}`: only its owner may switch it").into())
    } else {
        Cut::TurnedOff
    };
    Found { control: Control::Schedule { id: schedule.id, name: name.into() }, state, cut }
}

fn state(schedule: &Schedule) -> State {
    match schedule.active {
        Some(true) => State::On,
        Some(false) => State::Off,
        None => State::Other("unknown".into()),
    }
}
