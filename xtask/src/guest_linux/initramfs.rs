//! The guest's first file system: a cpio archive in the format that Linux calls `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst), uncompressed. The files are few and written
//! from memory, so this is all of the format that is needed.

/// Format of an entry's header.
const MAGIC: &str = "070701";
/// Name of the entry that ends the archive.
const TRAILER: &str = "TRAILER!!!";
/// Each header with its name, and each file's bytes, end at a multiple of this.
const ALIGNMENT: usize = 4;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An archive that grows.
#[derive(Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    entries: u32,
}

/// A device's number.
#[derive(Clone, Copy, Default)]
struct Device {
    major: u32,
    minor: u32,
}

impl Initramfs {
    /// What a first process needs: mount points, and the console that is its stdout.
    pub fn new() -> Self {
        let mut archive = Self::default();
        for folder in ["dev", "proc", "sys"] {
            archive.entry(folder, FOLDER, Device::default(), &[]);
        }
        // Before anything is mounted the kernel opens it for the first process.
        archive.entry("dev/console", CHARACTER_DEVICE, Device { major: 5, minor: 1 }, &[]);
        archive
    }

    /// Adds a file that can be run; a leading `/` of its path is left out, as the format has it.
    pub fn program(&mut self, path: &str, bytes: &[u8]) {
        self.entry(path.trim_start_matches('/'), PROGRAM, Device::default(), bytes);
    }

    /// The archive, ended.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, Device::default(), &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, device: Device, data: &[u8]) {
        self.entries += 1;
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (owner, group, links, time, checksum) = (0, 0, 1, 0, 0);
        let (size, on) = (number(data.len()), Device::default());
        let name_size = number(name.len() + 1);
        let of_file = [self.entries, mode, owner, group, links, time, size];
        let of_place = [on.major, on.minor, device.major, device.minor, name_size, checksum];
        self.bytes.extend_from_slice(MAGIC.as_bytes());
        for field in of_file.into_iter().chain(of_place) {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_format() {
        let mut archive = Initramfs::default();
        archive.program("/init", b"hello");
        let expected = concat!(
            "070701",
            "00000001", // inode
            "000081ed", // a file, 0755
            "0000000000000000",
            "00000001", // one link
            "00000000", // time
            "00000005", // bytes
            "00000000000000000000000000000000",
            "00000005", // name and its end
            "00000000",
            "init\0\0", // 110 of the header and 5 make 115, to a multiple of four
            "hello\0\0\0",
            "070701",
            "00000002",
            "00000000",
            "0000000000000000",
            "00000001",
            "00000000",
            "00000000",
            "00000000000000000000000000000000",
            "0000000b",
            "00000000",
            "TRAILER!!!\0\0\0\0",
        );
        assert_eq!(String::from_utf8(archive.finish()).unwrap(), expected);
    }

    #[test]
    fn first_process_finds_its_console_and_its_mount_points() {
        let text = String::from_utf8(Initramfs::new().finish()).unwrap();
        for name in ["dev\0", "proc\0", "sys\0"] {
            assert!(text.contains(name), "{name}");
        }
        let console = text.split(MAGIC).find(|entry| entry.contains("dev/console\0")).unwrap();
        assert_eq!(&console[8..16], "00002180", "a character device, 0600");
        assert_eq!(&console[8 * 9..8 * 11], "0000000500000001", "5, 1");
        assert!(
            text.split(MAGIC)
                .all(|entry| (entry.len() + MAGIC.len()).is_multiple_of(ALIGNMENT) || entry.is_empty())
        );
    }
}
