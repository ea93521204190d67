//! A proxy before a sandbox with faults, and a broker that speaks HTTP/1.1 over a socket of its own for each request.
//!
//! `Run::start(faults) → Broker::put, get → Run::end → Judged exchanges`

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use umpire::event::{Event, EventReceiver};
use umpire::fault::{Faults, FaultyUpstream};
use umpire::finding::{Finding, Severity, Side};
use umpire::judged::Judged;
use umpire::openbooking::media_type::BOOKING_V1;
use umpire::proxy::upstream::Upstream;
use umpire::rules::RuleBook;
use umpire::sandbox::{IN_PROCESS_BASE_URI, Misbehaviours, Sandbox};
use umpire::session::{Session, SessionOptions};

pub const ORIGIN: &str = "https://sandbox.example";

/// A proxy that runs.
pub struct Run {
    session: Session,
    receiver: EventReceiver,
    pub faults: Faults,
    pub broker: Broker,
}

/// A broker, and where it calls.
#[derive(Debug, Clone, Copy)]
pub struct Broker {
    address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    /// The lines of the head, in lower case.
    pub head: String,
    pub body: Value,
    pub text: String,
}

impl Run {
    pub async fn start(faults: &[&str]) -> Self {
        let faults = Faults::new(faults.iter().map(|text| text.parse().expect(text)));
        let sandbox = Arc::new(Sandbox::new(IN_PROCESS_BASE_URI, Misbehaviours::NONE).expect("a fit base URI"));
        let base = sandbox.base_uri();
        let upstream: Arc<dyn Upstream> = FaultyUpstream::wrap(sandbox, &faults);
        let book = Arc::new(RuleBook::built_in().expect("the rules load"));
        let mut options = SessionOptions::new(base, book);
        // So that places left are reckoned.
        options.known.isolated = true;
        let (session, receiver) = Session::start(options, upstream).await.expect("the session starts");
        let broker = Broker { address: session.address };
        Self { session, receiver, faults, broker }
    }

    /// Plays a script, off the runtime's own threads.
    pub async fn play<T: Send + 'static>(&self, script: impl FnOnce(Broker) -> T + Send + 'static) -> T {
        let broker = self.broker;
        tokio::task::spawn_blocking(move || script(broker)).await.expect("the script ends well")
    }

    /// Every exchange that was judged, in order.
    pub async fn end(mut self) -> Vec<Arc<Judged>> {
        self.session.stop().await;
        let mut judged = Vec::new();
        while let Some(event) = self.receiver.events.recv().await {
            if let Event::Exchange(exchange) = event {
                judged.push(exchange);
            }
        }
        judged
    }
}

/// Plays a script against a sandbox with faults; what was judged.
pub async fn judged(faults: &[&str], script: impl FnOnce(Broker) + Send + 'static) -> Vec<Arc<Judged>> {
    let run = Run::start(faults).await;
    run.play(script).await;
    run.end().await
}

/// The findings on one side, in words.
pub fn findings(judged: &[Arc<Judged>], side: Side) -> Vec<String> {
    let told = |finding: &Finding| format!("{} {}: {}", finding.severity, finding.rule.id, finding.message);
    let all = judged.iter().flat_map(|judged| &judged.findings);
    all.filter(|finding| finding.rule.side == side).map(told).collect()
}

/// The ids of the rules that the broker broke, warnings and more.
pub fn broken_by_broker(judged: &[Arc<Judged>]) -> Vec<String> {
    let all = judged.iter().flat_map(|judged| &judged.findings);
    let told = all.filter(|finding| finding.rule.side == Side::Broker && finding.severity >= Severity::Warning);
    // The sandbox is called without TLS, and nobody has harvested open data: neither is what is tried here.
    let ids = told.map(|finding| finding.rule.id.clone()).filter(|id| !id.starts_with("access/"));
    ids.collect()
}

/// Sends a request over a connection of its own, and reads the answer to the end of the connection.
pub fn send_over(
    stream: &mut (impl io::Read + io::Write),
    method: &str,
    target: &str,
    body: &str,
) -> io::Result<Answered> {
    let length = body.len();
    let fields = match (method, target.starts_with("/api/")) {
        (_, false) => "Accept: */*".to_owned(),
        ("GET" | "DELETE", true) => format!("Authorization: Bearer a\r\nAccept: {BOOKING_V1}"),
        (_, true) => format!(
            "Authorization: Bearer a\r\nAccept: {BOOKING_V1}\r\nContent-Type: {BOOKING_V1}\r\nContent-Length: {length}"
        ),
    };
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n{fields}\r\n\r\n{body}")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes)
}

