//! What is wrong with a certificate, told apart, with dates.

use std::{error::Error, fmt, io};

use jiff::Timestamp;
use rustls::{
    CertificateError, OtherError,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::certificate::{Certificate, short};
use crate::record::{Rule, Text};

/// A server showed a certificate that is not trusted, and nothing was sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFault(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    server: Text,
    wrong: Wrong,
    /// None if it could not be understood.
    certificate: Option<Certificate>,
    /// What this machine's clock said.
    clock: Option<Timestamp>,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong {
    /// It was valid until this moment.
    Expired(Timestamp),
    /// It is valid from this moment on.
    NotYetValid(Timestamp),
    /// The certificate of an authority between it and the trusted ones was valid until this moment.
    ChainExpired {
        /// Whose.
        authority: Text,
        /// The last moment at which it was valid.
        since: Timestamp,
    },
    /// It is for other hosts.
    WrongHost,
    /// It vouches for itself, and is not among those that are trusted.
    SelfSigned,
    /// Nobody who is trusted vouches for it.
    UnknownIssuer,
    /// No authority at all is known on this machine.
    NoAuthorities,
    /// It is an authority's own, which is not taken for a server's.
    OfAnAuthority,
    /// It may not be a server's.
    WrongPurpose,
    /// Its issuer has taken it back.
    Revoked,
    /// Its signature, or one in its chain, does not hold.
    BadSignature,
    /// Something else.
    Other(Text),
}

/// A certificate as it came in, with those that came along.
pub(super) struct Shown<'s> {
    pub(super) end: &'s CertificateDer<'s>,
    pub(super) chain: &'s [CertificateDer<'s>],
    pub(super) server: &'s ServerName<'s>,
    pub(super) now: UnixTime,
}

impl CertificateFault {
    /// Reads out of the verifier's `error` and the certificate itself what is wrong.
    pub(super) fn new(error: &CertificateError, shown: &Shown<'_>) -> Self {
        let certificate = Certificate::read(shown.end);
        let wrong = wrong(error, certificate.as_ref(), shown.chain);
        Self(Box::new(Parts { server: short(&shown.server.to_str()), wrong, certificate, clock: moment(shown.now) }))
    }

    /// The same where nobody at all is trusted.
    pub(super) fn without_authorities(shown: &Shown<'_>) -> Self {
        let mut fault = Self::new(&CertificateError::UnknownIssuer, shown);
        fault.0.wrong = Wrong::NoAuthorities;
        fault
    }

    /// The host that showed it, without its port.
    #[must_use]
    pub fn server(&self) -> &str {
        self.0.server.as_str()
    }

    /// What is wrong.
    #[must_use]
    pub fn wrong(&self) -> &Wrong {
        &self.0.wrong
    }

