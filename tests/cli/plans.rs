//! `canship plan`, on right plans and wrong ones.

#![cfg(test)]

use std::{fmt::Write as _, fs};

use serde_json::Value;

use super::{refused, support::Canship};

/// A plan with nothing but what every plan needs.
pub(crate) const SMALL: &str = "\
release: api
build:
  image: debian:12
  run: [make]
  artifacts: [api]
publish:
  - oci: registry.example/api
";

/// A call of `canship plan` in a folder that has this plan.
fn plan(text: impl AsRef<[u8]>) -> Canship {
    let canship = Canship::new(&["plan"]);
    fs::write(canship.folder().join("canship.yaml"), text).unwrap();
    canship
}

#[test]
fn a_plan_is_shown_with_every_default_and_where_each_value_came_from() {
    let ran = plan(SMALL).run_as_is();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let shown =
        |start: &str| ran.stdout.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {}", ran.stdout));
    assert!(shown("release = api ").ends_with("# canship.yaml:1:10"));
    assert!(shown("build.run[0] = make ").ends_with("# canship.yaml:4:9"));
    assert!(shown("publish[0].oci = registry.example/api ").ends_with("# canship.yaml:7:10"));
    for default in ["target = 30m ", "source.ref = main ", "build.run[0].time = 20m ", "spares[0].name = container "] {
        assert!(shown(default).ends_with("# default"));
    }
}

#[test]
fn programs_get_the_same_as_json() {
    let ran = plan(format!("{SMALL}people: {{ decide: on-call }}\n")).argument("--format").argument("json").run_as_is();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = |path: &str| json["settings"].as_array().unwrap().iter().find(|setting| setting["path"] == path).unwrap();
    assert_eq!((&of("release")["value"], &of("release")["origin"]["line"]), (&"api".into(), &1.into()));
    assert_eq!((&of("target")["value"], &of("target")["origin"]), (&"30m".into(), &"default".into()));
    assert_eq!(of("people.decide")["verified"], false);
    assert_eq!(json["unverified"].as_array().unwrap().len(), 1, "{json}");
    let text = plan(SMALL).run_as_is().stdout;
    assert_eq!(json["settings"].as_array().unwrap().len(), text.lines().count() + 1);
}

#[test]
fn the_example_in_the_tree_is_a_plan() {
    let ran = plan(include_str!("../../pipelines/canship.yaml")).run_as_is();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert!(ran.stdout.contains("(not verified by this version)"), "{}", ran.stdout);
}

#[test]
fn a_wrong_plan_is_told_with_its_place_and_what_would_be_right() {
    let token = ["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    let cases = [
        (format!("{SMALL}tagret: 30m\n"), ":8:1", "did you mean `target`?"),
        (format!("{SMALL}target: 30\n"), ":8:9", "write `30m`"),
        (format!("{SMALL}target: 30min\n"), ":8:9", "write `30m`"),
        (format!("{SMALL}release: other\n"), ":8:1", "the key `release` is given twice"),
        (SMALL.replace("  image", "\timage"), ":3:1", "tab"),
        (SMALL.replace("[make]", "[]"), ":4:8", "is an empty list"),
        (SMALL.replace("[make]", "make"), ":4:8", "must be a list, but is text"),
        (SMALL.replace("  artifacts: [api]\n", ""), ":4:3", "`build.run` needs `build.artifacts`"),
        (SMALL.replace("[api]", "[../api]"), ":5:15", "it has `..` in it"),
        (format!("{SMALL}version: 2\n"), ":8:10", "version 1 only"),
        (format!("{SMALL}tag: v1\n"), ":8:6", "{version}"),
        (format!("{SMALL}spares: [{{ name: a, host: {{}}, container: {{}} }}]\n"), ":8:10", "one"),
        (format!("{SMALL}secrets: {{ A: {{ env: A, file: b }} }}\n"), ":8:15", "exactly one of `env`, `file` and `command`"),
        (format!("{SMALL}    login: {{ username: a, password: {token} }}\n"), ":8:37", "token"),
        (format!("{SMALL}secrets: {{ A: {token} }}\n"), ":8:15", "token"),
        (SMALL.replace("[make]", "[make"), ":5:12", "no valid YAML"),
        (String::new(), ":1:1", "empty"),
        ("# nothing but a comment\n".into(), ":1:1", "empty"),
        ("- a\n- b\n".into(), ":1:1", "must be a map"),
    ];
    for (text, place, told) in cases {
        let ran = plan(&text).run_as_is();
        let said = refused(&ran);
        assert!(said.contains(&format!("--> canship.yaml{place}\n")), "{place} is not in:\n{said}\nof:\n{text}");
        assert!(said.contains(told), "{told} is not in:\n{said}");
        assert!(!said.contains(&token[4..]), "a token is shown: {said}");
    }
}

#[test]
fn every_command_that_reads_a_plan_refuses_a_wrong_one_alike() {
    let text = format!("{SMALL}tagret: 30m\n");
    let by_plan = plan(&text).run_as_is().stderr;
    let drill = Canship::new(&["drill", "--plan", "canship.yaml"]);
    fs::write(drill.folder().join("canship.yaml"), &text).unwrap();
    let ran = drill.run_as_is();
    assert_eq!(refused(&ran), by_plan);
}

#[test]
fn hostile_plans_end_in_a_short_and_clear_error() {
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        writeln!(
            bomb,
            "a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}, *a{below}, *a{below}, *a{below}, *a{below}]"
        )
        .unwrap();
    }
    for text in [
        bomb.into_bytes(),
        [b"release: ".to_vec(), vec![b'['; 20_000], vec![b']'; 20_000]].concat(),
        [b"release: ".to_vec(), b"{a: ".repeat(20_000)].concat(),
        b"- ".repeat(20_000),
        vec![b'x'; 2 << 20],
        vec![b'\n'; 2 << 20],
        b"release: \xff\xfe\n".to_vec(),
        b"release: a\0b\n".to_vec(),
        b"release: \"\x1b[31mred\"\n".to_vec(),
    ] {
        let ran = plan(&text).run_as_is();
        let said = refused(&ran);
        assert!(said.contains("--> canship.yaml") && said.len() < 4096, "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}

#[test]
fn a_plan_that_is_not_there_is_named_with_the_reason() {
    for (file, told) in [("nowhere.yaml", "No such file"), (".", "Is a directory"), ("canship.yaml/x", "Not a directory")] {
        let ran = plan(SMALL).argument("--plan").argument(file).run_as_is();
        let said = refused(&ran);
        assert!(said.contains(&format!("--> {file}")) && said.contains(told), "{said}");
    }
    let ran = Canship::new(&["plan", "--plan", "/dev/zero"]).run_as_is();
    assert!(refused(&ran).contains("larger than 1MiB"), "{}", ran.stderr);
}
