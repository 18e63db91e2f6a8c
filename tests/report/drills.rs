//! Drills as they could have been: events made in code, with fixed times.

use std::time::Duration;

use canship::record::{
    Artifact, CheckKind, Cleaning, ComparedWith, ComparisonFacts, ComparisonResult, Difference, DifferenceKind, Digest, DrillFacts,
    DrillId, EngineFacts, EnginePlace, Event, EventKind, Finding, ForgeKind, ImageFacts, Independence, LOG_VERSION, LeftOut,
    Leftover, Mode, Origin, Outcome, Phase, Place, PulledFacts, PushedFacts, ReachedFacts, ReportedFacts, RoomFacts, Rule,
    RunFacts, RunKnown, RunOrder, RunStage, RunnerFacts, RunnerState, RunnersFacts, Seal, Signal, SourceFacts, SpareFacts,
    SpareKind, StepEnd, StepId, Stream, TagFacts, Text, Verdict,
};
use jiff::{SignedDuration, Timestamp};

/// Events with a clock that only goes on when it is told to.
pub(crate) struct Drill {
    now: Timestamp,
    pub(crate) events: Vec<Event>,
}

impl Drill {
    pub(crate) fn start(drill: DrillFacts) -> Self {
        let now = "2026-11-20T23:35:12Z".parse().unwrap();
        Self { now, events: vec![Event { at: now, kind: EventKind::DrillStarted(drill) }] }
    }

    /// Something happens after so many milliseconds.
    pub(crate) fn after(mut self, millis: i64, kind: EventKind) -> Self {
        self.now += SignedDuration::from_millis(millis);
        self.events.push(Event { at: self.now, kind });
        self
    }

    /// The last event, after so many milliseconds.
    pub(crate) fn finished(self, millis: i64) -> Self {
        self.after(millis, EventKind::DrillFinished { events: 0 }).counted()
    }

    /// With the number of events in the last one that came before it.
    pub(crate) fn counted(mut self) -> Self {
        let kept = self.events.iter().filter(|event| event.kind.is_kept()).count() as u64;
        if let Some(Event { kind: EventKind::DrillFinished { events }, .. }) = self.events.last_mut() {
            *events = kept - 1;
        }
        self
    }

    fn phase(self, phase: Phase, millis: i64, outcome: Outcome) -> Self {
        self.after(0, EventKind::PhaseStarted { phase }).after(millis, EventKind::PhaseFinished { phase, outcome })
    }

    fn skipped(self, phase: Phase, reason: &str) -> Self {
        self.after(0, EventKind::PhaseFinished { phase, outcome: Outcome::Skipped { reason: reason.into() } })
    }

    fn check(self, check: CheckKind, subject: &str, outcome: Outcome) -> Self {
        self.after(0, EventKind::CheckStarted { check, subject: subject.into() })
            .after(120, EventKind::CheckFinished { check, subject: subject.into(), outcome })
    }

    fn step(self, id: (Phase, usize), command: &str, output: &[&str], end: (i64, StepEnd)) -> Self {
        let step = StepId { phase: id.0, number: id.1 };
        let mut drill = self.after(0, EventKind::StepStarted { step, command: command.into() });
        for line in output {
            drill = drill.after(0, EventKind::StepOutput { step, stream: Stream::Stderr, line: (*line).into() });
        }
        drill.after(end.0, EventKind::StepFinished { step, end: end.1 })
    }

    fn found(self, finding: Finding) -> Self {
        self.after(0, EventKind::Found(finding))
    }

    fn limited(self, limit: &str) -> Self {
        self.after(0, EventKind::Limited { limit: limit.into() })
    }
}

pub(crate) fn facts() -> DrillFacts {
    DrillFacts {
        log: LOG_VERSION,
        drill: DrillId::try_from("20261120-233512-1f0c9a7e".to_owned()).unwrap(),
        canship: "0.1.0".to_owned(),
        release: "acme-api".into(),
        plan: "canship.yaml".into(),
        plan_digest: Digest::from_sha256(&[0x11; 32]),
        spare: SpareFacts {
            name: "laptop".into(),
            kind: SpareKind::Container,
            independence: Independence::NoVendor,
            why: None,
            engine: Some(EnginePlace { address: "unix:///var/run/docker.sock".into(), way: "named by DOCKER_HOST".into() }),
        },
        spares: Vec::new(),
        target: Duration::from_mins(30),
        seal: Seal::Open,
        mode: Mode::Drill,
        nonce: None,
    }
}

