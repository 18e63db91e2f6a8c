//! What is asked of a forge, in words for people, and how it is asked by hand.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{ForgeError, ForgeFault, Place, wire::Failed};
use crate::record::shell_word;

/// What one call is for.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// `` disabling workflow `release.yml` ``.
    pub(super) tried: String,
    /// The right that it needs, by the forge's name for it, for a forge that refuses without naming it.
    pub(super) right: &'static str,
}

impl Call {
    pub(super) fn new(tried: impl Into<String>, right: &'static str) -> Self {
        Self { tried: tried.into(), right }
    }

    /// The error that a failed exchange of this call is.
    pub(super) fn failed(&self, place: &Place, failed: Failed) -> ForgeError {
        let Failed { fault, effect } = failed;
        let fault = match fault {
            ForgeFault::NoRights { missing, words } if missing.is_empty() => {
                ForgeFault::NoRights { missing: self.right.into(), words }
            }
            fault => fault,
        };
        ForgeError::new(place, &self.tried, fault, effect)
    }

    /// The error of something that was not asked for.
    pub(super) fn declined(&self, place: &Place, reason: &str) -> ForgeError {
        self.failed(place, Failed::harmless(ForgeFault::Declined { reason: reason.into() }))
    }
}

/// What may stand in a part of a path as it is. Source: RFC 3986, section 2.3.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a path, or of a query.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// Whether what was asked for by another name is the thing of this kind and number: it says so itself, or the forge leads from
/// the name to it.
pub(super) fn is_same(other: Result<u64, ForgeError>, (kind, id): (&str, u64)) -> Result<bool, ForgeError> {
    let error = match other {
        Ok(other) => return Ok(other == id),
        Err(error) => error,
    };
    match error.fault() {
        ForgeFault::Moved { to, .. } => Ok(to.as_str().ends_with(&format!("/{kind}/{id}"))),
        ForgeFault::NotFoundOrHidden { .. } => Ok(false),
        _ => Err(error),
    }
}

/// A command for `sh` that changes something, with the token in `$CANSHIP_TOKEN`.
pub(super) fn curl(method: &str, url: &str, body: Option<&str>) -> String {
    let body = body.map(|body| format!(" -H 'Content-Type: application/json' -d {}", shell_word(body))).unwrap_or_default();
    // A repository that was renamed is answered with a redirect, which without `-L` would look like a success. What redirects to
    // another host does not get the token.
    let redirected = "-L --post301 --post302";
    // Over standard input: curl's arguments can be read by every user of the machine, those of `printf` by none.
    let token = r#"printf 'header = "Authorization: Bearer %s"\n' "$CANSHIP_TOKEN""#;
    format!("{token} | curl -fsS {redirected} -K - -X {method}{body} {}", shell_word(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_by_hand_holds_the_tokens_name_only_and_no_word_ends_early() {
        let command = curl("PUT", "https://x.example/a'b", Some("{\"paused\":false}"));
        assert_eq!(
            command,
            "printf 'header = \"Authorization: Bearer %s\"\\n' \"$CANSHIP_TOKEN\" | curl -fsS -L --post301 --post302 -K - -X PUT \
             -H 'Content-Type: application/json' \
             -d '{\"paused\":false}' 'https://x.example/a'\\''b'"
        );
    }

    #[test]
    fn a_part_of_a_path_stays_one_part() {
        assert_eq!(part("a/b ü?#%"), "a%2Fb%20%C3%BC%3F%23%25");
    }
}
