//! Certificates of every kind of fault before the real verifier, each beside an honest one.

use std::{io, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    client::danger::ServerCertVerifier as _,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{Certificate, CertificateFault, Wrong, certificate_fault, verifier::Verifier};
use crate::record::Rule;

/// 2026-07-01T00:00:00Z.
const NOW: u64 = 1_782_864_000;

type Params = CertificateParams;
type Der = CertificateDer<'static>;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Der,
}

fn params(name: &str, hosts: &[&str]) -> Params {
    let mut params = Params::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    params
}

fn authority(change: impl FnOnce(&mut Params)) -> Authority {
    let mut params = params("Acme CA", &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Authority { issuer: Issuer::new(params, key), certificate }
}

impl Authority {
    fn issue(&self, change: impl FnOnce(&mut Params)) -> Der {
        let mut params = params("registry", &["registry.example", "10.1.2.3"]);
        change(&mut params);
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().clone()
    }
}

fn self_signed(is_ca: IsCa) -> Der {
    let mut params = params("registry", &["registry.example"]);
    params.is_ca = is_ca;
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// What a server at `host` that shows these certificates is told; the first is its own.
fn shown(trusted: &[&Der], certificates: &[&Der], host: &str) -> Result<(), CertificateFault> {
    let owned = |list: &[&Der]| list.iter().map(|&der| der.clone()).collect::<Vec<_>>();
    let verifier = Verifier::instead_of_the_systems(&owned(trusted), &Arc::new(aws_lc_rs::default_provider()));
    let (server, now) = (ServerName::try_from(host).unwrap(), UnixTime::since_unix_epoch(Duration::from_secs(NOW)));
    let answer = verifier.verify_server_cert(certificates[0], &owned(&certificates[1..]), &server, &[], now);
    answer.map(drop).map_err(|error| certificate_fault(&error).expect("every refusal says what is wrong").clone())
}

fn refused(trusted: &[&Der], certificates: &[&Der]) -> (Rule, String) {
    let fault = shown(trusted, certificates, "registry.example").unwrap_err();
    (fault.rule(), fault.to_string())
}

#[test]
fn a_certificate_of_a_trusted_authority_is_taken_for_its_hosts() {
    let ca = authority(|_| ());
    let certificate = ca.issue(|_| ());
    for host in ["registry.example", "10.1.2.3"] {
        assert_eq!(shown(&[&ca.certificate], &[&certificate], host), Ok(()), "{host}");
    }
}

#[test]
fn one_that_is_out_of_its_time_is_told_with_the_date() {
    let ca = authority(|_| ());
    let expired = ca.issue(|params| params.not_after = date_time_ymd(2026, 6, 30));
    let (rule, said) = refused(&[&ca.certificate], &[&expired]);
    assert_eq!(rule, Rule::CertificateExpired);
    assert_eq!(
        said,
        "the certificate of `registry.example` expired at 2026-06-30T00:00:00Z (`CN=registry`, issued by `CN=Acme CA`, valid \
         from 2026-01-01T00:00:00Z to 2026-06-30T00:00:00Z)"
    );
    let early = ca.issue(|params| params.not_before = date_time_ymd(2026, 7, 2));
    let (rule, said) = refused(&[&ca.certificate], &[&early]);
    assert_eq!(rule, Rule::CertificateNotYetValid);
    assert!(said.starts_with("the certificate of `registry.example` is not valid before 2026-07-02T00:00:00Z ("), "{said}");
}

#[test]
fn the_advice_on_dates_says_what_this_clock_says() {
    let ca = authority(|_| ());
    let expired = ca.issue(|params| params.not_after = date_time_ymd(2026, 6, 30));
    let fault = shown(&[&ca.certificate], &[&expired], "registry.example").unwrap_err();
    assert!(fault.advice("x").ends_with("this machine's clock says 2026-07-01T00:00:00Z: if that is wrong, set it"));
}

#[test]
fn one_for_other_hosts_is_told_with_their_names() {
    let ca = authority(|_| ());
    let fault = shown(&[&ca.certificate], &[&ca.issue(|_| ())], "mirror.example").unwrap_err();
    assert_eq!((fault.rule(), fault.server()), (Rule::CertificateWrongHost, "mirror.example"));
    assert!(
        fault.to_string().starts_with("the certificate of `mirror.example` is for `registry.example`, `10.1.2.3` ("),
        "{fault}"
    );
}

#[test]
fn one_that_vouches_for_itself_is_told_from_one_of_an_authority_that_nobody_knows() {
    let ca = authority(|_| ());
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let (rule, said) = refused(&[&ca.certificate], &[&self_signed(is_ca)]);
        assert_eq!(rule, Rule::CertificateSelfSigned);
        assert_eq!(
            said,
            "the certificate of `registry.example` is self-signed and not trusted here (`CN=registry`, valid from \
             2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z)"
        );
    }
    let other = authority(|params| params.distinguished_name.push(DnType::CommonName, "Other CA"));
    let (rule, said) = refused(&[&ca.certificate], &[&other.issue(|_| ())]);
    assert_eq!(rule, Rule::CertificateUntrusted);
    assert!(said.contains("an authority that is not trusted here (`CN=registry`, issued by `CN=Other CA`"), "{said}");
}

#[test]
fn one_that_was_itself_named_as_trusted_is_taken_in_its_time_and_for_its_host_only() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let own = self_signed(is_ca);
        assert_eq!(shown(&[&own], &[&own], "registry.example"), Ok(()), "{is_ca:?}");
        assert_eq!(shown(&[&own], &[&own], "mirror.example").unwrap_err().rule(), Rule::CertificateWrongHost);
        let twin = self_signed(is_ca);
        assert!(shown(&[&own], &[&twin], "registry.example").is_err(), "one that only looks like it");
    }
    let mut late = params("registry", &["registry.example"]);
    late.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    late.not_after = date_time_ymd(2026, 6, 30);
    let late = late.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
    assert_eq!(refused(&[&late], &[&late]).0, Rule::CertificateExpired);
}

