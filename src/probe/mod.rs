//! The module `probe`.
