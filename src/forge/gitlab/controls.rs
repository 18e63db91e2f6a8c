//! Runners of the project, of its groups and of the instance: what the plan wants off, how it stands, how it is turned.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use gitlab::api::{
    projects::{EditProject, pipeline_schedules::EditPipelineSchedule, runners::ProjectRunners},
    runners::{self, EditRunner, RunnerType},
};

use super::{Gitlab, MAINTAINER, answers::Runner};
use crate::{
    forge::{
        Control, Cut, ForgeError, ForgeFault, Found, State, Turned, Wanted, WantedSpare,
        call::{Call, curl},
        wire::Failed,
    },
    record::Text,
};

impl Gitlab {
    pub(super) async fn find_controls(&self, wanted: &Wanted) -> Result<Vec<Found>, ForgeError> {
        let Wanted::Gitlab { runners, schedules, spares } = wanted else {
            return Err(Call::new("reading the plan", "").declined(&self.place, "the plan names parts of GitHub"));
        };
        let spares = Spares::new(try_join_all(spares.iter().map(|spare| self.runners_of_spare(spare))).await?);
        let mut found = self.find_runners(runners.as_deref(), &spares).await?;
        found.extend(self.find_switches(&spares).await?);
        if *schedules {
            found.extend(self.find_schedules().await?);
        }
        Ok(found)
    }

    /// Every runner that would take a spare's job.
    async fn runners_of_spare(&self, spare: &WantedSpare) -> Result<Vec<Runner>, ForgeError> {
        let call = Call::new("listing the runners of a spare of the plan", MAINTAINER);
        let endpoint = ProjectRunners::builder().project(self.project()).tags(spare.labels.iter()).build();
        self.ask_all(&call, endpoint).await
    }

    async fn find_runners(&self, named: Option<&[String]>, spares: &Spares) -> Result<Vec<Found>, ForgeError> {
        let call = Call::new("listing the project's runners", MAINTAINER);
        let endpoint = ProjectRunners::builder().project(self.project()).type_(RunnerType::Project).build();
        let all: Vec<Runner> = self.ask_all(&call, endpoint).await?;
        let Some(named) = named else {
            return try_join_all(all.iter().map(|runner| self.find_unnamed(runner, spares))).await;
        };
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for name in named {
            let before = found.len();
            let meant = |runner: &&Runner| runner.description.as_ref() == Some(name) || runner.id.to_string() == *name;
            for runner in all.iter().filter(meant) {
                if seen.insert(runner.id) {
                    found.push(as_found(runner, spares));
                }
            }
            if found.len() == before && !all.iter().any(|runner| meant(&runner)) {
                let words = format!("no runner of the project has the description or number `{name}`");
                let fault = ForgeFault::NotFoundOrHidden { words: Text::words(&words) };
                return Err(call.failed(&self.place, Failed::harmless(fault)));
            }
        }
        Ok(found)
    }

    /// A runner that the plan does not name: pausing one that serves other projects would take it from them as well.
    async fn find_unnamed(&self, runner: &Runner, spares: &Spares) -> Result<Found, ForgeError> {
        let mut found = as_found(runner, spares);
        if found.cut != Cut::TurnedOff {
            return Ok(found);
        }
        let serves = self.see_runner(&found.control, runner.id).await?.projects.map(|projects| projects.len());
        found.cut = match serves {
            Some(0 | 1) => Cut::TurnedOff,
            Some(more) => {
                let others = more - 1;
                Cut::Left(
                    format!("it serves {others} more projects: name it under `primary.gitlab.runners` to pause it for them too")
                        .into(),
                )
            }
            None => {
                Cut::Left("GitLab does not say which projects it serves: name it under `primary.gitlab.runners` to pause it".into())
            }
        };
        Ok(found)
    }

    /// Whether the project may use the runners of the instance and of its groups.
    async fn find_switches(&self, spares: &Spares) -> Result<Vec<Found>, ForgeError> {
        let project = self.see_project().await?;
        let switches = [
            (Control::SharedRunners, project.shared_runners_enabled, "instance_type"),
            (Control::GroupRunners, project.group_runners_enabled, "group_type"),
        ];
        let mut found = Vec::new();
        for (control, enabled, kind) in switches {
            let state = self.switch(&control, enabled)?;
            let cut = match &state {
                State::On if spares.kinds.contains(kind) => Cut::Left("a spare of the plan is one of them".into()),
                State::On => Cut::TurnedOff,
                _ => Cut::Left("the project did not use them when it was looked at".into()),
            };
            found.push(Found { control, state, cut });
        }
        Ok(found)
    }

    fn switch(&self, control: &Control, enabled: Option<bool>) -> Result<State, ForgeError> {
        let call = Call::new(format!("looking at {control}"), MAINTAINER);
        let hidden = || ForgeFault::NoRights { missing: Text::default(), words: "the answer leaves the setting out".into() };
        let enabled = enabled.ok_or_else(|| call.failed(&self.place, Failed::harmless(hidden())))?;
        Ok(if enabled { State::On } else { State::Off })
    }

    async fn see_runner(&self, control: &Control, id: u64) -> Result<Runner, ForgeError> {
        let call = Call::new(format!("looking at {control}"), MAINTAINER);
        self.ask(&call, runners::Runner::builder().runner(id).build()).await
    }

