//! What every command that judges has in common: rules, `umpire.toml`, and how findings are looked at.
//!
//! `--config or the nearest umpire.toml → Config`, then `built-in rules, its folders, --rules → RuleBook`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::stdio::note;
use crate::config::Config;
use crate::rules::{BookingSystemInfo, Judge, RuleBook, RuleSources};
use crate::session::{LoadedRules, RuleSource};
use crate::text::visible;

/// Which rules are in force.
#[derive(Debug, Clone, Args)]
pub(crate) struct RuleArgs {
    /// Folder of rules that add to the built-in ones and override them by id (may be repeated)
    #[arg(long = "rules", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Settings (docs/configuration.md) [default: the nearest umpire.toml, here or in a folder above]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Which rules are in force, and which findings are told.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgingArgs {
    #[command(flatten)]
    rules: RuleArgs,
    /// Nobody else books while the recording is made, so that places left can be reckoned
    #[arg(long)]
    isolated: bool,
    /// Hide the broker's findings on requests that were refused as they should be (negative tests)
    #[arg(long)]
    mute_refused: bool,
}

/// Rules and settings, loaded.
pub(crate) struct JudgingSetup {
    /// The rules.
    pub book: Arc<RuleBook>,
    /// The settings; `known.isolated` is also true if the command line says so.
    pub config: Config,
    /// Hide the broker's findings on requests that were refused as they should be.
    pub mute_refused: bool,
    args: RuleArgs,
}

impl RuleArgs {
    /// The rules as a file of settings says; without one, as the nearest says.
    pub(crate) fn of_settings(config: Option<PathBuf>) -> Self {
        Self { folders: Vec::new(), config }
    }

    /// The settings, and the rules as they say.
    pub(super) fn load(&self) -> anyhow::Result<(Config, RuleBook)> {
        let config = match &self.config {
            Some(file) => Config::read(file)?,
            None => Config::find(&std::env::current_dir().context("there is no working directory")?)?,
        };
        let book = RuleBook::load(&self.rule_set(&config))?;
        book.notices().iter().for_each(|notice| note(visible(notice)));
        Ok((config, book))
    }

    fn rule_set(&self, config: &Config) -> RuleSources {
        let folders = config.rules.folders.iter().chain(&self.folders).cloned().collect();
        RuleSources { folders, settings: config.rules.settings.clone() }
    }

    /// Where changes of the rules show: the settings, and all folders.
    fn paths(&self, config: &Config) -> Vec<PathBuf> {
        config.file.iter().cloned().chain(self.rule_set(config).folders).collect()
    }
}

impl JudgingArgs {
    /// Loads everything.
    pub(super) fn load(&self) -> anyhow::Result<JudgingSetup> {
        let (mut config, book) = self.rules.load()?;
        config.known.isolated |= self.isolated;
        Ok(JudgingSetup { book: Arc::new(book), config, mute_refused: self.mute_refused, args: self.rules.clone() })
    }
}

impl JudgingSetup {
    /// Loads these rules, with everything else as the settings say.
    pub(super) fn of_rules(args: RuleArgs) -> anyhow::Result<Self> {
        JudgingArgs { rules: args, isolated: false, mute_refused: false }.load()
    }

    /// The settings that hold, for whoever looks at the run; `None` if there are none.
    pub(super) fn settings(&self) -> Option<String> {
        self.config.file.as_ref().map(|file| file.display().to_string())
    }

    /// True if the settings were found, and not named on the command line.
    pub(crate) fn found_settings(&self) -> bool {
        self.args.config.is_none() && self.config.file.is_some()
    }

    /// A judge of a recording, made by another program or not. The Base URIs are those given, else the one of the settings.
    pub(super) fn judge(&self, base_uris: Vec<String>, foreign: bool) -> Judge {
        let mut base_uris = base_uris.into_iter();
        let known = self.config.known.clone();
        let known = BookingSystemInfo {
            base_uri: base_uris.next().or(known.base_uri),
            also_base_uris: base_uris.collect(),
            foreign,
            ..known
        };
        Judge::new(Arc::clone(&self.book), known).muting_refused(self.mute_refused)
    }

    /// Where the rules come from, to be loaded anew when they change; `None` if nothing of them is on disk.
    pub(super) fn rules_on_disk(&self) -> Option<RuleSource> {
        let paths = self.args.paths(&self.config);
        if paths.is_empty() {
            return None;
        }
        // The file that was found at the start stays the one, whatever comes to lie nearer.
        let args = RuleArgs { config: self.config.file.clone(), ..self.args.clone() };
        let load = move || {
            let config = args.config.as_deref().map(Config::read).transpose().map_err(|error| error.to_string())?;
            let config = config.unwrap_or_default();
            let book = RuleBook::load(&args.rule_set(&config)).map_err(|error| error.to_string())?;
            Ok(LoadedRules { book: Arc::new(book), paths: args.paths(&config) })
        };
        Some(RuleSource { paths, load: Box::new(load) })
    }
}
