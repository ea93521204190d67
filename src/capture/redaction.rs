//! How much was replaced in a recording, as the recording itself says it.
//!
//! ```text
//! Redactor ─► Redaction ─► meta of a capture, HAR, NDJSON ─► Redaction     redacted again: the stronger of the two
//!                                                                          merged: the weakest of all
//! ```

use super::Meta;

/// What was replaced in every exchange of a recording; each holds more than the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redaction {
    /// Nothing: another program recorded it, or nobody took anything out.
    Nothing,
    /// The recording doesn't say, because it is older than this mark.
    #[default]
    Unknown,
    /// Credentials, cookies, keys and tokens.
    Secrets,
    /// These, and personal data.
    Personal,
}

impl Redaction {
    /// Stable name, as stored in recordings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
            Self::Secrets => "secrets",
            Self::Personal => "personal",
        }
    }

    /// Reads the stable name; anything else says nothing that is known.
    pub fn from_name(name: &str) -> Self {
        let known = [Self::Nothing, Self::Secrets, Self::Personal];
        known.into_iter().find(|redaction| redaction.as_str() == name).unwrap_or_default()
    }

    /// For people, who want to know whom they may give it to.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing is replaced: secrets and personal data may be in it",
            Self::Unknown => "unknown: secrets and personal data may be in it",
            Self::Secrets => "secrets are replaced, personal data are not",
            Self::Personal => "secrets and personal data are replaced",
        }
    }
}

impl Meta {
    /// The same of a recording out of which that was taken, whatever had been before.
    pub fn redacted(self, redaction: Redaction) -> Self {
        Self { redaction: self.redaction.max(redaction), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for redaction in [Redaction::Nothing, Redaction::Unknown, Redaction::Secrets, Redaction::Personal] {
            assert_eq!(Redaction::from_name(redaction.as_str()), redaction);
        }
        assert_eq!(Redaction::from_name("everything"), Redaction::Unknown, "what a newer version may say");
    }
}
