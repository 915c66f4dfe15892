//! The report in headless Chromium, wide and narrow, light and dark: no message on the console, no
//! request, nothing that sticks out, nothing that lies over something else. Without a Chromium the
//! cases are listed as ignored.

mod browser;
#[path = "../common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use browser::Tab;
use common::pages::{self, Page};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

const LOOK: &str = include_str!("look.js");

/// Width and height of a window, in pixels.
const DESK: (u32, u32) = (1_400, 900);
const PHONE: (u32, u32) = (400, 800);

/// Makes a page.
type Make = fn() -> Page;

const THEMES: [&str; 2] = ["light", "dark"];

fn main() {
    let mut arguments = Arguments::from_args();
    // One browser at a time: they are large.
    arguments.test_threads.get_or_insert(1);
    let program = xtask::chromium::find().unwrap_or_else(|why| {
        eprintln!("{why}");
        std::process::exit(1)
    });
    if program.is_none() {
        eprintln!(
            "ignored here, for want of a Chromium in PATH: apt-get install -y --no-install-recommends chromium"
        );
    }
    let program = Arc::new(program);
    let kinds: [(_, Make); 20] = [
        ("times", pages::times),
        ("full", pages::full),
        ("instructions", pages::instructions),
        ("one_cpu", pages::one_cpu),
        ("boots", pages::boots),
        ("void_boot", pages::void_boot),
        ("boots_with_steps", pages::boots_with_steps),
        ("two", pages::two),
        ("failed", pages::failed),
        ("cut", pages::cut),
        ("several", pages::several),
        ("wait", pages::wait),
        ("matrix", pages::matrix),
        ("scale", pages::scale),
        ("bench", pages::bench),
        ("bench_guest", pages::bench_guest),
        ("beside", pages::beside),
        ("host", pages::host),
        ("hierarchies", pages::hierarchies),
        ("levels", pages::levels),
    ];
    let trials = kinds.into_iter().map(|(name, page)| {
        let has_browser = program.is_some();
        let program = Arc::clone(&program);
        let trial = Trial::test(format!("report_of_{name}_looks_well"), move || {
            program.as_ref().as_ref().map_or(Ok(()), |program| look_at(name, page, program))
        });
        trial.with_ignored_flag(!has_browser)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn look_at(name: &str, page: Make, program: &PathBuf) -> Result<(), Failed> {
    let page = page();
    let mut tab = Tab::open(program)?;
    let mut papers = Vec::new();
    for window in [DESK, PHONE] {
        for theme in THEMES {
            let place = format!("{name}, {} pixels, {theme}", window.0);
            let seen = see(&mut tab, &page.path(), window, theme)?;
            let kept = format!("{name}-{}-{theme}.png", window.0);
            photograph(&mut tab, &kept)?;
            judge(&seen, window, theme).map_err(|why| Failed::from(format!("{place}: {why}")))?;
            judge_events(&tab, &page.path()).map_err(|why| Failed::from(format!("{place}: {why}")))?;
            papers.push((seen["paper"].clone(), seen["ink"].clone()));
        }
    }
    if papers[0] == papers[1] || papers[2] == papers[3] {
        return Err(format!("{name}: light and dark look the same").into());
    }
    Ok(())
}

/// Opens the page and measures it.
fn see(tab: &mut Tab, page: &Path, (width, height): (u32, u32), theme: &str) -> Result<Value, String> {
    let window = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
    tab.call("Emulation.setDeviceMetricsOverride", window)?;
    let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
    tab.call("Emulation.setEmulatedMedia", json!({ "features": features }))?;
    tab.visit(&format!("file://{}", page.display()))?;
    tab.evaluate(LOOK)
}

fn judge(seen: &Value, (width, _): (u32, u32), theme: &str) -> Result<(), String> {
    let number = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    let is = |holds: bool, what: String| if holds { Ok(()) } else { Err(what) };
    let none = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    is(number("inner") == f64::from(width), format!("the window is {} wide", number("inner")))?;
    is(number("scroll") <= number("client"), format!("{} wide in {}", number("scroll"), number("client")))?;
    is(none(&seen["wide"]), format!("sticks out: {}", seen["wide"]))?;
    is(none(&seen["small"]), format!("too small to read: {}", seen["small"]))?;
    is(seen["dark"] == json!(theme == "dark"), format!("prefers dark: {}", seen["dark"]))?;
    // About 80 characters.
    is(number("line") <= 46.0, format!("lines of {} em", number("line")))?;
    is(seen["scripts"] == json!(1), format!("{} scripts", seen["scripts"]))?;
    for picture in seen["pictures"].as_array().into_iter().flatten() {
        let title = &picture["title"];
        let class = if width < 600 { "narrow" } else { "wide" };
        is(picture["class"] == json!(class), format!("{title}: {} is shown", picture["class"]))?;
        let size = picture["size"].as_f64().unwrap_or_default();
        is((10.5..=18.0).contains(&size), format!("{title}: text of {size:.1} pixels"))?;
        is(none(&picture["outside"]), format!("{title}: outside: {}", picture["outside"]))?;
        is(none(&picture["over"]), format!("{title}: over each other: {}", picture["over"]))?;
    }
    Ok(())
}

/// The page's own file is all that may be asked for, and nothing may be complained of.
fn judge_events(tab: &Tab, page: &Path) -> Result<(), String> {
    let own = format!("file://{}", page.display());
    for (method, parameters) in &tab.events {
        match &**method {
            "Network.requestWillBeSent" if parameters["request"]["url"] != json!(own) => {
                return Err(format!("asked for {}", parameters["request"]["url"]));
            }
            "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded" => {
                return Err(format!("{method}: {parameters}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Keeps what was seen, for people, in the folder that SWITCHLAB_LOOKS names.
fn photograph(tab: &mut Tab, name: &str) -> Result<(), String> {
    let Some(folder) = std::env::var_os("SWITCHLAB_LOOKS").map(PathBuf::from) else { return Ok(()) };
    let parameters = json!({ "format": "png", "captureBeyondViewport": true });
    let picture = tab.call("Page.captureScreenshot", parameters)?;
    let bytes =
        STANDARD.decode(picture["data"].as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join(name), bytes))
        .map_err(|error| format!("{}: {error}", folder.display()))
}
