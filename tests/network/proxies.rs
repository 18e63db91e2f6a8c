//! A proxy as the only way out.

use std::path::Path;

use crate::{
    certificates::Flaw,
    forward::{Forward, Manners},
    lab::{Lab, REGISTRY, drill, mirrored_over_https, trusting},
    registry::server,
    support::{Canship, Project, Services, project::Plan, run::Ran},
};

/// A password that needs its special characters encoded, and is sought in everything that is told.
const CANARY: &str = "pr0xy c@nary/7f3e9b";
const WRITTEN: &str = "pr0xy%20c%40nary%2F7f3e9b";

/// What no output may hold of it: as it is meant, written, sent, and escaped.
fn told_nothing(ran: &Ran) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let told = ran.everything();
    for form in [CANARY.to_owned(), WRITTEN.to_owned(), STANDARD.encode(format!("team:{CANARY}")), STANDARD.encode(CANARY)] {
        assert!(!told.contains(&form), "{form} was told");
    }
    assert!(!told.contains("7f3e9b"), "a part of it was told");
}

/// A project behind a proxy, and steps that go the same way.
struct Behind {
    lab: Lab,
    project: Project,
    proxy: Forward,
}

impl Behind {
    fn new(manners: impl FnOnce(&Lab) -> Manners) -> Self {
        Self::build(manners, |plan| plan)
    }

    fn build(manners: impl FnOnce(&Lab) -> Manners, change: impl FnOnce(Plan) -> Plan) -> Self {
        let lab = Lab::behind_a_proxy();
        let project = lab.project("registry.test", |plan| change(trusting(plan)));
        mirrored_over_https(&project);
        let manners = manners(&lab);
        let proxy = lab.proxy(&project, manners);
        Self { lab, project, proxy }
    }

    fn drill(&self, proxy: &str) -> Canship {
        self.lab.drill_inside(&self.project).variable("HTTPS_PROXY", proxy)
    }

    fn url(&self, login: &str) -> String {
        format!("http://{login}{}", self.proxy.address)
    }
}

fn guarded(_: &Lab) -> Manners {
    Manners { login: Some(format!("team:{CANARY}")), ..Manners::default() }
}

#[test]
fn a_drill_ships_though_a_proxy_with_a_login_is_the_only_way_out() {
    let behind = Behind::build(guarded, |plan| {
        let mut plan = plan;
        // A step goes out too, and shows all it has to do that with.
        plan.run
            .push("git ls-remote https://git.test/mirror.git HEAD && env | sort && printf %s \"$HTTPS_PROXY\" | base64 -w0".into());
        plan
    });
    let ran = behind.drill(&behind.url(&format!("team:{WRITTEN}@"))).run().ends(0, "can-ship");
    assert_eq!(ran.rules(), Vec::<&str>::new());
    assert!(ran.json["leftovers"].as_array().unwrap().is_empty(), "{}", ran.json["leftovers"]);
    assert_eq!(behind.proxy.sought(), ["git.test:443", REGISTRY], "nothing else was sought");
    told_nothing(&ran);
    assert!(ran.log.contains("HTTPS_PROXY=http://team:***@198."), "the step had it: {}", ran.log);
    let limits = ran.json["limits"].to_string();
    assert!(limits.contains(&format!("were led through `http://{}`", behind.proxy.address)), "{limits}");
    // What goes through the tunnel is not the proxy's business.
    let registrys = server::PASSWORD;
    assert!(behind.proxy.heads().iter().all(|head| head.starts_with("CONNECT ") && !head.contains(registrys)));
    assert!(behind.proxy.heads().iter().all(|head| !head.to_lowercase().contains("\r\nauthorization:")));
}

#[test]
fn without_the_proxy_nothing_is_reached() {
    let behind = Behind::new(guarded);
    let ran = behind.lab.drill_inside(&behind.project).run().ends(20, "unknown");
    assert!(ran.rules().contains(&"registry-unavailable") && ran.rules().contains(&"source-unreachable"), "{:?}", ran.rules());
    assert!(behind.proxy.heads().is_empty());
}

