//! The spare is there: its engine answers, its image is at hand, its disk has room.

use crate::{
    record::{Bytes, Finding, Phase, RoomFacts, Rule},
    spare::{self, RoomPlan, Spare},
};

/// What the spare has, and the gap if it has less disk than the plan grants.
///
/// # Errors
/// The finding that it does not answer.
pub async fn spare(spare: &dyn Spare, plan: &RoomPlan) -> Result<(RoomFacts, Option<Finding>), Finding> {
    let facts = spare.look(plan).await.map_err(|error| spare::finding(&error, Phase::Probe))?;
    let short = facts.disk_free.filter(|free| *free < plan.limits.disk).map(|free| {
        let summary =
            format!("{} are free where the build writes, less than the {} it may use", Bytes(free), Bytes(plan.limits.disk));
        Finding::new(Rule::DiskLow, Phase::Probe, summary, "free some disk on the spare, or lower `build.limits.disk`")
    });
    Ok((facts, short))
}
