//! The rules, one a file.

mod announced_early;
mod build_differs;
mod environment_not_covered;
mod failure_ignored;
mod file_not_read;
mod forge_refuses;
mod image_differs;
mod image_not_pinned;
mod images_one_registry;
mod no_recover;
mod no_release_found;
mod no_spare;
mod not_pinned;
mod oidc_only;
mod one_approver;
mod one_runner;
mod plan_unfinished;
mod registry_not_covered;
mod registry_unknown;
mod runner_os_not_covered;
mod runner_version_pinned;
mod schedule_expires;
mod secret_not_covered;
mod secret_other_name;
mod skipped_green;
mod spare_same_control_plane;
mod suppression;
mod tag_not_atomic;
mod target_not_covered;
mod third_party_code;
mod version_not_found;

pub(super) use suppression::RULE as SUPPRESSION;

use super::Rule;

/// Every rule, by its id.
pub static RULES: &[&Rule] = &[
    &announced_early::RULE,
    &build_differs::RULE,
    &environment_not_covered::RULE,
    &failure_ignored::RULE,
    &file_not_read::RULE,
    &forge_refuses::RULE,
    &image_differs::RULE,
    &image_not_pinned::RULE,
    &images_one_registry::RULE,
    &no_recover::RULE,
    &no_release_found::RULE,
    &no_spare::RULE,
    &not_pinned::RULE,
    &oidc_only::RULE,
    &one_approver::RULE,
    &one_runner::RULE,
    &plan_unfinished::RULE,
    &registry_not_covered::RULE,
    &registry_unknown::RULE,
    &runner_os_not_covered::RULE,
    &runner_version_pinned::RULE,
    &schedule_expires::RULE,
    &secret_not_covered::RULE,
    &secret_other_name::RULE,
    &skipped_green::RULE,
    &spare_same_control_plane::RULE,
    &suppression::RULE,
    &tag_not_atomic::RULE,
    &target_not_covered::RULE,
    &third_party_code::RULE,
    &version_not_found::RULE,
];

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn every_rule_says_what_it_is_and_the_ids_are_sorted_and_unique() {
        let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        for rule in RULES {
            for text in [rule.title, rule.detects, rule.misses, rule.why, rule.advice] {
                assert!(text.len() > 15 && text.len() < 600, "{}: {text}", rule.id);
            }
        }
    }
}