/// A drill through the proxy of `url` ends so, with `rule` for the registry and for the source.
#[track_caller]
fn ends(behind: &Behind, url: &str, (code, verdict, rule): (i32, &str, &str), says: &[&str]) {
    let ran = behind.drill(url).run().ends(code, verdict);
    told_nothing(&ran);
    let of_rule: Vec<_> = ran.json["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule).collect();
    let told = format!("{of_rule:#?}");
    for part in ["registry.test/acme", "git.test/mirror.git"].iter().chain(says) {
        assert!(told.contains(part), "`{part}` is not in {told}\n{}", ran.stdout);
    }
}

#[test]
fn a_proxy_that_wants_a_login_is_told_from_one_that_does_not_accept_it() {
    let behind = Behind::new(guarded);
    let refused = (10, "cannot-ship", "proxy-unauthorized");
    ends(
        &behind,
        &behind.url(""),
        refused,
        &["asks for a login, and `HTTPS_PROXY` has none: 407 Proxy Authentication", "the way out"],
    );
    ends(&behind, &behind.url("team:stale-word@"), refused, &["does not accept the login in `HTTPS_PROXY`: 407"]);
}

#[test]
fn a_proxy_that_forbids_or_fails_is_told_in_its_own_words() {
    let answer = |answer| move |_: &Lab| Manners { answer: Some(answer), ..Manners::default() };
    let behind = Behind::new(answer(
        "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 15\r\n\r\nnot on the list",
    ));
    let says = ["does not let `registry.test:443` be reached: 403 Forbidden; ERR_ACCESS_DENIED 0: not on the list", "NO_PROXY"];
    ends(&behind, &behind.url(""), (10, "cannot-ship", "proxy-forbidden"), &says);
    let behind = Behind::new(answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
    let says = ["does not reach `registry.test:443`: 503 Service Unavailable"];
    ends(&behind, &behind.url(""), (20, "unknown", "proxy-unavailable"), &says);
    let behind = Behind::new(answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    let says = ["opens no way to `registry.test:443`: it does not answer as an HTTP proxy does"];
    ends(&behind, &behind.url(""), (20, "unknown", "proxy-unavailable"), &says);
}

#[test]
fn a_proxy_that_is_not_there_is_told_with_its_address() {
    let behind = Behind::new(|_| Manners::default());
    let nobody = std::net::TcpListener::bind((behind.lab.namespace.address.as_str(), 0)).unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let says = [&format!("the proxy `http://{address}` cannot be reached: Connection refused")[..], "see whether the proxy runs"];
    ends(&behind, &format!("http://{address}"), (20, "unknown", "proxy-unavailable"), &says);
}

#[test]
fn a_proxy_that_is_spoken_to_over_tls_is_verified_like_any_server() {
    let tls = |flaw| {
        move |lab: &Lab| {
            let folder = lab.folder.path().join("proxy");
            std::fs::create_dir(&folder).unwrap();
            let files = lab.authority.issue(&folder, &[&lab.namespace.address], flaw);
            Manners { tls: Some(files.server()), ..guarded(lab) }
        }
    };
    let behind = Behind::new(tls(Flaw::None));
    let url = behind.url(&format!("team:{WRITTEN}@")).replace("http:", "https:");
    told_nothing(&behind.drill(&url).run().ends(0, "can-ship"));
    let behind = Behind::new(tls(Flaw::Expired));
    let url = behind.url(&format!("team:{WRITTEN}@")).replace("http:", "https:");
    ends(&behind, &url, (10, "cannot-ship", "certificate-expired"), &["the certificate of `198."]);
    assert!(behind.proxy.heads().is_empty(), "no login was sent to it");
}

#[test]
fn what_needs_no_proxy_is_reached_without() {
    let lab = Lab::with(Flaw::None);
    let project = lab.project(&lab.registry.address, trusting);
    let proxy = lab.proxy(&project, Manners::default());
    let through = |no: &str| {
        let drill = drill(&project).variable("https_proxy", format!("http://{}", proxy.address)).variable("no_proxy", no);
        drill.run().ends(0, "can-ship");
        proxy.sought()
    };
    assert_eq!(through("198.18.0.0/15, example.test"), Vec::<String>::new());
    assert_eq!(through("example.test"), [lab.registry.address.as_str()], "and through it otherwise");
}

#[test]
fn a_registry_on_the_loopback_is_never_sought_through_a_proxy() {
    let project = Project::new(&Plan::on_host(&Services::get()));
    let mut drill = drill(&project);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http_proxy"] {
        // Nobody listens there.
        drill = drill.variable(name, "http://127.0.0.1:9");
    }
    let ran = drill.run().ends(0, "can-ship");
    assert_eq!(ran.rules(), Vec::<&str>::new());
}

#[test]
fn an_address_that_is_none_ends_before_anything_is_done_and_is_not_shown() {
    let project = Project::new(&Plan::on_host(&Services::get()));
    let ran = drill(&project).variable("ALL_PROXY", "ftp://team:secret-word@proxy.test").run_as_is();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("`ALL_PROXY` is no address of a proxy: there are no `ftp` proxies"), "{}", ran.stderr);
    assert!(!ran.everything().contains("secret-word"));
}

#[test]
fn a_password_too_short_to_be_hidden_is_found() {
    let project = Project::new(&Plan::on_host(&Services::get()));
    let ran = drill(&project).variable("HTTPS_PROXY", "http://team:abc@proxy.test:1").run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["secret-too-short"]);
}

