//! Limits that several parts of what is remembered share.

/// Longest name, identifier or e-mail address that is remembered, in bytes. Longer ones are left alone.
pub(crate) const MAX_TEXT: usize = 1_024;

/// Most bytes of an exchange that is kept apart from its flow. A larger one is judged by itself and with its flow only.
pub(crate) const MAX_KEPT_BYTES: usize = 256 * 1024;
