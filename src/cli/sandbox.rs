//! `umpire sandbox`: the embedded booking system on a port of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::faults::{self, FaultArgs};
use super::listen;
use super::signals::Signals;
use super::stdio::{Audience, print};
use super::{Exit, block_on};
use crate::config::Config;
use crate::fault::{Faults, FaultyUpstream};
use crate::proxy::record::sink;
use crate::proxy::{self, Limits, Listener};
use crate::sandbox::{BASE_PATH, Misbehaviour, Misbehaviours, Sandbox, serve};
use crate::text::safe_format;

/// Exchanges that may be on the wire at once where there are faults; none is kept.
const UNRECORDED: usize = 1_024;

/// `umpire sandbox …`
#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Address and port to listen on, or a port of 127.0.0.1
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090", value_parser = listen::address)]
    listen: SocketAddr,
    /// What it does wrong, by name, separated by commas; `--misbehave list` lists the names
    #[arg(long, value_name = "NAME,...", default_value = "")]
    misbehave: String,
    #[command(flatten)]
    faults: FaultArgs,
}

/// Runs `umpire sandbox …`.
pub(super) fn run(arguments: SandboxArgs) -> anyhow::Result<Exit> {
    if arguments.misbehave == "list" {
        return list();
    }
    if arguments.faults.is_list() {
        return faults::list();
    }
    let misbehaviours: Misbehaviours = arguments.misbehave.parse()?;
    let scenarios = if arguments.faults.names_scenario() {
        Config::find(&std::env::current_dir().context("there is no working directory")?)?.faults
    } else {
        faults::Scenarios::new()
    };
    let made = arguments.faults.faults(&scenarios, false)?;
    block_on(async {
        let address = arguments.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}; choose another address with --listen"))?;
        let bound = listener.local_addr()?;
        // Its links must lead back to it for everybody who is let in.
        let reached = listen::from_elsewhere(bound).unwrap_or_else(|| listen::from_here(bound));
        let base_uri = format!("http://{reached}{BASE_PATH}");
        let sandbox = Arc::new(Sandbox::new(&base_uri, misbehaviours)?);
        let told = print(|out| {
            out.line(safe_format!("A booking system in memory. Base URI: {base_uri}"))?;
            out.line(safe_format!("Dataset site: {}", sandbox.dataset_site()))?;
            if !bound.ip().is_loopback() {
                out.line(safe_format!("Open to everybody who reaches this machine; it holds nothing but test data"))?;
            }
            for misbehaviour in misbehaviours.iter() {
                out.line(safe_format!("Misbehaves: {} ({})", misbehaviour.name(), misbehaviour.describe()))?;
            }
            for fault in faults::armed(&made) {
                out.line(safe_format!("{fault}"))?;
            }
            out.line(safe_format!("Ctrl-C ends it. Judge its traffic with: umpire proxy --to {base_uri}"))
        })?;
        // Nobody knows where it is.
        if told == Audience::Gone {
            return Ok(Exit::Clean);
        }
        let shutdown = CancellationToken::new();
        let mut signals = Signals::listen()?;
        let mut serving = tokio::spawn(serve_with(listener, sandbox, made.clone(), shutdown.clone()));
        signals.next().await?;
        shutdown.cancel();
        tokio::select! {
            served = &mut serving => served?.context("the booking system ended badly")?,
            signal = signals.next() => signal?,
        }
        faults::note_made(&made);
        Ok(Exit::Clean)
    })
}

/// Serves the sandbox: by itself, or where there are faults through the proxy's listener, which can make those of the wire.
async fn serve_with(
    listener: TcpListener,
    sandbox: Arc<Sandbox>,
    faults: Faults,
    shutdown: CancellationToken,
) -> io::Result<()> {
    if faults.is_empty() {
        return serve(listener, sandbox, shutdown).await;
    }
    let (sink, mut intake) = sink::channel(UNRECORDED);
    let listener = Listener::new(listener, FaultyUpstream::wrap(sandbox, &faults));
    let serving = proxy::serve(vec![listener], sink, Limits::default(), shutdown);
    // Nothing is recorded here.
    let dropping = async { while intake.next().await.is_some() {} };
    tokio::join!(serving, dropping);
    Ok(())
}

fn list() -> anyhow::Result<Exit> {
    let width = Misbehaviour::ALL.iter().map(|misbehaviour| misbehaviour.name().len()).max().unwrap_or(0);
    print(|out| {
        Misbehaviour::ALL.iter().try_for_each(|misbehaviour| {
            let (name, what, caught_by) = (misbehaviour.name(), misbehaviour.describe(), misbehaviour.caught_by());
            out.line(safe_format!("{name:width$}  {what} (caught by {caught_by})"))
        })
    })?;
    Ok(Exit::Clean)
}
