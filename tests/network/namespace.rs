//! A network of its own, with one cable to this machine and no way beyond it: no name server, no default route.

use std::process::Command;

use uuid::Uuid;

/// Removed when dropped, with the cable.
pub(crate) struct Namespace {
    name: String,
    /// This machine's end of the cable: an address that is not the loopback's.
    pub(crate) address: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let random = Uuid::now_v7().as_bytes()[12..].to_vec();
        let name = format!("cs-{:02x}{:02x}{:02x}{:02x}", random[0], random[1], random[2], random[3]);
        // From the block for tests of networks, which nothing else should use (RFC 2544).
        let net = format!("198.{}.{}", 18 + random[0] % 2, random[1]);
        let last = random[2] & 0b1111_1100;
        let (address, inside) = (format!("{net}.{}", last + 1), format!("{net}.{}", last + 2));
        let (near, far) = (format!("{name}a"), format!("{name}b"));
        let namespace = Self { name: name.clone(), address };
        ip(&["netns", "add", &name]);
        ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &name]);
        ip(&["addr", "add", &format!("{}/30", namespace.address), "dev", &near]);
        ip(&["link", "set", &near, "up"]);
        ip(&["-n", &name, "addr", "add", &format!("{inside}/30"), "dev", &far]);
        ip(&["-n", &name, "link", "set", &far, "up"]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        namespace
    }

    /// The words that run a command in it.
    pub(crate) fn wrapper(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/run/netns/{}", self.name)]
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cable goes with either end.
        Command::new("ip").args(["link", "del", &format!("{}a", self.name)]).status().ok();
        Command::new("ip").args(["netns", "del", &self.name]).status().ok();
    }
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).output().expect("`ip` is needed (Debian: iproute2)");
    assert!(done.status.success(), "ip {arguments:?} (needs root): {}", String::from_utf8_lossy(&done.stderr));
}
