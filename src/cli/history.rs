//! Where a plan's records are kept: composed from the plan and, for a store, from AWS's variables.

use std::time::Duration;

use super::{Failure, environment, output};
use crate::{
    drill::Interrupts,
    history::{Access, Bucket, Delivery, Folder, History, Key, Whereabouts},
    network::Network,
    plan::{self, Loaded, SecretName},
    record::{DrillId, Mode},
    secret::{self, Secret},
};

/// How long a record may take to its store after a signal: whoever sent it waits.
const AFTER_SIGNAL: Duration = Duration::from_secs(2);
/// Where records wait that a store does not have yet, relative to the plan's folder.
const SPOOL: &str = ".canship/history";

/// Where records are kept, and what must be kept out of them.
pub(super) struct Kept {
    pub(super) history: Box<dyn History>,
    /// What opens the store.
    pub(super) secrets: Vec<Secret>,
    /// The variables that it came from.
    pub(super) variables: &'static [&'static str],
}

/// Where this plan's records are kept; none if it says that they are not. A rehearsal reads no key that might publish.
pub(super) async fn of_plan(loaded: &Loaded, mode: Mode, network: &Network) -> Option<Kept> {
    let store = match &loaded.plan.history {
        plan::History::Nowhere => return None,
        plan::History::Folder(folder) => {
            let history = Box::new(Folder::new(loaded.folder.join(folder)));
            return Some(Kept { history, secrets: Vec::new(), variables: &[] });
        }
        plan::History::Store(store) => store,
    };
    let aws = environment::aws();
    let (key, variables): (_, &[&str]) = match (&store.key, mode) {
        (Some(names), Mode::Rehearsal) if !is_harmless(loaded, names) => (
            Err("a rehearsal reads no key that might publish, and `secrets` does not say `publishes: false` of it".to_owned()),
            &[],
        ),
        (None, Mode::Rehearsal) => (Err("a rehearsal takes no key from the environment".to_owned()), &environment::AWS_KEY),
        (Some(names), _) => (of_secrets(loaded, names).await, &[]),
        (None, Mode::Drill) => (of_variables(aws.key), &environment::AWS_KEY),
    };
    let secrets = key.iter().flat_map(|key| [Some(&key.id), Some(&key.secret), key.session.as_ref()]);
    let secrets = secrets.flatten().cloned().collect();
    let endpoint = store.endpoint.clone().or(aws.endpoint);
    let access = Access { endpoint, region: store.region.clone().or(aws.region), key, network: network.clone() };
    let spool = Folder::new(loaded.folder.join(SPOOL));
    let history = Box::new(Bucket::new(store, access, spool, &loaded.plan.timeouts));
    Some(Kept { history, secrets, variables })
}

/// Whether the plan says that nothing can be published with what opens the store.
fn is_harmless(loaded: &Loaded, names: &plan::StoreKey) -> bool {
    [Some(&names.id), Some(&names.secret), names.session.as_ref()]
        .into_iter()
        .flatten()
        .all(|name| loaded.plan.harmless.contains(name))
}

/// What opens the store, from the secrets that the plan names.
async fn of_secrets(loaded: &Loaded, names: &plan::StoreKey) -> Result<Key, String> {
    let read = async |name: &SecretName| match loaded.plan.secrets.get(name) {
        Some(source) => secret::read(source, &loaded.folder).await.map_err(|missing| format!("the secret `{name}`: {missing}")),
        None => Err(format!("the plan has no secret `{name}`")),
    };
    let session = match &names.session {
        Some(name) => Some(read(name).await?),
        None => None,
    };
    Ok(Key { id: read(&names.id).await?, secret: read(&names.secret).await?, session })
}

/// What opens the store, from AWS's variables.
fn of_variables((id, secret, session): environment::AwsKey) -> Result<Key, String> {
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Key { id, secret, session }),
        _ => Err("there is no key".to_owned()),
    }
}

/// Makes ready to keep the record of a drill, before anything is changed.
pub(super) fn prepare(history: &dyn History) -> Result<(), Failure> {
    history.prepare().map_err(|reason| {
        Failure::refused(format!("it did not start and nothing was changed: {reason}"))
            .advise("make it writable, or name another place with `history:` in the plan")
    })
}

/// Brings the record to where it belongs, and says where that is; warns if it is not there.
pub(super) async fn deliver(history: &dyn History, drill: &DrillId, interrupts: &Interrupts) -> String {
    let place = history.place();
    let brought = async {
        if interrupts.which().is_some() {
            tokio::time::timeout(AFTER_SIGNAL, history.deliver(drill)).await.ok()
        } else {
            interrupts.unless(history.deliver(drill)).await
        }
    };
    let delivery = brought.await.unwrap_or_else(|| Delivery {
        record: Whereabouts::Waiting,
        waiting: 1,
        problems: vec!["a signal left no time for it".to_owned()],
    });
    for problem in &delivery.problems {
        output::warn(&format!("warning: the history {place} does not have all records: {problem}"));
    }
    let waiting = delivery.waiting;
    match delivery.record {
        Whereabouts::InPlace if waiting == 0 => format!("  history: kept in {place}"),
        Whereabouts::InPlace => format!("  history: kept in {place}, which lacks {waiting} older ones that wait on this machine"),
        Whereabouts::Waiting => {
            format!("  history: NOT yet in {place}: {waiting} waiting on this machine, for the next drill here to bring")
        }
        Whereabouts::Lost => "  history: NOT KEPT".to_owned(),
    }
}
