//! What clients of other machines reach of this one: their address is handed to the forward proxy as if they had
//! connected from it. (`tests/it/second_machine.rs` does the same over real wires, where it may.)

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::{BodyExt, Empty};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::ca::Authority;
use crate::exchange::{Headers, Version};
use crate::proxy::client::ClientInfo;
use crate::proxy::forward::*;
use crate::proxy::message::fields::RawTrailers;
use crate::proxy::record::sink;
use crate::proxy::server::limits::Limits;
use crate::proxy::upstream::live::{OwnListenAddrs, UpstreamConfig};

const PATIENCE: Duration = Duration::from_secs(20);
const ELSEWHERE: &str = "192.0.2.7";

/// Something that listens, and counts who connects.
struct Service {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Service {
    async fn at(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).await.ok()?;
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        });
        Some(Self { port, connections })
    }

    /// Forgets what was counted.
    fn taken(&self) -> usize {
        self.connections.swap(0, Ordering::SeqCst)
    }
}

/// A port on which nobody listens.
async fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

struct Rig {
    forward_proxy: ForwardProxy,
    shutdown: CancellationToken,
    // What is recorded is not looked at; it has to go somewhere.
    _intake: sink::ExchangeReceiver,
}

fn rig(hosts: &[&str], reach: UpstreamConfig) -> Rig {
    let hosts: Arc<[HostPattern]> = hosts.iter().map(|host| host.parse().unwrap()).collect();
    let leaves = Leaves::new(vec![Authority::make(&hosts, Timestamp::now()).unwrap().0]).unwrap();
    let reach = UpstreamConfig { own: OwnListenAddrs::default(), ..reach };
    let dialer = |reach: &UpstreamConfig| Arc::new(Dialer::new(reach, Duration::from_secs(5)).unwrap());
    let remote_dialer = dialer(&UpstreamConfig { deny_local_targets: true, ..reach.clone() });
    let dialers = (dialer(&reach), remote_dialer);
    let forward = ForwardConfig::new(hosts, Arc::new(leaves), dialers, Timeouts::default(), None).unwrap();
    let (sink, exchange_receiver) = sink::channel(64);
    let common = ProxyShared::new(sink, Limits::default(), CancellationToken::new());
    let forward_proxy = ForwardProxy::new(Arc::new(forward), Arc::new(common), Arc::new(|_| {}));
    Rig { forward_proxy, shutdown: CancellationToken::new(), _intake: exchange_receiver }
}

fn head(method: Method, absolute: Option<&str>, target: &str) -> RequestHead {
    let mut fields = Headers::default();
    fields.push("Host", "x".to_owned());
    let absolute = absolute.map(str::to_owned);
    RequestHead { method, absolute, target: target.to_owned(), version: Version::Http11, fields, body_unasked: false }
}

impl Rig {
    /// What a client is answered that asks for a whole URL: status and body.
    async fn absolute(&self, client: &str, authority: &str) -> (u16, String) {
        let mut head = head(Method::GET, Some(&format!("http://{authority}")), "/");
        match self.forward_proxy.route(&mut head, client.parse().unwrap()).await {
            Decision::Proxy(relay) => {
                let body = Empty::new().map_err(|never| match never {}).boxed();
                let proxied = relay.forward(1, head, (body, RawTrailers::default()), None).await;
                (proxied.status.as_u16(), text(proxied.body).await)
            }
            Decision::Respond(response) => content(response).await,
            Decision::Tunnel(_) => panic!("a tunnel for GET"),
        }
    }

