//! How much may be read of what somebody else has made.

use std::io::{self, Read};

use tokio_util::sync::CancellationToken;

/// Bounds of one comparison. Clones share them.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes that may come, and as many again that may come out of what is packed.
    pub bytes: u64,
    /// Cancelled when nobody waits for the result any more: threads that read then end.
    pub stop: CancellationToken,
}

impl Bounds {
    /// Passes on what `inner` gives, but no more than may come.
    pub(super) fn over<R: Read>(&self, inner: R) -> Bounded<R> {
        Bounded { inner, left: self.bytes, bounds: self.clone() }
    }

    /// An error once nobody waits any more.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.stop.is_cancelled() { Err(io::Error::other("the comparison was given up")) } else { Ok(()) }
    }
}

/// A reader that ends with an error where it has given all that may come.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
    bounds: Bounds,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bounds.check()?;
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::other(format!("it holds more than the {} bytes that are read of it", self.bounds.bytes)));
            }
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_endless_ends_at_the_bound() {
        let bounds = Bounds { bytes: 100_000, stop: CancellationToken::new() };
        let read = io::copy(&mut bounds.over(io::repeat(0)), &mut io::sink());
        assert!(read.unwrap_err().to_string().contains("100000 bytes"));
        assert_eq!(io::copy(&mut bounds.over(&vec![0; 100_000][..]), &mut io::sink()).unwrap(), 100_000);
    }

    #[test]
    fn nothing_is_read_for_nobody() {
        let bounds = Bounds { bytes: 10, stop: CancellationToken::new() };
        bounds.stop.cancel();
        assert!(bounds.over(&[0; 1][..]).read(&mut [0]).is_err());
    }
}
