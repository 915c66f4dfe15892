//! A cgroup for each side, with a quota of CPU time, a limit of memory and one of processes, none of which is ever
//! reached: what is measured is that they are kept account of. Version 2 where it has the controllers, else version 1.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process, thread};

use crate::plan::Failure;

/// Begins the names of all groups of this program, before its process's number.
const PREFIX: &str = "switchlab-";

/// The controllers, their limits in version 2, and in version 1. Ten CPUs' time, 512 MiB, 64 processes.
const CONTROLLERS: [Controller; 3] = [
    Controller {
        name: "cpu",
        second: &[("cpu.max", "1000000 100000")],
        first: &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "1000000")],
    },
    Controller {
        name: "memory",
        second: &[("memory.max", "536870912")],
        first: &[("memory.limit_in_bytes", "536870912")],
    },
    Controller { name: "pids", second: &[("pids.max", "64")], first: &[("pids.max", "64")] },
];

struct Controller {
    name: &'static str,
    second: &'static [(&'static str, &'static str)],
    first: &'static [(&'static str, &'static str)],
}

/// Where groups are made: of version 2 one place, of version 1 one for each controller.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Places {
    Second(PathBuf),
    First(Vec<(&'static str, PathBuf)>),
}

/// The groups of both sides, gone when this is.
#[derive(Debug)]
pub struct Groups {
    made: [Vec<PathBuf>; 2],
}

/// Which version groups would be of, for people.
pub fn version() -> &'static str {
    match places() {
        Ok(Places::Second(_)) => "cgroup v2",
        Ok(Places::First(_)) => "cgroup v1",
        Err(_) => "no cgroup",
    }
}

impl Groups {
    /// Makes a group for each side, with its limits.
    ///
    /// # Errors
    ///
    /// The system has no cgroups, or refuses one, which is named.
    pub fn create() -> Result<Self, Failure> {
        let places = places()?;
        let mut groups = Self { made: [Vec::new(), Vec::new()] };
        for (side, made) in ["ping", "pong"].iter().zip(&mut groups.made) {
            let name = format!("{PREFIX}{}-{side}", process::id());
            let folders = match &places {
                Places::Second(root) => {
                    // Refused where it is done already or can not be: the limits then say so.
                    let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu +memory +pids");
                    vec![(
                        root.join(&name),
                        CONTROLLERS.iter().flat_map(|one| one.second).collect::<Vec<_>>(),
                    )]
                }
                Places::First(roots) => {
                    let of = |name: &str| {
                        CONTROLLERS.iter().filter(|one| one.name == name).flat_map(|one| one.first).collect()
                    };
                    roots.iter().map(|(controller, root)| (root.join(&name), of(controller))).collect()
                }
            };
            for (folder, limits) in folders {
                fs::create_dir(&folder).map_err(|why| refused(&folder, &why))?;
                made.push(folder.clone());
                for (file, text) in limits {
                    let file = folder.join(file);
                    fs::write(&file, text).map_err(|why| refused(&file, &why))?;
                }
            }
        }
        Ok(groups)
    }

    /// Moves the calling process into the group of the first side, or the second.
    ///
    /// # Errors
    ///
    /// The system refuses, or has left it where it was.
    pub fn join(&self, side: usize) -> Result<(), Failure> {
        for folder in &self.made[side] {
            let file = folder.join("cgroup.procs");
            fs::write(&file, "0").map_err(|why| refused(&file, &why))?;
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
            if !own.lines().any(|line| line.ends_with(&name)) {
                return Err(Failure::Told { why: format!("{}: it is not in it", folder.display()) });
            }
        }
        Ok(())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.made.iter().flatten().for_each(|folder| remove(folder));
    }
}

fn refused(path: &Path, why: &io::Error) -> Failure {
    Failure::Told { why: format!("cgroup: {}: {why}", path.display()) }
}

/// A group is busy until the last of its processes has been waited for.
fn remove(folder: &Path) {
    for _ in 0..100 {
        match fs::remove_dir(folder) {
            Err(why) if why.kind() == ErrorKind::ResourceBusy => thread::sleep(Duration::from_millis(10)),
            _ => return,
        }
    }
}

/// Removes the groups that processes which have gone have left behind: ended by force, they could not.
pub fn sweep() {
    let folders = match places() {
        Ok(Places::Second(root)) => vec![root],
        Ok(Places::First(roots)) => roots.into_iter().map(|(_, root)| root).collect(),
        Err(_) => Vec::new(),
    };
    for folder in folders {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let maker = name.to_str().and_then(maker);
            if maker.is_some_and(|maker| !Path::new(&format!("/proc/{maker}")).exists()) {
                remove(&entry.path());
            }
        }
    }
}

/// The number of the process that made a group; `None` of a name that is not ours.
fn maker(name: &str) -> Option<u32> {
    let (number, side) = name.strip_prefix(PREFIX)?.split_once('-')?;
    (side == "ping" || side == "pong").then(|| number.parse().ok()).flatten()
}

fn places() -> Result<Places, Failure> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let has_cpu = |root: &Path| {
        fs::read_to_string(root.join("cgroup.controllers"))
            .is_ok_and(|names| names.split_whitespace().any(|name| name == "cpu"))
    };
    places_of(&mounts, &own, has_cpu)
        .ok_or(Failure::Unavailable { why: "no cgroup file system with a cpu controller is mounted" })
}

/// Of what `/proc/self/mounts` and `/proc/self/cgroup` say.
fn places_of(mounts: &str, own: &str, has_cpu: impl Fn(&Path) -> bool) -> Option<Places> {
    let mounts: Vec<[&str; 3]> = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some([words.next()?, words.next()?, words.next()?])
        })
        .collect();
    let second = mounts.iter().find(|[path, kind, _]| *kind == "cgroup2" && has_cpu(Path::new(path)));
    if let Some([path, ..]) = second {
        return Some(Places::Second(path.into()));
    }
    let of = |name: &'static str| {
        let is_named = |words: &str| words.split(',').any(|word| word == name);
        let [path, ..] = mounts.iter().find(|[_, kind, options]| *kind == "cgroup" && is_named(options))?;
        let line = own.lines().find(|line| line.split(':').nth(1).is_some_and(is_named))?;
        let inside = line.splitn(3, ':').nth(2)?.trim_start_matches('/');
        Some((name, Path::new(path).join(inside)))
    };
    let first: Vec<_> = CONTROLLERS.iter().filter_map(|controller| of(controller.name)).collect();
    first.iter().any(|(name, _)| *name == "cpu").then_some(Places::First(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
        cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
        cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
    const OWN: &str = "4:memory:/some/where\n1:cpu,cpuacct:/\n0::/\n";

    #[test]
    fn second_version_is_taken_where_it_has_the_controllers() {
        let second = places_of(MOUNTS, OWN, |root| root == Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(second, Some(Places::Second("/sys/fs/cgroup/unified".into())));
    }

    #[test]
    fn first_version_has_a_place_for_each_controller_below_ones_own() {
        let first = vec![
            ("cpu", PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/")),
            ("memory", PathBuf::from("/sys/fs/cgroup/memory/some/where")),
        ];
        assert_eq!(places_of(MOUNTS, OWN, |_| false), Some(Places::First(first)));
        assert_eq!(places_of("", OWN, |_| true), None);
    }

    #[test]
    fn only_our_own_groups_have_a_maker() {
        assert_eq!(maker("switchlab-4711-ping"), Some(4711));
        for other in ["switchlab-4711", "switchlab-x-ping", "system.slice", "switchlab-1-other"] {
            assert_eq!(maker(other), None, "{other}");
        }
    }
}
