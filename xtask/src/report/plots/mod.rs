//! The plots: pictures as SVG, each drawn twice, for a wide page and for a phone, so that text
//! keeps its size. The style sheet shows the one that fits and gives both their colours.
//!
//! | file | what it shows |
//! |---|---|
//! | `costs` | what each thing costs, beside the original's figures and guesses |
//! | `waterfall` | the steps from one mode's cost to another's |
//! | `distribution` | how the exchanges of a mode are distributed |
//! | `order` | the runs in the order in which they were measured |
//! | `growth` | how costs go along a coordinate, of an experiment with many points |
//! | `heat` | what each ordered pair of CPUs costs |
//! | `peers` | what a handoff costs here and elsewhere |
//! | `bars` | what levels add, and spans of costs |
//! | `shares` | what the step to a level is made of |
//! | `canvas` | what all are drawn on: plotters, with colours that are names |

pub mod bars;
mod canvas;
pub mod costs;
pub mod distribution;
pub mod growth;
pub mod heat;
pub mod order;
pub mod peers;
pub mod shares;
pub mod waterfall;

use askama::Template;
use switchlab_core::format::{Grouped, Nanoseconds};
use switchlab_records::Mode;

use canvas::Canvas;
pub use canvas::Ink;

use super::table::spaced;

/// A plot with its words.
#[derive(Clone, Debug, Template)]
#[template(path = "figure.html")]
pub struct Figure {
    /// What it shows, in a few words.
    title: String,
    /// The same, told to those who do not see it; stands below the picture for everybody.
    description: String,
    pictures: Vec<Picture>,
}

/// The place of a plot on a page: the plot, or why it could not be made.
#[derive(Clone, Debug, Template)]
#[template(path = "plot.html")]
pub struct Plot {
    /// What it shows, as a sentence has it.
    what: String,
    /// How it is read; stands above it.
    note: Option<&'static str>,
    drawn: Result<Figure, String>,
}

impl Plot {
    /// Of `what`, as it was drawn.
    pub fn new(what: impl Into<String>, drawn: Result<Figure, String>) -> Self {
        Self { what: what.into(), note: None, drawn }
    }

    /// The same, with how it is read.
    #[must_use]
    pub fn read_as(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }
}

#[derive(Clone, Debug)]
struct Picture {
    id: String,
    width: Width,
    size: (u32, u32),
    shapes: String,
}

/// For which page a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// A page of a desk.
    Wide,
    /// A page of a phone.
    Narrow,
}

impl Width {
    const fn units(self) -> u32 {
        match self {
            Self::Wide => 680,
            Self::Narrow => 352,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

impl Figure {
    /// Draws both pictures: `height` and `paint` are told for which page.
    fn new(
        id: &str,
        title: String,
        description: String,
        height: impl Fn(Width) -> u32,
        paint: impl Fn(&mut Canvas<'_>, Width) -> Result<(), String>,
    ) -> Result<Self, String> {
        let picture = |width: Width| {
            let size = (width.units(), height(width));
            let shapes = Canvas::draw(size, |canvas| paint(canvas, width))?;
            Ok(Picture { id: format!("{id}-{}", width.class()), width, size, shapes })
        };
        let pictures =
            [Width::Wide, Width::Narrow].into_iter().map(picture).collect::<Result<_, String>>()?;
        Ok(Self { title, description, pictures })
    }
}

/// The ink of a mode. Its points have a shape of their own too ([`canvas::Shape`]).
const fn ink(mode: Mode) -> Ink {
    match mode {
        Mode::SameCore => Ink::SameCore,
        Mode::CrossCore => Ink::CrossCore,
        Mode::Switch => Ink::Switch,
        Mode::Free => Ink::Free,
    }
}

const fn shape(mode: Mode) -> canvas::Shape {
    match mode {
        Mode::SameCore => canvas::Shape::Disc,
        Mode::CrossCore => canvas::Shape::Square,
        Mode::Switch => canvas::Shape::Triangle,
        Mode::Free => canvas::Shape::Diamond,
    }
}

/// What the numbers of a plot are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Nanoseconds.
    Time,
    /// Instructions.
    Instructions,
}

impl Quantity {
    /// A number with its unit, as text has it: `52.69 ns`, `4.91 µs`, `140`.
    pub fn text(self, value: f64) -> String {
        if self == Self::Instructions {
            let is_whole = (value - value.round()).abs() < 0.005;
            return if is_whole { grouped(value) } else { format!("{value:.2}") };
        }
        let size = value.abs();
        let sign = if value < 0.0 { "-" } else { "" };
        // As all tables write times, but for the space.
        let text = match size {
            _ if size < 99.995 => format!("{size:.2}ns"),
            _ => Nanoseconds(size.round() as u64).to_string(),
        };
        format!("{sign}{}", spaced(&text))
    }

    /// The same without decimals that say nothing: `10 µs`.
    fn round_text(self, value: f64) -> String {
        self.text(value).replace(".00", "")
    }

    /// The label of a power of ten on an axis: `100 ns`, `10 µs`, `1,000`.
    fn decade(self, exponent: i32) -> String {
        match self {
            Self::Instructions => grouped(10f64.powi(exponent)),
            Self::Time => {
                let units = ["ns", "µs", "ms", "s"];
                let thousands = exponent.div_euclid(3).clamp(0, 3);
                let number = 10f64.powi(exponent - 3 * thousands);
                format!("{number}\u{202f}{}", units[thousands as usize])
            }
        }
    }

    /// The axis' name, below its labels.
    const fn axis(self) -> &'static str {
        match self {
            Self::Time => "time, logarithmic",
            Self::Instructions => "instructions, logarithmic",
        }
    }
}

fn grouped(value: f64) -> String {
    let sign = if value.round() < 0.0 { "-" } else { "" };
    format!("{sign}{}", Grouped(value.abs().round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_that_fits() {
        let cases = [
            (52.69, "52.69 ns"),
            (150.542, "151 ns"),
            (999.6, "1.00 µs"),
            (3_985.0, "3.99 µs"),
            (4_909.0, "4.91 µs"),
            (16_180_000.0, "16.18 ms"),
            (2e9, "2.00 s"),
            (-2.0, "-2.00 ns"),
        ];
        for (value, text) in cases {
            assert_eq!(Quantity::Time.text(value).replace('\u{202f}', " "), text);
        }
        let counts = [(140.0, "140"), (83.5, "83.50"), (-1_234_567.0, "-1,234,567"), (-0.0, "0")];
        for (value, text) in counts {
            assert_eq!(Quantity::Instructions.text(value), text);
        }
    }

    #[test]
    fn decades_are_named_by_their_unit() {
        let names = [-1, 0, 2, 3, 7, 9, 10].map(|exponent| Quantity::Time.decade(exponent));
        let names = names.map(|name| name.replace('\u{202f}', " "));
        assert_eq!(names, ["0.1 ns", "1 ns", "100 ns", "1 µs", "10 ms", "1 s", "10 s"]);
        assert_eq!(Quantity::Instructions.decade(4), "10,000");
    }
}
