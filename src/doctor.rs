//! Looks at what a run of the proxy needs before there is one.
//!
//! ```text
//! Plan ─► listen · disk ─┐
//!         upstream: connection ─► certificate ─► API ─► clock ├─► Check, each with what to do
//!         where TLS is made: authority · hosts · trust ───────┘
//! ```

mod place;
mod trust;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use trust::VARIABLES;

use crate::ca::{HostPattern, Store};
use crate::proxy::BaseUri;
use crate::proxy::upstream::live::UpstreamConfig;

/// What to look at.
#[derive(Debug)]
pub(crate) struct DoctorPlan {
    /// The booking system, if one is named.
    pub to: Option<BaseUri>,
    /// Where the proxy is to listen.
    pub listen: SocketAddr,
    /// What it is to intercept.
    pub intercept: Vec<HostPattern>,
    /// It is to listen with a certificate of Umpire's authority.
    pub tls: bool,
    /// How booking systems are reached.
    pub reach: UpstreamConfig,
    /// The authorities.
    pub store: Store,
    /// Where captures are written.
    pub captures: PathBuf,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckState {
    /// As it should be.
    Good,
    /// It works, but not well, or not for all.
    Warning,
    /// It does not work.
    Bad,
}

impl CheckState {
    /// Stable name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoctorCheck {
    /// Stable name of what was looked at.
    pub what: &'static str,
    /// How it is.
    pub state: CheckState,
    /// What was seen, in words.
    pub found: String,
    /// What to do; where nothing has to be done, what is good about it.
    pub advice: String,
}

impl DoctorCheck {
    fn new(what: &'static str, state: CheckState, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, state, found: found.into(), advice: advice.into() }
    }

    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, CheckState::Good, found, "nothing to do")
    }
}

/// Looks at everything in the plan. Takes at most a minute, whatever the booking system does.
pub(crate) async fn examine(plan: &DoctorPlan) -> Vec<DoctorCheck> {
    let mut checks = vec![place::listen(plan.listen).await, place::disk(&plan.captures)];
    if let Some(to) = &plan.to {
        checks.extend(upstream::examine(to, &plan.reach).await);
    }
    checks.extend(trust::examine(&plan.store, trust::TrustNeeds { intercept: &plan.intercept, tls: plan.tls }));
    checks
}
