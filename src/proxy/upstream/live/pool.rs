//! Connections that wait for the next request.
//!
//! ```text
//! put ─► idle ─► take ─┬─ quiet ───► reused
//!         │            ├─ closed ──► the next one
//!         │            └─ surplus ─► no reuse for a while
//!         ├─ every second: closed by the peer? ─► closed
//!         └─ a new connection is needed: the longest idle one is closed
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio_util::task::AbortOnDropHandle;

use crate::proxy::upstream::live::connect::H1Connection;
use crate::proxy::upstream::live::socket::{IdleState, UpstreamStream};

/// Most idle connections; past it a connection that becomes idle is closed.
const MOST: usize = 128;

/// Longest time that a connection is kept idle. Older ones are closed when the pool is next used.
const IDLE: Duration = Duration::from_mins(1);

/// Shortest time between two uses of a connection under load. Surplus bytes behind a response have arrived by then. It
/// costs as many further connections as there are responses in this time.
const MIN_IDLE: Duration = Duration::from_millis(5);

/// Up to this many idle connections, the most recently used one is reused at once: there is no load.
const LIFO_UP_TO: usize = 2;

/// How often idle connections are looked at: one that the peer has closed is closed here too, since the peer may wait for that.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long no connection is reused after the peer has sent surplus bytes.
const NO_REUSE: Duration = Duration::from_mins(10);

/// Idle HTTP/1 connections, each for the next request.
pub(crate) struct Pool {
    state: Arc<Mutex<PoolState>>,
    look_every: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self { state: Arc::default(), look_every: LOOK_EVERY }
    }
}

/// A connection that waits, and since when.
struct IdleConnection {
    since: Instant,
    stream: UpstreamStream,
    /// What is read next goes here: nothing is in it.
    buffer: BytesMut,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<IdleConnection>,
    /// When the peer last sent surplus bytes.
    surplus: Option<Instant>,
    /// Looks at idle connections, as long as there are any.
    looking: Option<AbortOnDropHandle<()>>,
}

impl PoolState {
    fn is_reuse_stopped(&self) -> bool {
        self.surplus.is_some_and(|at| at.elapsed() <= NO_REUSE)
    }

    /// Removes the most recently used connection; of more than [`LIFO_UP_TO`], the most recent that is idle for [`MIN_IDLE`].
    fn pop(&mut self, now: Instant) -> Option<IdleConnection> {
        if self.idle.len() <= LIFO_UP_TO {
            return self.idle.pop();
        }
        let rested = self.idle.partition_point(|idle| now.duration_since(idle.since) >= MIN_IDLE);
        rested.checked_sub(1).map(|last| self.idle.remove(last))
    }
}

impl Pool {
    /// Keeps a connection on which the request was sent and the response read. One with surplus bytes is closed.
    pub(super) fn put(&self, link: H1Connection) {
        let (reader, buffer) = link.reader.into_parts();
        if !buffer.is_empty() {
            return self.stop_reuse();
        }
        let stream = reader.unsplit(link.writer);
        let mut state = self.state();
        let since = Instant::now();
        let expired = state.idle.partition_point(|idle| since.duration_since(idle.since) > IDLE);
        state.idle.drain(..expired);
        if state.idle.len() < MOST && !state.is_reuse_stopped() {
            state.idle.push(IdleConnection { since, stream, buffer });
            if state.looking.is_none() {
                let looking = tokio::spawn(close_what_is_closed(Arc::downgrade(&self.state), self.look_every));
                state.looking = Some(AbortOnDropHandle::new(looking));
            }
        }
    }

    /// Closes the connection that has been idle for longest: before a new one is made, because some booking systems serve one
    /// connection after the other and would not come to the new one while they wait for a request on the old one.
    pub(super) fn close_longest_idle(&self) {
        let mut state = self.state();
        let closed = (!state.idle.is_empty()).then(|| state.idle.remove(0));
        drop(state);
        if closed.is_some() {
            tracing::debug!("an idle connection is closed, as a new one is needed");
        }
    }

    /// An idle connection that is open and on which nothing has arrived. Surplus bytes must not become the next response,
    /// so the kernel is asked: the runtime may not have heard of what has just arrived.
    ///
    /// Bytes that arrive later still, when the next request is on its way, can't be told from its response. From then on
    /// each response belongs to the request before. So reuse stops for [`NO_REUSE`] once surplus bytes were seen.
    pub(super) fn take(&self) -> Option<H1Connection> {
        loop {
            let IdleConnection { since, mut stream, buffer } = self.state().pop(Instant::now())?;
            if since.elapsed() > IDLE {
                continue;
            }
            match stream.idle_state() {
                IdleState::Quiet => return Some(H1Connection::reading_into(stream, buffer)),
                IdleState::Closed => {}
                IdleState::Surplus => self.stop_reuse(),
            }
        }
    }

