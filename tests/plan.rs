//! The plan as others see it: what loads, what is refused, and in which words.

use std::{path::Path, time::Duration};

use canship::plan::{self, Invalid, Loaded, SettingOrigin};
use snapbox::{assert_data_eq, str};

const EXAMPLE: &str = include_str!("../pipelines/canship.yaml");

/// The smallest plan.
const SMALL: &str = "\
release: api
build:
  image: debian:12
  run: [make]
  artifacts: [api]
publish:
  - oci: registry.example/api
";

fn parse(text: &str) -> Loaded {
    plan::parse(text, "canship.yaml").unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn refused(text: &str) -> Invalid {
    match plan::parse(text, "canship.yaml") {
        Ok(_) => panic!("this was taken as a plan:\n{text}"),
        Err(invalid) => invalid,
    }
}

#[test]
fn play() {
    let l = parse(EXAMPLE);
    eprintln!("{}", l.show());
    eprintln!("{:#?}", l.plan.unverified);
    for bad in [
        "",
        "# only\n",
        "- a\n",
        "x",
        "release: [",
        "a: &x 1\nb: *y\n",
        "a: 1\na: 2\n",
        "a: !foo 3",
        "a: b: c",
        "a:\n\t- b",
        "---\na: 1\n---\nb: 2\n",
        "release: api\n? [a]\n: b\n",
        "release: 3.10\n",
        "version: 2\nfoo: 1\n",
        "release: api\ntagret: 3m\n",
        "release: api\nbuild: {run: [1], artifacts: [a]}\n",
        "release: api\nbuild: {rnu: [a], artifacts: [a]}\n",
        "release: api\nbuild: {artifacts: [a]}\n",
        "release: api\nbuild:\n  run: [a]\n",
        "release: api\nbuild:\n",
        "a: \"\\x00\"",
        "a: {",
        "a: 'x",
        "}",
        "a: <<: b",
        "<<: 3",
    ] {
        eprintln!("=== {bad:?}\n{}", refused(bad));
    }
}
