//! Hosts of registries, as logins and image names mean them.

/// The registry that no name means.
pub(in crate::pipeline) const DOCKER_HUB: &str = "docker.io";

/// The registry's host in what a login is given: none for a registry of this machine.
pub(in crate::pipeline) fn of_login(address: &str) -> Option<String> {
    let address = address.trim();
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    // A variable keeps its name, whatever braces it has; so does what stands before the first slash.
    let host = address.split('/').next().unwrap_or_default();
    match host {
        "" | "index.docker.io" | "registry-1.docker.io" | "docker.io" => Some(DOCKER_HUB.to_owned()),
        _ if is_local(host) => None,
        _ => Some(host.to_ascii_lowercase()).map(|lower| if host.contains('$') { host.to_owned() } else { lower }),
    }
}

/// The registry's host in an image's name.
pub(in crate::pipeline) fn of_image(image: &str) -> Option<String> {
    let image = image.trim().trim_start_matches("docker://").trim_start_matches("oci://");
    match image.split_once('/') {
        // The project's own registry has the image's name in a variable; of any other variable nobody knows.
        None if image.starts_with("$CI_REGISTRY") || image.starts_with("${CI_REGISTRY") => Some("$CI_REGISTRY".to_owned()),
        None if image.starts_with('$') => None,
        Some((host, _)) if host.contains(['.', ':', '$']) || host == "localhost" => of_login(host),
        _ => Some(DOCKER_HUB.to_owned()),
    }
}

fn is_local(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host);
    matches!(name, "localhost" | "127.0.0.1" | "0.0.0.0" | "[") || host.starts_with("[::1]")
}

/// What the name of an input or variable of a tool betrays about the registry that it is for.
pub(in crate::pipeline) fn of_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    if !["login", "user", "password", "token"].iter().any(|word| name.contains(word)) {
        return None;
    }
    [("docker_hub", DOCKER_HUB), ("dockerhub", DOCKER_HUB), ("quay", "quay.io"), ("ghcr", "ghcr.io")]
        .into_iter()
        .find_map(|(part, host)| name.contains(part).then_some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_and_an_image_name_the_same_host() {
        assert_eq!(of_login("").as_deref(), Some("docker.io"));
        assert_eq!(of_login("https://index.docker.io/v1/").as_deref(), Some("docker.io"));
        assert_eq!(of_login("ghcr.io/acme").as_deref(), Some("ghcr.io"));
        assert_eq!(of_image("acme/api:1").as_deref(), Some("docker.io"));
        assert_eq!(of_image("quay.io/acme/api:1").as_deref(), Some("quay.io"));
        assert_eq!(of_login("$CI_REGISTRY").as_deref(), Some("$CI_REGISTRY"));
    }

    #[test]
    fn a_registry_of_this_machine_is_none() {
        assert_eq!(of_login("localhost:5000"), None);
        assert_eq!(of_image("localhost:5000/a:1"), None);
    }

    #[test]
    fn names_of_credentials_betray_their_registry() {
        assert_eq!(of_name("quay_io_login"), Some("quay.io"));
        assert_eq!(of_name("docker_hub_password"), Some("docker.io"));
        assert_eq!(of_name("github_token"), None);
    }
}
