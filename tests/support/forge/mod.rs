//! Simulators of GitHub and GitLab, as servers on a port of the loopback: a test starts one in its own process, lets the
//! real binary (or a module's client) talk to it, and looks at it from outside while and after that happens.
//!
//! What holds for both:
//! - They keep state as the real ones do, and answer in their shapes and with their texts. [`server::Simulator::with`] sets and
//!   reads that state, [`Simulator::state`](server::Simulator::state) gives what a drill must give back, [`state::differences`] compares two of these.
//! - Every call has a number, from 1, in the order of arrival ([`calls`](server::Simulator::calls)). A [`call::When`] speaks of calls by number
//!   or by route; [`trouble`](server::Simulator::trouble) makes such calls go wrong, [`stop`](server::Simulator::stop) holds them before or after their
//!   effect, so that a test can kill whoever made them exactly there. Nothing here waits for time to pass but what is
//!   told to be slow: what comes "later" at a real forge comes after so many more calls.
//! - Requests and answers are checked against the official contracts ([`contract`]). A request that breaks them is answered
//!   400 and remembered; [`check`](server::Simulator::check), which also runs when the simulator is dropped, panics with all of them. A
//!   token in a URL or a body counts as a breach, too.
//! - A call takes effect whether or not its caller lives to read the answer.
#![cfg(test)]
#![expect(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod call;
pub(crate) mod contract;
pub(crate) mod github;
pub(crate) mod gitlab;
pub(crate) mod runner;
mod serve;
pub(crate) mod server;
mod shape;
mod stamp;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod trouble;
pub(crate) mod world;