pub(crate) fn room() -> RoomFacts {
    RoomFacts {
        engine: Some(EngineFacts {
            name: "Docker".into(),
            version: "20.10.24".into(),
            api: "1.41".into(),
            platform: "linux/amd64".into(),
            address: "unix:///var/run/docker.sock".into(),
            rootless: Some(false),
        }),
        image: Some(ImageFacts { name: "docker.io/library/rust:1.95-bookworm".into(), id: "sha256:77aa".into(), warm: true }),
        disk_free: Some(48_000_000_000),
    }
}

pub(crate) fn source() -> SourceFacts {
    SourceFacts {
        from: Origin::Mirror,
        url: "ssh://git@spare.example/acme/api.git".into(),
        reference: "main".into(),
        commit: "4f1c0a9be2d37758c6a1f0e9d8b7a65443322110".into(),
        committed_at: "2026-11-20T18:02:44Z".parse().unwrap(),
        behind: Some(0),
        submodules: vec!["vendor/zlib".into()],
    }
}

fn exited(code: i64) -> StepEnd {
    StepEnd::Exited { code }
}

fn image() -> Digest {
    Digest::from_sha256(&[0xab; 32])
}

pub(crate) fn pushed() -> PushedFacts {
    PushedFacts {
        target: "ghcr.io/acme/api".into(),
        reference: "ghcr.io/acme/api-drill:20261120-233512-1f0c9a7e".into(),
        digest: image(),
        marked: None,
        bytes: 12_345_678,
        loopback: false,
    }
}

pub(crate) fn pulled() -> PulledFacts {
    PulledFacts { target: "ghcr.io/acme/api".into(), digest: image(), bytes: 12_346_790 }
}

pub(crate) fn artifact() -> Artifact {
    Artifact { path: "acme-api".into(), size: 31_457_280, digest: Digest::from_sha256(&[0xcd; 32]), executable: true }
}

pub(crate) fn tag() -> TagFacts {
    TagFacts {
        release_tag: "v1.4.2".into(),
        drill_tag: "canship-drill/20261120-233512-1f0c9a7e".into(),
        url: "ssh://git@spare.example/acme/api.git".into(),
        object: "9c2e5b7a".into(),
    }
}

fn access(drill: Drill, registry: Outcome) -> Drill {
    drill
        .after(3, EventKind::PhaseStarted { phase: Phase::Prepare })
        .after(40, EventKind::PhaseFinished { phase: Phase::Prepare, outcome: Outcome::Passed })
        .after(0, EventKind::PhaseStarted { phase: Phase::Probe })
        .check(CheckKind::Secret, "GHCR_TOKEN", Outcome::Passed)
        .check(CheckKind::Spare, "laptop", Outcome::Passed)
        .after(0, EventKind::RoomReady(room()))
        .check(CheckKind::Registry, "ghcr.io/acme/api-drill", registry)
        .check(CheckKind::TagPlace, "ssh://git@spare.example/acme/api.git", Outcome::Passed)
}

fn fetched(drill: Drill) -> Drill {
    fetched_from(drill, source())
}

fn fetched_from(drill: Drill, source: SourceFacts) -> Drill {
    drill
        .after(0, EventKind::PhaseStarted { phase: Phase::Fetch })
        .after(1_240, EventKind::SourceFetched(source))
        .after(5, EventKind::VersionRead { version: "1.4.2".into() })
        .after(0, EventKind::PhaseFinished { phase: Phase::Fetch, outcome: Outcome::Passed })
}

const NOT_SEALED: &str =
    "The network was not sealed: what an outage of github or docker-hub would break in the build is not shown.";

