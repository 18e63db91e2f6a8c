//! What an object store says when it does not do what was asked, in words that help.

use std::{error::Error, fmt};

use object_store::client::{HttpError, HttpErrorKind};

use crate::{network::certificate_fault, record::Text, secret::Scrubber};

/// What the store did wrong, or what was wrong with the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// No key is there to ask with.
    NoKey,
    /// The key is not accepted.
    Unauthorized,
    /// The key is accepted, and may not do this.
    Forbidden,
    /// The clocks of store and machine are too far apart.
    Skewed,
    /// There is no such bucket.
    NoBucket,
    /// The bucket is in another region.
    WrongRegion,
    /// The store cannot right now.
    Unavailable,
    /// The store did not answer in time.
    Timeout,
    /// Nothing answers at the address.
    Unreachable,
    /// Something else is there under the record's name.
    Differs,
    /// Anything else.
    Broken,
}

/// Why a store gave or took nothing. Holds no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    fault: StoreFault,
    what: String,
    words: String,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what, self.words, self.advice())
    }
}

impl Error for StoreError {}

impl StoreError {
    /// `what` was tried, on what; `words` is what was seen.
    pub(super) fn new(fault: StoreFault, what: impl Into<String>, words: impl Into<String>) -> Self {
        Self { fault, what: what.into(), words: words.into() }
    }

    /// What the client has seen while it did `what`.
    pub(super) fn seen(error: &object_store::Error, what: &str, scrubber: &Scrubber) -> Self {
        let (fault, words) = read(error);
        let mut words = Text::words(&scrubber.scrub(&words));
        words.shorten();
        Self::new(fault, what, words.as_str())
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> StoreFault {
        self.fault
    }

    /// Whether the next question would be answered alike.
    pub(super) fn is_of_the_whole_store(&self) -> bool {
        self.fault != StoreFault::Differs
    }

    fn advice(&self) -> &'static str {
        match self.fault {
            StoreFault::NoKey => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name secrets of the plan with `key_id` and `secret_key`"
            }
            StoreFault::Unauthorized => "check the key, and that it has not expired",
            StoreFault::Forbidden => "give the key the right to list, read and write there",
            StoreFault::Skewed => "set this machine's clock right: the store refuses what it takes for old or of the future",
            StoreFault::NoBucket => "make the bucket, or correct `history:` in the plan",
            StoreFault::WrongRegion => "name the bucket's region with `region` in the plan, or AWS_REGION",
            StoreFault::Unavailable | StoreFault::Timeout => "look whether the store is up, and try again",
            StoreFault::Unreachable => "check the store's address (`endpoint`, AWS_ENDPOINT_URL) and the network",
            StoreFault::Differs => "look at both, and remove the one that is wrong",
            StoreFault::Broken => "check that it is a store that speaks S3",
        }
    }
}

/// What kind of failure it is, and the store's or the network's own words.
fn read(error: &object_store::Error) -> (StoreFault, String) {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return unanswered(http);
        }
        next = error.source();
    }
    answered(error, &error.to_string())
}

/// No answer came, or not all of it.
fn unanswered(error: &HttpError) -> (StoreFault, String) {
    if let Some(fault) = certificate_fault(error) {
        return (StoreFault::Unreachable, fault.to_string());
    }
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    match error.kind() {
        HttpErrorKind::Timeout => (StoreFault::Timeout, "no answer in time".to_owned()),
        HttpErrorKind::Connect => (StoreFault::Unreachable, format!("no connection: {deepest}")),
        _ => (StoreFault::Unavailable, format!("the connection broke off: {deepest}")),
    }
}

/// The store answered with an error: its code and message, as S3 has them.
fn answered(error: &object_store::Error, text: &str) -> (StoreFault, String) {
    let code = element(text, "Code");
    let status = text.split("status code: ").nth(1).and_then(|rest| rest.get(..3));
    let fault = match (code, status) {
        (Some("NoSuchBucket"), _) => StoreFault::NoBucket,
        (Some("RequestTimeTooSkewed"), _) => StoreFault::Skewed,
        (Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem"), _) => StoreFault::Forbidden,
        (Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired"), _)
        | (_, Some("401")) => StoreFault::Unauthorized,
        (Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException"), _)
        | (_, Some("301" | "307")) => StoreFault::WrongRegion,
        (_, Some("403")) => StoreFault::Forbidden,
        (Some("SlowDown" | "InternalError" | "ServiceUnavailable"), _) => StoreFault::Unavailable,
        (_, Some(status)) if status.starts_with('5') || status == "429" => StoreFault::Unavailable,
        _ if text.contains("without LOCATION") => StoreFault::WrongRegion,
        _ => StoreFault::Broken,
    };
    let words = match (code, element(text, "Message"), status) {
        (Some(code), Some(message), _) => format!("the store answered `{code}`: {}", message.trim_end_matches('.')),
        (Some(code), None, _) => format!("the store answered `{code}`"),
        (None, _, Some(status)) => format!("the store answered with status {status}"),
        (None, _, None) if fault == StoreFault::WrongRegion => "the store answered with a redirect that leads nowhere".to_owned(),
        (None, _, None) => error.source().map_or_else(|| text.to_owned(), ToString::to_string),
    };
    (fault, words)
}

/// The text of the first element of this name.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim())
}
