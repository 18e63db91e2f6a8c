//! How the steps of a drill reach servers: the machine's proxies, and the plan's private authorities.

use super::Drill;
use crate::{
    network::{Loopback, Network, Ways},
    plan::SpareKind,
};

/// What every room is given: of the proxies those that can be reached from there, and of the authorities everybody who is
/// trusted, if the plan names private ones.
pub(super) fn of(network: &Network, spare: &SpareKind) -> Ways {
    let loopback = if matches!(spare, SpareKind::Host) { Loopback::Reachable } else { Loopback::OutOfReach };
    Ways {
        variables: network.proxies.variables(loopback),
        authorities: network.trust.has_private().then(|| network.trust.bundle("").into()),
    }
}

/// What a drill with them cannot prove.
pub(super) fn limits(drill: &Drill) -> Vec<String> {
    let given = !drill.ways.variables.is_empty();
    let all = drill.network.proxies.all();
    let listed = all.iter().map(|proxy| format!("`{proxy}`")).collect::<Vec<_>>().join(", ");
    let mut limits = Vec::new();
    limits.extend(withheld(drill));
    if given {
        limits.push(format!("the proxies of this machine took part: canship, git and the steps were led through {listed}"));
    } else if !all.is_empty() {
        limits.push(format!("the proxies of this machine took part: canship and git were led through {listed}"));
    }
    if drill.ways.authorities.is_some() {
        limits.push(
            "the tools of the steps were told to trust the authorities of this machine and the plan's `trust`, in place of those \
             that their own system trusts"
                .to_owned(),
        );
    }
    limits
}

/// That a proxy could not be handed to the steps, which is why they may not reach what they need.
pub(super) fn withheld(drill: &Drill) -> Option<String> {
    let proxy = drill.network.proxies.withheld(&drill.ways)?;
    Some(format!(
        "the proxy `{proxy}` is on this machine's loopback, which a clean room does not reach: the steps were not given it"
    ))
}
