//! The simulators of GitHub and GitLab, held against what is known of the real ones.

#[cfg(test)]
mod adapters;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod github;
#[cfg(test)]
mod gitlab;
#[cfg(test)]
mod gitlab_runners;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod runners;
#[path = "../support/forge/mod.rs"]
mod simulator;
#[cfg(test)]
mod troubles;
