//! One list of tests for all engines. Apart from the rest: not every group of tests has such a list.

/// Makes a test on each engine of each of these functions: `run_on` gets the engine and the function.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod docker { $(#[test] fn $name() { super::run_on(super::On::Docker, super::$name); })* }
        mod podman { $(#[test] fn $name() { super::run_on(super::On::Podman, super::$name); })* }
        mod rootless_podman { $(#[test] fn $name() { super::run_on(super::On::RootlessPodman, super::$name); })* }
    };
}

pub(crate) use on_each_engine;
