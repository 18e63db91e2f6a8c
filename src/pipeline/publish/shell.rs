//! Scripts taken apart into commands: enough of sh and PowerShell to see which program is called with which words.
//!
//! Invariants: one pass, no recursion; an expression of the forge (`${{ … }}`) is part of one word; comments, here-documents
//! and what is only printed are no commands.

use std::rc::Rc;

/// A command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct Command {
    /// Where its first word begins.
    pub(in crate::pipeline) offset: usize,
    /// The program and its arguments, quotes taken off.
    pub(in crate::pipeline) words: Rc<[String]>,
}

impl Command {
    /// The program's name without its folder and without `.exe`.
    pub(in crate::pipeline) fn program(&self) -> &str {
        self.words.first().map_or("", |word| base(word))
    }

    /// Whether one of the words is this.
    pub(in crate::pipeline) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|other| other == word)
    }

    /// The value of an option, as `--name value` or `--name=value`.
    pub(in crate::pipeline) fn option(&self, name: &str) -> Option<&str> {
        self.words.iter().enumerate().find_map(|(at, word)| {
            if word == name {
                return self.words.get(at + 1).map(String::as_str);
            }
            word.strip_prefix(name)?.strip_prefix('=')
        })
    }
}

/// The last part of a path, without `.exe`.
pub(in crate::pipeline) fn base(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.strip_suffix(".exe").or_else(|| name.strip_suffix(".cmd")).unwrap_or(name)
}

/// Words that stand before a command and are none of it.
const BEFORE: &[&str] = &[
    "if", "then", "else", "elif", "do", "while", "until", "!", "{", "(", "&", "time", "exec", "sudo", "command", "env", "eval",
    "-E", "nohup",
];

/// The most commands that are looked at in one script.
const MOST: usize = 20_000;

/// The commands of a script, in order of where they begin.
pub(in crate::pipeline) fn commands(script: &str) -> Vec<Command> {
    let mut reader = Reader { script, bytes: script.as_bytes(), ..Reader::default() };
    reader.read();
    reader.found.sort_by_key(|command| command.offset);
    reader.found
}

#[derive(Default)]
struct Reader<'s> {
    script: &'s str,
    bytes: &'s [u8],
    at: usize,
    /// The command being read, and those around it that `$(` interrupted.
    now: Partial,
    around: Vec<Partial>,
    /// The marks of here-documents that begin at the next line.
    documents: Vec<String>,
    found: Vec<Command>,
}

