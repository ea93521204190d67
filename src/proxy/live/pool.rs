//! Connections that wait for the next request.
//!
//! `put ─► idle (the newest on top) ─► take, if it is open and nothing came meanwhile`

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connect::Link;
use super::line::Line;

/// Most idle connections; past it a connection that becomes idle is closed.
const MOST: usize = 128;

/// Longest time that a connection is kept idle. Older ones are closed when the pool is next used.
const IDLE: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<(Instant, Line)>>,
}

impl Pool {
    /// Keeps a connection on which everything was sent and read. One with unasked-for bytes is closed.
    pub fn put(&self, link: Link) {
        let (reader, ahead) = link.reader.into_parts();
        if !ahead.is_empty() {
            return;
        }
        let line = reader.unsplit(link.writer);
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let expired = idle.partition_point(|(since, _)| now.duration_since(*since) > IDLE);
        idle.drain(..expired);
        if idle.len() < MOST {
            idle.push((now, line));
        }
    }

    /// The connection that was used last, if it is open and its peer has sent nothing since: an idle connection has
    /// nothing to say, and what it says all the same must not become the next answer. The kernel is asked, because the
    /// runtime may not have heard of what came just now.
    pub fn take(&self) -> Option<Link> {
        loop {
            let (since, mut line) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() <= IDLE && line.is_quiet() {
                return Some(Link::new(line));
            }
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

    /// The kernel's own view of the near end.
    struct Kernel(Socket);

    impl Kernel {
        /// Waits until something has arrived, while the runtime hears of nothing: the only thread is this one.
        fn has_it(&self) {
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
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let kernel = Kernel(SockRef::from(&near).try_clone().unwrap());
        (near, listener.accept().await.unwrap().0, kernel)
    }

    async fn tls() -> (Line, TlsStream<TcpStream>, Kernel) {
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
        let (near, far, kernel) = tcp().await;
        let name = ServerName::try_from("localhost").unwrap();
        let (near, far) = tokio::join!(
            TlsConnector::from(Arc::new(client)).connect(name, Line::Tcp(near)),
            TlsAcceptor::from(Arc::new(server)).accept(far),
        );
        (Line::Tls(Box::new(near.unwrap())), far.unwrap(), kernel)
    }

    /// Writes without giving the runtime a chance to hear of it.
    fn say_at_once(far: &mut TlsStream<TcpStream>, text: &[u8]) {
        let (io, session) = far.get_mut();
        session.writer().write_all(text).unwrap();
        let mut record = Vec::new();
        session.write_tls(&mut record).unwrap();
        assert_eq!(io.try_write(&record).unwrap(), record.len());
    }

    fn holding(line: Line) -> Pool {
        let pool = Pool::default();
        pool.put(Link::new(line));
        pool
    }

    #[tokio::test]
    async fn a_connection_on_which_something_came_just_now_is_not_used_again() {
        let (near, far, kernel) = tcp().await;
        far.writable().await.unwrap();
        let pool = holding(Line::Tcp(near));
        pool.put(pool.take().expect("nothing came"));
        far.try_write(b"HTTP/1.1 200 OK\r\n").unwrap();
        kernel.has_it();
        assert!(pool.take().is_none());

        let (near, far, kernel) = tcp().await;
        let pool = holding(Line::Tcp(near));
        drop(far);
        kernel.has_it();
        assert!(pool.take().is_none(), "the end");
    }

    /// A connection on which one answer came, and so all session tickets before it.
    async fn used() -> (Pool, TlsStream<TcpStream>, Kernel) {
        let (near, mut far, kernel) = tls().await;
        let mut link = Link::new(near);
        far.write_all(b"ok").await.unwrap();
        let mut ok = [0; 2];
        link.reader.io().read_exact(&mut ok).await.unwrap();
        let pool = Pool::default();
        pool.put(link);
        (pool, far, kernel)
    }

    #[tokio::test]
    async fn nor_is_one_over_tls() {
        let (pool, mut far, kernel) = used().await;
        pool.put(pool.take().expect("nothing came"));
        say_at_once(&mut far, b"HTTP/1.1 200 OK\r\n");
        kernel.has_it();
        assert!(pool.take().is_none());

        let (pool, far, kernel) = used().await;
        drop(far);
        kernel.has_it();
        assert!(pool.take().is_none(), "the end without a word");

        let (pool, mut far, kernel) = used().await;
        far.get_mut().1.send_close_notify();
        say_at_once(&mut far, b"");
        kernel.has_it();
        assert!(pool.take().is_none(), "the end of TLS");
    }

    #[tokio::test]
    async fn session_tickets_are_no_answer() {
        let (near, _far, kernel) = tls().await;
        kernel.has_it();
        assert!(holding(near).take().is_some());
    }

    #[tokio::test]
    async fn what_tls_has_already_is_seen() {
        let (near, mut far, _) = tls().await;
        // Two records, which arrive together.
        far.get_mut().1.writer().write_all(b"ok").unwrap();
        say_at_once(&mut far, b"surplus");
        let mut link = Link::new(near);
        let mut ok = [0; 2];
        link.reader.io().read_exact(&mut ok).await.unwrap();
        let pool = Pool::default();
        pool.put(link);
        assert!(pool.take().is_none());
    }

    #[tokio::test]
    async fn a_connection_that_was_asked_for_its_silence_still_works() {
        let (near, mut far, _) = tls().await;
        let pool = holding(near);
        for _ in 0..3 {
            let mut link = pool.take().expect("nothing came");
            link.writer.write_all(b"ask").await.unwrap();
            link.writer.flush().await.unwrap();
            let mut asked = [0; 3];
            far.read_exact(&mut asked).await.unwrap();
            far.write_all(b"ok").await.unwrap();
            far.flush().await.unwrap();
            let mut ok = [0; 2];
            link.reader.io().read_exact(&mut ok).await.unwrap();
            pool.put(link);
        }
    }
}
