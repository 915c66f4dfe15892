//! A tiny tree of files in memory, as a namespace sees it: from a root of its own, with other trees mounted over
//! folders of it. No path leads out: above the root is the root.

/// The most folders that a path can be deep.
pub const MAX_DEPTH: usize = 8;
/// Bytes of a path.
pub const PATH_BYTES: usize = 128;

/// What a path leads to. Two nodes are one where they are at one address: a mount point is told from a folder with
/// the same contents by that.
#[derive(Debug)]
pub enum Node {
    /// Names, and what they lead to.
    Folder(&'static [(&'static str, &'static Self)]),
    /// Bytes.
    File(&'static [u8]),
}

/// A tree in place of a folder.
#[derive(Clone, Copy, Debug)]
pub struct Mount {
    /// The folder.
    pub over: &'static Node,
    /// The root of what is there instead.
    pub tree: &'static Node,
}

/// What a namespace sees.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Where `/` leads.
    pub root: &'static Node,
    /// What is mounted.
    pub mounts: &'static [Mount],
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// There is nothing of that name.
    NotFound,
    /// It goes through a file.
    NotAFolder,
    /// It is a folder.
    NotAFile,
    /// It is deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl View {
    /// What `path` leads to. Each is taken from the root, with a slash in front or without.
    ///
    /// # Errors
    ///
    /// [`PathError`].
    pub fn resolve(&self, path: &[u8]) -> Result<&'static Node, PathError> {
        // The way from the root, which is never left.
        let mut way = [self.mounted(self.root); MAX_DEPTH + 1];
        let mut depth = 0;
        for name in path.split(|byte| *byte == b'/') {
            let Node::Folder(entries) = way[depth] else { return Err(PathError::NotAFolder) };
            match name {
                b"" | b"." => {}
                b".." => depth = depth.saturating_sub(1),
                name => {
                    let found = entries.iter().find(|(of, _)| of.as_bytes() == name);
                    let (_, node) = found.ok_or(PathError::NotFound)?;
                    depth += 1;
                    *way.get_mut(depth).ok_or(PathError::TooDeep)? = self.mounted(node);
                }
            }
        }
        Ok(way[depth])
    }

