//! Whole drills against registries that lie, refuse, fail, reset and stall: each ends in the right verdict, with advice
//! that names the cause, and what it leaves behind is listed. Each is paired with the same drill at an honest registry.

#[cfg(test)]
mod bases;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod interrupts;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod logins;
#[cfg(test)]
#[path = "../support/registry/mod.rs"]
#[expect(dead_code, reason = "the tests of the registry client use the rest")]
mod registry;
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod targets;
