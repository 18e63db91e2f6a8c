//! `canship completions` and `canship man`: made from the arguments, so that they cannot drift.

use clap::CommandFactory as _;

use super::{
    Failure,
    arguments::{Arguments, CompletionsOptions},
    output,
};
use crate::record::Exit;

pub(super) fn completions(options: CompletionsOptions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "canship", &mut script);
    output::result(&String::from_utf8_lossy(&script))
}

pub(super) fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command())
        .render(&mut page)
        .map_err(|reason| Failure::failed("the manual page could not be made", &reason))?;
    output::result(&String::from_utf8_lossy(&page))
}
