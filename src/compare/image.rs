//! What an image of somebody else holds.

use std::path::{Path, PathBuf};

use super::{Bounds, Tree, Unread, Wanted, archive};
use crate::{
    archive::Format,
    registry::{Base, Packing, RegistryError},
};

/// An image that was fetched whole: every digest in it right.
#[derive(Debug)]
pub struct FetchedImage {
    layers: Vec<(PathBuf, Packing)>,
}

impl FetchedImage {
    /// Fetches all layers of an image into `into` (an existing folder).
    ///
    /// # Errors
    /// It cannot be had, or is not what it says.
    pub async fn fetch(image: &Base, into: &Path, bounds: &Bounds) -> Result<Self, RegistryError> {
        Ok(Self { layers: image.pull_layers(into, bounds.bytes).await? })
    }

    /// Takes the wanted part out of it, its content to `into` (an existing folder). Blocks.
    ///
    /// # Errors
    /// See [`Unread`].
    pub fn look_into(&self, wanted: &Wanted, into: &Path, bounds: &Bounds) -> Result<Tree, Unread> {
        let layer = |(path, packing): &(PathBuf, Packing)| match packing {
            Packing::Plain => Ok((path.clone(), Format::Tar)),
            Packing::Gzip => Ok((path.clone(), Format::Gzip)),
            Packing::Zstd => {
                Err(Unread::Kind("it has a layer that is packed with zstd, which this version cannot read".to_owned()))
            }
        };
        let layers: Vec<_> = self.layers.iter().map(layer).collect::<Result<_, _>>()?;
        archive::layers(&layers, wanted, into, bounds)
    }
}
