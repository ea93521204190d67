//! `umpire ca init|show|export|trust|remove`: the certificate authorities that `--tls` and `--intercept` use.
//!
//! `ca::Store → lines, PEM, or what clients need`

mod trust;

use std::io;
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::stdio::print;
use super::{Exit, TextOrJson};
use crate::ca::{Authority, HOME, HostPattern, Store};
use crate::new_file::{self, Existing, Readers};
use crate::text::{Printer, safe_format};

/// `umpire ca …`
#[derive(Debug, Args)]
pub(super) struct Ca {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a certificate authority for these hosts (and this machine's loopback), if none covers them yet
    Init {
        /// Hosts, domains as *.example.com, or addresses
        #[arg(value_name = "HOST")]
        hosts: Vec<HostPattern>,
    },
    /// List the authorities: hosts, fingerprint, validity, files
    Show {
        /// Output for people or for programs
        #[arg(long, value_enum, default_value = "text")]
        format: TextOrJson,
    },
    /// Write the certificates (never a key) as PEM
    Export {
        /// Where to write [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace the file if it exists
        #[arg(long, requires = "output")]
        force: bool,
    },
    /// Say what each kind of client needs to trust the authorities
    Trust,
    /// Remove an authority and its key
    Remove {
        /// Which, as `umpire ca show` calls them; may be left out if there is only one
        #[arg(value_name = "ID", conflicts_with = "all")]
        ids: Vec<String>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}

/// The store that the environment names.
pub(super) fn store() -> anyhow::Result<Store> {
    Ok(Store::find(std::env::var_os(HOME))?)
}

/// Runs `umpire ca …`.
pub(super) fn run(ca: Ca) -> anyhow::Result<Exit> {
    let store = store()?;
    match ca.command {
        Command::Init { hosts } => init(&store, &hosts)?,
        Command::Show { format } => show(&store, format)?,
        Command::Export { output, force } => {
            let pem: String = for_clients(&store)?.iter().map(Authority::pem).collect();
            match output {
                Some(file) => {
                    new_file::write(&file, pem.as_bytes(), Existing::with_force(force), Readers::All)?;
                }
                None => drop(print(|out| out.lines(&pem))?),
            }
        }
        Command::Trust => {
            let authorities = for_clients(&store)?;
            print(|out| trust::write(&store, &authorities, out))?;
        }
        Command::Remove { ids, all } => remove(&store, ids, all)?,
    }
    Ok(Exit::Clean)
}

/// All authorities; an error if there are none.
fn some(store: &Store) -> anyhow::Result<Vec<Authority>> {
    let all = store.all()?;
    if all.is_empty() {
        bail!("there is no certificate authority in {} yet; `umpire ca init HOST` makes one", store.folder().display());
    }
    Ok(all)
}

/// Those that clients are given; an error if there are none.
fn for_clients(store: &Store) -> anyhow::Result<Vec<Authority>> {
    some(store)?;
    let given = store.for_clients()?;
    if given.is_empty() {
        bail!(
            "no certificate authority is fit for clients: `umpire ca show` says why, `umpire ca init HOST` makes one"
        );
    }
    Ok(given)
}

fn init(store: &Store, hosts: &[HostPattern]) -> anyhow::Result<()> {
    let ensured = store.ensure(hosts, Timestamp::now())?;
    print(|out| {
        let Some((id, subjects)) = ensured.made else {
            return out.line("there is an authority for that already; `umpire ca show` lists it");
        };
        out.line(safe_format!("made authority {id}, good for {}", hosts_in_words(&subjects)))?;
        out.line(safe_format!("key      {} (yours alone: never give it away)", store.file(&id).display()))?;
        out.line(safe_format!("for clients {} (certificates only)", store.bundle().display()))?;
        out.line("next     `umpire ca trust` says what each kind of client needs")
    })?;
    Ok(())
}

/// Hosts of an authority, in words.
pub(crate) fn hosts_in_words(subjects: &[String]) -> String {
    if subjects.is_empty() { "this machine only (localhost)".to_owned() } else { subjects.join(", ") }
}

fn show(store: &Store, format: TextOrJson) -> anyhow::Result<()> {
    let now = Timestamp::now();
    if format == TextOrJson::Json {
        let authorities: Vec<_> = store
            .all()?
            .iter()
            .map(|authority| {
                json!({
                    "id": authority.id,
                    "hosts": authority.subjects,
                    "fingerprint": authority.fingerprint(),
                    "from": authority.from.to_string(),
                    "until": authority.until.to_string(),
                    "binds_java": authority.binds_java(),
                    "in_use": authority.is_usable(now),
                    "key_file": store.file(&authority.id).display().to_string(),
                })
            })
            .collect();
        let bundle = store.bundle().display().to_string();
        print(|out| out.json_line(&json!({ "bundle": bundle, "authorities": authorities })))?;
        return Ok(());
    }
    let authorities = some(store)?;
    print(|out| {
        authorities.iter().try_for_each(|authority| show_one(out, store, authority, now))?;
        out.line(safe_format!("for clients {} (all certificates, no key)", store.bundle().display()))
    })?;
    Ok(())
}

fn show_one(out: &mut Printer<'_>, store: &Store, authority: &Authority, now: Timestamp) -> io::Result<()> {
    let id = &authority.id;
    let state = if let Some(name) = authority.too_wide().next() {
        format!(
            " (not used: it could vouch for everything below {name}; `umpire ca remove {id}` and take it out of stores)"
        )
    } else if authority.is_current(now) {
        String::new()
    } else {
        " (not used any more: a new one is made when needed)".to_owned()
    };
    out.line(safe_format!("{id}{state}"))?;
    out.line(safe_format!("  hosts    {}", hosts_in_words(&authority.subjects)))?;
    out.line(safe_format!("  until    {}", authority.until.strftime("%Y-%m-%d")))?;
    out.line(safe_format!("  sha256   {}", authority.fingerprint()))?;
    out.line(safe_format!("  key      {}", store.file(&authority.id).display()))
}

fn remove(store: &Store, mut ids: Vec<String>, all: bool) -> anyhow::Result<()> {
    if all {
        ids.clear();
    } else if ids.is_empty() {
        // Of one that can't be read the name is known all the same: only the count matters.
        let count = store.count()?;
        if count > 1 {
            bail!("there are {count} authorities: name those to remove (`umpire ca show`), or say --all");
        }
    }
    let removed = store.remove(&ids)?;
    if let Some(unknown) = ids.iter().find(|id| !removed.contains(id)) {
        bail!("there is no authority {unknown:?}; `umpire ca show` lists them");
    }
    print(|out| {
        if removed.is_empty() {
            return out.line("there was no authority to remove");
        }
        out.line(safe_format!("removed {} with its key", removed.join(", ")))?;
        out.line("next    take the certificate out of the system, browser and Java stores that you put it in")
    })?;
    Ok(())
}
