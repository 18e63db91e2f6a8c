//! The module `report`.
