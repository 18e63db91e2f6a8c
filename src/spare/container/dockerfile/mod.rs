//! Builds the image of a Dockerfile on the engine: by `BuildKit` where there is one, else by the engine's own builder.
//!
//! The build is one call that streams the context up and the builder's words down. The client library reads the words
//! of one kind of builder only and holds a whole context in memory, so this call is made here, by hand.
//!
//! Invariants: the context is the commit, less what `.dockerignore` leaves out, and is never whole anywhere; a secret
//! of the plan goes to `BuildKit` through a session of this build alone, never as an argument; a proxy's address, which may
//! have a login, is one of those arguments that builders keep out of images; a build that is given up has ended on the
//! engine too when [`build`] returns (as far as the engine tells).

mod context;
mod ignore;
mod protobuf;
mod session;
mod trace;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::{Response, body::Incoming};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use self::trace::Words;
use super::{
    super::{BuildOrder, ImageBuilt, OnOutput, RoomPlan, SpareError},
    connect::{Connection, failed},
    create, image, images,
};
use crate::{
    plan::Dockerfile,
    record::{Leftover, StepEnd, Stream, Text},
    secret::Secret,
};

/// How long the engine may take to end a build that was given up.
const ENDING: Duration = Duration::from_secs(30);

/// The longest line of a builder: what a step printed at once, and what tells of it.
const LONGEST_LINE: usize = 16 << 20;

/// What builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    /// In Docker since 18.09.
    BuildKit,
    /// In Podman, behind the API of Docker's first builder.
    Buildah,
}

impl Builder {
    /// The best that the engine has.
    pub(super) fn of(connection: &Connection) -> Self {
        if connection.facts.name.as_str().contains("Podman") { Self::Buildah } else { Self::BuildKit }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BuildKit => "BuildKit",
            Self::Buildah => "Buildah",
        }
    }
}

/// Builds, and gives the words of the builder on as they come.
pub(super) async fn build(
    connection: &Connection,
    (plan, dockerfile): (&RoomPlan, &Dockerfile),
    order: BuildOrder,
    output: OnOutput<'_>,
) -> Result<(StepEnd, Option<ImageBuilt>), SpareError> {
    let builder = Builder::of(connection);
    if builder != Builder::BuildKit && !order.secrets.is_empty() {
        return Err(SpareError::Unsupported(format!(
            "the builder of this engine ({}) takes no secrets but as files of the context, where a build could copy them: \
             `dockerfile.secrets` needs BuildKit",
            builder.name()
        )));
    }
    let halt = order.halt.child_token();
    let BuildOrder { content, ignore, secrets, proxies, time, .. } = order;
    let running = async {
        let session = match builder {
            Builder::BuildKit => Some(session::open(connection, secrets, &halt).await.map_err(broken)?),
            Builder::Buildah => None,
        };
        let body = context::stream(content, &ignore, &dockerfile.file);
        let body = body.map_err(|reason| SpareError::Failed { what: "reading .dockerignore".to_owned(), reason })?;
        let session = session.as_ref().map(session::Session::id);
        let query = query(builder, plan, (dockerfile, &arguments(dockerfile, &proxies), session), connection);
        let path = format!("/v{}/build?{query}", connection.docker.client_version());
        let (response, _connected) = wire::post(connection, &path, body, &halt).await.map_err(broken)?;
        listen(response, output).await
    };
    let mut running = std::pin::pin!(running);
    let end = tokio::select! {
        biased;
        end = &mut running => end?,
        () = tokio::time::sleep(time) => {
            halt.cancel();
            // What it still says is that it was cancelled.
            drop(tokio::time::timeout(ENDING, &mut running).await);
            return Ok((StepEnd::TimedOut { limit: time }, None));
        }
        () = halted(&halt) => StepEnd::Exited { code: 130 },
    };
    if halt.is_cancelled() {
        return Err(SpareError::Ended { reason: "the build was given up".to_owned() });
    }
    if !end.is_success() {
        return Ok((end, None));
    }
    let name = images::name(plan);
    let seen = image::inspect(&connection.docker, &name)
        .await
        .map_err(failed(format!("looking for the image `{name}` that was built")))?;
    Ok((end, Some(ImageBuilt { name, id: seen.id.unwrap_or_default().into(), builder: builder.name() })))
}

/// Whether a build that ended so may still run an instruction on the engine.
pub(super) fn may_go_on(connection: &Connection, ended: &Result<(StepEnd, Option<ImageBuilt>), SpareError>) -> bool {
    let is_given_up = matches!(ended, Err(SpareError::Ended { .. }) | Ok((StepEnd::TimedOut { .. }, _)));
    is_given_up && Builder::of(connection) == Builder::Buildah
}

