//! canship.yaml: what a release is, where it must land, what it needs, which spare paths exist.
//!
//! Invariants: a plan never holds a secret's value; every value has a place in the file or is a named default; nothing
//! is lost silently: unknown keys are errors, keys of later versions are kept in [`Plan::unverified`].

mod model;

pub use model::{
    Build, BuildImage, Limits, Login, OciTarget, Plan, SecretName, SecretSource, Source, Spare, SpareKind, Step, TagAt,
    TagTemplate, Target, Timeouts, Version,
};
