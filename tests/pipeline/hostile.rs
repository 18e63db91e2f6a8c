//! Whatever stands in the files, reading ends, and what can be read is read.

use std::os::unix::fs::symlink;

use super::*;

const GOOD: &str = "on: {push: {tags: ['v*']}}\njobs: {a: {runs-on: x, steps: [{run: gh release create}]}}\n";

/// Reads a repository with a hostile file beside a good one; the good one must have been read. Gives what is wrong.
fn beside(path: &str, bytes: &[u8]) -> Vec<String> {
    let folder = repository(&[(".github/workflows/good.yml", GOOD)]);
    put(folder.path(), path, bytes);
    let found = read(folder.path());
    assert!(releases(&found).contains(&".github/workflows/good.yml"), "{path}");
    found
        .problems
        .iter()
        .map(|problem| format!("{}:{}:{} {}", problem.at.file, problem.at.line, problem.at.column, problem.what))
        .collect()
}

fn broken(bytes: &[u8]) -> Vec<String> {
    let workflow = beside(".github/workflows/bad.yml", bytes);
    assert!(!beside(".gitlab-ci.yml", bytes).is_empty());
    workflow
}

#[test]
fn aliases_that_grow_without_end_are_refused() {
    let laughs: String = (1..10).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))
    });
    assert!(broken(laughs.as_bytes())[0].contains("aliases followed"));
}

#[test]
fn no_nesting_overflows_the_stack() {
    for deep in ["? ", "- ", "[", "{a: ", "!reference ["] {
        let told = broken(deep.repeat(20_000).as_bytes());
        assert!(told[0].starts_with(".github/workflows/bad.yml:1:"), "{told:?}");
    }
}

