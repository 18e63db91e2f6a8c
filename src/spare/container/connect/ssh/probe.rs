//! What the other side has: asked once, by a few lines for any POSIX shell there.
//!
//! The lines then wait for the end of their input, which keeps the connection open.

use super::{
    super::{Fault, address::Ssh},
    words,
};
use crate::record::Text;

/// Marks what is ours among all that a login may print.
const MARK: &str = "canship: ";
const END: &str = "end";

/// Where engines and their programs are, beside what a login without a terminal finds.
const PATH: &str = "PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/snap/bin:/opt/homebrew/bin";

/// The words of the lines. There is no single quote in them, since they are quoted by such, and nothing that a C shell
/// would read even there.
const WORDS: &str = r#"say() { echo "canship: $1"; }; look() { if [ -S "$1" ]; then if [ -r "$1" ] && [ -w "$1" ]; then say "open $1"; else say "closed $1"; fi; fi; }; for p in docker podman; do if command -v $p >/dev/null 2>&1; then say "has $p"; fi; done"#;

/// Docker's own client says where its engine is; then the usual places.
const PLACES: &str = r#"h=$(docker context inspect --format "{{.Endpoints.docker.Host}}" 2>/dev/null) && say "host $h"; r=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}; case "$h" in unix://*) look "${h#unix://}";; esac; for s in /var/run/docker.sock "$r/docker.sock" "$r/podman/podman.sock" /run/podman/podman.sock; do look "$s"; done"#;

/// The command for `ssh`, which the login shell there reads.
pub(super) fn command(socket: Option<&str>) -> String {
    let places = socket.map_or_else(|| PLACES.to_owned(), |path| format!("look {path}"));
    format!("sh -c '{PATH}; {WORDS}; {places}; say {END}; exec cat >/dev/null'")
}

/// Whether all was said.
pub(super) fn is_whole(out: &str) -> bool {
    out.lines().any(|line| line.strip_prefix(MARK) == Some(END))
}

/// What the other side has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    docker: bool,
    podman: bool,
    /// Where Docker's client there finds its engine.
    host: Option<String>,
    /// Sockets, those first that Docker's client would take, and whether this user may use them.
    sockets: Vec<(String, bool)>,
}

/// One way to an engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Through this socket.
    Socket(String),
    /// By this command, which leads to this socket if it is known.
    Program { command: String, socket: Option<String> },
}

impl Route {
    pub(super) fn socket(&self) -> Option<&str> {
        match self {
            Self::Socket(path) => Some(path),
            Self::Program { socket, .. } => socket.as_deref(),
        }
    }
}

impl Seen {
    pub(super) fn read(out: &str) -> Self {
        let mut seen = Self::default();
        for line in out.lines().filter_map(|line| line.strip_prefix(MARK)) {
            match line.split_once(' ') {
                Some(("has", "docker")) => seen.docker = true,
                Some(("has", "podman")) => seen.podman = true,
                Some(("host", host)) => seen.host = Some(Text::new(host).one_line()),
                Some((access @ ("open" | "closed"), path)) if is_socket(path) => {
                    seen.sockets.push((path.to_owned(), access == "open"));
                }
                _ => {}
            }
        }
        seen
    }

    /// The ways to the engine that is meant, the best first.
    pub(super) fn routes(&self, ssh: &Ssh) -> Result<Vec<Route>, Fault> {
        // An engine that is elsewhere still only its own client can reach.
        if ssh.socket.is_none() && self.docker && self.host.as_ref().is_some_and(|host| !host.starts_with("unix://")) {
            return Ok(vec![dial_stdio("docker", None)]);
        }
        match self.sockets.first() {
            Some((path, true)) => {
                let by_program = self.program(path).map(|program| dial_stdio(program, Some(path)));
                Ok(std::iter::once(Route::Socket(path.clone())).chain(by_program).collect())
            }
            Some((path, false)) => Err(words::socket_denied(ssh, path)),
            None if ssh.socket.is_some() || self.docker || self.podman => Err(words::not_running(ssh)),
            None => Err(words::nothing_there(ssh)),
        }
    }

