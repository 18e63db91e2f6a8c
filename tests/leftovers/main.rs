//! Drills that are killed with all that they had put outside, and what the next drill and `canship clean` make of it: on
//! a real engine, at a real registry, with real git, on this machine. What still lives, or only looks alike, is never
//! touched.

#[cfg(test)]
mod apart;
#[cfg(test)]
mod damaged;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod killed;
#[cfg(test)]
#[path = "../registry_drill/lab.rs"]
#[expect(dead_code, reason = "the drills against registries that misbehave use the rest")]
mod lab;
#[cfg(test)]
mod mounted;
#[cfg(test)]
mod pushed;
#[cfg(test)]
#[path = "../support/registry/mod.rs"]
#[expect(dead_code, reason = "the tests of the registry client use the rest")]
mod registry;
#[path = "../support/mod.rs"]
mod support;
