//! Whole drills where a proxy is the only way out, and where certificates come from an authority of one's own or are
//! wrong: with a real registry over TLS, real git over https, a real forward proxy and a network namespace that nothing
//! but that proxy leads out of. Each fault is paired with the same drill without it.

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod forward;
#[cfg(test)]
#[path = "../support/git_backend.rs"]
mod git_backend;
#[cfg(test)]
mod git_server;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod proxies;
#[cfg(test)]
#[path = "../support/registry/mod.rs"]
#[expect(dead_code, reason = "the tests of the registry client use the rest")]
mod registry;
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod trust;
