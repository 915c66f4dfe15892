//! What plots are drawn on. plotters maps numbers to places and writes the SVG; its colours are
//! numbers, so each ink has a number of its own there, and gets the name of a colour of the style
//! sheet afterwards. That is how one picture fits light and dark.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor, Rectangle, SVGBackend,
    ShapeStyle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle};

/// A colour by what it is for. The style sheet has one of that name for light and for dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Words and numbers.
    Text,
    /// Labels of axes.
    Muted,
    /// Grids.
    Rule,
    /// What is behind: hollow points are filled with it.
    Paper,
    /// The mode of that name.
    SameCore,
    /// The mode of that name.
    CrossCore,
    /// The mode of that name.
    Switch,
    /// The mode of that name.
    Free,
    /// What was guessed and not measured.
    Guess,
    /// The original's own measurements.
    Original,
    /// Behind the number of a square, of the least cost.
    Heat1,
    /// The same of more, and so on.
    Heat2,
    /// The same.
    Heat3,
    /// The same.
    Heat4,
    /// The same of the most.
    Heat5,
}

const INKS: [(Ink, &str); 15] = [
    (Ink::Text, "ink"),
    (Ink::Muted, "muted"),
    (Ink::Rule, "rule"),
    (Ink::Paper, "paper"),
    (Ink::SameCore, "same-core"),
    (Ink::CrossCore, "cross-core"),
    (Ink::Switch, "switch"),
    (Ink::Free, "free"),
    (Ink::Guess, "guess"),
    (Ink::Original, "original"),
    (Ink::Heat1, "heat-1"),
    (Ink::Heat2, "heat-2"),
    (Ink::Heat3, "heat-3"),
    (Ink::Heat4, "heat-4"),
    (Ink::Heat5, "heat-5"),
];

impl Ink {
    /// The number that stands for it in plotters' output.
    fn color(self) -> RGBColor {
        let index = INKS.iter().position(|(ink, _)| *ink == self).unwrap_or_default();
        RGBColor(1, 2, u8::try_from(index).unwrap_or_default())
    }
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
    /// A disc that is not filled: not ours, or void.
    Ring,
}

/// Where text stands from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// How numbers become places along one axis.
pub(super) struct Scale {
    kind: Kind,
    pixels: (i32, i32),
}

enum Kind {
    Linear(RangedCoordf64),
    Log(plotters::coord::combinators::LogCoord<f64>),
}

impl Scale {
    /// `values` from `pixels.0` to `pixels.1`, evenly.
    pub(super) fn linear(values: Range<f64>, pixels: (i32, i32)) -> Self {
        Self { kind: Kind::Linear(values.into()), pixels }
    }

    /// The same, each power of ten as long as another.
    pub(super) fn log(values: Range<f64>, pixels: (i32, i32)) -> Self {
        Self { kind: Kind::Log(values.log_scale().into()), pixels }
    }

    /// Where `value` stands.
    pub(super) fn at(&self, value: f64) -> i32 {
        match &self.kind {
            Kind::Linear(coord) => coord.map(&value, self.pixels),
            Kind::Log(coord) => coord.map(&value, self.pixels),
        }
    }
}

/// A picture in the making. Places are in its own units, from the upper left.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

type Drawn = Result<(), String>;

/// How wide a text is, about.
pub(super) fn wide(text: &str) -> i32 {
    text.chars().count() as i32 * 63 / 10
}

impl Canvas<'_> {
    /// The shapes that `paint` draws.
    pub(super) fn draw(
        size: (u32, u32),
        paint: impl FnOnce(&mut Canvas<'_>) -> Drawn,
    ) -> Result<String, String> {
        let mut svg = String::new();
        {
            let mut canvas = Canvas { area: SVGBackend::with_string(&mut svg, size).into_drawing_area() };
            paint(&mut canvas)?;
            canvas.area.present().map_err(|error| error.to_string())?;
        }
        // The picture's own element gets a role and words, which plotters does not know of.
        let (_, shapes) = svg.split_once(">\n").ok_or("no SVG")?;
        let mut shapes = shapes.trim_end().trim_end_matches("</svg>").replace(" opacity=\"1\"", "");
        for (ink, name) in INKS {
            let RGBColor(red, green, blue) = ink.color();
            shapes = shapes
                .replace(&format!("\"#{red:02X}{green:02X}{blue:02X}\""), &format!("\"var(--{name})\""));
        }
        Ok(shapes)
    }

    /// A line through `places`.
    pub(super) fn line(&mut self, places: &[(i32, i32)], ink: Ink, width: u32) -> Drawn {
        self.put(&PathElement::new(places.to_vec(), ink.color().stroke_width(width)))
    }

    /// A filled rectangle; at least one unit in each direction.
    pub(super) fn bar(&mut self, from: (i32, i32), to: (i32, i32), ink: Ink) -> Drawn {
        let to = (to.0.max(from.0 + 1), to.1.max(from.1 + 1));
        self.put(&Rectangle::new([from, to], ink.color().filled()))
    }

    /// A point.
    pub(super) fn point(&mut self, (x, y): (i32, i32), shape: Shape, ink: Ink) -> Drawn {
        let filled: ShapeStyle = ink.color().filled();
        match shape {
            Shape::Disc => self.put(&Circle::new((x, y), 5, filled)),
            Shape::Square => self.put(&Rectangle::new([(x - 4, y - 4), (x + 5, y + 5)], filled)),
            Shape::Triangle => {
                self.put(&Polygon::new(vec![(x - 6, y + 5), (x + 6, y + 5), (x, y - 6)], filled))
            }
            Shape::Diamond => {
                self.put(&Polygon::new(vec![(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)], filled))
            }
            Shape::Ring => {
                self.put(&Circle::new((x, y), 5, Ink::Paper.color().filled()))?;
                self.put(&Circle::new((x, y), 5, ink.color().stroke_width(2)))
            }
        }
    }

    /// Words; their size is the style sheet's.
    pub(super) fn text(&mut self, place: (i32, i32), text: &str, align: Align, ink: Ink) -> Drawn {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style: TextStyle<'_> = ("inherit", 12).into_font().color(&ink.color());
        self.put(&Text::new(text.to_owned(), place, style.pos(Pos::new(horizontal, VPos::Center))))
    }

    fn put<E>(&mut self, element: &E) -> Drawn
    where
        for<'e> &'e E: PointCollection<'e, (i32, i32)>,
        E: for<'b> Drawable<SVGBackend<'b>>,
    {
        self.area.draw(element).map_err(|error| error.to_string())
    }
}
