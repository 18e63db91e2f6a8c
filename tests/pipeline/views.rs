//! `canship pipeline` through the binary: what it prints in each form, and that nothing from a file acts on who reads it.

use canship::pipeline::Target;
use serde_json::Value;

use super::{support::Canship, *};

const WORKFLOW: &str = "name: Ship\non: {push: {tags: ['v*']}}\njobs:\n  build: {runs-on: ubuntu-latest, steps: [{run: make}]}\n  ship:\n    needs: build\n    runs-on: ubuntu-latest\n    steps:\n    - run: cargo publish\n      env: {CARGO_REGISTRY_TOKEN: '${{ secrets.CRATES }}'}\n";

fn shown(folder: &Path, form: &str) -> String {
    let ran = Canship::new(&["pipeline"]).argument(folder).argument("--format").argument(form).run_as_is();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    ran.stdout
}

fn json(folder: &Path) -> Value {
    let value = serde_json::from_str(&shown(folder, "json")).unwrap();
    let schema = serde_json::from_str(include_str!("../../pipelines/pipeline.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    value
}

#[test]
fn json_has_every_key_and_holds_to_its_schema() {
    let folder = repository(&[(".github/workflows/ship.yml", WORKFLOW), (".github/workflows/bad.yml", "a: [")]);
    let value = json(folder.path());
    for key in [
        "release_workflows",
        "secrets",
        "registries",
        "publish_targets",
        "runner_labels",
        "environments",
        "images",
        "actions_third_party",
        "oidc",
    ] {
        assert!(value[key].is_array(), "{key}");
    }
    assert_eq!(value["release_workflows"][0]["value"], ".github/workflows/ship.yml");
    assert_eq!(value["publish_targets"][0]["value"], "crates.io");
    let secret = &value["secrets"][0];
    assert_eq!(
        (&secret["value"], &secret["locations"][0]["line"], &secret["locations"][0]["column"]),
        (&"CRATES".into(), &10.into(), &40.into())
    );
    assert_eq!(value["problems"][0]["file"], ".github/workflows/bad.yml");
    assert_eq!(value["problems"][0]["broken"], true);
}

#[test]
fn the_jobs_that_a_release_waits_for_and_takes_nothing_of_are_shown_with_their_places() {
    let jobs = (0..23).map(|at| format!("t{at}: {{stage: test, script: [test]}}\n")).collect::<Vec<_>>().concat();
    let folder = repository(&[(".gitlab-ci.yml", &format!("{jobs}ship: {{stage: deploy, script: [docker push a/b]}}\n"))]);
    let gates = &json(folder.path())["release_workflows"][0]["gates"];
    assert_eq!(gates.as_array().unwrap().len(), 23);
    assert_eq!(gates[1], serde_json::json!({"id": "t1", "file": ".gitlab-ci.yml", "line": 2, "column": 1}));
    let text = shown(folder.path(), "text");
    assert!(text.contains("  only if these succeed in earlier stages: t0, t1, t2,") && text.contains(", t19, 3 more\n"), "{text}");
    assert!(!text.contains("from which nothing goes"), "{text}");
    let github = repository(&[(".github/workflows/ship.yml", WORKFLOW)]);
    assert_eq!(json(github.path())["release_workflows"][0]["gates"], serde_json::json!([]));
}

#[test]
fn the_schema_names_every_target() {
    let schema: Value = serde_json::from_str(include_str!("../../pipelines/pipeline.schema.json")).unwrap();
    let names = schema["$defs"]["TargetView"]["properties"]["value"]["enum"].as_array().unwrap();
    assert_eq!(names.len(), Target::ALL.len());
    let unique: BTreeSet<&str> = Target::ALL.iter().map(|target| target.name()).collect();
    assert_eq!(unique.len(), Target::ALL.len());
}

#[test]
fn text_tells_the_path_and_why() {
    let folder = repository(&[(".github/workflows/ship.yml", WORKFLOW)]);
    let text = shown(folder.path(), "text");
    for line in [
        "release: .github/workflows/ship.yml (Ship)",
        "  because a tag or a release starts it (`push`)  .github/workflows/ship.yml:2:6",
        "  started by push tags: v*",
        "  job ship  after build  ⇒ crates.io",
        "      read, env  .github/workflows/ship.yml:10:40",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is missing in\n{text}");
    }
    let none = repository(&[("README.md", "x")]);
    assert!(shown(none.path(), "text").starts_with("There are no pipelines here"));
}

#[test]
fn pictures_show_the_path_from_its_start_to_where_it_lands() {
    let folder = repository(&[(".github/workflows/ship.yml", WORKFLOW)]);
    let dot = shown(folder.path(), "dot");
    for line in [
        "    w0 [label=\"push\", shape=oval];",
        "  w0 -> w0j0;",
        "  w0j0 -> w0j1;",
        "  w0j1 -> t0;",
        "  t0 [label=\"crates.io\", shape=cylinder];",
    ] {
        assert!(dot.lines().any(|told| told == line), "{line} is missing in\n{dot}");
    }
    let mermaid = shown(folder.path(), "mermaid");
    for line in ["flowchart LR", "  w0 --> w0j0", "  w0j1 --> t0", "  t0[(\"crates.io\")]"] {
        assert!(mermaid.lines().any(|told| told == line), "{line} is missing in\n{mermaid}");
    }
}

#[test]
fn an_arrow_that_others_say_already_is_left_out_of_a_picture() {
    let job = |id: &str, needs: &str| format!("  {id}: {{needs: [{needs}], runs-on: x, steps: [{{run: cargo publish}}]}}\n");
    let jobs = [job("build", ""), job("test", "build"), job("ship", "build, test"), job("a", "b, ship"), job("b", "a")].concat();
    let folder = repository(&[(".github/workflows/ship.yml", &format!("on: {{push: {{tags: ['*']}}}}\njobs:\n{jobs}"))]);
    let dot = shown(folder.path(), "dot");
    assert!(dot.contains("  w0j1 -> w0j2;") && !dot.contains("  w0j0 -> w0j2;"), "{dot}");
    // Of a circle nothing is left out.
    assert!(dot.contains("  w0j4 -> w0j3;") && dot.contains("  w0j3 -> w0j4;"), "{dot}");
}

#[test]
fn no_name_from_a_file_acts_on_who_reads_it() {
    let hostile = WORKFLOW
        .replace("Ship", "\"\\e[31mred\\u009b31m\\n::set-env name=x::y ##[error]\"")
        .replace("  build:", "  \"\\e]0;t\\a\\\"] --> x\\n::stop\":")
        .replace("needs: build", "needs: [\"\\e]0;t\\a\\\"] --> x\\n::stop\"]");
    let folder = repository(&[(".github/workflows/ship.yml", &hostile)]);
    for form in ["text", "json", "dot", "mermaid"] {
        let out = shown(folder.path(), form);
        assert!(!out.contains(|c: char| c.is_control() && c != '\n'), "{form}: {out:?}");
        assert!(!out.lines().any(|line| line.starts_with("::")) && !out.contains("##["), "{form}: {out}");
        assert!(form != "dot" || out.matches("\\\"").count() == 1, "{out}");
    }
    assert!(!json(folder.path())["release_workflows"].as_array().unwrap().is_empty());
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let ran = Canship::new(&["pipeline", "nowhere"]).run_as_is();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("`nowhere` is no folder"));
}

#[test]
fn one_job_beside_the_path_is_told_as_one() {
    let of = |more: &str| {
        let text = format!("{WORKFLOW}{more}");
        shown(repository(&[(".github/workflows/ship.yml", &text)]).path(), "text")
    };
    let lint = |name: &str| format!("  {name}: {{runs-on: x, steps: [{{run: lint}}]}}\n");
    assert!(of(&lint("a")).contains("and 1 more job, from which nothing goes into what is published"), "{}", of(&lint("a")));
    assert!(of(&(lint("a") + &lint("b"))).contains("and 2 more jobs, from which"), "{}", of(&(lint("a") + &lint("b"))));
}
