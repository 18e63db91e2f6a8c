//! Servers and archives that would do harm: each comparison ends, in bounds, with what is wrong.

use crate::{
    packing::{TOOL, gzip, tar},
    server::{Answer, Server},
    support::project::Plan,
    urls::{drill, is_not_compared, plan},
};

/// Compares with what this answer gives, within a disk of 64 MiB.
fn reason(server: &Server, path: &str, answer: Answer) -> String {
    let url = server.at(path, answer);
    let plan = plan(&format!("url: \"{url}\""));
    is_not_compared(drill(&Plan { more: format!("{}timeouts: {{ api: 5s }}\n", plan.more), ..plan }))
}

#[test]
fn a_body_without_end_is_given_up_at_the_limit() {
    let said = reason(&Server::start(), "/tool", Answer::Endless);
    assert_eq!(said, "it is longer than the 64.0 MiB that are fetched of it (`build.limits.disk`)");
}

#[test]
fn a_body_that_stops_is_given_up_after_the_plans_time() {
    let said = reason(&Server::start(), "/tool", Answer::Silent);
    assert_eq!(said, "`127.0.0.1` gave nothing for 5.0 s");
}

#[test]
fn a_body_shorter_than_it_says_is_not_taken_for_the_whole() {
    let said = reason(&Server::start(), "/tool", Answer::CutShort);
    assert!(said.starts_with("`127.0.0.1` cannot be reached, or broke off"), "{said}");
}

#[test]
fn a_redirect_to_where_it_is_not_safe_is_not_followed() {
    let server = Server::start();
    let said = reason(&server, "/tool", Answer::Moved("http://release.invalid/tool?signature=hush".to_owned()));
    assert_eq!(said, "`127.0.0.1` sends us on to `http://release.invalid`, which is not followed");
    let said = reason(&server, "/round", Answer::Moved("/round".to_owned()));
    assert!(said.contains("more than 5 places"), "{said}");
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_given_up_at_the_limit() {
    let zeros = vec![0; 80 << 20];
    let bomb = gzip(&tar(&[("bin/zeros", &zeros, 0o644), ("bin/tool", TOOL, 0o755)]));
    assert!(bomb.len() < 1 << 20, "it is small as it comes");
    let said = reason(&Server::start(), "/tool.tgz", Answer::File(bomb));
    assert!(said.contains("it holds more than the 67108864 bytes"), "{said}");
}

#[test]
fn an_archive_whose_entries_lead_out_is_refused() {
    let outward = gzip(&tar(&[("../../etc/tool", TOOL, 0o755)]));
    let said = reason(&Server::start(), "/tool.tgz", Answer::File(outward));
    assert!(said.contains("`../../etc/tool`, which would lead out of it"), "{said}");
}

#[test]
fn what_only_calls_itself_an_archive_is_named() {
    let server = Server::start();
    let said = reason(&server, "/tool.tgz", Answer::File(b"<html>not found</html>".to_vec()));
    assert!(said.contains("it is no archive of a kind that is read"), "{said}");
    let cut = gzip(&tar(&[("tool", TOOL, 0o755)]));
    let said = reason(&server, "/cut.tgz", Answer::File(cut[..cut.len() / 2].to_vec()));
    assert!(said.starts_with("it cannot be read"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let plan = plan("url: \"http://127.0.0.1:1/tool\"");
    let said = is_not_compared(drill(&plan));
    assert!(said.contains("`127.0.0.1` cannot be reached"), "{said}");
}
