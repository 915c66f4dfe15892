//! Reports of every kind, made by xtask, for the tests of their structure and of their looks.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use switchlab_records::{Record, Unit};
use xtask::bench::judged::judge;
use xtask::bench::{Bench, show};
use xtask::levels;

use super::{Place, golden, whole};

/// A report, and where it is.
pub struct Page {
    pub name: &'static str,
    pub place: Place,
    pub html: String,
    pub status: Option<i32>,
}

impl Page {
    pub fn path(&self) -> PathBuf {
        self.place.path("page.html")
    }

    /// The report of a run that says `log` and ends by `end`.
    fn of(name: &'static str, log: &str, end: &str, words: &str) -> Self {
        let place = Place::new();
        place.run(log, end, &format!("--quiet {words}"));
        Self::at(name, place, &["runs/latest"])
    }

    fn at(name: &'static str, place: Place, runs: &[&str]) -> Self {
        let words = [&["report"], runs, &["--out", "page.html"]].concat();
        let done = place.call(&words);
        let html = fs::read_to_string(place.path("page.html"));
        let html = html.unwrap_or_else(|error| panic!("{name}: no page ({error}): {}", done.stderr));
        Self { name, place, html, status: done.status }
    }
}

/// One of each kind.
pub fn all() -> Vec<Page> {
    vec![
        times(),
        full(),
        instructions(),
        one_cpu(),
        boots(),
        void_boot(),
        boots_with_steps(),
        two(),
        failed(),
        cut(),
        several(),
        bench(),
        bench_guest(),
        beside(),
        host(),
        hierarchies(),
    ]
}

/// Our handoffs beside others', natively.
pub fn bench() -> Page {
    let place = Place::new();
    keep_bench(&place, "runs/latest-bench", include_str!("../data/bench.json"));
    Page::at("bench", place, &["runs/latest-bench"])
}

/// The same beside Linux's in one emulator, without Go, and with a void round.
pub fn bench_guest() -> Page {
    let place = Place::new();
    keep_bench(&place, "runs/latest-bench", include_str!("../data/bench-guest.json"));
    Page::at("bench in guests", place, &["runs/latest-bench/bench.json"])
}

/// A run, with a benchmark beside it.
pub fn beside() -> Page {
    let place = Place::new();
    place.run(&whole(), "33", "--quiet");
    keep_bench(&place, "runs/latest-bench", include_str!("../data/bench.json"));
    Page::at("beside", place, &["runs/latest", "runs/latest-bench"])
}

/// This Linux's levels.
pub fn host() -> Page {
    let place = Place::new();
    keep_host(&place);
    Page::at("host", place, &["runs/latest-host"])
}

/// The kernel's levels, with this Linux's beside them.
pub fn hierarchies() -> Page {
    let place = Place::new();
    let of = |runs, unit| golden::ended(golden::points::hierarchy(runs, unit));
    place.write("log-to-say.1", &of(1, Unit::Instructions));
    let mut command = place.xtask(&of(5, Unit::Time), "33");
    command.env("FAKE_TURNS", place.path("turns")).args(["run", "--accel", "tcg", "--quiet"]);
    command.args(["--experiment", "hierarchy"]).output().expect("xtask starts");
    keep_host(&place);
    Page::at("hierarchies", place, &["runs/latest", "runs/latest-host"])
}

/// What `host` would have kept of these rows.
pub fn keep_host(place: &Place) -> PathBuf {
    let bench: Bench = serde_json::from_str(include_str!("../data/host.json")).expect("rows");
    let json = levels::show::json(&bench, &judge(&bench).expect("values")).expect("JSON");
    fs::create_dir_all(place.path("runs/latest-host")).expect("a folder");
    place.write("runs/latest-host/host.json", &json)
}

/// What `bench` would have kept in `folder` of these rows.
pub fn keep_bench(place: &Place, folder: &str, rows: &str) -> PathBuf {
    let bench: Bench = serde_json::from_str(rows).expect("rows");
    let json = show::json(&bench, &judge(&bench).expect("values")).expect("JSON");
    fs::create_dir_all(place.path(folder)).expect("a folder");
    place.write(&format!("{folder}/bench.json"), &json)
}

/// Ways to wait, with one that is absent.
pub fn wait() -> Page {
    Page::of("wait", &golden::ended(golden::points::wait(5)), "33", "")
}

/// Levels with their floors, and with long names.
pub fn levels() -> Page {
    Page::of("levels", &golden::ended(golden::points::levels(Unit::Time)), "33", "")
}

/// All pairs of CPUs, with a topology.
pub fn matrix() -> Page {
    Page::of("matrix", &golden::ended(golden::points::matrix(12, 1)), "33", "")
}

/// Lines along a coordinate, and fairness.
pub fn scale() -> Page {
    Page::of("scale", &golden::ended(golden::points::scale(1)), "33", "")
}

pub fn times() -> Page {
    Page::of("times", &golden::ended(golden::classic(12, 12, 1_000)), "33", "")
}

