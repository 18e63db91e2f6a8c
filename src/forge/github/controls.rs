//! Workflows and labels of runners: what the plan wants off, how it stands, and how it is turned.

use futures_util::future::try_join_all;

use super::{
    ACTIONS_READ, ACTIONS_WRITE, ADMINISTRATION_READ, ADMINISTRATION_WRITE, Github,
    answers::{Labels, Runner, Runners, Workflow, Workflows},
    was,
};
use crate::{
    forge::{
        Control, Cut, ForgeError, ForgeFault, Found, State, Turned, Wanted, WantedSpare,
        call::{Call, curl, part},
        wire::Failed,
    },
    record::Text,
};

impl Github {
    pub(super) async fn find_controls(&self, wanted: &Wanted) -> Result<Vec<Found>, ForgeError> {
        let Wanted::Github { workflows, labels, spares } = wanted else {
            return Err(Call::new("reading the plan", "").declined(&self.place, "the plan names parts of GitLab"));
        };
        let mut found = try_join_all(workflows.iter().map(|file| self.find_workflow(file, spares))).await?;
        if !labels.is_empty() {
            found.extend(self.find_labels(labels, spares).await?);
        }
        Ok(found)
    }

    async fn find_workflow(&self, file: &str, spares: &[WantedSpare]) -> Result<Found, ForgeError> {
        let call = Call::new(format!("looking for workflow `{file}`"), ACTIONS_READ);
        let workflow: Workflow = match self.get(&call, &format!("/actions/workflows/{}", part(file))).await {
            Ok(workflow) => workflow,
            Err(error) if was(&error, |fault| matches!(fault, ForgeFault::NotFoundOrHidden { .. })) => {
                self.is_visible().await?;
                let words = Text::from(format!("there is no `.github/workflows/{file}` on the default branch"));
                return Err(call.failed(&self.place, Failed::harmless(ForgeFault::NotFoundOrHidden { words })));
            }
            Err(error) => return Err(error),
        };
        let path = workflow.path.clone().unwrap_or_else(|| format!(".github/workflows/{file}"));
        if spares.iter().any(|spare| spare.workflow == file) {
            return Err(call.declined(&self.place, "it is the workflow of a spare of the plan: a cut would take the spare away"));
        }
        self.refuse_own(&call, &path).await?;
        let state = state(workflow.state.as_deref());
        let cut = match &state {
            State::On => Cut::TurnedOff,
            state => Cut::Left(format!("it was found `{}`, and stays so", word(state)).into()),
        };
        let name = workflow.name.unwrap_or_default().into();
        Ok(Found { control: Control::Workflow { id: workflow.id, path: path.into(), name }, state, cut })
    }

    /// Every runner of the repository that has a label which is wanted off. Those of an organization work for other
    /// repositories too, and are not the repository's to change.
    async fn find_labels(&self, labels: &[String], spares: &[WantedSpare]) -> Result<Vec<Found>, ForgeError> {
        let call = Call::new("listing the repository's self-hosted runners", ADMINISTRATION_READ);
        let runners = self.get_all(&call, "/actions/runners", |page: Runners| page.runners).await?;
        let mut found = Vec::new();
        for label in labels {
            let before = found.len();
            found.extend(runners.iter().filter_map(|runner| with_label(runner, label, spares)));
            if found.len() == before {
                let words = format!(
                    "no self-hosted runner of the repository has the label `{label}`; those of an organization are not looked at"
                );
                let fault = ForgeFault::NotFoundOrHidden { words: Text::words(&words) };
                return Err(call.failed(&self.place, Failed::harmless(fault)));
            }
        }
        Ok(found)
    }

    pub(super) async fn look_at(&self, control: &Control) -> Result<State, ForgeError> {
        let seen = match control {
            Control::Workflow { id, .. } => {
                let call = Call::new(format!("looking at {control}"), ACTIONS_READ);
                let workflow = self.get::<Workflow>(&call, &format!("/actions/workflows/{id}")).await;
                workflow.map(|workflow| state(workflow.state.as_deref()))
            }
            Control::RunnerLabel { runner, label, .. } => {
                let call = Call::new(format!("looking at {control}"), ADMINISTRATION_READ);
                let labels = self.get::<Labels>(&call, &format!("/actions/runners/{runner}/labels")).await;
                labels.map(
                    |Labels { labels }| {
                        if labels.iter().any(|has| is_label(&has.name, label.as_str())) { State::On } else { State::Off }
                    },
                )
            }
            _ => return Err(self.not_of_github(control)),
        };
        match seen {
            Err(error) if was(&error, |fault| matches!(fault, ForgeFault::NotFoundOrHidden { .. })) => {
                if self.is_listed(control).await? { Err(error) } else { Ok(State::Gone) }
            }
            seen => seen,
        }
    }

    /// Whether it is among all that there are: a token that lost its rights is answered as if a part were gone, and only
    /// who may list them knows that one is not there.
    async fn is_listed(&self, control: &Control) -> Result<bool, ForgeError> {
        self.is_visible().await?;
        match control {
            Control::Workflow { id, .. } => {
                let call = Call::new("listing the workflows", ACTIONS_READ);
                let all = self.get_all(&call, "/actions/workflows", |page: Workflows| page.workflows).await?;
                Ok(all.iter().any(|workflow| workflow.id == *id))
            }
            Control::RunnerLabel { runner, .. } => {
                let call = Call::new("listing the repository's self-hosted runners", ADMINISTRATION_READ);
                let all = self.get_all(&call, "/actions/runners", |page: Runners| page.runners).await?;
                Ok(all.iter().any(|there| there.id == *runner))
            }
            _ => Err(self.not_of_github(control)),
        }
    }

