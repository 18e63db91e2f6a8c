//! What is left at registries: in the plan's scratch repositories, and where journals say.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;

use super::{Ground, Known, LATE, Mode, Noted, Outcome, Seen, Task, unseen};
use crate::{
    plan::{OciTarget, Target},
    probe,
    record::{Cleaning, Leftover},
    registry::{Client, RegistryError, lost_upload},
    state::{Entry, Item},
};

/// A repository: the target it belongs to, if it is one of the plan's, and what journals say of it.
#[derive(Default)]
struct Repository<'t> {
    target: Option<&'t OciTarget>,
    /// Whether drills push there, so that its tags are looked at.
    is_scratch: bool,
    noted: Vec<Noted<'t>>,
}

/// One for each repository, and one for uploads that nobody can look for.
pub(super) fn tasks<'t>(ground: &'t Ground<'t>, known: &'t Known, mode: Mode, noted: &[Noted<'t>]) -> Vec<Task<'t>> {
    let mut repositories: BTreeMap<&str, Repository<'t>> = BTreeMap::new();
    let mut lost: BTreeMap<&str, Vec<(usize, Entry)>> = BTreeMap::new();
    for (at, entry, item) in noted {
        let Some(name) = item.repository() else { continue };
        if matches!(item, Item::Upload { location: None, blob: None, .. }) {
            lost.entry(name).or_default().push((*at, *entry));
        } else {
            repositories.entry(name).or_default().noted.push((*at, *entry, item));
        }
    }
    for target in &ground.plan.publish {
        let Target::Oci(target) = target else { continue };
        if let Some(scratch) = &target.scratch {
            let repository = repositories.entry(scratch).or_default();
            (repository.target, repository.is_scratch) = (Some(target), true);
        }
        if let Some(repository) = repositories.get_mut(target.repository.as_str()) {
            repository.target = repository.target.or(Some(target));
        }
    }
    let task = |(name, repository): (&'t str, Repository<'t>)| {
        let late = unseen(&place(name), LATE, !repository.noted.is_empty());
        Task { late, is_scratch: repository.is_scratch, work: clean(ground, known, mode, (name, repository)).boxed() }
    };
    let lost = (!lost.is_empty()).then(|| give_up(lost, mode));
    repositories.into_iter().map(task).chain(lost).collect()
}

/// Uploads whose address never came are told once and then no more: nobody can ever say that they are gone.
fn give_up(lost: BTreeMap<&str, Vec<(usize, Entry)>>, mode: Mode) -> Task<'static> {
    let seen = lost.keys().map(|name| Seen::Cleaned(Cleaning::Left(lost_upload(name)))).collect();
    let gone = if mode == Mode::Remove { lost.into_values().flatten().collect() } else { Vec::new() };
    let work = std::future::ready(Outcome { seen, gone }).boxed();
    Task { late: unseen("as open uploads", LATE, true), is_scratch: false, work }
}

fn place(name: &str) -> String {
    format!("in the repository {name}")
}

async fn clean(ground: &Ground<'_>, known: &Known, mode: Mode, (name, repository): (&str, Repository<'_>)) -> Outcome {
    let is_noted = !repository.noted.is_empty();
    let mut outcome = Outcome::default();
    let client = match client(ground, name, repository.target).await {
        Ok(client) => client,
        Err(reason) => {
            outcome.seen.push(unseen(&place(name), &reason, is_noted));
            return outcome;
        }
    };
    let mut inherited = Vec::new();
    for (at, entry, item) in &repository.noted {
        let taken = match item {
            // The blob may have been mounted instead, and is all that can be looked for.
            Item::Upload { repository, location: None, blob: Some(digest) } => {
                outcome.seen.push(Seen::Cleaned(Cleaning::Left(lost_upload(name))));
                client.inherit(&Item::Blob { repository: repository.clone(), digest: digest.clone() })
            }
            item => client.inherit(item),
        };
        inherited.extend(taken.map(|taken| ((*at, *entry), taken)));
    }
    if repository.is_scratch
        && let Err(error) = inherit_tags(&client, known, &mut outcome).await
    {
        outcome.seen.push(unseen(&place(name), &error.to_string(), is_noted));
    }
    if mode == Mode::Look {
        outcome.seen.extend(client.inherited().into_iter().map(|left| Seen::Found(left.what)));
        return outcome;
    }
    outcome.seen.extend(client.clean_left().await.into_iter().map(Seen::Cleaned));
    outcome.gone.extend(inherited.into_iter().filter(|(_, inherited)| !client.is_left(*inherited)).map(|(entry, _)| entry));
    outcome
}

async fn client(ground: &Ground<'_>, name: &str, target: Option<&OciTarget>) -> Result<Client, String> {
    let keys = probe::Keys { docker: ground.docker_config, timeouts: &ground.plan.timeouts, network: ground.network };
    let found = async {
        let repository = probe::repository(name)?;
        let credentials = match target {
            Some(target) => {
                let password = (ground.password)(target);
                probe::credentials(&repository, target, password.as_ref(), keys).await?
            }
            None => probe::saved_credentials(&repository, keys).await?,
        };
        Ok::<_, crate::record::Finding>((repository, credentials))
    };
    let (repository, credentials) = found.await.map_err(|finding| finding.summary.to_string())?;
    Client::new(repository, credentials, &ground.plan.timeouts, ground.network).map_err(|error| error.to_string())
}

/// Takes over the tags of drills that live no more, each with all that only it leads to.
async fn inherit_tags(client: &Client, known: &Known, outcome: &mut Outcome) -> Result<(), RegistryError> {
    for drill in client.tagged_drills().await?.into_iter().filter(|drill| known.is_dead(drill, None)) {
        if let Err(error) = client.inherit_tag(&drill).await {
            outcome.seen.push(Seen::Cleaned(Cleaning::Left(Leftover {
                what: format!("what drill {drill} has pushed to {}", client.repository()).into(),
                reason: error.to_string().into(),
                remedy: "see to it that the registry gives what it has, then run `canship clean` again".into(),
            })));
        }
    }
    Ok(())
}
