//! How many files and connections the system lets the process have open, and what that leaves for brokers.
//!
//! ```text
//! limit of descriptors (raised as far as the system allows)
//!   − open now − kept for the capture, settings, look-ups ─► half for brokers, half for the way upstream
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::proxy::logged::LoggedError;

/// Descriptors kept for other things than connections: files of the capture, of settings and rules, name look-ups.
const KEPT: u64 = 12;

/// Time between two tries to connect where no descriptor was free.
const PAUSE: Duration = Duration::from_millis(20);

/// Raises the process's soft limit of descriptors to its hard one, and says how many connections of brokers there is room
/// for: at most `wanted`, at least one. Each may need a second one, to the booking system.
#[must_use]
pub(crate) fn room_for(wanted: usize) -> usize {
    match limit_and_open() {
        Some((limit, open)) => room_within(wanted, limit, open),
        None => wanted,
    }
}

fn room_within(wanted: usize, limit: u64, open: u64) -> usize {
    let room = limit.saturating_sub(open).saturating_sub(KEPT) / 2;
    usize::try_from(room).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

/// The limit once it is raised, and how many descriptors are in use; `None` where there is no limit or none to be known.
#[cfg(unix)]
fn limit_and_open() -> Option<(u64, u64)> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limits = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, maximum: limits.maximum });
    let limit = if raised.is_ok() { limits.maximum } else { limits.current };
    let open = std::fs::read_dir("/dev/fd").map_or(0, |open| open.count() as u64);
    Some((limit?, open))
}

#[cfg(not(unix))]
fn limit_and_open() -> Option<(u64, u64)> {
    None
}

/// Connects; where no descriptor is free, waits for one. The caller bounds the time.
///
/// # Errors
///
/// Those of connecting, but for a lack of descriptors.
pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    patiently(|| TcpStream::connect(address)).await
}

/// Looks up the addresses of a host; where no descriptor is free, waits for one. The caller bounds the time.
///
/// # Errors
///
/// Those of the look-up, but for a lack of descriptors.
pub(crate) async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    patiently(|| async { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }).await
}

async fn patiently<T, F: Future<Output = io::Result<T>>>(attempt: impl Fn() -> F) -> io::Result<T> {
    loop {
        match attempt().await {
            Err(error) if is_lack(&error) => {
                tracing::debug!(error = %LoggedError(&error), "waiting for a descriptor");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

#[cfg(unix)]
fn is_lack(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.raw_os_error().is_some_and(|code| [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error).contains(&code))
}

#[cfg(not(unix))]
fn is_lack(_error: &io::Error) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_room_for_a_second_one() {
        assert_eq!(room_within(4096, 1 << 20, 10), 4096);
        assert_eq!(room_within(4096, 1024, 12), 500);
        assert_eq!(room_within(4096, 40, 18), 5);
        assert_eq!(room_within(4096, 8, 18), 1, "one is always let in");
        assert_eq!(room_within(2, 1024, 12), 2);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_known_and_what_is_open_counts() {
        let (limit, before) = limit_and_open().unwrap();
        let files: Vec<_> = (0..5).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        assert!(limit > before && limit_and_open().unwrap().1 >= files.len() as u64);
        assert!(is_lack(&io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error())));
        assert!(!is_lack(&io::ErrorKind::ConnectionRefused.into()));
    }
}