    /// What a client is answered that asks for a tunnel, and for something in it.
    async fn tunnel(&self, client: &str, authority: &str) -> (u16, String) {
        let mut head = head(Method::CONNECT, None, authority);
        let opened = match self.forward_proxy.route(&mut head, client.parse().unwrap()).await {
            Decision::Tunnel(opened) => opened,
            Decision::Respond(response) => return content(response).await,
            Decision::Proxy(_) => panic!("CONNECT was carried"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut local_dialer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (input, output) = listener.accept().await.unwrap().0.into_split();
        let tunnel = Tunnel::new(BytesMut::new(), input, output);
        let client_info = ClientInfo { connection: 1, address: client.parse().unwrap() };
        let serving = self.forward_proxy.serve(opened, tunnel, client_info, self.shutdown.clone());
        let asking = async {
            local_dialer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            local_dialer.read_to_string(&mut answer).await.unwrap();
            local_dialer.shutdown().await.unwrap();
            answer
        };
        let ((), answer) = tokio::join!(serving, asking);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn both(&self, client: &str, authority: &str) -> [(u16, String); 2] {
        let both = async { [self.absolute(client, authority).await, self.tunnel(client, authority).await] };
        tokio::time::timeout(PATIENCE, both).await.unwrap_or_else(|_| panic!("no answer about {authority}"))
    }
}

async fn content(response: Response<WireBody>) -> (u16, String) {
    (response.status().as_u16(), text(response.into_body()).await)
}

async fn text(body: WireBody) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Hosts that lead to 127.0.0.1: addresses, spellings of it that a look-up understands, names.
const THIS_MACHINE: [&str; 14] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "0",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "localhost",
    "LOCALHOST",
    "other.example",
    "named.example",
];

const INTERCEPTED: [&str; 2] = ["below.wild.example", "a.b.wild.example"];

fn leads_here(ports: &[u16]) -> UpstreamConfig {
    let names = ["other.example", "named.example"].iter().chain(&INTERCEPTED);
    let resolve = names.flat_map(|name| ports.iter().map(move |port| format!("{name}:{port}:127.0.0.1")));
    UpstreamConfig { resolve: resolve.map(|text| text.parse().unwrap()).collect(), ..UpstreamConfig::default() }
}

#[tokio::test]
async fn no_name_of_this_machine_is_reached_from_another_one() {
    let (service, closed) = (Service::at("0.0.0.0:0").await.unwrap(), closed().await);
    let rig = rig(&["named.example", "*.wild.example"], leads_here(&[service.port, closed]));
    for host in THIS_MACHINE.iter().chain(&INTERCEPTED) {
        let open = rig.both(ELSEWHERE, &format!("{host}:{}", service.port)).await;
        assert_eq!(service.taken(), 0, "{host} was connected to");
        let shut = rig.both(ELSEWHERE, &format!("{host}:{closed}")).await;
        for ((status, body), (_, other)) in open.into_iter().zip(shut) {
            assert_eq!(status, 502, "{host}: {body}");
            assert_eq!(body, other.replace(&closed.to_string(), &service.port.to_string()), "{host}");
            assert!(!body.contains("127.0.0.1 ") && !body.contains("refused"), "{body}");
        }
        // Whoever sits at this machine reaches it, and is told what is wrong.
        let here = rig.both("127.0.0.1", &format!("{host}:{}", service.port)).await;
        for (status, body) in here {
            assert_eq!((status, body.as_str()), (200, "ok"), "{host}");
        }
        assert_eq!(service.taken(), 2, "{host}");
        let here = rig.absolute("127.0.0.1", &format!("{host}:{closed}")).await;
        assert!(here.0 == 502 && here.1.contains("refused"), "{host}: {here:?}");
    }
}

#[expect(clippy::disallowed_macros, reason = "what is printed is for whoever runs the test")]
#[tokio::test]
async fn nor_is_its_ipv6() {
    let Some(service) = Service::at("[::1]:0").await else {
        return eprintln!("NOT RUN: this machine has no IPv6 loopback address");
    };
    let resolve = vec![format!("below.wild.example:{}:::1", service.port).parse().unwrap()];
    let rig = rig(&["*.wild.example"], UpstreamConfig { resolve, ..UpstreamConfig::default() });
    for host in ["[::1]", "[0:0:0:0:0:0:0:1]", "below.wild.example"] {
        for (status, body) in rig.both(ELSEWHERE, &format!("{host}:{}", service.port)).await {
            assert_eq!(status, 502, "{host}: {body}");
        }
        assert_eq!(service.taken(), 0, "{host}");
        assert_eq!(rig.absolute("::1", &format!("{host}:{}", service.port)).await.0, 200, "{host}");
        service.taken();
    }
    // Nobody listens there; that nothing is tried is what counts.
    let before = std::time::Instant::now();
    for host in ["[fe80::1]", "[::]", "[::ffff:169.254.169.254]", "169.254.169.254", "[64:ff9b::127.0.0.1]"] {
        for (status, body) in rig.both(ELSEWHERE, &format!("{host}:{}", service.port)).await {
            assert_eq!(status, 502, "{host}: {body}");
        }
    }
    assert!(before.elapsed() < Duration::from_secs(4), "something was waited for");
}

#[tokio::test]
async fn a_name_with_several_addresses_leads_to_the_others_alone() {
    let service = Service::at("127.0.0.1:0").await.unwrap();
    let port = service.port;
    let resolve = vec![format!("mixed.wild.example:{port}:127.0.0.1,::1").parse().unwrap()];
    let rig = rig(&["*.wild.example"], UpstreamConfig { resolve, ..UpstreamConfig::default() });
    for (status, body) in rig.both(ELSEWHERE, &format!("mixed.wild.example:{port}")).await {
        assert_eq!(status, 502, "{body}");
    }
    assert_eq!(service.taken(), 0);
}

#[tokio::test]
async fn what_was_fetched_for_this_machine_is_no_way_in_for_others() {
    // A connection that is kept open for a client here must not serve one from elsewhere.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                }
            });
        }
    });
    let rig = rig(&["named.example"], leads_here(&[address.port()]));
    for host in ["named.example", "other.example", "127.0.0.1"] {
        let authority = format!("{host}:{}", address.port());
        assert_eq!(rig.absolute("127.0.0.1", &authority).await.0, 200, "{host}");
        assert_eq!(rig.absolute(ELSEWHERE, &authority).await.0, 502, "{host}");
    }
}