#[test]
fn a_chain_is_as_good_as_its_weakest_part() {
    let root = authority(|_| ());
    let between = |not_after| {
        let mut params = params("Acme Sub CA", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = not_after;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &root.issuer).unwrap().der().clone();
        Authority { issuer: Issuer::new(params, key), certificate }
    };
    let good = between(date_time_ymd(2027, 1, 1));
    let trusted = [&root.certificate];
    let end = good.issue(|_| ());
    assert_eq!(shown(&trusted, &[&end, &good.certificate], "registry.example"), Ok(()));
    assert_eq!(refused(&trusted, &[&end]).0, Rule::CertificateUntrusted, "the one between was not sent");
    let late = between(date_time_ymd(2026, 6, 1));
    let (rule, said) = refused(&trusted, &[&late.issue(|_| ()), &late.certificate]);
    assert_eq!(rule, Rule::CertificateExpired);
    assert!(said.contains("depends on that of the authority `CN=Acme Sub CA`, which expired at 2026-06-01T00:00:00Z"), "{said}");
}

#[test]
fn one_for_clients_or_of_the_authority_itself_is_no_servers() {
    let ca = authority(|params| params.subject_alt_names = vec![rcgen::SanType::DnsName("registry.example".try_into().unwrap())]);
    let clients = ca.issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let fault = shown(&[&ca.certificate], &[&clients], "registry.example").unwrap_err();
    assert_eq!((fault.rule(), fault.wrong()), (Rule::CertificateInvalid, &Wrong::WrongPurpose));
    let authoritys = ca.issue(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let fault = shown(&[&ca.certificate], &[&authoritys], "registry.example").unwrap_err();
    assert_eq!((fault.rule(), fault.wrong()), (Rule::CertificateInvalid, &Wrong::OfAnAuthority));
}

#[test]
fn one_whose_signature_does_not_hold_is_told() {
    let (ca, twin) = (authority(|_| ()), authority(|_| ()));
    let fault = shown(&[&twin.certificate], &[&ca.issue(|_| ())], "registry.example").unwrap_err();
    assert_eq!((fault.rule(), fault.wrong()), (Rule::CertificateInvalid, &Wrong::BadSignature));
}

#[test]
fn where_no_authority_is_known_it_is_told_what_to_install() {
    let fault = shown(&[], &[&authority(|_| ()).issue(|_| ())], "registry.example").unwrap_err();
    assert_eq!((fault.rule(), fault.wrong()), (Rule::CertificateUntrusted, &Wrong::NoAuthorities));
    assert!(fault.advice("`trust:` of the plan").contains("`ca-certificates`"));
}

#[test]
fn names_in_a_certificate_are_harmless_and_short() {
    let ca = authority(|_| ());
    let hostile = ca.issue(|params| {
        params.distinguished_name.push(DnType::CommonName, format!("\u{1b}[31m`x`\n::error::{}", "y".repeat(500)));
        params.subject_alt_names = (0..40).map(|n| rcgen::SanType::DnsName(format!("h{n}.example").try_into().unwrap())).collect();
    });
    let (_, said) = refused(&[&ca.certificate], &[&hostile]);
    assert!(!said.contains('\u{1b}') && !said.contains('\n') && said.len() < 700, "{said}");
    assert!(said.contains("`h5.example` and 34 more (`CN=\\1b[31m'x'\\0a::error::yyy"), "{said}");
}

#[test]
fn what_is_no_certificate_is_refused_without_more() {
    let ca = authority(|_| ());
    assert_eq!(Certificate::read(b"\x30\x03abc"), None);
    let fault = shown(&[&ca.certificate], &[&Der::from(vec![0x30, 3, 1, 1, 1])], "registry.example").unwrap_err();
    assert_eq!(fault.rule(), Rule::CertificateInvalid);
}

#[test]
fn a_fault_is_found_however_deep_it_is_wrapped() {
    let fault = shown(&[], &[&authority(|_| ()).issue(|_| ())], "registry.example").unwrap_err();
    let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::Other(rustls::OtherError(Arc::new(fault.clone()))));
    let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
    assert_eq!(certificate_fault(&wrapped), Some(&fault));
    assert_eq!(certificate_fault(&io::Error::other("something else")), None);
}
