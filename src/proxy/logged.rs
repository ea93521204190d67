//! What the log says of a failure on the wire: its kind, never its words.
//!
//! `error ─► itself and what it stands for, one after another ─► the kinds that are known: io, HTTP/2, TLS`
//!
//! The words of an error may name a host that isn't recorded, or repeat what a peer sent (the debug data of GOAWAY, an
//! unreadable line). The log holds nothing of the kind; what belongs to an exchange is in the recording, redacted.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

use crate::proxy::upstream::UpstreamError;

/// An error, as the log has it.
pub(super) struct LoggedError<'e>(pub &'e (dyn Error + 'static));

/// Most errors below an error that are looked at.
const DEEPEST: usize = 8;

impl Display for LoggedError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error: Option<&(dyn Error + 'static)> = Some(self.0);
        let mut is_known = false;
        for _ in 0..DEEPEST {
            let Some(this) = error else { break };
            if let Some(kind) = kind(this) {
                f.write_str(if is_known { ": " } else { "" })?;
                f.write_str(&kind)?;
                is_known = true;
            }
            error = below(this);
        }
        f.write_str(if is_known { "" } else { "another kind of failure" })
    }
}

fn kind(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code).to_string(),
            None => error.kind().to_string(),
        });
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        let by = if error.is_remote() { "the peer" } else { "Umpire" };
        return error.reason().map(|reason| format!("HTTP/2: {} by {by}", reason.description()));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::AlertReceived(alert) => format!("TLS: the peer sent {alert:?}"),
            rustls::Error::InvalidCertificate(_) => "TLS: a certificate that is not good".to_owned(),
            _ => "TLS".to_owned(),
        });
    }
    error.downcast_ref::<UpstreamError>().map(|error| error.kind.as_str().to_owned())
}

fn below<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // What an io::Error was made of is not its source, but has one.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(made_of) => Some(made_of as &(dyn Error + 'static)),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::FailureKind;

    #[test]
    fn words_of_errors_stay_out() {
        let tls = rustls::Error::General("planted.example".to_owned());
        let failure = |detail: &str| UpstreamError { kind: FailureKind::BrokenOff, detail: detail.to_owned() };
        let errors: [(Box<dyn Error>, &str); 5] = [
            (Box::new(io::Error::from_raw_os_error(2)), "No such file or directory (os error 2)"),
            (Box::new(io::Error::new(io::ErrorKind::InvalidData, tls)), "invalid data: TLS"),
            (Box::new(io::Error::other(failure("/planted"))), "other error: broken-off"),
            (
                Box::new(h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM)),
                "HTTP/2: detected excessive load generating behavior by Umpire",
            ),
            ("planted".into(), "another kind of failure"),
        ];
        for (error, words) in errors {
            if cfg!(unix) || !words.contains("os error") {
                assert_eq!(LoggedError(&*error).to_string(), words);
            }
        }
    }
}