    /// The program that leads to a socket.
    fn program(&self, path: &str) -> Option<&'static str> {
        match (self.docker, self.podman) {
            (true, false) => Some("docker"),
            (false, true) => Some("podman"),
            (true, true) => Some(if path.contains("podman") { "podman" } else { "docker" }),
            (false, false) => None,
        }
    }
}

fn dial_stdio(program: &str, socket: Option<&str>) -> Route {
    let option = if program == "podman" { "--url" } else { "-H" };
    let there = socket.map(|path| format!("{option} unix://{path} ")).unwrap_or_default();
    let command = format!("sh -c '{PATH}; exec {program} {there}system dial-stdio'");
    Route::Program { command, socket: socket.map(str::to_owned) }
}

/// A path that is nothing but one, to a shell as well.
fn is_socket(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._@+,=-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{super::super::address::Address, *};

    fn ssh(address: &str) -> Ssh {
        match Address::parse(address).unwrap() {
            Address::Ssh(ssh) => ssh,
            other => panic!("{other} does not lead over ssh"),
        }
    }

    fn routes(said: &str, address: &str) -> Vec<String> {
        let routes = Seen::read(said).routes(&ssh(address)).unwrap();
        let name = |route: Route| match route {
            Route::Socket(path) => path,
            Route::Program { command, .. } => command.rsplit_once("exec ").unwrap().1.trim_end_matches('\'').to_owned(),
        };
        routes.into_iter().map(name).collect()
    }

    #[test]
    fn dockers_engine_comes_first_and_its_program_second() {
        let said = "Welcome!\ncanship: has docker\ncanship: has podman\ncanship: host unix:///run/x.sock\ncanship: open /run/x.sock\n\
                    canship: open /run/podman/podman.sock\ncanship: end\n";
        assert!(is_whole(said) && !is_whole("canship: has docker\ncanship: ending"));
        assert_eq!(routes(said, "ssh://box"), ["/run/x.sock", "docker -H unix:///run/x.sock system dial-stdio"]);
    }

    #[test]
    fn podmans_engine_is_found_where_dockers_is_not() {
        let said = "canship: has podman\ncanship: open /run/user/7/podman/podman.sock\ncanship: end\n";
        let program = "podman --url unix:///run/user/7/podman/podman.sock system dial-stdio";
        assert_eq!(routes(said, "ssh://box"), ["/run/user/7/podman/podman.sock", program]);
    }

    #[test]
    fn an_engine_that_is_elsewhere_still_is_reached_by_its_client() {
        let said = "canship: has docker\ncanship: host tcp://10.0.0.7:2376\ncanship: open /var/run/docker.sock\ncanship: end\n";
        assert_eq!(routes(said, "ssh://box"), ["docker system dial-stdio"]);
    }

    #[test]
    fn what_keeps_from_the_engine_is_told_apart() {
        let flaw = |said: &str, address: &str| Seen::read(said).routes(&ssh(address)).unwrap_err().reason;
        assert!(flaw("canship: end\n", "ssh://box").contains("neither"));
        assert!(flaw("canship: has docker\ncanship: end\n", "ssh://box").contains("no engine runs"));
        let denied = flaw("canship: has docker\ncanship: closed /var/run/docker.sock\ncanship: end\n", "ssh://me@box");
        assert!(denied.contains("/var/run/docker.sock") && denied.contains("may not"), "{denied}");
        assert!(flaw("canship: end\n", "ssh://box/run/x.sock").contains("/run/x.sock"));
    }

    #[test]
    fn what_the_other_side_prints_never_becomes_a_command() {
        let said = "canship: has docker\ncanship: open /tmp/a;touch x\ncanship: open /tmp/$(id)\ncanship: end\n";
        assert_eq!(Seen::read(said).sockets, []);
    }

    #[test]
    fn the_lines_are_quoted_as_one_word_for_every_shell() {
        let command = command(Some("/run/podman/podman.sock"));
        assert_eq!(command.matches('\'').count(), 2, "{command}");
        assert!(!command.contains(['\n', '!']), "{command}");
    }
}
