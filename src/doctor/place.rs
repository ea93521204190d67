//! This machine: the port, and room on the disk.
//!
//! `SocketAddr → bound for a moment` · `folder → a file made for a moment, free space`

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use super::{CheckState, DoctorCheck};

const MIB: u64 = 1024 * 1024;

/// Less free space than this is a warning: a day of lively traffic fills it.
const LITTLE: u64 = 1024 * MIB;

/// Less free space than this is no place for a recording.
const TOO_LITTLE: u64 = 100 * MIB;

/// Whether the address can be listened on.
pub(super) async fn listen(address: SocketAddr) -> DoctorCheck {
    let Err(error) = TcpListener::bind(address).await else {
        return DoctorCheck::good("listen", format!("{address} is free"));
    };
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "something listens there already, perhaps another Umpire: end it, or choose another \
                                     address with --listen"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need special rights: choose a higher one with --listen",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: choose 127.0.0.1 or one of its own with --listen"
        }
        _ => "choose another address with --listen",
    };
    DoctorCheck::new("listen", CheckState::Bad, format!("{address} can't be listened on: {error}"), advice)
}

/// Whether captures can be written, and how much.
pub(super) fn disk(folder: &Path) -> DoctorCheck {
    let nearest = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let shown = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    let trial = shown.join(format!(".umpire-doctor-{}", std::process::id()));
    if let Err(error) = fs::File::create_new(&trial).and_then(|_| fs::remove_file(&trial)) {
        let found = format!("{} can't be written to: {error}", shown.display());
        return DoctorCheck::new(
            "disk",
            CheckState::Bad,
            found,
            "start Umpire in another folder, or name a file with --capture",
        );
    }
    let free = match fs4::available_space(shown) {
        Ok(free) => free,
        Err(error) => {
            let found = format!("the free space of {} is not known: {error}", shown.display());
            return DoctorCheck::new("disk", CheckState::Warning, found, "see that there is at least 1 GiB");
        }
    };
    let found = format!("{} MiB free for captures in {}", free / MIB, shown.display());
    match free {
        0..TOO_LITTLE => {
            DoctorCheck::new("disk", CheckState::Bad, found, "make room, or name a file on another disk with --capture")
        }
        TOO_LITTLE..LITTLE => {
            DoctorCheck::new("disk", CheckState::Warning, found, "enough to begin; make room for longer recordings")
        }
        _ => DoctorCheck::good("disk", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_said_with_the_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = listen(taken.local_addr().unwrap()).await;
        assert_eq!(check.state, CheckState::Bad);
        assert!(check.advice.contains("--listen"), "{check:?}");
        assert_eq!(listen("127.0.0.1:0".parse().unwrap()).await.state, CheckState::Good);
        assert_eq!(listen("192.0.2.1:0".parse().unwrap()).await.state, CheckState::Bad);
    }

    #[test]
    fn a_folder_that_is_yet_to_be_made_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let check = disk(&folder.path().join("captures/today"));
        assert_ne!(check.state, CheckState::Bad, "{check:?}");
        assert!(check.found.contains(&folder.path().display().to_string()), "{check:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
