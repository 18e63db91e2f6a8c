//! The engine's own client, as a person calls it to remove what is left.

use super::connect::DEFAULT_ADDRESS;
use crate::record::EngineFacts;

/// How the client is called: with the address, unless it goes there by itself. Podman's would look into the store of who
/// calls it, which need not be the one behind this address.
pub(super) fn client(engine: &EngineFacts) -> String {
    let address = engine.address.as_str();
    match engine.name.as_str() {
        "Podman" => format!("podman --url {}", quoted(address)),
        _ if address == DEFAULT_ADDRESS => String::from("docker"),
        _ => format!("docker -H {}", quoted(address)),
    }
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:@%+=,._-".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &str, address: &str) -> String {
        let (version, api, platform) = ("1".into(), "1.41".into(), "linux/amd64".into());
        client(&EngineFacts { name: name.into(), version, api, platform, address: address.into() })
    }

    #[test]
    fn each_engine_has_its_own_client_and_is_named_unless_it_is_the_usual_one() {
        assert_eq!(called("Docker", DEFAULT_ADDRESS), "docker");
        assert_eq!(called("Docker", "tcp://box:2375"), "docker -H tcp://box:2375");
        assert_eq!(called("Podman", "unix:///run/podman/podman.sock"), "podman --url unix:///run/podman/podman.sock");
        assert_eq!(called("Podman", "unix:///my folder/it's"), r"podman --url 'unix:///my folder/it'\''s'");
    }
}
