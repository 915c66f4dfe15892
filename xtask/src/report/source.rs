//! What a report is made of: the files that a run left, from its folder or from another report.
//! Nothing is judged here.

use std::fs;
use std::io;
use std::path::Path;

use super::embed::{self, EmbeddedRun};
use crate::bench;
use crate::folder;
use crate::status::Refusal;
use crate::{levels, manifest, report, rigorous};

/// The files of a boot that a report shows or carries.
pub const FILES: [&str; 11] = [
    folder::LOG,
    manifest::FILE,
    rigorous::FILE,
    folder::STDERR,
    report::listing::FILE,
    folder::TRACE_LOG,
    manifest::OF_TRACE,
    folder::INSTRUCTIONS_LOG,
    manifest::OF_INSTRUCTIONS,
    bench::row::FILE,
    levels::FILE,
];

/// The folders of a run of several boots are named `boot-01` and so on.
const BOOT: &str = "boot-";

/// The runs and benchmarks that `path` has: one for a folder, a `bench.json` or a `host.json`, all for a report.
///
/// # Errors
///
/// Status 2: it is not there, or has neither log nor `bench.json` nor `host.json`.
pub fn read(path: &Path) -> anyhow::Result<Vec<EmbeddedRun>> {
    let refuse = |why: &dyn std::fmt::Display| {
        Refusal::usage(format!(
            "{}: {why}; the folder of a run, of a bench or of a host, its {} or {}, or a report, is expected",
            path.display(),
            bench::row::FILE,
            levels::FILE
        ))
    };
    if path.is_dir() {
        let run = read_folder(path).map_err(|error| refuse(&error))?;
        if run.logs().next().is_none() && run.is_run() {
            return Err(refuse(&format_args!(
                "there is no {} in it, no {} and no {}",
                folder::LOG,
                bench::row::FILE,
                levels::FILE
            )));
        }
        return Ok(vec![run]);
    }
    let bytes = fs::read(path).map_err(|error| refuse(&error))?;
    // A page begins with its doctype, and what `bench` and `host` kept is JSON.
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let file = match levels::is_kept(&String::from_utf8_lossy(&bytes)) {
            true => levels::FILE,
            false => bench::row::FILE,
        };
        let mut run = EmbeddedRun { name: name_of_json(path), files: Vec::new() };
        run.push(file.into(), bytes);
        return Ok(vec![run]);
    }
    embed::embedded(&String::from_utf8_lossy(&bytes)).map_err(|error| refuse(&format_args!("{error:#}")))
}

/// A `bench.json` or `host.json` is called as its folder is; another file as it is itself.
fn name_of_json(path: &Path) -> String {
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let is_usual = whole.file_name().is_some_and(|name| name == bench::row::FILE || name == levels::FILE);
    let named = if is_usual { whole.parent().and_then(Path::file_name) } else { whole.file_stem() };
    named.map_or_else(|| "bench".into(), |name| name.to_string_lossy().into_owned())
}

fn read_folder(path: &Path) -> io::Result<EmbeddedRun> {
    // `latest` is a link: the run has a name of its own.
    let name = fs::canonicalize(path)?;
    let name = name.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
    let mut run = EmbeddedRun { name, files: Vec::new() };
    read_files(path, "", &mut run)?;
    let mut boots = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(BOOT) && entry.path().is_dir() {
            boots.push(name);
        }
    }
    boots.sort();
    for boot in boots {
        read_files(&path.join(&boot), &format!("{boot}/"), &mut run)?;
    }
    Ok(run)
}

fn read_files(folder: &Path, prefix: &str, run: &mut EmbeddedRun) -> io::Result<()> {
    for name in FILES {
        match fs::read(folder.join(name)) {
            Ok(bytes) => run.push(format!("{prefix}{name}"), bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{prefix}{name}: {error}"))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Status, status_of};

    #[test]
    fn boots_follow_each_other_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["boot-02", "boot-10", "boot-01", "other"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(folder::LOG), name).unwrap();
        }
        let runs = read(folder.path()).unwrap();
        let logs: Vec<_> = runs[0].logs().map(|file| (&*file.path, &*file.text)).collect();
        assert_eq!(
            logs,
            [
                ("boot-01/serial.log", "boot-01"),
                ("boot-02/serial.log", "boot-02"),
                ("boot-10/serial.log", "boot-10")
            ]
        );
    }

    #[test]
    fn what_has_no_log_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let empty = read(folder.path()).unwrap_err();
        let page = folder.path().join("page.html");
        fs::write(&page, "<p>no report</p>").unwrap();
        let page = read(&page).unwrap_err();
        let missing = read(Path::new("/no/such/run")).unwrap_err();
        for (error, named) in
            [(empty, "there is no serial.log"), (page, "page.html"), (missing, "/no/such/run")]
        {
            assert_eq!(status_of(&error), Status::Usage);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
