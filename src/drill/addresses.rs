//! Secrets whose value stands in an address or a name of the drill: reports and commands must show it, and cannot.

use std::collections::BTreeMap;

use super::{Drill, scope::Scope, vault::Vault};
use crate::{
    plan::{SecretName, Target},
    record::{Finding, Phase, Rule},
    registry,
};

/// Tells of each secret whose value stands in an address or a name. The journal has the address as it is, so that what a drill leaves
/// is found and removed all the same.
pub(super) fn judge(drill: &Drill, scope: &Scope, vault: &Vault) {
    let mut found: BTreeMap<&SecretName, Vec<&str>> = BTreeMap::new();
    for (what, address) in addresses(drill) {
        for name in vault.standing_in(&address) {
            let places = found.entry(name).or_default();
            if !places.contains(&what) {
                places.push(what);
            }
        }
    }
    for (name, places) in found {
        let summary = format!(
            "the value of the secret `{name}` stands in {}: reports show that masked, also in commands that should be copied",
            places.join(" and in ")
        );
        let advice = format!("give `{name}` a value that is no part of an address or a name, as random ones are not");
        scope.found(Finding::new(Rule::SecretInAddress, Phase::Probe, summary, advice));
    }
}

/// What the drill and whoever cleans after it must name.
fn addresses(drill: &Drill) -> Vec<(&'static str, String)> {
    let id = drill.journal.drill();
    let mut all = vec![
        ("the names that canship gives", format!("{} canship-drill/{id}", registry::tag_of(id))),
        ("the folder of the drill", drill.workspace.display().to_string()),
        ("the path of the plan", format!("{} {}", drill.facts.plan, drill.folder.display())),
        ("`release`", drill.facts.release.to_string()),
        ("the name of the spare", drill.facts.spare.name.to_string()),
    ];
    for target in &drill.plan.publish {
        if let Target::Oci(target) = target {
            all.push(("`oci`", target.repository.clone()));
            all.extend(target.scratch.iter().map(|scratch| ("`scratch`", scratch.clone())));
        }
    }
    all.extend(drill.plan.primary.iter().map(|primary| ("`primary`", primary.place.to_string())));
    all.extend(drill.plan.source.mirror.iter().map(|mirror| ("`source.mirror`", mirror.clone())));
    all
}
