//! Umpire's own certificate authorities: who vouches for it where it listens with TLS and where it intercepts.
//!
//! ```text
//! hosts ─► Authority (key mode 600, X.509 name constraints) ─► Store: authorities/<id>.pem, ca.pem (certificates only)
//!              └─► Leaves (bounded cache) ─► Resolver: SNI ─► leaf certificate ─► rustls
//! ```
//!
//! No authority is made for what nobody owns (`com`, `co.uk`, `github.io`).
//! An authority can vouch for its hosts and this machine's loopback only: its key is worth nothing elsewhere. A new
//! host gets an additional authority instead of a wider one, so that what clients trust already stays as narrow as it
//! was and goes on to work.

mod authority;
mod files;
mod hosts;
mod leaves;
mod store;

pub use authority::Authority;
pub use hosts::{HostPattern, HostPatternError};
pub(crate) use leaves::Resolver;
pub use leaves::{LeafError, Leaves};
pub use store::HOME;
pub(crate) use store::{EnsuredAuthorities, Store};

use std::io;
use std::path::PathBuf;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaError {
    /// The user has no home folder.
    #[error("there is no home folder to keep the certificate authority in; name a folder with {HOME}")]
    NoHome,
    /// A file or folder can't be used.
    #[error("cannot {what} {}: {cause}; another folder can be named with {HOME}", path.display())]
    File {
        /// `read`, `write`, ...
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file that is no authority of Umpire's.
    #[error("{} is not an authority that Umpire made: {cause}; `umpire ca remove` takes it away", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Others may read a key.
    #[error("others can read the key in {} (mode {mode:o}); `chmod 600` it, or `umpire ca remove` if somebody has", path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate authority: {0}")]
    Make(String),
}
