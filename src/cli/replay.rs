//! `umpire replay FILE…`: a recording stands in for the booking system, for a broker or for a command under test.
//!
//! ```text
//! FILE… ─► Replay ─► listeners, recorder, rules, front end as of `umpire proxy` ─► what was served, missed, never asked for
//! FILE… -- COMMAND ─► the same on a free port, with UMPIRE_BASE_URI, for as long as the command runs
//! ```

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::faults::{self, FaultArgs};
use super::front::{Front, Ui, print_exit_summary};
use super::judging::JudgingArgs;
use super::limits::LimitArgs;
use super::listeners::{DEFAULT, ListenArgs, Listeners};
use super::redaction::LiveArgs;
use super::screen::{self, ScreenArgs};
use super::signals::{self, Signals};
use super::stdio::{Audience, note_with, print};
use super::{Exit, block_on, recording};
use crate::capture::{self, Rotation};
use crate::config;
use crate::event::{Event, EventSender, RunContext, RunMode};
use crate::fault::Faults;
use crate::new_file::{self, Existing, Readers, ensure_free};
use crate::proxy::BaseUri;
use crate::proxy::server::descriptors;
use crate::proxy::upstream::Upstream;
use crate::replay::{PlaybackOptions, Replay, ReplayReport, Speed, TimeMode};
use crate::report::{replay_json, replay_text};
use crate::session::{LinkPolicy, Session, SessionOptions};
use crate::text::safe_format;

