//! `umpire.toml`: what an operator settles once for every command that judges. `docs/configuration.md` has every key.
//!
//! `folder, folder above, … → umpire.toml → Config { rules, known, limits, timeouts }`

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::fault;
use crate::finding::Severity;
use crate::proxy::upstream::live::Timeouts;
use crate::proxy::{BaseUri, HeadLimits, Limits};
use crate::rules::{BookingSystemInfo, PaymentDetails, RuleSetting, RuleSources};

/// Name of the file that is looked for.
pub(crate) const FILE_NAME: &str = "umpire.toml";

/// Most bytes of a body that may be kept; 1 GiB.
pub(crate) const MOST_KEPT: u64 = 1 << 30;

/// Most connections at one time.
pub(crate) const MOST_CONNECTIONS: u64 = 100_000;

/// Most bytes of a head; 1 MiB.
pub(crate) const MOST_OF_A_HEAD: u64 = 1 << 20;

/// Most fields of a head.
pub(crate) const MOST_FIELDS: u64 = 10_000;

/// Longest time that may be set, in seconds; a day.
pub const LONGEST: u64 = 24 * 60 * 60;

/// What is settled. The default is what holds without a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from.
    pub file: Option<PathBuf>,
    /// Further rules, severities, rules that are off.
    pub rules: RuleSources,
    /// What is known of the booking system.
    pub known: BookingSystemInfo,
    /// Limits of the proxy.
    pub limits: Limits,
    /// How long the booking system may take.
    pub timeouts: Timeouts,
    /// What is taken out of recordings.
    pub redaction: RedactionConfig,
    /// How the screen looks.
    pub screen: ScreenConfig,
    /// Scenarios of faults, by name.
    pub faults: BTreeMap<String, Vec<fault::Fault>>,
}

/// What is taken out of recordings beyond secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedactionConfig {
    /// A running proxy replaces personal data before they reach disk and screen.
    pub personal: bool,
    /// Further fields with personal data: JSON pointers into bodies, or names.
    pub fields: Vec<String>,
}

/// How the screen looks and what it listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreenConfig {
    /// Its colours and characters.
    pub theme: ThemeSetting,
    /// The mouse scrolls and selects; without it the terminal's own selection works as ever.
    pub mouse: bool,
    /// A new failure rings the bell.
    pub bell: bool,
}

impl Default for ScreenConfig {
    fn default() -> Self {
        Self { theme: ThemeSetting::default(), mouse: true, bell: false }
    }
}

