//! `--rewrite-links`: answers whose links lead past the proxy, given to the broker with links that lead through it.
//!
//! ```text
//! fields ─► Location, Content-Location, Link edited
//! body ───┬─ no JSON, no HTML, in part, "no-transform" ─────────────────────► as it is
//!         └─ up to MOST ─┬─ larger, broken off, undecodable, no link ────────► as it is, byte for byte
//!                        └─ decoded, the links edited ─► uncoded, with its length and a weak ETag
//! ```
//!
//! It stands behind the Tee: what is recorded, and judged, is what the booking system sent; what was given instead is
//! recorded beside it. An answer that is rewritten goes out without content coding, which every client takes: coding it
//! anew would cost time and tell nobody anything.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame};

use crate::exchange::{Header, Headers, RewrittenLink, decode};
use crate::links::{self, FieldLinks, FoundLink, LinkMedia, Origin};
use crate::proxy::upstream::{BodyError, WireBody};

/// Largest body, as it is on the wire, that is gathered to be rewritten; a larger one passes as it is.
pub(super) const MOST: usize = 8 * 1024 * 1024;

/// Fields that would no longer be true of the content.
const UNTRUE: [&str; 6] =
    ["content-encoding", "transfer-encoding", "content-md5", "digest", "content-digest", "repr-digest"];

/// Rewrites links to one booking system.
#[derive(Debug, Clone)]
pub(crate) struct Rewriter {
    origin: Origin,
    scheme: &'static str,
}

/// An answer on its way to the broker.
pub(crate) struct RewrittenResponse {
    /// The body to send.
    pub body: WireBody,
    /// The fields to send.
    pub fields: Arc<Headers>,
    /// What was changed.
    pub rewritten: Vec<RewrittenLink>,
}

impl Rewriter {
    /// For links to `origin`, given to brokers that come over TLS or not.
    pub(crate) fn new(origin: &str, tls: bool) -> Option<Self> {
        let scheme = if tls { "https" } else { "http" };
        Some(Self { origin: Origin::of(origin)?.0, scheme })
    }

    /// The address by which the broker knows the proxy, from its own Host field.
    fn own_address(&self, request: &Headers) -> Option<String> {
        let host = request.get("host")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let address = format!("{}://{host}", self.scheme);
        let (origin, length) = Origin::of(&address)?;
        (host.bytes().all(plain) && length == address.len() && origin != self.origin).then_some(address)
    }

    /// Passes an answer on, rewritten if it has links that lead past the proxy. `bodiless`: its fields may speak of a
    /// body, but none follows.
    pub(crate) async fn pass(
        &self,
        request: &Headers,
        status: u16,
        fields: Arc<Headers>,
        body: WireBody,
        bodiless: bool,
    ) -> RewrittenResponse {
        let Some(address) = self.own_address(request) else {
            return RewrittenResponse { body, fields, rewritten: Vec::new() };
        };
        let (fields, mut rewritten) = self.in_fields(fields, &address);
        let media = LinkMedia::of(&fields).filter(|_| {
            !bodiless
                && status != 206
                && body.size_hint().lower() <= MOST as u64
                && !crate::proxy::message::fields::has_token(&fields, "cache-control", "no-transform")
        });
        let Some(media) = media else { return RewrittenResponse { body, fields, rewritten } };
        let whole = match gather(body).await {
            Ok(whole) => whole,
            Err(body) => return RewrittenResponse { body, fields, rewritten },
        };
        let Some((given, links)) = self.in_content(&whole, media, &fields, &address) else {
            return RewrittenResponse { body: full(whole), fields, rewritten };
        };
        rewritten.extend(links);
        let fields = Arc::new(fields_of_rewritten(&fields, given.len()));
        RewrittenResponse { body: full(given), fields, rewritten }
    }

    fn in_fields(&self, mut fields: Arc<Headers>, address: &str) -> (Arc<Headers>, Vec<RewrittenLink>) {
        let mut rewritten = Vec::new();
        for FieldLinks { field, links } in links::find_in_fields(&fields, &self.origin) {
            if let Some(field) = Arc::make_mut(&mut fields).0.get_mut(field) {
                field.value = links::rewrite(&field.value, &links, address).into();
            }
            rewritten.extend(links.into_iter().map(|link| told(link, address)));
        }
        (fields, rewritten)
    }

