//! `umpire demo`: embedded booking system, proxy and a scripted broker in one process.
//!
//! `scripted broker → proxy → sandbox` · `captions, events → relay → front end → what to do next`

mod captions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::front::{Front, Ui, print_exit_summary};
use super::judging::JudgingArgs;
use super::listen;
use super::screen::{self, ScreenArgs};
use super::signals::{self, Signals};
use super::stdio::{Audience, print};
use super::{Exit, block_on, recording};
use crate::capture::{self, Rotation};
use crate::demo::{self, DemoProgress, Script};
use crate::event::{RunContext, RunMode};
use crate::fault::Faults;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::live::OwnListenAddrs;
use crate::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use crate::session::{LinkPolicy, Session, SessionOptions};
use crate::text::{self, safe};
use captions::{Caption, CaptionMerger};

/// Seconds between two calls where somebody watches.
const WATCHED_PACE: f64 = 1.2;

/// Seconds between two calls where the lines stay to be read.
const PLAIN_PACE: f64 = 0.05;

/// The last caption on the screen.
const OVER_ON_SCREEN: &str = "The demo is over. Enter opens the booking, n goes to the next finding, q quits.";

/// `umpire demo …`
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How to show the traffic [default: tui on a terminal, else plain]
    #[arg(long, value_enum)]
    ui: Option<Ui>,
    #[command(flatten)]
    screen: ScreenArgs,
    /// Address of the proxy [default: a free port of 127.0.0.1]
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:0",
        hide_default_value = true,
        value_parser = listen::address
    )]
    listen: SocketAddr,
    /// Capture to write [default: captures/<UTC time>.db]
    #[arg(long, value_name = "FILE", value_parser = recording::new_capture)]
    capture: Option<PathBuf>,
    /// Seconds between two calls [default: 1.2 in the terminal UI, else 0.05]
    #[arg(long, value_name = "SECONDS")]
    pace: Option<f64>,
    /// What is played
    #[arg(long, value_enum, default_value_t = ScriptName::Faulty)]
    script: ScriptName,
    #[command(flatten)]
    judging: JudgingArgs,
}

/// The scripts of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScriptName {
    /// Good and bad bookings, some with a misbehaving booking system
    Faulty,
    /// Only what both sides do right
    Golden,
}

impl ScriptName {
    fn script(self) -> Script {
        match self {
            Self::Faulty => demo::faulty(),
            Self::Golden => demo::golden(),
        }
    }
}

/// Runs `umpire demo …`.
pub(super) fn run(demo: Demo) -> anyhow::Result<Exit> {
    let ui = Ui::choose(demo.ui);
    let seconds = demo.pace.unwrap_or(if ui == Ui::Tui { WATCHED_PACE } else { PLAIN_PACE });
    let pace = Duration::try_from_secs_f64(seconds).with_context(|| format!("--pace {seconds} is no time"))?;
    let judging = demo.judging.load()?;
    let settings = judging.settings();
    let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE)?);
    let options = SessionOptions {
        base_uri: Some(sandbox.base_uri()),
        also_base_uris: vec![],
        listen: demo.listen,
        capture: Some(demo.capture.unwrap_or_else(|| capture::default_path(Timestamp::now()))),
        rotation: Rotation::default(),
        rules_on_disk: judging.rules_on_disk(),
        book: judging.book,
        known: judging.config.known,
        mute_refused: judging.mute_refused,
        limits: judging.config.limits,
        own: OwnListenAddrs::default(),
        links: LinkPolicy::Ignored,
        redactor: None,
    };
    let path = sandbox.base_uri().strip_prefix(sandbox.origin()).unwrap_or_default().to_owned();
    let script = demo.script.script();
    block_on(async {
        let mut signals = Signals::listen()?;
        let upstream: Arc<dyn Upstream> = Arc::<Sandbox>::clone(&sandbox);
        let (session, receiver) = Session::start(options, upstream).await?;
        let base_uri = format!("http://{}{path}", listen::from_here(session.address));
        let context = RunContext {
            mode: RunMode::Demo,
            base_uri: Some(base_uri.clone()),
            upstream: Some(format!("the embedded booking system, {}", sandbox.base_uri())),
            capture: session.capture.as_ref().map(|capture| capture.display().to_string()),
            also: vec![],
            forward: None,
            warnings: vec![],
            settings,
        };
        let setup = screen::setup(demo.screen, &context, judging.config.screen, &Faults::new([]), None);
        let stop = CancellationToken::new();
        // One for each step, and one for the end.
        let most = script.iter().count() + 1;
        let (relay, captions, receiver) = CaptionMerger::new(receiver, most);
        let relay = tokio::spawn(relay.run());
        let front = Front::start(ui, receiver, setup, stop.clone(), false)?;
        let tell = |DemoProgress { calls, title }: DemoProgress| {
            let text = match title {
                Some(title) => title,
                None if ui == Ui::Tui => OVER_ON_SCREEN,
                None => return,
            };
            if captions.try_send(Caption { calls, text: text.to_owned() }).is_err() {
                tracing::debug!("nobody shows a caption");
            }
        };
        let play = demo::run(script, &base_uri, &sandbox, pace, tell, &stop);
        let played = tokio::select! {
            played = play => played,
            signal = signals.next() => {
                stop.cancel();
                signal?;
                Ok(demo::DemoEnd::Stopped)
            }
        };
        if ui == Ui::Tui && played.is_ok() {
            tokio::select! {
                () = stop.cancelled() => {}
                signal = signals.next() => signal?,
            }
        }
        let closing = signals::end(session, &mut signals, ui == Ui::Tui && !stop.is_cancelled()).await;
        stop.cancel();
        let relayed = relay.await;
        let shown = front.end(&mut signals).await;
        let closing = closing?;
        print_exit_summary(ui, &closing, &context);
        relayed?;
        shown?;
        let (ended, removed) = (played?, closing.removed);
        if ui != Ui::Json {
            // The goodbye of the screen has named the recording.
            let capture = context.capture.as_deref().filter(|_| ui == Ui::Plain && !removed);
            what_next(ended, capture)?;
        }
        super::proxy::whole(closing)?;
        Ok(Exit::Clean)
    })
}

/// What was seen, and what to do now.
fn what_next(ended: demo::DemoEnd, capture: Option<&str>) -> anyhow::Result<Audience> {
    let program = super::program();
    let seen = match ended {
        demo::DemoEnd::Finished => "That was the demo. Every fault above was made on purpose.",
        demo::DemoEnd::Stopped => "The demo was stopped before its end.",
    };
    print(|out| {
        out.line(safe!["\n", seen, " What to do next:\n"])?;
        if let Some(capture) = capture {
            let capture = text::quoted(capture);
            out.line(safe!["  look at it again, finding by finding   ", &program, " view ", capture])?;
        }
        out.line(safe!["  read what one of the rules asks        ", &program, " rules explain ", RULE])?;
        let to = "https://YOUR-BOOKING-SYSTEM/BASE-PATH";
        out.line(safe!["  put it before your own booking system  ", &program, " proxy --to ", to])
    })
}

/// The rule that the demo shows first and last.
const RULE: &str = "agent-broker/customer-required";
