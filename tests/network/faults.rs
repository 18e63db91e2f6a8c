//! Certificates that are wrong: each is a finding of its own, with names and dates.

use crate::{
    certificates::Flaw,
    lab::{Lab, drill, trusting},
};

/// A drill against a registry with a certificate of this kind ends so: exit code, verdict, rules.
#[track_caller]
fn ends(flaw: Flaw, code: i32, verdict: &str, rules: &[&str]) -> String {
    let lab = Lab::with(flaw);
    let ran = drill(&lab.project(&lab.registry.address, trusting)).run().ends(code, verdict);
    assert_eq!(ran.rules(), rules, "{}", ran.stdout);
    let finding = &ran.json["findings"][0];
    if code == 10 {
        assert_eq!((ran.phase("probe"), ran.phase("publish"), ran.phase("build")), ("failed", "failed", "passed"));
        assert_eq!(finding["evidence"].as_array().unwrap().len(), 1, "the two repositories are told as one: {}", ran.stdout);
        assert!(lab.registry.files("acme/drill", "").is_empty(), "nothing was sent there");
    }
    format!("{} -> {}", finding["summary"].as_str().unwrap_or_default(), finding["advice"].as_str().unwrap_or_default())
}

#[test]
fn a_certificate_of_the_plans_own_authority_ships() {
    ends(Flaw::None, 0, "can-ship", &[]);
}

#[test]
fn without_trust_in_the_plan_the_authority_is_not_known() {
    let lab = Lab::with(Flaw::None);
    let ran = drill(&lab.project(&lab.registry.address, |plan| plan)).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["certificate-untrusted"]);
    let said = ran.json["findings"][0]["summary"].as_str().unwrap();
    assert!(said.contains("`CN=the server`, issued by `CN=Acme Test CA`, valid from 20"), "{said}");
    assert!(ran.first_advice().contains("`trust:` of the plan"), "{}", ran.first_advice());
    // The system's own way to say so is good too.
    let file = lab.folder.path().join("ca.pem");
    std::fs::write(&file, lab.authority.pem()).unwrap();
    drill(&lab.project(&lab.registry.address, |plan| plan)).variable("SSL_CERT_FILE", file).run().ends(0, "can-ship");
}

#[test]
fn an_expired_certificate_is_told_with_its_date() {
    let said = ends(Flaw::Expired, 10, "cannot-ship", &["certificate-expired"]);
    let date = date(-1);
    assert!(said.contains(&format!("expired at {date}T")) && said.contains("-> renew the certificate of `198."), "{said}");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_told_with_its_date() {
    let said = ends(Flaw::NotYetValid, 10, "cannot-ship", &["certificate-not-yet-valid"]);
    assert!(said.contains(&format!("is not valid before {}T", date(1))), "{said}");
}

#[test]
fn a_certificate_of_another_host_is_told_with_that_hosts_name() {
    let said = ends(Flaw::WrongHost, 10, "cannot-ship", &["certificate-wrong-host"]);
    assert!(said.contains("is for `other.test` only (") && said.contains("-> name the server by a name that is in"), "{said}");
}

#[test]
fn a_self_signed_certificate_is_told_and_taken_once_the_plan_trusts_that_very_one() {
    let said = ends(Flaw::SelfSigned, 10, "cannot-ship", &["certificate-self-signed"]);
    assert!(said.contains("is self-signed and not trusted here (`CN=the server`, valid from 20"), "{said}");

    let lab = Lab::with(Flaw::SelfSigned);
    let project = lab.project(&lab.registry.address, trusting);
    std::fs::copy(lab.folder.path().join("server.pem"), project.beside("ca.pem")).unwrap();
    drill(&project).run().ends(0, "can-ship");
}

#[test]
fn a_certificate_that_expires_soon_is_a_gap_and_one_made_for_days_is_not() {
    let said = ends(Flaw::ExpiresSoon, 11, "degraded", &["certificate-expiring"]);
    assert!(said.contains(&format!("expires soon, at {}T", date(5))), "{said}");
    ends(Flaw::IsShort, 0, "can-ship", &[]);
}

/// The date in so many days, as messages have it.
fn date(days: i64) -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    day.strftime("%Y-%m-%d").to_string()
}
