//! Drills that took the primary path away, as they could have been.

use canship::record::{
    Control, CutFacts, EventKind, Finding, ForgeKind, Missed, NotBack, Outcome, PartFacts, Phase, Place, PrimaryFacts, Rule, State,
    Text,
};

use crate::drills::{self, Drill};

fn place() -> Place {
    Place { kind: ForgeKind::Github, url: "https://api.github.com".parse().unwrap(), repository: "acme/api".into() }
}

fn workflow(id: u64, file: &str) -> Control {
    Control::Workflow { id, path: format!(".github/workflows/{file}").into(), name: file.into() }
}

fn found() -> EventKind {
    let part = |control, state, left| PartFacts { control, state, left };
    let left = Text::from("it was found `disabled_manually`, and stays so");
    let parts = vec![
        part(workflow(1, "release.yml"), State::On, None),
        part(workflow(2, "nightly.yml"), State::On, None),
        part(workflow(3, "old.yml"), State::Off, Some(left)),
    ];
    EventKind::PrimaryFound(PrimaryFacts { place: place(), parts })
}

/// These happen just before the first event of this kind.
fn just_before(mut drill: Drill, is_it: fn(&EventKind) -> bool, kinds: Vec<EventKind>) -> Drill {
    let index = drill.events.iter().position(|event| is_it(&event.kind)).unwrap();
    let before = drill.events[index].clone();
    let events = kinds.into_iter().map(|kind| canship::record::Event { kind, ..before.clone() });
    drill.events.splice(index..index, events);
    drill.counted()
}

fn with_a_cut(end: Vec<EventKind>) -> Drill {
    let cut = vec![
        EventKind::PhaseStarted { phase: Phase::Cut },
        found(),
        EventKind::CutBegan(CutFacts { who: "octocat (GitHub Actions)".into(), until: "2026-11-21T00:20:12Z".parse().unwrap() }),
        EventKind::TakenAway { control: workflow(1, "release.yml") },
        EventKind::TakenAway { control: workflow(2, "nightly.yml") },
        EventKind::RunCancelled { run: "run 17 of workflow `nightly.yml` (queued)".into() },
        EventKind::PhaseFinished { phase: Phase::Cut, outcome: Outcome::Passed },
    ];
    let is_built = |kind: &EventKind| matches!(kind, EventKind::PhaseStarted { phase: Phase::Build });
    let is_cleaned = |kind: &EventKind| matches!(kind, EventKind::PhaseStarted { phase: Phase::Clean });
    just_before(just_before(drills::can_ship(), is_built, cut), is_cleaned, end)
}

/// All came back.
pub(crate) fn cut() -> Drill {
    let missed = Missed {
        what: "`main` moved to 4f1c0a9be2d3".into(),
        start: "`gh workflow run release.yml --repo acme/api --ref main`".into(),
    };
    with_a_cut(vec![
        EventKind::PhaseStarted { phase: Phase::Restore },
        EventKind::GivenBack { control: workflow(2, "nightly.yml") },
        EventKind::GivenBack { control: workflow(1, "release.yml") },
        EventKind::CutEnded,
        EventKind::PhaseFinished { phase: Phase::Restore, outcome: Outcome::Passed },
        EventKind::Missed(missed),
        EventKind::ForgeAsked { requests: 37, remaining: Some(4963) },
    ])
}

/// One part could not be given back.
pub(crate) fn still_cut() -> Drill {
    let not = |what: &str, end: &str| NotBack {
        what: what.into(),
        reason: "403: Resource not accessible by personal access token".into(),
        by_hand: format!("printf 'header = \"Authorization: Bearer %s\"\\n' \"$CANSHIP_TOKEN\" | curl -fsS -K - {end}").into(),
    };
    let api = "https://api.github.com/repos/acme/api/actions";
    with_a_cut(vec![
        EventKind::PhaseStarted { phase: Phase::Restore },
        EventKind::GivenBack { control: workflow(2, "nightly.yml") },
        EventKind::NotGivenBack(not("workflow `release.yml`", &format!("-X PUT {api}/workflows/1/enable"))),
        EventKind::NotGivenBack(not("the lease `CANSHIP_LEASE`", &format!("-X DELETE {api}/variables/CANSHIP_LEASE"))),
        EventKind::PhaseFinished { phase: Phase::Restore, outcome: Outcome::Failed },
        EventKind::ForgeAsked { requests: 41, remaining: None },
    ])
}

/// A drill in which every kind of event happens, those of a cut too, each with `text` wherever a text from outside can stand.
pub(crate) fn everything(text: &str) -> Drill {
    let is_cleaned = |kind: &EventKind| matches!(kind, EventKind::Cleaned(_));
    just_before(drills::everything(text), is_cleaned, kinds(&Text::new(text)))
}

fn kinds(text: &Text) -> Vec<EventKind> {
    let text = || text.clone();
    let control = || Control::Workflow { id: 1, path: text(), name: text() };
    let part = |state, left| PartFacts { control: control(), state, left };
    let parts = vec![part(State::On, None), part(State::Other(text()), Some(text()))];
    vec![
        EventKind::PrimaryFound(PrimaryFacts { place: Place { repository: text(), ..place() }, parts }),
        EventKind::CutBegan(CutFacts { who: text(), until: "2026-11-21T00:20:12Z".parse().unwrap() }),
        EventKind::TakenAway { control: control() },
        EventKind::RunCancelled { run: text() },
        EventKind::GivenBack { control: control() },
        EventKind::FoundGone { control: control() },
        EventKind::CutEnded,
        EventKind::NotGivenBack(NotBack { what: text(), reason: text(), by_hand: text() }),
        EventKind::Missed(Missed { what: text(), start: text() }),
        EventKind::ForgeAsked { requests: 1, remaining: None },
        EventKind::Found(Finding::new(Rule::LeaseLost, Phase::Cut, text(), text())),
    ]
}
