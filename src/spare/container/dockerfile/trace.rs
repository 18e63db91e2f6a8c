//! What builders say of a build: lines of JSON, and in those of `BuildKit` messages about each instruction.
//! Source: <https://github.com/moby/buildkit/blob/master/api/services/control/control.proto>, `StatusResponse`.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    super::super::OnOutput,
    protobuf::{Fields, Value},
};
use crate::record::Stream;

/// The `id` of a line that holds a message.
const TRACE: &str = "moby.buildkit.trace";

/// Instructions of the builder's own begin so.
const INTERNAL: &str = "[internal]";

#[derive(Deserialize)]
struct Line {
    id: Option<String>,
    aux: Option<Json>,
    stream: Option<String>,
    error: Option<String>,
    message: Option<String>,
}

/// Follows what a builder says.
#[derive(Default)]
pub(super) struct Words {
    /// Instructions that were named already.
    begun: HashSet<String>,
    failed: HashSet<String>,
    /// For standard output and standard error: whether the last that was passed on did not end its line.
    is_mid_line: [bool; 2],
}

impl Words {
    /// Takes a line and passes on what a person wants to read of it; gives the reason if the build has failed.
    pub(super) fn take(&mut self, line: &[u8], output: OnOutput<'_>) -> Option<String> {
        let line: Line = serde_json::from_slice(line).ok()?;
        if let Some(text) = line.stream {
            self.pass_on(Stream::Stdout, text.as_bytes(), output);
        }
        if line.id.as_deref() == Some(TRACE)
            && let Some(Json::String(encoded)) = line.aux
            && let Ok(message) = STANDARD.decode(encoded)
        {
            self.status(&message, output);
        }
        // An answer that is no stream has only a message.
        line.error.or(line.message)
    }

    fn status(&mut self, message: &[u8], output: OnOutput<'_>) {
        for (field, value) in Fields(message) {
            match field {
                1 => self.instruction(value.bytes(), output),
                3 => self.printed(value.bytes(), output),
                _ => {}
            }
        }
    }

    fn instruction(&mut self, message: &[u8], output: OnOutput<'_>) {
        let (mut digest, mut name, mut has_started, mut error) = (String::new(), String::new(), false, String::new());
        for (field, value) in Fields(message) {
            match field {
                1 => digest = value.text(),
                3 => name = value.text(),
                5 => has_started = true,
                7 => error = value.text(),
                _ => {}
            }
        }
        if has_started && !name.starts_with(INTERNAL) && self.begun.insert(digest.clone()) {
            self.line(&name, output);
        }
        if !error.is_empty() && self.failed.insert(digest) {
            self.line(&format!("failed: {name}: {error}"), output);
        }
    }

    fn line(&mut self, text: &str, output: OnOutput<'_>) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if std::mem::take(&mut self.is_mid_line[stream as usize]) {
                output(stream, b"\n");
            }
        }
        output(Stream::Stderr, format!("{text}\n").as_bytes());
    }

    fn pass_on(&mut self, stream: Stream, text: &[u8], output: OnOutput<'_>) {
        if !text.is_empty() {
            self.is_mid_line[stream as usize] = !text.ends_with(b"\n");
            output(stream, text);
        }
    }

    fn printed(&mut self, message: &[u8], output: OnOutput<'_>) {
        let (mut stream, mut text) = (Stream::Stdout, &[][..]);
        for (field, value) in Fields(message) {
            match (field, value) {
                (3, Value::Number(2)) => stream = Stream::Stderr,
                (4, Value::Bytes(bytes)) => text = bytes,
                _ => {}
            }
        }
        self.pass_on(stream, text, output);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::protobuf::message, *};

    fn said(lines: &[String]) -> (String, Vec<String>) {
        let (mut words, mut text) = (Words::default(), String::new());
        let failures = lines
            .iter()
            .filter_map(|line| words.take(line.as_bytes(), &mut |_, bytes| text.push_str(&String::from_utf8_lossy(bytes))));
        let failures = failures.collect();
        (text, failures)
    }

    fn trace(status: &[u8]) -> String {
        serde_json::json!({ "id": TRACE, "aux": STANDARD.encode(status) }).to_string()
    }

    #[test]
    fn an_instruction_is_named_once_when_it_begins_and_what_it_prints_follows() {
        let vertex = [message(1, b"sha256:1"), message(3, b"[2/2] RUN make"), message(5, b"")].concat();
        let log = [message(1, b"sha256:1"), vec![3 << 3, 1], message(4, b"ok\n")].concat();
        let lines = [trace(&message(1, &vertex)), trace(&message(1, &vertex)), trace(&message(3, &log))];
        assert_eq!(said(&lines), ("[2/2] RUN make\nok\n".to_owned(), Vec::new()));
    }

    #[test]
    fn what_does_not_end_its_line_is_not_run_into() {
        let log = [message(1, b"sha256:1"), vec![3 << 3, 2], message(4, b"no end")].concat();
        let failed = [message(1, b"sha256:1"), message(3, b"RUN x"), message(7, b"exit code: 1")].concat();
        let end = r#"{"error":"it failed: exit code: 1"}"#.to_owned();
        let (text, failures) = said(&[trace(&message(3, &log)), trace(&message(1, &failed)), end]);
        assert_eq!(text, "no end\nfailed: RUN x: exit code: 1\n");
        assert_eq!(failures, ["it failed: exit code: 1"]);
    }

    #[test]
    fn other_builders_say_plain_words_and_nonsense_says_nothing() {
        let lines = [r#"{"stream":"STEP 1/2: FROM a\n"}"#, "{", "[]", r#"{"id":"moby.buildkit.trace","aux":"%"}"#];
        assert_eq!(said(&lines.map(str::to_owned)), ("STEP 1/2: FROM a\n".to_owned(), Vec::new()));
    }
}
