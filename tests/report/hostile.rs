//! Text from outside cannot take part in any view.

use canship::{
    record::{Exit, Record, Sink as _, Text, Verdict},
    report::{
        self, Colour, Format, Layout,
        terminal::{Live, Mode},
    },
};
use comrak::{Arena, Options, nodes::NodeValue, parse_document};
use proptest::prelude::*;
use quick_junit::Report;

use super::{cut::everything, live::Shared};

/// Pieces of what somebody would try, and anything at all.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "::set-env name=A::b",
        "\u{ad}:\u{fe0f}:error::",
        "\u{34f}",
        "##[error]x",
        "\n::error::",
        "\u{1b}[31m",
        "\r",
        "\n",
        "\n\n",
        " ",
        "\t",
        "|",
        "\\|",
        "\\",
        "`",
        "``",
        "```",
        "~~~",
        "<b>",
        "</details>",
        "<!--",
        "&lt;",
        "[a](https://evil.example)",
        "![a](b)",
        "[a]: https://evil.example",
        "https://evil.example",
        "www.evil.example",
        "mailto:a@evil.example",
        "a@evil.example",
        "@team",
        "#1",
        "!1",
        "GH-1",
        "# ",
        "- ",
        "* ",
        "1. ",
        "2) ",
        "> ",
        "---",
        "===",
        "***",
        "__",
        "*a*",
        "~a~",
        "]]>",
        "<![CDATA[",
        "&",
        "\"",
        "'",
        "\u{0}",
        "\u{b}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{85}",
        "\u{2028}",
        "/close",
        "    ",
        "$x$",
        "[^1]",
        "[x] ",
        ":smile:",
        "発射",
        "word",
    ]);
    prop::collection::vec(prop_oneof![4 => pieces.prop_map(str::to_owned), 1 => any::<String>()], 0..7)
        .prop_map(|p| p.concat())
        // What is empty is left out, which is another matter.
        .prop_filter("empty", |text| !Text::new(text).is_empty())
}

fn record(text: &str) -> Record {
    Record::fold(everything(text).events).unwrap()
}

fn assert_harmless_lines(out: &str) {
    for line in out.lines() {
        // GitHub's runner passes over white space and characters that show nothing.
        let shown: String = line.chars().filter(|c| !matches!(c, '\u{ad}' | '\u{fe0f}' | '\u{34f}')).collect();
        assert!(!shown.trim_start().starts_with("::"), "{line:?}");
        assert!(!line.contains('\u{1b}') && !line.contains("##["), "{line:?}");
    }
}

/// What a document is made of, in order: everything but the texts themselves.
fn shape(markdown: &str) -> Vec<String> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.math_dollars = true;
    let arena = Arena::new();
    let mut shape = Vec::new();
    for node in parse_document(&arena, markdown, &options).descendants() {
        let kind = match &node.data().value {
            // How many texts a sentence is made of is not part of the structure.
            NodeValue::Text(_) | NodeValue::Code(_) | NodeValue::SoftBreak => continue,
            NodeValue::HtmlBlock(html) => format!("html {}", html.literal),
            NodeValue::CodeBlock(_) => "code block".to_owned(),
            other => format!("{other:?}"),
        };
        shape.push(kind);
    }
    shape
}

#[test]
fn the_shape_of_a_report_has_what_it_should() {
    let shape = shape(&report::render(&record("x"), Format::Markdown, Verdict::CanShip));
    let count = |start: &str| shape.iter().filter(|kind| kind.starts_with(start)).count();
    assert_eq!((count("Table("), count("TableRow(false)"), count("Link"), count("Image")), (4, 15, 0, 0), "{shape:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_of_text_begins_a_command_or_holds_an_escape(text in text(), width in 40_usize..120) {
        let layout = Layout { width, ..Layout::default() };
        assert_harmless_lines(&report::render_text(&record(&text), Exit::CanShip, layout));
    }

    #[test]
    fn no_line_of_any_other_format_does_either(text in text()) {
        let record = record(&text);
        for format in Format::ALL {
            assert_harmless_lines(&report::render(&record, format, Verdict::CanShip));
        }
    }

    #[test]
    fn no_live_line_begins_a_command_or_holds_an_escape(text in text()) {
        let out = Shared::default();
        let mut live = Live::new(Box::new(out.clone()), Mode::Plain, Colour::Off);
        for event in everything(&text).events {
            live.take(&event).unwrap();
        }
        assert_harmless_lines(&out.text());
    }

    #[test]
    fn no_text_changes_the_structure_of_markdown(text in text()) {
        let markdown = report::render(&record(&text), Format::Markdown, Verdict::CanShip);
        let plain = report::render(&record("x"), Format::Markdown, Verdict::CanShip);
        prop_assert_eq!(shape(&markdown), shape(&plain), "{}", markdown);
    }

    #[test]
    fn no_text_breaks_the_xml(text in text()) {
        let xml = report::render(&record(&text), Format::Junit, Verdict::CanShip);
        let valid = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
        prop_assert!(xml.chars().all(valid));
        let parsed = Report::deserialize_from_str(&xml).unwrap();
        let plain = Report::deserialize_from_str(&report::render(&record("x"), Format::Junit, Verdict::CanShip)).unwrap();
        prop_assert_eq!((parsed.tests, parsed.failures, parsed.errors), (plain.tests, plain.failures, plain.errors));
    }
}
