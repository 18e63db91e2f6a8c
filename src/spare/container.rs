//! A clean room on a container engine.
