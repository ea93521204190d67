//! Limits on the command line, by the names that they have in `umpire.toml`, which they prevail over.
//!
//! `umpire.toml ─► Limits, Timeouts ─► what flags say ─► proxy`

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::config::{LONGEST, MOST_CONNECTIONS, MOST_FIELDS, MOST_KEPT, MOST_OF_A_HEAD};
use crate::proxy::Limits;
use crate::proxy::upstream::live::Timeouts;

/// How much, how many and how long.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits (also in umpire.toml, docs/configuration.md)")]
pub(crate) struct LimitArgs {
    /// Bytes kept of each body; a longer one passes whole [default: 16777216]
    #[arg(long, value_name = "BYTES", value_parser = up_to(MOST_KEPT))]
    kept_body_bytes: Option<u64>,
    /// Connections of brokers at one time [default: 4096]
    #[arg(long, value_name = "NUMBER", value_parser = up_to(MOST_CONNECTIONS))]
    connections: Option<u64>,
    /// Bytes of a request's head [default: 65536]
    #[arg(long, value_name = "BYTES", value_parser = up_to(MOST_OF_A_HEAD))]
    head_bytes: Option<u64>,
    /// Fields of a request's head [default: 128]
    #[arg(long, value_name = "NUMBER", value_parser = up_to(MOST_FIELDS))]
    head_fields: Option<u64>,
    /// Bytes of an answer's head [default: 65536]
    #[arg(long, value_name = "BYTES", value_parser = up_to(MOST_OF_A_HEAD))]
    answer_head_bytes: Option<u64>,
    /// Fields of an answer's head [default: 128]
    #[arg(long, value_name = "NUMBER", value_parser = up_to(MOST_FIELDS))]
    answer_head_fields: Option<u64>,
    /// Time for a request's head to arrive [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = up_to(LONGEST))]
    head_seconds: Option<u64>,
    /// Time that a broker may neither send on nor take on [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = up_to(LONGEST))]
    stall_seconds: Option<u64>,
    /// Time that a connection may stay open without a request [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = up_to(LONGEST))]
    idle_seconds: Option<u64>,
    /// Time to connect to the booking system [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = up_to(LONGEST))]
    connect_seconds: Option<u64>,
    /// Time for the head of its answer to arrive [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = up_to(LONGEST))]
    answer_seconds: Option<u64>,
    /// Time that exchanges under way are given at Ctrl-C or SIGTERM; a second one ends at once [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = up_to(LONGEST))]
    grace_seconds: Option<u64>,
}

fn up_to(most: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=most)
}

impl LimitArgs {
    /// Sets what flags say.
    pub(crate) fn apply(&self, limits: &mut Limits, timeouts: &mut Timeouts) {
        let number = |value: Option<u64>, limit: &mut usize| {
            if let Some(value) = value {
                *limit = usize::try_from(value).unwrap_or(usize::MAX);
            }
        };
        number(self.kept_body_bytes, &mut limits.kept_body);
        number(self.connections, &mut limits.connections);
        number(self.head_bytes, &mut limits.head.bytes);
        number(self.head_fields, &mut limits.head.fields);
        number(self.answer_head_bytes, &mut limits.answer_head.bytes);
        number(self.answer_head_fields, &mut limits.answer_head.fields);
        let time = |value: Option<u64>, limit: &mut Duration| {
            if let Some(value) = value {
                *limit = Duration::from_secs(value);
            }
        };
        time(self.head_seconds, &mut limits.head_timeout);
        time(self.stall_seconds, &mut limits.stall_timeout);
        time(self.idle_seconds, &mut limits.idle_timeout);
        time(self.grace_seconds, &mut limits.grace);
        time(self.connect_seconds, &mut timeouts.connect);
        time(self.answer_seconds, &mut timeouts.head);
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn command() -> Command {
        LimitArgs::augment_args(Command::new("x"))
    }

    #[test]
    fn the_defaults_that_help_names_are_the_defaults() {
        let mut arguments = vec!["x".to_owned()];
        for argument in command().get_arguments() {
            let help = argument.get_help().expect("a help text").to_string();
            let default = help.split("[default: ").nth(1).expect("it names its default").trim_end_matches(']');
            arguments.push(format!("--{}={default}", argument.get_long().expect("a long name")));
        }
        assert_eq!(arguments.len(), 13);
        let said = LimitArgs::from_arg_matches(&command().get_matches_from(arguments)).unwrap();
        let (mut limits, mut timeouts) = (nothing(), Timeouts { connect: Duration::ZERO, head: Duration::ZERO });
        said.apply(&mut limits, &mut timeouts);
        assert_eq!((limits, timeouts), (Limits::default(), Timeouts::default()));
    }

    fn nothing() -> Limits {
        let none = Duration::ZERO;
        Limits {
            kept_body: 0,
            connections: 0,
            head: crate::proxy::HeadLimits { bytes: 0, fields: 0 },
            answer_head: crate::proxy::HeadLimits { bytes: 0, fields: 0 },
            head_timeout: none,
            idle_timeout: none,
            stall_timeout: none,
            grace: none,
            linger: Limits::default().linger,
            linger_silence: Limits::default().linger_silence,
        }
    }

    #[test]
    fn what_is_not_said_stays_and_nonsense_is_refused() {
        let (mut limits, mut timeouts) = (nothing(), Timeouts::default());
        LimitArgs::default().apply(&mut limits, &mut timeouts);
        assert_eq!(limits, nothing());
        for wrong in ["--connections=0", "--head-bytes=-1", "--grace-seconds=1000000"] {
            assert!(command().try_get_matches_from(["x", wrong]).is_err(), "{wrong}");
        }
    }
}
