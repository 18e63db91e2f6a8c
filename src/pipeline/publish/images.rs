//! Which command logs in to a registry, pushes an image, copies or runs one.

use super::{commands::Effect, hosts, shell::Command};

/// What a command does with images and registries.
pub(super) fn effects(command: &Command) -> Vec<Effect> {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    let program = command.program();
    let has = |word: &str| words.contains(&word);
    match program {
        "docker" | "podman" | "buildah" | "nerdctl" | "skopeo" | "regctl" | "crane" | "helm" | "oras" | "cosign" | "ko"
            if has("login") =>
        {
            return login_host(&words).map(Effect::LogsIn).into_iter().collect();
        }
        "az" if has("acr") && has("login") => {
            let name = command.option("-n").or_else(|| command.option("--name"));
            return name.map(|name| Effect::LogsIn(format!("{name}.azurecr.io"))).into_iter().collect();
        }
        _ => {}
    }
    match program {
        "docker" | "podman" | "buildah" | "nerdctl" if has("run") => run_image(&words),
        // Helm names the registry and a path in it; the chart's own name comes behind that.
        "helm" if has("push") => {
            let charts = free(&words, "push").into_iter().rev().find(|word| word.contains("oci://"));
            charts.map(|to| Effect::PushesChart(bare(to).to_owned())).into_iter().collect()
        }
        "executor" => {
            let all = values(&words, &["--destination"]).into_iter();
            all.filter(|image| !image.starts_with(['.', '/'])).map(|image| pushes(Some(image))).collect()
        }
        "skopeo" | "regctl" | "oras" if has("copy") || has("cp") => copied(&words),
        _ => pushed(program, command, &words),
    }
}

fn pushes(image: Option<&str>) -> Effect {
    Effect::PushesImage(image.map(|image| bare(image).to_owned()))
}

/// The images that a command pushes; a name that its words do not say is none.
fn pushed(program: &str, command: &Command, words: &[&str]) -> Vec<Effect> {
    let has = |word: &str| words.contains(&word);
    let behind = |verb: &str| free(words, verb);
    let second = words.get(1).copied().unwrap_or_default();
    let one = |image: Option<&str>| vec![pushes(image)];
    match program {
        "docker" | "nerdctl" if second == "push" || (matches!(second, "manifest" | "image") && has("push")) => {
            one(behind("push").first().copied())
        }
        // What is pushed may get another name there.
        "podman" | "buildah" if second == "push" || (matches!(second, "manifest" | "image") && has("push")) => {
            one(behind("push").last().copied())
        }
        "docker" | "podman" | "nerdctl" if has("imagetools") && has("create") => tagged(words),
        "docker" | "depot" | "buildctl" if has("--push") || words.iter().any(|word| word.contains("push=true")) => tagged(words),
        "ko" if has("publish") || has("build") || has("resolve") => {
            let stays = has("--push=false") || has("--local") || has("-L");
            if stays { Vec::new() } else { vec![Effect::PushesImage(Some(by_ko(words)))] }
        }
        "oras" | "flux" if has("push") => one(artifact(words)),
        "crane" if has("push") => one(behind("push").last().copied()),
        "crane" if has("copy") || has("cp") => one(behind(if has("cp") { "cp" } else { "copy" }).last().copied()),
        // `crane tag IMAGE TAG`
        "crane" if has("tag") => one(behind("tag").first().copied()),
        "crane" if has("append") || has("mutate") || has("rebase") => {
            let to = command.option("-t").or_else(|| command.option("--tag"));
            to.map(|to| pushes(Some(to))).into_iter().collect()
        }
        "regctl" if has("put") => one(behind("put").first().copied()),
        _ => Vec::new(),
    }
}

/// The images that are built or made with these tags, and pushed at once.
fn tagged(words: &[&str]) -> Vec<Effect> {
    let mut names = values(words, &["-t", "--tag"]);
    if names.is_empty() {
        // `type=image,name=NAME,push=true`
        let outputs = words.iter().filter(|word| word.contains("push=true"));
        names = outputs.flat_map(|word| word.split(',')).filter_map(|part| part.strip_prefix("name=")).collect();
    }
    if names.is_empty() { vec![pushes(None)] } else { names.into_iter().map(|name| pushes(Some(name))).collect() }
}

