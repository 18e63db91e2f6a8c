//! Everything that a call writes into files, found by tracing it and all that it starts: also what is gone again at its
//! end, and places that no list would have.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::support::Canship;

/// System calls that put bytes into files, and those that give files their names.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,open,openat,creat,mkdir,mkdirat,\
    rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknodat";

/// The longest text that is shown of one call.
const LONGEST: &str = "67108864";

/// What a call did with files.
pub(crate) struct Traced {
    pub(crate) output: Output,
    /// What was written to each path, in order; a pipe, socket or device is no file.
    pub(crate) written: BTreeMap<PathBuf, Vec<u8>>,
    /// Every path that was opened or made, as it was given.
    pub(crate) names: BTreeSet<String>,
}

/// Runs the call with the arguments that it has, and follows it.
pub(crate) fn trace(canship: &Canship) -> Traced {
    let call = canship.command();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls");
    let arguments: Vec<OsString> = std::iter::once(call.get_program()).chain(call.get_args()).map(OsString::from).collect();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-xx", "-s", LONGEST, "-e", CALLS, "-e", "signal=none", "-o"]).arg(&log).args(arguments);
    strace.current_dir(canship.folder()).env_clear().stdin(std::process::Stdio::null());
    let output = strace.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?)))).output();
    let output = output.expect("`strace` is needed (Debian: strace)");
    let mut traced = Traced { output, written: BTreeMap::new(), names: BTreeSet::new() };
    for line in fs::read_to_string(&log).unwrap().lines() {
        traced.note(line);
    }
    traced
}

impl Traced {
    /// Takes in one line, `12 write(3<\x2f\x74>, "\x68", 1) = 1`.
    fn note(&mut self, line: &str) {
        assert!(!line.contains("\"..."), "a text was cut short: {line}");
        let Some((call, arguments)) = line.split_once(' ').and_then(|(_process, rest)| rest.trim_start().split_once('(')) else {
            return;
        };
        let texts = arguments.split('"').skip(1).step_by(2).map(decoded);
        match call {
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => {
                let Some(path) = file(arguments) else { return };
                self.written.entry(path).or_default().extend(texts.flatten());
            }
            // What is copied is seen by reading it at the end.
            "copy_file_range" | "sendfile" => {
                for path in arguments.split(", ").filter_map(file) {
                    self.written.entry(path).or_default();
                }
            }
            _ => self.names.extend(texts.map(|name| String::from_utf8_lossy(&name).into_owned())),
        }
    }

    /// What was written to each file, and what lies there at the end.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, Vec<u8>)> {
        self.written.iter().map(|(path, bytes)| {
            let last = fs::read(path).unwrap_or_default();
            (path.as_path(), [&bytes[..], b"\n", &last].concat())
        })
    }
}

/// The file that is written to: the first argument of a call with descriptors shown as `3<path>`.
fn file(arguments: &str) -> Option<PathBuf> {
    let (_descriptor, rest) = arguments.split_once('<')?;
    let path = String::from_utf8(decoded(rest.split_once('>')?.0)).unwrap();
    (path.starts_with('/') && !path.starts_with("/dev/")).then(|| PathBuf::from(path))
}

/// The bytes of `\x68\x69`.
fn decoded(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap()).collect()
}

#[test]
fn a_trace_shows_what_was_written_even_if_the_file_is_gone() {
    let mut traced = Traced { output: Command::new("true").output().unwrap(), written: BTreeMap::new(), names: BTreeSet::new() };
    traced.note(r#"7 openat(AT_FDCWD<\x2f>, "\x2f\x61", O_WRONLY|O_CREAT) = 3<\x2f\x61>"#);
    traced.note(r#"7 write(3<\x2f\x61>, "\x68", 1) = 1"#);
    traced.note(r#"8 writev(3<\x2f\x61>, [{iov_base="\x69", iov_len=1}, {iov_base="\x21", iov_len=1}], 2 <unfinished ...>"#);
    traced.note(r#"7 write(1<\x70\x69\x70\x65\x3a\x5b\x39\x5d>, "\x68", 1) = 1"#);
    assert_eq!(traced.written, BTreeMap::from([(PathBuf::from("/a"), b"hi!".to_vec())]));
    assert!(traced.names.contains("/a"));
}
