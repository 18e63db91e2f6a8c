//! The login in an address: git is told it by its environment only.
//!
//! Git hands the address that it talks to on to programs of its own, and whoever has an account on this machine can read
//! the arguments of every program. So no address that git is given, by canship or by the user's own rules
//! (`url.<base>.insteadOf`), has a password in it: a credential helper tells it, whose script holds nothing but the names of
//! variables.

use std::path::Path;

use percent_encoding::percent_decode_str;

use super::remote::{Remote, redact};
use crate::secret::Secret;

/// Prints the login from the environment. No value is an argument here either, whatever of it the shell has built in.
const HELPER: &str = "!f() { env | sed -n 's/^CANSHIP_LOGIN_//p'; }; f";

/// What a variable that [`HELPER`] prints begins with; what follows is how git calls it (git-credential(1)).
const VARIABLE: &str = "CANSHIP_LOGIN_";

/// Whether a call reads or changes what the server has: git rewrites addresses for each by rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Fetch,
    Push,
}

/// What git is given to talk to an address: settings and variables, each with its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Means {
    /// The address, without the login.
    pub(super) url: String,
    pub(super) settings: Vec<(String, String)>,
    pub(super) variables: Vec<(String, String)>,
}

/// The address as git would rewrite it by its configuration: the longest beginning that a rule has counts, the first
/// rule of those (git-config(1), `url.<base>.insteadOf` and `pushInsteadOf`).
pub(super) fn rewritten(address: &str, way: Way, configuration: &[(String, String)]) -> Option<String> {
    let by = |kind: &str| {
        let rules = configuration.iter().filter_map(|(name, begin)| {
            let base = name.strip_prefix("url.")?.strip_suffix(kind)?.strip_suffix('.')?;
            Some((base, begin.as_str(), address.strip_prefix(begin.as_str())?))
        });
        // `max_by_key` gives the last of equals.
        rules.rev().max_by_key(|(_, begin, _)| begin.len()).map(|(base, _, rest)| format!("{base}{rest}"))
    };
    let pushed = if way == Way::Push { by("pushinsteadof") } else { None };
    pushed.or_else(|| by("insteadof"))
}

/// What is secret of these settings: what headers hold that are sent along (as checkouts of CI keep their token), and logins
/// of proxies. A server may repeat it.
pub(super) fn secrets(configuration: &[(String, String)]) -> Vec<Secret> {
    let of_setting = |(name, value): &(String, String)| match name.rsplit('.').next() {
        Some("extraheader") => {
            let value = value.split_once(':').map_or(value.as_str(), |(_, value)| value).trim();
            let word = value.split_whitespace().next_back().unwrap_or_default();
            [value, word].map(|text| Secret::new(text.to_owned())).into()
        }
        Some("proxy") => Remote::new(value, Path::new("/")).secrets(),
        _ => Vec::new(),
    };
    configuration.iter().flat_map(of_setting).collect()
}

/// What git needs to talk to `address`.
pub(super) fn means(address: &str) -> Means {
    let asked = address.split_once("://").filter(|(scheme, _)| is_asked_by_git(scheme));
    let mut url = redact(address);
    if asked.is_some() && !url.ends_with('/') {
        // Git would add it. A rule of the user's may begin with all of the address, but with no more than that.
        url.push('/');
    }
    let as_it_is = ["insteadOf", "pushInsteadOf"].map(|kind| (format!("url.{url}.{kind}"), url.clone()));
    let mut means = Means { url, settings: as_it_is.into(), variables: Vec::new() };
    let Some((scheme, rest)) = asked else { return means };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((login, host)) = authority.rsplit_once('@') else { return means };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (of_host, setting) =
        (format!("credential.{scheme}://{host}"), |name: &str, value: &str| (name.to_owned(), value.to_owned()));
    match login.split_once(':') {
        Some((user, password)) => {
            // The empty one forgets those of the user for this host: they may know another login.
            let helper = format!("{of_host}.helper");
            means.settings.extend([setting(&helper, ""), setting(&helper, HELPER)]);
            let told = [("username", decoded(user)), ("password", decoded(password))];
            means.variables.extend(told.map(|(name, value)| (format!("{VARIABLE}{name}"), value)));
        }
        // The user's helpers know the password.
        None => means.settings.push((format!("{of_host}.username"), decoded(login))),
    }
    means
}

/// Whether git itself asks for the login; ssh takes none from an address but the user's name.
fn is_asked_by_git(scheme: &str) -> bool {
    ["http", "https", "ftp", "ftps"].contains(&scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&str, &str)]) -> Vec<(String, String)> {
        rules.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_address_is_rewritten_as_git_does() {
        let rules = rules(&[
            ("url.https://u:p@h/.insteadof", "https://h/"),
            ("url.https://other/.insteadof", "https://h/"),
            ("url.ssh://h/acme/.insteadof", "https://h/acme/"),
            ("url.https://w:q@h/.pushinsteadof", "https://h/"),
            ("core.sshcommand", "ssh"),
        ]);
        let at = |address, way| rewritten(address, way, &rules);
        assert_eq!(at("https://h/x", Way::Fetch).unwrap(), "https://u:p@h/x");
        assert_eq!(at("https://h/acme/x", Way::Fetch).unwrap(), "ssh://h/acme/x");
        assert_eq!(at("https://h/acme/x", Way::Push).unwrap(), "https://w:q@h/acme/x");
        assert_eq!(at("https://i/x", Way::Push), None);
    }

    #[test]
    fn a_login_is_told_by_variables_and_stands_in_no_setting() {
        let means = means("https://bot:p%40ss@h:8443/x");
        assert_eq!(means.url, "https://h:8443/x/");
        assert_eq!(means.variables, rules(&[("CANSHIP_LOGIN_username", "bot"), ("CANSHIP_LOGIN_password", "p@ss")]));
        let settings = means.settings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert!(settings.contains(&"credential.https://h:8443.helper=".to_owned()), "{settings:?}");
        assert!(settings.contains(&"url.https://h:8443/x/.insteadOf=https://h:8443/x/".to_owned()), "{settings:?}");
        assert!(!settings.concat().contains("p@ss") && !settings.concat().contains("bot"), "{settings:?}");
    }

    #[test]
    fn a_name_alone_is_left_to_the_users_helpers_and_ssh_is_told_no_password() {
        let named = means("https://bot@h/x");
        assert!(named.variables.is_empty());
        assert_eq!(named.settings[2..], rules(&[("credential.https://h.username", "bot")]));
        let ssh = means("ssh://git:pw@h/x");
        assert_eq!(ssh.settings[0], ("url.ssh://git@h/x.insteadOf".to_owned(), "ssh://git@h/x".to_owned()));
        assert_eq!((ssh.settings.len(), ssh.variables.len()), (2, 0));
    }
}