    /// The content with its links rewritten; `None` if it can't be decoded or has none.
    fn in_content(
        &self,
        whole: &[u8],
        media: LinkMedia,
        fields: &Headers,
        address: &str,
    ) -> Option<(Bytes, Vec<RewrittenLink>)> {
        let content = decode(whole, fields).ok()?;
        let links = links::find(&content, media, &self.origin);
        if links.is_empty() {
            return None;
        }
        let given = links::rewrite(&content, &links, address).into();
        Some((given, links.into_iter().map(|link| told(link, address)).collect()))
    }
}

/// A link before and after.
fn told(link: FoundLink, address: &str) -> RewrittenLink {
    let length = Origin::of(&link.url).map_or(0, |(_, length)| length);
    RewrittenLink { given: format!("{address}{}", &link.url[length..]), sent: link.url, at: link.at }
}

fn full(content: Bytes) -> WireBody {
    Full::new(content).map_err(|never| match never {}).boxed()
}

/// The fields with what they say of the content put right.
fn fields_of_rewritten(fields: &Headers, length: usize) -> Headers {
    let is = |field: &Header, name: &str| field.name.eq_ignore_ascii_case(name);
    let mut length = Some(Bytes::from(length.to_string()));
    let mut given = Headers::of(Vec::with_capacity(fields.0.len() + 1));
    for field in &fields.0 {
        if is(field, "content-length") {
            if let Some(value) = length.take() {
                given.0.push(Header { name: field.name.clone(), value });
            }
        } else if is(field, "etag") && !field.value.starts_with(b"W/") {
            // Other bytes under the same strong tag would be a lie (RFC 9110 section 8.8.1).
            given.push(field.name.clone(), [b"W/", &field.value[..]].concat());
        } else if !UNTRUE.iter().any(|name| is(field, name)) {
            given.0.push(field.clone());
        }
    }
    if let Some(value) = length {
        given.push("Content-Length", value);
    }
    given
}

/// All of a body. What is too large, breaks off or has trailers comes back as the body that it was.
async fn gather(mut body: WireBody) -> Result<Bytes, WireBody> {
    let mut whole = BytesMut::new();
    loop {
        let next = match body.frame().await {
            None => return Ok(whole.freeze()),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if whole.len() + data.len() <= MOST => {
                    whole.extend_from_slice(&data);
                    if body.is_end_stream() {
                        return Ok(whole.freeze());
                    }
                    continue;
                }
                Ok(data) => Ok(Frame::data(data)),
                Err(frame) => Ok(frame),
            },
            Some(Err(error)) => Err(error),
        };
        return Err(with_rest(whole.freeze(), next, body));
    }
}