    pub(super) async fn turn(&self, control: &Control, state: &State) -> Result<Turned, ForgeError> {
        let word = control.word(state);
        match (control, state) {
            (Control::Workflow { id, .. }, State::On) => {
                let call = Call::new(format!("enabling {control}"), ACTIONS_WRITE);
                let done = self.crab.workflows(&self.owner, &self.name).enable_workflow(id.to_string()).await;
                done.map(|()| Turned::Taken).map_err(|error| self.failed(&call, error))
            }
            (Control::Workflow { id, .. }, State::Off) => {
                let call = Call::new(format!("disabling {control}"), ACTIONS_WRITE);
                let done = self.crab.workflows(&self.owner, &self.name).disable_workflow(id.to_string()).await;
                already(done.map_err(|error| self.failed(&call, error)), is_not_active)
            }
            (Control::RunnerLabel { runner, label, .. }, State::On) => {
                let call = Call::new(format!("giving back {control}"), ADMINISTRATION_WRITE);
                let body = serde_json::json!({ "labels": [label.as_str()] });
                let done = self.crab._post(self.route(&format!("/actions/runners/{runner}/labels")), Some(&body)).await;
                done.map(|_| Turned::Taken).map_err(|error| self.failed(&call, error))
            }
            (Control::RunnerLabel { runner, label, .. }, State::Off) => {
                let call = Call::new(format!("taking off {control}"), ADMINISTRATION_WRITE);
                let route = self.route(&format!("/actions/runners/{runner}/labels/{}", part(label.as_str())));
                let done = self.crab._delete(route, None::<&()>).await;
                already(done.map(drop).map_err(|error| self.failed(&call, error)), |fault| {
                    matches!(fault, ForgeFault::NotFoundOrHidden { .. })
                })
            }
            (Control::Workflow { .. } | Control::RunnerLabel { .. }, State::Gone | State::Other(_)) => {
                let reason = format!("nobody can set it to `{word}`: only what was found active is turned off and on");
                Err(Call::new(format!("setting {control}"), "").declined(&self.place, &reason))
            }
            _ => Err(self.not_of_github(control)),
        }
    }

    pub(super) fn turn_by_hand(&self, control: &Control, state: &State) -> String {
        match (control, state) {
            (Control::Workflow { id, .. }, State::On) => {
                curl("PUT", &self.address(&format!("/actions/workflows/{id}/enable")), None)
            }
            (Control::Workflow { id, .. }, State::Off) => {
                curl("PUT", &self.address(&format!("/actions/workflows/{id}/disable")), None)
            }
            (Control::RunnerLabel { runner, label, .. }, State::On) => {
                let body = serde_json::json!({ "labels": [label.as_str()] }).to_string();
                curl("POST", &self.address(&format!("/actions/runners/{runner}/labels")), Some(&body))
            }
            (Control::RunnerLabel { runner, label, .. }, State::Off) => {
                curl("DELETE", &self.address(&format!("/actions/runners/{runner}/labels/{}", part(label.as_str()))), None)
            }
            _ => format!("# nobody can set {control} to `{}`", control.word(state)),
        }
    }

    fn not_of_github(&self, control: &Control) -> ForgeError {
        Call::new(format!("reaching {control}"), "").declined(&self.place, "there is no such thing at GitHub")
    }
}

fn with_label(runner: &Runner, wanted: &str, spares: &[WantedSpare]) -> Option<Found> {
    let label = runner.labels.iter().find(|label| is_label(&label.name, wanted))?;
    let has = |wanted: &String| runner.labels.iter().any(|label| is_label(&label.name, wanted));
    let cut = if label.kind.as_deref() == Some("read-only") {
        Cut::Left("GitHub gives this label itself, and lets nobody take it off".into())
    } else if spares.iter().any(|spare| spare.labels.iter().all(has)) {
        Cut::Left("the runner is a spare of the plan".into())
    } else {
        Cut::TurnedOff
    };
    let name = runner.name.clone().unwrap_or_default().into();
    let control = Control::RunnerLabel { runner: runner.id, name, label: label.name.as_str().into() };
    Some(Found { control, state: State::On, cut })
}

/// GitHub does not tell labels apart by case.
fn is_label(has: &str, wanted: &str) -> bool {
    has.eq_ignore_ascii_case(wanted)
}

fn state(word: Option<&str>) -> State {
    match word {
        Some("active") => State::On,
        Some("disabled_manually") => State::Off,
        Some("deleted") => State::Gone,
        other => State::Other(other.unwrap_or("unknown").into()),
    }
}

fn word(state: &State) -> &str {
    match state {
        State::Other(word) => word.as_str(),
        State::Gone => "deleted",
        State::On => "active",
        State::Off => "disabled_manually",
    }
}

/// What GitHub answers when somebody else was first; it has the status of a missing right.
fn is_not_active(fault: &ForgeFault) -> bool {
    matches!(fault, ForgeFault::NoRights { words, .. } if words.as_str().contains("not active"))
}

/// Tells a "no" that says that it is so already from every other one.
fn already(done: Result<(), ForgeError>, is_so: fn(&ForgeFault) -> bool) -> Result<Turned, ForgeError> {
    match done {
        Ok(()) => Ok(Turned::Taken),
        Err(error) if is_so(error.fault()) => Ok(Turned::Already),
        Err(error) => Err(error),
    }
}