/// Everything worked.
pub(crate) fn can_ship() -> Drill {
    let drill = access(Drill::start(facts()), Outcome::Passed).limited(NOT_SEALED);
    let drill = drill.after(20, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Passed });
    let built = fetched(drill)
        .after(0, EventKind::PhaseStarted { phase: Phase::Build })
        .step(
            (Phase::Build, 1),
            "cargo build --release --locked",
            &["   Compiling acme-api v1.4.2", "    Finished `release` profile"],
            (247_300, exited(0)),
        )
        .step((Phase::Build, 2), "./sign.sh", &["signed target/release/acme-api"], (2_100, exited(0)))
        .after(350, EventKind::ArtifactCollected(artifact()))
        .after(0, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Passed });
    shipped(built)
        .after(0, EventKind::PhaseStarted { phase: Phase::Clean })
        .after(180, EventKind::Cleaned(Cleaning::Gone { what: "tag canship-drill/20261120-233512-1f0c9a7e".into() }))
        .after(310, EventKind::Cleaned(Cleaning::Gone { what: "ghcr.io/acme/api-drill:20261120-233512-1f0c9a7e".into() }))
        .after(90, EventKind::PhaseFinished { phase: Phase::Clean, outcome: Outcome::Passed })
        .finished(1)
}

fn shipped(drill: Drill) -> Drill {
    drill
        .after(0, EventKind::PhaseStarted { phase: Phase::Tag })
        .after(620, EventKind::TagReadBack(tag()))
        .after(0, EventKind::PhaseFinished { phase: Phase::Tag, outcome: Outcome::Passed })
        .after(0, EventKind::PhaseStarted { phase: Phase::Publish })
        .after(
            900,
            EventKind::Progress {
                phase: Phase::Publish,
                what: "pushing sha256:abab".into(),
                done: 6_000_000,
                total: Some(12_345_678),
            },
        )
        .after(2_900, EventKind::ImagePushed(pushed()))
        .after(1_300, EventKind::ImagePulled(pulled()))
        .after(0, EventKind::PhaseFinished { phase: Phase::Publish, outcome: Outcome::Passed })
        .after(0, EventKind::PhaseStarted { phase: Phase::Smoke })
        .step((Phase::Smoke, 1), "./acme-api --version", &["acme-api 1.4.2"], (230, exited(0)))
        .after(400, EventKind::PhaseFinished { phase: Phase::Smoke, outcome: Outcome::Passed })
}

/// Shipped, but late, with a gap and a leftover.
pub(crate) fn degraded() -> Drill {
    let mut facts = facts();
    facts.target = Duration::from_secs(4);
    let drill = access(Drill::start(facts), Outcome::Passed).limited(NOT_SEALED);
    let drill = drill.after(20, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Passed });
    let built = fetched(drill)
        .after(0, EventKind::PhaseStarted { phase: Phase::Build })
        .step((Phase::Build, 1), "make", &["cc -o acme-api main.c"], (1_900, exited(0)))
        .after(350, EventKind::ArtifactCollected(artifact()))
        .after(0, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Passed });
    let leftover = Leftover {
        what: "ghcr.io/acme/api-drill:20261120-233512-1f0c9a7e".into(),
        reason: "the registry answered 405 to the delete: `UNSUPPORTED`".into(),
        remedy: "delete the version on the package's page, or enable deleting at the registry".into(),
    };
    shipped(built)
        .found(Finding::new(
            Rule::OverTarget,
            Phase::Smoke,
            "the release took 10.4 s, the target is 4.0 s",
            "look at the slowest phase first: `publish`; or raise `target:` if 4 s is not what a hotfix needs",
        ))
        .after(0, EventKind::PhaseStarted { phase: Phase::Clean })
        .after(310, EventKind::Cleaned(Cleaning::Left(leftover)))
        .after(90, EventKind::PhaseFinished { phase: Phase::Clean, outcome: Outcome::Passed })
        .finished(1)
}

