//! `canship completions` and `canship man`: made from the arguments, so that they cannot drift.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::{
    Failure,
    arguments::{AFTER_HELP, Arguments, CompletionsOptions},
    environment::{VARIABLES, Variable},
    output,
};
use crate::record::Exit;

pub(super) fn completions(options: CompletionsOptions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "canship", &mut script);
    output::result(&String::from_utf8_lossy(&script))
}

pub(super) fn man() -> Result<Exit, Failure> {
    let page = page().map_err(|reason| Failure::failed("the manual page could not be made", &reason))?;
    output::result(&page)
}

/// One page for all commands: pages of their own would have to be installed with it to be found.
fn page() -> io::Result<String> {
    let mut command = Arguments::command();
    command.build();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    for command in command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let man = Man::new(command.clone());
        writeln!(page, ".SS {}", part(|page| man.render_synopsis_section(page))?)?;
        writeln!(page, "{}", part(|page| man.render_description_section(page))?)?;
        writeln!(page, "{}", part(|page| man.render_options_section(page))?)?;
    }
    page.extend_from_slice(b".SH EXIT STATUS\n");
    for (code, meaning) in exit_codes() {
        write_entry(&mut page, code, meaning)?;
    }
    page.extend_from_slice(b".SH ENVIRONMENT\n");
    for Variable { name, purpose } in VARIABLES {
        write_entry(&mut page, name, purpose)?;
    }
    man.render_version_section(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The codes as the help has them.
fn exit_codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let line = AFTER_HELP.lines().next().unwrap_or_default();
    let entries = line.split_once(": ").map_or(line, |(_, entries)| entries).split(" · ");
    entries.filter_map(|entry| Some(entry.split_at(entry.find(char::is_alphabetic)?))).map(|(code, meaning)| (code.trim(), meaning))
}

/// A term and what it means.
fn write_entry(page: &mut Vec<u8>, term: &str, meaning: &str) -> io::Result<()> {
    writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(meaning))
}

/// Text that roff takes for nothing else.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq")
}

/// A section without its heading, as part of another.
fn part(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<String> {
    let mut section = Vec::new();
    render(&mut section)?;
    let section = String::from_utf8_lossy(&section);
    // The lines before the heading define characters, which the page's title has done.
    Ok(section.lines().skip_while(|line| !line.starts_with(".SH")).skip(1).collect::<Vec<_>>().join("\n"))
}
