//! Passwords in addresses of git: no program is started with one in its arguments, which everybody on the machine can read.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    canary::Canary,
    look,
    support::{Canship, Project, Services, project::Plan},
    with_reports,
};

/// Git over http for those who log in as `bot`. It looks at every process of this machine while it is asked, when git waits.
struct Server {
    address: String,
    /// The arguments of each process that names the server or the password.
    seen: Arc<Mutex<Vec<String>>>,
    /// What was asked for with a login.
    served: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(root: PathBuf, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen, served) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let answering = Answering {
            root,
            address: address.clone(),
            login: format!("Basic {}", STANDARD.encode(format!("bot:{password}"))),
            seen: Arc::clone(&seen),
            served: Arc::clone(&served),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asks may leave before the answer.
                answering.answer(&stream).unwrap_or_default();
            }
        });
        Self { address, seen, served }
    }
}

struct Answering {
    root: PathBuf,
    address: String,
    login: String,
    seen: Arc<Mutex<Vec<String>>>,
    served: Arc<Mutex<Vec<String>>>,
}

impl Answering {
    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? <= 2 {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let header = |wanted: &str| {
            let headers = head.iter().filter_map(|line| line.split_once(": "));
            headers
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.to_owned())
                .next()
                .unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body)?;
        self.look();
        if header("authorization") != self.login {
            let challenge = "WWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close";
            return write!(stream, "HTTP/1.1 401 Unauthorized\r\n{challenge}\r\n\r\n");
        }
        let [method, target] = head[0].split(' ').take(2).collect::<Vec<_>>()[..] else { return Ok(()) };
        self.served.lock().unwrap().push(target.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut backend = Command::new("git");
        backend.args(["-c", "safe.directory=*", "http-backend"]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        backend.env("GIT_PROJECT_ROOT", &self.root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", "bot");
        backend.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
        backend.env("CONTENT_TYPE", header("content-type")).env("CONTENT_LENGTH", body.len().to_string());
        backend.env("HTTP_CONTENT_ENCODING", header("content-encoding")).env("GIT_PROTOCOL", header("git-protocol"));
        let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().unwrap().write_all(&body)?;
        let printed = child.wait_with_output()?.stdout;
        let refused = printed.starts_with(b"Status: ");
        let status = if refused { "500 Internal Server Error" } else { "200 OK" };
        write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
        stream.write_all(&printed)
    }

    fn look(&self) {
        let shown = look::arguments().into_iter().map(|(_, arguments)| String::from_utf8_lossy(&arguments).replace('\0', " "));
        self.seen.lock().unwrap().extend(shown.filter(|line| line.contains(&self.address)));
    }
}

/// A drill of a project whose origin, with a submodule, is at a server that wants a login; how the login is known is up to
/// `know`, which gets the origin's folder, the address with the login and that without, and the user's home.
fn drills(know: impl Fn(&Project, &str, &str, &Path)) {
    let canary = Canary::plain();
    let project = Project::new(&Plan { tag_at: Some("origin".into()), ..Plan::on_host(&Services::get()) });
    let plan = fs::read_to_string(project.plan_file()).unwrap();
    project.write("canship.yaml", &plan.replace("  mirror: ../mirror.git\n", ""));
    project.git(&["clone", "-q", "--bare", ".", "../lib.git"]);
    project.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../lib.git", "lib"]);
    project.commit("Have a submodule");
    project.git(&["push", "-q", "origin", "main"]);
    let server = Server::start(project.beside(""), &format!("{}@x", canary.value));
    let canship = with_reports(Canship::drill(&project));
    let with_login = format!("http://bot:{}%40x@{}/", canary.value, server.address);
    know(&project, &with_login, &format!("http://{}/", server.address), &canship.folder().join("home"));
    let ran = canship.run_as_is();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
    let requests = server.served.lock().unwrap().join(" ");
    for asked in ["mirror.git/info/refs?service=git-upload-pack", "mirror.git/git-receive-pack", "lib.git/git-upload-pack"] {
        assert!(requests.contains(asked), "{asked} is not in {requests}");
    }
    let seen = server.seen.lock().unwrap();
    for program in ["git clone", "git ls-remote", "git push", "git-remote-http"] {
        assert!(seen.iter().any(|line| line.contains(&program["git ".len()..])), "{program} was not seen in {seen:#?}");
    }
    for line in seen.iter() {
        canary.is_not_in("the arguments of a program", line);
    }
    canary.is_not_in("what was told", ran.stdout.clone() + &ran.stderr);
    for file in ["log.jsonl", "report.json", "report.md", "report.xml", "summary.md"] {
        canary.is_not_in(file, fs::read(canship.folder().join(file)).unwrap());
    }
    assert!(!project.mirror_refs().contains("canship-drill"), "{}", project.mirror_refs());
}

#[test]
fn the_password_in_an_origins_address_is_no_argument_of_any_program() {
    drills(|project, with_login, _, _| {
        project.git(&["remote", "set-url", "origin", &format!("{with_login}mirror.git")]);
    });
}

#[test]
fn a_password_that_the_users_configuration_puts_into_an_address_is_none_either() {
    let config = |with_login: &str, plain: &str, rule: &str| format!("[url \"{with_login}\"]\n\t{rule} = {plain}\n");
    for rule in ["insteadOf", "pushInsteadOf"] {
        drills(|project, with_login, plain, home| {
            project.git(&["remote", "set-url", "origin", &format!("{plain}mirror.git")]);
            // Without a rule for reading, the user's helper knows the login.
            let helper = format!("[credential]\n\thelper = store --file {}\n", home.join("logins").display());
            fs::write(home.join("logins"), with_login).unwrap();
            fs::write(home.join(".gitconfig"), config(with_login, plain, rule) + &helper).unwrap();
        });
    }
    drills(|project, with_login, plain, home| {
        let address = format!("{plain}mirror.git");
        project.git(&["remote", "set-url", "origin", &address]);
        // As long as the address itself: no rule of canship's could outdo it.
        let whole = config(&format!("{with_login}mirror.git"), &address, "insteadOf");
        fs::write(home.join(".gitconfig"), whole + &config(with_login, plain, "insteadOf")).unwrap();
    });
}
