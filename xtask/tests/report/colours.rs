//! The colours of both themes, by the contrast that eyes need.

use std::collections::BTreeSet;

use scraper::Html;

use crate::common::pages;
use crate::{select, text};

/// Text on its background, by the names of the style sheet.
const TEXTS: [(&str, &str); 12] = [
    ("ink", "paper"),
    ("muted", "paper"),
    ("link", "paper"),
    ("alarm", "paper"),
    ("ink", "panel"),
    ("muted", "panel"),
    ("original", "paper"),
    ("ink", "heat-1"),
    ("ink", "heat-2"),
    ("ink", "heat-3"),
    ("ink", "heat-4"),
    ("ink", "heat-5"),
];

/// Shapes on theirs, which need less (WCAG 1.4.11).
const SHAPES: [(&str, &str); 5] = [
    ("same-core", "paper"),
    ("cross-core", "paper"),
    ("switch", "paper"),
    ("free", "paper"),
    ("guess", "paper"),
];

#[test]
fn colours_of_both_themes_have_the_contrast_that_eyes_need() {
    let html = Html::parse_document(&pages::times().html);
    let style = text(select(&html, "style")[0]);
    let (light, rest) =
        style.split_once("@media screen and (prefers-color-scheme: dark)").expect("both themes");
    let (dark, rules) = rest.split_once("* { box-sizing").expect("rules behind the colours");
    for (theme, colours) in [("light", light), ("dark", dark)] {
        for ((front, back), least) in
            TEXTS.iter().map(|pair| (pair, 4.5)).chain(SHAPES.iter().map(|pair| (pair, 3.0)))
        {
            let ratio = contrast(colour(colours, front), colour(colours, back));
            assert!(ratio >= least, "{theme}: {front} on {back}: {ratio:.2}, {least} are needed");
        }
    }
    // No colour besides these, so that none escapes the test.
    assert!(!rules.contains('#') && !rules.contains("rgb"), "a colour without a name");
    let known: BTreeSet<_> = TEXTS.iter().chain(&SHAPES).flat_map(|(front, back)| [*front, *back]).collect();
    let named = light.lines().filter_map(|line| line.trim().strip_prefix("--")?.split(':').next());
    for name in named.filter(|name| *name != "rule") {
        assert!(known.contains(name), "--{name} is in no pair");
    }
}

fn colour(style: &str, name: &str) -> [f64; 3] {
    let (_, rest) = style.split_once(&format!("--{name}: #")).unwrap_or_else(|| panic!("no --{name}"));
    let number = u32::from_str_radix(&rest[..6], 16).expect("a colour");
    [16, 8, 0].map(|shift| f64::from(number >> shift & 0xff) / 255.0)
}

/// WCAG 2.2: relative luminance, contrast ratio.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear =
            |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        let [red, green, blue] = colour.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let [one, other] = [luminance(one), luminance(other)];
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}
