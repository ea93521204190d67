//! How much was replaced in a recording, as the recording itself says it.
//!
//! ```text
//! Redactor ─► RedactionLevel ─► meta of a capture, HAR, NDJSON ─► RedactionLevel     redacted again: the stronger of the two
//!                                                                          merged: the weakest of all
//! ```

/// What was replaced in every exchange of a recording; each holds more than the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedactionLevel {
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

impl RedactionLevel {
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
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing is replaced: secrets and personal data may be in it",
            Self::Unknown => "unknown: secrets and personal data may be in it",
            Self::Secrets => "secrets are replaced, personal data are not",
            Self::Personal => "secrets and personal data are replaced",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for redaction in
            [RedactionLevel::Nothing, RedactionLevel::Unknown, RedactionLevel::Secrets, RedactionLevel::Personal]
        {
            assert_eq!(RedactionLevel::from_name(redaction.as_str()), redaction);
        }
        assert_eq!(RedactionLevel::from_name("everything"), RedactionLevel::Unknown, "what a newer version may say");
    }
}