/// What was read, and the rest.
fn with_rest(read: Bytes, next: Result<Frame<Bytes>, BodyError>, rest: WireBody) -> WireBody {
    let ended = next.is_err() || rest.is_end_stream();
    let begin = futures_util::stream::iter([Ok(Frame::data(read)), next]);
    let rest = futures_util::stream::unfold((!ended).then_some(rest), |rest| async {
        let mut rest = rest?;
        let frame = rest.frame().await?;
        let more = (frame.is_ok() && !rest.is_end_stream()).then_some(rest);
        Some((frame, more))
    });
    BodyExt::boxed(StreamBody::new(begin.chain(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"items":[],"next":"http://up.example/f?a=1"}"#;

    fn headers(fields: &[(&'static str, &'static str)]) -> Headers {
        fields.iter().map(|(name, value)| (*name, *value)).collect()
    }

    fn body(parts: Vec<Result<&'static str, &'static str>>) -> WireBody {
        let parts = parts.into_iter().map(|part| part.map(|text| Frame::data(text.into())).map_err(BodyError::from));
        BodyExt::boxed(StreamBody::new(futures_util::stream::iter(parts)))
    }

    async fn pass(fields: &[(&'static str, &'static str)], body: WireBody) -> RewrittenResponse {
        let rewriter = Rewriter::new("http://up.example", false).unwrap();
        rewriter.pass(&headers(&[("Host", "me.example:8080")]), 200, Arc::new(headers(fields)), body, false).await
    }

    async fn text(body: WireBody) -> String {
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    const JSON: (&str, &str) = ("Content-Type", "application/json");

    #[tokio::test]
    async fn what_the_fields_say_stays_true() {
        let fields = [
            JSON,
            ("ETag", "\"a\""),
            ("content-length", "45"),
            ("Digest", "x"),
            ("X-Kept", "1"),
            ("Content-Encoding", "identity"),
        ];
        let passed = pass(&fields, body(vec![Ok(&PAGE[..10]), Ok(&PAGE[10..])])).await;
        let length = PAGE.replace("up.example", "me.example:8080").len().to_string();
        let expected = headers(&[JSON, ("ETag", "W/\"a\"")]);
        assert_eq!(passed.fields.0[..2], expected.0[..]);
        assert_eq!(passed.fields.get("content-length"), Some(length.as_str()));
        assert_eq!(passed.fields.get("x-kept"), Some("1"));
        assert_eq!(passed.fields.0.len(), 4);
        assert_eq!(text(passed.body).await, PAGE.replace("up.example", "me.example:8080"));
        let expected = RewrittenLink {
            at: "/next".into(),
            sent: "http://up.example/f?a=1".into(),
            given: "http://me.example:8080/f?a=1".into(),
        };
        assert_eq!(passed.rewritten, [expected]);
    }

    #[tokio::test]
    async fn fields_are_rewritten_whatever_the_body_is() {
        let location = ("Location", "http://up.example/x");
        let others = [("Cache-Control", "no-transform"), ("Link", "<http://up.example/2>; rel=next, </3>")];
        let passed =
            pass(&[location, others[0], others[1], ("Content-Length", "45"), JSON], body(vec![Ok(PAGE)])).await;
        assert_eq!(passed.fields.get("location"), Some("http://me.example:8080/x"));
        assert_eq!(passed.fields.get("link"), Some("<http://me.example:8080/2>; rel=next, </3>"));
        assert_eq!((passed.fields.get("content-length"), passed.fields.0.len()), (Some("45"), 5));
        let rewritten = passed.rewritten.iter().map(|link| [link.at.as_str(), &link.sent, &link.given]);
        let expected = [
            ["field Location", "http://up.example/x", "http://me.example:8080/x"],
            ["field Link 1", "http://up.example/2", "http://me.example:8080/2"],
        ];
        assert!(rewritten.eq(expected), "{:?}", passed.rewritten);
        assert_eq!(text(passed.body).await, PAGE);
        let passed = pass(&[location, JSON], body(vec![Ok(PAGE)])).await;
        assert_eq!(passed.rewritten.len(), 2, "both in fields and in the body");
    }

    #[tokio::test]
    async fn what_is_not_rewritten_passes_as_it_is() {
        for fields in [&[("Content-Type", "text/plain")][..], &[JSON, ("Cache-Control", "private, no-transform")]] {
            let passed = pass(fields, body(vec![Ok(PAGE)])).await;
            assert_eq!((passed.rewritten.len(), &*passed.fields), (0, &headers(fields)));
            assert_eq!(text(passed.body).await, PAGE);
        }
        let passed = pass(&[JSON, ("Content-Encoding", "gzip")], body(vec![Ok(PAGE)])).await;
        assert_eq!(text(passed.body).await, PAGE, "what can't be decoded");
        let mut passed = pass(&[JSON], body(vec![Ok("{\"items"), Err("reset")])).await;
        assert_eq!(passed.body.frame().await.unwrap().unwrap().into_data().unwrap(), "{\"items");
        assert!(passed.body.frame().await.unwrap().is_err());
        assert!(passed.body.frame().await.is_none());
    }

    #[tokio::test]
    async fn what_is_too_large_passes_as_it_is() {
        let piece = Bytes::from(vec![b' '; 1024 * 1024]);
        let frames = std::iter::repeat_n(piece, 10).map(|piece| Ok::<_, BodyError>(Frame::data(piece)));
        let passed = pass(&[JSON], BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)))).await;
        assert_eq!(passed.body.collect().await.unwrap().to_bytes().len(), 10 * 1024 * 1024);
    }

    #[test]
    fn the_address_is_the_one_that_the_broker_uses() {
        let rewriter = Rewriter::new("http://up.example", true).unwrap();
        let address = |host: &'static str| rewriter.own_address(&headers(&[("host", host)]));
        assert_eq!(address("me.example:8443").as_deref(), Some("https://me.example:8443"));
        assert_eq!(address("[::1]:8443").as_deref(), Some("https://[::1]:8443"));
        for host in ["", "a b", "me.example/x", "me@x", "\"", "me.example:x"] {
            assert_eq!(address(host), None, "{host}");
        }
        assert_eq!(rewriter.own_address(&Headers::default()), None);
        let same = Rewriter::new("http://up.example", false).unwrap();
        assert_eq!(same.own_address(&headers(&[("host", "up.example")])), None);
    }
}
