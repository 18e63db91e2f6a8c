//! canship: can we still ship? Proves that a team can release a hotfix when its usual CI path is gone.
//!
//! Data flows one way: plan → drill → events → record → reports. The modules stand on floors and import downwards
//! only; from the ground up: `record` → `plan`, `pipeline`, `process`, `erase`, `elf` → `archive`, `secret`, `network`,
//! `state` → `source`, `registry`, `forge`, `history` → `spare`, `probe`, `compare`, `audit`,
//! `draft` → `drill` → `report` (which uses `record`, `plan`,
//! `pipeline` and `audit` only) → `cli`.

pub mod archive;
pub mod audit;
pub mod cli;
pub mod compare;
pub mod draft;
pub mod drill;
mod elf;
pub mod erase;
pub mod forge;
pub mod history;
pub mod network;
pub mod pipeline;
pub mod plan;
pub mod probe;
mod process;
pub mod record;
pub mod registry;
pub mod report;
pub mod secret;
pub mod source;
pub mod spare;
pub mod state;
