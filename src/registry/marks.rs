//! Marks on an image: who asked for it and what it was made from, as annotations of its manifest, so that the registry
//! itself says that what it holds is what was asked for.

use serde_json::{Map, Value, json};

use super::{
    Client, Fault, RegistryError, Which,
    image::{Document, take_object},
};
use crate::record::{Digest, DrillId, Nonce, Text};

/// Where the commit stands. Source: <https://github.com/opencontainers/image-spec/blob/main/annotations.md>.
const REVISION: &str = "org.opencontainers.image.revision";
const ANNOTATIONS: &str = "annotations";
const DRILL: &str = "dev.canship.drill";
const NONCE: &str = "dev.canship.nonce";

/// What an image says of where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The drill that made it.
    pub drill: Option<Text>,
    /// The nonce that the drill was asked with.
    pub nonce: Option<Text>,
    /// The commit that it was made from.
    pub commit: Option<Text>,
}

/// An image that has marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The manifest's digest.
    pub digest: Digest,
    /// The digest that it had without the marks.
    pub plain: Digest,
    /// What it says of where it comes from.
    pub marks: Marks,
}

impl Marks {
    /// Those of an image that this drill makes from this commit, for whoever gave it the nonce.
    #[must_use]
    pub fn new(drill: &DrillId, nonce: Option<&Nonce>, commit: &Text) -> Self {
        let nonce = nonce.map(|nonce| Text::from(nonce.as_str()));
        Self { drill: Some(Text::from(drill.as_str())), nonce, commit: Some(commit.clone()) }
    }

    fn fields(&self) -> [(&'static str, Option<&Text>); 3] {
        [(DRILL, self.drill.as_ref()), (NONCE, self.nonce.as_ref()), (REVISION, self.commit.as_ref())]
    }
}

/// The manifest with these marks; what else it says stays as it is.
pub(super) fn marked(manifest: &Document, marks: &Marks) -> Result<Document, Fault> {
    let broken = |e: &dyn std::fmt::Display| Fault::protocol(format!("the image's manifest cannot be marked: {e}"));
    let mut whole: Map<String, Value> = serde_json::from_slice(&manifest.content).map_err(|e| broken(&e))?;
    let annotations = whole.entry(ANNOTATIONS).or_insert_with(|| json!({}));
    let annotations = annotations.as_object_mut().ok_or_else(|| broken(&"its annotations are none"))?;
    for (name, value) in marks.fields() {
        if let Some(value) = value {
            annotations.insert(name.to_owned(), json!(value.as_str()));
        }
    }
    serde_json::to_vec(&whole).map(Document::new).map_err(|e| broken(&e))
}

impl Client {
    /// What a tag leads to, all of it computed from the manifest that came.
    ///
    /// # Errors
    /// There is no such tag, or see [`Fault`].
    pub async fn marked(&self, tag: &str) -> Result<Marked, RegistryError> {
        let document = self.manifest(&Which::Tag(tag.to_owned())).await?;
        let mut whole: Map<String, Value> = serde_json::from_slice(&document.content).unwrap_or_default();
        let mut annotations = take_object(&mut whole, ANNOTATIONS);
        let mut text = |name: &str| annotations.shift_remove(name).as_ref().and_then(Value::as_str).map(Text::words);
        let marks = Marks { drill: text(DRILL), nonce: text(NONCE), commit: text(REVISION) };
        if !annotations.is_empty() {
            whole.insert(ANNOTATIONS.to_owned(), annotations.into());
        }
        let plain = serde_json::to_vec(&whole).map(Document::new).map_err(|e| {
            RegistryError::new(self.repository(), format!("reading tag {tag}"), Fault::protocol(format!("its manifest: {e}")))
        })?;
        Ok(Marked { digest: document.blob.digest, plain: plain.blob.digest, marks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_manifest_says_all_that_it_said_before() {
        let plain = Document::new(br#"{"schemaVersion":2,"config":{"size":3},"annotations":{"a":"b"}}"#.to_vec());
        let drill = DrillId::made("20261120-233512-1f0c9a7e").unwrap();
        let marks = Marks::new(&drill, Some(&"n0nce-1234".parse().unwrap()), &"c0ffee".into());
        let marked = marked(&plain, &marks).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&marked.content),
            r#"{"schemaVersion":2,"config":{"size":3},"annotations":{"a":"b","dev.canship.drill":"20261120-233512-1f0c9a7e","dev.canship.nonce":"n0nce-1234","org.opencontainers.image.revision":"c0ffee"}}"#
        );
        assert_ne!(marked.blob.digest, plain.blob.digest);
    }
}
