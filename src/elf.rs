//! What a program of the ELF format says of itself: where in it a byte stands, and what it needs to start.
//!
//! Invariants: only headers are read, wherever a file says that they lie; what makes no sense is no program.
//! Source: System V ABI, chapters 4 and 5 (<https://gabi.xinuos.com/elf/03-sheader.html>).

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

/// The most sections, or segments, that are looked through.
const MOST: u64 = 4096;

/// The longest path of a dynamic linker, as the kernel takes it.
const LONGEST_PATH: usize = 4096;

/// Part of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Section {
    /// Where it ends.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }

    /// Whether the byte at this place of the file belongs to it.
    pub(crate) fn holds(&self, byte: u64) -> bool {
        byte >= self.offset && byte - self.offset < self.size
    }
}

/// The sections of a 64-bit little-endian program, which nearly every one is; none for anything else.
pub(crate) fn sections(path: &Path) -> Option<Vec<Section>> {
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
            let name = name::<64>(&file, names.checked_add(number(&section[..4]))?);
            // Without content of its own (SHT_NOBITS), it holds no byte of the file.
            let size = if number(&section[4..8]) == 8 { 0 } else { number(&section[32..40]) };
            Some(Section { name, offset: number(&section[24..32]), size })
        })
        .collect()
}

/// The dynamic linker that starts this little-endian program, 32-bit or 64-bit, by the path that it names; none if it starts
/// by itself, or is no program.
pub(crate) fn linker(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let header: [u8; 64] = bytes(&file, 0).ok()?;
    let (table, size, count) = match header[..6] {
        [0x7f, b'E', b'L', b'F', 2, 1] => (number(&header[32..40]), number(&header[54..56]), number(&header[56..58])),
        [0x7f, b'E', b'L', b'F', 1, 1] => (number(&header[28..32]), number(&header[42..44]), number(&header[44..46])),
        _ => return None,
    };
    let segment = |index: u64| match size {
        56 => bytes::<56>(&file, table.checked_add(index * 56)?).ok().map(|raw| (number(&raw[..4]), number(&raw[8..16]))),
        32 => bytes::<32>(&file, table.checked_add(index * 32)?).ok().map(|raw| (number(&raw[..4]), number(&raw[4..8]))),
        _ => None,
    };
    // PT_INTERP
    let (_, at) = (0..count.min(MOST)).map_while(segment).find(|(kind, _)| *kind == 3)?;
    let linker = name::<LONGEST_PATH>(&file, at);
    (!linker.is_empty()).then_some(linker)
}

fn bytes<const N: usize>(file: &File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at).map(|()| bytes)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn name<const MOST: usize>(file: &File, at: u64) -> String {
    let mut bytes = [0; MOST];
    let n = file.read_at(&mut bytes, at).unwrap_or(0);
    String::from_utf8_lossy(bytes[..n].split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with one segment of this kind, which names this linker; cut off after so many bytes.
    fn program(class: u8, kind: u8, most: usize) -> tempfile::NamedTempFile {
        let mut bytes = vec![0; 256];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
        // Where the table begins, how long an entry is, how many there are, and where the path lies.
        let (table, size, count, path) = if class == 2 { (32, 54, 56, 8) } else { (28, 42, 44, 4) };
        (bytes[table], bytes[size], bytes[count]) = (64, if class == 2 { 56 } else { 32 }, 1);
        (bytes[64], bytes[64 + path]) = (kind, 200);
        bytes[200..210].copy_from_slice(b"/lib/ld.so");
        bytes.truncate(most);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn a_program_names_the_linker_that_starts_it_if_it_needs_one() {
        for class in [1, 2] {
            assert_eq!(linker(program(class, 3, 256).path()).as_deref(), Some("/lib/ld.so"));
            assert_eq!(linker(program(class, 1, 256).path()), None);
            for most in [0, 5, 6, 63, 64, 80, 200] {
                assert_eq!(linker(program(class, 3, most).path()), None, "{class} {most}");
            }
        }
        assert_eq!(linker(program(3, 3, 256).path()), None);
        // Of the tests themselves it is known.
        assert!(linker(&std::env::current_exe().unwrap()).is_some_and(|linker| linker.starts_with('/')));
    }
}