/// What is left then.
pub(super) fn going_on(plan: &RoomPlan) -> Leftover {
    Leftover {
        what: format!("the instruction that ran when the build of drill {} was given up, if it has not ended", plan.drill).into(),
        reason: "Podman begins no further instruction then, but does not end the one that runs".into(),
        remedy: "on the engine's machine, end the process below `buildah-oci-runtime` (`ps -ef --forest` shows it)".into(),
    }
}

/// Ends some time after the build was given up: the engine then does not end it.
async fn halted(halt: &CancellationToken) {
    halt.cancelled().await;
    tokio::time::sleep(ENDING).await;
}

fn broken(reason: String) -> SpareError {
    SpareError::Failed { what: "building the Dockerfile".to_owned(), reason }
}

/// What `ARG`s are set to: the plan's own words outrank the machine's proxies, which need no `ARG`.
/// Source: <https://docs.docker.com/reference/dockerfile/#predefined-args>.
fn arguments<'a>(dockerfile: &'a Dockerfile, proxies: &'a [(String, Secret)]) -> BTreeMap<&'a str, &'a str> {
    let proxies = proxies.iter().map(|(name, value)| (name.as_str(), value.expose()));
    proxies.chain(dockerfile.args.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
}

/// What the engine is asked for. Cold: nothing of earlier builds is used.
fn query(
    builder: Builder,
    plan: &RoomPlan,
    (dockerfile, arguments, session): (&Dockerfile, &BTreeMap<&str, &str>, Option<&str>),
    connection: &Connection,
) -> String {
    let labels: BTreeMap<_, _> = create::labels(plan).into_iter().collect();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("dockerfile", &dockerfile.file.to_string_lossy()).append_pair("t", &images::name(plan));
    for on in ["nocache", "rm", "forcerm"] {
        query.append_pair(on, "1");
    }
    query.append_pair("labels", &serde_json::to_string(&labels).unwrap_or_default());
    query.append_pair("buildargs", &serde_json::to_string(arguments).unwrap_or_default());
    if let Some(target) = &dockerfile.target {
        query.append_pair("target", target);
    }
    match builder {
        Builder::BuildKit => {
            query.append_pair("version", "2").append_pair("session", session.unwrap_or_default());
        }
        Builder::Buildah => {
            // Nothing in between becomes an image of its own, which nobody could find afterwards.
            query.append_pair("layers", "0");
            if let Some(memory) = plan.limits.memory {
                query.append_pair("memory", &memory.to_string()).append_pair("memswap", &memory.to_string());
            }
            if let Some(cpus) = create::processors(plan, &connection.capacity) {
                query.append_pair("cpuperiod", "100000").append_pair("cpuquota", &format!("{:.0}", cpus * 100_000.0));
            }
        }
    }
    query.finish()
}

/// Passes the builder's words on until it has ended.
async fn listen(mut response: Response<Incoming>, output: OnOutput<'_>) -> Result<StepEnd, SpareError> {
    let mut words = Words::default();
    let mut line = BytesMut::new();
    let is_refusal = !response.status().is_success();
    let mut end = StepEnd::Exited { code: 0 };
    loop {
        let frame = response.frame().await.transpose().map_err(|e| broken(Text::new(&e.to_string()).one_line()))?;
        let is_last = frame.is_none();
        if let Some(data) = frame.and_then(|frame| frame.into_data().ok()) {
            line.extend_from_slice(&data);
        }
        while let Some(at) = line.iter().position(|byte| *byte == b'\n').or((is_last && !line.is_empty()).then_some(line.len())) {
            let one = line.split_to(at);
            drop(line.split_to(usize::from(!line.is_empty())));
            if let Some(failure) = words.take(&one, output) {
                if is_refusal {
                    return Err(broken(Text::new(&failure).one_line()));
                }
                output(Stream::Stderr, format!("{failure}\n").as_bytes());
                end = StepEnd::Exited { code: code(&failure) };
            }
        }
        if line.len() > LONGEST_LINE {
            return Err(broken("the builder says a line that is too long to be one".to_owned()));
        }
        if is_last {
            return if is_refusal { Err(broken(format!("the engine answers {}", response.status()))) } else { Ok(end) };
        }
    }
}

/// The exit code of the instruction that failed, as builders tell it; 1 for any other failure.
fn code(failure: &str) -> i64 {
    let told = ["exit code: ", "exit status "].iter().find_map(|words| failure.rsplit_once(words));
    let digits = told.map(|(_, rest)| rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    digits.and_then(|digits| digits.parse().ok()).filter(|code| *code != 0).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_an_instruction_is_read_from_what_builders_say() {
        assert_eq!(code("executor failed running [/bin/sh -c exit 3]: exit code: 3"), 3);
        assert_eq!(code("building at STEP \"RUN exit 3\": while running runtime: exit status 4"), 4);
        assert_eq!(code("dockerfile parse error line 1: unknown instruction: FORM"), 1);
    }
}
