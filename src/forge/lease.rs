//! Where a lease is kept: a variable of the repository or project, that only one drill can create.

use async_trait::async_trait;

use super::ForgeError;

/// The variable's name.
pub const LEASE: &str = "CANSHIP_LEASE";

/// The most bytes that a lease may have: what GitLab takes as the value of a variable; GitHub takes more.
pub const LEASE_MAX: usize = 10_000;

/// A variable that never is there: deleting it shows the right to write variables, and changes nothing.
pub(super) const NO_VARIABLE: &str = "CANSHIP_NO_SUCH_VARIABLE";

/// The store of one place's lease. Whose lease it is, and when it may be replaced or deleted, is for whoever calls to
/// know: neither forge can compare before it writes.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// The lease's text. `None` is only said after the forge has shown that this token may see variables.
    ///
    /// # Errors
    /// The forge does not say.
    async fn lease(&self) -> Result<Option<String>, ForgeError>;

    /// Creates it if there is none; of any number who try at once, one succeeds.
    ///
    /// # Errors
    /// The forge did not take it, or its answer was lost.
    async fn create_lease(&self, text: &str) -> Result<Created, ForgeError>;

    /// Writes over it; fails if there is none.
    ///
    /// # Errors
    /// The forge did not take it, or its answer was lost.
    async fn replace_lease(&self, text: &str) -> Result<(), ForgeError>;

    /// Deletes it. `Ok` says that the forge took it, or that it finds none; only [`Self::lease`] tells.
    ///
    /// # Errors
    /// The forge did not take it, or its answer was lost.
    async fn delete_lease(&self) -> Result<(), ForgeError>;

    /// A command for `sh` that deletes it, with the token in `$CANSHIP_TOKEN`.
    fn delete_lease_by_hand(&self) -> String;
}

/// Whether a lease was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was, by this call.
    Yes,
    /// There is one already.
    AlreadyThere,
}
