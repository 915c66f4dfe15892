//! `mutants`: bugs that are planted one after another, each of which some test has to find. Shows that the tests can fail.
//!
//! A mutant is a patch in `tests/mutants` that makes a plausible bug, with what it is in its first line and the check that is
//! to find it. All of it happens in a copy of the sources: the workspace itself is never changed.
//!
//! | file | what it owns |
//! |---|---|
//! | `patch` | a mutant as it stands in its file |
//! | `tree` | the copy of the sources |
//! | `check` | tests, built and run in the copy |

mod check;
mod patch;
mod tree;

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::lint::cargo;
use super::options::Tools;
use crate::build::core_source;
use crate::interrupt;
use crate::status::{Refusal, Status};
use crate::table::Sheet;
use crate::workspace;
use check::{Bench, Check, Found};
use patch::Mutant;
use tree::Tree;

/// Where the patches are.
const FOLDER: &str = "tests/mutants";

/// Options of `mutants`.
#[derive(clap::Args)]
#[command(after_help = crate::status::HELP)]
pub struct Args {
    /// These alone, with commas between them [default: all]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Name them, with what each is and the check that is to find it, and plant none
    #[arg(long)]
    list: bool,
    /// No progress: the table alone
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    tools: Tools,
}

/// What became of a mutant.
struct Judged<'a> {
    mutant: &'a Mutant,
    /// `None` where nothing found it.
    caught: Option<Caught>,
    seconds: u64,
}

/// A catch.
struct Caught {
    /// The test that failed, or how the check ended in which none did by name.
    by: String,
    /// Which of the checks.
    check: usize,
    /// It is the mutant's own.
    is_own: bool,
    /// A test failed by name. Else the check has to pass once more with no bug planted.
    is_named: bool,
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.by, if self.is_own { "" } else { ", not by its own check" })
    }
}

/// Plants each, and says which were caught: status 1 where one was not.
///
/// # Errors
///
/// Status 2 for a name that there is not, or a patch that is none; 1 where a check fails with no bug planted; 101 where a
/// mutant does not build; 5 for a missing part; 130 after Ctrl-C.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    let all = patch::read_all(&workspace::root().join(FOLDER))?;
    let chosen = choose(&all, &args.only)?;
    if args.list {
        return super::output::print(&list(&chosen)).map(|()| Status::Pass.into());
    }
    let qemu = args.tools.qemu()?;
    let source = core_source(args.tools.permission())?;
    let say = |line: String| {
        if !args.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    };
    let tree = Tree::copy(&workspace::root(), &workspace::target_dir().join("mutants"))?;
    let bench = Bench { tree: &tree, cargo: &cargo(), source: &source, qemu: &qemu };
    let judged = campaign(&bench, &chosen, &say)?;
    super::output::print(&told(&judged))?;
    let caught = judged.iter().filter(|one| one.caught.is_some()).count();
    Ok(if caught == judged.len() { Status::Pass.into() } else { Status::Fail.into() })
}

/// Plants each of those that are chosen. Their checks have to pass before it with no bug planted; and behind it once more
/// those that caught one and named no test.
fn campaign<'a>(
    bench: &Bench<'_>,
    chosen: &[&'a Mutant],
    say: &dyn Fn(String),
) -> anyhow::Result<Vec<Judged<'a>>> {
    let checks = checks(chosen);
    say(format!("without a bug: building and running what is to find {} mutants", chosen.len()));
    let started = Instant::now();
    let ready: Vec<(Check, Duration)> = checks
        .into_iter()
        .map(|check| {
            let idle = passes(bench, &check, check::TESTS)?;
            Ok((check, check::most(idle)))
        })
        .collect::<anyhow::Result<_>>()?;
    say(format!("all pass without a bug, after {} s", started.elapsed().as_secs()));
    let mut judged = Vec::new();
    for (number, mutant) in (1..).zip(chosen) {
        let one = plant(bench, &ready, mutant)?;
        let what =
            one.caught.as_ref().map_or_else(|| "MISSED".into(), |caught| format!("caught by {caught}"));
        say(format!("{number} of {}: {}: {what}, {} s", chosen.len(), mutant.name, one.seconds));
        judged.push(one);
    }
    let unnamed: BTreeSet<usize> = judged
        .iter()
        .filter_map(|one| one.caught.as_ref().filter(|caught| !caught.is_named))
        .map(|caught| caught.check)
        .collect();
    for number in unnamed {
        let (check, most) = &ready[number];
        say(format!("without a bug once more: {check}"));
        passes(bench, check, *most)?;
    }
    Ok(judged)
}