/// A project that is built in a clean room, with a step that goes out.
fn in_clean_room(plan: Plan) -> Plan {
    let room = Plan::in_clean_room(&Services::get());
    let image = std::env::var("CANSHIP_TEST_IMAGE").unwrap();
    let mut plan = Plan { image: Some(image), spare: room.spare, ..plan };
    plan.run.push("git ls-remote https://git.test/mirror.git HEAD".into());
    plan
}

#[test]
fn the_steps_of_a_clean_room_are_led_through_the_proxy_by_the_environment_of_each() {
    // Whoever is led there waits until the connection is taken and dropped.
    let hold = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = hold.local_addr().unwrap().to_string();
    let manners = |lab: &Lab| Manners { names: [("hold.test:443".to_owned(), address)].into(), ..guarded(lab) };
    let behind = Behind::build(manners, |plan| {
        let mut plan = in_clean_room(plan);
        plan.run.push("echo running; git ls-remote https://hold.test/x || true".into());
        plan
    });
    let mut running = behind.drill(&behind.url(&format!("team:{WRITTEN}@"))).start();
    running.await_event(|event| event["event"] == "step-output" && event["line"] == "running");
    let (way, _) = hold.accept().unwrap();
    let id = running.drill().to_owned();
    let inspected = inspect(&id);
    drop(way);
    let ran = running.finish().ends(0, "can-ship");
    told_nothing(&ran);
    assert!(inspected.contains(&id), "{inspected}");
    assert!(!inspected.contains("7f3e9b") && !inspected.contains("_PROXY"), "the container's configuration has it: {inspected}");
    assert_eq!(behind.proxy.sought(), ["git.test:443", "hold.test:443", REGISTRY]);
}

/// Everything that the engine tells of a drill's containers.
fn inspect(drill: &str) -> String {
    let filter = format!("label=dev.canship.drill={drill}");
    let script = format!("docker ps -aq --filter {filter} | xargs -r docker inspect");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_proxy_on_the_loopback_is_not_given_to_a_clean_room_and_that_is_said() {
    let lab = Lab::behind_a_proxy();
    let project = lab.project("registry.test", |plan| {
        let mut plan = in_clean_room(trusting(plan));
        plan.run.insert(0, "env | grep -ic _proxy= || true".into());
        plan
    });
    mirrored_over_https(&project);
    let proxy = lab.proxy(&project, Manners::default());
    let port = proxy.address.rsplit(':').next().unwrap();
    // The same proxy, where this machine's own loopback leads to it.
    let relay = lab.runtime.block_on(relay(&proxy.address));
    assert_ne!(relay, port);
    let ran = drill(&project).variable("HTTPS_PROXY", format!("http://127.0.0.1:{relay}")).run().ends(10, "cannot-ship");
    assert_eq!(ran.rules(), ["build-step-failed"]);
    let words = format!("the proxy `http://127.0.0.1:{relay}` is on this machine's loopback, which a clean room does not reach");
    assert!(ran.json["findings"][0]["evidence"].to_string().contains(&words), "{}", ran.json["findings"]);
    assert!(ran.json["limits"].to_string().contains(&words), "{}", ran.json["limits"]);
    assert_eq!(ran.phase("fetch"), "passed", "canship and git were led through it");
}

/// A port of the loopback that leads to this address.
async fn relay(to: &str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, to) = (listener.local_addr().unwrap().port(), to.to_owned());
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let to = to.clone();
            tokio::spawn(async move {
                let mut there = tokio::net::TcpStream::connect(to).await.unwrap();
                tokio::io::copy_bidirectional(&mut from, &mut there).await.ok();
            });
        }
    });
    port.to_string()
}

#[test]
fn the_tests_find_the_words_that_they_seek() {
    // What is searched for in outputs is what a step really prints.
    assert_eq!(percent_encoding::percent_decode_str(WRITTEN).decode_utf8().unwrap(), CANARY);
    assert!(Path::new("/run/netns").exists());
}
