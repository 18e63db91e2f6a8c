//! Reads what a registry asks for: the header `WWW-Authenticate`.
//! Source: RFC 9110, section 11.6.1, and <https://distribution.github.io/distribution/spec/auth/token/>.

use std::collections::BTreeMap;

/// One way to log in that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub(super) scheme: String,
    /// Names in lower case.
    pub(super) parameters: BTreeMap<String, String>,
}

/// All challenges of one header value. Servers are careless here, so whatever cannot be read is passed over.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            // Nothing that could be a name: one character on, so that garbage cannot hold us here.
            let mut left = rest.chars();
            if left.next().is_none() {
                return challenges;
            }
            rest = left.as_str();
            continue;
        }
        let value = after.trim_start_matches([' ', '\t']).strip_prefix('=').map(|v| v.trim_start_matches([' ', '\t']));
        match (value, challenges.last_mut()) {
            (Some(value), Some(challenge)) => {
                let (value, after) = if let Some(quoted) = value.strip_prefix('"') { unquote(quoted) } else { plain(value) };
                challenge.parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                rest = after;
            }
            (Some(value), None) => rest = value,
            (None, _) => {
                challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
                rest = after;
            }
        }
    }
}

/// The token at the start, and what follows it.
fn token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

/// A value without quotes; more is taken than a token may have, since realms come unquoted too.
fn plain(text: &str) -> (String, &str) {
    let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
    (value.to_owned(), rest)
}

/// A value whose first quote is already gone.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut left = text.chars();
    while let Some(c) = left.next() {
        match c {
            '"' => break,
            '\\' => value.extend(left.next()),
            c => value.push(c),
        }
    }
    (value, left.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parameter<'c>(challenge: &'c Challenge, name: &str) -> &'c str {
        challenge.parameters.get(name).unwrap()
    }

    #[test]
    fn a_token_service_is_read_with_commas_in_its_scope() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let [challenge] = &parse(header)[..] else { panic!("not one challenge") };
        assert_eq!(challenge.scheme, "bearer");
        assert_eq!(parameter(challenge, "realm"), "https://auth.example/token");
        assert_eq!(parameter(challenge, "scope"), "repository:a/b:pull,push");
    }

    #[test]
    fn several_challenges_share_a_header() {
        let challenges = parse(r#"BASIC Realm="a \"b\"" , Negotiate, bearer realm=https://x/t , error = "invalid_token""#);
        let schemes: Vec<&str> = challenges.iter().map(|c| c.scheme.as_str()).collect();
        assert_eq!(schemes, ["basic", "negotiate", "bearer"]);
        assert_eq!(parameter(&challenges[0], "realm"), "a \"b\"");
        assert_eq!(parameter(&challenges[2], "realm"), "https://x/t");
        assert_eq!(parameter(&challenges[2], "error"), "invalid_token");
    }

    #[test]
    fn a_quote_that_never_ends_is_read_to_the_end() {
        assert_eq!(parameter(&parse("Basic realm=\"x, y=z")[0], "realm"), "x, y=z");
    }

    proptest! {
        #[test]
        fn anything_can_be_read(header in "\\PC*") {
            parse(&header);
        }
    }
}
