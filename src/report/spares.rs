//! What every view says of the plan's spares: what each is, and what it depends on.

use super::words::count;
use crate::record::{DrillFacts, EnginePlace, Independence, Seal, SpareFacts, SpareKind};

/// A spare: what it is, what it depends on, whether the network was cut.
pub(super) fn drilled(spare: &SpareFacts, seal: Seal) -> String {
    let network = match seal {
        Seal::Open => "network not sealed",
    };
    let engine = spare.engine.as_ref().map(|place| format!(" on the engine at {}", engine_place(place))).unwrap_or_default();
    format!("{}{engine}, {}, {network}", spare_kind(spare.kind), depends(spare))
}

/// All spares of the plan, how many they are, and what each but the drilled one depends on.
pub(super) fn of_plan(drill: &DrillFacts) -> Option<String> {
    let one = |spare: &SpareFacts| {
        let name = spare.name.one_line();
        // What that one depends on stands with the drill.
        if spare.name == drill.spare.name {
            format!("`{name}`, drilled")
        } else {
            format!("`{name}` ({}, {})", spare_kind(spare.kind), depends(spare))
        }
    };
    let all: Vec<_> = drill.spares.iter().map(one).collect();
    (!all.is_empty()).then(|| format!("{}: {}", count(all.len(), "spare"), all.join("; ")))
}

fn spare_kind(kind: SpareKind) -> &'static str {
    match kind {
        SpareKind::Container => "container",
        SpareKind::Runner => "runner",
        SpareKind::Host => "host",
    }
}

fn depends(spare: &SpareFacts) -> String {
    let depends = match (spare.independence, spare.kind) {
        (Independence::SameControlPlane, SpareKind::Runner) => "controlled by the forge it should replace",
        (Independence::SameControlPlane, _) => "depends on the forge it should replace",
        (Independence::OtherVendor, _) => "depends on another vendor",
        (Independence::NoVendor, _) => "depends on no vendor",
        (Independence::Unknown, _) => "unknown on whom it depends",
    };
    match &spare.why {
        Some(why) => format!("{depends} ({})", why.one_line()),
        None => depends.to_owned(),
    }
}

/// Where an engine is sought, and why there.
fn engine_place(place: &EnginePlace) -> String {
    format!("`{}` ({})", place.address.one_line(), place.way.one_line())
}
