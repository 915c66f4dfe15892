//! The report's structure, its accessibility, what it tells, and what it carries, without a browser.

mod bench;
mod carried;
mod colours;
#[path = "../common/mod.rs"]
mod common;
mod structure;
mod told;

use common::pages::{self, Page};
use scraper::{ElementRef, Html, Selector};

fn select<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).expect("a selector")).collect()
}

fn inside<'a>(element: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    element.select(&Selector::parse(selector).expect("a selector")).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().trim().to_owned()
}

/// The pages as browsers understand them.
fn each_page(check: impl Fn(&Page, &Html)) {
    for page in pages::all() {
        check(&page, &Html::parse_document(&page.html));
    }
}
