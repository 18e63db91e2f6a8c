//! The image a room is made from: sought, or pulled.

use std::collections::HashMap;

use bollard::{
    Docker,
    errors::Error,
    models::{CreateImageInfo, ImageInspect},
    query_parameters::CreateImageOptionsBuilder,
};
use futures_util::StreamExt as _;

use super::{
    super::{RoomPlan, SpareError},
    connect::{Connection, failed, status, words},
};
use crate::{plan::BuildImage, record::ImageFacts};

/// The image that the plan names.
pub(super) fn name(plan: &RoomPlan) -> Result<&str, SpareError> {
    match &plan.image {
        Some(BuildImage::Image(name)) if is_reference(name) => Ok(name),
        Some(BuildImage::Image(name)) => {
            Err(SpareError::NoImage { image: name.escape_debug().to_string(), reason: String::from("this is not an image's name") })
        }
        Some(BuildImage::Dockerfile(dockerfile)) => Err(SpareError::Unsupported(format!(
            "the image of `{}` must be built before a clean room is made from it",
            dockerfile.file.display()
        ))),
        None => Err(SpareError::Unsupported(String::from("the plan names no image to make a clean room from"))),
    }
}

/// Characters only: the name becomes part of a URL's path; the rest the engine judges.
fn is_reference(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(allowed) && !name.contains("..")
}

/// How often an engine is asked that fell over an image of somebody else's.
const TRIES: usize = 5;

/// What the engine says of an image. Podman looks through all images for it, and fails if one of them goes meanwhile.
pub(super) async fn inspect(docker: &Docker, name: &str) -> Result<ImageInspect, Error> {
    let stumbled = |error: &Error| status(error) == Some(500) && words(error).contains("image not known");
    for _ in 1..TRIES {
        match docker.inspect_image(name).await {
            Err(error) if stumbled(&error) => {}
            seen => return seen,
        }
    }
    docker.inspect_image(name).await
}

/// The image as the engine has it.
pub(super) async fn find(connection: &Connection, name: &str) -> Result<Option<ImageFacts>, SpareError> {
    match inspect(&connection.docker, name).await {
        Ok(image) => {
            let id = image.id.ok_or_else(|| no_id(name))?;
            if !is_meant(name, &id, image.repo_tags.as_deref().unwrap_or_default()) {
                return Ok(None);
            }
            Ok(Some(ImageFacts { name: name.into(), id: id.into(), warm: true }))
        }
        Err(e) if status(&e) == Some(404) => Ok(None),
        Err(e) => Err(failed(format!("looking for image `{name}`"))(e)),
    }
}

/// Whether an image that an engine found by `name` is the one that the name means. Podman finds one by any end of its name:
/// `tool:1` also where there is only `localhost/other/tool:1`.
fn is_meant(name: &str, id: &str, tags: &[String]) -> bool {
    let is_of_tag = !name.contains('@') && !id.trim_start_matches("sha256:").starts_with(name.trim_start_matches("sha256:"));
    !is_of_tag || tags.is_empty() || tags.iter().any(|tag| short(tag) == short(&with_tag(name)))
}

/// The name without what engines add to one, or leave out of it.
fn short(name: &str) -> &str {
    let hub = name.strip_prefix("docker.io/").map(|rest| rest.strip_prefix("library/").unwrap_or(rest));
    hub.or_else(|| name.strip_prefix("localhost/")).unwrap_or(name)
}

fn no_id(name: &str) -> SpareError {
    SpareError::Failed { what: format!("looking for image `{name}`"), reason: String::from("the engine tells no id") }
}

/// Pulls the image and tells how far it is.
pub(super) async fn pull<'t>(
    connection: &Connection,
    name: &str,
    progress: &(dyn Fn(&'t str, u64, Option<u64>) + Send + Sync),
) -> Result<ImageFacts, SpareError> {
    let no_image = |reason| SpareError::NoImage { image: name.to_owned(), reason };
    let options = CreateImageOptionsBuilder::default().from_image(&with_tag(name)).build();
    let mut pulling = connection.docker.create_image(Some(options), None, None);
    let mut layers = Layers::default();
    while let Some(told) = pulling.next().await {
        layers.take(told.map_err(|e| no_image(words(&e)))?);
        let (done, total) = layers.sum();
        progress("pulling the image", done, total);
    }
    let missing = || no_image(String::from("the engine said that it was pulled, but does not have it"));
    let image = find(connection, name).await?.ok_or_else(missing)?;
    Ok(ImageFacts { warm: false, ..image })
}

/// The name with a tag or digest: without either, an engine would pull every tag there is.
fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

/// How far each layer of a pull is.
#[derive(Default)]
struct Layers(HashMap<String, (u64, u64)>);

impl Layers {
    fn take(&mut self, told: CreateImageInfo) {
        // Unpacking counts the same bytes once more.
        if told.status.as_deref() != Some("Downloading") {
            return;
        }
        if let (Some(id), Some(progress)) = (told.id, told.progress_detail) {
            let bytes = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            self.0.insert(id, (bytes(progress.current), bytes(progress.total)));
        }
    }

    fn sum(&self) -> (u64, Option<u64>) {
        let (done, total) = self.0.values().fold((0, 0), |(done, total), layer| (done + layer.0, total + layer.1));
        (done, (total > 0).then_some(total))
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    #[test]
    fn a_name_without_tag_means_latest_even_behind_a_port() {
        assert_eq!(with_tag("debian"), "debian:latest");
        assert_eq!(with_tag("localhost:5000/a/debian"), "localhost:5000/a/debian:latest");
        assert_eq!(with_tag("debian:12"), "debian:12");
        assert_eq!(with_tag("debian@sha256:00"), "debian@sha256:00");
    }

    #[test]
    fn an_image_that_only_ends_like_the_name_is_not_the_one_that_is_meant() {
        let is_meant = |name, tag: &str| is_meant(name, "sha256:1234abcd", &[tag.to_owned()]);
        for name in ["debian:12", "docker.io/debian:12", "docker.io/library/debian:12"] {
            assert!(is_meant(name, "debian:12") && is_meant(name, "docker.io/library/debian:12"), "{name}");
        }
        assert!(
            is_meant("acme/build", "localhost/acme/build:latest")
                && is_meant("localhost/acme/build", "localhost/acme/build:latest")
        );
        assert!(is_meant("1234ab", "x:1") && is_meant("sha256:1234abcd", "x:1") && is_meant("x@sha256:00", "y:1"));
        assert!(!is_meant("tool:1", "localhost/other/tool:1") && !is_meant("debian:12", "registry.example/debian:12"));
    }

    #[test]
    fn names_that_would_change_the_request_are_no_references() {
        assert!(is_reference("docker.io/library/rust:1.95-bookworm"));
        for name in ["", "a b", "a?b", "../containers", "a#b", "a%2f", "-a"] {
            assert!(!is_reference(name), "{name}");
        }
    }

    #[test]
    fn layers_add_up() {
        let told = |id: &str, status: &str, current, total| CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: Some(ProgressDetail { current: Some(current), total: Some(total) }),
            ..Default::default()
        };
        let mut layers = Layers::default();
        assert_eq!(layers.sum(), (0, None));
        layers.take(told("a", "Downloading", 5, 10));
        layers.take(told("b", "Downloading", 1, 20));
        layers.take(told("a", "Downloading", 10, 10));
        layers.take(told("a", "Extracting", 3, 10));
        assert_eq!(layers.sum(), (11, Some(30)));
    }
}