    /// The bytes of the file that `path` leads to.
    ///
    /// # Errors
    ///
    /// [`PathError`].
    pub fn read(&self, path: &[u8]) -> Result<&'static [u8], PathError> {
        match self.resolve(path)? {
            Node::File(bytes) => Ok(bytes),
            Node::Folder(_) => Err(PathError::NotAFile),
        }
    }

    fn mounted(&self, node: &'static Node) -> &'static Node {
        let mount = self.mounts.iter().find(|mount| core::ptr::eq(mount.over, node));
        mount.map_or(node, |mount| mount.tree)
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    static SECRET: Node = Node::File(b"the host's");
    static OTHER: Node = Node::File(b"another's");
    static INDEX: Node = Node::File(b"index");
    static SHARED: Node = Node::File(b"shared");
    static DATA: Node = Node::Folder(&[]);
    static WEB: Node = Node::Folder(&[("index", &INDEX), ("data", &DATA)]);
    static BATCH: Node = Node::Folder(&[("other", &OTHER)]);
    static LIBRARY: Node = Node::Folder(&[("shared", &SHARED)]);
    static HOST: Node =
        Node::Folder(&[("secret", &SECRET), ("web", &WEB), ("batch", &BATCH), ("library", &LIBRARY)]);

    static FROM_WEB: View = View { root: &WEB, mounts: &[Mount { over: &DATA, tree: &LIBRARY }] };
    static FROM_HOST: View = View { root: &HOST, mounts: &[] };

    #[test]
    fn path_leads_from_the_namespace_s_root() {
        assert_eq!(FROM_WEB.read(b"/index"), Ok(&b"index"[..]));
        assert_eq!(FROM_WEB.read(b"index"), Ok(&b"index"[..]));
        assert_eq!(FROM_HOST.read(b"/web/index"), Ok(&b"index"[..]));
        assert_eq!(FROM_WEB.read(b"/web/index"), Err(PathError::NotFound));
        assert_eq!(FROM_HOST.read(b"/index"), Err(PathError::NotFound));
    }

    #[test]
    fn name_is_whole() {
        for path in ["/ind", "/indexes", "/Index", "/web/ind"] {
            assert_eq!(FROM_WEB.read(path.as_bytes()), Err(PathError::NotFound), "{path}");
        }
    }

    #[test]
    fn two_dots_lead_one_folder_up() {
        assert_eq!(FROM_HOST.read(b"/web/data/../index"), Ok(&b"index"[..]));
        assert_eq!(FROM_HOST.read(b"/web/data/../../secret"), Ok(&b"the host's"[..]));
        assert_eq!(FROM_HOST.read(b"/web/data/../secret"), Err(PathError::NotFound));
    }

    #[test]
    fn root_can_be_mounted_over() {
        static OVER_ROOT: View = View { root: &WEB, mounts: &[Mount { over: &WEB, tree: &LIBRARY }] };
        assert_eq!(OVER_ROOT.read(b"/shared"), Ok(&b"shared"[..]));
        assert_eq!(OVER_ROOT.read(b"/index"), Err(PathError::NotFound), "what was there is not seen");
    }

    #[test]
    fn no_path_leads_out_of_the_root() {
        for path in
            ["/../secret", "../../../secret", "/data/../../secret", "/./../batch/other", "//..//secret"]
        {
            assert_eq!(FROM_WEB.read(path.as_bytes()), Err(PathError::NotFound), "{path}");
        }
        assert_eq!(FROM_WEB.read(b"/../../index"), Ok(&b"index"[..]), "above the root is the root");
        assert_eq!(FROM_HOST.read(b"/web/../secret"), Ok(&b"the host's"[..]));
    }

    #[test]
    fn mount_is_seen_in_its_namespace_alone() {
        assert_eq!(FROM_WEB.read(b"/data/shared"), Ok(&b"shared"[..]));
        assert_eq!(
            FROM_WEB.read(b"/data/../index"),
            Ok(&b"index"[..]),
            "above a mount is where it is mounted"
        );
        assert_eq!(FROM_HOST.read(b"/web/data/shared"), Err(PathError::NotFound));
    }

    #[test]
    fn what_is_no_file_or_no_folder_is_named() {
        assert_eq!(FROM_WEB.read(b"/data"), Err(PathError::NotAFile));
        assert_eq!(FROM_WEB.read(b""), Err(PathError::NotAFile));
        assert_eq!(FROM_WEB.read(b"/index/x"), Err(PathError::NotAFolder));
        assert_eq!(FROM_WEB.read(b"/index/.."), Err(PathError::NotAFolder));
    }

    #[test]
    fn depth_has_a_bound() {
        static N0: Node = Node::Folder(&[("d", &N0)]);
        let view = View { root: &N0, mounts: &[] };
        assert!(view.resolve(b"d/d/d/d/d/d/d/d").is_ok());
        assert_eq!(view.resolve(b"d/d/d/d/d/d/d/d/d").err(), Some(PathError::TooDeep));
    }

    proptest! {
        #[test]
        fn whatever_the_path_nothing_of_others_is_read(
            names in prop::collection::vec(
                prop::sample::select(vec!["..", ".", "", "secret", "batch", "other", "index", "data", "shared", "web"]),
                0..12,
            )
        ) {
            let path: String = names.join("/");
            if let Ok(bytes) = FROM_WEB.read(path.as_bytes()) {
                prop_assert!([&b"index"[..], b"shared"].contains(&bytes), "{} by {}", String::from_utf8_lossy(bytes), path);
            }
        }

        #[test]
        fn no_bytes_are_too_strange(path in prop::collection::vec(any::<u8>(), 0..PATH_BYTES)) {
            let _: Vec<_> = [FROM_WEB.resolve(&path), FROM_HOST.resolve(&path)].into();
        }
    }
}
