//! The module `drill`.
