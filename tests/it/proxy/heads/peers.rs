//! A booking system and brokers that speak both versions, byte by byte.

use super::message::*;
use super::*;

/// An answer in both versions.
#[derive(Clone)]
pub struct Scripted {
    pub http1: Option<Vec<u8>>,
    pub http2: Option<Message>,
}

/// A booking system that speaks what it is spoken to in, notes every whole request, and answers from a list, or else "ok".
#[derive(Clone, Default)]
pub struct System {
    pub requests: Arc<Mutex<Vec<String>>>,
    pub answers: Arc<Mutex<VecDeque<Scripted>>>,
}

impl System {
    pub async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let system = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(system.clone().serve(stream, address));
            }
        });
        address
    }

    pub async fn serve(self, mut stream: TcpStream, address: SocketAddr) {
        stream.set_nodelay(true).unwrap();
        let mut seen = Vec::new();
        while stream.read_buf(&mut seen).await.is_ok_and(|read| read > 0) {
            if seen.starts_with(PREFACE) {
                let frames = Frames::of(stream, seen[PREFACE.len()..].to_vec()).await;
                return self.serve_http2(frames, address).await;
            }
            if PREFACE.starts_with(&seen) {
                continue;
            }
            while let Some(request) = message(&mut seen, false) {
                self.note(canonical_of_http1(&request), address);
                let scripted = self.answers.lock().unwrap().pop_front();
                let answer = scripted.map_or(OK.as_bytes().to_vec(), |answer| answer.http1.expect("one of HTTP/1"));
                // The proxy may have had enough of it.
                let _written = stream.write_all(&answer).await;
            }
        }
    }

    pub async fn serve_http2(self, mut frames: Frames, address: SocketAddr) {
        let mut open: Vec<(u32, Message)> = Vec::new();
        loop {
            let (stream, ended) = match frames.next().await {
                Event::Fields { stream, fields, end } => {
                    match open.iter_mut().find(|(known, _)| *known == stream) {
                        Some((_, request)) => request.trailers = Some(fields),
                        None => open.push((stream, Message { heads: vec![fields], ..Message::default() })),
                    }
                    (stream, end)
                }
                Event::Data { stream, data, end } => {
                    let request = open.iter_mut().find(|(known, _)| *known == stream);
                    request.expect("a head").1.body.get_or_insert_default().extend(data);
                    (stream, end)
                }
                Event::Reset { stream } => {
                    open.retain(|(known, _)| *known != stream);
                    continue;
                }
                Event::Gone => return,
            };
            if !ended {
                continue;
            }
            let at = open.iter().position(|(known, _)| *known == stream).expect("a head");
            let (_, request) = open.remove(at);
            let (body, trailers) = (request.body.unwrap_or_default(), request.trailers.unwrap_or_default());
            self.note(canonical_request(&request.heads[0], &body, &trailers), address);
            let scripted = self.answers.lock().unwrap().pop_front();
            let answer = scripted.map_or_else(|| answer_of(OK.as_bytes(), false), |answer| answer.http2);
            send(&mut frames, stream, &answer.expect("one of HTTP/2")).await;
        }
    }

    pub fn note(&self, request: String, address: SocketAddr) {
        self.requests.lock().unwrap().push(request.replace(&address.to_string(), "UP"));
    }

    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

pub async fn send(frames: &mut Frames, stream: u32, message: &Message) {
    let Message { heads, body, trailers } = message;
    let ends_with_head = body.is_none() && trailers.is_none();
    for (at, head) in heads.iter().enumerate() {
        frames.fields(stream, head, ends_with_head && at + 1 == heads.len()).await;
    }
    if let Some(body) = body {
        frames.data(stream, body, trailers.is_none()).await;
    }
    if let Some(trailers) = trailers {
        frames.fields(stream, trailers, true).await;
    }
}

/// What a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    /// Of the booking system, in the one form; the heads of interim answers before it.
    Answer(String),
    /// One of Umpire's own.
    Own {
        status: u16,
        detail: String,
    },
    /// The stream was reset, or the connection closed.
    Reset,
    Gone,
}

impl Got {
    pub fn of(interim: String, status: u16, fields: &Fields, body: &[u8], trailers: &Fields) -> Self {
        if value(fields, "content-type") == "application/problem+json" {
            let body = text(body);
            let detail = body.split("\"detail\":\"").nth(1).unwrap_or_default();
            let detail = detail.split("\",\"").next().unwrap_or_default().to_owned();
            return Self::Own { status, detail };
        }
        Self::Answer(format!("{interim}{}", canonical(&status.to_string(), fields, body, trailers)))
    }

    /// The same, but for what only one version can say: the case of names, line ends. Who expects to be told to go on, and has
    /// sent the body already, is told so over HTTP/2 alone.
    pub fn is_like(&self, newer: &Self) -> bool {
        match (self, newer) {
            (Self::Own { status, detail }, Self::Own { status: other, detail: newer }) => {
                let of_lines = detail.contains("line feed") || detail.contains("new line");
                status == other && (of_lines || detail.eq_ignore_ascii_case(newer))
            }
            (Self::Answer(older), Self::Answer(newer)) => older == newer.strip_prefix("100\n\n\n").unwrap_or(newer),
            _ => self == newer,
        }
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Own { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Sends a request on its stream of a connection, and reads to the end of its answer.
pub async fn over_http2(frames: &mut Frames, stream: u32, request: &Message) -> Got {
    send(frames, stream, request).await;
    let (mut heads, mut body, mut trailers) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let ended = match soon("an answer", frames.next()).await {
            Event::Fields { stream: of, fields, end } if of == stream => {
                if fields.iter().any(|(name, _)| name == b":status") {
                    heads.push(fields);
                } else {
                    trailers = fields;
                }
                end
            }
            Event::Data { stream: of, data, end } if of == stream => {
                body.extend(data);
                end
            }
            Event::Reset { stream: of } if of == stream => return Got::Reset,
            Event::Gone => return Got::Gone,
            _ => false,
        };
        if ended {
            break;
        }
    }
    let head = heads.pop().expect("a head");
    let interim = heads.iter().map(|head| canonical(&value(head, ":status"), head, b"", &vec![])).collect();
    Got::of(interim, value(&head, ":status").parse().unwrap(), &head, &body, &trailers)
}

pub async fn over_http1(stream: &mut TcpStream, request: &[u8], bodiless: bool) -> Got {
    // Who refuses what has come so far need not take the rest.
    let _taken = stream.write_all(request).await;
    let (mut seen, mut interim) = (Vec::new(), String::new());
    loop {
        if let Some(whole) = message(&mut seen, bodiless) {
            let (lines, _) = taken_apart(&whole).unwrap();
            let fields: Fields = lines[1..].iter().map(|line| field(line).unwrap()).collect();
            let status: u16 = text(&lines[0])[9..12].parse().unwrap();
            if status < 200 && status != 101 {
                interim += &canonical_of_http1(&whole);
                continue;
            }
            let canonical = canonical_of_http1(&whole);
            return match Got::of(String::new(), status, &fields, taken_apart(&whole).unwrap().1, &vec![]) {
                Got::Answer(_) => Got::Answer(interim + &canonical),
                own => own,
            };
        }
        if soon("an answer", stream.read_buf(&mut seen)).await.unwrap_or(0) == 0 {
            return Got::Gone;
        }
    }
}
