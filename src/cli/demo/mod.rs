//! `canship demo`: a small real project with a mirror and a registry of its own, drilled for real.

mod project;

use std::{path::PathBuf, time::Duration};

use super::{
    Failure,
    arguments::{Break, DemoOptions},
    drill::{self, Order},
    environment, output,
    plan::load_plan,
};
use crate::{
    drill::{Builds, Registries},
    plan::{self, BuildImage},
    record::{Exit, Mode},
    registry::{Embedded, Rights},
    spare::{
        RoomPlan, Spare as _,
        container::{self, Located},
    },
};

/// Images that have what the demo's project needs, a shell and its tools; the first one that the engine has is used.
const KNOWN_IMAGES: [&str; 12] = [
    "alpine",
    "busybox",
    "debian",
    "ubuntu",
    "debian:stable-slim",
    "debian:bookworm-slim",
    "debian:bookworm",
    "ubuntu:24.04",
    "fedora",
    "rust",
    "node",
    "python",
];

/// Nothing runs while images are looked for.
const LOOK_LIMITS: plan::Limits = plan::Limits { time: Duration::ZERO, cpus: None, memory: None, pids: 0, disk: 0 };

/// How long connecting to the engine may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(options: &DemoOptions) -> Result<Exit, Failure> {
    drill::runtime()?.block_on(demo(options))
}

async fn demo(options: &DemoOptions) -> Result<Exit, Failure> {
    let folder = folder(options)?;
    let rights = if options.breaks == Some(Break::Registry) { Rights::ReadOnly } else { Rights::ReadWrite };
    let registry = Embedded::start(rights).await.map_err(|reason| Failure::failed("the demo's registry did not start", &reason))?;
    let image = match (&options.image, options.host) {
        (Some(image), _) => Ok(image.clone()),
        (None, true) => Err("as asked".to_owned()),
        (None, false) => known_image().await,
    };
    let parts = project::Parts {
        registry: &registry.address().to_string(),
        username: Embedded::USERNAME,
        password: registry.password().expose(),
        image: image.as_deref().ok(),
        breaks: options.breaks,
    };
    let plan_file = project::make(&folder, &parts)?;
    let events = options.outputs.events.clone().unwrap_or_else(|| folder.join("drill.jsonl"));
    let outputs = super::arguments::Outputs { events: Some(events.clone()), ..options.outputs.clone() };
    if !outputs.quiet {
        output::result(&format!("A project, its mirror and a registry are in {}\n", folder.display()))?;
        output::result(&match &image {
            Ok(image) => format!("It is built in a clean container of the image {image}\n\n"),
            Err(reason) => format!("It is built on this machine, not in a clean container: {reason}\n\n"),
        })?;
    }
    let loaded = load_plan(&plan_file)?;
    let (mode, builds, registries) = (Mode::Drill, Builds::Once, Registries::Here);
    let order =
        Order { loaded, plan_file: &plan_file, spare: None, mode, builds, nonce: None, cut: None, outputs: &outputs, registries };
    let exit = Box::pin(drill::rehearse(order)).await?;
    if !outputs.quiet {
        output::result(&next(&plan_file, &events, options.breaks))?;
    }
    Ok(exit)
}

fn folder(options: &DemoOptions) -> Result<PathBuf, Failure> {
    if let Some(folder) = &options.folder {
        return std::path::absolute(folder).map_err(|reason| Failure::failed(format!("`{}`", folder.display()), &reason));
    }
    let below = environment::temporary();
    let made = tempfile::Builder::new().prefix("canship-demo-").tempdir_in(&below);
    made.map(tempfile::TempDir::keep).map_err(|reason| {
        Failure::refused(format!("it did not start: no folder could be made in `{}`: {reason}", below.display()))
            .advise("make that folder, set TMPDIR to one that is there and can be written, or name one: `canship demo DIR`")
    })
}

/// A well-known image that an engine has, or why there is none.
async fn known_image() -> Result<String, String> {
    let engine = container::Engine::new(Located::new(None, environment::surroundings(&[], PATIENCE)));
    for image in KNOWN_IMAGES {
        let plan = RoomPlan {
            drill: crate::record::DrillId::new(jiff::Timestamp::UNIX_EPOCH, 0),
            claim: crate::record::Claim { host: crate::record::HostId::new(0), until: jiff::Timestamp::UNIX_EPOCH },
            purpose: "demo",
            image: Some(BuildImage::Image(image.to_owned())),
            writable: Vec::new(),
            limits: LOOK_LIMITS,
        };
        if engine.look(&plan).await.map_err(|reason| reason.to_string())?.image.is_some() {
            return Ok(image.to_owned());
        }
    }
    Err(format!("the container engine has none of the images {}; `--image NAME` names another", KNOWN_IMAGES.join(", ")))
}

fn next(plan_file: &std::path::Path, events: &std::path::Path, broken: Option<Break>) -> String {
    let (plan_file, events) = (plan_file.display(), events.display());
    let other = match broken {
        None => "canship demo --break registry   what a no looks like (also: secret, build, tag)",
        Some(_) => "canship demo                    the same with nothing broken",
    };
    format!(
        "
Look at
  {plan_file}
  {events}
Try next
  canship plan --plan {plan_file}
  canship report --from {events} --format markdown
  canship status --plan {plan_file} --max-age 30d
  {other}
  then run `canship init` in a project of yours, and `canship drill`
The demo's registry has ended with it: to drill its plan again, name a registry of yours there.
"
    )
}
