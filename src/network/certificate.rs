//! What a certificate says of itself, read from its bytes. Nothing is verified here.

use std::{fmt, net::IpAddr};

use jiff::{SignedDuration, Timestamp};
use x509_cert::{
    certificate::TbsCertificate,
    der::{Decode as _, Encode as _, oid::db::rfc5280::ID_KP_SERVER_AUTH},
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName, name::GeneralName},
    name::Name,
    time::Time,
};

use crate::record::Text;

/// The longest name that is shown whole, in characters.
const LONGEST: usize = 200;

/// So long before its end a certificate should have been renewed.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Names of hosts that are shown.
const SHOWN: usize = 6;

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for: `CN=registry.example`.
    pub subject: Text,
    /// Who issued it.
    pub issuer: Text,
    /// The hosts that it is for.
    pub names: Vec<Text>,
    /// The moment from which it is valid.
    pub not_before: Timestamp,
    /// The last moment at which it is valid.
    pub not_after: Timestamp,
    /// Whether it names itself as its issuer.
    pub is_self_issued: bool,
    /// Whether it is the certificate of an authority.
    pub is_authority: bool,
    /// Whether it may be a server's.
    pub is_for_servers: bool,
}

impl Certificate {
    /// Reads it; none if it cannot be understood.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let whole = x509_cert::Certificate::from_der(der).ok()?;
        let content = whole.tbs_certificate();
        let usage = content.get_extension::<ExtendedKeyUsage>().ok().flatten();
        let constraints = content.get_extension::<BasicConstraints>().ok().flatten();
        Some(Self {
            subject: shown(content.subject()),
            issuer: shown(content.issuer()),
            names: names(content),
            not_before: moment(content.validity().not_before)?,
            not_after: moment(content.validity().not_after)?,
            is_self_issued: content.subject().to_der().ok()? == content.issuer().to_der().ok()?,
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            is_for_servers: usage.is_none_or(|(_, usage)| usage.0.contains(&ID_KP_SERVER_AUTH)),
        })
    }

    /// Whether it has to be renewed soon: less than two weeks and less than a quarter of its time are left. Certificates
    /// of a few days, which renew themselves, are so for their last quarter only.
    #[must_use]
    pub fn expires_soon(&self, now: Timestamp) -> bool {
        let whole = self.not_after.duration_since(self.not_before);
        self.not_after.duration_since(now) < SOON.min(whole / 4)
    }

    /// The hosts that it is for, as people read them.
    #[must_use]
    pub fn names(&self) -> String {
        let shown = self.names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match self.names.len() {
            0 => "no host at all".to_owned(),
            all @ ..=SHOWN => shown + if all == 1 { " only" } else { "" },
            all => format!("{shown} and {} more", all - SHOWN),
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, issuer, not_before, not_after, .. } = self;
        write!(f, "`{subject}`")?;
        if !self.is_self_issued {
            write!(f, ", issued by `{issuer}`")?;
        }
        write!(f, ", valid from {not_before} to {not_after}")
    }
}

/// A moment as every message has it; none if it is none of this calendar.
fn moment(time: Time) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.to_unix_duration().as_secs()).ok()?).ok()
}

fn shown(name: &Name) -> Text {
    if name.is_empty() { "no name".into() } else { short(&name.to_string()) }
}

fn names(content: &TbsCertificate) -> Vec<Text> {
    let Ok(Some((_, SubjectAltName(names)))) = content.get_extension::<SubjectAltName>() else { return Vec::new() };
    names.iter().filter_map(host).collect()
}

/// A name that a host can have: other kinds of names are not what a connection is compared with.
fn host(name: &GeneralName) -> Option<Text> {
    match name {
        GeneralName::DnsName(name) => Some(short(name.as_str())),
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string().into()),
            ref bytes => <[u8; 16]>::try_from(bytes).ok().map(|v6| IpAddr::from(v6).to_string().into()),
        },
        _ => None,
    }
}

/// A peer's words: harmless, on one line, not too long.
pub(super) fn short(raw: &str) -> Text {
    let line = Text::new(raw).one_line().replace('`', "'");
    if line.chars().count() <= LONGEST {
        return line.into();
    }
    line.chars().take(LONGEST).chain(['…']).collect::<String>().into()
}