/// Shipped; the release of the primary path differs, the second build does not, and one could not be compared.
pub(crate) fn compared() -> Drill {
    let drill = access(Drill::start(facts()), Outcome::Passed).limited(NOT_SEALED);
    let drill = drill.after(20, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Passed });
    let built = fetched(drill)
        .after(0, EventKind::PhaseStarted { phase: Phase::Build })
        .step((Phase::Build, 1), "make", &["cc -o acme-api main.c"], (1_900, exited(0)))
        .after(350, EventKind::ArtifactCollected(artifact()))
        .after(0, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Passed });
    let different = ComparisonResult::Differs {
        differences: vec![
            Difference {
                path: "acme-api".into(),
                kind: DifferenceKind::Content {
                    ours: 31_457_280,
                    theirs: Some(31_457_280),
                    offset: Some(568),
                    hint: Some("only the build id differs".into()),
                },
            },
            Difference { path: "share/acme.conf".into(), kind: DifferenceKind::Missing },
        ],
        total: 2,
    };
    let release = |place: &str, result| {
        EventKind::Compared(ComparisonFacts {
            with: ComparedWith::Release,
            subject: "acme-api".into(),
            place: place.into(),
            result,
        })
    };
    let finding = Finding::new(
        Rule::ReleaseDiffers,
        Phase::Compare,
        "`acme-api` is not the same as what the primary path has released, `https://dl.example/v1.4.2/acme-api.tar.gz`: 2 differences",
        "see with `canship drill --twice` whether the build is reproducible at all",
    )
    .with_evidence("`acme-api` has other bytes (30.0 MiB in both), the first difference at byte 568: only the build id differs");
    let second = ComparisonFacts {
        with: ComparedWith::SecondBuild,
        subject: "the build".into(),
        place: "a second build in a fresh room".into(),
        result: ComparisonResult::Same { files: 1, bytes: 31_457_280 },
    };
    shipped(built)
        .after(0, EventKind::PhaseStarted { phase: Phase::Compare })
        .after(700, release("https://dl.example/v1.4.2/acme-api.tar.gz", different))
        .found(finding)
        .after(0, release("ghcr.io/acme/api:v1.4.2", ComparisonResult::NotCompared { reason: "it is not there".into() }))
        .after(0, EventKind::PhaseFinished { phase: Phase::Compare, outcome: Outcome::Failed })
        .after(0, EventKind::PhaseStarted { phase: Phase::Repeat })
        .step((Phase::Repeat, 1), "make", &["cc -o acme-api main.c"], (1_800, exited(0)))
        .after(30, EventKind::Compared(second))
        .after(0, EventKind::PhaseFinished { phase: Phase::Repeat, outcome: Outcome::Passed })
        .phase(Phase::Clean, 410, Outcome::Passed)
        .finished(1)
}

/// A broken build with output that tries things, no push right, and a mirror that is behind.
pub(crate) fn cannot_ship() -> Drill {
    let output = [
        "   Compiling acme-api v1.4.2",
        "::error file=src/main.rs::not a command",
        "   ::set-env name=PATH::/tmp",
        "``` <img src=x> [link](https://evil.example) @team #1 | cell |",
        "\u{1b}[31merror[E0425]\u{1b}[0m: cannot find value `portt` in this scope",
        "  --> src/main.rs:14:20",
        "   |",
        "14 |     listen(portt)",
        "   |            ^^^^^ help: a local variable with a similar name exists: `port`",
        "error: could not compile `acme-api` (bin \"acme-api\") due to 1 previous error",
    ];
    let forbidden = Finding::new(
        Rule::RegistryForbidden,
        Phase::Probe,
        "`ghcr.io/acme/api-drill` accepts the login of `acme-bot`, but not a push",
        "give the token behind `GHCR_TOKEN` the scope `write:packages`, then run `canship drill` again",
    )
    .with_evidence("POST https://ghcr.io/v2/acme/api-drill/blobs/uploads/ was answered 403:\n::error::denied: permission_denied");
    let behind = Finding::new(
        Rule::MirrorBehind,
        Phase::Fetch,
        "the mirror `ssh://git@spare.example/acme/api.git` is 3 commits behind the origin",
        "mirror on every push; see the log of the job that mirrors",
    );
    let broken = Finding::new(
        Rule::BuildStepFailed,
        Phase::Build,
        "build step 1 `cargo build --release --locked` failed: exit code 101",
        "run the same command in a clean clone of the commit; what it needs from this machine is missing in the clean room",
    );
    let drill = access(Drill::start(facts()), Outcome::Failed).found(forbidden).limited(NOT_SEALED);
    let drill = drill.after(20, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Failed });
    fetched_from(drill, SourceFacts { behind: Some(3), ..source() })
        .found(behind)
        .after(0, EventKind::PhaseStarted { phase: Phase::Build })
        .step((Phase::Build, 1), "cargo build --release --locked", &output, (93_450, exited(101)))
        .found(broken)
        .after(15, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Failed })
        .skipped(Phase::Tag, "the build failed")
        .skipped(Phase::Publish, "the build failed")
        .skipped(Phase::Smoke, "nothing came back from a registry")
        .phase(Phase::Clean, 410, Outcome::Passed)
        .finished(1)
}

