//! The lease as a variable of the project: GitLab creates a key only once.

use gitlab::api::projects::variables::{CreateProjectVariable, DeleteProjectVariable, ProjectVariable, UpdateProjectVariable};

use super::{Gitlab, MAINTAINER, answers::Variable};
use crate::forge::{Created, ForgeError, ForgeFault, LEASE, call::Call};

impl Gitlab {
    pub(super) async fn read_lease(&self) -> Result<Option<String>, ForgeError> {
        let call = Call::new("reading the lease", MAINTAINER);
        let endpoint = ProjectVariable::builder().project(self.project()).key(LEASE).build();
        match self.ask::<Variable, _>(&call, endpoint).await {
            Ok(variable) => Ok(Some(variable.value)),
            // Said of the variable, to somebody who may see variables; a project that is hidden is called otherwise.
            Err(error) if is_no_variable(error.fault()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn post_lease(&self, text: &str) -> Result<Created, ForgeError> {
        let call = Call::new("creating the lease", MAINTAINER);
        let endpoint = CreateProjectVariable::builder().project(self.project()).key(LEASE).value(text).raw(true).build();
        match self.tell(&call, endpoint).await {
            Ok(()) => Ok(Created::Yes),
            Err(error) if is_taken(error.fault()) => Ok(Created::AlreadyThere),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn put_lease(&self, text: &str) -> Result<(), ForgeError> {
        let call = Call::new("renewing the lease", MAINTAINER);
        self.tell(&call, UpdateProjectVariable::builder().project(self.project()).key(LEASE).value(text).build()).await
    }

    /// Deletes a variable; that there is none is as good.
    pub(super) async fn drop_variable(&self, call: &Call, name: &str) -> Result<(), ForgeError> {
        match self.tell(call, DeleteProjectVariable::builder().project(self.project()).key(name).build()).await {
            Err(error) if is_no_variable(error.fault()) => Ok(()),
            done => done,
        }
    }
}

fn is_no_variable(fault: &ForgeFault) -> bool {
    matches!(fault, ForgeFault::NotFoundOrHidden { words } if words.as_str().contains("Variable Not Found"))
}

fn is_taken(fault: &ForgeFault) -> bool {
    matches!(fault, ForgeFault::Refused { status: 400, words } if words.as_str().contains("has already been taken"))
}
