//! The arguments of every command. Types of the domain know nothing of them; each command translates its own.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser as _},
};

use crate::record::Nonce;

/// Can we still ship? Proves that a team can release a hotfix when its usual CI path is gone.
#[derive(Debug, Parser)]
#[command(name = "canship", version, about, long_about = None, after_help = AFTER_HELP, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Behind the heading and before an empty line: code and meaning, one after the other.
pub(super) const AFTER_HELP: &str = "\
Exit codes: 0 can ship · 1 canship itself failed · 2 invalid command line or plan · 10 cannot ship, or a finding at the gate · \
11 degraded; `clean`: leftovers remain · \
20 unknown · 30 the primary path may still be cut · 130, 143 interrupted, everything was given back or is listed

Start with `canship demo`, then `canship init` in a repository of yours, and `canship drill`.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Ship from a spare path under the drill's own name: build, tag, push, pull back, verify, clean up, and say whether it can ship
    Drill(DrillOptions),
    /// Remove what drills that were killed have left: on engines, at registries and git servers, and on this machine
    Clean(CleanOptions),
    /// Give back what drills that are dead have cut: by their journals here, and by the lease at the forge
    Recover(RecoverOptions),
    /// What gives back when a drill dies; started by it
    #[command(hide = true)]
    Watchdog,
    /// Print the plan with every default and where each value comes from
    Plan(PlanOptions),
    /// Show the build path of a release, as the repository's own GitHub workflows and GitLab CI files say it
    Pipeline(PipelineOptions),
    /// Write a first plan from what the repository's own pipelines say, with where each line comes from
    Init(InitOptions),
    /// Say where plan and pipelines have come apart, and what would stop a release by a spare: static, without a network
    Check(CheckOptions),
    /// Explain a rule: what `check` detects and misses with it, why, and what to do; what a finding of a drill means
    Explain(ExplainOptions),
    /// Render the report of an earlier drill from its event log
    Report(ReportOptions),
    /// Say what the drills on record come to today: the last answer, how old it is, and how times and verdicts moved
    Status(StatusOptions),
    /// Print a JSON Schema: of the plan, of the JSON report, of `status`, of `pipeline`, or of `check`
    Schema(SchemaOptions),
    /// Make a small project with a mirror and a registry, and drill it
    Demo(DemoOptions),
    /// Print a completion script for a shell
    Completions(CompletionsOptions),
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(super) struct DrillOptions {
    #[command(flatten)]
    pub(super) plan: PlanFile,
    /// The spare to drill; without it the plan's first
    #[arg(long, value_name = "NAME")]
    pub(super) spare: Option<String>,
    /// Build once more in a second fresh room, and say whether the build is reproducible
    #[arg(long)]
    pub(super) twice: bool,
    /// Read no credential that can push: builds and runs, and says what that does not prove; the answer is never yes
    #[arg(long)]
    pub(super) rehearse: bool,
    /// Drill for a drill elsewhere that gave this nonce: what is pushed stays for that one to read back and delete
    #[arg(long, value_name = "NONCE", conflicts_with_all = ["rehearse", "cut", "twice"])]
    pub(super) nonce: Option<Nonce>,
    #[command(flatten)]
    pub(super) cut: CutOptions,
    #[command(flatten)]
    pub(super) outputs: Outputs,
}

#[derive(Debug, Args)]
pub(super) struct CutOptions {
    /// Take the primary path away for real while the drill ships, and give it back; asks on a terminal the first time
    #[arg(long, conflicts_with = "rehearse")]
    pub(super) cut: bool,
    /// With --cut: only prove that the primary path could be cut and given back; changes nothing
    #[arg(long, requires = "cut")]
    pub(super) dry_run: bool,
    /// With --cut: do not ask on a terminal
    #[arg(long, requires = "cut")]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct RecoverOptions {
    #[command(flatten)]
    pub(super) plan: PlanFile,
    /// Without a plan: the repository on GitHub, `owner/name`; the token comes from `CANSHIP_TOKEN`
    #[arg(long, value_name = "REPOSITORY", conflicts_with_all = ["plan", "gitlab"])]
    pub(super) github: Option<String>,
    /// Without a plan: the project on GitLab, `group/name`; the token comes from `CANSHIP_TOKEN`
    #[arg(long, value_name = "PROJECT", conflicts_with = "plan")]
    pub(super) gitlab: Option<String>,
    /// Without a plan: the forge's address, if it is not the public one
    #[arg(long, value_name = "URL", conflicts_with = "plan")]
    pub(super) url: Option<url::Url>,
    /// The drill that holds the lease is dead: do not wait until it runs out
    #[arg(long)]
    pub(super) now: bool,
}

#[derive(Debug, Args)]
pub(super) struct CleanOptions {
    #[command(flatten)]
    pub(super) plan: PlanFile,
    /// Only tell what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(super) format: PlanFormat,
}

#[derive(Debug, Args)]
pub(super) struct PlanFile {
    /// The plan file
    #[arg(long, value_name = "FILE", default_value = "canship.yaml")]
    pub(super) plan: PathBuf,
}