/// The registry is down.
pub(crate) fn unknown() -> Drill {
    let down = Finding::new(
        Rule::RegistryUnavailable,
        Phase::Probe,
        "`ghcr.io/acme/api-drill` did not answer within 30 s",
        "look at the registry's status page; drill again when it is back",
    );
    let reach =
        Finding::new(Rule::NotReached, Phase::Publish, "the push was not tried", "repair what is named above, then drill again");
    let drill = access(Drill::start(facts()), Outcome::Errored).found(down).limited(NOT_SEALED);
    fetched(drill.after(20, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Errored }))
        .after(0, EventKind::PhaseStarted { phase: Phase::Build })
        .step((Phase::Build, 1), "make", &["cc -o acme-api main.c"], (1_900, exited(0)))
        .after(350, EventKind::ArtifactCollected(artifact()))
        .after(0, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Passed })
        .skipped(Phase::Tag, "the plan has no tag")
        .found(reach)
        .skipped(Phase::Publish, "the registry does not answer")
        .skipped(Phase::Smoke, "nothing came back from a registry")
        .phase(Phase::Clean, 410, Outcome::Passed)
        .finished(1)
}

/// Ctrl-C in the middle of the build.
pub(crate) fn interrupted() -> Drill {
    let drill = access(Drill::start(facts()), Outcome::Passed);
    let step = StepId { phase: Phase::Build, number: 1 };
    let skipped = "interrupted by SIGINT";
    fetched(drill.after(20, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Passed }))
        .after(0, EventKind::PhaseStarted { phase: Phase::Build })
        .after(0, EventKind::StepStarted { step, command: "cargo build --release --locked".into() })
        .after(700, EventKind::StepOutput { step, stream: Stream::Stdout, line: "   Compiling serde v1.0.229".into() })
        .after(15_000, EventKind::Interrupted { signal: Signal::Sigint })
        .after(30, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Errored })
        .skipped(Phase::Tag, skipped)
        .skipped(Phase::Publish, skipped)
        .skipped(Phase::Smoke, skipped)
        .phase(Phase::Clean, 380, Outcome::Passed)
        .finished(1)
}

/// Killed in the middle of the build; its log ends in the middle of a line.
pub(crate) fn crashed() -> Drill {
    let mut drill = can_ship();
    let cut = drill.events.iter().position(|e| matches!(e.kind, EventKind::StepOutput { .. })).unwrap();
    drill.events.truncate(cut + 2);
    drill
}

