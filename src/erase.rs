//! Removes folders that steps have written to. A step may have mounted something there, in which other people's files lie.
//!
//! Invariants: nothing is deleted but what lies in the same mount as the folder's parent, and nothing is unmounted. Every
//! folder is opened by name below one that is open, without following links; whether that leads into another mount, by a
//! bind mount of the same file system too, the kernel says of what it opens, so nothing can be mounted in between. What can
//! be removed is, also folders that a tool has made read-only; the rest is named.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fchmod, fstat, openat, statat, unlinkat},
    io::Errno,
};

use self::system::{ONLY_TO_STAND_IN, allow, is_mounted};
use crate::record::{Text, shell_word};

/// Why something of a folder is still there.
#[derive(Debug, thiserror::Error)]
pub enum Kept {
    /// Something is mounted there.
    #[error("something is mounted at {}, and what is mounted is not deleted", listed(.0))]
    Mounted(Vec<PathBuf>),
    /// The system refused it.
    #[error("`{path}`: {reason}", path = .path.display())]
    Refused {
        /// What could not be removed.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
}

impl Kept {
    /// How a person removes the folder. Never by `rm -rf`: that would empty what is mounted there.
    #[must_use]
    pub fn remedy(&self) -> Text {
        match self {
            Self::Mounted(places) => {
                let places = places.iter().map(|place| format!(" {}", shell_word(&place.to_string_lossy())));
                let command = if cfg!(target_os = "linux") { "umount -R" } else { "umount" };
                format!("{command}{}, then `canship clean`; `rm -rf` would delete what is mounted", places.collect::<String>())
                    .into()
            }
            Self::Refused { .. } => "see to it that it can be removed, then run `canship clean`".into(),
        }
    }
}

impl From<Kept> for io::Error {
    fn from(kept: Kept) -> Self {
        Self::other(kept)
    }
}

fn listed(places: &[PathBuf]) -> String {
    places.iter().map(|place| format!("`{}`", place.display())).collect::<Vec<_>>().join(", ")
}

/// Removes the folder with all that is in it, beside other tasks. One that is not there is as good.
///
/// # Errors
/// Something of it is still there.
pub async fn folder_aside(path: PathBuf) -> Result<(), Kept> {
    let own = path.clone();
    let stopped = |reason: tokio::task::JoinError| Err(Kept::Refused { path, reason: reason.into() });
    tokio::task::spawn_blocking(move || folder(&own)).await.unwrap_or_else(stopped)
}

/// Removes the folder with all that is in it. One that is not there is as good.
///
/// # Errors
/// Something of it is still there.
pub fn folder(path: &Path) -> Result<(), Kept> {
    let refused = |errno: Errno| Kept::Refused { path: path.to_owned(), reason: errno.into() };
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(refused(Errno::INVAL)) };
    let name = CString::new(name.as_bytes()).map_err(|_| refused(Errno::INVAL))?;
    let here = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    let parent = match openat(CWD, here, ONLY_TO_STAND_IN | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened.map_err(refused)?,
    };
    let mut walk = Walk { levels: Vec::new(), start: above.to_owned(), mounts: Vec::new(), refused: None };
    walk.go(&parent, &name);
    match (walk.mounts.is_empty(), walk.refused) {
        (false, _) => Err(Kept::Mounted(walk.mounts)),
        (true, Some((path, errno))) => Err(Kept::Refused { path, reason: errno.into() }),
        (true, None) => Ok(()),
    }
}

/// A folder that is being emptied.
struct Level {
    folder: OwnedFd,
    name: CString,
    inside: Vec<(CString, FileType)>,
    /// Whether something stays in it.
    keeps: bool,
}

/// Folders down to the one that is being emptied.
struct Walk {
    levels: Vec<Level>,
    start: PathBuf,
    mounts: Vec<PathBuf>,
    /// The first that was refused.
    refused: Option<(PathBuf, Errno)>,
}

impl Walk {
    fn go(&mut self, above: &OwnedFd, first: &CStr) {
        let entered = enter(above, first).map(Some);
        self.note(first, entered);
        while let Some(level) = self.levels.last_mut() {
            if let Some((name, kind)) = level.inside.pop() {
                let taken = take(&level.folder, &name, kind);
                self.note(&name, taken);
            } else if let Some(level) = self.levels.pop() {
                let parent = self.levels.last().map_or(above, |parent| &parent.folder);
                if level.keeps {
                    self.keep();
                } else {
                    let removed = delete(parent, &level.name, AtFlags::REMOVEDIR);
                    self.note(&level.name, removed.map(|()| None));
                }
            }
        }
    }

    /// Goes on with what came of something in the last folder: it is gone, or a folder to be emptied first, or stays.
    fn note(&mut self, name: &CStr, taken: Result<Option<Level>, Errno>) {
        match taken {
            Ok(Some(level)) => self.levels.push(level),
            // Somebody else who cleans may have been faster.
            Ok(None) | Err(Errno::NOENT) => {}
            Err(errno) => {
                let path = self.path(name);
                if errno == Errno::XDEV {
                    self.mounts.push(path);
                } else {
                    self.refused.get_or_insert((path, errno));
                }
                self.keep();
            }
        }
    }

    fn keep(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.keeps = true;
        }
    }

    fn path(&self, name: &CStr) -> PathBuf {
        let names = self.levels.iter().map(|level| level.name.as_c_str()).chain([name]);
        names.fold(self.start.clone(), |path, name| path.join(OsStr::from_bytes(name.to_bytes())))
    }
}

