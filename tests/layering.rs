//! The modules stand on floors and import downwards only, and each thing that reaches outside of the program has one owner.

#[path = "layering/code.rs"]
mod code;
#[path = "layering/rules.rs"]
mod rules;

use std::{fs, io, path::Path};

use rules::{File, LINES, long_files, strays, wrong_imports};

fn src() -> Vec<File> {
    let mut files = Vec::new();
    let done = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(done.is_ok() && files.len() > 10, "the sources cannot be read: {done:?}, {} files", files.len());
    files
}

fn read(folder: &Path, path: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}{name}/"), files)?;
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            files.push(File::new(&format!("{path}{name}"), &fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_run_down_only() {
    none(&wrong_imports(&src()));
}

#[test]
fn what_reaches_outside_has_one_owner() {
    none(&strays(&src()));
}

#[test]
fn no_file_is_too_long() {
    none(&long_files(&src()));
}

fn imports_of(path: &str, source: &str) -> Vec<String> {
    wrong_imports(&[File::new(path, source)])
}

#[test]
fn an_import_that_runs_up_is_caught_in_every_form() {
    for source in [
        "use crate::drill::Engine;",
        "use crate::{\n    plan::Plan,\n    drill::{Engine, Phase},\n};",
        "use crate::{record::{self, Text}, cli};",
        "fn f() { let x = crate::drill::run(); }",
        "pub(crate) use super::super::drill::Engine;",
        "use super::super::{plan::Plan, drill};",
        "use ::canship::x; fn f(_: &dyn crate::cli::Thing) {}",
    ] {
        assert_eq!(imports_of("source/git.rs", source).len(), 1, "{source}");
    }
}

#[test]
fn an_import_that_runs_down_passes() {
    let source = "use crate::{plan::Plan, record::{self, Text}, secret::Secret};\nuse super::Mirror; use super::super::archive;";
    none(&imports_of("source/git.rs", source));
    none(&imports_of("source/mod.rs", "use super::plan::Plan; use self::git::Clone;"));
}

#[test]
fn what_comments_texts_and_tests_say_is_no_import() {
    let source =
        "// use crate::cli;\nconst A: &str = \"crate::cli::x\";\n#[cfg(test)]\nmod tests {\n    use crate::cli::Args;\n}\n";
    none(&imports_of("record/event.rs", source));
}

#[test]
fn modules_of_one_floor_may_not_import_each_other() {
    let probe = || File::new("probe/mod.rs", "use crate::spare::Spare;");
    none(&wrong_imports(&[probe()]));
    let wrong = wrong_imports(&[probe(), File::new("spare/host.rs", "use crate::probe::Look;")]);
    assert_eq!(wrong, ["probe/mod.rs:1: `probe` and `spare` import each other"]);
}

#[test]
fn reports_may_use_the_record_and_the_plan_only() {
    none(&imports_of("report/json.rs", "use crate::{plan::Plan, record::Record}; use super::Format;"));
    assert_eq!(imports_of("report/json.rs", "\nuse crate::drill::Engine;"), ["report/json.rs:2: `report` may not use `drill`"]);
}

#[test]
fn a_module_without_a_floor_is_caught() {
    assert_eq!(imports_of("util/mod.rs", ""), ["util/mod.rs: the module `util` stands on no floor"]);
}

fn strays_of(path: &str, source: &str) -> usize {
    strays(&[File::new(path, source)]).len()
}

#[test]
fn stray_use_of_what_is_owned_is_caught() {
    for source in [
        "let x = std::env::var(\"A\");",
        "for x in env::vars_os() {}",
        "use std::env::var;",
        "let t = jiff::Timestamp::now();",
        "let t = Instant::now();",
        "println!(\"a\");",
        "eprintln!(\"a\");",
        "std::process::exit(1);",
        "let c = tokio::process::Command::new(\"sh\");",
    ] {
        assert_eq!(strays_of("plan/load.rs", source), 1, "{source}");
    }
}

#[test]
fn owners_and_things_that_only_look_alike_pass() {
    assert_eq!(strays_of("cli/drill.rs", "let x = std::env::var_os(\"A\"); let t = Timestamp::now();"), 0);
    assert_eq!(strays_of("drill/clock.rs", "Timestamp::now()"), 0);
    assert_eq!(strays_of("source/git.rs", "Command::new(\"git\")"), 0);
    assert_eq!(strays_of("main.rs", "std::process::exit(1)"), 0);
    assert_eq!(strays_of("spare/host.rs", "let until = tokio::time::Instant::now() + limit;"), 0);
    assert_eq!(strays_of("plan/load.rs", "let x = env!(\"CARGO_PKG_VERSION\"); my_env::var_name(); writeln!(out)?;"), 0);
}

#[test]
fn a_long_file_is_caught_and_its_tests_do_not_count() {
    let lines = |count: usize| "fn a() {}\n".repeat(count);
    assert_eq!(long_files(&[File::new("plan/load.rs", &lines(LINES + 1))]).len(), 1);
    none(&long_files(&[File::new("plan/load.rs", &lines(LINES))]));
    let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400), lines(400));
    none(&long_files(&[File::new("plan/load.rs", &tests)]));
}
