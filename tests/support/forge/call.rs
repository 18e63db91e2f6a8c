//! One call: what was asked, what is answered, what is remembered of it, and how tests speak of it.

use std::time::Instant;

use axum::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A request, with its path from below the simulator's base on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As it came, still encoded, without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// JSON, or what a form says; `Null` without a body.
    pub(crate) body: Value,
    /// Whether the body is a form, whose values are all text.
    pub(crate) is_form: bool,
}

impl Request {
    /// The parts of the path, decoded one by one.
    pub(crate) fn segments(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    /// A truth of the body, which a form tells by a word.
    pub(crate) fn truth(&self, name: &str) -> Option<bool> {
        match &self.body[name] {
            Value::Bool(truth) => Some(*truth),
            Value::String(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// The token that is sent, in any of the ways that a forge takes one.
    pub(crate) fn token(&self) -> Option<&str> {
        let bearer = |value: &'_ str| {
            let (kind, token) = value.split_once(' ')?;
            ["bearer", "token"].contains(&kind.to_ascii_lowercase().as_str()).then_some(token.len())
        };
        if let Some(value) = self.header("authorization") {
            return bearer(value).map(|length| &value[value.len() - length..]);
        }
        self.header("private-token").or_else(|| self.header("job-token"))
    }

    /// The page that is asked for, and how long it is.
    pub(crate) fn page(&self, usual: usize) -> (usize, usize) {
        let number = |name, usual| self.asked(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        (number("page", 1).max(1), number("per_page", usual).clamp(1, 100))
    }
}

/// A form's pairs as what they mean: `name[]` is an array's item, `name[key]` an object's field, `name[][key]` a field of
/// an array's object, which is a new one when the last has that field already. Values stay text.
pub(super) fn nested(pairs: &[(String, String)]) -> Value {
    let mut form = json!({});
    for (name, text) in pairs {
        let parts: Vec<&str> = name.split('[').map(|part| part.trim_end_matches(']')).collect();
        let slot = &mut form[parts[0]];
        match parts[1..] {
            [""] => push(slot, json!(text)),
            [key] => slot[key] = json!(text),
            ["", key] => {
                let is_open = slot.as_array().and_then(|items| items.last()).is_some_and(|last| last[key].is_null());
                if !is_open {
                    push(slot, json!({}));
                }
                let last = slot.as_array_mut().and_then(|items| items.last_mut()).unwrap();
                last[key] = json!(text);
            }
            _ => *slot = json!(text),
        }
    }
    form
}

fn push(slot: &mut Value, item: Value) {
    if slot.is_null() {
        *slot = json!([]);
    }
    slot.as_array_mut().unwrap().push(item);
}

/// What an answer holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Nothing,
    Json(Value),
    Text(String),
    /// With its media type.
    Bytes(&'static str, Vec<u8>),
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Content,
}

impl Answer {
    pub(crate) fn new(status: u16, content: Content) -> Self {
        Self { status, headers: Vec::new(), content }
    }

    pub(crate) fn json(status: u16, value: Value) -> Self {
        Self::new(status, Content::Json(value))
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, Content::Nothing)
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), format!("{value}")));
        self
    }

    /// The bytes and their media type.
    pub(crate) fn bytes(&self) -> (Option<&'static str>, Vec<u8>) {
        match &self.content {
            Content::Nothing => (None, Vec::new()),
            Content::Json(value) => (Some("application/json; charset=utf-8"), value.to_string().into_bytes()),
            Content::Text(text) => (Some("text/plain; charset=utf-8"), text.clone().into_bytes()),
            Content::Bytes(kind, bytes) => (Some(kind), bytes.clone()),
        }
    }
}

/// A call as it is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// From 1, in the order of arrival.
    pub(crate) number: usize,
    pub(crate) method: Method,
    /// Below the base, with its query.
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) arrived: Instant,
    /// When it was answered; none while it is not, or if it never was.
    pub(crate) answered: Option<Instant>,
    /// The answer's status; none while it is not answered, or if it never was.
    pub(crate) status: Option<u16>,
    /// Whether it changed the state that [`super::server::Simulator::state`] tells.
    pub(crate) changed: bool,
    /// Whether it came with a token.
    pub(crate) authorized: bool,
}

impl Call {
    /// Whether it can change anything.
    pub(crate) fn is_change(&self) -> bool {
        ![Method::GET, Method::HEAD].contains(&self.method)
    }
}

/// Calls, as a test speaks of them.
#[derive(Clone, Debug)]
pub(crate) struct When {
    kind: Kind,
    from: usize,
    times: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Any,
    Number(usize),
    Route(Method, String),
    Exactly(Method, String),
}

impl When {
    /// The call with this number.
    pub(crate) fn call(number: usize) -> Self {
        Self { kind: Kind::Number(number), from: 1, times: usize::MAX }
    }

    /// Every call of this method whose path, with its query, contains this.
    pub(crate) fn route(method: &str, path: &str) -> Self {
        let method = method.parse().unwrap();
        Self { kind: Kind::Route(method, path.to_owned()), from: 1, times: usize::MAX }
    }

    /// Every call of this method and path, with its query.
    pub(crate) fn exactly(method: &str, path: &str) -> Self {
        let method = method.parse().unwrap();
        Self { kind: Kind::Exactly(method, path.to_owned()), from: 1, times: usize::MAX }
    }

    /// Every call.
    pub(crate) fn always() -> Self {
        Self { kind: Kind::Any, from: 1, times: usize::MAX }
    }

    /// Of these calls, only the n-th, counted from 1 and from when the rule was made.
    #[must_use]
    pub(crate) fn nth(self, nth: usize) -> Self {
        Self { from: nth, times: 1, ..self }
    }

    /// Of these calls, only so many.
    #[must_use]
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Whether this is one of these calls; counts it.
    pub(super) fn is(&mut self, call: &Call) -> bool {
        let fits = match &self.kind {
            Kind::Any => true,
            Kind::Number(number) => call.number == *number,
            Kind::Route(method, path) => call.method == *method && call.path.contains(path),
            Kind::Exactly(method, path) => call.method == *method && call.path == *path,
        };
        if !fits || self.times == 0 {
            return false;
        }
        if self.from > 1 {
            self.from -= 1;
            return false;
        }
        self.times = self.times.saturating_sub(usize::from(self.times != usize::MAX));
        true
    }
}