/// Runs a check with no bug planted, which must pass; returns how long its tests took.
fn passes(bench: &Bench<'_>, check: &Check, most: Duration) -> anyhow::Result<Duration> {
    match bench.find(check, most)? {
        Found::Nothing(took) => Ok(took),
        Found::Failed(what) | Found::Broken(what) => Err(Refusal::with(
            Status::Fail,
            format!("`{check}` fails with no bug planted: {what}; mend that first, by `cargo xtask test`"),
        )),
        Found::DoesNotBuild(words) => {
            Err(Refusal::with(Status::Build, format!("`{check}` does not build:\n{words}")))
        }
    }
}

/// Those of the names, or all.
fn choose<'a>(all: &'a [Mutant], only: &[String]) -> anyhow::Result<Vec<&'a Mutant>> {
    if only.is_empty() {
        return Ok(all.iter().collect());
    }
    let find = |name: &String| {
        all.iter().find(|mutant| mutant.name == *name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|mutant| &*mutant.name).collect();
            Refusal::usage(format!("--only {name}: there is no such mutant; there are {}", names.join(", ")))
        })
    };
    only.iter().map(find).collect()
}

/// Each check once, in the order in which they are named.
fn checks(mutants: &[&Mutant]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for mutant in mutants {
        if !checks.contains(&mutant.check) {
            checks.push(mutant.check.clone());
        }
    }
    checks
}

/// Plants one bug, looks for it where it is to be found, and then by the checks of the others that are planted; up to the
/// first test that fails. All `checks` pass without a bug, and each may take so long with one.
fn plant<'a>(
    bench: &Bench<'_>,
    checks: &[(Check, Duration)],
    mutant: &'a Mutant,
) -> anyhow::Result<Judged<'a>> {
    let started = Instant::now();
    let _planted = bench.tree.plant(mutant)?;
    let numbered = checks.iter().enumerate();
    let (own, others): (Vec<_>, Vec<_>) = numbered.partition(|(_, (check, _))| *check == mutant.check);
    let mut caught = None;
    for (number, (check, most)) in own.into_iter().chain(others) {
        let (by, is_named) = match bench.find(check, *most)? {
            Found::Nothing(_) => continue,
            Found::Failed(by) => (by, true),
            Found::Broken(by) => (by, false),
            Found::DoesNotBuild(words) => {
                return Err(Refusal::with(
                    Status::Build,
                    format!(
                        "{}: it does not build, so it is no bug that a test could find:\n{words}",
                        mutant.name
                    ),
                ));
            }
        };
        caught = Some(Caught { by, check: number, is_own: *check == mutant.check, is_named });
        break;
    }
    Ok(Judged { mutant, caught, seconds: started.elapsed().as_secs() })
}

fn list(mutants: &[&Mutant]) -> String {
    let header = ["Mutant", "What is planted", "Found by"].map(str::to_owned).into();
    let row = |mutant: &&Mutant| vec![mutant.name.clone(), mutant.what.clone(), mutant.check.to_string()];
    Sheet { header, rows: mutants.iter().map(row).collect(), words: 2 }.text()
}

