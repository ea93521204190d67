//! `umpire doctor`: what a run of the proxy needs, looked at before there is one.
//!
//! `arguments → DoctorPlan → DoctorCheck… → a line each and what to do, or JSON`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::stdio::print;
use super::upstreams::UpstreamArgs;
use super::{Exit, TextOrJson, runtime};
use crate::ca::HostPattern;
use crate::doctor::{CheckState, DoctorCheck, DoctorPlan, examine};
use crate::proxy::BaseUri;
use crate::proxy::upstream::live::OwnListenAddrs;
use crate::text::safe_format;

/// Version of the JSON's format; it grows when a field changes its meaning or goes.
const FORMAT_VERSION: u32 = 1;

/// `umpire doctor …`
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Base URI of the booking system
    #[arg(long, value_name = "BASE_URI")]
    to: Option<BaseUri>,
    /// Where the proxy is to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = super::listen::address)]
    listen: SocketAddr,
    /// A host that is to be intercepted (may be repeated)
    #[arg(long, value_name = "HOST")]
    intercept: Vec<HostPattern>,
    /// The proxy is to listen with TLS, with a certificate of Umpire's own authority
    #[arg(long)]
    tls: bool,
    /// Folder that captures are to be written to
    #[arg(long, value_name = "DIR", default_value = "captures")]
    captures: PathBuf,
    /// Output for people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: TextOrJson,
    #[command(flatten)]
    upstream: UpstreamArgs,
}

/// Runs `umpire doctor …`: status 1 if something does not work.
pub(super) fn run(doctor: Doctor) -> anyhow::Result<Exit> {
    let plan = DoctorPlan {
        reach: doctor.upstream.reach(&OwnListenAddrs::default()),
        to: doctor.to,
        listen: doctor.listen,
        intercept: doctor.intercept,
        tls: doctor.tls,
        store: super::ca::store()?,
        captures: doctor.captures,
    };
    let checks = runtime()?.block_on(examine(&plan));
    let bad = checks.iter().any(|check| check.state == CheckState::Bad);
    print(|out| match doctor.format {
        TextOrJson::Json => {
            let lines: Vec<_> = checks
                .iter()
                .map(|DoctorCheck { what, state, found, advice }| {
                    json!({ "check": what, "state": state.as_str(), "found": found, "advice": advice })
                })
                .collect();
            out.json_line(&json!({ "format_version": FORMAT_VERSION, "works": !bad, "checks": lines }))
        }
        TextOrJson::Text => {
            for DoctorCheck { what, state, found, advice } in &checks {
                let sign = match state {
                    CheckState::Good => "✓",
                    CheckState::Warning => "!",
                    CheckState::Bad => "✗",
                };
                out.line(safe_format!("{sign} {what:13} {found}"))?;
                if *state != CheckState::Good {
                    out.line(safe_format!("  {:13} → {advice}", ""))?;
                }
            }
            if !plan.intercept.is_empty() {
                let clients = "clients need HTTPS_PROXY where they are started, Node.js NODE_USE_ENV_PROXY=1 beside it; if nothing \
                               arrives, docs/proxy.md has the reasons";
                out.line(safe_format!("  {:13} {clients}", ""))?;
            }
            if plan.to.is_none() {
                out.line(safe_format!("  {:13} --to BASE_URI looks at a booking system, too", ""))?;
            }
            Ok(())
        }
    })?;
    Ok(if bad { Exit::Findings } else { Exit::Clean })
}