#[test]
fn what_is_no_utf_8_text_is_named() {
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(GOOD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert!(broken(&wide)[0].contains("UTF-16"));
    assert!(broken(b"a: 1\nb: \xff")[0].contains("not UTF-8 from line 2"));
    assert!(broken(b"a: 1\nb: \0")[0].contains("NUL character on line 2"));
    assert!(broken(&vec![b'x'; 8 * 1024 * 1024])[0].contains("larger than 2MiB"));
}

#[test]
fn a_broken_file_is_named_with_the_place() {
    assert!(
        beside(".github/workflows/bad.yml", b"on: push\njobs:\n  a: [1, 2\n  b: }\n")[0]
            .starts_with(".github/workflows/bad.yml:4:")
    );
}

#[test]
fn circles_end() {
    let jobs: String = (0..30)
        .map(|n| format!("  j{n}: {{needs: [j{}], runs-on: x, steps: [{{run: gh release create}}]}}\n", (n + 1) % 30))
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(workflow(&format!("jobs:\n{jobs}")).releases[0].jobs.len(), 30);
    let calls = |n: usize| {
        format!(
            "on: {{workflow_call: , push: {{tags: ['*']}}}}\njobs:\n{}  p: {{runs-on: x, steps: [{{run: gh release create}}]}}\n",
            (0..4).map(|k| format!("  c{k}: {{uses: ./.github/workflows/{}.yml}}\n", (n + k) % 8)).collect::<Vec<_>>().concat()
        )
    };
    let files: Vec<(String, String)> = (0..8).map(|n| (format!(".github/workflows/{n}.yml"), calls(n))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert!(is_open(&pipeline(&files), "calls itself in a circle"));
    let extends = pipeline(&[(".gitlab-ci.yml", "a: {extends: [b, a], script: [docker push a/b]}\nb: {extends: a}\n")]);
    assert!(is_open(&extends, "extends itself in a circle"));
    let include = pipeline(&[
        (".gitlab-ci.yml", "include: [a.yml, .gitlab-ci.yml]\nz: {script: [docker push a/b]}\n"),
        ("a.yml", "include: a.yml\n"),
    ]);
    assert!(is_open(&include, "includes itself in a circle"));
    let reference = pipeline(&[(
        ".gitlab-ci.yml",
        "a: {script: [!reference [b, script]]}\nb: {script: [!reference [a, script], docker push a/b]}\n",
    )]);
    assert_eq!(releases(&reference), [".gitlab-ci.yml"]);
    let action = pipeline(&[
        (
            ".github/workflows/good.yml",
            "on: {push: {tags: ['*']}}\njobs: {a: {runs-on: x, steps: [{uses: ./a}, {run: gh release create}]}}\n",
        ),
        ("a/action.yml", "runs: {using: composite, steps: [{uses: ./a}]}\n"),
    ]);
    assert!(is_open(&action, "uses itself in a circle"));
}

#[test]
fn references_that_multiply_are_bounded() {
    let jobs: String = (1..12)
        .map(|n| format!("j{n}: {{script: [{}]}}\n", vec![format!("!reference [j{}, script]", n - 1); 9].join(", ")))
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(
        releases(&pipeline(&[(".gitlab-ci.yml", &format!("j0: {{script: [docker push a/b]}}\n{jobs}"))])),
        [".gitlab-ci.yml"]
    );
}

#[test]
fn nothing_outside_of_the_repository_is_read() {
    let outside = repository(&[("secret.yml", "ship: {script: [docker push a/b], tags: [outside]}\n"), ("w.yml", GOOD)]);
    let folder = repository(&[
        (".github/workflows/good.yml", GOOD),
        (".gitlab-ci.yml", "include: [link.yml, ../secret.yml, /../../secret.yml]\n"),
    ]);
    symlink(outside.path().join("secret.yml"), folder.path().join("link.yml")).unwrap();
    symlink(outside.path().join("w.yml"), folder.path().join(".github/workflows/out.yml")).unwrap();
    symlink("loop.yml", folder.path().join(".github/workflows/loop.yml")).unwrap();
    symlink("..", folder.path().join("up")).unwrap();
    let found = read(folder.path());
    assert_eq!(releases(&found), [".github/workflows/good.yml"]);
    assert!(!found.facts.has(Topic::RunnerLabels, "outside"));
}

#[test]
fn five_thousand_jobs_are_read() {
    let jobs: String = (1..=5_000).map(|n| format!("  j{n}: {{needs: [j{}], runs-on: '${{{{ matrix.os }}}}', strategy: {{matrix: {{os: [a, b], v: [1, 2, 3]}}}}, steps: [{{run: gh release create}}]}}\n", n - 1)).collect::<Vec<_>>().concat();
    let found = workflow(&format!("jobs:\n{jobs}"));
    assert_eq!(found.releases[0].jobs.len(), 5_000);
    assert!(found.facts.has(Topic::RunnerLabels, "a"));
    let jobs: String = (1..=5_000)
        .map(|n| format!("j{n}: {{needs: [j{}], script: [docker push a/b, echo $VAR_{n}]}}\n", n - 1))
        .collect::<Vec<_>>()
        .concat();
    let found = pipeline(&[(".gitlab-ci.yml", &jobs)]);
    assert_eq!(values(&found, Topic::Secrets).len(), 5_000);
}

#[test]
fn expressions_and_variables_that_feed_on_themselves_end() {
    let env: String =
        (0..60).map(|n| format!("  A{n}: ${{{{ env.A{m} }}}}${{{{ env.A{m} }}}}\n", m = (n + 1) % 60)).collect::<Vec<_>>().concat();
    let found =
        workflow(&format!("env:\n{env}jobs: {{a: {{runs-on: '${{{{ env.A0 }}}}', steps: [{{run: gh release create}}]}}}}\n"));
    assert_eq!(releases(&found).len(), 1);
    let variables: String = (0..60).map(|n| format!("  A{n}: $A{m}$A{m}$A{m}\n", m = (n + 1) % 60)).collect::<Vec<_>>().concat();
    assert_eq!(
        releases(&pipeline(&[(".gitlab-ci.yml", &format!("variables:\n{variables}a: {{script: [docker push $A0/x]}}\n"))])).len(),
        1
    );
}

#[test]
fn of_more_values_than_are_told_apart_that_is_told() {
    let options = (0..300).map(|n| format!("o{n}")).collect::<Vec<_>>().join(", ");
    let text = format!(
        "on: {{push: {{tags: ['*']}}, workflow_dispatch: {{inputs: {{a: {{type: choice, options: [{options}]}}}}}}}}\njobs: {{a: {{runs-on: '${{{{ inputs.a }}}}', steps: [{{run: gh release create}}]}}}}\n"
    );
    let found = pipeline(&[(".github/workflows/a.yml", &text)]);
    assert!(is_open(&found, "one of more than 256 values"), "{:?}", found.open);
    assert!(values(&found, Topic::RunnerLabels).contains(&"o255".to_owned()));
}

#[test]
fn what_would_grow_beyond_all_bounds_is_told_as_it_stands() {
    let long = "x".repeat(20_000);
    let text = format!(
        "on: {{push: {{tags: ['*']}}}}\nenv: {{A: {long}}}\njobs:\n  a: {{runs-on: '${{{{ env.A }}}}-${{{{ env.A }}}}', steps: [{{run: gh release create}}]}}\n  b: {{runs-on: \"${{{{ format('{{0}}{{0}}', env.A) }}}}\", steps: [{{run: gh release create}}]}}\n"
    );
    let found = pipeline(&[(".github/workflows/a.yml", &text)]);
    assert_eq!(
        sure(&found, Topic::RunnerLabels, |sure| *sure == Sure::Dynamic),
        ["${{ env.A }}-${{ env.A }}", "format('{0}{0}', env.A)"]
    );
}
