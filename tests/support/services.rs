//! The real services that `ci/up` starts. A test that needs them fails loudly without them.

use std::env;

/// Where the services are.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub(crate) image: String,
    pub(crate) open: String,
    pub(crate) basic: String,
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) reader: String,
    pub(crate) reader_password: String,
}

impl Services {
    pub(crate) fn get() -> Self {
        Self {
            image: service("CANSHIP_TEST_TINY_IMAGE"),
            open: service("CANSHIP_TEST_REGISTRY_OPEN"),
            basic: service("CANSHIP_TEST_REGISTRY_BASIC"),
            token: service("CANSHIP_TEST_REGISTRY_TOKEN"),
            user: service("CANSHIP_TEST_REGISTRY_USER"),
            password: service("CANSHIP_TEST_REGISTRY_PASSWORD"),
            reader: service("CANSHIP_TEST_REGISTRY_READER_USER"),
            reader_password: service("CANSHIP_TEST_REGISTRY_READER_PASSWORD"),
        }
    }
}

pub(crate) fn service(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this test needs real services; run ci/test, or `ci/up` and `. target/ci/env` before cargo test")
    })
}
