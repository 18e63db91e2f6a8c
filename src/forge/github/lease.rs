//! The lease as a variable of the repository: GitHub creates a name only once.

use serde_json::json;

use super::{
    Github, VARIABLES_READ, VARIABLES_WRITE,
    answers::{Variable, Variables},
    was,
};
use crate::forge::{Created, ForgeError, ForgeFault, LEASE, call::Call};

/// More variables are not given at once.
const VARIABLES: usize = 30;

impl Github {
    pub(super) async fn read_lease(&self) -> Result<Option<String>, ForgeError> {
        let call = Call::new("reading the lease", VARIABLES_READ);
        match self.get::<Variable>(&call, &format!("/actions/variables/{LEASE}")).await {
            Ok(variable) => Ok(Some(variable.value)),
            Err(error) if was(&error, is_not_found) => self.find_lease(&call).await,
            Err(error) => Err(error),
        }
    }

    /// Seeks it among all variables: a list is only given to who may see it, so that "none" is an answer.
    async fn find_lease(&self, call: &Call) -> Result<Option<String>, ForgeError> {
        let mut page = 1;
        loop {
            let below = format!("/actions/variables?per_page={VARIABLES}&page={page}");
            let Variables { variables } = self.get(call, &below).await?;
            let is_last = variables.len() < VARIABLES;
            if let Some(lease) = variables.into_iter().find(|variable| variable.name == LEASE) {
                return Ok(Some(lease.value));
            }
            if is_last {
                return Ok(None);
            }
            page += 1;
        }
    }

    pub(super) async fn post_lease(&self, text: &str) -> Result<Created, ForgeError> {
        let call = Call::new("creating the lease", VARIABLES_WRITE);
        let body = json!({ "name": LEASE, "value": text });
        match self.crab._post(self.route("/actions/variables"), Some(&body)).await.map_err(|error| self.failed(&call, error)) {
            Ok(_) => Ok(Created::Yes),
            Err(error) if was(&error, |fault| matches!(fault, ForgeFault::Conflict { .. })) => Ok(Created::AlreadyThere),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn patch_lease(&self, text: &str) -> Result<(), ForgeError> {
        let call = Call::new("renewing the lease", VARIABLES_WRITE);
        let body = json!({ "name": LEASE, "value": text });
        let done = self.crab._patch(self.route(&format!("/actions/variables/{LEASE}")), Some(&body)).await;
        done.map(drop).map_err(|error| self.failed(&call, error))
    }

    /// Deletes a variable; that there is none is as good.
    pub(super) async fn drop_variable(&self, call: &Call, name: &str) -> Result<(), ForgeError> {
        let done = self.crab._delete(self.route(&format!("/actions/variables/{name}")), None::<&()>).await;
        match done.map_err(|error| self.failed(call, error)) {
            Ok(_) => Ok(()),
            Err(error) if was(&error, is_not_found) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_not_found(fault: &ForgeFault) -> bool {
    matches!(fault, ForgeFault::NotFoundOrHidden { .. })
}
