//! The module `registry`.
