//! `canship explain`: what a rule of `canship check` looks for, and why; what a finding of a drill means.

use super::{Failure, arguments::ExplainOptions, output};
use crate::{
    audit::{self, RULES},
    record::{Exit, Rule, Text},
    report::{render_check_rule, render_drill_rule, render_rules},
};

pub(super) fn run(options: &ExplainOptions) -> Result<Exit, Failure> {
    let Some(id) = &options.rule else { return output::result(&render_rules()) };
    if let Some(rule) = audit::rule(id) {
        return output::result(&render_check_rule(rule));
    }
    if let Some(rule) = Rule::ALL.iter().find(|rule| rule.id() == id) {
        return output::result(&render_drill_rule(*rule));
    }
    let alike = |known: &&str| strsim::jaro_winkler(known, id);
    let known = RULES.iter().map(|rule| rule.id).chain(Rule::ALL.iter().map(|rule| rule.id()));
    let nearest = known.max_by(|a, b| alike(a).total_cmp(&alike(b))).unwrap_or_default();
    let id = Text::brief(id);
    Err(Failure::invalid(format!("there is no rule `{id}`"))
        .advise(format!("did you mean `{nearest}`? `canship explain` lists all rules")))
}
