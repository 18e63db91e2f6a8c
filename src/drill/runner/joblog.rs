//! The event log that a run has shown in the logs of its jobs, where its artifact did not come to be.
//!
//! Only lines that hold an event and nothing else count, after what the forge itself puts before every line: what a build
//! prints has canship's own words before it there.

/// The lines of the one event log in there.
///
/// # Errors
/// How many there are, if it is not one.
pub(super) fn event_log(logs: &[u8]) -> Result<Vec<u8>, usize> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for line in logs.split(|byte| *byte == b'\n') {
        let Line { text, goes_on } = Line::of(line);
        match all.last_mut().filter(|_| goes_on) {
            Some(last) => last.extend(text),
            None => all.push(text.to_vec()),
        }
    }
    let (mut lines, mut found): (Vec<u8>, usize) = (Vec::new(), 0);
    for line in all.iter().filter(|line| line.starts_with(EVENT)) {
        found += usize::from(is_start(line));
        lines.extend(line);
        lines.push(b'\n');
    }
    if found == 1 { Ok(lines) } else { Err(found) }
}

/// How every line of an event log begins.
const EVENT: &[u8] = br#"{"at":""#;

fn is_start(text: &[u8]) -> bool {
    let event: Option<serde_json::Value> = serde_json::from_slice(text).ok();
    event.is_some_and(|event| event["event"] == "drill-started")
}

/// A line without what the forge puts before it.
struct Line<'l> {
    text: &'l [u8],
    /// Whether it belongs to the line before it.
    goes_on: bool,
}

impl<'l> Line<'l> {
    /// GitHub: a byte order mark in the first line, the time in each. GitLab: the time, and a mark of the stream whose `+`
    /// says that the line before it was not at its end.
    fn of(line: &'l [u8]) -> Self {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii_end();
        let text = word(line, is_time).unwrap_or(line);
        let mark = |mark: &[u8]| matches!(mark, [a, b, b'O' | b'E'] | [a, b, b'O' | b'E', b'+'] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        let is_marked = text.len() < line.len();
        let goes_on = is_marked && text.get(3) == Some(&b'+');
        // After a `+` there is no space.
        let text = match text.get(..4).filter(|start| goes_on && mark(start)) {
            Some(_) => &text[4..],
            None => word(text, mark).filter(|_| is_marked).unwrap_or(text),
        };
        Self { text, goes_on }
    }
}

/// What stands after the first word, if that is such a one.
fn word(line: &[u8], is_such: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let end = line.iter().position(|byte| *byte == b' ')?;
    is_such(&line[..end]).then(|| &line[end + 1..])
}

fn is_time(word: &[u8]) -> bool {
    word.len() >= 20 && word.iter().all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"at":"2026-11-20T23:35:12Z","event":"drill-started"}"#;
    const END: &str = r#"{"at":"2026-11-20T23:36:12Z","event":"drill-finished","events":1}"#;

    fn lines(log: &str) -> Result<String, usize> {
        event_log(log.as_bytes()).map(|lines| String::from_utf8(lines).unwrap())
    }

    #[test]
    fn what_a_forge_puts_before_each_line_is_left_out() {
        let wanted = Ok(format!("{START}\n{END}\n"));
        assert_eq!(lines(&format!("hello\n{START}\n{END}\nbye")), wanted);
        let time = "2026-11-20T23:36:13.1234567Z";
        assert_eq!(lines(&format!("\u{feff}{time} {START}\r\n{time} {END}\r\n{time} bye\r\n")), wanted);
        assert_eq!(lines(&format!("{time} 00O {START}\n{time} 00O {END}\n")), wanted);
        let (half, rest) = END.split_at(20);
        assert_eq!(lines(&format!("{time} 01O {START}\n{time} 01O {half}\n{time} 01O+{rest}\n")), wanted);
        // What goes on belongs to the line before, also where that is no event.
        assert_eq!(lines(&format!("{time} 01O {START}\n{time} 01O {END}\n{time} 01O he\n{time} 01O+llo\n")), wanted);
    }

    #[test]
    fn what_a_build_prints_is_no_event_and_a_second_log_is_told() {
        assert_eq!(lines(&format!("build 1 | {START}\n")), Err(0));
        assert_eq!(lines(&format!("{START}\n{END}\n{START}\n")), Err(2));
        assert_eq!(lines(""), Err(0));
    }
}
