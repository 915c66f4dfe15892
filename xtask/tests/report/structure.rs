//! How a page is built: its sections, headings, pictures, tables and links, and that it loads nothing.

use std::collections::BTreeSet;

use scraper::ElementRef;

use crate::{each_page, inside, select, text};

/// Of a page with all of it.
const SECTIONS: [&str; 12] = [
    "belief",
    "runs",
    "costs",
    "peers",
    "steps",
    "distribution",
    "order",
    "handoff",
    "limits",
    "words",
    "exercises",
    "data",
];

#[test]
fn sections_stand_in_their_order_below_one_heading() {
    each_page(|page, html| {
        assert_eq!(select(html, "h1").len(), 1, "{}", page.name);
        let sections: Vec<_> =
            select(html, "section").iter().filter_map(|section| section.attr("id")).collect();
        let expected: Vec<_> = SECTIONS
            .into_iter()
            .filter(|section| match page.name {
                "bench" | "bench in guests" => ["peers", "limits", "words", "data"].contains(section),
                "host" => ["limits", "words", "data"].contains(section),
                "hierarchies" => ["belief", "limits", "words", "data"].contains(section),
                "beside" => true,
                _ => *section != "peers",
            })
            .collect();
        let first = match page.name {
            "host" => &["hierarchies", "host"][..],
            "hierarchies" => &["hierarchies", "points", "host"],
            _ => &[],
        };
        assert_eq!(sections, [first, &expected].concat(), "{}", page.name);
        let mut rank = 1;
        for heading in select(html, "h1, h2, h3, h4") {
            let next = heading.value().name()[1..].parse::<u32>().expect("a rank");
            assert!(next <= rank + 1, "{}: `{}` skips a rank", page.name, text(heading));
            assert!(!text(heading).is_empty(), "{}: an empty heading", page.name);
            rank = next;
        }
        let first = select(html, "body *").into_iter().find(|element| !text(*element).is_empty());
        assert_eq!(first.map(text), select(html, "h1").first().map(|h1| inside_header(*h1)), "{}", page.name);
    });
}

/// The header begins with the heading.
fn inside_header(h1: ElementRef<'_>) -> String {
    h1.parent().and_then(ElementRef::wrap).map(text).unwrap_or_default()
}

#[test]
fn page_has_a_language_a_title_and_fits_a_phone() {
    each_page(|page, html| {
        let root = html.root_element();
        assert_eq!(root.attr("lang"), Some("en"), "{}", page.name);
        let viewport = select(html, "meta[name=viewport]");
        assert_eq!(viewport[0].attr("content"), Some("width=device-width, initial-scale=1"), "{}", page.name);
        assert!(!text(select(html, "title")[0]).is_empty(), "{}", page.name);
        assert!(page.html.starts_with("<!doctype html>"), "{}", page.name);
    });
}

#[test]
fn every_picture_is_told_to_those_who_do_not_see_it() {
    each_page(|page, html| {
        for svg in select(html, "svg") {
            assert_eq!(svg.attr("role"), Some("img"), "{}", page.name);
            let [title, desc] = ["title", "desc"].map(|name| inside(svg, name)[0]);
            let names = [title, desc].map(|element| element.attr("id").expect("an id")).join(" ");
            assert_eq!(svg.attr("aria-labelledby"), Some(&*names), "{}", page.name);
            assert!(text(title).len() > 10 && text(desc).len() > 40, "{}: {}", page.name, text(desc));
        }
        for figure in select(html, "figure") {
            let classes: Vec<_> = inside(figure, "svg").iter().filter_map(|svg| svg.attr("class")).collect();
            assert_eq!(classes, ["wide", "narrow"], "{}", page.name);
            assert_eq!(inside(figure, "figcaption").len(), 1, "{}", page.name);
            let section =
                figure.ancestors().filter_map(ElementRef::wrap).find(|one| one.value().name() == "section");
            assert!(
                !inside(section.expect("in a section"), "table").is_empty(),
                "{}: no table beside",
                page.name
            );
        }
        let figures = select(html, "figure").len();
        match page.name {
            "times" => assert_eq!(figures, 6),
            "full" => assert_eq!(figures, 7),
            "bench" | "bench in guests" => assert_eq!(figures, 1),
            "failed" | "cut" => assert_eq!(figures, 0),
            _ => {}
        }
    });
}

#[test]
fn ids_are_unique_and_links_lead_somewhere() {
    each_page(|page, html| {
        let ids: Vec<_> = select(html, "[id]").iter().filter_map(|element| element.attr("id")).collect();
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{}: {ids:?}", page.name);
        for link in select(html, "a") {
            let target = link.attr("href").and_then(|href| href.strip_prefix('#'));
            assert!(target.is_some_and(|target| ids.contains(&target)), "{}: {}", page.name, link.html());
        }
    });
}

#[test]
fn every_table_has_a_caption_and_headers_with_scope() {
    each_page(|page, html| {
        for table in select(html, "table") {
            assert_eq!(inside(table, "caption").len(), 1, "{}", page.name);
            let caption = text(inside(table, "caption")[0]);
            assert!(!caption.is_empty(), "{}", page.name);
            let headers = inside(table, "th");
            assert!(headers.len() > 1, "{}: {caption}", page.name);
            for header in headers {
                let scope = header.attr("scope");
                assert!(
                    matches!(scope, Some("col" | "row" | "rowgroup")),
                    "{}: {caption}: {}",
                    page.name,
                    header.html()
                );
            }
            let columns = inside(table, "thead th").len();
            for row in inside(table, "tbody tr") {
                let cells = inside(row, "th, td").into_iter().map(|cell| {
                    cell.attr("colspan").map_or(1, |span| span.parse::<usize>().expect("a number"))
                });
                assert_eq!(cells.sum::<usize>(), columns, "{}: {caption}", page.name);
            }
        }
    });
}

#[test]
fn page_loads_nothing_and_runs_nothing() {
    each_page(|page, html| {
        let scripts = select(html, "script");
        assert_eq!(scripts.len(), 1, "{}", page.name);
        assert_eq!(scripts[0].attr("type"), Some("application/json"), "{}", page.name);
        let style = text(select(html, "style")[0]);
        for loading in ["url(", "@import", "http:", "https:", "expression("] {
            assert!(!style.contains(loading), "{}: {loading}", page.name);
        }
        for forbidden in
            ["link", "img", "iframe", "object", "embed", "base", "audio", "video", "form", "input"]
        {
            assert!(select(html, forbidden).is_empty(), "{}: <{forbidden}>", page.name);
        }
        for element in select(html, "*") {
            for (name, value) in element.value().attrs() {
                assert!(!name.starts_with("on"), "{}: {name}", page.name);
                assert!(!["src", "srcset", "action", "ping"].contains(&name), "{}: {name}", page.name);
                let remote =
                    ["http:", "https:", "//", "javascript:", "data:"].iter().any(|it| value.contains(it));
                assert!(!remote, "{}: {name}={value}", page.name);
            }
        }
        // Whatever else stands on the page is text; the data may name what it likes.
        let (visible, _) = page.html.split_once("<script").expect("the data");
        assert!(!visible.contains("http://") && !visible.contains("https://"), "{}", page.name);
    });
}
