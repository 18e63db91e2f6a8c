//! Which command logs in to a registry, pushes an image, copies or runs one.

use super::{commands::Effect, hosts, shell::Command};

/// What a command does with images and registries.
pub(super) fn effects(command: &Command) -> Vec<Effect> {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    let program = command.program();
    let has = |word: &str| words.contains(&word);
    let last = || words.last().filter(|word| !word.starts_with('-')).map(|word| (*word).to_owned());
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
    let pushed = match program {
        "docker" | "podman" | "buildah" | "nerdctl" if has("run") => return run_image(&words),
        "docker" | "podman" | "buildah" | "nerdctl" if words.get(1) == Some(&"push") || (has("manifest") && has("push")) => {
            Some(last())
        }
        "docker" | "podman" | "nerdctl" if has("imagetools") && has("create") => {
            Some(command.option("-t").or_else(|| command.option("--tag")).map(str::to_owned))
        }
        "docker" | "depot" | "buildctl" if has("--push") || words.iter().any(|word| word.contains("push=true")) => {
            Some(command.option("-t").or_else(|| command.option("--tag")).map(str::to_owned))
        }
        "ko" if has("publish") || has("build") || has("resolve") => Some(None),
        "oras" | "flux" if has("push") || has("cp") || has("copy") => Some(None),
        "crane" if has("push") || has("copy") || has("cp") || has("tag") => Some(last()),
        "skopeo" | "regctl" if has("copy") || has("cp") => {
            let mut from_to = words.iter().rev().filter(|word| !word.starts_with('-'));
            let to = from_to.next().map(|word| (*word).to_owned());
            let from = from_to.next().and_then(|image| hosts::of_image(image));
            return [Some(Effect::PushesImage(to)), from.map(Effect::PullsFrom)].into_iter().flatten().collect();
        }
        "executor" => {
            return words
                .iter()
                .enumerate()
                .filter_map(|(at, word)| {
                    word.strip_prefix("--destination").map(|rest| rest.strip_prefix('=').or_else(|| words.get(at + 1).copied()))
                })
                .flatten()
                .filter(|image| !image.starts_with(['.', '/']))
                .map(|image| Effect::PushesImage(Some(image.to_owned())))
                .collect();
        }
        _ => None,
    };
    pushed.map(Effect::PushesImage).into_iter().collect()
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
