//! A message of the tables, as bytes of HTTP/1 and as fields of HTTP/2, and one form that both are compared in.

use super::*;

/// Fields of one connection of HTTP/1, which no message of HTTP/2 has.
pub const OF_HTTP1: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// A message as HTTP/2 has it: sections of fields, and a body.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Interim heads of an answer, and the head.
    pub heads: Vec<Fields>,
    pub body: Option<Vec<u8>>,
    pub trailers: Option<Fields>,
}

/// A message of HTTP/2, as its row has it: `name: value|…||body||trailers`. The body is `EMPTY` where a frame without any
/// follows.
pub fn of_row(row: &[u8]) -> Message {
    let mut parts = split(row, b"\r\n\r\n").into_iter();
    let fields = |part: &[u8]| -> Fields {
        let lines = split(part, b"\r\n").into_iter().filter(|line| !line.is_empty());
        lines
            .map(|line| {
                if let Some(value) = line.strip_prefix(b": ") {
                    return (vec![], value.to_vec());
                }
                let colon = line[1..].windows(2).position(|pair| pair == b": ").expect("a colon") + 1;
                (line[..colon].to_vec(), line[colon + 2..].to_vec())
            })
            .collect()
    };
    let heads = split(&parts.next().unwrap(), b"\r\n-\r\n").iter().map(|part| fields(part)).collect();
    let body = parts.next().filter(|body| !body.is_empty());
    let body = body.map(|body| if body == b"EMPTY" { vec![] } else { body });
    let trailers = parts.next().map(|part| fields(&part)).filter(|fields| !fields.is_empty());
    Message { heads, body, trailers }
}

pub fn split(bytes: &[u8], by: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(by.len()).position(|window| window == by) {
        parts.push(rest[..at].to_vec());
        rest = &rest[at + by.len()..];
    }
    parts.push(rest.to_vec());
    parts
}

/// Lines of a head of HTTP/1 and what is behind it.
pub fn taken_apart(message: &[u8]) -> Option<(Vec<Vec<u8>>, &[u8])> {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((split(&message[..end], b"\r\n"), &message[end + 4..]))
}

/// A field line, if HTTP/2 can say the same: names are in lower case there.
pub fn field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return None;
    }
    let colon = line.iter().position(|byte| *byte == b':')?;
    let is_space = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let value = &line[colon + 1..];
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |at| at + 1);
    Some((line[..colon].to_ascii_lowercase(), value[start..end].to_vec()))
}

/// False if its length is one, and not that of the body.
pub fn fits(fields: &Fields, body: &[u8]) -> bool {
    let is_length = |(name, _): &&(Vec<u8>, Vec<u8>)| name == b"content-length";
    let lengths: Vec<_> = fields.iter().filter(is_length).flat_map(|(_, value)| split(value, b",")).collect();
    let all = lengths.iter().map(|length| text(length).trim().parse().ok());
    match all.collect::<Option<Vec<usize>>>().as_deref() {
        Some([first, more @ ..]) if more.iter().all(|other| other == first) => *first == body.len(),
        _ => true,
    }
}

/// A request of HTTP/1 as one of HTTP/2, if that can say it.
pub fn request_of(message: &[u8]) -> Option<Message> {
    let (lines, body) = taken_apart(message)?;
    let words = split(&lines[0], b" ");
    let [method, target, version] = &words[..] else { return None };
    if version != b"HTTP/1.1" || (method == b"CONNECT") || target.windows(3).any(|part| part == b"://") {
        return None;
    }
    let mut head: Fields = vec![
        (b":method".to_vec(), method.clone()),
        (b":scheme".to_vec(), b"http".to_vec()),
        (b":path".to_vec(), target.clone()),
    ];
    let mut fields = lines[1..].iter().map(|line| field(line)).collect::<Option<Fields>>()?;
    if !fits(&fields, body) {
        return None;
    }
    let hosts: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].0 == b"host").collect();
    if let [host] = hosts[..] {
        head.push((b":authority".to_vec(), fields.remove(host).1));
    }
    head.extend(fields);
    let body = (!body.is_empty()).then(|| body.to_vec());
    Some(Message { heads: vec![head], body, trailers: None })
}

