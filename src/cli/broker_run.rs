//! What commands have in common that stand in for a broker: guards, credentials, a session towards the booking system.
//!
//! `--to, --yes, --rate, --header, --value ─► BrokerArgs ─► confirmed, Substitutes, Session`

use std::io::{BufRead as _, IsTerminal as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;

use super::diff::DiffFormat;
use super::judging::{JudgingArgs, JudgingSetup};
use super::redaction::LiveArgs;
use super::stdio::{raw_note, stderr_is_terminal};
use super::upstreams::UpstreamArgs;
use super::{listen, recording};
use crate::capture::{self, Meta, Rotation};
use crate::coverage::Coverage;
use crate::diff::JudgedRecording;
use crate::openbooking::{Endpoint, classify};
use crate::proxy::BaseUri;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::live::{Dialer, OwnListenAddrs, UpstreamClient};
use crate::resend::{MissingValue, ResendTarget, SendPace, Substitutes};
use crate::session::{LinkPolicy, Session, SessionOptions};
use crate::text::{self, safe, safe_format};

/// Most bookings that are made at a booking system of another machine, unless more are asked for.
const MAX_BOOKINGS: usize = 10;

/// Most requests a second to a booking system of another machine, unless more are asked for.
const RATE: f64 = 5.0;

/// Where requests go, with which credentials, and how many.
#[derive(Debug, Args)]
pub(crate) struct BrokerArgs {
    /// Base URI of the booking system, such as https://booking.example.com/api/openbooking
    #[arg(long, value_name = "BASE_URI")]
    pub to: BaseUri,
    /// A header field to send in place of the recorded one, such as 'Authorization: Bearer …'; '2:Authorization: …' for
    /// the second caller of the recording. May be repeated. Other users of this machine can see what stands on a command
    /// line: --header-file and UMPIRE_AUTHORIZATION are safer
    #[arg(long, value_name = "[CALLER:]NAME: VALUE")]
    header: Vec<String>,
    /// A file of such header fields, one a line
    #[arg(long, value_name = "FILE")]
    header_file: Vec<PathBuf>,
    /// The value of Authorization
    #[arg(long, value_name = "VALUE", env = "UMPIRE_AUTHORIZATION", hide_env_values = true, hide = true)]
    authorization: Option<String>,
    /// A value to send in place of a redacted one, by JSON pointer in request bodies: /customer/email=me@example.org
    #[arg(long, value_name = "POINTER=VALUE")]
    value: Vec<String>,
    /// At most so many bookings [default: 10, or any number where the booking system is on this machine]
    #[arg(long, value_name = "N")]
    max_bookings: Option<usize>,
    /// At most so many requests a second [default: 5, or any number where the booking system is on this machine]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Don't ask before requests go to another machine
    #[arg(long)]
    yes: bool,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave addresses of the recorded booking system in bodies as they are, where --to is only another way to it
    #[arg(long)]
    keep_origins: bool,
    /// Text for people, JSON for programs, Markdown for issues
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Base URI of the recorded booking system, if the recording doesn't say it
    #[arg(long, value_name = "URI")]
    base_uri: Option<BaseUri>,
    /// Capture to write [default: captures/<UTC time>.db]
    #[arg(long, value_name = "FILE", value_parser = recording::new_capture)]
    pub capture: Option<PathBuf>,
    #[command(flatten)]
    redaction: LiveArgs,
    #[command(flatten)]
    pub judging: JudgingArgs,
    #[command(flatten)]
    upstream: UpstreamArgs,
}

/// A recording, judged, and what is known of it.
pub(crate) struct JudgedCapture {
    /// The recording.
    pub recording: JudgedRecording,
    /// What is known of it as a whole.
    pub meta: Meta,
    /// Origin and path of its Base URI.
    pub base: (String, String),
    /// How far every rule has come in it.
    pub coverage: Coverage,
}

impl BrokerArgs {
    /// True if the booking system is on this machine.
    fn is_local(&self) -> bool {
        let host = self.to.host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// At most so many bookings.
    pub(crate) fn most_bookings(&self) -> Option<usize> {
        self.max_bookings.or((!self.is_local()).then_some(MAX_BOOKINGS))
    }

    /// How fast requests are sent.
    pub(super) fn pace(&self) -> anyhow::Result<SendPace> {
        let rate = self.rate.or((!self.is_local()).then_some(RATE));
        let between = match rate {
            None => Duration::ZERO,
            Some(rate) => Duration::try_from_secs_f64(1.0 / rate)
                .with_context(|| format!("--rate {rate} is no number of requests a second"))?,
        };
        let (feed_patience, poll) = if self.is_local() { (10, 200) } else { (120, 2_000) };
        Ok(SendPace { between, feed_patience: Duration::from_secs(feed_patience), poll: Duration::from_millis(poll) })
    }

    /// The recording with the verdicts on it.
    pub(super) fn recorded(&self, file: &Path, judging: &JudgingSetup) -> anyhow::Result<JudgedCapture> {
        let (mut recording, meta, coverage) = super::diff::judged(file, judging)?;
        let said = self.base_uri.clone().or_else(|| recording.base_uris.first().and_then(|uri| uri.parse().ok()));
        let inferred = || {
            recording.exchanges.iter().find_map(|judged| {
                let exchange = &judged.exchange;
                let call = classify(&exchange.request.method, exchange.path(), None, false);
                let is_call = matches!(call.endpoint, Endpoint::Known(_));
                is_call.then(|| (exchange.origin.clone(), call.base_path.to_owned()))
            })
        };
        let base = match said {
            Some(base) => Some((base.origin().to_owned(), base.path().to_owned())),
            None => inferred(),
        };
        let base = base.with_context(|| {
            format!("{}: no call of the booking API was found; name the Base URI with --base-uri", file.display())
        })?;
        recording.base_uris.insert(0, format!("{}{}", base.0, base.1));
        recording.base_uris.dedup();
        Ok(JudgedCapture { recording, meta, base, coverage })
    }

    /// The values that the user gives.
    pub(crate) fn substitutes(&self) -> anyhow::Result<Substitutes> {
        let mut given = Substitutes::default();
        if let Some(value) = &self.authorization {
            given.add_header(&format!("authorization: {value}")).context("UMPIRE_AUTHORIZATION")?;
        }
        for file in &self.header_file {
            let named = || file.display().to_string();
            let lines = std::fs::read_to_string(file).with_context(named)?;
            for line in lines.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
                given.add_header(line).with_context(named)?;
            }
        }
        for written in &self.header {
            given.add_header(written).context("--header")?;
        }
        for written in &self.value {
            let (pointer, value) = written
                .split_once('=')
                .filter(|(pointer, _)| pointer.starts_with('/'))
                .with_context(|| "--value is written POINTER=VALUE, such as /customer/email=me@example.org")?;
            given.add_value(pointer, value);
        }
        Ok(given)
    }

    /// Asks for what is missing, where somebody can answer. True if something was given.
    pub(crate) fn ask_for(
        &self,
        missing: impl IntoIterator<Item = MissingValue>,
        given: &mut Substitutes,
    ) -> anyhow::Result<bool> {
        if self.dry_run || !can_ask() {
            return Ok(false);
        }
        let mut answered = false;
        for missing in missing {
            let what = match &missing {
                MissingValue::Field { caller: 1, name } => format!("header field {name}"),
                MissingValue::Field { caller, name } => format!("header field {name} of caller {caller}"),
                MissingValue::Value { pointer } => pointer.clone(),
                MissingValue::Target => continue,
            };
            let answer = ask(&format!("{what} (shown while you type; nothing leaves it out): "))?;
            if answer.is_empty() {
                continue;
            }
            match missing {
                MissingValue::Field { caller, name } => given.add_header(&format!("{caller}:{name}: {answer}"))?,
                MissingValue::Value { pointer } => given.add_value(&pointer, &answer),
                MissingValue::Target => {}
            }
            answered = true;
        }
        Ok(answered)
    }

    /// Asks before requests go to another machine.
    pub(crate) fn confirm(&self, requests: usize, bookings: usize) -> anyhow::Result<()> {
        if self.is_local() || self.yes {
            return Ok(());
        }
        let to = &self.to;
        let (requests, bookings) = (text::count(requests as u64, "request"), text::count(bookings as u64, "booking"));
        let what = format!("{requests} for {bookings} would go to {to}");
        if !can_ask() {
            bail!("{what}, which is not on this machine; say --yes if that is meant, or look first with --dry-run");
        }
        match ask(&format!("{what}. Go on? [y/N] "))?.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => bail!("nothing was sent"),
        }
    }

    /// Starts a session in front of the booking system. What is sent to its listener is recorded and judged.
    pub(super) async fn session(&self, judging: &JudgingSetup) -> anyhow::Result<Session> {
        let own = OwnListenAddrs::default();
        let (limits, timeouts) = (judging.config.limits.clone(), judging.config.timeouts);
        let dialer = Arc::new(Dialer::new(&self.upstream.reach(&own), timeouts.connect)?);
        let upstream: Arc<dyn Upstream> = Arc::new(UpstreamClient::dialing(&self.to, dialer, timeouts)?);
        let options = SessionOptions {
            base_uri: Some(self.to.to_string()),
            also_base_uris: vec![],
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            capture: Some(self.capture.clone().unwrap_or_else(|| capture::default_path(Timestamp::now()))),
            rotation: Rotation::default(),
            redactor: Some(self.redaction.redactor(&judging.config)?),
            rules_on_disk: None,
            book: Arc::clone(&judging.book),
            known: judging.config.known.clone(),
            mute_refused: judging.mute_refused,
            limits,
            own,
            links: LinkPolicy::Ignored,
        };
        if let Some(warning) = self.upstream.warning() {
            super::stdio::note(safe_format!("{warning}"));
        }
        // Nobody looks at its events: what counts is judged from the capture.
        let (session, _) = Session::start(options, upstream).await?;
        Ok(session)
    }

    /// Where requests go that are sent to a session's listener.
    pub(super) fn target(&self, session: Option<&Session>, recorded: &JudgedCapture) -> ResendTarget {
        ResendTarget {
            listener: session.map(|session| listen::from_here(session.address).to_string()).unwrap_or_default(),
            origin: self.to.origin().to_owned(),
            base_path: self.to.path().to_owned(),
            recorded: recorded.base.clone(),
            keep_origins: self.keep_origins,
        }
    }
}

/// True if somebody is there to answer.
fn can_ask() -> bool {
    std::io::stdin().is_terminal() && stderr_is_terminal()
}

/// Asks at the terminal.
fn ask(question: &str) -> anyhow::Result<String> {
    raw_note(safe!["umpire: ", text::visible(question)]);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("standard input can't be read")?;
    Ok(line.trim().to_owned())
}
