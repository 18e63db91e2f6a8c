//! The README says what is: its tables are the code's, its commands and keys exist, its plan loads, its links lead somewhere.

mod support;

use std::{collections::BTreeSet, fs, path::Path};

use canship::{audit::RULES, cli::environment::VARIABLES, record::Exit};
use serde_json::Value;
use support::Canship;

const README: &str = include_str!("../README.md");

/// The rows of the first table after a line that starts so, each with its cells.
fn table(start: &str) -> Vec<Vec<&'static str>> {
    let lines = README.lines().skip_while(|line| !line.starts_with(start)).skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let rows: Vec<Vec<_>> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    assert!(!rows.is_empty(), "there is no table after `{start}`");
    rows
}

/// The lines of every block of code in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut lines = Vec::new();
    let mut open: Option<&str> = None;
    for line in README.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(language), None) => open = Some(language),
            (None, Some(of)) if of == language => lines.push(line),
            (None, _) => {}
        }
    }
    assert!(open.is_none() && !lines.is_empty(), "there is no block of `{language}`");
    lines
}

/// What stands between single backticks outside of blocks.
fn literals(text: &str) -> Vec<&str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// The words of a command up to its comment or redirection.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().take_while(|word| !word.starts_with('#') && *word != ">").collect()
}

/// Every call of canship that is named, without the program's name.
fn calls() -> Vec<Vec<&'static str>> {
    let lines = blocks("").into_iter().chain(literals(README)).map(words);
    let calls: Vec<_> = lines
        .filter_map(|words| match words.as_slice() {
            ["canship", arguments @ ..] | ["cargo", "run", "--release", "--", arguments @ ..] => Some(arguments.to_vec()),
            _ => None,
        })
        .collect();
    assert!(calls.len() >= 8, "{calls:?}");
    calls
}

#[test]
fn the_table_of_exit_codes_is_the_codes() {
    let told: Vec<u8> =
        table("<!-- exit codes").iter().flat_map(|row| row[0].split(", ")).map(|code| code.parse().unwrap()).collect();
    assert_eq!(told, Exit::ALL.map(Exit::code));
}

#[test]
fn the_table_of_environment_variables_is_the_codes() {
    let told: Vec<_> = table("<!-- environment variables").iter().map(|row| (row[0].trim_matches('`'), row[1])).collect();
    assert_eq!(told, VARIABLES.map(|variable| (variable.name, variable.purpose)));
}

#[test]
fn the_table_of_rules_is_the_codes() {
    let told: Vec<_> = table("<!-- rules").iter().map(|row| (row[0].trim_matches('`'), row[1], row[2])).collect();
    assert_eq!(told, RULES.iter().map(|rule| (rule.id, rule.severity.name(), rule.title)).collect::<Vec<_>>());
}

#[test]
fn every_command_in_it_is_one() {
    for arguments in calls() {
        let help = Canship::new(&arguments).argument("--help").run_as_is();
        assert_eq!(help.code, Some(0), "canship {}: {}", arguments.join(" "), help.stderr);
    }
}

#[test]
fn every_flag_in_it_is_one_of_some_command() {
    let helps: Vec<_> = ["drill", "clean", "recover", "plan", "report", "status", "demo", "check", "init"]
        .map(|command| Canship::new(&[command, "--help"]).run_as_is().stdout)
        .into();
    let flags = literals(README).into_iter().flat_map(str::split_whitespace).filter(|word| word.starts_with("--"));
    let flags: BTreeSet<_> = flags.collect();
    assert!(flags.len() >= 2, "{flags:?}");
    for flag in flags {
        assert!(helps.iter().any(|help| help.split([' ', ',', '\n']).any(|word| word == flag)), "{flag}");
    }
}

/// Every key and every fixed value of the schema, and the defaults of the README's own plan.
fn vocabulary() -> BTreeSet<String> {
    fn collect(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                names.extend(object.get("properties").and_then(Value::as_object).into_iter().flat_map(|keys| keys.keys().cloned()));
                names.extend(object.get("const").and_then(Value::as_str).map(str::to_owned));
                names.extend(object.get("default").and_then(Value::as_str).map(str::to_owned));
                names.extend(
                    object.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
                );
                object.values().for_each(|value| collect(value, names));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    collect(&canship::plan::schema(), &mut names);
    let loaded = canship::plan::parse(&blocks("yaml").join("\n"), "README.md");
    names.extend(loaded.into_iter().flat_map(|loaded| loaded.settings).map(|setting| setting.value));
    names
}

#[test]
fn every_key_of_the_plan_in_it_is_one() {
    let known = vocabulary();
    for row in table("### What the plan says") {
        for literal in literals(row[0]).into_iter().chain(literals(row[1])) {
            // `v{version}` is a text with a key in it.
            let literal = literal.strip_prefix("v{").unwrap_or(literal);
            let words = literal.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            for word in words {
                assert!(known.contains(word), "`{word}` is neither key nor value of a plan; known are {known:?}");
            }
        }
    }
}

#[test]
fn its_plan_loads() {
    let plan = blocks("yaml").join("\n");
    let canship = Canship::new(&["plan"]);
    fs::write(canship.folder().join("canship.yaml"), plan).unwrap();
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stdout.contains("not verified"), "the first plan has only what is drilled: {}", ran.stdout);
}

#[test]
fn its_links_and_the_files_it_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links: Vec<_> = README.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()).collect();
    let links = links.into_iter().filter(|link| !link.is_empty() && !link.contains("://"));
    let is_path = |word: &&str| ["ci/", "src/", "pipelines/", "tests/"].iter().any(|folder| word.starts_with(folder));
    let named = literals(README).into_iter().filter(is_path);
    let commands = blocks("").into_iter().filter_map(|line| line.split_whitespace().next()).filter(is_path);
    let paths: Vec<_> = links.chain(named).chain(commands).collect();
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        assert!(root.join(path).exists(), "{path}");
    }
}

#[test]
fn its_first_screen_says_what_it_changes_and_has_the_two_commands() {
    let screen: Vec<_> = README.lines().take(40).collect();
    let screen = screen.join("\n");
    for word in ["cargo run --release -- demo", "\nci/test ", "What a drill changes, and how that is undone"] {
        assert!(screen.contains(word), "{word}");
    }
}