/// An answer of HTTP/1 as one of HTTP/2, if that can say it.
pub fn answer_of(message: &[u8], bodiless: bool) -> Option<Message> {
    let (mut heads, mut rest) = (Vec::new(), message);
    if message.ends_with(b"CLOSE") {
        return None;
    }
    loop {
        let (lines, body) = taken_apart(rest)?;
        let words = split(&lines[0], b" ");
        if words[0] != b"HTTP/1.1" || words.len() < 3 || lines[0].iter().any(u8::is_ascii_control) {
            return None;
        }
        // White space before a colon is mended in answers of HTTP/1.
        if lines[1..].iter().any(|line| split(line, b":")[0].ends_with(b" ")) {
            return None;
        }
        let mut head: Fields = vec![(b":status".to_vec(), words[1].clone())];
        head.extend(lines[1..].iter().map(|line| field(line)).collect::<Option<Fields>>()?);
        let (status, fields) = (words[1].clone(), head.clone());
        heads.push(head);
        rest = body;
        if status.starts_with(b"1") && status != b"101" && rest.starts_with(b"HTTP/1.1 ") {
            continue;
        }
        let framed = status == b"204" || status == b"304" || bodiless;
        if !(fits(&fields, body) || framed && body.is_empty()) {
            return None;
        }
        let body = (!body.is_empty()).then(|| body.to_vec());
        return Some(Message { heads, body, trailers: None });
    }
}

pub fn is_of_http1(fields: &Fields) -> bool {
    fields.iter().any(|(name, value)| {
        OF_HTTP1.iter().any(|known| known.as_bytes() == name) || (name == b"te" && value != b"trailers")
    })
}

/// One form for a message that came over either version: names in lower case and in their order, less what says how the
/// body comes.
pub fn canonical(first: &str, fields: &Fields, body: &[u8], trailers: &Fields) -> String {
    let lines = |fields: &Fields| {
        let mut lines: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (text(name).to_ascii_lowercase(), text(value))).collect();
        lines.retain(|(name, _)| name != "transfer-encoding" && name != "connection" && !name.starts_with(':'));
        lines.retain(|(name, value)| !(name == "content-length" && value == "0" && body.is_empty()));
        lines.sort_by(|(a, _), (b, _)| a.cmp(b));
        lines.iter().map(|(name, value)| [name, ": ", value, "\n"].concat()).collect::<Vec<_>>().concat()
    };
    format!("{first}\n{}\n{}\n{}", lines(fields), text(body), lines(trailers))
}

/// The same of a message of HTTP/1, with one chunk at most.
pub fn canonical_of_http1(whole: &[u8]) -> String {
    let (lines, body) = taken_apart(whole).unwrap_or_else(|| panic!("no head in {:?}", text(whole)));
    let words = split(&lines[0], b" ");
    let first = if words[0].starts_with(b"HTTP/") {
        text(&words[1])
    } else {
        format!("{} {}", text(&words[0]), text(&words[1]))
    };
    let fields: Fields = lines[1..].iter().map(|line| field(line).expect("a field")).collect();
    let chunked = fields.iter().any(|(name, _)| name == b"transfer-encoding");
    if !chunked || body.is_empty() {
        return canonical(&first, &fields, body, &vec![]);
    }
    let (content, rest) = match split(body, b"\r\n") {
        parts if parts[0] == b"0" => (vec![], body[3..].to_vec()),
        parts => {
            let (size, start) = (usize::from_str_radix(&text(&parts[0]), 16).unwrap(), parts[0].len() + 2);
            (body[start..start + size].to_vec(), body[start + size + 5..].to_vec())
        }
    };
    let trailers =
        split(&rest, b"\r\n").iter().filter(|line| !line.is_empty()).map(|line| field(line).unwrap()).collect();
    canonical(&first, &fields, &content, &trailers)
}

pub fn value(fields: &Fields, name: &str) -> String {
    let value = fields.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| text(value));
    value.unwrap_or_default()
}

/// The same of a request that came over HTTP/2: its `:authority` is the Host.
pub fn canonical_request(head: &Fields, body: &[u8], trailers: &Fields) -> String {
    let mut fields = head.clone();
    fields.push((b"host".to_vec(), value(head, ":authority").into_bytes()));
    canonical(&format!("{} {}", value(head, ":method"), value(head, ":path")), &fields, body, trailers)
}
