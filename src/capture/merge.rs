//! Several recordings as one, by time.
//!
//! `a: 1 4 · b: 2 3 → 1 2 3 4`

use super::CaptureError;
use super::recording::Exchanges;
use crate::exchange::Exchange;

/// The exchanges of all recordings, whichever ended first coming first; those of one recording keep their order among
/// themselves. One exchange of each is in memory. An error comes as soon as it is met, and nothing behind it.
pub fn merge(recordings: Vec<Exchanges>) -> impl Iterator<Item = Result<Exchange, CaptureError>> + Send {
    let mut heads: Vec<(Option<Result<Exchange, CaptureError>>, Exchanges)> =
        recordings.into_iter().map(|mut exchanges| (exchanges.next(), exchanges)).collect();
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let (_, first) = heads
            .iter()
            .enumerate()
            .filter_map(|(at, (head, _))| match head.as_ref()? {
                Ok(exchange) => Some((Some(exchange.ended()), at)),
                Err(_) => Some((None, at)),
            })
            .min()?;
        let (head, rest) = &mut heads[first];
        let next = std::mem::replace(head, rest.next());
        ended = matches!(next, Some(Err(_)));
        next
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::Timing;

    fn ending_at(second: u64) -> Exchange {
        let timing = Timing { total: Duration::from_secs(second), ..Timing::default() };
        Exchange { timing, ..Exchange::get("", format!("/{second}")) }
    }

    fn recording(seconds: &[u64]) -> Exchanges {
        Box::new(seconds.iter().map(|&second| Ok(ending_at(second))).collect::<Vec<_>>().into_iter())
    }

    #[test]
    fn the_first_to_end_comes_first() {
        let merged = merge(vec![recording(&[1, 4, 3]), recording(&[]), recording(&[2, 5])]);
        let targets: Vec<String> = merged.map(|exchange| exchange.unwrap().request.target).collect();
        assert_eq!(targets, ["/1", "/2", "/4", "/3", "/5"]);
    }

    #[test]
    fn an_error_ends_it() {
        let broken: Exchanges = Box::new([Ok(ending_at(7)), Err(CaptureError::Empty { file: "x".into() })].into_iter());
        let mut merged = merge(vec![recording(&[1, 9]), broken]);
        assert!(merged.next().is_some_and(|first| first.is_ok()));
        assert!(merged.next().is_some_and(|second| second.is_ok()));
        assert_eq!(merged.next(), Some(Err(CaptureError::Empty { file: "x".into() })));
        assert_eq!(merged.next(), None);
    }
}
