//! Which commands build: the tools, and the tasks of each.

/// Build tools, each with the tasks that build; none for tools whose first word is the task.
const TOOLS: &[(&str, &[&str])] = &[
    ("cargo", &["build", "rustc", "zigbuild", "deb"]),
    ("cross", &["build"]),
    ("go", &["build", "install"]),
    ("npm", &["run", "ci", "install"]),
    ("pnpm", &["run", "build", "install"]),
    ("yarn", &["run", "build", "install"]),
    ("make", &[]),
    ("cmake", &["--build"]),
    ("meson", &["setup", "compile"]),
    ("mvn", &["package", "install", "verify"]),
    ("mvnw", &["package", "install", "verify"]),
    ("gradle", &["build", "assemble"]),
    ("gradlew", &["build", "assemble"]),
    ("dotnet", &["build", "publish", "pack"]),
    ("python", &["build"]),
    ("python3", &["build"]),
    ("uv", &["build"]),
    ("poetry", &["build"]),
    ("bazel", &["build"]),
    ("goreleaser", &["build"]),
    ("promu", &["build"]),
];

/// Words in tasks of `make` that build nothing which is released.
const NOT_BUILDS: &[&str] =
    &["check", "test", "lint", "fmt", "format", "verify", "validate", "clean", "vet", "docs", "generate", "coverage", "bench"];

/// The commands of a script, each as its words, quotes taken off.
#[must_use]
pub fn commands(script: &str) -> Vec<std::rc::Rc<[String]>> {
    super::publish::shell::commands(script).into_iter().map(|command| command.words).collect()
}

/// The first task of `make`, options and what belongs to them left out.
fn make_task(words: &[String]) -> &str {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if matches!(word.as_str(), "-C" | "-f" | "--directory" | "--file") {
            words.next();
        } else if !word.starts_with('-') && !word.contains('=') {
            return word;
        }
    }
    ""
}

/// The tool and the task of a command that builds; none of one that does not, as far as it tells.
#[must_use]
pub fn build_task(words: &[String]) -> Option<(&str, String)> {
    let (program, rest) = words.split_first()?;
    let program = super::publish::shell::base(program);
    let (tool, tasks) = TOOLS.iter().find(|(tool, _)| *tool == program)?;
    if tasks.is_empty() {
        let task = make_task(rest);
        return (!NOT_BUILDS.iter().any(|word| task.contains(word))).then(|| (*tool, task.to_owned()));
    }
    let at = rest.iter().position(|word| tasks.contains(&word.as_str()))?;
    let task = rest.get(at)?;
    // `npm run build` and `npm run lint` are not the same task.
    let what = rest.get(at + 1).filter(|_| task == "run").cloned().unwrap_or_default();
    Some((tool, format!("{task} {what}")))
}

#[cfg(test)]
mod tests {
    use super::build_task;

    #[test]
    fn a_build_is_told_by_tool_and_task() {
        let task = |line: &str| {
            build_task(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).map(|(tool, task)| format!("{tool}:{task}"))
        };
        assert_eq!(task("cargo build --release").as_deref(), Some("cargo:build "));
        assert_eq!(task("./gradlew --info assemble").as_deref(), Some("gradlew:assemble "));
        assert_eq!(task("make -j4 CC=x all").as_deref(), Some("make:all"));
        assert_eq!(task("npm run lint").as_deref(), Some("npm:run lint"));
        assert_eq!(task("make -C sub/test all").as_deref(), Some("make:all"));
        assert_eq!(task("make check-modules"), None);
        assert_eq!(task("cargo test"), None);
        assert_eq!(task("echo cargo build"), None);
    }
}
