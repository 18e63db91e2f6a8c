//! The context of a build as a stream.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use super::{
    super::fill::{CHUNKS, Chunks},
    ignore::Ignore,
    wire::Body,
};
use crate::archive::{Fill, Writer};

/// The source, less what `ignore` (the text of a `.dockerignore`) leaves out. The Dockerfile goes along in any case.
pub(super) fn stream(content: Fill, ignore: &str, dockerfile: &Path) -> Result<Body, String> {
    let mut ignore = Ignore::parse(ignore)?;
    let dockerfile: PathBuf = dockerfile.to_owned();
    let (chunks, body) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let end = chunks.clone();
    tokio::task::spawn_blocking(move || {
        let written = (move || {
            let keep = Box::new(move |path: &Path| path == dockerfile || !ignore.leaves_out(path));
            let mut archive = Writer::new(Chunks::new(chunks), "", 0).only(keep);
            content(&mut archive)?;
            archive.finish()
        })();
        // An archive that only looks whole must not be taken for one. Nobody may be reading any more.
        if let Err(e) = written {
            drop(end.blocking_send(Err(e)));
        }
    });
    let frames = stream::unfold(body, async |mut body| body.recv().await.map(|chunk| (chunk, body)));
    Ok(StreamBody::new(frames.map(|chunk| chunk.map(Frame::data))).boxed_unsync())
}
