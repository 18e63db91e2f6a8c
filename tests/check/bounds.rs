//! What readers are up against: whatever stands in the files of a repository, every command that reads them ends within two
//! seconds of processor time and 512 MiB, says what is wrong, and shows nothing that a terminal would obey.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::support::{Canship, run::Ran};

/// What a process may have. Tests run what is not optimised, which takes many times as long.
const SECONDS: u32 = if cfg!(debug_assertions) { 30 } else { 2 };
const MEMORY: u64 = 512 * 1024 * 1024;

/// How often something is used that is so large itself.
const MANY: usize = 1_500;

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

/// Little files that come to a lot, since one part of them uses another again and again.
fn products() -> Vec<(&'static str, Files)> {
    let on = "on: {push: {tags: ['*']}}\n";
    let big = "jobs:\n".to_owned()
        + &lines(5_000, |n| {
            format!(
                "  j{n}: {{needs: [j{}], runs-on: '${{{{ matrix.os }}}}', strategy: {{matrix: {{os: [a, b], v: [1, 2, 3]}}}}, steps: [{{run: gh release create}}]}}\n",
                n.saturating_sub(1)
            )
        });
    let jobs = |template: &str| {
        format!(
            "{template}{}",
            lines(MANY, |n| format!(
                "j{n}: {{extends: .a, needs: [j{}], script: [docker push a/b, echo $S{n}]}}\n",
                n.saturating_sub(1)
            ))
        )
    };
    let list = |line: &str| lines(MANY, |n| line.replace("{n}", &n.to_string()));
    vec![
        ("5,000 jobs", files([(WORKFLOW, format!("{on}{big}")), (GITLAB, jobs(".a: {}\n"))])),
        ("8 files of 5,000 jobs", files((0..8).map(|n| (format!(".github/workflows/{n}.yml"), format!("{on}{big}"))))),
        ("1,000 files", files((0..1_000).map(|n| (format!(".github/workflows/{n}.yml"), RELEASE)))),
        (
            "a large workflow that is called often",
            files([
                (
                    WORKFLOW,
                    format!(
                        "{on}jobs:\n{}",
                        lines(200, |n| format!("  c{n}: {{uses: ./.github/workflows/b.yml, with: {{a: x{n}}}}}\n"))
                    ),
                ),
                (".github/workflows/b.yml", format!("on: {{workflow_call: {{inputs: {{a: {{}}}}}}}}\n{big}")),
            ]),
        ),
        (
            "a large action that is used often",
            files([
                (WORKFLOW, format!("{on}jobs:\n a:\n  runs-on: x\n  steps:\n{}", "  - {uses: ./a}\n".repeat(MANY))),
                (
                    "a/action.yml",
                    format!("runs:\n  using: composite\n  steps:\n{}", list("  - {run: 'gh release create {n}', shell: bash}\n")),
                ),
            ]),
        ),
        (
            "many variables and many steps",
            files([(
                WORKFLOW,
                format!(
                    "{on}env:\n{}jobs:\n a:\n  runs-on: x\n  steps:\n{}",
                    list("  V{n}: a\n"),
                    list("  - {run: 'gh release create $V{n}'}\n")
                ),
            )]),
        ),
        ("many variables and many jobs", files([(GITLAB, format!("variables:\n{}{}", list("  V{n}: a\n"), jobs(".a: {}\n")))])),
        (
            "many commands before each job",
            files([(GITLAB, format!("default:\n  before_script:\n{}{}", list("  - echo a $X{n}\n"), jobs(".a: {}\n")))]),
        ),
        ("many variables in what jobs extend", files([(GITLAB, jobs(&format!(".a:\n  variables:\n{}", list("    V{n}: a\n"))))])),
        (
            "references to much in each job",
            files([(
                GITLAB,
                format!(
                    ".a:\n  script:\n{}{}",
                    list("    - docker push $A{n}/x\n"),
                    lines(MANY, |n| {
                        format!(
                            "j{n}: {{variables: {{A{n}: ghcr.io}}, script: [!reference [.a, script]], rules: [{{if: $CI_COMMIT_TAG}}]}}\n"
                        )
                    })
                ),
            )]),
        ),
        (
            "many rules in what jobs extend",
            files([(GITLAB, jobs(&format!(".a:\n  rules:\n{}", list("    - if: $V{n} && $CI_COMMIT_TAG\n"))))]),
        ),
    ]
}