/// Colours and characters of the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeSetting {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// White and bright on black.
    HighContrast,
    /// As dark, without characters beyond ASCII.
    Ascii,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{}: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file says something that it can't.
    #[error("{}:{line}: {what}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key, what is wrong with it, and what to do.
        what: String,
    },
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConfigFile {
    rules: Vec<PathBuf>,
    off: Vec<Spanned<String>>,
    severity: BTreeMap<Spanned<String>, Severity>,
    #[serde(rename = "booking-system")]
    booking_system: BookingSystem,
    limits: WrittenLimits,
    redaction: RedactionConfig,
    screen: ScreenConfig,
    faults: BTreeMap<String, Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct BookingSystem {
    base_uri: Option<Spanned<String>>,
    orders_feed: Option<Spanned<String>>,
    extensions: Vec<Spanned<String>>,
    prefixes: Option<Vec<Spanned<String>>>,
    isolated: bool,
    payment: Option<Agreed>,
    sellers: Vec<Spanned<String>>,
    token_sellers: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Agreed {
    name: Option<String>,
    account_id: Option<String>,
    payment_provider_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenLimits {
    kept_body_bytes: Option<Spanned<u64>>,
    connections: Option<Spanned<u64>>,
    head_bytes: Option<Spanned<u64>>,
    head_fields: Option<Spanned<u64>>,
    answer_head_bytes: Option<Spanned<u64>>,
    answer_head_fields: Option<Spanned<u64>>,
    head_seconds: Option<Spanned<u64>>,
    stall_seconds: Option<Spanned<u64>>,
    idle_seconds: Option<Spanned<u64>>,
    grace_seconds: Option<Spanned<u64>>,
    connect_seconds: Option<Spanned<u64>>,
    answer_seconds: Option<Spanned<u64>>,
}

/// A value that can't be, and at which byte it stands.
struct SettingError {
    what: String,
    at: usize,
}

impl Config {
    /// The configuration that holds in a folder: that of the nearest `umpire.toml`, in the folder itself or above it.
    pub fn find(folder: &Path) -> Result<Self, ConfigError> {
        match folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file()) {
            Some(file) => Self::read(&file),
            None => Ok(Self::default()),
        }
    }

    /// Reads a file. Folders that it names are relative to it.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(file).map_err(|cause| ConfigError::Unreadable { file: file.to_owned(), cause })?;
        let wrong =
            |SettingError { what, at }| ConfigError::Wrong { file: file.to_owned(), line: line_of(&text, at), what };
        let config = Self::parse(file, &text).map_err(wrong)?;
        tracing::info!(file = %file.display(), "configured");
        Ok(config)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, SettingError> {
        let at = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        text.parse::<toml::Table>()
            .map_err(|error| SettingError { what: error.message().to_owned(), at: at(&error) })?;
        let written: ConfigFile = toml::from_str(text).map_err(|error| {
            let (at, message) = (at(&error), error.message());
            let key = key_at(text, at).filter(|key| !message.contains(&format!("`{key}`")));
            SettingError { what: key.map_or_else(|| message.to_owned(), |key| format!("{key}: {message}")), at }
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let system = written.booking_system;
        Ok(Self {
            file: Some(file.to_owned()),
            rules: RuleSources {
                folders: written.rules.iter().map(|rules| folder.join(rules)).collect(),
                settings: settings(file, text, &written.off, &written.severity),
            },
            known: BookingSystemInfo {
                foreign: false,
                base_uri: checked(system.base_uri, "base-uri", absolute)?,
                also_base_uris: vec![],
                extensions: all(system.extensions, "extensions", path)?,
                orders_feed: checked(system.orders_feed, "orders-feed", absolute)?,
                isolated: system.isolated,
                prefixes: system.prefixes.map(|prefixes| all(prefixes, "prefixes", prefix)).transpose()?,
                payment: system.payment.map(|payment| PaymentDetails {
                    name: payment.name,
                    account_id: payment.account_id,
                    payment_provider_id: payment.payment_provider_id,
                }),
                sellers: all(system.sellers, "sellers", identifier)?,
                token_sellers: all(system.token_sellers, "token-sellers", identifier)?,
            },
            limits: limits(&written.limits)?,
            timeouts: timeouts(&written.limits)?,
            redaction: written.redaction,
            screen: written.screen,
            faults: scenarios(written.faults)?,
        })
    }
}

/// Scenarios of faults, each read; what is wrong with one is said of its line.
fn scenarios(
    written: BTreeMap<String, Vec<Spanned<String>>>,
) -> Result<BTreeMap<String, Vec<fault::Fault>>, SettingError> {
    let read = |name: &str, text: &Spanned<String>| {
        let wrong =
            |error: fault::FaultError| SettingError { what: format!("faults.{name}: {error}"), at: text.span().start };
        text.get_ref().parse::<fault::Fault>().map_err(wrong)
    };
    let scenario = |(name, texts): (String, Vec<Spanned<String>>)| {
        let faults: Result<Vec<_>, SettingError> = texts.iter().map(|text| read(&name, text)).collect();
        Ok((name, faults?))
    };
    written.into_iter().map(scenario).collect()
}

fn settings(
    file: &Path,
    text: &str,
    off: &[Spanned<String>],
    severity: &BTreeMap<Spanned<String>, Severity>,
) -> Vec<RuleSetting> {
    let setting = |of: &Spanned<String>, severity: Option<Severity>, key: &str| {
        let line = line_of(text, of.span().start);
        RuleSetting { of: of.get_ref().clone(), severity, origin: format!("{}:{line}: {key}", file.display()) }
    };
    let off = off.iter().map(|of| setting(of, None, "off"));
    off.chain(severity.iter().map(|(of, &severity)| setting(of, Some(severity), "severity"))).collect()
}

fn limits(written: &WrittenLimits) -> Result<Limits, SettingError> {
    let default = Limits::default();
    let number = |value: Option<&Spanned<u64>>, key, most, default: usize| {
        Ok(within(value, key, most)?.map_or(default, |value| usize::try_from(value).unwrap_or(usize::MAX)))
    };
    let answer_head = HeadLimits {
        bytes: number(
            written.answer_head_bytes.as_ref(),
            "answer-head-bytes",
            MOST_OF_A_HEAD,
            default.answer_head.bytes,
        )?,
        fields: number(
            written.answer_head_fields.as_ref(),
            "answer-head-fields",
            MOST_FIELDS,
            default.answer_head.fields,
        )?,
    };
    let head = HeadLimits {
        bytes: number(written.head_bytes.as_ref(), "head-bytes", MOST_OF_A_HEAD, default.head.bytes)?,
        fields: number(written.head_fields.as_ref(), "head-fields", MOST_FIELDS, default.head.fields)?,
    };
    Ok(Limits {
        head,
        answer_head,
        stall_timeout: seconds(written.stall_seconds.as_ref(), "stall-seconds", default.stall_timeout)?,
        kept_body: number(written.kept_body_bytes.as_ref(), "kept-body-bytes", MOST_KEPT, default.kept_body)?,
        connections: number(written.connections.as_ref(), "connections", MOST_CONNECTIONS, default.connections)?,
        head_timeout: seconds(written.head_seconds.as_ref(), "head-seconds", default.head_timeout)?,
        idle_timeout: seconds(written.idle_seconds.as_ref(), "idle-seconds", default.idle_timeout)?,
        grace: seconds(written.grace_seconds.as_ref(), "grace-seconds", default.grace)?,
        linger: default.linger,
        linger_silence: default.linger_silence,
    })
}

fn timeouts(written: &WrittenLimits) -> Result<Timeouts, SettingError> {
    let default = Timeouts::default();
    Ok(Timeouts {
        connect: seconds(written.connect_seconds.as_ref(), "connect-seconds", default.connect)?,
        head: seconds(written.answer_seconds.as_ref(), "answer-seconds", default.head)?,
    })
}

fn seconds(value: Option<&Spanned<u64>>, key: &str, default: Duration) -> Result<Duration, SettingError> {
    Ok(within(value, key, LONGEST)?.map_or(default, Duration::from_secs))
}

fn within(value: Option<&Spanned<u64>>, key: &str, most: u64) -> Result<Option<u64>, SettingError> {
    let Some(value) = value else { return Ok(None) };
    let number = *value.get_ref();
    if (1..=most).contains(&number) {
        return Ok(Some(number));
    }
    Err(SettingError { what: format!("{key}: {number} is out of range; give 1 to {most}"), at: value.span().start })
}

/// A text that a check has nothing against; the check says what is wrong and what to do.
fn checked(
    text: Option<Spanned<String>>,
    key: &str,
    check: fn(&str) -> Result<(), String>,
) -> Result<Option<String>, SettingError> {
    let Some(text) = text else { return Ok(None) };
    let at = text.span().start;
    let text = text.into_inner();
    check(&text).map_err(|what| SettingError { what: format!("{key}: {what}"), at })?;
    Ok(Some(text))
}

fn all(
    texts: Vec<Spanned<String>>,
    key: &str,
    check: fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, SettingError> {
    texts.into_iter().filter_map(|text| checked(Some(text), key, check).transpose()).collect()
}

fn absolute(uri: &str) -> Result<(), String> {
    uri.parse::<BaseUri>().map(|_| ()).map_err(|error| error.to_string())
}

fn path(path: &str) -> Result<(), String> {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(format!("{path:?} is no path; write it as in the request line, such as \"/api/openbooking/acme-vouchers\""))
}

fn prefix(prefix: &str) -> Result<(), String> {
    if !prefix.is_empty() && !prefix.contains([':', '/', ' ']) {
        return Ok(());
    }
    Err(format!("{prefix:?} is no prefix; write what stands before the colon, such as \"acme\""))
}

fn identifier(id: &str) -> Result<(), String> {
    if id.contains(':') && !id.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(format!("{id:?} is no @id; write the absolute URI that the Seller has in the feeds"))
}

/// The line, from 1, of a byte of a text.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

/// The key whose value stands at a byte of a text: the nearest one on the same line or above.
fn key_at(text: &str, at: usize) -> Option<&str> {
    let end = text.get(at..)?.find('\n').map_or(text.len(), |length| at + length);
    let line = text[..end].lines().rev().find(|line| line.contains('='))?;
    line.split('=').next().map(|key| key.trim().trim_matches('"')).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("site/umpire.toml"), text)
            .map_err(|SettingError { what, at }| format!("{}: {what}", line_of(text, at)))
    }

    #[test]
    fn the_documented_example_says_what_its_text_says() {
        let document = include_str!("../docs/configuration.md");
        let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config = parse(example).unwrap();
        assert_eq!(config.rules.folders, [PathBuf::from("site/our-rules")]);
        let settings: Vec<_> = config.rules.settings.iter().map(|set| (set.of.as_str(), set.severity)).collect();
        assert_eq!(
            settings,
            [
                ("order-status", None),
                ("uuid/one-resource-at-a-time", None),
                ("broker/reflected", Some(Severity::Notice)),
                ("headers", Some(Severity::Warning)),
            ]
        );
        assert_eq!(config.known.prefixes, Some(vec!["acme".to_owned()]));
        assert_eq!(config.known.payment.unwrap().account_id.as_deref(), Some("SN1593"));
        assert_eq!(config.limits.kept_body, 4_194_304);
        assert_eq!(config.timeouts.head, Duration::from_mins(2));
        assert_eq!(config.limits.grace, Limits::default().grace, "what isn't said stays");
        assert_eq!(config.screen, ScreenConfig { theme: ThemeSetting::Light, mouse: false, bell: true });
        let scenario: Vec<&str> = config.faults["bad-day"].iter().map(|fault| fault.text.as_str()).collect();
        assert_eq!(scenario, ["C2 status=503 times=2", "B answer-lost times=1"]);
    }

    #[test]
    fn nothing_said_is_the_default() {
        let config = parse("").unwrap();
        assert_eq!(Config { file: None, ..config }, Config::default());
    }

    #[test]
    fn faults_name_line_and_key_and_what_to_do() {
        for (text, words) in [
            ("rulez = []", &["1: ", "`rulez`", "`rules`"][..]),
            ("[limits]\nkept-bytes = 1", &["2: ", "`kept-bytes`", "`kept-body-bytes`"]),
            ("off = 'broker'", &["1: off: ", "sequence"]),
            ("\n[severity]\n\"broker/reflected\" = \"mild\"", &["3: broker/reflected: ", "`mild`", "`notice`"]),
            ("[limits]\nconnections = 0", &["2: connections: 0", "1 to 100000"]),
            ("[limits]\nkept-body-bytes = -1", &["2: kept-body-bytes: ", "-1"]),
            ("[booking-system]\nbase-uri = 'booking.example.com'", &["2: base-uri: ", "booking.example.com"]),
            ("[booking-system]\nprefixes = [\n  'acme',\n  'acme:',\n]", &["4: prefixes: ", "before the colon"]),
            ("[booking-system]\nextensions = ['vouchers']", &["2: extensions: ", "such as"]),
            ("[booking-system]\nsellers = ['seller 1']", &["2: sellers: ", "@id"]),
            ("[booking-system]\npayment = { accountId = 'x' }", &["2: ", "`accountId`", "`account-id`"]),
            (
                "[faults]\nbad-day = [\n  'B reset',\n  'B eror=X',\n]",
                &["4: faults.bad-day: ", "\"eror=X\"", "error=TYPE"],
            ),
            ("[screen]\ntheme = 'pink'", &["2: theme: ", "`pink`", "`high-contrast`"]),
            ("off = [", &["1: "]),
        ] {
            let fault = parse(text).unwrap_err();
            for word in words {
                assert!(fault.contains(word), "{text}: {fault} lacks {word}");
            }
        }
    }

    #[test]
    fn the_nearest_file_counts() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(outer.path().join(FILE_NAME), "[booking-system]\nisolated = true").unwrap();
        assert!(Config::find(&inner).unwrap().known.isolated);
        std::fs::write(outer.path().join("a").join(FILE_NAME), "").unwrap();
        let config = Config::find(&inner).unwrap();
        assert_eq!(config.file, Some(outer.path().join("a").join(FILE_NAME)));
        assert!(!config.known.isolated);
    }
}
