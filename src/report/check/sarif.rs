//! SARIF 2.1.0, as GitHub's code scanning and others take it.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::{clean, elsewhere, fingerprints, pretty};
use crate::audit::{Finding, RULES, Report, Rule, Severity, Spot};

/// What may not stand in the path of a URI.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}').add(b'%').add(b':');

pub(super) fn render(report: &Report) -> String {
    let suppressed: Vec<Finding> = report.suppressed.iter().map(|suppressed| suppressed.finding.clone()).collect();
    let mut results: Vec<Value> = report.findings.iter().zip(fingerprints(&report.findings)).map(result).collect();
    for ((finding, print), suppressed) in suppressed.iter().zip(fingerprints(&suppressed)).zip(&report.suppressed) {
        let mut value = result((finding, print));
        let kind = if suppressed.by_plan { "external" } else { "inSource" };
        value["suppressions"] = json!([{ "kind": kind, "justification": clean(&suppressed.reason) }]);
        results.push(value);
    }
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "canship",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn level(severity: Severity) -> &'static str {
    severity.name()
}

fn descriptor(rule: &Rule) -> Value {
    let help = format!("Detects: {}\n\nMisses: {}\n\nWhy: {}\n\nWhat to do: {}", rule.detects, rule.misses, rule.why, rule.advice);
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.why },
        "help": { "text": help, "markdown": help },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn result((finding, print): (&Finding, String)) -> Value {
    let doubt = finding.doubt.as_deref().map(|doubt| format!(" (not certain: {})", clean(doubt))).unwrap_or_default();
    let text = format!("{}{doubt}. {}", clean(&finding.message), clean(&finding.advice));
    let related = elsewhere(finding).into_iter().enumerate().map(|(number, (spot, what))| {
        let mut value = location(spot);
        value["id"] = json!(number + 1);
        value["message"] = json!({ "text": clean(what) });
        value
    });
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule.id),
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [location(&finding.spot)],
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": { "canship/v1": print },
    })
}

fn location(spot: &Spot) -> Value {
    let end = usize::try_from(spot.at.column).unwrap_or(1).saturating_add(spot.length);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": utf8_percent_encode(&clean(&spot.at.file), PATH).to_string() },
        "region": { "startLine": spot.at.line, "startColumn": spot.at.column, "endColumn": end },
    } })
}