/// What rules have to compare with each other.
fn comparisons() -> Vec<(&'static str, Files)> {
    let on = "on: {push: {tags: ['*']}}\n";
    let list = |line: &str| lines(3_000, |n| line.replace("{n}", &n.to_string()));
    let plan = |more: &str| {
        format!("release: a\nbuild: {{image: rust, run: [make], artifacts: [x]}}\npublish: [{{oci: ghcr.io/a/b}}]\n{more}")
    };
    vec![
        (
            "many secrets here and many there",
            files([
                (GITLAB, list("j{n}: {script: [docker push a/b, echo $S{n}], rules: [{if: $CI_COMMIT_TAG}]}\n")),
                ("canship.yaml", plan(&format!("secrets:\n{}", list("  SECRET_{n}: {env: SECRET_{n}}\n")))),
            ]),
        ),
        (
            "many releases and many packages",
            files([(
                WORKFLOW,
                format!(
                    "{on}jobs:\n{}{}",
                    list("  a{n}: {runs-on: x, steps: [{run: gh release create}]}\n"),
                    list("  b{n}: {runs-on: x, permissions: {id-token: write}, steps: [{run: npm publish}]}\n")
                ),
            )]),
        ),
        (
            "many steps that may fail",
            files([(
                WORKFLOW,
                format!(
                    "{on}jobs:\n  a:\n    runs-on: x\n    env: {{T: '${{{{ secrets.T }}}}'}}\n    steps:\n{}",
                    list("    - {run: cargo publish, continue-on-error: true, if: env.T != ''}\n")
                ),
            )]),
        ),
        (
            "many comments that accept nothing",
            files([(WORKFLOW, format!("{RELEASE}{}", "# canship: ignore[not-pined] ours\n".repeat(50_000)))]),
        ),
        (
            "all on one line",
            files([(
                WORKFLOW,
                format!(
                    "{{on: {{push: {{tags: ['*']}}}}, jobs: {{a: {{runs-on: x, steps: [{{run: cargo publish}}, {}]}}}}}}",
                    list("{uses: a/b{n}@v1, continue-on-error: true, with: {a: '${{ secrets.A{n} }}'}}, ")
                ),
            )]),
        ),
    ]
}

/// The same, where a value is made of others.
fn values() -> Vec<(&'static str, Files)> {
    let on = "on: {push: {tags: ['*']}}\n";
    let jobs = lines(MANY, |n| {
        format!("j{n}: {{extends: .a, needs: [j{}], script: [docker push a/b, echo $S{n}]}}\n", n.saturating_sub(1))
    });
    vec![
        (
            "a matrix of many values for many labels",
            files([
                (
                    GITLAB,
                    format!(
                        ".a: {{tags: [{}], parallel: {{matrix: [{{A: [{}]}}]}}}}\n{}",
                        lines(100, |n| format!("t{n}$A, ")),
                        lines(200, |n| format!("x{n}, ")),
                        jobs
                    ),
                ),
                (
                    WORKFLOW,
                    format!(
                        "{on}jobs:\n a:\n  runs-on: [{}]\n  strategy: {{matrix: {{a: [{}]}}}}\n  steps: [{{run: gh release create}}]\n",
                        "'${{ matrix.a }}', ".repeat(20_000),
                        lines(200, |n| format!("{n}, "))
                    ),
                ),
            ]),
        ),
        (
            "expressions that feed on themselves",
            files([
                (
                    WORKFLOW,
                    format!(
                        "{on}env:\n{}jobs: {{a: {{runs-on: '${{{{ env.A0 }}}}', if: '{}x', steps: [{{run: 'gh release create ${{{{ env.A0 }}}}'}}]}}}}\n",
                        lines(60, |n| format!("  A{n}: ${{{{ env.A{m} }}}}${{{{ env.A{m} }}}}\n", m = (n + 1) % 60)),
                        "!(".repeat(50_000)
                    ),
                ),
                (
                    GITLAB,
                    format!(
                        "variables:\n{}a: {{script: [docker push $A0/x]}}\n",
                        lines(60, |n| format!("  A{n}: $A{m}$A{m}$A{m}\n", m = (n + 1) % 60))
                    ),
                ),
            ]),
        ),
    ]
}