/// `umpire replay …`
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Captures, HAR and NDJSON files, played as one recording in this order
    #[arg(required_unless_present = "fault", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A command to run against the replay, which ends with it. Its environment has the Base URI in UMPIRE_BASE_URI
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Base URI of the recorded booking system, if the recording doesn't say it and its paths don't tell
    #[arg(long, value_name = "URI")]
    base_uri: Option<BaseUri>,
    /// Dates in answers: as much later as the replay is later than the recording, or as they were recorded
    #[arg(long, value_enum, default_value_t = TimeName::Shift)]
    time: TimeName,
    /// How fast answers come: at once, or as they did when they were recorded
    #[arg(long, value_enum, default_value_t = SpeedName::Fast)]
    speed: SpeedName,
    /// Give the nearest answer to a request that none fits, and say so
    #[arg(long)]
    lenient: bool,
    /// Leave the field Umpire-Replay, which names the exchange, out of answers
    #[arg(long)]
    no_replay_field: bool,
    /// Write what was served, missed and never asked for to FILE as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Replace the file of --report if it is there
    #[arg(long, requires = "report")]
    force: bool,
    /// Capture to write [default: captures/<UTC time>.db]
    #[arg(long, value_name = "FILE", value_parser = recording::new_capture, conflicts_with = "no_capture")]
    capture: Option<PathBuf>,
    /// Record nothing; the traffic is judged all the same
    #[arg(long)]
    no_capture: bool,
    /// Answer, and nothing else: no traffic is recorded, judged or shown. For load tests
    #[arg(long, conflicts_with_all = ["capture", "no_capture", "intercept"])]
    answers_only: bool,
    /// How to show the traffic [default: tui on a terminal, else plain; with COMMAND not at all]
    #[arg(long, value_enum)]
    ui: Option<Ui>,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    listening: ListenArgs,
    #[command(flatten)]
    faults: FaultArgs,
    #[command(flatten)]
    redaction: LiveArgs,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TimeName {
    /// As much later as the replay is later than the recording
    Shift,
    /// As they were recorded
    Recorded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SpeedName {
    /// At once
    Fast,
    /// As when they were recorded
    Recorded,
}

impl ReplayArgs {
    fn options(&self) -> PlaybackOptions {
        PlaybackOptions {
            time: match self.time {
                TimeName::Shift => TimeMode::Shift,
                TimeName::Recorded => TimeMode::Recorded,
            },
            speed: match self.speed {
                SpeedName::Fast => Speed::Fast,
                SpeedName::Recorded => Speed::Recorded,
            },
            lenient: self.lenient,
            field: !self.no_replay_field,
            scheme: if self.listening.with_tls() { "https" } else { "http" },
            base_uri: self.base_uri.as_ref().map(ToString::to_string),
        }
    }
}

/// Runs `umpire replay …`.
pub(super) fn run(arguments: ReplayArgs) -> anyhow::Result<Exit> {
    if arguments.faults.is_list() {
        return faults::list();
    }
    if arguments.files.is_empty() {
        bail!("name the recordings to play");
    }
    if let Some(report) = &arguments.report {
        ensure_free(report, Existing::with_force(arguments.force))?;
    }
    let mut judging = arguments.judging.load()?;
    let settings = judging.settings();
    let with_tls = arguments.listening.with_tls() || arguments.listening.intercepts();
    let made = arguments.faults.faults(&judging.config.faults, with_tls)?;
    arguments.limits.apply(&mut judging.config.limits, &mut judging.config.timeouts);
    judging.config.limits.connections = descriptors::room_for(judging.config.limits.connections);
    let (replay, reading) = Replay::open(&arguments.files, arguments.options())?;
    let upstream: Arc<dyn Upstream> = Arc::<Replay>::clone(&replay);
    let base = format!("{}{}", upstream.origin(), replay.base_path().unwrap_or_default());
    let base: BaseUri = base
        .parse()
        .with_context(|| format!("the recording says no usable Base URI ({base}); name it with --base-uri"))?;
    let default = SocketAddr::new(DEFAULT.ip(), if arguments.command.is_empty() { DEFAULT.port() } else { 0 });
    let mut listeners = arguments.listening.stand_in(default, &upstream, base, &made, !arguments.answers_only)?;
    listeners.warnings.extend(faults::armed(&made));
    let mut base_uris = replay.recorded_base_uris().to_vec().into_iter();
    let capture = arguments.capture.clone().unwrap_or_else(|| capture::default_path(Timestamp::now()));
    let options = SessionOptions {
        base_uri: base_uris.next(),
        also_base_uris: base_uris.collect(),
        listen: default,
        capture: (!arguments.no_capture && !arguments.answers_only).then_some(capture),
        rotation: Rotation::default(),
        redactor: Some(arguments.redaction.redactor(&judging.config)?),
        rules_on_disk: judging.rules_on_disk(),
        book: judging.book,
        known: judging.config.known,
        mute_refused: judging.mute_refused,
        limits: judging.config.limits,
        own: listeners.own.clone(),
        links: LinkPolicy::Rewritten,
    };
    let screen_settings = judging.config.screen;
    replay.start_reading(reading)?;
    let exit = block_on(play(options, &mut listeners, &arguments, &replay, &made, screen_settings, settings));
    replay.stop_reading();
    faults::note_made(&made);
    exit
}

async fn play(
    options: SessionOptions,
    listeners: &mut Listeners,
    arguments: &ReplayArgs,
    replay: &Arc<Replay>,
    made: &Faults,
    screen_settings: config::ScreenConfig,
    settings: Option<String>,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let (session, receiver) = Session::open(options, std::mem::take(&mut listeners.specs)).await?;
    let mut base_uris = listeners.base_uris(&session.addresses).into_iter();
    let from_elsewhere = listeners.for_other_machines(&session.addresses);
    let (base_uri, upstream) = base_uris.next().unzip();
    let names = replay.recordings().join(", ");
    let context = RunContext {
        mode: RunMode::Replay,
        base_uri: base_uri.clone(),
        upstream: Some(format!("a replay of {names}, in place of {}", upstream.unwrap_or_default())),
        capture: session.capture.as_ref().map(|capture| capture.display().to_string()),
        also: base_uris.collect(),
        forward: listeners.forwarding(&session.addresses),
        warnings: std::mem::take(&mut listeners.warnings),
        settings,
    };
    for notice in std::mem::take(&mut listeners.notices).into_iter().chain(from_elsewhere) {
        session.notices.send(Event::Notice(notice));
    }
    let base_uri = base_uri.unwrap_or_default();
    let ui = match (arguments.ui, arguments.command.is_empty()) {
        (None, false) => None,
        (asked, _) => Some(Ui::choose(asked)),
    };
    let setup = screen::setup(arguments.screen, &context, screen_settings, made, None);
    let stop = CancellationToken::new();
    // For programs: the first line, once the listener takes connections.
    if ui == Some(Ui::Plain) && print(|out| out.line(safe_format!("ready {base_uri}")))? == Audience::Gone {
        stop.cancel();
    }
    let mut receiver = Some(receiver);
    let front = match (ui, receiver.take()) {
        (Some(ui), Some(receiver)) => {
            Some(Front::start(ui, receiver, setup, stop.clone(), signals.outlive_the_terminal())?)
        }
        // Nobody looks: events are dropped.
        _ => None,
    };
    let command = run_command(&arguments.command, &base_uri);
    let tally = show_tally(replay, session.notices.clone(), ui == Some(Ui::Tui));
    let (mut broken, mut ended) = (None, None);
    tokio::select! {
        () = stop.cancelled() => {}
        signal = signals.next() => signal?,
        why = session.broken() => broken = Some(why),
        status = command => ended = Some(status?),
        never = tally => match never {},
    }
    let shown_ui = ui.unwrap_or(Ui::Plain);
    let closing = signals::end(session, &mut signals, shown_ui == Ui::Tui && !stop.is_cancelled()).await;
    stop.cancel();
    let shown = match front {
        Some(front) => front.end(&mut signals).await,
        None => Ok(()),
    };
    let closing = closing?;
    print_exit_summary(shown_ui, &closing, &context);
    shown?;
    let report = replay.report();
    tell(&report, ui, replay.read_error())?;
    if let Some(file) = &arguments.report {
        write_report(file, &report, Existing::with_force(arguments.force))?;
    }
    super::proxy::whole(closing)?;
    if let Some(why) = broken {
        bail!(why);
    }
    Ok(match ended {
        Some(status) if !status.success() => Exit::OfCommand(status_of(status)),
        _ if report.misses > 0 => Exit::Findings,
        _ => Exit::Clean,
    })
}

/// How often the screen is told what was served.
const TALLY_EVERY: Duration = Duration::from_secs(1);

/// Tells the screen what was served and missed so far, whenever that has changed.
async fn show_tally(replay: &Replay, notices: EventSender, on_screen: bool) -> Infallible {
    let mut told = (0, 0, 0);
    loop {
        tokio::time::sleep(TALLY_EVERY).await;
        let now = replay.tally();
        if on_screen && now != told {
            let (served, nearest, misses) = now;
            let nearest = if nearest > 0 { format!(", {nearest} nearest taken") } else { String::new() };
            let misses = if misses == 1 { "1 miss".to_owned() } else { format!("{misses} misses") };
            notices.send(Event::Notice(format!("replay: {served} served{nearest}, {misses}")));
            told = now;
        }
    }
}

/// Runs the command to its end; without one, waits for ever. If it is given up, the command is killed.
async fn run_command(command: &[OsString], base_uri: &str) -> anyhow::Result<ExitStatus> {
    let Some((program, arguments)) = command.split_first() else { return std::future::pending().await };
    let name = program.to_string_lossy();
    let spawned = Command::new(program).args(arguments).env("UMPIRE_BASE_URI", base_uri).spawn();
    let mut child = KilledOnDrop(spawned.with_context(|| format!("cannot run {name}; name a program behind --"))?);
    loop {
        if let Some(status) = child.0.try_wait().with_context(|| format!("cannot wait for {name}"))? {
            return Ok(status);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How often it is looked whether the command has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A command that is killed if nobody waits for it any more.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let killed = self.0.kill().and_then(|()| self.0.wait());
            if let Err(error) = killed {
                tracing::warn!(%error, "the command can't be ended");
            }
        }
    }
}

/// The status of a command as a shell has it: 128 and the number of the signal that ended it.
fn status_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return u8::try_from(128 + signal).unwrap_or(u8::MAX);
        }
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Says what the replay amounts to: on standard output below what was shown, or on standard error below the output of a
/// command.
fn tell(report: &ReplayReport, ui: Option<Ui>, read_error: Option<String>) -> anyhow::Result<()> {
    match ui {
        None => note_with(|out| replay_text(out, report)),
        Some(Ui::Json) => drop(print(|out| replay_json(out, report))?),
        Some(Ui::Plain | Ui::Tui) => drop(print(|out| replay_text(out, report))?),
    }
    if let Some(error) = read_error {
        super::stdio::note(safe_format!("the recording could not be read to its end: {error}"));
    }
    Ok(())
}

fn write_report(file: &Path, report: &ReplayReport, existing: Existing) -> anyhow::Result<()> {
    let mut text = Vec::new();
    replay_json(&mut crate::text::Printer::new(&mut text), report)?;
    // It has paths and parts of requests in it.
    Ok(new_file::write(file, &text, existing, Readers::Owner)?)
}
