//! canship.yaml: what a release is, where it must land, what it needs, which spare paths exist.
//!
//! Text becomes a tree that knows its places (`tree`), the tree becomes the types of the schema (`de`, `raw`),
//! these become the plan with every default (`resolve`), and that a list of values with their origins (`settings`).
//!
//! Invariants: a plan never holds a secret's value; every value has a place in the file or is a named default; nothing
//! is lost silently: unknown keys are errors, keys of later versions are kept in [`Plan::unverified`]; no input panics.

mod blackout;
mod checks;
mod cursor;
mod de;
mod ignore;
mod load;
mod model;
mod names;
mod needs;
mod primary;
mod problem;
mod raw;
mod raw_check;
mod raw_dockerfile;
mod raw_history;
mod raw_later;
mod raw_primary;
mod raw_release;
mod raw_runner;
mod resolve;
mod resolve_build;
mod resolve_dockerfile;
mod resolve_history;
mod resolve_later;
mod resolve_primary;
mod resolve_publish;
mod resolve_release;
mod resolve_runner;
mod schema;
mod settings;
mod suspect;
mod token;
mod tree;
mod unit;
mod yaml_error;

pub use blackout::{Blackout, UnknownZone};
pub use ignore::Ignore;
pub use load::{Loaded, load, parse};
pub use model::{
    Addressing, Build, BuildImage, Dockerfile, History, Limits, Login, OciTarget, Plan, Release, ReleaseAccess, ReleasePlace,
    SecretName, SecretSource, Source, Spare, SpareKind, Step, Store, StoreKey, TagAt, TagTemplate, Target, Template, Timeouts,
    Version,
};
pub use primary::{LATE_EFFECT, Primary, PrimaryParts, Running};
pub use problem::{Colour, Invalid, Problem};
pub use schema::schema;
pub use settings::{Setting, SettingOrigin};
pub use token::without_tokens;
pub use unit::parse_duration;
