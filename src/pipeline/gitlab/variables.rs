//! Variables in scripts and values: which are read, which are set, which GitLab gives.

use std::collections::BTreeSet;

/// A variable that is read, and where its name begins in the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Read {
    pub(super) name: String,
    pub(super) at: usize,
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn name_at(text: &str, at: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let first = bytes.get(at).filter(|byte| byte.is_ascii_alphabetic() || **byte == b'_')?;
    let _ = first;
    let end = bytes[at..].iter().position(|byte| !is_name(*byte)).map_or(bytes.len(), |length| at + length);
    text.get(at..end)
}

/// The variables that a value reads: `$X`, `${X}`, `%X%`.
pub(super) fn in_value(text: &str) -> Vec<Read> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'$', bytes) {
        let escaped = at > 0 && matches!(bytes[at - 1], b'\\' | b'$');
        if escaped || bytes.get(at + 1) == Some(&b'$') {
            continue;
        }
        let start = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'{'));
        let start = start + usize::from(bytes.get(start) == Some(&b'#') || bytes.get(start) == Some(&b'!'));
        if let Some(name) = name_at(text, start) {
            found.push(Read { name: name.to_owned(), at });
        }
    }
    found
}

/// The variables that a script reads, also where it names them without a dollar: `[[ -v X ]]`, `env:X`.
pub(super) fn in_script(text: &str) -> Vec<Read> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = without_comment(line);
        for mut read in in_value(code) {
            let powershell = code[read.at..].get(1..5).is_some_and(|word| word.eq_ignore_ascii_case("env:"));
            if powershell {
                let Some(name) = name_at(code, read.at + 5) else { continue };
                name.clone_into(&mut read.name);
            }
            found.push(Read { at: start + read.at, ..read });
        }
        for mark in ["-v ", "env:", "Env:"] {
            for (at, _) in code.match_indices(mark) {
                let dollar = code[..at].ends_with(['$', '{']);
                let tests = mark != "-v " || code[..at].trim_end().ends_with(['[', 't']);
                if let (false, true, Some(name)) = (dollar, tests, name_at(code, at + mark.len())) {
                    found.push(Read { name: name.to_owned(), at: start + at + mark.len() });
                }
            }
        }
        start += line.len();
    }
    found
}

fn without_comment(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with('#') { "" } else { line }
}

/// The variables that a script sets for itself.
pub(super) fn set_in_script(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'=', bytes) {
        // `X=`, `X+=`, `$env:X =`, `$X =`, not `==`, `!=`, `--x=`
        if bytes.get(at + 1) == Some(&b'=') || at == 0 || matches!(bytes[at - 1], b'=' | b'!' | b'<' | b'>') {
            continue;
        }
        let mut end = at;
        while end > 0 && matches!(bytes[end - 1], b' ' | b'+' | b':') {
            end -= 1;
        }
        let start = bytes[..end].iter().rposition(|byte| !is_name(*byte)).map_or(0, |before| before + 1);
        let spaced = end != at && bytes[end..at].contains(&b' ');
        let before = text.get(..start).unwrap_or_default();
        let is_powershell = before.ends_with('$') || before.ends_with("env:") || before.ends_with("Env:");
        let begins =
            before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ';' | '&' | '`'));
        if let (true, Some(name)) = ((begins && !spaced) || is_powershell, text.get(start..end).filter(|name| !name.is_empty())) {
            found.insert(name.to_owned());
        }
    }
    for word in ["for ", "read ", "export ", "local ", "declare ", "unset "] {
        for (at, _) in text.match_indices(word) {
            if at > 0 && text.as_bytes()[at - 1].is_ascii_alphanumeric() {
                continue;
            }
            let mut rest = text[at + word.len()..].split_whitespace().skip_while(|part| part.starts_with('-'));
            let name = rest.next().unwrap_or_default().trim_end_matches([';', ')']);
            // `export X` alone passes on what is there.
            if word != "export " && !name.is_empty() && name.bytes().all(is_name) {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// Whether GitLab, the runner or the shell gives this variable.
pub(super) fn is_given(name: &str) -> bool {
    const SHELL: &[&str] = &[
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "USER",
        "SHELL",
        "IFS",
        "RANDOM",
        "HOSTNAME",
        "UID",
        "EUID",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "TMP",
        "TEMP",
        "TERM",
        "PS1",
        "PS4",
        "SECONDS",
        "LINENO",
        "REPLY",
        "PIPESTATUS",
        "FUNCNAME",
        "OSTYPE",
        "GOPATH",
        "APPDATA",
        "LOCALAPPDATA",
        "USERPROFILE",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
        "EDITOR",
        "PPID",
        "PROGRAMFILES",
        "SYSTEMROOT",
        "COMSPEC",
        "OPTARG",
        "OPTIND",
        "LASTEXITCODE",
        "BASH_REMATCH",
        "BASH_SOURCE",
        "DEBIAN_FRONTEND",
    ];
    ["CI_", "GITLAB_", "FF_", "BASH_", "RUNNER_", "CHAT_", "TRIGGER_"].iter().any(|start| name.starts_with(start))
        || name == "CI"
        || SHELL.contains(&name)
}

/// Whether it looks like the name of a variable that a project sets, and not of one in a script.
pub(super) fn is_outside_name(name: &str) -> bool {
    name.len() > 1
        && name.bytes().any(|byte| byte.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(reads: &[Read]) -> Vec<&str> {
        reads.iter().map(|read| read.name.as_str()).collect()
    }

    #[test]
    fn variables_are_read_in_every_spelling() {
        assert_eq!(names(&in_value("${A}-$B:%C \\$D $$E ${#F}")), ["A", "B", "F"]);
        assert_eq!(names(&in_script("echo $A\n# $B\nif [[ -v C ]]; then\n$env:D\nTest-Path env:E\n")), ["A", "C", "D", "E"]);
    }

    #[test]
    fn what_a_script_sets_is_its_own() {
        let set = set_in_script(
            "export A=$(x)\nB=1 c\nfor D in x; do read -r E; done\n$env:F = 'x'\n[ $G == 1 ]\necho \"H=$I\" >> x.env\nexport J\n--k=1",
        );
        assert_eq!(set.iter().map(String::as_str).collect::<Vec<_>>(), ["A", "B", "D", "E", "F", "H"]);
    }

    #[test]
    fn predefined_ones_are_told_apart() {
        assert!(is_given("CI_COMMIT_TAG") && is_given("HOME") && !is_given("DOCKER_HUB_USER"));
        assert!(is_outside_name("PKG_UPLOAD_URL") && !is_outside_name("line") && !is_outside_name("x"));
    }
}
