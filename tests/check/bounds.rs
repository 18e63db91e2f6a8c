//! What readers are up against: whatever stands in the files of a repository, every command that reads them ends within two
//! seconds of processor time and 512 MiB, says what is wrong, and shows nothing that a terminal would obey.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::support::{Canship, run::Ran};

/// What a process may have. Tests run what is not optimised, which takes many times as long.
const SECONDS: u32 = if cfg!(debug_assertions) { 60 } else { 2 };
const MEMORY: u64 = 512 * 1024 * 1024;

const RELEASE: &str = "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: docker push ghcr.io/a/b}]}}\n";
const WORKFLOW: &str = ".github/workflows/bad.yml";
const GITLAB: &str = ".gitlab-ci.yml";

type Files = Vec<(String, Vec<u8>)>;

fn files<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Files {
    files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect()
}

/// The same bytes as a workflow, as GitLab's configuration and as the plan.
fn everywhere(bytes: impl Into<Vec<u8>>) -> Files {
    let bytes = bytes.into();
    files([(WORKFLOW, bytes.clone()), (GITLAB, bytes.clone()), ("canship.yaml", bytes)])
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Texts and trees that are hard by themselves.
fn texts() -> Vec<(&'static str, Files)> {
    let laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &lines(9, |n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); 9].join(",")));
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(RELEASE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut all = vec![
        ("aliases that double", everywhere(laughs)),
        ("UTF-16", everywhere(wide)),
        ("a NUL", everywhere(format!("{RELEASE}\0"))),
        ("a scalar of 8 MB", everywhere(format!("a: {}\n", "x".repeat(8 << 20)))),
        (
            "a script of 2 MB",
            everywhere(format!(
                "on: push\njobs: {{a: {{runs-on: x, steps: [{{run: \"{}\"}}]}}}}\n",
                "$(a ${{ secrets.X }} `b ' ".repeat(20_000)
            )),
        ),
        ("a list of 2 MB", everywhere(format!("[{}", "a,".repeat(1 << 20)))),
        ("a key of each line", everywhere(lines(30_000, |n| format!("a{n}: 1\n")))),
        ("one key again and again", everywhere("a: 1\n".repeat(50_000))),
        (
            "what a terminal obeys",
            files([
                (
                    WORKFLOW,
                    "name: \"\\e]0;x\\a\\e[2J\"\non: {push: {tags: ['*']}}\njobs: {\"a\\e[31m\": {runs-on: \"\\e[1m\", environment: \"::set-env\\n::error::x\", steps: [{run: 'gh release create', env: {A: \"${{ secrets.X\\e }}\"}}]}}\n",
                ),
                (GITLAB, "\"a\\e[31m\": {script: [docker push \"a\\e/b\"], tags: [\"\\e[1m\"]}\n"),
                ("canship.yaml", "release: \"\\e[2J\"\n\"\\e[31m\": 1\n"),
            ]),
        ),
    ];
    all.extend(["? ", "- ", "[", "{a: ", "!reference ["].map(|deep| ("20,000 deep", everywhere(deep.repeat(20_000)))));
    all
}

/// Jobs, files and calls that lead back to themselves.
fn circles() -> Vec<(&'static str, Files)> {
    let calls = |n: usize| {
        let calls = lines(4, |k| format!("  c{k}: {{uses: ./.github/workflows/{}.yml}}\n", (n + k) % 8));
        format!(
            "on: {{workflow_call: , push: {{tags: ['*']}}}}\njobs:\n{calls}  p: {{runs-on: x, steps: [{{uses: ./a}}, {{run: gh release create}}]}}\n"
        )
    };
    let mut called: Vec<(String, String)> = (0..8).map(|n| (format!(".github/workflows/{n}.yml"), calls(n))).collect();
    called.push(("a/action.yml".to_owned(), "runs: {using: composite, steps: [{uses: ./a}]}\n".to_owned()));
    let needs =
        lines(1_000, |n| format!("  j{n}: {{needs: [j{}], runs-on: x, steps: [{{run: gh release create}}]}}\n", (n + 1) % 1_000));
    let gitlab = "include: [a.yml, .gitlab-ci.yml, '**/*.yml', ../out.yml, /../../out.yml]\n".to_owned()
        + &lines(500, |n| {
            format!(
                "j{n}: {{extends: [j{}], needs: [j{}], script: [!reference [j{}, script], docker push a/b]}}\n",
                (n + 1) % 500,
                (n + 2) % 500,
                (n + 3) % 500
            )
        });
    vec![
        ("workflows and actions in a circle", files(called)),
        (
            "needs, extends, include and references in a circle",
            files([
                (WORKFLOW, format!("on: {{push: {{tags: ['*']}}}}\njobs:\n{needs}")),
                (GITLAB, gitlab),
                ("a.yml", "include: a.yml\n".to_owned()),
            ]),
        ),
    ]
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    fs::create_dir_all(folder.join(".git")).unwrap();
    fs::write(folder.join(".git/config"), "[remote \"origin\"]\n\turl = git@github.com:acme/api.git\n").unwrap();
}

/// Runs the program in this folder with what it may have.
fn bounded(folder: &Path, arguments: &[&str]) -> Ran {
    let limits = ["prlimit".to_owned(), format!("--as={MEMORY}"), format!("--cpu={SECONDS}")];
    let mut call = Canship::new(&arguments[..1]).wrapped(limits.to_vec());
    for argument in &arguments[1..] {
        call = call.argument(argument);
    }
    call.argument(folder).run_as_is()
}

/// Every command that reads a repository, in each of these.
fn all_end(worlds: Vec<(&'static str, Files)>) {
    end(worlds, &["pipeline", "check", "plan", "init"]);
}

/// These commands, in each of these repositories.
fn end(worlds: Vec<(&'static str, Files)>, commands: &[&str]) {
    for (name, files) in worlds {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let plan = folder.path().join("canship.yaml");
        for command in commands {
            let ran = match *command {
                "pipeline" => bounded(folder.path(), &["pipeline", "--format", "json"]),
                "plan" if plan.exists() => bounded(&plan, &["plan", "--plan"]),
                "plan" => continue,
                "init" => bounded(folder.path(), &["init", "--yes", "--force"]),
                command => bounded(folder.path(), &[command]),
            };
            let ends: &[i32] = match *command {
                "check" => &[0, 2, 10],
                "plan" => &[0, 2],
                _ => &[0],
            };
            let told = ran.stderr.chars().take(2_000).collect::<String>();
            assert!(ran.code.is_some_and(|code| ends.contains(&code)), "{name}: {command} ended with {:?}: {told}", ran.code);
            assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{name}: {command} shows an escape");
        }
    }
}

#[test]
fn no_text_is_too_hard() {
    all_end(texts());
}

#[test]
fn circles_end_within_what_a_process_may_have() {
    all_end(circles());
}

#[test]
fn links_lead_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), &files([("w.yml", RELEASE.replace("ghcr.io", "outside.example"))]));
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &files([(".github/workflows/good.yml", RELEASE), (GITLAB, "include: ['**/*.yml', ../w.yml, loop.yml]\n")]),
    );
    for (link, to) in
        [("loop.yml", "loop.yml"), ("up", ".."), (".github/workflows/out.yml", outside.path().join("w.yml").to_str().unwrap())]
    {
        symlink(to, folder.path().join(link)).unwrap();
    }
    for command in ["pipeline", "check"] {
        let ran = bounded(folder.path(), &[command]);
        assert!(
            ran.code.is_some() && !ran.stdout.contains("outside.example") && ran.stdout.contains(".github/workflows/good.yml"),
            "{ran:?}"
        );
    }
}