impl Broker {
    pub fn send(self, method: &str, target: &str, body: &str) -> io::Result<Answered> {
        send_over(&mut TcpStream::connect(self.address)?, method, target, body)
    }

    pub fn address(self) -> SocketAddr {
        self.address
    }

    pub fn c1(self, uuid: &str) -> io::Result<Answered> {
        let mut quote = request("OrderQuote");
        quote.as_object_mut().unwrap().remove("customer");
        self.put("order-quote-templates", uuid, &quote)
    }

    pub fn c2(self, uuid: &str) -> io::Result<Answered> {
        self.put("order-quotes", uuid, &request("OrderQuote"))
    }

    /// Books at the price of the sandbox.
    pub fn b(self, uuid: &str) -> io::Result<Answered> {
        self.put("orders", uuid, &order(7.5))
    }

    pub fn put(self, resource: &str, uuid: &str, body: &Value) -> io::Result<Answered> {
        self.send("PUT", &format!("/api/openbooking/{resource}/{uuid}"), &body.to_string())
    }

    pub fn get(self, target: &str) -> io::Result<Answered> {
        self.send("GET", target, "")
    }

    /// C1, C2 and B, each at the first try.
    pub fn book(self, uuid: &str) {
        let quoted = [self.c1(uuid), self.c2(uuid)];
        for answered in quoted {
            assert_eq!(answered.expect("an answer").status, 200);
        }
        let booked = self.b(uuid).expect("an answer");
        assert_eq!(booked.status, 201, "{}", booked.text);
    }
}

/// Waits as a broker does that is told to.
pub fn wait(seconds: f64) {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::sleep(left);
    }
}

pub fn parse(bytes: &[u8]) -> io::Result<Answered> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("no whole answer: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if length.is_some_and(|length| length != body.len()) {
        return Err(broken());
    }
    Ok(Answered { status, body: serde_json::from_str(body).unwrap_or_default(), text: body.to_owned(), head })
}

/// An order of a swim in the sandbox, with all that a good broker says.
pub fn request(kind: &str) -> Value {
    json!({
        "@context": "https://openactive.io/",
        "@type": kind,
        "brokerRole": "https://openactive.io/AgentBroker",
        "broker": {
            "@type": "Organization", "name": "Test broker", "url": "https://broker.example/", "email": "us@broker.example",
            "telephone": "01632 960303", "sameAs": ["https://social.example/broker"],
            "logo": { "@type": "ImageObject", "url": "https://broker.example/logo.png" },
        },
        "customer": {
            "@type": "Person", "email": "c@mail.example", "givenName": "Robin", "familyName": "Hale",
            "telephone": "01632 960404", "identifier": "c-1",
        },
        "seller": format!("{ORIGIN}/id/sellers/1"),
        "orderedItem": [{
            "@type": "OrderItem", "position": 0,
            "orderedItem": format!("{ORIGIN}/id/scheduled-sessions/open-swim"),
            "acceptedOffer": format!("{ORIGIN}/id/session-series/open-swim#/offers/adult"),
        }],
        "payment": { "@type": "Payment", "name": "Card payments", "accountId": "A-1", "paymentProviderId": "EXAMPLE" },
    })
}

pub fn order(total: f64) -> Value {
    let mut order = request("Order");
    order["totalPaymentDue"] = json!({ "@type": "PriceSpecification", "price": total, "priceCurrency": "GBP" });
    order["payment"]["identifier"] = json!("p-1");
    order
}

/// The cancellation of what an order booked.
pub fn cancellation(id: &str) -> Value {
    json!({ "@context": "https://openactive.io/", "@type": "Order", "orderedItem": [{
        "@type": "OrderItem", "orderItemStatus": "https://openactive.io/CustomerCancelled",
        "@id": format!("{ORIGIN}/api/openbooking/orders/{id}#/orderedItems/1"),
    }] })
}

pub fn uuid(number: u32) -> String {
    format!("0d5a8a5c-4b2e-4d27-9a55-{number:012}")
}
