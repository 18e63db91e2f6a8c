//! The images that Dockerfiles of a release begin from.

use std::collections::BTreeSet;

use super::{
    model::{Pipeline, Site, Sure, Topic},
    source::Files,
    yaml::Place,
};

/// The most Dockerfiles that are looked at.
const MOST: usize = 50;

/// Takes in what the Dockerfiles begin from: the one at the root, and those that the release's jobs name.
pub(super) fn read(files: &Files, pipeline: &mut Pipeline) {
    if pipeline.releases.is_empty() {
        return;
    }
    let mut paths: BTreeSet<String> = BTreeSet::from(["Dockerfile".to_owned()]);
    for (_, job) in pipeline.path() {
        for step in &job.steps {
            paths.extend(step.input("file").filter(|path| !path.contains('$')).map(str::to_owned));
            for command in step.commands.iter().filter(|command| command.words.iter().any(|word| word == "build")) {
                let named = command.words.iter().zip(command.words.iter().skip(1));
                paths.extend(named.filter(|(option, _)| matches!(option.as_str(), "-f" | "--file")).map(|(_, path)| path.clone()));
            }
        }
    }
    let mut sites: Vec<(String, Site)> = Vec::new();
    for path in paths.iter().filter(|path| path.to_ascii_lowercase().contains("dockerfile")).take(MOST) {
        let Some((number, file)) = files.plain(path) else { continue };
        for (offset, image) in bases(&file.text) {
            let at = files.at(Place { file: number, offset });
            let role = files.shared("base image");
            sites.push((image, Site { at, sure: Sure::Read, role, job: None, under: None, on_path: true }));
        }
    }
    for (image, site) in sites {
        pipeline.facts.add(Topic::Images, &image, site);
    }
}

/// The images after `FROM`, each with where it stands; stages of the file itself, `scratch` and what arguments decide are none.
fn bases(text: &str) -> Vec<(u32, String)> {
    let (mut found, mut stages, mut start) = (Vec::new(), BTreeSet::new(), 0);
    for line in text.split_inclusive('\n') {
        let begin = start;
        start += line.len();
        let mut words = line.split_whitespace();
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
            continue;
        }
        let Some(image) = words.by_ref().find(|word| !word.starts_with("--")) else { continue };
        let stage = words.next().filter(|word| word.eq_ignore_ascii_case("as")).and_then(|_| words.next());
        if !image.contains('$') && image != "scratch" && !stages.contains(&image.to_ascii_lowercase()) {
            let offset = begin + line.find(image).unwrap_or_default();
            found.push((u32::try_from(offset).unwrap_or(u32::MAX), image.to_owned()));
        }
        stages.extend(stage.map(str::to_ascii_lowercase));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::bases;

    #[test]
    fn only_images_from_elsewhere_are_bases() {
        let text = "ARG V=1\nFROM --platform=$BUILDPLATFORM rust:1.95 AS build\nRUN x\nFROM build as test\nFROM alpine:$V\nfrom scratch\nFROM a/b\n";
        let found: Vec<_> =
            bases(text).into_iter().map(|(offset, image)| (text[offset as usize..].starts_with(&image), image)).collect();
        assert_eq!(found, [(true, "rust:1.95".to_owned()), (true, "a/b".to_owned())]);
    }
}
