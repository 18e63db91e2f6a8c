//! Never left cut: the real binary against the simulators, killed, interrupted and lied to at every single call.

#[cfg(test)]
mod attacked;
#[cfg(test)]
mod drills;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod meanwhile;
#[cfg(test)]
mod named;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod rescue;
#[cfg(test)]
mod rig;
#[path = "../support/forge/mod.rs"]
mod simulator;
