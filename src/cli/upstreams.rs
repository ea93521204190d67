//! How booking systems are reached: the `--upstream-…` options and `--resolve`.
//!
//! `arguments, environment → UpstreamConfig, warnings`

use std::path::PathBuf;

use clap::Args;

use crate::proxy::HeadLimits;
use crate::proxy::upstream::live::{OwnListenAddrs, Resolve, UpstreamConfig, UpstreamHttp};

/// How booking systems are reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The way upstream")]
pub(crate) struct UpstreamArgs {
    /// PEM file of certificates to trust upstream, beside the platform's: of authorities, or a server's own, such as a
    /// self-signed one (may be repeated)
    #[arg(long, value_name = "FILE")]
    upstream_ca: Vec<PathBuf>,
    /// PEM file with Umpire's own certificate, for a booking system that asks for one (mutual TLS)
    #[arg(long, value_name = "FILE", requires = "upstream_key")]
    upstream_cert: Option<PathBuf>,
    /// PEM file with the key of --upstream-cert
    #[arg(long, value_name = "FILE", requires = "upstream_cert")]
    upstream_key: Option<PathBuf>,
    /// Take any certificate of the booking system. Anybody on the way can then read and change the traffic
    #[arg(long)]
    insecure_upstream: bool,
    /// Reach all hosts through this proxy (http:// or https://); "none" for no proxy at all [default: HTTPS_PROXY, HTTP_PROXY, NO_PROXY]
    #[arg(long, value_name = "URL")]
    upstream_proxy: Option<String>,
    /// Version of HTTP to speak to the booking system: 1.1, 2, or auto for what the broker speaks
    #[arg(long, value_name = "VERSION", default_value = "auto")]
    upstream_http: UpstreamHttp,
    /// Where a host is, in place of looking up its name (may be repeated)
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    resolve: Vec<Resolve>,
}

impl UpstreamArgs {
    /// What they come to; connections to `own` are given up.
    pub(super) fn reach(&self, own: &OwnListenAddrs) -> UpstreamConfig {
        let proxy = self.upstream_proxy.clone().filter(|proxy| proxy != "none");
        UpstreamConfig {
            ca_files: self.upstream_ca.clone(),
            identity: self.upstream_cert.clone().zip(self.upstream_key.clone()),
            insecure: self.insecure_upstream,
            proxy,
            environment: self.upstream_proxy.is_none(),
            resolve: self.resolve.clone(),
            http: self.upstream_http,
            answer_head: HeadLimits::default(),
            deny_local_targets: false,
            own: own.clone(),
        }
    }

    /// What is unsafe about them.
    pub(super) fn warning(&self) -> Option<String> {
        let words = "--insecure-upstream: certificates of booking systems are not checked";
        self.insecure_upstream.then(|| words.to_owned())
    }
}
