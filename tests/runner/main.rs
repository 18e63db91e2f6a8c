//! Drills on a spare runner of a simulated forge: the binary asks for a run, the simulated runner executes the ready
//! pipelines' lines, in which the binary drills in turn, and what that publishes to a real registry is read back.

#[cfg(test)]
mod asked;
#[cfg(test)]
mod drills;
#[cfg(test)]
#[path = "../support/git_backend.rs"]
mod git_backend;
#[cfg(test)]
mod hosted;
#[cfg(test)]
mod pipelines;
#[cfg(test)]
mod private;
#[cfg(test)]
mod rig;
#[path = "../support/forge/mod.rs"]
mod simulator;
#[cfg(test)]
mod states;
#[path = "../support/mod.rs"]
mod support;
