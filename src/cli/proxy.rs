//! `umpire proxy --to BASE_URI`: a broker's traffic, recorded and judged while it flows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::front::{Ui, say_goodbye, show};
use super::judging::JudgingArgs;
use super::limits::LimitArgs;
use super::signals::{self, Signals};
use super::{Exit, runtime, units};
use crate::capture::{self, Rotation};
use crate::event::{Context, Feed, Mode};
use crate::proxy::BaseUri;
use crate::proxy::live::{Live, UpstreamHttp};
use crate::session::{Links, Options, Session};

/// `umpire proxy …`
#[derive(Debug, Args)]
pub struct Proxy {
    /// Base URI of the booking system, such as https://booking.example.com/api/openbooking
    #[arg(long, value_name = "BASE_URI")]
    to: BaseUri,
    /// Address to listen on; other machines can reach it only if it is not a loopback address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Capture to write [default: captures/<UTC time>.db]
    #[arg(long, value_name = "FILE")]
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
    /// PEM file of certificate authorities to trust upstream, beside the platform's (may be repeated)
    #[arg(long, value_name = "FILE")]
    upstream_ca: Vec<PathBuf>,
    /// Version of HTTP to speak to the booking system: 1.1, 2, or auto for what the broker speaks
    #[arg(long, value_name = "VERSION", default_value = "auto")]
    upstream_http: UpstreamHttp,
    /// Rewrite links in answers that lead past the proxy (feeds' next, distributions, endpointUrl), never an @id
    #[arg(long)]
    rewrite_links: bool,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Runs `umpire proxy …`.
pub fn run(proxy: Proxy) -> anyhow::Result<Exit> {
    let mut judging = proxy.judging.load()?;
    proxy.limits.apply(&mut judging.config.limits, &mut judging.config.timeouts);
    let live = Live::new(&proxy.to, &proxy.upstream_ca, judging.config.timeouts)?;
    let upstream = Arc::new(live.speaking(proxy.upstream_http));
    let options = Options {
        base_uri: proxy.to.to_string(),
        listen: proxy.listen,
        capture: Some(proxy.capture.unwrap_or_else(|| capture::default_path(Timestamp::now()))),
        rotation: Rotation { size: proxy.rotate_size, every: proxy.rotate_every },
        rules_on_disk: judging.rules_on_disk(),
        book: judging.book,
        known: judging.config.known,
        mute_refused: judging.mute_refused,
        limits: judging.config.limits,
        links: if proxy.rewrite_links { Links::Rewritten } else { Links::Said },
    };
    let path = proxy.to.path().to_owned();
    let ui = Ui::choose(proxy.ui);
    runtime()?.block_on(async {
        let (session, feed) = Session::start(options, upstream).await?;
        let context = Context {
            mode: Mode::Live,
            base_uri: Some(format!("http://{}{path}", session.address)),
            upstream: Some(proxy.to.to_string()),
            capture: session.capture.as_ref().map(|capture| capture.display().to_string()),
        };
        until_stopped(session, feed, ui, context).await
    })
}

/// Runs a session until the user, a signal or the end of the front end stops it.
pub async fn until_stopped(session: Session, feed: Feed, ui: Ui, context: Context) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let stop = CancellationToken::new();
    let front = tokio::spawn(show(ui, feed, context.clone(), stop.clone()));
    tokio::select! {
        () = stop.cancelled() => {}
        signal = signals.next() => signal?,
    }
    let closing = signals::end(session, &mut signals, ui == Ui::Tui && !stop.is_cancelled()).await?;
    stop.cancel();
    front.await??;
    say_goodbye(ui, &closing, &context)?;
    if let Some(trouble) = closing.trouble {
        anyhow::bail!("the recording is not whole ({} exchanges missing): {trouble}", closing.missed);
    }
    Ok(Exit::Clean)
}
