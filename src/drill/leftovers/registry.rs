//! What is left at registries: in the plan's scratch repositories, and where journals say.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;

use super::{Ground, Known, LATE, Mode, Noted, Outcome, Seen, Task, unseen};
use crate::{
    plan::{OciTarget, Target},
    probe,
    record::{Cleaning, Leftover},
    registry::{Client, RegistryError},
    state::{Drills, Entry, Item},
};

/// A repository: the target it belongs to, if it is one of the plan's, and what journals say of it.
#[derive(Default)]
struct Repository<'t> {
    target: Option<&'t OciTarget>,
    /// Whether drills push there, so that its tags are looked at.
    is_scratch: bool,
    noted: Vec<Noted<'t>>,
    /// What nobody can look for, and what is no more by now.
    given_up: Vec<(usize, Entry)>,
}

/// One for each repository.
pub(super) fn tasks<'t>(
    ground: &'t Ground<'t>,
    known: &'t Known,
    mode: Mode,
    (drills, noted): (&Drills, &[Noted<'t>]),
) -> Vec<Task<'t>> {
    let mut repositories: BTreeMap<&str, Repository<'t>> = BTreeMap::new();
    for (at, entry, item) in noted {
        let Some(name) = item.repository() else { continue };
        let repository = repositories.entry(name).or_default();
        if matches!(item, Item::Upload { location: None, .. }) && known.is_long_ago(drills.dead[*at].drill()) {
            repository.given_up.push((*at, *entry));
        } else {
            repository.noted.push((*at, *entry, item));
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
    repositories.into_iter().map(task).collect()
}

fn place(name: &str) -> String {
    format!("in the repository {name}")
}

async fn clean(ground: &Ground<'_>, known: &Known, mode: Mode, (name, repository): (&str, Repository<'_>)) -> Outcome {
    let is_noted = !repository.noted.is_empty();
    let mut outcome = Outcome { gone: repository.given_up, ..Outcome::default() };
    let client = match client(ground, name, repository.target).await {
        Ok(client) => client,
        Err(reason) => {
            outcome.seen.push(unseen(&place(name), &reason, is_noted));
            return outcome;
        }
    };
    let inherited = repository.noted.iter().filter_map(|(at, entry, item)| Some(((*at, *entry), client.inherit(item)?)));
    let inherited: Vec<_> = inherited.collect();
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