#[tokio::test]
async fn what_the_operator_names_itself_is_let_through() {
    let (service, other) = (Service::at("127.0.0.1:0").await.unwrap(), Service::at("127.0.0.1:0").await.unwrap());
    let address = format!("127.0.0.1:{}", service.port);
    let named = rig(&[&address, &format!("localhost:{}", service.port)], UpstreamConfig::default());
    for host in ["127.0.0.1", "localhost"] {
        for (status, body) in named.both(ELSEWHERE, &format!("{host}:{}", service.port)).await {
            assert_eq!((status, body.as_str()), (200, "ok"), "{host}");
        }
        for (status, _) in named.both(ELSEWHERE, &format!("{host}:{}", other.port)).await {
            assert_eq!(status, 502, "another port of {host}");
        }
    }
    assert_eq!((named.absolute(ELSEWHERE, &format!("127.0.0.2:{}", service.port)).await.0, other.taken()), (502, 0));
}

#[tokio::test]
async fn another_proxy_on_this_machine_leads_nobody_back_to_it() {
    let proxy = Service::at("127.0.0.1:0").await.unwrap();
    let reach = leads_here(&[80]);
    let reach = UpstreamConfig { proxy: Some(format!("http://127.0.0.1:{}", proxy.port)), ..reach };
    let rig = rig(&["*.wild.example"], reach);
    for host in ["127.0.0.1", "169.254.169.254", "[::1]"] {
        assert_eq!(rig.absolute(ELSEWHERE, &format!("{host}:80")).await.0, 502, "{host}");
        assert_eq!(proxy.taken(), 0, "{host}: no address needs the proxy to be known");
    }
    for host in ["localhost", "2130706433", "other.example", "below.wild.example"] {
        let (status, body) = rig.absolute(ELSEWHERE, &format!("{host}:80")).await;
        assert_eq!(status, 502, "{host}: {body}");
    }
    // The proxy is asked for what is not known here.
    assert_eq!(rig.absolute(ELSEWHERE, "nowhere.invalid:80").await.0, 200);
    assert_eq!(rig.absolute("127.0.0.1", "other.example:80").await.0, 200);
}
