//! Drills of projects that are built by a Dockerfile, on Docker and on Podman.

#[cfg(test)]
mod builds;
#[cfg(test)]
mod interrupts;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod secrets;
#[path = "../support/mod.rs"]
mod support;
