//! A request as a line for curl, to be sent again by whoever has the credentials.
//!
//! ```text
//! Exchange ─► method, URL, header fields, body ─► quoted for a POSIX shell
//!                          umpire:3f9a… ─► "$TOKEN"      https://booking.example.com ─► "$ORIGIN"
//! ```

use crate::exchange::secrets::find_fingerprint;
use crate::exchange::{BodyEnd, Exchange, decode};
use crate::text::{SafeText, octal, quoted, safe, safe_format};

/// Header fields that curl makes itself, or that were about the connection.
const NOT_SENT: [&str; 14] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "content-encoding",
    "http2-settings",
    "via",
];

/// What others put in a secret's place.
const PLACEHOLDER: &str = "REDACTED";

/// The shell variables that stand for the secrets of some requests: the same one for the same secret.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Fingerprint or placeholder, and the variable's name.
    variables: Vec<(String, SafeText)>,
}

impl Secrets {
    /// Lines of shell that end the script with a message where a variable isn't set.
    pub fn checks(&self) -> SafeText {
        SafeText::join(self.variables.iter().map(|(_, name)| safe![": \"${", name, ":?}\"\n"]), "")
    }

    /// Names of the variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(_, name)| name.as_str())
    }

    fn variable(&mut self, secret: &str, kind: &'static str) -> SafeText {
        if let Some((_, name)) = self.variables.iter().find(|(known, _)| known == secret) {
            return name.clone();
        }
        let is_of_kind =
            |name: &str| name.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        let name = match self.names().filter(|name| is_of_kind(name)).count() {
            0 => kind.into(),
            others => safe![kind, "_", others + 1],
        };
        self.variables.push((secret.to_owned(), name.clone()));
        name
    }
}

/// The line, without a line feed. What can't be sent again as it was (a body that was not kept whole) is said in a comment
/// in its place.
pub fn curl(exchange: &Exchange, secrets: &mut Secrets) -> SafeText {
    let request = &exchange.request;
    if request.body.end != BodyEnd::Complete {
        return safe_format!("# {} {}: its body was not recorded whole", request.method, request.target);
    }
    let mut words: Vec<SafeText> = vec![r"curl -sS -g --path-as-is -i -w '\n'".into()];
    match request.method.as_str() {
        "GET" if request.body.is_empty() => {}
        "HEAD" => words.push("--head".into()),
        method => words.extend(["-X".into(), quoted(method)]),
    }
    words.push(safe!["\"$ORIGIN\"", with_variables(&request.target, "SECRET", secrets)]);
    for field in &request.headers.0 {
        let name = field.name.to_ascii_lowercase();
        if NOT_SENT.contains(&name.as_str()) || name.starts_with(':') {
            continue;
        }
        let value = String::from_utf8_lossy(&field.value);
        let kind = match name.as_str() {
            "authorization" => "TOKEN",
            "cookie" => "COOKIE",
            _ => "API_KEY",
        };
        // curl sends a field without a value only if it is written like this.
        let text = if value.is_empty() { format!("{};", field.name) } else { format!("{}: {value}", field.name) };
        words.extend(["-H".into(), with_variables(&text, kind, secrets)]);
    }
    if request.body.is_empty() {
        return SafeText::join(words, " ");
    }
    let content = decode(&request.body.bytes, &request.headers);
    match content.as_deref().map(std::str::from_utf8) {
        Ok(Ok(text)) if !text.contains('\0') => {
            words.extend(["--data-raw".into(), with_variables(text, "SECRET", secrets)]);
            SafeText::join(words, " ")
        }
        Ok(_) => {
            let bytes = quoted(&octal(content.as_deref().unwrap_or_default()));
            safe!["printf ", bytes, " | ", SafeText::join(words, " "), " --data-binary @-"]
        }
        Err(error) => safe_format!("# {} {}: {error}", request.method, request.target),
    }
}

/// A text in quotes, with variables in the place of secrets.
fn with_variables(text: &str, kind: &'static str, secrets: &mut Secrets) -> SafeText {
    let mut line = SafeText::default();
    let mut rest = text;
    while let Some((start, length)) = secret(rest) {
        let (before, secret) = (&rest[..start], &rest[start..start + length]);
        if !before.is_empty() {
            line.push(quoted(before));
        }
        line.push(safe!["\"${", secrets.variable(secret, kind), "}\""]);
        rest = &rest[start + length..];
    }
    if !rest.is_empty() || line.is_empty() {
        line.push(quoted(rest));
    }
    line
}

/// Where the first secret of a text stood.
fn secret(text: &str) -> Option<(usize, usize)> {
    let mark = find_fingerprint(text).map(|range| (range.start, range.len()));
    let placeholder = text.find(PLACEHOLDER).map(|at| (at, PLACEHOLDER.len()));
    mark.into_iter().chain(placeholder).min()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::{Body, Headers, Request, Timing, Version};

    fn exchange(target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Exchange {
        Exchange {
            id: 0,
            connection: 0,
            started: jiff::Timestamp::UNIX_EPOCH,
            origin: "https://booking.example".to_owned(),
            request: Request {
                method: "PUT".to_owned(),
                target: target.to_owned(),
                version: Version::Http11,
                headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect::<Headers>(),
                body: Body::complete(body),
            },
            response: None,
            failure: None,
            rewritten: Vec::new(),
            simulated: None,
            timing: Timing::default(),
        }
    }

    #[test]
    fn a_shell_obeys_nothing_of_the_wire() {
        let mut secrets = Secrets::default();
        let headers = [
            ("Host", "x"),
            ("Authorization", "Bearer umpire:0123456789abcdef~jwt~1767225600~login.example.com~"),
            ("X-Key", "umpire:fedcba9876543210"),
            ("X-None", ""),
        ];
        let line = curl(&exchange("/o?a=$(x)&b='`y`", &headers, "{\"a\": \"it's\"}"), &mut secrets);
        assert_eq!(
            line,
            r#"curl -sS -g --path-as-is -i -w '\n' -X PUT "$ORIGIN"'/o?a=$(x)&b='\''`y`' -H 'Authorization: Bearer '"${TOKEN}" -H 'X-Key: '"${API_KEY}" -H 'X-None;' --data-raw '{"a": "it'\''s"}'"#
        );
        let again = curl(&exchange("/", &[("Authorization", "Bearer umpire:fedcba9876543211")], ""), &mut secrets);
        assert!(again.contains("${TOKEN_2}"), "{again}");
        assert_eq!(secrets.checks(), ": \"${TOKEN:?}\"\n: \"${API_KEY:?}\"\n: \"${TOKEN_2:?}\"\n");
    }

    #[test]
    fn bytes_and_what_was_cut() {
        let mut secrets = Secrets::default();
        let line = curl(&exchange("/", &[], vec![0, 255]), &mut secrets);
        assert!(line.starts_with("printf '\\000\\377' | curl ") && line.ends_with(" --data-binary @-"), "{line}");
        let mut cut = exchange("/a\nb", &[], "x");
        cut.request.body.end = BodyEnd::Truncated;
        assert_eq!(curl(&cut, &mut secrets), "# PUT /a\\nb: its body was not recorded whole");
    }
}
