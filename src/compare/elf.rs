//! Where in a program of the ELF format a byte stands.
//! Source: System V ABI, chapter 4 (<https://gabi.xinuos.com/elf/03-sheader.html>).

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

/// The most sections that are looked through.
const MOST: u64 = 4096;

/// Part of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Section {
    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Whether the byte at this place of the file belongs to it.
    pub(super) fn holds(&self, byte: u64) -> bool {
        byte >= self.offset && byte - self.offset < self.size
    }
}

/// The sections of a 64-bit little-endian program, which nearly every one is; none for anything else.
pub(super) fn sections(path: &Path) -> Option<Vec<Section>> {
    let file = File::open(path).ok()?;
    let header: [u8; 64] = bytes(&file, 0).ok()?;
    if header[..6] != [0x7f, b'E', b'L', b'F', 2, 1] {
        return None;
    }
    let (table, size) = (number(&header[40..48]), number(&header[58..60]));
    let (count, names) = (number(&header[60..62]), number(&header[62..64]));
    if size != 64 || count > MOST {
        return None;
    }
    let raw = |index: u64| bytes::<64>(&file, table.checked_add(index.checked_mul(64)?)?).ok();
    let names = number(&raw(names)?[24..32]);
    (0..count)
        .map(|index| {
            let section = raw(index)?;
            let name = name(&file, names.checked_add(number(&section[..4]))?);
            // Without content of its own (SHT_NOBITS), it holds no byte of the file.
            let size = if number(&section[4..8]) == 8 { 0 } else { number(&section[32..40]) };
            Some(Section { name, offset: number(&section[24..32]), size })
        })
        .collect()
}

fn bytes<const N: usize>(file: &File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at).map(|()| bytes)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn name(file: &File, at: u64) -> String {
    let mut bytes = [0; 64];
    let n = file.read_at(&mut bytes, at).unwrap_or(0);
    String::from_utf8_lossy(bytes[..n].split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
