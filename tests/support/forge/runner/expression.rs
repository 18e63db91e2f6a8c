//! GitHub's expressions, as far as release workflows use them.

use serde_json::{Value, json};

use super::yaml;

/// How a job or a run stands, for the functions that ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Standing {
    Good,
    Failed,
    Cancelled,
}

/// Fills in all `${{ .. }}` of a text.
pub(in super::super) fn fill(text: &str, context: &Value, standing: Standing) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (inside, after) = after.split_once("}}").ok_or_else(|| format!("no end of an expression in {text:?}"))?;
        filled.push_str(before);
        filled.push_str(&yaml::text(&evaluate(inside, context, standing)?));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether an `if:` holds. One that asks nothing of how things stand holds only while they stand well.
pub(in super::super) fn holds(condition: &Value, context: &Value, standing: Standing) -> Result<bool, String> {
    let text = yaml::text(condition);
    let text = text.trim().trim_start_matches("${{").trim_end_matches("}}").trim();
    if text.is_empty() {
        return Ok(standing == Standing::Good);
    }
    let asks = ["always(", "failure(", "cancelled(", "success("].iter().any(|name| text.contains(name));
    Ok((asks || standing == Standing::Good) && is_true(&evaluate(text, context, standing)?))
}

fn evaluate(text: &str, context: &Value, standing: Standing) -> Result<Value, String> {
    let mut reader = Reader { rest: text.trim(), context, standing };
    let value = reader.either()?;
    if reader.rest.is_empty() { Ok(value) } else { Err(format!("`{}` is not understood in {text:?}", reader.rest)) }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

fn are_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        (Value::Null, Value::String(text)) | (Value::String(text), Value::Null) => text.is_empty(),
        _ => one == other || yaml::text(one) == yaml::text(other),
    }
}

struct Reader<'a> {
    rest: &'a str,
    context: &'a Value,
    standing: Standing,
}

impl Reader<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let found = self.rest.strip_prefix(sign);
        self.rest = found.map_or(self.rest, str::trim_start);
        found.is_some()
    }

    fn either(&mut self) -> Result<Value, String> {
        let mut value = self.both()?;
        while self.takes("||") {
            let other = self.both()?;
            value = if is_true(&value) { value } else { other };
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut value = self.compared()?;
        while self.takes("&&") {
            let other = self.compared()?;
            value = if is_true(&value) { other } else { value };
        }
        Ok(value)
    }

    fn compared(&mut self) -> Result<Value, String> {
        let value = self.single()?;
        if self.takes("==") {
            return Ok(json!(are_same(&value, &self.single()?)));
        }
        if self.takes("!=") {
            return Ok(json!(!are_same(&value, &self.single()?)));
        }
        Ok(value)
    }

    fn single(&mut self) -> Result<Value, String> {
        if self.rest.starts_with('!') && !self.rest.starts_with("!=") {
            self.takes("!");
            return Ok(json!(!is_true(&self.single()?)));
        }
        if self.takes("(") {
            let value = self.either()?;
            return if self.takes(")") { Ok(value) } else { Err("a bracket is not closed".to_owned()) };
        }
        if let Some(rest) = self.rest.strip_prefix('\'') {
            let end = rest.find('\'').ok_or("a quote is not closed")?;
            self.rest = rest[end + 1..].trim_start();
            return Ok(json!(rest[..end]));
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match word {
            "" => Err(format!("`{rest}` is not understood")),
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            "null" => Ok(Value::Null),
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                word.parse::<f64>().map(|number| json!(number)).map_err(|_| word.to_owned())
            }
            _ if self.takes("(") => self.function(word),
            _ => self.path(word),
        }
    }

    fn path(&mut self, word: &str) -> Result<Value, String> {
        let known = ["github", "inputs", "env", "secrets", "vars", "steps", "runner", "job", "needs", "strategy", "matrix"];
        let first = word.split('.').next().unwrap_or_default();
        if !known.contains(&first) {
            return Err(format!("`{word}` is neither a context nor a function"));
        }
        let mut value = word.split('.').fold(self.context.clone(), |value, name| value.get(name).cloned().unwrap_or_default());
        while self.takes("[") {
            let name = yaml::text(&self.either()?);
            self.takes("]");
            value = value.get(&name).cloned().unwrap_or_default();
        }
        Ok(value)
    }

    fn function(&mut self, name: &str) -> Result<Value, String> {
        let mut given = Vec::new();
        while !self.takes(")") {
            given.push(self.either()?);
            self.takes(",");
        }
        let text = |at: usize| given.get(at).map(yaml::text).unwrap_or_default();
        match name {
            "always" => Ok(json!(true)),
            "success" => Ok(json!(self.standing == Standing::Good)),
            "failure" => Ok(json!(self.standing == Standing::Failed)),
            "cancelled" => Ok(json!(self.standing == Standing::Cancelled)),
            "contains" => Ok(json!(text(0).contains(&text(1)))),
            "startsWith" => Ok(json!(text(0).starts_with(&text(1)))),
            "endsWith" => Ok(json!(text(0).ends_with(&text(1)))),
            "format" => Ok(json!((1..given.len()).fold(text(0), |all, at| all.replace(&format!("{{{}}}", at - 1), &text(at))))),
            "toJSON" => Ok(json!(given.first().map(Value::to_string))),
            _ => Err(format!("the function `{name}` is not simulated")),
        }
    }
}