/// Where `ko` pushes: its variable names the repository. Without `--bare` the program's name comes behind that, and unless it is
/// told to leave it at that, a sum that its words do not say.
fn by_ko(words: &[&str]) -> String {
    let has = |long: &str, short: &str| words.iter().any(|word| *word == long || *word == short);
    if words.contains(&"--bare") {
        return "$KO_DOCKER_REPO".to_owned();
    }
    let verb = ["publish", "build", "resolve"].into_iter().find(|verb| words.contains(verb)).unwrap_or_default();
    let programs = free(words, verb);
    match programs.as_slice() {
        [program] if has("--base-import-paths", "-B") => {
            format!("$KO_DOCKER_REPO/{}", program.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
        }
        _ => "$KO_DOCKER_REPO/$".to_owned(),
    }
}

/// What `FROM TO` copies: it pushes there and pulls from the other, unless one of them is a file or a store of this machine.
fn copied(words: &[&str]) -> Vec<Effect> {
    let verb = if words.contains(&"cp") { "cp" } else { "copy" };
    let names = free(words, verb);
    let (from, to) = match names.as_slice() {
        [.., from, to] => (Some(*from), Some(*to)),
        [to] => (None, Some(*to)),
        [] => (None, None),
    };
    let is_far = |name: &&str| !LOCAL.iter().any(|local| name.starts_with(local)) && !name.starts_with(['.', '/']);
    let stays = words.contains(&"--to-oci-layout") || to.is_some_and(|to| !is_far(&to));
    let came_along = words.contains(&"--from-oci-layout");
    let push = (!stays).then(|| pushes(to));
    let pull = from.filter(is_far).filter(|_| !came_along).and_then(hosts::of_image);
    push.into_iter().chain(pull.map(Effect::PullsFrom)).collect()
}

/// How the names of what is no registry begin.
const LOCAL: &[&str] = &[
    "dir:",
    "oci:",
    "oci-archive:",
    "ocidir:",
    "docker-archive:",
    "docker-daemon:",
    "containers-storage:",
    "tarball:",
    "sif:",
    "ostree:",
];

/// A name without how it is reached.
fn bare(name: &str) -> &str {
    name.trim_start_matches("docker://").trim_start_matches("oci://")
}

/// The values of options, as `--name value` or `--name=value`, in the order of the words.
fn values<'w>(words: &[&'w str], options: &[&str]) -> Vec<&'w str> {
    let value = |(at, word): (usize, &&'w str)| {
        options.iter().find_map(|option| match word.strip_prefix(option)? {
            "" => words.get(at + 1).copied(),
            rest => rest.strip_prefix('='),
        })
    };
    words.iter().enumerate().filter_map(value).collect()
}

/// The name that a chart has behind the name it is pushed below: that of its file without the version.
pub(super) fn chart(words: &[String]) -> &str {
    let file = words.iter().find_map(|word| word.rsplit('/').next()?.strip_suffix(".tgz")).unwrap_or("$");
    let is_version = |at: &usize| {
        let number = file[*at..].trim_start_matches('-');
        let rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < number.len() && rest.starts_with('.')
    };
    let name = file.match_indices('-').map(|(at, _)| at).find(is_version).map_or(file, |at| &file[..at]);
    if name.contains(['*', '?', '$']) { "$" } else { name }
}

/// Options that stand for themselves; all others take the next word along.
const ALONE: &[&str] = &[
    "-a",
    "-B",
    "-d",
    "-P",
    "-q",
    "-r",
    "-v",
    "--all",
    "--all-tags",
    "--amend",
    "--bare",
    "--base-import-paths",
    "--debug",
    "--dest-no-creds",
    "--digest-tags",
    "--disable-content-trust",
    "--disable-path-validation",
    "--fast",
    "--force-recursive",
    "--from-insecure",
    "--from-oci-layout",
    "--from-plain-http",
    "--include-external",
    "--index",
    "--insecure",
    "--insecure-skip-tls-verify",
    "--no-clobber",
    "--no-tty",
    "--plain-http",
    "--preserve-digests",
    "--preserve-import-paths",
    "--purge",
    "--quiet",
    "--recursive",
    "--referrers",
    "--remove-signatures",
    "--reproducible",
    "--rm",
    "--src-no-creds",
    "--to-insecure",
    "--to-oci-layout",
    "--to-plain-http",
    "--verbose",
];

/// The words behind a verb that are no option, no option's value, and no redirection.
fn free<'w>(words: &[&'w str], verb: &str) -> Vec<&'w str> {
    let at = words.iter().position(|word| *word == verb).map_or(words.len(), |at| at + 1);
    let mut rest = words.get(at..).unwrap_or_default().iter();
    let mut found = Vec::new();
    while let Some(word) = rest.next() {
        match *word {
            word if word.starts_with(['>', '<']) || matches!(word, "2>" | "2>&1" | "1>" | "&") => break,
            word if !word.starts_with('-') => found.push(word),
            word if word.contains('=') || ALONE.contains(&word) => {}
            _ => {
                rest.next();
            }
        }
    }
    found
}

/// Where `oras` and `flux` push: the first name that begins with a host or a variable; files follow it.
fn artifact<'w>(words: &[&'w str]) -> Option<&'w str> {
    let is_name = |word: &&str| {
        let host = bare(word).split_once('/').map_or("", |(host, _)| host);
        !word.starts_with(['.', '/']) && (host.contains(['.', ':']) || host.starts_with('$') || host == "localhost")
    };
    free(words, "push").into_iter().find(is_name)
}

/// The host a login names: the argument that belongs to no option; without one Docker Hub.
fn login_host(words: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| *word == "login")?;
    let mut rest = words[at + 1..].iter().peekable();
    let mut host = None;
    while let Some(word) = rest.next() {
        match *word {
            "-u" | "--username" | "-p" | "--password" | "--authfile" | "--user" | "--pass" | "--cert-dir" | ">" | "2>" | ">>"
            | "<" => {
                rest.next();
            }
            word if word.starts_with('-') || word.starts_with(['>', '<']) => {}
            word => host = Some(word.to_owned()),
        }
    }
    Some(host.unwrap_or_default())
}

/// The image of `docker run`, where it can be told from the options.
fn run_image(words: &[&str]) -> Vec<Effect> {
    let Some(at) = words.iter().position(|word| *word == "run") else { return Vec::new() };
    let mut rest = words[at + 1..].iter();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') {
            return vec![Effect::RunsImage((*word).to_owned())];
        }
        // Options that stand for themselves; all others take the next word along.
        let alone = word.contains('=')
            || matches!(
                *word,
                "--rm" | "-i" | "-t" | "-it" | "-ti" | "-d" | "--detach" | "--privileged" | "--init" | "--tty" | "--interactive"
            );
        if !alone {
            rest.next();
        }
    }
    Vec::new()
}