/// A drill in which every kind of event happens, each with `text` wherever a text from outside can stand.
pub(crate) fn everything(text: &str) -> Drill {
    let text = || Text::new(text);
    let step = StepId { phase: Phase::Build, number: 1 };
    let smoke = StepId { phase: Phase::Smoke, number: 1 };
    let finding = Finding::new(Rule::BuildStepFailed, Phase::Build, text(), text()).with_evidence(text());
    let gap = Finding::new(Rule::NoSmoke, Phase::Smoke, text(), text()).with_evidence(text()).with_evidence(text());
    let spare = SpareFacts {
        name: text(),
        kind: SpareKind::Host,
        independence: Independence::OtherVendor,
        why: Some(text()),
        engine: Some(EnginePlace { address: text(), way: text() }),
    };
    let spares = vec![spare.clone(), spare.clone()];
    let drill_facts = DrillFacts { release: text(), plan: text(), spare, spares, canship: text().to_string(), ..facts() };
    let engine = EngineFacts { name: text(), version: text(), api: text(), platform: text(), address: text(), rootless: None };
    let image = ImageFacts { name: text(), id: text(), warm: false };
    let from = SourceFacts {
        from: Origin::Origin,
        url: text(),
        reference: text(),
        commit: text(),
        behind: None,
        submodules: vec![text()],
        ..source()
    };
    let leftover = Leftover { what: text(), reason: text(), remedy: text() };
    let place = Place { kind: ForgeKind::Gitlab, url: "https://forge.example".parse().unwrap(), repository: text() };
    let order = RunOrder { place, workflow: text(), reference: text(), nonce: "0123456789abcdef".parse().unwrap() };
    let runner = RunnerFacts {
        name: text(),
        scope: text(),
        state: RunnerState::Offline,
        version: Some(text()),
        labels: vec![text()],
        contacted: None,
    };
    let reached = ReachedFacts { stage: RunStage::Done, at: None, runner: Some(text()), conclusion: Some(text()) };
    let reported = ReportedFacts {
        drill: drill_facts.drill.clone(),
        canship: text(),
        verdict: Verdict::Unknown,
        spare: text(),
        commit: Some(text()),
        time_to_ship: None,
    };
    let compared =
        |result| EventKind::Compared(ComparisonFacts { with: ComparedWith::Release, subject: text(), place: text(), result });
    let differences = [
        DifferenceKind::Kind { ours: text(), theirs: text() },
        DifferenceKind::Target { ours: text(), theirs: text() },
        DifferenceKind::Content { ours: 1, theirs: None, offset: None, hint: Some(text()) },
    ];
    let differences = differences.map(|kind| Difference { path: text(), kind }).into();
    Drill::start(drill_facts)
        .after(1, EventKind::PhaseStarted { phase: Phase::Probe })
        .after(1, EventKind::CheckStarted { check: CheckKind::Secret, subject: text() })
        .after(
            1,
            EventKind::CheckFinished { check: CheckKind::Secret, subject: text(), outcome: Outcome::Skipped { reason: text() } },
        )
        .after(1, EventKind::RunnersSeen(RunnersFacts { runners: vec![runner], unread: vec![text()] }))
        .after(1, EventKind::RunAsked(order))
        .after(1, EventKind::RunAccepted(RunFacts { run: 1, url: Some(text()), known: RunKnown::Answered }))
        .after(1, EventKind::RunReached(reached))
        .after(1, EventKind::RunReported(reported))
        .after(1, EventKind::HandedOver { what: text() })
        .after(1, EventKind::RoomReady(RoomFacts { engine: Some(engine), image: Some(image), disk_free: None }))
        .after(1, EventKind::PhaseFinished { phase: Phase::Probe, outcome: Outcome::Errored })
        .after(1, EventKind::SourceFetched(from))
        .after(1, EventKind::VersionRead { version: text() })
        .after(1, EventKind::PhaseStarted { phase: Phase::Build })
        .after(1, EventKind::StepStarted { step, command: text() })
        .after(1, EventKind::StepOutput { step, stream: Stream::Stdout, line: text() })
        .after(1, EventKind::StepOutputLeftOut { step, left_out: LeftOut { lines: 7, bytes: 4096 } })
        .after(1, EventKind::StepOutput { step, stream: Stream::Stderr, line: "the end of it".into() })
        .after(1, EventKind::StepFinished { step, end: StepEnd::OutOfMemory { code: 137 } })
        .after(1, EventKind::ArtifactCollected(Artifact { path: text(), ..artifact() }))
        .after(1, EventKind::PhaseFinished { phase: Phase::Build, outcome: Outcome::Passed })
        .after(1, EventKind::TagReadBack(TagFacts { release_tag: text(), drill_tag: text(), url: text(), object: text() }))
        .after(1, EventKind::ImagePushed(PushedFacts { target: text(), reference: text(), loopback: true, ..pushed() }))
        .after(1, EventKind::Progress { phase: Phase::Publish, what: text(), done: 1, total: None })
        .after(1, EventKind::ImagePulled(PulledFacts { target: text(), ..pulled() }))
        .after(1, EventKind::StepStarted { step: smoke, command: text() })
        .after(1, EventKind::StepFinished { step: smoke, end: StepEnd::TimedOut { limit: Duration::from_millis(1500) } })
        .after(1, EventKind::PhaseFinished { phase: Phase::Smoke, outcome: Outcome::Skipped { reason: text() } })
        .after(1, compared(ComparisonResult::Differs { differences, total: 3 }))
        .after(1, compared(ComparisonResult::NotCompared { reason: text() }))
        .after(1, compared(ComparisonResult::Same { files: 1, bytes: 1 }))
        .after(1, EventKind::Found(finding))
        .after(1, EventKind::Found(gap))
        .after(1, EventKind::Limited { limit: text() })
        .after(1, EventKind::Cleaned(Cleaning::Gone { what: text() }))
        .after(1, EventKind::Cleaned(Cleaning::Left(leftover)))
        .after(1, EventKind::Interrupted { signal: Signal::Sigterm })
        .finished(1)
}