    /// The certificate, if it could be understood.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// The rule that a finding of it has.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match self.0.wrong {
            Wrong::Expired(_) | Wrong::ChainExpired { .. } => Rule::CertificateExpired,
            Wrong::NotYetValid(_) => Rule::CertificateNotYetValid,
            Wrong::WrongHost => Rule::CertificateWrongHost,
            Wrong::SelfSigned => Rule::CertificateSelfSigned,
            Wrong::UnknownIssuer | Wrong::NoAuthorities => Rule::CertificateUntrusted,
            _ => Rule::CertificateInvalid,
        }
    }

    /// What to do about it. `trust` names the place where a private authority is made known to canship, as in
    /// `` `trust:` of the plan ``.
    #[must_use]
    pub fn advice(&self, trust: &str) -> String {
        let Parts { server, wrong, clock, .. } = &*self.0;
        let clock = clock.map(|now| format!("; this machine's clock says {now}: if that is wrong, set it")).unwrap_or_default();
        match wrong {
            Wrong::Expired(_) => format!("renew the certificate of `{server}` and put the new one there{clock}"),
            Wrong::ChainExpired { authority, .. } => {
                format!("renew the certificate of the authority `{authority}`, and let `{server}` send the new one along{clock}")
            }
            Wrong::NotYetValid(from) => format!("give `{server}` a certificate that is valid now, or wait until {from}{clock}"),
            Wrong::WrongHost => format!(
                "name the server by a name that is in its certificate, or give it one that is for `{server}`; if neither helps, \
                 another server answers in its place"
            ),
            Wrong::SelfSigned => format!(
                "give `{server}` a certificate of an authority; if this one is meant, make it known in {trust}, after \
                 comparing it with the one on the server"
            ),
            Wrong::UnknownIssuer => format!(
                "if the authority is your own (or that of a proxy here that opens connections), make its certificate known in \
                 {trust}; if it is a public one, let `{server}` send the certificates between along"
            ),
            Wrong::NoAuthorities => format!(
                "install the system's authorities (the package `ca-certificates`), or name their file in SSL_CERT_FILE; make one \
                 of your own known in {trust}"
            ),
            Wrong::OfAnAuthority => {
                format!("give `{server}` a certificate that the authority has issued for it, not the authority's own")
            }
            Wrong::WrongPurpose => format!("give `{server}` a certificate that is issued for servers (`serverAuth`)"),
            Wrong::Revoked => format!("send nothing to `{server}` before it is explained why; then give it a new certificate"),
            Wrong::BadSignature | Wrong::Other(_) => {
                format!("give `{server}` a new certificate; see also whether something between here and there changes it")
            }
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { server, wrong, certificate, .. } = &*self.0;
        let its = format!("the certificate of `{server}`");
        match wrong {
            Wrong::Expired(since) => write!(f, "{its} expired at {since}"),
            Wrong::ChainExpired { authority, since } => {
                write!(f, "{its} depends on that of the authority `{authority}`, which expired at {since}")
            }
            Wrong::NotYetValid(from) => write!(f, "{its} is not valid before {from}"),
            Wrong::WrongHost => {
                let names = certificate.as_ref().map_or_else(|| "other hosts".to_owned(), Certificate::names);
                write!(f, "{its} is for {names}")
            }
            Wrong::SelfSigned => write!(f, "{its} is self-signed and not trusted here"),
            Wrong::UnknownIssuer => write!(f, "{its} was issued by an authority that is not trusted here"),
            Wrong::NoAuthorities => write!(f, "{its} cannot be verified: no authority is known on this machine"),
            Wrong::OfAnAuthority => write!(f, "{its} is an authority's own, which is not taken for a server's"),
            Wrong::WrongPurpose => write!(f, "{its} is not issued for servers"),
            Wrong::Revoked => write!(f, "{its} was revoked by its issuer"),
            Wrong::BadSignature => write!(f, "{its} is not signed by whom it names as its issuer"),
            Wrong::Other(reason) => write!(f, "{its} is not accepted: {reason}"),
        }?;
        match certificate {
            Some(certificate) => write!(f, " ({certificate})"),
            None => Ok(()),
        }
    }
}

impl Error for CertificateFault {}

/// The fault of a certificate in a chain of errors, wherever it is.
#[must_use]
pub fn certificate_fault<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CertificateFault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref() {
            return Some(fault);
        }
        if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) = error.downcast_ref() {
            return inner.downcast_ref();
        }
        // The source of an `io::Error` leaves out the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn wrong(error: &CertificateError, certificate: Option<&Certificate>, chain: &[CertificateDer<'_>]) -> Wrong {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => expired(moment(*not_after), certificate, chain),
        CertificateError::Expired => expired(None, certificate, chain),
        CertificateError::NotValidYetContext { not_before, .. } => {
            moment(*not_before).map_or_else(|| other(error), Wrong::NotYetValid)
        }
        CertificateError::NotValidYet => certificate.map_or_else(|| other(error), |own| Wrong::NotYetValid(own.not_before)),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Wrong::WrongHost,
        // The verifier stops at the mark of an authority before it looks at who has signed.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if certificate.is_some_and(|own| own.is_self_issued) => {
            Wrong::SelfSigned
        }
        CertificateError::UnknownIssuer => Wrong::UnknownIssuer,
        CertificateError::Other(_) if certificate.is_some_and(|own| own.is_authority) => Wrong::OfAnAuthority,
        CertificateError::Other(_) if certificate.is_some_and(|own| !own.is_for_servers) => Wrong::WrongPurpose,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Wrong::WrongPurpose,
        CertificateError::Revoked => Wrong::Revoked,
        CertificateError::BadSignature => Wrong::BadSignature,
        _ => other(error),
    }
}

/// Of all that came along, the verifier names only the moment.
fn expired(since: Option<Timestamp>, certificate: Option<&Certificate>, chain: &[CertificateDer<'_>]) -> Wrong {
    let (Some(own), Some(since)) = (certificate, since.or(certificate.map(|own| own.not_after))) else {
        return Wrong::Other("it has expired".into());
    };
    let authority = chain.iter().filter_map(|der| Certificate::read(der)).find(|one| one.not_after == since);
    match authority {
        Some(authority) if own.not_after != since => Wrong::ChainExpired { authority: authority.subject, since },
        _ => Wrong::Expired(since),
    }
}

fn other(error: &CertificateError) -> Wrong {
    Wrong::Other(short(&error.to_string()))
}

/// A moment as every message has it; none if it is none of this calendar.
pub(super) fn moment(time: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()
}