/// In counted instructions, with a listing and a trace.
pub fn full() -> Page {
    let place = Place::new();
    let log = golden::ended(golden::classic_in(Unit::Instructions, 12, 2, 1_000));
    place.run(&log, "33", "--quiet --deterministic");
    let latest = place.path("runs/latest");
    let instruction = |address: u64, text: &str, line: u32| json!({ "address": address, "text": text, "line": line, "source": "if a < b && c > d { // <\"&>" });
    let listing = json!({
        "format": 1, "kernel_sha256": "00",
        "routines": [{
            "name": "exchange::hand_over", "role": "asking", "what": "The timed block.", "left_out": 7,
            "groups": [{
                "function": "channel::send", "file": "kernel/sync/src/channel.rs",
                "what": "Puts a message into the slot.",
                "instructions": [
                    instruction(0xffff_ffff_8001_35d9, "movzx eax, byte ptr [rsi+0x38]", 54),
                    instruction(0xffff_ffff_8001_35dd, "cmp al, 1", 54),
                ],
            }],
        }],
    });
    fs::write(latest.join("listing.json"), listing.to_string()).expect("written");
    Page::at("full", place, &["runs/latest"])
}

pub fn instructions() -> Page {
    let log = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000));
    Page::of("instructions", &log, "33", "")
}

pub fn one_cpu() -> Page {
    Page::of("one CPU", &golden::ended(golden::classic(1, 2, 1_000)), "33", "--smp 1")
}

/// The guest panics, and what it wrote before looks like results.
pub fn failed() -> Page {
    let mut records = golden::classic(12, 2, 1_000);
    records.push(golden::crash());
    Page::of("failed", &golden::log(&records), "37", "")
}

/// The log ends in the middle, with what is no text.
pub fn cut() -> Page {
    let place = Place::new();
    let log = golden::log(&golden::classic(12, 2, 1_000));
    fs::create_dir(place.path("cut")).expect("a folder");
    let bytes = [&log.as_bytes()[..log.len() / 2], b"\xff\xfe</script>\r\n"].concat();
    fs::write(place.path("cut/serial.log"), bytes).expect("written");
    Page::at("cut", place, &["cut"])
}

/// Two runs, the second of which has no result.
pub fn several() -> Page {
    let place = Place::new();
    place.run(&whole(), "33", "--quiet --out good");
    place.run("", "hang", "--quiet --out bad --timeout 1");
    Page::at("several", place, &["good/latest", "bad/latest"])
}

/// Six boots, with the modes in an order of each one's own.
pub fn boots() -> Page {
    let place = Place::new();
    let log = golden::ended(golden::classic(12, 3, 1_000));
    place.run(&log, "33", "--quiet --boots 6 --seed 5");
    Page::at("boots", place, &["runs/latest"])
}

/// Six boots, in the third of which QEMU was stopped in both runs.
pub fn void_boot() -> Page {
    let place = Place::new();
    let log = golden::classic(12, 2, 1_000);
    let mut slow = log.clone();
    for record in &mut slow {
        if let Record::Block(block) = record {
            block.ticks += block.ticks / 2;
        }
    }
    let mut command = place.xtask(&golden::ended(log), "33");
    place.write("log-to-say.3", &golden::ended(slow));
    command.env("FAKE_TURNS", place.path("turns")).args(["run", "--accel", "tcg", "--quiet"]);
    command.args(["--boots", "6", "--seed", "5"]).output().expect("xtask starts");
    let void = |run: u32| {
        json!({
            "run": run, "position": 1, "mode": "same-core", "subject": "handoff", "pass": "batch",
            "reasons": [{ "reason": "stopped", "ms": 300 }],
        })
    };
    let latest = place.path("runs/latest");
    for number in 1..=6 {
        let path = latest.join(format!("boot-{number:02}/manifest.json"));
        let text = fs::read_to_string(&path).expect("a manifest");
        let mut manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        // Whatever the host did meanwhile, the third alone is void.
        let voids = if number == 3 { vec![void(1), void(2)] } else { Vec::new() };
        manifest["watch"]["voids"] = voids.into();
        fs::write(&path, manifest.to_string()).expect("written");
    }
    Page::at("void boot", place, &["runs/latest"])
}

/// Six boots in time, and a trace behind them.
pub fn boots_with_steps() -> Page {
    let place = Place::new();
    let mut command = place.xtask(&golden::ended(golden::classic(12, 2, 1_000)), "33");
    let timed = golden::ended(golden::traced(Unit::Time, 3));
    command.env("FAKE_TRACE", place.write("timed", &timed)).args(["run", "--accel", "tcg", "--quiet"]);
    command.args(["--boots", "6", "--seed", "5", "--trace", "3"]).output().expect("xtask starts");
    Page::at("boots with steps", place, &["runs/latest"])
}

/// Two runs that both have a result.
pub fn two() -> Page {
    let place = Place::new();
    for out in ["one", "other"] {
        place.run(&golden::ended(golden::classic(12, 6, 1_000)), "33", &format!("--quiet --out {out}"));
    }
    Page::at("two", place, &["one/latest", "other/latest"])
}