    fn stop_reuse(&self) {
        let mut state = self.state();
        if !state.is_reuse_stopped() {
            tracing::warn!(
                seconds = NO_REUSE.as_secs(),
                "the booking system sent more than the response; its connections are not reused for a while"
            );
        }
        state.idle.clear();
        state.surplus = Some(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes idle connections that the peer has closed, until there are none. Bytes are left alone: [`Pool::take`] judges them.
async fn close_what_is_closed(state: Weak<Mutex<PoolState>>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.idle.retain(|idle| !idle.stream.is_closed_by_peer() && idle.since.elapsed() <= IDLE);
        if state.idle.is_empty() {
            state.looking = None;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::mem::MaybeUninit;
    use std::sync::Arc;

    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use socket2::{SockRef, Socket};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::server::TlsStream;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// A second handle of the near socket.
    struct Kernel(Socket);

    impl Kernel {
        /// Blocks the only thread until bytes or the end have arrived, so that the runtime can't notice.
        fn wait_for_bytes(&self) {
            for _ in 0..2_000 {
                if self.0.peek(&mut [MaybeUninit::uninit()]).is_ok() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            panic!("nothing arrived");
        }
    }

    async fn tcp() -> (TcpStream, TcpStream, Kernel) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local_dialer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let kernel = Kernel(SockRef::from(&local_dialer).try_clone().unwrap());
        (local_dialer, listener.accept().await.unwrap().0, kernel)
    }

    async fn tls() -> (UpstreamStream, TlsStream<TcpStream>, Kernel) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let certificate: CertificateDer<'static> = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = || Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let (local_dialer, remote_dialer, kernel) = tcp().await;
        let name = ServerName::try_from("localhost").unwrap();
        let (local_dialer, remote_dialer) = tokio::join!(
            TlsConnector::from(Arc::new(client)).connect(name, UpstreamStream::Tcp(local_dialer)),
            TlsAcceptor::from(Arc::new(server)).accept(remote_dialer),
        );
        (UpstreamStream::Tls(Box::new(local_dialer.unwrap())), remote_dialer.unwrap(), kernel)
    }

    /// Writes a TLS record without giving the runtime a turn.
    fn write_without_await(remote_dialer: &mut TlsStream<TcpStream>, text: &[u8]) {
        let (io, session) = remote_dialer.get_mut();
        session.writer().write_all(text).unwrap();
        let mut record = Vec::new();
        session.write_tls(&mut record).unwrap();
        assert_eq!(io.try_write(&record).unwrap(), record.len());
    }

    fn holding(line: UpstreamStream) -> Pool {
        let pool = Pool::default();
        pool.put(H1Connection::new(line));
        pool
    }

    #[tokio::test]
    async fn a_connection_on_which_something_came_just_now_is_not_used_again() {
        let (local_dialer, remote_dialer, kernel) = tcp().await;
        remote_dialer.writable().await.unwrap();
        let pool = holding(UpstreamStream::Tcp(local_dialer));
        pool.put(pool.take().expect("nothing came"));
        remote_dialer.try_write(b"HTTP/1.1 200 OK\r\n").unwrap();
        kernel.wait_for_bytes();
        assert!(pool.take().is_none());

        for goaway_grace in [&b""[..], b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"] {
            let (local_dialer, mut remote_dialer, kernel) = tcp().await;
            let pool = holding(UpstreamStream::Tcp(local_dialer));
            remote_dialer.write_all(goaway_grace).await.unwrap();
            drop(remote_dialer);
            kernel.wait_for_bytes();
            // The end is behind the last word.
            std::thread::sleep(Duration::from_millis(20));
            assert!(pool.take().is_none(), "the end");
            let (local_dialer, _far, _) = tcp().await;
            pool.put(H1Connection::new(UpstreamStream::Tcp(local_dialer)));
            assert!(pool.take().is_some(), "that is no reason for distrust");
        }
    }

    /// Reads the end of a connection that was closed here.
    async fn ends(peer: &mut TcpStream) {
        let end = tokio::time::timeout(Duration::from_secs(10), peer.read(&mut [0; 8])).await;
        // A reset, where something was not read.
        assert_eq!(end.expect("it was not closed").unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn a_connection_that_the_peer_has_closed_is_closed_without_a_request() {
        let pool = Pool { look_every: Duration::from_millis(10), ..Pool::default() };
        let ((first, mut closing, _), (second, _open, _)) = (tcp().await, tcp().await);
        for stream in [first, second] {
            pool.put(H1Connection::new(UpstreamStream::Tcp(stream)));
        }
        // As nginx does when its idle time is over, and some wait for the other side then.
        closing.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        closing.shutdown().await.unwrap();
        ends(&mut closing).await;
        assert!(pool.take().is_some() && pool.take().is_none(), "the other one is kept, and that is no surplus");
    }

    #[tokio::test]
    async fn the_longest_idle_one_gives_way_to_a_new_one() {
        let pool = Pool::default();
        let ((first, mut oldest, _), (second, _far, _)) = (tcp().await, tcp().await);
        for stream in [first, second] {
            pool.put(H1Connection::new(UpstreamStream::Tcp(stream)));
        }
        pool.close_longest_idle();
        ends(&mut oldest).await;
        assert!(pool.take().is_some() && pool.take().is_none());
        pool.close_longest_idle();
    }

    #[tokio::test]
    async fn whoever_sends_more_than_was_asked_for_is_not_trusted_with_another_request() {
        for read_ahead in [false, true] {
            let pool = Pool::default();
            let mut remote_dialer = Vec::new();
            for _ in 0..2 {
                let (local_dialer, peer, kernel) = tcp().await;
                pool.put(H1Connection::new(UpstreamStream::Tcp(local_dialer)));
                remote_dialer.push((peer, kernel));
            }
            let mut link = pool.take().expect("both are quiet");
            if read_ahead {
                link.reader.buf.extend_from_slice(b"surplus");
                pool.put(link);
            } else {
                for (peer, kernel) in &remote_dialer {
                    peer.writable().await.unwrap();
                    peer.try_write(b"surplus").unwrap();
                    kernel.wait_for_bytes();
                }
            }
            assert!(pool.take().is_none(), "read ahead: {read_ahead}");
            let (local_dialer, _far, _) = tcp().await;
            pool.put(H1Connection::new(UpstreamStream::Tcp(local_dialer)));
            assert!(pool.take().is_none(), "read ahead: {read_ahead}");
        }
    }

    /// A connection on which one answer came, and so all session tickets before it.
    async fn used() -> (Pool, TlsStream<TcpStream>, Kernel) {
        let (local_dialer, mut remote_dialer, kernel) = tls().await;
        let mut link = H1Connection::new(local_dialer);
        remote_dialer.write_all(b"ok").await.unwrap();
        let mut ok = [0; 2];
        link.reader.io().read_exact(&mut ok).await.unwrap();
        let pool = Pool::default();
        pool.put(link);
        (pool, remote_dialer, kernel)
    }

    #[tokio::test]
    async fn under_load_a_connection_rests() {
        let (mut state, start, mut remote_dialer) = (PoolState::default(), Instant::now(), Vec::new());
        for after in [Duration::ZERO, MIN_IDLE / 2, MIN_IDLE, MIN_IDLE] {
            let (local_dialer, peer, _) = tcp().await;
            let stream = UpstreamStream::Tcp(local_dialer);
            state.idle.push(IdleConnection { since: start + after, stream, buffer: BytesMut::new() });
            remote_dialer.push(peer);
        }
        let pop = |state: &mut PoolState, after: Duration| state.pop(start + after).map(|idle| idle.since - start);
        assert_eq!(pop(&mut state, MIN_IDLE / 2), None, "a new one is made");
        assert_eq!(pop(&mut state, MIN_IDLE + MIN_IDLE / 2), Some(MIN_IDLE / 2), "the last that has rested");
        assert_eq!(pop(&mut state, MIN_IDLE + MIN_IDLE / 2), Some(Duration::ZERO));
        assert_eq!([pop(&mut state, MIN_IDLE), pop(&mut state, MIN_IDLE)], [Some(MIN_IDLE); 2], "there are few");
        assert_eq!(pop(&mut state, MIN_IDLE), None);
    }

    #[tokio::test]
    async fn nor_is_one_over_tls() {
        let (pool, mut remote_dialer, kernel) = used().await;
        pool.put(pool.take().expect("nothing came"));
        write_without_await(&mut remote_dialer, b"HTTP/1.1 200 OK\r\n");
        kernel.wait_for_bytes();
        assert!(pool.take().is_none());

        let (pool, remote_dialer, kernel) = used().await;
        drop(remote_dialer);
        kernel.wait_for_bytes();
        assert!(pool.take().is_none(), "the end without a word");

        let (pool, mut remote_dialer, kernel) = used().await;
        remote_dialer.get_mut().1.send_close_notify();
        write_without_await(&mut remote_dialer, b"");
        kernel.wait_for_bytes();
        assert!(pool.take().is_none(), "the end of TLS");
    }

    #[tokio::test]
    async fn session_tickets_are_no_answer() {
        let (local_dialer, _far, kernel) = tls().await;
        kernel.wait_for_bytes();
        assert!(holding(local_dialer).take().is_some());
    }

    #[tokio::test]
    async fn what_tls_has_already_is_seen() {
        let (local_dialer, mut remote_dialer, _) = tls().await;
        // Two records, which arrive together.
        remote_dialer.get_mut().1.writer().write_all(b"ok").unwrap();
        write_without_await(&mut remote_dialer, b"surplus");
        let mut link = H1Connection::new(local_dialer);
        let mut ok = [0; 2];
        link.reader.io().read_exact(&mut ok).await.unwrap();
        let pool = Pool::default();
        pool.put(link);
        assert!(pool.take().is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_asked_for_its_silence_still_works() {
        let (local_dialer, mut remote_dialer, _) = tls().await;
        let pool = holding(local_dialer);
        for _ in 0..3 {
            let mut link = pool.take().expect("nothing came");
            link.writer.write_all(b"ask").await.unwrap();
            link.writer.flush().await.unwrap();
            let mut asked = [0; 3];
            remote_dialer.read_exact(&mut asked).await.unwrap();
            remote_dialer.write_all(b"ok").await.unwrap();
            remote_dialer.flush().await.unwrap();
            let mut ok = [0; 2];
            link.reader.io().read_exact(&mut ok).await.unwrap();
            pool.put(link);
        }
    }
}
