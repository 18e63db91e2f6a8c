//! The path of a release as a picture: what starts it, the jobs it passes through, where it lands.
//!
//! Jobs for which nothing waits that is published are left out, and counted; so are arrows that others say already. Names from
//! files are in labels only, escaped as each format asks for; the structure has names of our own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::short;
use crate::pipeline::{Job, Pipeline, ReleaseWorkflow, Sure};

/// The most characters of a label.
const LABEL: usize = 48;
/// The most jobs of a workflow in which arrows are left out.
const REDUCED: usize = 300;

/// A picture before it has a format.
#[derive(Default)]
struct Picture {
    groups: Vec<Group>,
    targets: BTreeMap<String, String>,
    arrows: Vec<(String, String, Line)>,
}

struct Group {
    title: String,
    start: (String, String),
    jobs: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Sure,
    /// Another file decides.
    Open,
}

fn draw(pipeline: &Pipeline) -> Picture {
    let mut picture = Picture::default();
    for (number, release) in pipeline.releases.iter().enumerate() {
        group(&mut picture, number, release);
    }
    picture
}

fn group(picture: &mut Picture, number: usize, release: &ReleaseWorkflow) {
    let path: Vec<&Job> = release.jobs.iter().filter(|job| job.on_release_path).collect();
    let name = |at: usize| format!("w{number}j{at}");
    let start = format!("w{number}");
    let events: Vec<String> = release.triggers.iter().map(|trigger| short(&trigger.event, LABEL)).collect();
    let numbers: BTreeMap<&str, usize> = path.iter().enumerate().map(|(at, job)| (job.id.as_str(), at)).collect();
    let needs = |at: usize| -> Vec<usize> {
        path.get(at).into_iter().flat_map(|job| &job.needs).filter_map(|need| numbers.get(need.as_str()).copied()).collect()
    };
    // Of a picture that large nobody reads single arrows.
    let waits_for: Vec<BTreeSet<usize>> =
        if path.len() <= REDUCED { (0..path.len()).map(|at| before(at, needs)).collect() } else { Vec::new() };
    let mut jobs = Vec::new();
    for (at, job) in path.iter().enumerate() {
        jobs.push((name(at), short(&job.id, LABEL)));
        let needs = needs(at);
        for need in needs.iter().filter(|need| !is_implied(**need, &needs, &waits_for)) {
            picture.arrows.push((name(*need), name(at), Line::Sure));
        }
        if needs.is_empty() {
            picture.arrows.push((start.clone(), name(at), Line::Sure));
        }
        for (target, sure) in &job.publishes {
            let next = format!("t{}", picture.targets.len());
            let node = picture.targets.entry(target.clone()).or_insert(next).clone();
            let line = if matches!(sure, Sure::Read | Sure::Computed) { Line::Sure } else { Line::Open };
            picture.arrows.push((name(at), node, line));
        }
    }
    let others = release.jobs.len() - path.len();
    let rest = if others > 0 { format!(" (and {others} other jobs)") } else { String::new() };
    let title = format!("{}{rest}", short(&release.file, LABEL * 2));
    picture.groups.push(Group { title, start: (start, short(&events.join(", "), LABEL)), jobs });
}

/// All jobs that one waits for, over whatever others.
fn before(at: usize, needs: impl Fn(usize) -> Vec<usize>) -> BTreeSet<usize> {
    let (mut found, mut open) = (BTreeSet::new(), needs(at));
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(needs(next));
        }
    }
    found
}

/// Whether a job that waits for all of these would wait for this one anyway; in a circle each is as good as the other.
fn is_implied(need: usize, needs: &[usize], waits_for: &[BTreeSet<usize>]) -> bool {
    let waits = |one: usize, other: usize| waits_for.get(one).is_some_and(|before| before.contains(&other));
    needs.iter().any(|other| *other != need && waits(*other, need) && !waits(need, *other))
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written = writeln!(out, "{text}");
}

pub(super) fn dot(pipeline: &Pipeline) -> String {
    let picture = draw(pipeline);
    let label = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = String::from("digraph release {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (number, group) in picture.groups.iter().enumerate() {
        line(&mut out, format_args!("  subgraph cluster_{number} {{\n    label={};", label(&group.title)));
        line(&mut out, format_args!("    {} [label={}, shape=oval];", group.start.0, label(&group.start.1)));
        for (node, text) in &group.jobs {
            line(&mut out, format_args!("    {node} [label={}];", label(text)));
        }
        line(&mut out, format_args!("  }}"));
    }
    for (target, node) in &picture.targets {
        line(&mut out, format_args!("  {node} [label={}, shape=cylinder];", label(&short(target, LABEL))));
    }
    for (from, to, kind) in &picture.arrows {
        let style = if *kind == Line::Open { " [style=dashed]" } else { "" };
        line(&mut out, format_args!("  {from} -> {to}{style};"));
    }
    out + "}\n"
}

pub(super) fn mermaid(pipeline: &Pipeline) -> String {
    let picture = draw(pipeline);
    // Mermaid's own way to write any character within a label.
    let label = |text: &str| {
        let escaped: String = text
            .chars()
            .map(|c| if c.is_alphanumeric() || " .,:/-_@+…()*".contains(c) { c.to_string() } else { format!("#{};", u32::from(c)) })
            .collect();
        format!("\"{escaped}\"")
    };
    let mut out = String::from("flowchart LR\n");
    for (number, group) in picture.groups.iter().enumerate() {
        line(&mut out, format_args!("  subgraph g{number}[{}]", label(&group.title)));
        line(&mut out, format_args!("    {}([{}])", group.start.0, label(&group.start.1)));
        for (node, text) in &group.jobs {
            line(&mut out, format_args!("    {node}[{}]", label(text)));
        }
        line(&mut out, format_args!("  end"));
    }
    for (target, node) in &picture.targets {
        line(&mut out, format_args!("  {node}[({})]", label(&short(target, LABEL))));
    }
    for (from, to, kind) in &picture.arrows {
        let arrow = if *kind == Line::Open { "-.->" } else { "-->" };
        line(&mut out, format_args!("  {from} {arrow} {to}"));
    }
    out
}