    pub(super) async fn look_at(&self, control: &Control) -> Result<State, ForgeError> {
        let seen = match control {
            Control::ProjectRunner { id, .. } => self.see_runner(control, *id).await.map(|runner| state(&runner)),
            Control::SharedRunners => return self.switch(control, self.see_project().await?.shared_runners_enabled),
            Control::GroupRunners => return self.switch(control, self.see_project().await?.group_runners_enabled),
            Control::Schedule { id, .. } => self.look_at_schedule(control, *id).await,
            Control::Workflow { .. } | Control::RunnerLabel { .. } => return Err(self.not_of_gitlab(control)),
        };
        match seen {
            Err(error) if matches!(error.fault(), ForgeFault::NotFoundOrHidden { .. }) => {
                if self.is_listed(control).await? {
                    Err(error)
                } else {
                    Ok(State::Gone)
                }
            }
            seen => seen,
        }
    }

    /// Whether it is among all that there are: a token that lost its rights is answered as if a part were gone, and only
    /// who may list them knows that one is not there.
    async fn is_listed(&self, control: &Control) -> Result<bool, ForgeError> {
        match control {
            Control::ProjectRunner { id, .. } => {
                let call = Call::new("listing the project's runners", MAINTAINER);
                let all: Vec<Runner> = self.ask_all(&call, ProjectRunners::builder().project(self.project()).build()).await?;
                Ok(all.iter().any(|runner| runner.id == *id))
            }
            Control::Schedule { id, .. } => Ok(self.list_schedules().await?.iter().any(|schedule| schedule.id == *id)),
            _ => Err(self.not_of_gitlab(control)),
        }
    }

    pub(super) async fn turn(&self, control: &Control, state: &State) -> Result<Turned, ForgeError> {
        let on = match state {
            State::On => true,
            State::Off => false,
            State::Gone | State::Other(_) => {
                let reason =
                    format!("nobody can set it to `{}`: only what was found active is turned off and on", control.word(state));
                return Err(Call::new(format!("setting {control}"), "").declined(&self.place, &reason));
            }
        };
        let call = Call::new(format!("setting {control} to `{}`", control.word(state)), MAINTAINER);
        let told = match control {
            Control::ProjectRunner { id, .. } => self.tell(&call, EditRunner::builder().runner(*id).paused(!on).build()).await,
            Control::SharedRunners => {
                self.tell(&call, EditProject::builder().project(self.project()).shared_runners_enabled(on).build()).await
            }
            Control::GroupRunners => {
                self.tell(&call, EditProject::builder().project(self.project()).group_runners_enabled(on).build()).await
            }
            Control::Schedule { id, .. } => {
                self.tell(&call, EditPipelineSchedule::builder().project(self.project()).id(*id).active(on).build()).await
            }
            Control::Workflow { .. } | Control::RunnerLabel { .. } => Err(self.not_of_gitlab(control)),
        };
        told.map(|()| Turned::Taken)
    }

    pub(super) fn turn_by_hand(&self, control: &Control, state: &State) -> String {
        let on = match state {
            State::On => true,
            State::Off => false,
            State::Gone | State::Other(_) => return format!("# nobody can set {control} to `{}`", control.word(state)),
        };
        let (address, body) = match control {
            Control::ProjectRunner { id, .. } => (self.address(&format!("/runners/{id}")), serde_json::json!({ "paused": !on })),
            Control::SharedRunners => (self.project_address(""), serde_json::json!({ "shared_runners_enabled": on })),
            Control::GroupRunners => (self.project_address(""), serde_json::json!({ "group_runners_enabled": on })),
            Control::Schedule { id, .. } => {
                (self.project_address(&format!("/pipeline_schedules/{id}")), serde_json::json!({ "active": on }))
            }
            Control::Workflow { .. } | Control::RunnerLabel { .. } => return format!("# {control} is nothing of GitLab's"),
        };
        curl("PUT", &address, Some(&body.to_string()))
    }

    fn not_of_gitlab(&self, control: &Control) -> ForgeError {
        Call::new(format!("reaching {control}"), "").declined(&self.place, "there is no such thing at GitLab")
    }
}

/// The runners that the plan's spares are.
struct Spares {
    ids: BTreeSet<u64>,
    /// Whether they are the project's, a group's or the instance's.
    kinds: BTreeSet<String>,
}

impl Spares {
    fn new(found: Vec<Vec<Runner>>) -> Self {
        let all: Vec<Runner> = found.into_iter().flatten().collect();
        Self {
            ids: all.iter().map(|runner| runner.id).collect(),
            kinds: all.into_iter().filter_map(|runner| runner.kind).collect(),
        }
    }
}

fn as_found(runner: &Runner, spares: &Spares) -> Found {
    let state = state(runner);
    let cut = match &state {
        _ if spares.ids.contains(&runner.id) => Cut::Left("it is a spare of the plan".into()),
        State::On => Cut::TurnedOff,
        State::Off => Cut::Left("it was found `paused`, and stays so".into()),
        State::Gone | State::Other(_) => Cut::Left("GitLab does not say whether it is paused".into()),
    };
    let name = runner.description.clone().unwrap_or_default().into();
    Found { control: Control::ProjectRunner { id: runner.id, name }, state, cut }
}

fn state(runner: &Runner) -> State {
    match runner.paused {
        Some(true) => State::Off,
        Some(false) => State::On,
        None => State::Other("unknown".into()),
    }
}
