//! A limit on the process's addresses (`ulimit -v`), and what the C library would waste of it.
//!
//! ```text
//! limit? ─► no: go on
//!        └► yes: this program again, with MALLOC_ARENA_MAX=1 ─► go on
//! ```
//!
//! glibc reserves 64 MiB of addresses for each thread that allocates. They take up no memory, but they count against the limit:
//! a proxy that uses 50 MB would fill up 250 MB, and a thread that comes late, such as the recorder, gets nothing. With one
//! reservation for all threads the limit is one on what is used. glibc reads the setting at the start of a process only.

/// Starts this program again with one reservation for all threads, if its addresses are limited. Returns if they aren't, if the
/// environment says how many reservations there are to be, or if it can't be done.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn use_sparingly() {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Resource, getrlimit};

    const SETTING: &str = "MALLOC_ARENA_MAX";
    let is_set = [SETTING, "GLIBC_TUNABLES"].iter().any(|name| std::env::var_os(name).is_some());
    if is_set || getrlimit(Resource::As).current.is_none() {
        return;
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let error = match std::env::current_exe() {
        Ok(program) => {
            let mut again = std::process::Command::new(&program);
            again.arg0(name.unwrap_or_else(|| program.into())).args(arguments).env(SETTING, "1").exec()
        }
        Err(error) => error,
    };
    tracing::warn!(%error, "memory is limited (ulimit -v), and {SETTING}=1 can't be set; set it before the start");
}

/// Does nothing: only glibc reserves addresses so.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn use_sparingly() {}