/// Little texts that come to gigabytes, since one is put into another again and again, and matrices that are compared with much.
fn growth() -> Vec<(&'static str, Files)> {
    let on = "on: {push: {tags: ['*']}}\n";
    let publishes = "steps: [{run: gh release create}]";
    let workflow = |env: &str, jobs: &str| files([(WORKFLOW, format!("{on}env:\n{env}\njobs:\n{jobs}"))]);
    let one = |text: &str| format!("  a: {{runs-on: \"{text}\", {publishes}}}\n");
    let long = "x".repeat(500_000);
    let tenfold = lines(4, |n| format!("  A{n}: {}\n", format!("${{{{ env.A{} }}}}", n + 1).repeat(10)));
    let each = lines(5_000, |n| format!("  j{n}: {{runs-on: 'x{n}${{{{ env.A }}}}', {publishes}}}\n"));
    let matrix = |more: &str, items: &str| {
        let (keys, values) = (lines(50, |n| format!("k{n}: [x], ")), lines(256, |n| format!("v{n}, ")));
        let job = format!("  a: {{runs-on: x, strategy: {{matrix: {{{keys} m: [{values}], {more}: [{items}]}}}}, {publishes}}}\n");
        workflow("  A: a", &job)
    };
    let item = format!("{{{} k9: y}}, ", lines(9, |n| format!("k{n}: x, ")));
    let named = lines(20_000, |n| format!("    - docker push a{n}.io/x$S{n}\n"));
    vec![
        ("a variable of ten of the next", workflow(&format!("{tenfold}  A4: {long}"), &one("${{ env.A0 }}"))),
        ("a long variable in each job", workflow(&format!("  A: {long}"), &each)),
        (
            "a pattern that names a long variable often",
            workflow(&format!("  A: {long}"), &one(&format!("${{{{ format('{}', env.A) }}}}", "{0}".repeat(5_000)))),
        ),
        ("quotes that are not closed", workflow(&format!("  A: |\n{}", "    ${{ ' }}\n".repeat(100_000)), &one("x"))),
        ("a matrix that leaves much out", matrix("exclude", &item.repeat(10_000))),
        ("a matrix that takes much in", matrix("include", &item.repeat(10_000))),
        (
            "long variables in words",
            files([(
                GITLAB,
                format!(
                    "variables:\n  A: {}\n  B: {}\n{}",
                    "x".repeat(4_000),
                    "$A".repeat(2_000),
                    lines(MANY, |n| format!("j{n}: {{script: [docker push $B/x $B $B $B $B]}}\n"))
                ),
            )]),
        ),
        ("a long name", files([(GITLAB, format!("{}:\n  script:\n{named}", "a".repeat(1_000_000)))])),
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
fn what_comes_to_more_than_it_looks_is_not_followed_to_the_end() {
    end(products().into_iter().chain(values()).collect(), &["check"]);
}

#[test]
fn what_grows_by_being_put_into_itself_is_left_as_it_stands() {
    end(growth(), &["pipeline", "check"]);
}

#[test]
fn what_is_compared_with_much_is_looked_up() {
    all_end(comparisons());
}

#[test]
fn no_check_of_what_was_not_read_to_its_end_is_green() {
    for (name, files) in products() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let shown = bounded(folder.path(), &["pipeline"]);
        let ran = bounded(folder.path(), &["check"]);
        let is_cut = ["not read", "cannot be read", "not followed", "not listed", "left out", "not looked at", "not filled in"]
            .iter()
            .any(|what| shown.stdout.contains(what));
        assert_eq!(
            ran.stdout.contains("error[file-not-read]"),
            is_cut,
            "{name}: {}",
            shown.stdout.chars().take(2_000).collect::<String>()
        );
        assert!(!is_cut || ran.code == Some(10), "{name}: {:?}", ran.code);
    }
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

#[test]
fn what_was_left_out_is_told() {
    let (_, called) = products().into_iter().find(|(name, _)| *name == "a large workflow that is called often").unwrap();
    let (_, jobs) = products().into_iter().find(|(name, _)| *name == "many rules in what jobs extend").unwrap();
    let each = |kind: &str, count: usize| lines(count, |n| format!("{kind}{n}, "));
    let labels = format!(
        "on: {{push: {{tags: ['*']}}}}\nx: [&l [{}], &m {{a: [{}]}}]\njobs:\n{}",
        lines(100, |n| format!("'t{n}-${{{{ matrix.a }}}}', ")),
        each("v", 200),
        lines(MANY / 2, |n| format!("  j{n}: {{runs-on: *l, strategy: {{matrix: *m}}, steps: [{{run: gh release create}}]}}\n"))
    );
    for (files, what) in [
        (files([(WORKFLOW, labels)]), "it is not listed from here on"),
        (called, "there are more than 10000 jobs up to here: not read from here on"),
        (jobs, "is more than is looked at: not read from here on"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let ran = bounded(folder.path(), &["pipeline"]);
        assert!(ran.stdout.contains(what), "{what}");
    }
}
