//! How canship reaches servers: whom it trusts, and what is wrong with a certificate it was shown.
//!
//! Invariants: there is one TLS stack with one provider, and every connection of canship's own is verified by
//! [`Trust`]; a private authority is added to the system's, never put in their place; nothing of a certificate is shown
//! before it was made harmless.

mod certificate;
mod fault;
mod trust;
mod verifier;

pub use certificate::Certificate;
pub use fault::{CertificateFault, Wrong, certificate_fault};
pub use trust::Trust;

#[cfg(test)]
mod tests;
