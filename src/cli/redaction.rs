//! What is taken out of a recording before it goes anywhere: options, and recordings read through them.
//!
//! ```text
//! --redact, --redact-field, umpire.toml ─► Fields ─► Redactor ─► proxy: before disk and screen
//!                                                             └► Recording, exchange by exchange: redact, export, bundle
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::capture::{self, Recording};
use crate::config::Config;
use crate::redact::{PersonalFields, Redactor};

/// How much is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Credentials, cookies, keys and tokens
    Secrets,
    /// Personal data too, replaced by pseudonyms of the same form
    Personal,
}

/// What a running proxy takes out, over what umpire.toml says.
#[derive(Debug, Clone, Args)]
pub(crate) struct LiveArgs {
    /// What never reaches disk and screen [default: secrets, or as umpire.toml says]
    #[arg(long, value_enum, value_name = "WHAT")]
    redact: Option<Level>,
    /// A further field with personal data: a JSON pointer into bodies, or a name (may be repeated)
    #[arg(long, value_name = "FIELD")]
    redact_field: Vec<String>,
}

impl LiveArgs {
    /// The redactor of a proxy.
    pub(super) fn redactor(&self, config: &Config) -> anyhow::Result<Redactor> {
        let said = if config.redaction.personal { Level::Personal } else { Level::Secrets };
        let level = if self.redact_field.is_empty() { self.redact.unwrap_or(said) } else { Level::Personal };
        if self.redact == Some(Level::Secrets) && !self.redact_field.is_empty() {
            anyhow::bail!(
                "--redact-field is about personal data, and --redact secrets leaves them in; drop one of the two"
            );
        }
        Ok(match level {
            Level::Secrets => Redactor::new()?,
            Level::Personal => Redactor::of_persons(fields(&self.redact_field, config))?,
        })
    }
}

/// Fewest bytes of a file whose content is a key.
const SHORTEST_KEY: usize = 16;

/// Further personal data, and the key.
#[derive(Debug, Clone, Args)]
pub(crate) struct PersonalArgs {
    /// A further field with personal data: a JSON pointer into bodies, or a name (may be repeated)
    #[arg(long, value_name = "FIELD")]
    redact_field: Vec<String>,
    /// Secret file that pseudonyms follow from, so that they are the same each time [default: new ones each time]
    #[arg(long, value_name = "FILE")]
    pseudonym_key: Option<PathBuf>,
}

impl PersonalArgs {
    /// The redactor of one recording, of personal data too if so asked.
    pub(super) fn redactor(&self, personal: bool, config: &Config) -> anyhow::Result<Redactor> {
        let fields = personal.then(|| fields(&self.redact_field, config));
        let Some(file) = &self.pseudonym_key else {
            return Ok(fields.map_or_else(Redactor::new, Redactor::of_persons)?);
        };
        let secret = std::fs::read(file).with_context(|| file.display().to_string())?;
        if secret.len() < SHORTEST_KEY {
            anyhow::bail!("{}: too short for a key; give at least {SHORTEST_KEY} random bytes", file.display());
        }
        Ok(Redactor::under(&secret, fields)?)
    }
}

/// What is taken out of a file that others are to have: personal data, unless they are to be kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct SharedArgs {
    /// Leave names, addresses, answers and other personal data as they are; secrets are replaced all the same
    #[arg(long, conflicts_with = "redact_field")]
    keep_personal_data: bool,
    #[command(flatten)]
    personal: PersonalArgs,
}

impl SharedArgs {
    /// What is said where personal data stay.
    pub(super) const KEPT: &str = "personal data as they were";

    /// The redactor of one recording.
    pub(super) fn redactor(&self, config: &Config) -> anyhow::Result<Redactor> {
        Ok(self.personal.redactor(!self.keep_personal_data, config)?.for_others())
    }

    /// What a reader of the file ought to know, in words.
    fn in_words(&self) -> &'static str {
        if self.keep_personal_data { Self::KEPT } else { "personal data replaced by pseudonyms" }
    }

    /// The same, with how many bodies were left out because they can't be read.
    pub(super) fn said(&self, left_out: u64) -> String {
        let in_words = self.in_words();
        match left_out {
            0 => in_words.to_owned(),
            1 => format!("{in_words}, 1 body that can't be read left out"),
            bodies => format!("{in_words}, {bodies} bodies that can't be read left out"),
        }
    }
}

/// The settings that hold here: those of `file`, else the nearest umpire.toml.
pub(super) fn config(file: Option<&PathBuf>) -> anyhow::Result<Config> {
    Ok(match file {
        Some(file) => Config::read(file)?,
        None => Config::find(&std::env::current_dir().context("there is no working directory")?)?,
    })
}

/// What is personal beyond the models, by the settings and the command line.
fn fields(told: &[String], config: &Config) -> PersonalFields {
    let mut fields = PersonalFields::default();
    config.redaction.fields.iter().chain(told).for_each(|field| fields.add(field));
    // What organisations agreed on is nobody's, and rules compare with it.
    let agreed = config.known.payment.iter();
    let agreed = agreed.flat_map(|agreed| [&agreed.name, &agreed.account_id, &agreed.payment_provider_id]).flatten();
    agreed.for_each(|value| fields.keep(value));
    fields
}

/// A recording as it comes out of a redactor. Any recording will do: what was redacted already stays as it is.
pub(super) fn open(file: &Path, redactor: Arc<Redactor>) -> anyhow::Result<Recording> {
    learn(file, &redactor)?;
    Ok(super::recording::telling(file, capture::open(file)?.redacted(redactor)))
}

/// Reads a recording from beginning to end, so that what only comes to light late is known from the start: that a word in
/// an early note is somebody's name.
pub(super) fn learn(file: &Path, redactor: &Redactor) -> anyhow::Result<()> {
    for exchange in capture::open(file)?.exchanges {
        redactor.learn(exchange?);
    }
    Ok(())
}