/// What a drill tells and where.
#[derive(Clone, Debug, Args)]
pub(super) struct Outputs {
    /// The weakest verdict that exits with 0
    #[arg(long, value_name = "VERDICT", value_enum, default_value_t = Accept::CanShip)]
    pub(super) accept: Accept,
    /// Write the event log, as it happens, one JSON object a line
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(written_file))]
    pub(super) events: Option<PathBuf>,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(written_file))]
    pub(super) json: Option<PathBuf>,
    /// Write the report as Markdown
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(written_file))]
    pub(super) markdown: Option<PathBuf>,
    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(written_file))]
    pub(super) junit: Option<PathBuf>,
    /// Print the final report only
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// A file that is written: `-` would be one of that name.
fn written_file(name: OsString) -> Result<PathBuf, &'static str> {
    if name == "-" {
        return Err("standard output has the report as text: name a file, and make other forms of it by `canship report`");
    }
    Ok(name.into())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Accept {
    /// Only a full yes
    CanShip,
    /// Also a yes with named gaps
    Degraded,
}

#[derive(Debug, Args)]
pub(super) struct PlanOptions {
    #[command(flatten)]
    pub(super) plan: PlanFile,
    /// How to print it
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(super) format: PlanFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PlanFormat {
    /// Lines for people
    Text,
    /// JSON, for programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct PipelineOptions {
    /// The root of the repository
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) folder: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t = PipelineForm::Text)]
    pub(super) format: PipelineForm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PipelineForm {
    /// Lines for people
    Text,
    /// Versioned JSON
    Json,
    /// The picture of the path for Graphviz
    Dot,
    /// The picture of the path for Mermaid
    Mermaid,
}

#[derive(Debug, Args)]
pub(super) struct InitOptions {
    /// The root of the repository
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) folder: PathBuf,
    /// The plan to write; without it `canship.yaml` in that folder
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// Write over a plan that is there
    #[arg(long)]
    pub(super) force: bool,
    /// Ask nothing and tell nothing
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// The root of the repository
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) folder: PathBuf,
    /// The plan file; without it `canship.yaml` in that folder, if it is there
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// How to tell what was found
    #[arg(long, value_enum, default_value_t = CheckForm::Text)]
    pub(super) format: CheckForm,
    /// From which severity on a finding makes this end with 10
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Gate::Error)]
    pub(super) gate: Gate,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum CheckForm {
    /// For people, with the lines shown
    Text,
    /// Versioned JSON
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// Annotations of GitHub's workflows
    Github,
    /// GitLab's report on code quality
    Gitlab,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Gate {
    /// Any finding
    Note,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
    /// No finding
    Never,
}

#[derive(Debug, Args)]
pub(super) struct ExplainOptions {
    /// The rule; without it all are listed
    #[arg(value_name = "RULE")]
    pub(super) rule: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// The event log of a drill; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) from: PathBuf,
    /// How to render it
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(super) format: ReportFormat,
    /// The weakest verdict that counts as success
    #[arg(long, value_name = "VERDICT", value_enum, default_value_t = Accept::CanShip)]
    pub(super) accept: Accept,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReportFormat {
    /// The lines a terminal ends with
    Text,
    /// Versioned JSON
    Json,
    /// Markdown, for summaries and comments
    Markdown,
    /// JUnit XML
    Junit,
}

#[derive(Debug, Args)]
pub(super) struct StatusOptions {
    #[command(flatten)]
    pub(super) plan: PlanFile,
    /// The spare to look at; without it all of the plan's, and the best one is the answer
    #[arg(long, value_name = "NAME")]
    pub(super) spare: Option<String>,
    /// How old a proof may be, as in `30d`; an older one, or none, ends with 20
    #[arg(long, value_name = "AGE", value_parser = crate::plan::parse_duration)]
    pub(super) max_age: Option<Duration>,
    /// Count no drill of another plan: the file as it is today is what must have been drilled
    #[arg(long)]
    pub(super) same_plan: bool,
    /// The weakest verdict that exits with 0
    #[arg(long, value_name = "VERDICT", value_enum, default_value_t = Accept::CanShip)]
    pub(super) accept: Accept,
    /// How to print it
    #[arg(long, value_enum, default_value_t = StatusFormat::Text)]
    pub(super) format: StatusFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum StatusFormat {
    /// Lines for people, with a chart
    Text,
    /// Versioned JSON
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct SchemaOptions {
    /// Of what
    #[arg(value_enum, default_value_t = SchemaOf::Plan)]
    pub(super) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SchemaOf {
    /// canship.yaml
    Plan,
    /// The JSON report
    Record,
    /// What `status` prints as JSON
    Status,
    /// What `pipeline` prints as JSON
    Pipeline,
    /// What `check` prints as JSON
    Check,
}

#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// The folder to make the demo in: new or empty; without it a new one below the system's folder for temporary files
    #[arg(value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,
    /// Break something, to see what a no looks like
    #[arg(long = "break", value_name = "WHAT", value_enum)]
    pub(super) breaks: Option<Break>,
    /// The image of the clean room; without it a well-known one, if the engine has any
    #[arg(long, value_name = "IMAGE", conflicts_with = "host")]
    pub(super) image: Option<String>,
    /// Build on this machine, even if there is an engine
    #[arg(long)]
    pub(super) host: bool,
    #[command(flatten)]
    pub(super) outputs: Outputs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Break {
    /// The login may not push
    Registry,
    /// The password is missing
    Secret,
    /// A build step fails
    Build,
    /// The mirror refuses the tag
    Tag,
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct CompletionsOptions {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}
