//! What a file is packed in, as its first bytes say; its name says nothing.

/// A way to pack files, or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tar archive.
    Tar,
    /// Bytes compressed by gzip: a tar archive most of the time.
    Gzip,
    /// A zip archive, whatever it calls itself: also `.whl`, `.jar`, `.nupkg`.
    Zip,
    /// One that nothing here opens.
    Other(&'static str),
}

/// Packings that are known by sight only. Sources: their specifications, each by its magic number.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"LZIP", "lzip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"hsqs", "squashfs"),
    (b"\xed\xab\xee\xdb", "rpm"),
    (b"!<arch>\ndebian-binary", "deb"),
];

impl Format {
    /// The first bytes that it takes to know.
    pub const START: usize = 512;

    /// What the first bytes of a file say; none if it is not packed.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Self::Zip),
            start if start.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            start => OTHERS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| Self::Other(name)),
        }
    }
}
