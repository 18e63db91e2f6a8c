//! Archives: tar streams, written in one normal form and read with distrust; and a look into whatever is packed.
//!
//! Invariants: what [`Writer`] makes depends on nothing but the entries that are given to it, in their order (fixed
//! owner and times); [`unpack()`] never writes outside of its folder, follows no link, makes no device, and never
//! writes more than it may. Nothing here holds a whole file in memory.

mod format;
mod inside;
mod unpack;
mod writer;

pub use format::Format;
pub use inside::{Inside, Looks, look_inside, open_zip};
pub use unpack::{Look, Refused, Unpacked, unpack, unpack_source};
pub use writer::{Fill, Keep, Writer};
