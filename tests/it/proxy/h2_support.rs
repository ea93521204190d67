//! Brokers and booking systems that speak HTTP/2, in clear or over TLS.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use hyper::{HeaderMap, Request, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use umpire::proxy::Limits;
use umpire::proxy::upstream::Upstream;
use umpire::proxy::upstream::live::{Timeouts, UpstreamClient, UpstreamHttp};

use super::support::{Proxy, Server, soon};

/// A certificate for this machine, and the file of the authority that vouches for it.
pub struct Certified {
    pub ca_file: NamedTempFile,
    ca: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Certified {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
        let mut ca_file = NamedTempFile::new().unwrap();
        ca_file.write_all(ca.pem().as_bytes()).unwrap();
        let (ca, chain) = (ca.der().clone(), vec![certificate.der().clone()]);
        Self { ca_file, ca, chain, key: key.serialize_der() }
    }

    pub fn server(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), PrivateKeyDer::try_from(self.key.clone()).unwrap())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    pub async fn connect(&self, address: SocketAddr, alpn: &str) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn.as_bytes()), "the proxy chooses it");
        stream
    }
}

/// A booking system in which each connection is given to `serve`, over TLS if it has that.
pub async fn accepting<F, A>(tls: Option<Arc<ServerConfig>>, serve: F) -> SocketAddr
where
    F: Fn(Box<dyn Wire>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (tls, serve) = (tls.clone(), serve.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(Box::new(stream)).await,
                    // A handshake that finds no common protocol fails.
                    Some(tls) => {
                        if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                            serve(Box::new(stream)).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// A connection over TLS or not.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// What a booking system does with a stream.
pub type Stream = (Request<RecvStream>, SendResponse<Bytes>);

/// A booking system that speaks HTTP/2.
pub struct System {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl System {
    /// Each stream is given to `answer`.
    pub async fn start<F, A>(tls: Option<Arc<ServerConfig>>, answer: F) -> Self
    where
        F: Fn(Stream) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let (tls, answer) = (tls.clone(), answer.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, answer).await,
                        Some(tls) => serve(TlsAcceptor::from(tls).accept(stream).await.unwrap(), answer).await,
                    }
                });
            }
        });
        Self { address, connections }
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve<S, F, A>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Stream) -> A,
    A: Future<Output = ()> + Send + 'static,
{
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok(stream)) = connection.accept().await {
        tokio::spawn(answer(stream));
    }
}

/// Answers with the mark of the request, what it was, and its body.
pub async fn echo((request, respond): Stream) {
    let (parts, body) = request.into_parts();
    let (body, trailers) = read(body).await.unwrap();
    let mut response = Response::new(());
    if let Some(mark) = parts.headers.get("x-mark") {
        response.headers_mut().insert("x-mark", mark.clone());
    }
    let line = format!("{} {} ", parts.method, parts.uri.path_and_query().unwrap());
    answer(respond, response, &[line.as_bytes(), &body].concat(), trailers);
}

/// Answers with a whole body.
pub fn answer(mut respond: SendResponse<Bytes>, head: Response<()>, body: &[u8], trailers: Option<HeaderMap>) {
    let Ok(mut stream) = respond.send_response(head, body.is_empty() && trailers.is_none()) else { return };
    if !body.is_empty() && stream.send_data(Bytes::copy_from_slice(body), trailers.is_none()).is_err() {
        return;
    }
    if let Some(trailers) = trailers {
        stream.send_trailers(trailers).unwrap();
    }
}

/// All of a body, and its trailers.
pub async fn read(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = soon("data", body.data()).await {
        let data = data?;
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    Ok((all, soon("trailers", body.trailers()).await?))
}

/// A broker that speaks HTTP/2.
#[derive(Clone)]
pub struct Broker {
    pub sender: SendRequest<Bytes>,
}

/// An answer.
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Broker {
    /// Over any stream.
    pub async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = soon("HTTP/2", h2::client::handshake(stream)).await.unwrap();
        tokio::spawn(async move {
            let _ended = connection.await;
        });
        Self { sender }
    }

    /// In clear, with prior knowledge.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    /// Sends a head; the answer to come, and where the body goes.
    pub async fn begin(&self, request: Request<()>, end: bool) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let mut sender = soon("room", self.sender.clone().ready()).await.unwrap();
        sender.send_request(request, end).unwrap()
    }

    /// A whole exchange.
    pub async fn ask(&self, request: Request<()>, body: &[u8]) -> Result<Got, h2::Error> {
        let (response, mut stream) = self.begin(request, body.is_empty()).await;
        if !body.is_empty() {
            stream.send_data(Bytes::copy_from_slice(body), true)?;
        }
        Got::of(response).await
    }
}

impl Got {
    pub async fn of(response: h2::client::ResponseFuture) -> Result<Self, h2::Error> {
        let (parts, body) = soon("an answer", response).await?.into_parts();
        let (body, trailers) = read(body).await?;
        Ok(Self { status: parts.status.as_u16(), headers: parts.headers, body, trailers })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request to the proxy.
pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(format!("http://broker.example{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

pub fn live(base: &str, ca: Option<&Certified>, http: UpstreamHttp) -> Arc<dyn Upstream> {
    live_within(base, ca, http, Timeouts::default())
}

pub fn live_within(base: &str, ca: Option<&Certified>, http: UpstreamHttp, timeouts: Timeouts) -> Arc<dyn Upstream> {
    let ca_files: Vec<_> = ca.iter().map(|ca| ca.ca_file.path()).collect();
    Arc::new(UpstreamClient::new(&base.parse().unwrap(), &ca_files, timeouts).unwrap().speaking(http))
}

/// A proxy before a booking system that speaks HTTP/2 in clear.
pub async fn before(system: &System) -> Proxy {
    let upstream = live(&format!("http://{}", system.address), None, UpstreamHttp::Http2);
    Proxy::with(upstream, Limits::default(), 256).await
}

/// A proxy before a booking system that speaks HTTP/1.1 in clear.
pub async fn before_http1(server: &Server) -> Proxy {
    let upstream = live(&format!("http://{}", server.address), None, UpstreamHttp::Auto);
    Proxy::with(upstream, Limits::default(), 256).await
}
