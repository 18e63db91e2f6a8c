//! Archives as release pages have them.

use std::io::{Cursor, Write as _};

/// What the project of these tests builds: see `support::project`.
pub(crate) const TOOL: &[u8] = b"#!/bin/sh\necho tool 1.2.3\n";

/// Files with their names, contents and modes.
pub(crate) type Files<'f> = &'f [(&'f str, &'f [u8], u32)];

pub(crate) fn tar(files: Files<'_>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::GzBuilder::new().mtime(7).write(Vec::new(), flate2::Compression::new(6));
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn zip(files: Files<'_>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, mode) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
