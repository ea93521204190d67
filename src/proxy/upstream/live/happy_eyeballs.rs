//! Connects to the first of a host's addresses that answers (RFC 8305, "Happy Eyeballs").
//!
//! ```text
//! addresses ─► families in turn ─► attempt ─┬─ connected ─► that one; the others are dropped
//!                 ▲                         ├─ failed ────► the next one at once
//!                 └──────────── the next ───┴─ 250 ms over ► the next one beside it
//! ```

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

/// How long an attempt is alone before the next address is tried beside it (RFC 8305 section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The addresses in the order in which they are tried: that of the look-up, with the families in turn, each once.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| address.is_ipv6() == first_is_ipv6);
    let mut order: Vec<SocketAddr> = Vec::with_capacity(addresses.len());
    for at in 0..first.len().max(second.len()) {
        for address in [first.get(at), second.get(at)].into_iter().flatten() {
            if !order.contains(address) {
                order.push(*address);
            }
        }
    }
    order
}

/// The first connection that one of the addresses gives. `connect` is called once for each address, as long as none has.
///
/// # Errors
///
/// Of one address its own error. Of several, each address that was tried and its error, when all have failed or at
/// `deadline`.
pub(super) async fn connect_first<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    deadline: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut tried: Vec<(SocketAddr, Option<io::Error>)> = Vec::new();
    let mut attempts = FuturesUnordered::new();
    let mut next_at = Instant::now();
    loop {
        if attempts.is_empty() || Instant::now() >= next_at {
            match waiting.next() {
                Some(address) => {
                    let (number, connecting) = (tried.len(), connect(address));
                    tried.push((address, None));
                    attempts.push(async move { (number, connecting.await) });
                    next_at = Instant::now() + ATTEMPT_DELAY;
                }
                None if attempts.is_empty() => return Err(failed(tried)),
                None => {}
            }
        }
        let more = waiting.len() > 0;
        tokio::select! {
            biased;
            Some((number, connected)) = attempts.next() => match connected {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    tried[number].1 = Some(error);
                    next_at = Instant::now();
                }
            },
            () = sleep_until(next_at), if more && next_at < deadline => {}
            // Whoever waits for this may have been woken by a timer of its own for the same time.
            () = poll_fn(|_| if Instant::now() >= deadline { Poll::Ready(()) } else { Poll::Pending }) => {
                return Err(failed(tried));
            }
            () = sleep_until(deadline) => return Err(failed(tried)),
        }
    }
}

/// Why none of them gave a connection.
fn failed(mut tried: Vec<(SocketAddr, Option<io::Error>)>) -> io::Error {
    if tried.len() == 1
        && let Some((_, Some(error))) = tried.pop_if(|(_, error)| error.is_some())
    {
        return error;
    }
    if tried.is_empty() {
        return io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    }
    let kind = tried.iter().find_map(|(_, error)| error.as_ref()).map_or(io::ErrorKind::TimedOut, io::Error::kind);
    let each = tried.iter().map(|(address, error)| match error {
        Some(error) => format!("{address}: {error}"),
        None => format!("{address}: it did not accept a connection in time"),
    });
    io::Error::new(kind, each.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const LATE: Duration = Duration::from_secs(10);

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Tries these addresses, each of which says after how many milliseconds it does what: when each was begun, which one
    /// was connected to, and when that was. The clock stands still but for what is waited for.
    async fn trying(
        hosts: &[(&str, u64, Result<(), io::ErrorKind>)],
    ) -> (Vec<(String, u128)>, io::Result<String>, u128) {
        let (start, begun) = (Instant::now(), Mutex::new(Vec::new()));
        let all = addresses(&hosts.iter().map(|(address, ..)| *address).collect::<Vec<_>>());
        let connected = connect_first(&all, start + LATE, |address| {
            begun.lock().unwrap().push((address.to_string(), start.elapsed().as_millis()));
            let (_, after, ends) = *hosts.iter().find(|(host, ..)| *host == address.to_string()).unwrap();
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                ends.map(|()| address.to_string()).map_err(io::Error::from)
            }
        })
        .await;
        (begun.into_inner().unwrap(), connected, start.elapsed().as_millis())
    }

    #[test]
    fn families_take_turns_and_no_address_comes_twice() {
        let order = interleaved(&addresses(&["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1"]));
        assert_eq!(order, addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "3.3.3.3:1"]));
        assert_eq!(interleaved(&addresses(&["1.1.1.1:1", "[::1]:1"])), addresses(&["1.1.1.1:1", "[::1]:1"]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_swallows_everything_costs_a_quarter_of_a_second() {
        let (begun, connected, after) =
            trying(&[("[::1]:1", 100_000, Ok(())), ("[::2]:1", 0, Ok(())), ("1.1.1.1:1", 20, Ok(()))]).await;
        assert_eq!(begun, [("[::1]:1".to_owned(), 0), ("1.1.1.1:1".to_owned(), 250)]);
        assert_eq!((connected.unwrap().as_str(), after), ("1.1.1.1:1", 270));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_may_still_win_and_a_failure_does_not_wait() {
        let (begun, connected, after) = trying(&[("1.1.1.1:1", 300, Ok(())), ("[::1]:1", 100_000, Ok(()))]).await;
        assert_eq!((begun.len(), connected.unwrap().as_str(), after), (2, "1.1.1.1:1", 300));
        let refused = Err(io::ErrorKind::ConnectionRefused);
        let (_, connected, after) = trying(&[("1.1.1.1:1", 5, refused), ("[::1]:1", 5, Ok(()))]).await;
        assert_eq!((connected.unwrap().as_str(), after), ("[::1]:1", 10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_names_every_address_that_was_tried() {
        let refused = Err(io::ErrorKind::ConnectionRefused);
        let (_, connected, after) = trying(&[("1.1.1.1:1", 5, refused), ("[::1]:1", 100_000, Ok(()))]).await;
        let error = connected.unwrap_err();
        assert_eq!((error.kind(), after), (io::ErrorKind::ConnectionRefused, LATE.as_millis()));
        let words = error.to_string();
        assert!(words.contains("1.1.1.1:1: connection refused") && words.contains("[::1]:1: it did not"), "{words}");
        let (_, connected, after) = trying(&[("1.1.1.1:1", 5, refused)]).await;
        assert_eq!((connected.unwrap_err().to_string().as_str(), after), ("connection refused", 5), "as it is");
        let (_, connected, _) = trying(&[("1.1.1.1:1", 100_000, Ok(()))]).await;
        assert!(connected.unwrap_err().to_string().contains("1.1.1.1:1"));
    }
}
