//! `--fault`: what goes wrong on purpose, on `proxy`, `replay` and `sandbox`.
//!
//! `--fault 'B status=503 times=2'`, `--fault @name` (umpire.toml) ─► Faults · `--fault list` ─► what there is

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;

use super::Exit;
use super::stdio::{note, print};
use crate::fault::{Fault, FaultName, Faults, NAMES, OPTIONS};
use crate::text::safe_format;
use crate::tui::FaultState;

/// Scenarios of `umpire.toml`: the faults of each, by its name.
pub(crate) type Scenarios = BTreeMap<String, Vec<Fault>>;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Args)]
pub(crate) struct FaultArgs {
    /// What goes wrong on purpose, such as 'B error=OpportunityIsFullError' or 'C2 status=503 times=2'; @NAME takes the faults
    /// of that scenario in umpire.toml, and list lists what there is (may be repeated)
    #[arg(long, value_name = "FAULT")]
    fault: Vec<String>,
}

impl FaultArgs {
    /// True if nothing but the list is asked for.
    pub(crate) fn is_list(&self) -> bool {
        self.fault.iter().any(|fault| fault == "list")
    }

    /// True if a scenario of `umpire.toml` is named.
    pub(crate) fn names_scenario(&self) -> bool {
        self.fault.iter().any(|fault| fault.starts_with('@'))
    }

    /// Reads them. `with_tls` says whether the listener has TLS.
    pub(super) fn faults(&self, scenarios: &Scenarios, with_tls: bool) -> anyhow::Result<Faults> {
        let mut all = Vec::new();
        for text in &self.fault {
            match text.strip_prefix('@') {
                Some(name) => all.extend(scenario(scenarios, name)?.iter().cloned()),
                None => all.push(text.parse::<Fault>()?),
            }
        }
        let faults = Faults::new(all);
        if faults.has_tls_failure() && !with_tls {
            bail!("tls-failure needs a listener with TLS: add --tls, or leave this fault out");
        }
        Ok(faults)
    }
}

fn scenario<'s>(scenarios: &'s Scenarios, name: &str) -> anyhow::Result<&'s [Fault]> {
    if let Some(faults) = scenarios.get(name) {
        return Ok(faults);
    }
    if scenarios.is_empty() {
        bail!(
            "no scenario @{name}: umpire.toml has none; write it there as [faults] {name} = [\"B status=503 times=2\"]"
        );
    }
    let known: Vec<String> = scenarios.keys().map(|known| format!("@{known}")).collect();
    bail!("no scenario @{name} in umpire.toml; there are: {}", known.join(", "))
}

/// What a run says of its faults when it begins.
pub(super) fn armed(faults: &Faults) -> Vec<String> {
    faults.status().into_iter().map(|fault| FaultState::warning(&fault.text)).collect()
}

/// Says on standard error how often each fault was made.
pub(crate) fn note_made(faults: &Faults) {
    for fault in faults.status() {
        let times = match fault.made {
            0 => "never".to_owned(),
            1 => "once".to_owned(),
            made => format!("{made} times"),
        };
        note(safe_format!("fault made {times}: {}", fault.text));
    }
}

/// Prints what there is.
pub(super) fn list() -> anyhow::Result<Exit> {
    let stages = crate::openbooking::Stage::ALL.map(crate::openbooking::Stage::as_str).join(", ");
    let usages: Vec<(String, String)> = NAMES.iter().map(|name| (name.usage(), FaultName::explain(name))).collect();
    let options: Vec<(String, &str)> =
        OPTIONS.iter().map(|(word, form, what)| (format!("{word}={form}"), *what)).collect();
    let width = usages.iter().map(|(usage, _)| usage.len()).max().unwrap_or(0);
    print(|out| {
        out.line(safe_format!("--fault '[STAGE,…] FAULT [OPTION]…'"))?;
        for (usage, what) in &usages {
            out.line(safe_format!("  {usage:width$}  {what}"))?;
        }
        out.line(safe_format!("Options:"))?;
        for (usage, what) in &options {
            out.line(safe_format!("  {usage:width$}  {what}"))?;
        }
        out.line(safe_format!("Stages: {stages}"))
    })?;
    Ok(Exit::Clean)
}
