//! What of a lease a plan's `primary` names: whoever may write variables may write a lease, and name in it what was off for
//! another reason. What a lease says of a part is compared with the plan, and with what the forge says of that part.

use super::wire::Wire;
use crate::{
    forge::{ForgeError, ForgeFault, Found, Wanted},
    record::Control,
};

/// Parts that a lease names.
pub(super) struct Sorted {
    /// The plan names them too, or there is no plan.
    pub(super) named: Vec<Control>,
    /// The plan does not, and what it says instead.
    pub(super) strange: Vec<(Control, String)>,
}

/// Sorts the parts that a lease names.
pub(super) async fn sort(wire: &Wire, wanted: Option<&Wanted>, controls: &[Control]) -> Sorted {
    let Some(wanted) = wanted else { return Sorted { named: controls.to_vec(), strange: Vec::new() } };
    let mut sorted = Sorted { named: Vec::new(), strange: Vec::new() };
    for control in controls {
        match strange(wire, wanted, control).await {
            None => sorted.named.push(control.clone()),
            Some(reason) => sorted.strange.push((control.clone(), reason)),
        }
    }
    sorted
}

/// Why this is nothing that the plan names.
async fn strange(wire: &Wire, wanted: &Wanted, control: &Control) -> Option<String> {
    let unnamed = || Some("the plan's `primary` does not name it".to_owned());
    let asked = match (wanted, control) {
        (Wanted::Github { workflows, .. }, Control::Workflow { path, .. }) => {
            let file = path.as_str().rsplit('/').next().filter(|file| workflows.iter().any(|wanted| wanted == file));
            let Some(file) = file else { return unnamed() };
            Wanted::Github { workflows: vec![file.to_owned()], labels: Vec::new(), spares: Vec::new() }
        }
        // What is taken off is on no list: the plan's word is all there is.
        (Wanted::Github { labels, .. }, Control::RunnerLabel { label, .. }) => {
            let is_named = labels.iter().any(|wanted| wanted.eq_ignore_ascii_case(label.as_str()));
            return if is_named { None } else { unnamed() };
        }
        (Wanted::Gitlab { .. }, Control::SharedRunners | Control::GroupRunners) => return None,
        (Wanted::Gitlab { schedules, .. }, Control::Schedule { .. }) => return if *schedules { None } else { unnamed() },
        (Wanted::Gitlab { .. }, Control::ProjectRunner { id, .. }) => {
            Wanted::Gitlab { runners: Some(vec![id.to_string()]), schedules: false, spares: Vec::new() }
        }
        (Wanted::Github { .. } | Wanted::Gitlab { .. }, _) => return unnamed(),
    };
    match wire.forge.controls(&asked).await {
        Ok(found) if found.iter().any(|found| is_meant(wanted, control, found)) => None,
        Ok(_) => Some("what has its number at the forge is nothing that the plan's `primary` names".to_owned()),
        Err(error) if is_answer(&error) => Some(error.to_string()),
        // What cannot be compared is not left cut for that.
        Err(_) => None,
    }
}

/// Whether what the forge has found is what the lease means and the plan names.
fn is_meant(wanted: &Wanted, control: &Control, found: &Found) -> bool {
    match (wanted, control, &found.control) {
        (_, Control::Workflow { id, .. }, Control::Workflow { id: seen, .. }) => id == seen,
        (Wanted::Gitlab { runners, .. }, Control::ProjectRunner { id, .. }, Control::ProjectRunner { id: seen, name }) => {
            let is_named = |named: &Vec<String>| named.iter().any(|named| named == name.as_str() || *named == id.to_string());
            id == seen && runners.as_ref().is_none_or(is_named)
        }
        _ => false,
    }
}

/// Whether the forge, or canship itself, says that there is no such part to be cut.
fn is_answer(error: &ForgeError) -> bool {
    matches!(error.fault(), ForgeFault::NotFoundOrHidden { .. } | ForgeFault::Declined { .. })
}
