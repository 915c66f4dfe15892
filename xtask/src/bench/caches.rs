//! The caches of the host that hold data, as Linux's sysfs tells of them.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Bytes of a line.
pub const LINE_BYTES: u64 = 64;
/// Bytes of a page.
const PAGE_BYTES: u64 = 4096;

/// A level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// From 1, the nearest.
    pub level: u32,
    /// All of it.
    pub bytes: u64,
    /// Lines of a set; 0 where that is not known.
    pub ways: u64,
}

/// Those of the host's first CPU, the nearest first; none where the system does not tell.
pub fn of_this_host() -> Vec<Cache> {
    of(Path::new("/sys/devices/system/cpu/cpu0/cache"))
}

fn of(folder: &Path) -> Vec<Cache> {
    let indices = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut caches: Vec<Cache> = indices.filter_map(|index| cache(&index)).collect();
    caches.sort_unstable_by_key(|cache| cache.level);
    caches
}

fn cache(index: &Path) -> Option<Cache> {
    let read = |name: &str| Some(fs::read_to_string(index.join(name)).ok()?.trim().to_owned());
    if read("type")? == "Instruction" {
        return None;
    }
    let ways = read("ways_of_associativity").and_then(|text| text.parse().ok()).unwrap_or(0);
    Some(Cache { level: read("level")?.parse().ok()?, bytes: bytes(&read("size")?)?, ways })
}

/// `48K`, as sysfs has it.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix(['K', 'M']) {
        Some(number) if text.ends_with('K') => (number, 1 << 10),
        Some(number) => (number, 1 << 20),
        None => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

impl Cache {
    /// Tasks whose lines fit, where each has so many in a task and so many at one place of a page that is its stack.
    ///
    /// Pages begin in few sets: a line of each page finds room in as many sets as there are pages in a way, and one
    /// at least.
    pub fn tasks(&self, task_lines: u64, stack_lines: u64) -> u64 {
        let by_bytes = self.bytes / (LINE_BYTES * (task_lines + stack_lines).max(1));
        let way_bytes = self.bytes.checked_div(self.ways).unwrap_or(0);
        match (way_bytes, stack_lines) {
            (0, _) | (_, 0) => by_bytes,
            _ => by_bytes.min((way_bytes / PAGE_BYTES).max(1) * self.ways),
        }
    }

    /// `L1, 48 KiB`.
    pub fn name(&self) -> String {
        format!("L{}, {} KiB", self.level, self.bytes >> 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysfs_is_read_and_instructions_have_a_cache_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let index = |name: &str, level: &str, kind: &str, size: &str, ways: Option<&str>| {
            let index = folder.path().join(name);
            fs::create_dir(&index).unwrap();
            let files = [("level", Some(level)), ("type", Some(kind)), ("size", Some(size))];
            for (file, text) in files.into_iter().chain([("ways_of_associativity", ways)]) {
                if let Some(text) = text {
                    fs::write(index.join(file), format!("{text}\n")).unwrap();
                }
            }
        };
        index("index2", "2", "Unified", "2048K", Some("16"));
        index("index0", "1", "Data", "48K", Some("12"));
        index("index1", "1", "Instruction", "32K", Some("8"));
        index("index3", "3", "Unified", "32M", None);
        let caches = of(folder.path());
        let told: Vec<_> = caches.iter().map(|cache| (cache.level, cache.bytes, cache.ways)).collect();
        assert_eq!(told, [(1, 48 << 10, 12), (2, 2 << 20, 16), (3, 32 << 20, 0)]);
        assert!(of(Path::new("/no/such/folder")).is_empty());
    }

    #[test]
    fn lines_at_one_place_of_a_page_share_few_sets() {
        let first = Cache { level: 1, bytes: 48 << 10, ways: 12 };
        // A way is a page, so all stacks meet in one set of twelve.
        assert_eq!((first.tasks(1, 1), first.tasks(1, 0)), (12, 768));
        let second = Cache { level: 2, bytes: 2 << 20, ways: 16 };
        assert_eq!(second.tasks(1, 1), 32 * 16);
        let unknown = Cache { ways: 0, ..second };
        assert_eq!(unknown.tasks(1, 1), 16_384);
    }
}
