//! Two builds of one release, side by side: which files differ, and how.
//!
//! What another build made is a [`Tree`], whether it lies in a folder, an archive or an image, and so is what this build
//! made; [`differences`] tells them apart. `download` fetches a file, `archive` and `image` look into one: they list what
//! is there, choose the part that stands for the artifact, and take out only that.
//!
//! Invariants: nothing that was fetched is trusted: no more is fetched or unpacked than may be, nothing is written under
//! a name of its own, no link is followed; credentials go to the host that the plan names and nowhere else; no content is
//! ever shown, only names, lengths and places.

mod archive;
mod bounds;
mod diff;
mod download;
mod hint;
mod image;
mod listing;
mod tree;

pub use bounds::Bounds;
pub use diff::{Differences, differences};
pub use download::{Access, Download, Fetched, Unfetched};
pub use image::FetchedImage;
pub use listing::{Unread, Wanted};
pub use tree::Tree;
