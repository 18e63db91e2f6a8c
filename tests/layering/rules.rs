//! What is right in `src/`, read as text: paths that start with `crate::` or `super::` are how modules name each other.
//! What is compiled for tests only is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::code;

/// The floors, lowest first. A module imports from lower floors only, or from its own if that does not import back.
const FLOORS: &[&[&str]] = &[
    &["record"],
    &["plan", "pipeline", "process", "erase", "elf"],
    &["archive", "secret", "network", "state"],
    &["source", "registry", "forge", "history"],
    &["spare", "probe", "compare", "audit", "draft"],
    &["drill"],
    &["report"],
    &["cli"],
];

/// Modules that may use less than what is below them: reports are views of a record, of pipelines, and of what a check found in
/// them, whose rules and severities are the audit's own types.
const ONLY: &[(&str, &[&str])] = &[("report", &["record", "plan", "pipeline", "audit"])];

/// The most lines a file may have, its tests aside.
pub(crate) const LINES: usize = 450;

/// Something that reaches outside of the program, and the files it belongs to. A name with `/` at the end is a folder.
struct Owned {
    what: &'static str,
    words: &'static [&'static str],
    /// Longer forms that are something else.
    except: &'static [&'static str],
    owners: &'static [&'static str],
}

const OWNED: &[Owned] = &[
    Owned {
        what: "reads the environment",
        words: &["env::var(", "env::var_os(", "env::vars(", "env::vars_os(", "use std::env::var"],
        except: &[],
        // A plan may say that a secret is in the environment.
        owners: &["cli/", "secret/source.rs"],
    },
    Owned {
        what: "reads the clock",
        words: &["::now("],
        // The clock of timeouts, which tests can stop.
        except: &["tokio::time::Instant::now("],
        owners: &["cli/", "drill/clock.rs"],
    },
    Owned { what: "prints", words: &["println!", "print!", "eprintln!", "eprint!", "dbg!"], except: &[], owners: &[] },
    Owned {
        what: "ends the process",
        words: &["process::exit", "process::abort"],
        except: &[],
        // After a signal, where a drill that is over hangs in what it prints.
        owners: &["main.rs", "cli/drill.rs"],
    },
    Owned {
        what: "starts a program",
        words: &["Command::new(", "CommandWrap::with_new("],
        except: &["clap::Command::new("],
        // git, the watchdog, the commands that hold secrets, the steps of a host spare, ssh, and git again to make the demo's project.
        owners: &[
            "source/git.rs",
            "drill/cut/watchdog.rs",
            "secret/",
            "spare/host.rs",
            "spare/host/",
            "cli/demo.rs",
            "cli/demo/",
            "spare/container/connect/ssh/",
        ],
    },
];

/// A file of `src/`: its path there, and its program.
pub(crate) struct File {
    path: String,
    program: String,
}

impl File {
    pub(crate) fn new(path: &str, source: &str) -> Self {
        Self { path: path.to_owned(), program: code::program(source) }
    }

    /// The top-level module it belongs to; `main` and `lib` for the crate's roots.
    pub(crate) fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many modules deep it stands: `super::` as often leads to the crate.
    fn depth(&self) -> usize {
        let folders = self.path.matches('/').count();
        if self.path.ends_with("mod.rs") { folders } else { folders + 1 }
    }

    /// The top-level modules it names, each with the line.
    fn imports(&self) -> Vec<(usize, String)> {
        // Inside an inline module one `super::` more is needed; the program has none but for tests.
        let up = "super::".repeat(self.depth());
        let mut found = Vec::new();
        for start in ["crate::", up.as_str()] {
            for (at, _) in self.program.match_indices(start) {
                if self.program[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                let line = self.line(at);
                found.extend(heads(&self.program[at + start.len()..]).into_iter().map(|head| (line, head)));
            }
        }
        found
    }

    fn line(&self, at: usize) -> usize {
        self.program[..at].matches('\n').count() + 1
    }
}

/// The first names of a path or of each path in a group: `a::b` gives `a`; `{a::{b, c}, d}` gives `a` and `d`.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut depth = 1;
    let mut found = vec![name(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => found.push(name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|head| !head.is_empty());
    found
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// What is wrong with the imports of these files.
pub(crate) fn wrong_imports(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut edges: BTreeMap<(String, String), String> = BTreeMap::new();
    for file in files {
        let from = file.module();
        if from == "main" || from == "lib" {
            continue;
        }
        let Some(own) = floor(from) else {
            wrong.push(format!("{}: the module `{from}` stands on no floor", file.path));
            continue;
        };
        for (line, to) in file.imports() {
            // A name that is no module is something that lib.rs passes on; it passes on nothing.
            let Some(other) = floor(&to) else { continue };
            let place = format!("{}:{line}", file.path);
            if other > own {
                wrong.push(format!("{place}: `{from}` imports `{to}`, which stands above it"));
            }
            if ONLY.iter().any(|(module, only)| *module == from && to != from && !only.contains(&to.as_str())) {
                wrong.push(format!("{place}: `{from}` may not use `{to}`"));
            }
            if to != from {
                edges.entry((from.to_owned(), to)).or_insert(place);
            }
        }
    }
    for ((from, to), place) in &edges {
        if from < to && edges.contains_key(&(to.clone(), from.clone())) {
            wrong.push(format!("{place}: `{from}` and `{to}` import each other"));
        }
    }
    wrong
}

/// What is used outside of the files that own it.
pub(crate) fn strays(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files {
        for owned in OWNED {
            if owned.owners.iter().any(|owner| file.path == *owner || owner.ends_with('/') && file.path.starts_with(owner)) {
                continue;
            }
            let lines: BTreeSet<usize> = owned
                .words
                .iter()
                .flat_map(|word| file.program.match_indices(word).map(move |(at, _)| (at, at + word.len())))
                .filter(|(at, _)| is_whole(&file.program, *at))
                .filter(|(_, end)| !owned.except.iter().any(|longer| file.program[..*end].ends_with(longer)))
                .map(|(at, _)| file.line(at))
                .collect();
            wrong.extend(lines.into_iter().map(|line| format!("{}:{line}: {}, which is not for this file", file.path, owned.what)));
        }
    }
    wrong
}

/// Whether a word stands alone: `println!` is not whole in `eprintln!`, nor `env::var` in `my_env::var`.
fn is_whole(program: &str, at: usize) -> bool {
    program[at..].starts_with("::") || !program[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Files that are too long, their tests aside.
pub(crate) fn long_files(files: &[File]) -> Vec<String> {
    let length = |file: &File| file.program.trim_end().lines().count();
    files
        .iter()
        .filter(|file| length(file) > LINES)
        .map(|file| format!("{}: {} lines, the most is {LINES}", file.path, length(file)))
        .collect()
}
