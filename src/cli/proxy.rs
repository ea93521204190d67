//! `umpire proxy --to BASE_URI`, `umpire proxy --intercept HOST`: brokers' traffic, recorded and judged while it flows.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::address_space;
use super::faults::{self, FaultArgs};
use super::front::{Front, Ui, print_exit_summary};
use super::judging::JudgingArgs;
use super::limits::LimitArgs;
use super::listeners::{DEFAULT, ListenerArgs};
use super::redaction::LiveArgs;
use super::screen::{self, ScreenArgs};
use super::signals::{self, Signals};
use super::upstreams::UpstreamArgs;
use super::{Exit, block_on, recording};
use crate::capture::{self, Rotation};
use crate::event::{Event, EventReceiver, RunContext, RunMode};
use crate::proxy::server::descriptors;
use crate::recorder::{RunSummary, failed_in_words};
use crate::session::{LinkPolicy, Session, SessionOptions};
use crate::text;
use crate::tui::Setup;
use crate::units;

/// `umpire proxy …`
#[derive(Debug, Args)]
pub(super) struct Proxy {
    #[command(flatten)]
    listeners: ListenerArgs,
    /// Capture to write [default: captures/<UTC time>.db]
    #[arg(long, value_name = "FILE", value_parser = recording::new_capture)]
    capture: Option<PathBuf>,
    /// Go on in a new file when one has this size, such as 100MB: FILE becomes FILE.0001.db, FILE.0002.db, …
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    rotate_size: Option<u64>,
    /// Go on in a new file when one is this old, such as 1h or 1d
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    rotate_every: Option<Duration>,
    /// How to show the traffic [default: tui on a terminal, else plain]
    #[arg(long, value_enum)]
    ui: Option<Ui>,
    #[command(flatten)]
    screen: ScreenArgs,
    /// Rewrite links in answers that lead past the proxy (feeds' next, distributions, endpointUrl), never an @id
    #[arg(long)]
    rewrite_links: bool,
    #[command(flatten)]
    faults: FaultArgs,
    #[command(flatten)]
    redaction: LiveArgs,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    upstream: UpstreamArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Runs `umpire proxy …`.
pub(super) fn run(proxy: Proxy) -> anyhow::Result<Exit> {
    if proxy.faults.is_list() {
        return faults::list();
    }
    address_space::use_sparingly();
    let mut judging = proxy.judging.load()?;
    let made = proxy.faults.faults(&judging.config.faults, proxy.listeners.with_tls())?;
    let settings = judging.settings();
    proxy.limits.apply(&mut judging.config.limits, &mut judging.config.timeouts);
    let wanted = judging.config.limits.connections;
    judging.config.limits.connections = descriptors::room_for(wanted);
    let mut listeners =
        proxy.listeners.listeners(&proxy.upstream, &judging.config.limits, judging.config.timeouts, &made)?;
    listeners.warnings.extend(faults::armed(&made));
    if judging.config.limits.connections < wanted {
        listeners.notices.push(format!(
            "at most {} of brokers at a time, not {wanted}: the system lets this process open no more files (ulimit -n \
             raises that)",
            text::count(judging.config.limits.connections as u64, "connection")
        ));
    }
    let options = SessionOptions {
        base_uri: listeners.bases.first().map(ToString::to_string),
        also_base_uris: listeners.bases.iter().skip(1).map(ToString::to_string).collect(),
        // Each door has its own.
        listen: DEFAULT,
        capture: Some(proxy.capture.unwrap_or_else(|| capture::default_path(Timestamp::now()))),
        rotation: Rotation { size: proxy.rotate_size, every: proxy.rotate_every },
        redactor: Some(proxy.redaction.redactor(&judging.config)?),
        rules_on_disk: judging.rules_on_disk(),
        book: judging.book,
        known: judging.config.known,
        mute_refused: judging.mute_refused,
        limits: judging.config.limits,
        own: listeners.own.clone(),
        links: if proxy.rewrite_links { LinkPolicy::Rewritten } else { LinkPolicy::Said },
    };
    let ui = Ui::choose(proxy.ui);
    let exit = block_on(async {
        // Before there is a capture: whatever ends the run, it is ended in order.
        let signals = Signals::listen()?;
        let (session, receiver) = Session::open(options, std::mem::take(&mut listeners.specs)).await?;
        let mut base_uris = listeners.base_uris(&session.addresses).into_iter();
        let from_elsewhere = listeners.for_other_machines(&session.addresses);
        let (base_uri, upstream) = base_uris.next().unzip();
        let context = RunContext {
            mode: RunMode::Live,
            base_uri,
            upstream,
            capture: session.capture.as_ref().map(|capture| capture.display().to_string()),
            also: base_uris.collect(),
            forward: listeners.forwarding(&session.addresses),
            warnings: listeners.warnings,
            settings,
        };
        for notice in listeners.notices.into_iter().chain(from_elsewhere) {
            session.notices.send(Event::Notice(notice));
        }
        let setup = screen::setup(proxy.screen, &context, judging.config.screen, &made, None);
        until_stopped(session, receiver, ui, setup, signals).await
    });
    faults::note_made(&made);
    exit
}

/// Runs a session until the user, a signal or the end of the front end stops it.
async fn until_stopped(
    session: Session,
    receiver: EventReceiver,
    ui: Ui,
    setup: Setup,
    mut signals: Signals,
) -> anyhow::Result<Exit> {
    let (stop, context) = (CancellationToken::new(), setup.context.clone());
    let front = Front::start(ui, receiver, setup, stop.clone(), signals.outlive_the_terminal())?;
    let mut broken = None;
    tokio::select! {
        () = stop.cancelled() => {}
        signal = signals.next() => signal?,
        why = session.broken() => broken = Some(why),
    }
    let closing = signals::end(session, &mut signals, ui == Ui::Tui && !stop.is_cancelled()).await;
    stop.cancel();
    let shown = front.end(&mut signals).await;
    let closing = closing?;
    print_exit_summary(ui, &closing, &context);
    shown?;
    whole(closing)?;
    broken.map_or(Ok(Exit::Clean), |why| Err(anyhow::anyhow!(why)))
}

/// An error that says what is missing from a recording, or from the verdicts on it, unless all is there.
pub(super) fn whole(closing: RunSummary) -> anyhow::Result<()> {
    let missed = text::count(closing.missed, "exchange");
    match closing {
        RunSummary { trouble: Some(trouble), .. } => bail!("the recording is not whole, {missed} missing: {trouble}"),
        RunSummary { missed: 1.., .. } => {
            bail!("the recording is not whole, {missed} missing: the recorder could not keep up")
        }
        RunSummary { failure: Some(failure), failed, .. } => bail!(failed_in_words(failed, &failure)),
        _ => Ok(()),
    }
}
