//! `canship clean`: removes what drills that live no more have left, and tells what is still there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;

use super::{
    Failure,
    arguments::{CleanOptions, PlanFormat},
    cut,
    drill::runtime,
    environment, forge, network, output, place,
    plan::load_plan,
};
use crate::{
    drill::{
        self,
        leftovers::{self, Ground, Mode, Seen},
    },
    forge::Forge,
    network::Network,
    plan::{Loaded, OciTarget, SecretName, SpareKind, Target},
    probe,
    record::{Cleaning, Exit, Leftover, Text},
    secret::{Known, Secret},
    state::State,
};

/// The version of the JSON that is printed.
const VERSION: u32 = 1;

pub(super) fn run(options: &CleanOptions) -> Result<Exit, Failure> {
    let loaded = load_plan(&options.plan.plan)?;
    runtime()?.block_on(clean(options, &loaded))
}

async fn clean(options: &CleanOptions, loaded: &Loaded) -> Result<Exit, Failure> {
    // No journal of its own: it puts nothing anywhere, and a full disk must not keep it from making room.
    let (state, own) = (State::open(environment::state().path), drill::new_id());
    let state = state.map_err(|error| Failure::failed("nothing was removed, since it is not known which drills live", &error))?;
    if let Some(note) = place::makeshift() {
        output::warn(&format!("note: {note}"));
    }
    let network = network::network(loaded)?;
    let secrets = logins(loaded).await;
    network.known.add(secrets.values());
    let password = |target: &OciTarget| secrets.get(&target.login.as_ref()?.password).cloned();
    let surroundings = place::surroundings(&state, &loaded.plan);
    let below = environment::temporary();
    let folder = tempfile::tempdir_in(&below).map_err(|reason| {
        Failure::refused(format!("nothing was removed: no folder could be made in `{}`: {reason}", below.display()))
            .advise("make that folder, or set TMPDIR to one that is there and can be written")
    })?;
    let ways = network::of_git(&network, folder.path())?;
    let git = place::git(&loaded.plan, &own, environment::AWS_KEY, ways).telling(network.known.clone());
    let docker_config = environment::docker_config();
    let ground = Ground {
        own: &own,
        surroundings: &surroundings,
        plan: &loaded.plan,
        folder: &loaded.folder,
        git: &git,
        network: &network,
        docker_config: docker_config.as_deref(),
        password: &password,
        forge: forge_of(loaded, &network).await,
    };
    let mode = if options.dry_run { Mode::Look } else { Mode::Remove };
    let list = Mutex::new(List::default());
    let tell = |seen| list.lock().unwrap_or_else(PoisonError::into_inner).add(seen, &network.known);
    let cleaned = leftovers::clean(&ground, mode, &tell, &|| {}).await;
    cleaned.map_err(|error| Failure::failed("nothing was removed", &error))?;
    let list = list.into_inner().unwrap_or_else(PoisonError::into_inner);
    output::result(&match options.format {
        PlanFormat::Text => list.text(mode),
        PlanFormat::Json => list.json(mode),
    })?;
    Ok(if list.left.is_empty() { Exit::CanShip } else { Exit::Degraded })
}

/// The forge of which drills of this plan ask runs, if there is a token for it.
async fn forge_of(loaded: &Loaded, network: &Network) -> Option<Arc<dyn Forge>> {
    let plan = &loaded.plan;
    let primary = plan.primary.as_ref()?;
    plan.spares.iter().find(|spare| matches!(spare.kind, SpareKind::Runner { .. }))?;
    let token = cut::token(loaded, primary).await.ok()?;
    network.known.add([&token]);
    forge::forges(network, plan.timeouts, Vec::new())(&primary.place, token).ok()
}

/// The passwords that registries are logged in to with. One that is missing is told where it is needed.
async fn logins(loaded: &Loaded) -> BTreeMap<SecretName, Secret> {
    let mut secrets = BTreeMap::new();
    for target in &loaded.plan.publish {
        let Target::Oci(OciTarget { login: Some(login), .. }) = target else { continue };
        let Some(source) = loaded.plan.secrets.get(&login.password) else { continue };
        if let Ok(secret) = probe::secret(&login.password, source, &loaded.folder).await {
            secrets.insert(login.password.clone(), secret);
        }
    }
    secrets
}

/// What was found.
#[derive(Default)]
struct List {
    removed: Vec<Text>,
    found: Vec<Text>,
    left: Vec<Leftover>,
}

impl List {
    fn add(&mut self, seen: Seen, known: &Known) {
        let scrub = |mut text: Text| {
            known.hide(&mut text);
            text
        };
        match seen {
            Seen::Cleaned(Cleaning::Gone { what }) => self.removed.push(scrub(what)),
            Seen::Found(what) => self.found.push(scrub(what)),
            Seen::Cleaned(Cleaning::Left(left)) | Seen::Unseen(left) | Seen::Unknown(left) => {
                let mut left = Leftover { what: scrub(left.what), reason: scrub(left.reason), remedy: scrub(left.remedy) };
                left.reason.shorten();
                self.left.push(left);
            }
        }
    }

    fn text(&self, mode: Mode) -> String {
        let lines = self.removed.iter().map(|what| format!("removed       {}\n", what.one_line()));
        let lines = lines.chain(self.found.iter().map(|what| format!("would remove  {}\n", what.one_line())));
        let left = |left: &Leftover| {
            let [what, reason, remedy] = [&left.what, &left.reason, &left.remedy].map(Text::one_line);
            format!("LEFT          {what}\n              {reason}\n              fix: {remedy}\n")
        };
        let lines: String = lines.chain(self.left.iter().map(left)).collect();
        let end = match (self.left.len(), mode) {
            (0, Mode::Remove) => "Nothing is left.".to_owned(),
            (0, Mode::Look) => format!("{} to be removed; nothing was changed.", count(self.found.len())),
            (left, Mode::Remove) => format!("{} left, or could not be looked at.", count(left)),
            (left, Mode::Look) => format!("{} not to be seen or removed; nothing was changed.", count(left)),
        };
        format!("{lines}{end}\n")
    }

    fn json(&self, mode: Mode) -> String {
        let texts = |texts: &[Text]| texts.iter().map(Text::to_string).collect::<Vec<_>>();
        let left = |left: &Leftover| json!({ "what": left.what, "reason": left.reason, "remedy": left.remedy });
        let document = json!({
            "version": VERSION,
            "dry_run": mode == Mode::Look,
            "removed": texts(&self.removed),
            "would_remove": texts(&self.found),
            "left": self.left.iter().map(left).collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    }
}

fn count(things: usize) -> String {
    if things == 1 { "1 thing is".to_owned() } else { format!("{things} things are") }
}