#[derive(Default)]
struct Partial {
    words: Vec<(usize, String)>,
    word: Option<(usize, String)>,
    quote: Option<u8>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if self.found.len() > MOST {
                return;
            }
            if self.bytes[self.at..].starts_with(b"${{") {
                self.expression();
                continue;
            }
            match self.now.quote {
                Some(quote) => self.quoted(byte, quote),
                None => self.plain(byte),
            }
        }
        while let Some(outer) = self.around.pop() {
            self.end_command();
            self.now = outer;
        }
        self.now.quote = None;
        self.end_command();
    }

    fn expression(&mut self) {
        let end = self.script[self.at..].find("}}").map_or(self.bytes.len(), |length| self.at + length + 2);
        self.push(self.at, end);
        self.at = end;
    }

    fn push(&mut self, start: usize, end: usize) {
        let text = self.script.get(start..end).unwrap_or_default();
        self.now.word.get_or_insert_with(|| (start, String::new())).1.push_str(text);
    }

    /// The character here, whole.
    fn take(&mut self) {
        let length = self.script[self.at..].chars().next().map_or(1, char::len_utf8);
        self.push(self.at, self.at + length);
        self.at += length;
    }

    fn quoted(&mut self, byte: u8, quote: u8) {
        match byte {
            _ if byte == quote => {
                self.now.quote = None;
                self.at += 1;
            }
            b'\\' if quote == b'"' && self.next_is(b"\n") => self.at += 2,
            b'\\' if quote == b'"' && self.next_is(b"\"") => {
                self.at += 1;
                self.take();
            }
            b'$' if quote == b'"' && self.next_is(b"(") => self.begin_inner(2),
            _ => self.take(),
        }
    }

    fn next_is(&self, next: &[u8]) -> bool {
        self.bytes.get(self.at + 1..).is_some_and(|rest| rest.starts_with(next))
    }

    fn plain(&mut self, byte: u8) {
        match byte {
            b'\'' | b'"' => {
                self.now.word.get_or_insert_with(|| (self.at, String::new()));
                self.now.quote = Some(byte);
                self.at += 1;
            }
            b'\\' | b'`' if self.next_is(b"\n") => self.at += 2,
            b'\\' | b'`' if self.next_is(b"\r\n") => self.at += 3,
            b'$' if self.next_is(b"(") => self.begin_inner(2),
            b')' if !self.around.is_empty() => {
                self.end_command();
                self.now = self.around.pop().unwrap_or_default();
                self.now.word.get_or_insert_with(|| (self.at, String::new())).1.push_str("$()");
                self.at += 1;
            }
            b'#' if self.now.word.is_none() => {
                self.at = memchr::memchr(b'\n', &self.bytes[self.at..]).map_or(self.bytes.len(), |length| self.at + length);
            }
            b'<' if self.next_is(b"<") && !self.next_is(b"<<") => self.here_document(),
            b'\n' => {
                self.end_command();
                self.at += 1;
                self.skip_documents();
            }
            b';' | b'|' | b'`' => self.cut(),
            b'&' if self.next_is(b"&") || self.now.word.is_none() => self.cut(),
            b'(' if self.now.words.is_empty() && self.now.word.is_none() => self.cut(),
            b' ' | b'\t' | b'\r' | b'(' | b')' => {
                self.end_word();
                self.at += 1;
            }
            _ => self.take(),
        }
    }

    fn cut(&mut self) {
        self.end_command();
        self.at += 1;
    }

    fn begin_inner(&mut self, length: usize) {
        self.at += length;
        if self.around.len() < 64 {
            self.now.word.get_or_insert_with(|| (self.at, String::new()));
            self.around.push(std::mem::take(&mut self.now));
        }
    }

    fn here_document(&mut self) {
        self.end_word();
        let rest = self.script[self.at + 2..].trim_start_matches('-').trim_start_matches(' ');
        let mark: String =
            rest.trim_start_matches(['\'', '"', '\\']).chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        self.at += 2;
        if !mark.is_empty() {
            self.at += self.script[self.at..].find(&mark).map_or(0, |at| at + mark.len());
            self.documents.push(mark);
        }
    }

    fn skip_documents(&mut self) {
        for mark in std::mem::take(&mut self.documents) {
            while self.at < self.bytes.len() {
                let end = memchr::memchr(b'\n', &self.bytes[self.at..]).map_or(self.bytes.len(), |length| self.at + length);
                let line = self.script.get(self.at..end).unwrap_or_default();
                self.at = (end + 1).min(self.bytes.len());
                if line.trim().trim_end_matches([')', '"', '\'']) == mark {
                    break;
                }
            }
        }
    }

    fn end_word(&mut self) {
        if let Some(word) = self.now.word.take() {
            self.now.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let words = std::mem::take(&mut self.now.words);
        let begin = words.iter().position(|(_, word)| !BEFORE.contains(&word.as_str()) && !is_assignment(word));
        let Some(begin) = begin else { return };
        let offset = words[begin].0;
        self.found.push(Command { offset, words: words.into_iter().skip(begin).map(|(_, word)| word).collect() });
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        commands(script).iter().map(|command| command.words.join(" ")).collect()
    }

    #[test]
    fn a_script_is_taken_apart_into_commands() {
        assert_eq!(
            words("cd x && ./build.sh; gh release create \"$TAG\" a b | tee log"),
            ["cd x", "./build.sh", "gh release create $TAG a b", "tee log"]
        );
    }

    #[test]
    fn lines_go_on_comments_do_not() {
        assert_eq!(words("# docker push a\ndocker push \\\n  b # c\niwr x `\n  -Out y"), ["docker push b", "iwr x -Out y"]);
    }

    #[test]
    fn what_stands_before_a_command_is_left_out() {
        assert_eq!(words("if sudo A=b docker push x; then X=1 cargo publish; fi"), ["docker push x", "cargo publish", "fi"]);
    }

    #[test]
    fn commands_within_commands_are_seen() {
        assert_eq!(
            words("URL=\"$(gh release create v1)\"\necho $(docker push $(cat name))"),
            ["gh release create v1", "echo $()", "docker push $()", "cat name"]
        );
    }

    #[test]
    fn here_documents_are_no_commands() {
        assert_eq!(words("cat <<EOF > x\ndocker push a\nEOF\ncargo publish"), ["cat > x", "cargo publish"]);
    }

    #[test]
    fn an_expression_stays_in_one_word() {
        assert_eq!(*commands("docker push ${{ a || 'b c' }}:1")[0].words, ["docker", "push", "${{ a || 'b c' }}:1"]);
    }

    #[test]
    fn options_are_found_in_both_spellings() {
        let command = &commands("twine upload --repository-url https://x -r=y")[0];
        assert_eq!((command.option("--repository-url"), command.option("-r")), (Some("https://x"), Some("y")));
    }
}
