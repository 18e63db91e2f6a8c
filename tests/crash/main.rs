//! Never left cut: the real binary against the simulators, killed, interrupted and lied to at every single call.

#[cfg(test)]
mod drills;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod rig;
#[cfg(test)]
#[path = "../support/forge/mod.rs"]
#[expect(dead_code, reason = "the tests of the simulators and of spare runners use the rest")]
mod simulator;
