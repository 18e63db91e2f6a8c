//! `canship init`: a first plan from what the repository's own pipelines say.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use super::{Failure, arguments::InitOptions, check::PLAN, output};
use crate::{
    draft::{self, Sheet},
    pipeline::{self, Pipeline, Topic},
    plan,
    record::{Exit, Text, shell_word},
};

pub(super) fn run(options: &InitOptions) -> Result<Exit, Failure> {
    if !options.folder.is_dir() {
        let name = options.folder.display();
        return Err(Failure::invalid(format!("`{name}` is no folder")).advise("name the root of a repository"));
    }
    let file = options.plan.clone().unwrap_or_else(|| options.folder.join(PLAN));
    if !options.force && fs::symlink_metadata(&file).is_ok() {
        return Err(there(&file));
    }
    let pipeline = pipeline::read(&options.folder);
    let mut answers = BTreeMap::new();
    let mut sheet = draft::draft(&options.folder, &pipeline, &answers);
    if !options.yes {
        output::warn(&summary(&pipeline));
        if io::stdin().is_terminal() && output::is_watched() {
            answers = ask(&sheet, |answers| draft::draft(&options.folder, &pipeline, answers));
            sheet = draft::draft(&options.folder, &pipeline, &answers);
        }
    }
    let text = sheet.text();
    // What is written must be a plan, or nothing is.
    plan::parse(&text, PLAN)
        .map_err(|invalid| Failure::failed("nothing was written: what the pipelines say could not be made a plan", &invalid))?;
    write(&file, &text, options.force)?;
    if options.yes {
        return Ok(Exit::CanShip);
    }
    let name = file.display();
    let questions = match sheet.open() {
        0 => String::new(),
        1 => "; one QUESTION in it is for you".to_owned(),
        open => format!("; {open} QUESTIONs in it are for you"),
    };
    let (of_plan, of_check) = named(&file, options);
    output::result(&format!(
        "{} is written{questions}.\nNext: canship plan{of_plan} (what it means) · canship check{of_check} (where it and the pipelines come apart) · canship drill{of_plan}\n",
        Text::new(&name.to_string()).one_line()
    ))
}

/// What `canship plan` and `canship check` must be told where the plan lies at no place that they look for it.
fn named(file: &Path, options: &InitOptions) -> (String, String) {
    let word = |path: &Path| shell_word(&Text::new(&path.to_string_lossy()).one_line()).into_owned();
    let is_here = |path: &Path, usual: &Path| {
        let [path, usual] = [path, usual].map(|path| fs::canonicalize(path).ok());
        path.is_some() && path == usual
    };
    let option = || format!(" --plan {}", word(file));
    let of_plan = if is_here(file, Path::new(PLAN)) { String::new() } else { option() };
    let folder = if is_here(&options.folder, Path::new(".")) { String::new() } else { format!(" {}", word(&options.folder)) };
    let of_check = if is_here(file, &options.folder.join(PLAN)) { folder } else { folder + &option() };
    (of_plan, of_check)
}

fn there(file: &Path) -> Failure {
    Failure::invalid(format!("`{}` is there already; nothing was changed", file.display()))
        .advise("`canship check` says where it and the pipelines come apart; `--force` writes over it")
}

/// What was found, in a few lines.
fn summary(pipeline: &Pipeline) -> String {
    if pipeline.releases.is_empty() {
        return "No pipeline here makes a release, as far as the files say: the plan is mostly questions.".to_owned();
    }
    let mut lines = Vec::new();
    for release in &pipeline.releases {
        lines.push(format!("found {}", Text::new(&release.file).one_line()));
    }
    for (topic, title) in [
        (Topic::PublishTargets, "lands at"),
        (Topic::Registries, "registries"),
        (Topic::Secrets, "secrets"),
        (Topic::Environments, "waits at"),
    ] {
        let all = pipeline.facts.of(topic).filter(|(_, sites)| sites.iter().any(|site| site.on_path));
        let values: Vec<String> = all.map(|(value, _)| Text::brief(value).as_str().to_owned()).collect();
        if !values.is_empty() {
            lines.push(format!("  {title}: {}", values.join(", ")));
        }
    }
    let open = pipeline.open.len();
    if open > 0 {
        lines.push(format!("  left open by the files: {open}; `canship pipeline` lists them"));
    }
    lines.join("\n")
}

/// How often one question is asked where an answer fits no plan.
const ASKED: usize = 3;

/// Asks a person what only a person knows; an empty answer takes what is usual, one that fits no plan is asked for again.
fn ask(sheet: &Sheet, drafted: impl Fn(&BTreeMap<String, String>) -> Sheet) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for question in sheet.asked() {
        let usual =
            question.usual.as_deref().map_or_else(|| "leave it open".to_owned(), |usual| Text::brief(usual).as_str().to_owned());
        for _ in 0..ASKED {
            output::prompt(&format!("{} [{usual}] ", question.text));
            let mut line = Vec::new();
            match io::stdin().lock().read_until(b'\n', &mut line) {
                Ok(read) if read > 0 => {}
                // Nobody is there any more: what is left stays open.
                _ => {
                    output::warn("");
                    return answers;
                }
            }
            let said = Text::from_bytes(&line).one_line();
            // Who takes what is usual has answered too.
            let Some(answer) = Some(said).filter(|said| !said.is_empty()).or_else(|| question.usual.clone()) else { break };
            answers.insert(question.key.clone(), answer);
            let Some(reason) = drafted(&answers).refused().first().cloned() else { break };
            output::warn(&format!("that fits no plan: {}", Text::new(&reason).one_line()));
            answers.remove(&question.key);
        }
    }
    answers
}

/// Writes the plan whole or not at all; over one that is there only if that is wanted.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |reason: io::Error| Failure::failed(format!("`{}` could not be written", file.display()), &reason);
    if force {
        // A link is followed: it stays one, and what it leads to is replaced.
        let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
        let folder =
            real.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
        readable(new.as_file()).map_err(failed)?;
        return new.persist(&real).map(drop).map_err(|error| failed(error.error));
    }
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let mut new =
        opened.map_err(|reason| if reason.kind() == io::ErrorKind::AlreadyExists { there(file) } else { failed(reason) })?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).map_err(|reason| {
        // Half a plan is worse than none.
        drop(fs::remove_file(file));
        failed(reason)
    })
}

/// As readable as any new file; a temporary one is its owner's alone.
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
