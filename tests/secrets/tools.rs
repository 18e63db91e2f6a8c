//! Real tools that encode, dump and escape a secret: nothing of what they print of it is shown or published.

use std::{collections::HashSet, process::Command};

use crate::{
    canary::Canary,
    published::{is_refused, release},
    support::{Canship, Project, Services, project::Plan},
    with_reports,
};

/// What tools print of the value `V`.
const TOOLS: &[&str] = &[
    "printf %s \"$V\" | base64",
    "printf %s \"$V\" | base64 | base64",
    "printf 'user:%s' \"$V\" | base64 -w0 | base64",
    "printf '{\"auths\":{\"h\":{\"auth\":\"%s\"}}}' \"$(printf 'u:%s' \"$V\" | base64 -w0)\" | base64 -w0",
    "printf %s \"$V\" | base32",
    "printf %s \"$V\" | xxd -p",
    "printf %s \"$V\" | xxd",
    "printf %s \"$V\" | xxd -u",
    "printf %s \"$V\" | xxd -b",
    "printf %s \"$V\" | xxd -e",
    "printf %s \"$V\" | xxd -i",
    "printf %s \"$V\" | xxd -g1",
    "printf %s \"$V\" | hexdump",
    "printf %s \"$V\" | hexdump -C",
    "printf %s \"$V\" | hexdump -b",
    "printf %s \"$V\" | hexdump -c",
    "printf %s \"$V\" | od",
    "printf %s \"$V\" | od -c",
    "printf %s \"$V\" | od -x",
    "printf %s \"$V\" | od -tx1",
    "printf %s \"$V\" | od -tu1",
    "printf %s \"$V\" | od -to1",
    "printf '%s\\n' \"$V\" | sed -n 'l 0'",
    "printf '%s\\n' \"$V\" | cat -v",
    "bash -c 'printf \"%q\\n\" \"$V\"; set -x; : \"$V\"' 2>&1",
    "python3 -c 'import os; v = os.environ[\"V\"]; print(repr(v)); print(ascii(v)); print(v.encode()); print({\"v\": v})'",
    "python3 -c 'import os; v = os.environb[b\"V\"]; print(list(v)); print(*v); print(*v, sep=\",\")'",
    "python3 -c 'import os; v = os.environb[b\"V\"]; print(v.hex(\"-\")); print(v.hex(\",\")); print(*map(hex, v))'",
    "python3 -c 'import json, os; d = json.dumps; v = os.environ[\"V\"]; print(d(v)); print(d(d(v))); print(d(d(d(v))))'",
    "python3 -c 'import html, json, os; v = os.environ[\"V\"]; print(html.escape(v)); print(html.escape(json.dumps(v)))'",
    "python3 -c 'import os; from urllib.parse import *; v = os.environ[\"V\"]; print(quote(quote(v))); print(quote_plus(quote_plus(v)))'",
];

/// A secret with quotes, a backslash and letters that are not ASCII, and one that tools break into lines.
fn canaries() -> [Canary; 2] {
    // So long that no dump has fewer than four bytes of it in its last line.
    [Canary::awkward().followed_by(&Canary::plain()), Canary::long()]
}

/// Every twenty characters in a row that this tool prints of the value and of no other.
fn pieces(tool: &str, value: &str) -> HashSet<String> {
    let other: String = value.chars().map(|c| if c.is_ascii_alphabetic() { 'o' } else { c }).collect();
    let others: String = printed(tool, &other).into_iter().collect::<Vec<_>>().join(" ");
    // At its ends, a piece may stand for a few bits of the value only.
    let is_others = |piece: &String| others.contains(&piece[..16]) || others.contains(&piece[4..]);
    printed(tool, value).into_iter().filter(|piece| piece.is_ascii() && !is_others(piece)).collect()
}

/// Every twenty characters in a row that this tool prints.
fn printed(tool: &str, value: &str) -> HashSet<String> {
    let output = Command::new("sh").args(["-c", tool]).env("V", value).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = printed.lines().map(|line| line.chars().collect::<Vec<_>>());
    let pieces: HashSet<_> =
        lines.flat_map(|line| line.windows(20).map(|piece| piece.iter().collect()).collect::<Vec<String>>()).collect();
    assert!(!pieces.is_empty(), "{tool} prints {printed}");
    pieces
}

/// What is told of a drill whose build runs every tool on `V`, which it gets in this way; the plan has a secret of this name.
fn told((name, key): (&str, &str), way: &str) -> String {
    let step = format!("{{ run: \"LC_ALL=C sh tools.sh\", {way} }}");
    let plan = Plan::on_host(&Services::get()).run(&[&step, "echo that was all; exit 3"]).secret(name, "{ env: TEST_KEY }");
    let project = Project::new(&plan);
    project.write("tools.sh", &(TOOLS.join("\n") + "\n"));
    project.commit("Print");
    project.git(&["push", "-q", "origin", "main"]);
    let canship = with_reports(Canship::drill(&project).variable("TEST_KEY", key));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(10), "{}\n{}", ran.stderr, ran.stdout);
    assert!(ran.stdout.contains("that was all"), "{}", ran.stdout);
    ran.stdout + &ran.stderr
}

#[test]
fn nothing_of_what_tools_print_of_a_secret_is_shown() {
    for canary in canaries() {
        let told = told(("V", &canary.value), "secrets: [V]");
        for tool in TOOLS {
            for piece in pieces(tool, &canary.value) {
                assert!(!told.contains(&piece), "`{tool}` shows {piece} of {} in {told}", canary.value);
            }
        }
        canary.is_not_in("what was told", &told);
    }
}

#[test]
fn what_tools_print_of_another_value_is_shown() {
    let [canary, _] = canaries();
    let told = told(("KEY", "hunter22-hunter22"), &format!("env: {{ V: {} }}", serde_json::Value::from(canary.value.clone())));
    for tool in TOOLS {
        assert!(pieces(tool, &canary.value).iter().any(|piece| told.contains(piece)), "`{tool}` shows nothing in {told}");
    }
}

#[test]
fn a_release_with_a_secret_as_a_tool_wrote_it_is_not_published() {
    for tool in [
        "base64",
        "base64 -w 5",
        "base64 | sed 's/^/    /'",
        "base32",
        "base64 | base64",
        "xxd -p",
        "xxd",
        "xxd -i",
        "hexdump -C",
        "hexdump",
        "od -x",
        "od -An -tx1",
        "fold -w 40",
        "fold -w 7 | sed 's/$/\\r/'",
    ] {
        let canary = Canary::long();
        let step = format!("printf '%s' \"$KEY\" | {tool} >>dist/tool");
        is_refused(release(Plan::on_host(&Services::get()), &step, &canary.value), "content of `dist/tool`", &canary);
    }
}