/// Removes what lies in a folder; a folder is opened instead.
fn take(parent: &OwnedFd, name: &CStr, kind: FileType) -> Result<Option<Level>, Errno> {
    let kind = match kind {
        FileType::Unknown => FileType::from_raw_mode(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode),
        known => known,
    };
    if kind == FileType::Directory { enter(parent, name).map(Some) } else { delete(parent, name, AtFlags::empty()).map(|()| None) }
}

fn delete(parent: &OwnedFd, name: &CStr, flags: AtFlags) -> Result<(), Errno> {
    match unlinkat(parent, name, flags) {
        Err(Errno::BUSY) if is_mounted(parent, name) => Err(Errno::XDEV),
        removed => removed,
    }
}

/// Opens a folder in the same mount, with the right to change it, and lists what is inside.
fn enter(parent: &OwnedFd, name: &CStr) -> Result<Level, Errno> {
    let folder = match open(parent, name, FOLDER) {
        Err(Errno::ACCESS) => {
            allow(parent, name)?;
            open(parent, name, FOLDER)?
        }
        opened => opened?,
    };
    if !Mode::from_raw_mode(fstat(&folder)?.st_mode).contains(Mode::RWXU) {
        // Where it does not work, removing what is inside tells.
        fchmod(&folder, Mode::RWXU).unwrap_or_default();
    }
    let mut inside = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            inside.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(Level { folder, name: name.to_owned(), inside, keeps: false })
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens what lies there in the same mount as `parent`; [`Errno::XDEV`] if it lies in another.
fn open(parent: &OwnedFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};

        let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(parent, name, flags, Mode::empty(), resolve) {
            // Linux before 5.6 does not have the call, nor do sandboxes that do not know it.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
    }
    open_and_look(parent, name, flags)
}

/// The same where the kernel has no call for it: what is open is looked at before anything is done with it.
fn open_and_look(parent: &OwnedFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let opened = openat(parent, name, flags, Mode::empty())?;
    if system::mount(&opened)? == system::mount(parent)? { Ok(opened) } else { Err(Errno::XDEV) }
}

#[cfg(target_os = "linux")]
mod system {
    use super::{CStr, Errno, FOLDER, Mode, OFlags, OwnedFd, open};

    pub(super) const ONLY_TO_STAND_IN: OFlags = OFlags::PATH;

    /// Gives the right to read a folder that could not be opened.
    pub(super) fn allow(parent: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        use std::os::fd::AsRawFd as _;

        let folder = open(parent, name, OFlags::PATH | FOLDER)?;
        // The one way to change the mode of what is only pointed at: no link and no mount is followed.
        rustix::fs::chmod(format!("/proc/self/fd/{}", folder.as_raw_fd()), Mode::RWXU)
    }

    pub(super) fn is_mounted(parent: &OwnedFd, name: &CStr) -> bool {
        open(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC).is_err_and(|errno| errno == Errno::XDEV)
    }

    /// The id of the mount in which an open file lies. Source: `proc_pid_fdinfo(5)`.
    pub(super) fn mount(file: &OwnedFd) -> Result<u64, Errno> {
        use std::os::fd::AsRawFd as _;

        let seen = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()));
        let seen = seen.map_err(|reason| Errno::from_io_error(&reason).unwrap_or(Errno::IO))?;
        let id = seen.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
        id.ok_or(Errno::NOSYS)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{AtFlags, CStr, Errno, Mode, OFlags, OwnedFd, fstat, statat};

    pub(super) const ONLY_TO_STAND_IN: OFlags = OFlags::RDONLY;

    /// Gives the right to read a folder that could not be opened.
    pub(super) fn allow(parent: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        if statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_dev != mount(parent)? {
            return Err(Errno::XDEV);
        }
        rustix::fs::chmodat(parent, name, Mode::RWXU, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Only Linux mounts on files.
    pub(super) fn is_mounted(_parent: &OwnedFd, _name: &CStr) -> bool {
        false
    }

    /// Only Linux shows a part of a file system at two places.
    pub(super) fn mount(file: &OwnedFd) -> Result<rustix::fs::Dev, Errno> {
        Ok(fstat(file)?.st_dev)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn another_mount_is_not_opened_whether_the_kernel_has_a_call_for_that_or_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        let opened = |open: fn(&OwnedFd, &CStr, OFlags) -> Result<OwnedFd, Errno>, above: &Path, name: &CStr| {
            let above = openat(CWD, above, FOLDER, Mode::empty()).unwrap();
            open(&above, name, FOLDER).map(drop)
        };
        for open in [open, open_and_look] {
            assert_eq!(opened(open, folder.path(), c"below"), Ok(()));
            let mounted = if cfg!(target_os = "linux") { c"proc" } else { c"dev" };
            assert_eq!(opened(open, Path::new("/"), mounted), Err(Errno::XDEV));
        }
    }

    #[test]
    fn all_goes_whatever_its_mode_and_however_deep_and_links_are_not_followed() {
        let top = tempfile::tempdir().unwrap();
        let (target, other) = (top.path().join("target"), top.path().join("other"));
        let deep = target.join("a/b/c/d");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("file"), "mine").unwrap();
        fs::write(deep.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&other, deep.join("link")).unwrap();
        for (folder, mode) in [("a/b/c/d", 0), ("a/b/c", 0o500), ("a/b", 0o300)] {
            fs::set_permissions(target.join(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
        folder(&target).unwrap();
        assert!(!target.exists());
        assert_eq!(fs::read(other.join("file")).unwrap(), b"mine");
        folder(&target).unwrap();
    }
}