fn told(judged: &[Judged<'_>]) -> String {
    let header = ["Mutant", "Seconds", "What was planted", "Caught by"].map(str::to_owned).into();
    let row = |one: &Judged<'_>| {
        vec![
            one.mutant.name.clone(),
            one.seconds.to_string(),
            one.mutant.what.clone(),
            one.caught.as_ref().map_or_else(|| "MISSED".into(), ToString::to_string),
        ]
    };
    let caught: Vec<&Caught> = judged.iter().filter_map(|one| one.caught.as_ref()).collect();
    let by_another = match caught.iter().filter(|caught| !caught.is_own).count() {
        0 => String::new(),
        1 => ", 1 of them by another check than its own".into(),
        more => format!(", {more} of them by other checks than their own"),
    };
    let sheet = Sheet { header, rows: judged.iter().map(row).collect(), words: 2 };
    format!("{}\ncaught: {} of {}{by_another}\n", sheet.text(), caught.len(), judged.len())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::cmd::fake_cargo;
    use crate::status::status_of;
    use crate::toolchain::{Compiler, CoreSource, Version};

    #[test]
    fn every_mutant_changes_the_sources_as_they_are() {
        let root = workspace::root();
        let mutants = patch::read_all(&root.join(FOLDER)).unwrap();
        assert!(mutants.len() >= 20, "{}", mutants.len());
        let files = fs::read_dir(root.join("tests/tests/kernels")).unwrap().flatten();
        let trials: String = files.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
        for mutant in &mutants {
            let source = fs::read_to_string(root.join(&mutant.file)).unwrap();
            let changed = mutant.apply(&source).unwrap_or_else(|why| panic!("{why:#}"));
            assert_ne!(changed, source, "{}", mutant.name);
            if let Check::Guest { kernels, filter } = &mutant.check {
                // Some names are put together from a number behind the module's.
                let module = filter.split("::").next().unwrap_or_default();
                let fits =
                    [filter, &format!("{module}::{{")].map(|name| trials.contains(&format!("\"{name}")));
                assert!(fits.contains(&true), "{}: no trial fits {filter}", mutant.name);
                for kernel in kernels.iter().filter(|kernel| *kernel != crate::build::KERNEL) {
                    let file = root.join("tests/kernels/src/bin").join(kernel);
                    let is_there = file.join("main.rs").is_file() || file.with_extension("rs").is_file();
                    assert!(is_there, "{}: {kernel}", mutant.name);
                }
            }
        }
    }

    #[test]
    fn name_that_there_is_not_is_refused_with_those_that_there_are() {
        let mutants = patch::read_all(&workspace::root().join(FOLDER)).unwrap();
        let error = choose(&mutants, &["no-such".into()]).unwrap_err();
        assert_eq!(status_of(&error), Status::Usage);
        assert!(error.to_string().contains(&mutants[0].name), "{error}");
    }

    /// The one mutant of a bench.
    const MUTANT: &str = "It is wrong.\nfound by: host some-package some_test\n\n\
                          --- a/source\n+++ b/source\n@@ -1 +1 @@\n-good\n+bad\n";

    /// Runs `look` on a bench whose tests are a shell script, with the one mutant that there is. The script's variable
    /// `planted` is `good` or `bad`, and `before` is how many tests ran before. Returns what `planted` was in each as well.
    fn on_bench<T>(script: &str, look: impl FnOnce(&Bench<'_>, &Mutant) -> T) -> (T, Vec<String>) {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [from, to, place] = folders.each_ref().map(tempfile::TempDir::path);
        fs::write(from.join("source"), "good\n").unwrap();
        fs::write(place.join("one.patch"), MUTANT).unwrap();
        let runs = place.join("runs");
        fs::write(&runs, "").unwrap();
        let script = format!(
            "case \"$*\" in *--no-run*) exit 0;; esac\nruns=\"${{0%/*}}/runs\"\nbefore=$(wc -l < \"$runs\")\n\
             read planted < source\necho $planted >> \"$runs\"\n{script}"
        );
        let compiler = Compiler {
            cargo: "no-cargo".into(),
            rustc: "no-rustc".into(),
            version: Version(1, 0, 0),
            has_target: true,
            has_source: false,
        };
        let bench = Bench {
            tree: &Tree::copy(from, to).unwrap(),
            cargo: &fake_cargo::make(place, &script),
            source: &CoreSource::Installed(compiler),
            qemu: Path::new("no-qemu"),
        };
        let mutants = patch::read_all(place).unwrap();
        let looked = look(&bench, &mutants[0]);
        let runs = fs::read_to_string(runs).unwrap();
        (looked, runs.lines().map(str::to_owned).collect())
    }

    /// Plants the one mutant. Returns how it was caught, and what was planted in each run.
    fn campaign_by(script: &str) -> (anyhow::Result<Option<Caught>>, Vec<String>) {
        on_bench(script, |bench, mutant| {
            campaign(bench, &[mutant], &|_| {}).map(|mut judged| judged.remove(0).caught)
        })
    }

    #[test]
    fn check_that_ends_with_no_failed_test_is_run_once_more_without_a_bug() {
        let (caught, runs) = campaign_by("[ $planted = good ] || kill -KILL $$\necho test some_test ... ok");
        let caught = caught.unwrap().unwrap();
        assert!(!caught.is_named && caught.by.ends_with("in which no test failed by name"), "{caught}");
        assert_eq!(runs, ["good", "bad", "good"]);
    }

    #[test]
    fn end_that_comes_without_a_bug_as_well_is_no_catch() {
        let (caught, runs) = campaign_by("[ $before = 0 ] || kill -KILL $$\necho test some_test ... ok");
        let error = caught.map(|caught| caught.map(|caught| caught.to_string())).unwrap_err();
        assert_eq!(status_of(&error), Status::Fail);
        assert!(error.to_string().contains("fails with no bug planted"), "{error}");
        assert_eq!(runs, ["good", "bad", "good"]);
    }

    #[test]
    fn test_that_fails_by_name_is_a_catch_with_no_run_behind_it() {
        let (caught, runs) = campaign_by(
            "[ $planted = good ] && echo test some_test ... ok && exit\necho test some_test ... FAILED\nexit 101",
        );
        let caught = caught.unwrap().unwrap();
        assert_eq!((&*caught.by, caught.is_own, caught.is_named), ("some_test", true, true));
        assert_eq!(runs, ["good", "bad"]);
    }

    #[test]
    fn tests_that_do_not_end_have_not_failed_by_name() {
        let find = |bench: &Bench<'_>, mutant: &Mutant| bench.find(&mutant.check, Duration::ZERO).unwrap();
        let (found, _) = on_bench("exec sleep 600", find);
        assert!(matches!(&found, Found::Broken(how) if how.contains("did not end")), "{found:?}");
    }

    #[test]
    fn last_line_counts_those_that_another_check_caught() {
        on_bench("", |_, mutant| {
            let last = |own: &[Option<bool>]| {
                let judge = |&is_own: &Option<bool>| Judged {
                    mutant,
                    caught: is_own.map(|is_own| Caught {
                        by: "some_test".into(),
                        check: 0,
                        is_own,
                        is_named: true,
                    }),
                    seconds: 1,
                };
                let judged: Vec<_> = own.iter().map(judge).collect();
                told(&judged).lines().last().unwrap().to_owned()
            };
            let (own, other) = (Some(true), Some(false));
            assert_eq!(last(&[own, own]), "caught: 2 of 2");
            assert_eq!(last(&[own, None]), "caught: 1 of 2");
            assert_eq!(last(&[own, other]), "caught: 2 of 2, 1 of them by another check than its own");
            assert_eq!(
                last(&[other, None, other]),
                "caught: 2 of 3, 2 of them by other checks than their own"
            );
        });
    }
}
