//! Places of personal data, one a row: somebody's name or e-mail address, where it stands, how it is written.
//!
//! `field X-Customer-Name · parameter customer[givenName] · member name that is an address · &#64; · base64 in JSON · …`

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use umpire::exchange::{Body, Exchange, Failure, FailureKind, Headers, RewrittenLink};

use super::secret_places::{FORM, JSON, Packing, Place, TEXT, XML, gzip, nested, utf16, zlib, zstd};
use super::support::{exchange, response};

/// A name that nobody else has: nine letters, of which the first is large.
fn person(row: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in row.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let letters = (0..8).map(|at| char::from(b'a' + (hash >> (at * 7) & 127) as u8 % 26));
    std::iter::once('Q').chain(letters).collect()
}

/// The table under construction.
#[derive(Default)]
struct Table(Vec<Place>);

impl Table {
    fn add(&mut self, name: String, place: impl FnOnce(&str, &mut Exchange)) {
        let secret = person(&name);
        let number = self.0.len() as i64 + 1;
        let mut exchange =
            exchange(number, "POST", format!("/row/{number}"), Headers::default(), Body::empty(), response(&[], ""));
        place(&secret, &mut exchange);
        self.0.push(Place { name, secret, exchange });
    }

    /// A body of the request, or in every other row of the answer.
    fn body(&mut self, name: String, media_type: &str, body: impl FnOnce(&str) -> Vec<u8>) {
        let in_answer = self.0.len() % 2 == 1;
        self.add(name, |person, exchange| {
            let headers: Headers = [("Content-Type", media_type.to_owned())].into_iter().collect();
            let body = Body::complete(body(person));
            match &mut exchange.response {
                Some(response) if in_answer => (response.headers, response.body) = (headers, body),
                _ => (exchange.request.headers, exchange.request.body) = (headers, body),
            }
        });
    }

    fn text(&mut self, name: String, media_type: &str, text: &str) {
        self.body(name, media_type, |person| text.replace("«»", person).into_bytes());
    }

    /// A string of a JSON body.
    fn string(&mut self, name: &str, text: &str) {
        let json = serde_json::json!({ "@type": "OpenBookingError", "acme:seen": text }).to_string();
        self.text(format!("string, {name}"), JSON, &json);
    }

    fn target(&mut self, name: &str, target: &str) {
        self.add(format!("URL, {name}"), |person, exchange| {
            exchange.request.target += &target.replace("«»", person);
        });
    }
}

/// Every place, in a stable order.
pub fn all() -> Vec<Place> {
    let mut table = Table::default();
    fields(&mut table);
    targets(&mut table);
    members(&mut table);
    strings(&mut table);
    bodies(&mut table);
    packed(&mut table);
    elsewhere(&mut table);
    table.0
}

fn fields(table: &mut Table) {
    let in_json = |person: &str| format!(r#"{{"customer": {{"@type": "Person", "name": "{person}"}}}}"#);
    for name in [
        "From",
        "X-Customer-Name",
        "X-User-Email",
        "X-User",
        "Remote-User",
        "X-Remote-User",
        "X-Forwarded-User",
        "X-Forwarded-Preferred-Username",
        "X-Attendee-Given-Name",
        "X-Attendee",
        "Customer-Full-Name",
        "x_customer_surname",
        "X-Booking-Contact-Name",
        "X-User-Id",
    ] {
        table.add(format!("field {name}"), |person, exchange| exchange.request.headers.push(name, person.to_owned()));
    }
    for (kind, value) in [
        ("address", "sent by <«»@post.example.org>."),
        ("address encoded twice beside a byte that is no UTF-8, with escapes", "%E9 «»%2540post.example.org"),
        ("address, percent-encoded", "by=«»%40post.example.org"),
        ("address, encoded twice, with escapes", "by=«»%2540post.example.org"),
        ("address in references, with escapes", "sent by «»&#64;post.example.org"),
        ("parameter of a URL", "https://a.example/x?givenName=«»&a=b"),
        ("parameter with brackets of a URL", "/x?customer%5BgivenName%5D=«»"),
        ("parameter of a URL in angle brackets", "<https://a.example/x?customerName=«»>; rel=next"),
    ] {
        table.add(format!("field with {kind}"), |person, exchange| {
            exchange.request.headers.push("X-Seen", value.replace("«»", person));
        });
    }
    for value in ["«» Hale <hale@post.example.org>", "hale@post.example.org (Robin «»)", "Hale%20«»"] {
        table.add(format!("field X-User with {value}"), |person, exchange| {
            exchange.request.headers.push("X-User", value.replace("«»", person));
        });
    }
    table.add("field of an answer".to_owned(), |person, exchange| {
        if let Some(response) = &mut exchange.response {
            response.headers.push("Location", format!("/customers/{person}%40post.example.org"));
        }
    });
    table.add("trailer field".to_owned(), |person, exchange| {
        exchange.request.body = Body::complete("{}");
        exchange.request.body.trailers.push("X-Customer-Name", person.to_owned());
    });
    table.add("field with JSON".to_owned(), |person, exchange| {
        exchange.request.headers.push("X-Context", in_json(person));
    });
    table.add("field with JSON in base64".to_owned(), |person, exchange| {
        exchange.request.headers.push("X-Context", STANDARD.encode(in_json(person)));
    });
    table.add("field with JSON, percent-encoded".to_owned(), |person, exchange| {
        let encoded = in_json(person).replace('"', "%22").replace(' ', "%20").replace('{', "%7B").replace('}', "%7D");
        exchange.request.headers.push("X-Context", encoded);
    });
}

fn targets(table: &mut Table) {
    for name in [
        "email",
        "givenName",
        "given_name",
        "GIVEN-NAME",
        "customerName",
        "customer[givenName]",
        "customer%5BgivenName%5D",
        "customer.givenName",
        "customer[name]",
        "attendee[0][familyName]",
        "attendees[0].email",
        "user[address][postcode]",
        "schema:givenName",
        "given%4Eame",
    ] {
        table.target(&format!("parameter {name}"), &format!("?a=1&{name}=«»&z=2"));
    }
    for (kind, target) in [
        ("address in the path", "/customers/«»@post.example.org"),
        ("address in the path, encoded", "/customers/«»%40post.example.org"),
        ("address in the path, encoded twice, with escapes", "/customers/«»%2540post.example.org"),
        ("address in a parameter", "?q=«»%40post.example.org"),
        ("address without a name", "?«»@post.example.org"),
        ("matrix parameter", ";givenName=«»?a=1"),
        ("fragment", "#givenName=«»&a=1"),
        ("URL within", "?u=https%3A%2F%2Fb.example%2F%3FgivenName%3D«»%26c%3D1"),
        ("URL within, encoded twice", "?u=https%253A%252F%252Fb.example%252F%253FgivenName%253D«»%2526c%253D1"),
        ("JSON within", "?q=%7B%22customer%22%3A%7B%22name%22%3A%22«»%22%7D%7D"),
        ("address in JSON within", "?q=%7B%22a%22%3A%22«»%40post.example.org%22%7D"),
    ] {
        table.target(kind, target);
    }
    table.add("URL, JSON in base64".to_owned(), |person, exchange| {
        let json = format!(r#"{{"customer": {{"name": "{person}"}}}}"#);
        exchange.request.target = format!("{}?q={}&z=1", exchange.request.target, URL_SAFE_NO_PAD.encode(json));
    });
    table.add("URL, address in base64".to_owned(), |person, exchange| {
        let address = URL_SAFE_NO_PAD.encode(format!("{person}@post.example.org"));
        exchange.request.target = format!("{}?q={address}", exchange.request.target);
    });
}

fn members(table: &mut Table) {
    for (kind, json) in [
        ("customer", r#"{"customer": {"@type": "Person", "name": "«»"}}"#),
        ("customer in a list", r#"{"customer": [{"@type": "Person", "givenName": "«»"}]}"#),
        ("attendee", r#"{"orderedItem": [{"attendee": {"familyName": "«»", "email": "a@b.example"}}]}"#),
        ("access", r#"{"orderedItem": [{"accessPass": [{"@type": "Barcode", "text": "«»"}]}]}"#),
        ("note", r#"{"orderCustomerNote": "«»"}"#),
        ("snake case", r#"{"given_name": "«»"}"#),
        ("prefix", r#"{"schema:givenName": "«»"}"#),
        ("URL as a name", r#"{"https://schema.org/givenName": "«»"}"#),
        ("URL with a fragment as a name", r#"{"http://x.example/ns#familyName": "«»"}"#),
        ("several words", r#"{"primaryContactEmail": "«»", "a": 1}"#),
        ("name of a customer in one word", r#"{"customer_name": "«»"}"#),
        ("dots in the name", r#"{"customer.givenName": "«»"}"#),
        ("brackets in the name", r#"{"customer[name]": "«»"}"#),
        ("path in the name", r#"{"orderedItem[0].attendee.name": "«»"}"#),
        ("name with escapes", r#"{"given\u004eame": "«»"}"#),
        ("value with escapes", r#"{"a": "«»\u0040post.example.org"}"#),
        ("member name that is an address", r#"{"a": {"«»@post.example.org": {"b": 1}}}"#),
        ("member name that is an address, with escapes", r#"{"«»\u0040post.example.org": "b"}"#),
        ("member name that holds an address", r#"{"mailto:«»@post.example.org": [1]}"#),
        ("member name of a person", r#"{"customer": {"givenName": "«»"}, "seats": {"«»": 4}}"#),
        (
            "member name of a person in two words",
            r#"{"seats": {"«» Hale": 4}, "customer": {"givenName": "«»", "familyName": "Hale"}}"#,
        ),
        ("pair", r#"{"fields": [{"name": "givenName", "value": "«»"}]}"#),
        ("pair with a key", r#"[{"key": "customer_name", "value": "«»"}]"#),
        ("header field in a pair", r#"{"headers": [{"name": "X-Customer-Name", "value": "«»"}]}"#),
        ("header field as a member", r#"{"headers": {"X-User": "x", "X-Customer-Name": ["«»"]}}"#),
        ("pair in a list", r#"{"headers": [["X-Customer-Name", "«»"]]}"#),
        ("root", r#""«»@post.example.org""#),
        ("list", r#"["a", "«»@post.example.org"]"#),
        ("the person again", r#"{"customer": {"givenName": "«»"}, "description": "«» is full"}"#),
    ] {
        table.text(format!("JSON, {kind}"), JSON, json);
    }
}

fn strings(table: &mut Table) {
    for (kind, text) in [
        ("address", "no such person: «»@post.example.org."),
        ("reference by number, with escapes", "«»&#64;post.example.org"),
        ("reference in hexadecimal, with escapes", "write to «»&#x40;post&#46;example.org, please"),
        ("reference by name, with escapes", "«»&commat;post&period;example&period;org"),
        ("references of references, with escapes", "«»&amp;#64;post.example.org"),
        ("percent-encoded", "/a?b=«»%40post.example.org"),
        ("percent-encoded twice, with escapes", "/a?b=«»%2540post.example.org"),
        ("link", "<a href=\"mailto:«»@post.example.org\">write</a>"),
        ("parameter of a URL", "https://a.example/x?a=1&givenName=«»&b=2"),
        ("parameter of a URL, encoded", "https://a.example/x?customer%5Bname%5D=«»"),
        ("form", "givenName=«»&a=b"),
        ("element", "<customer><givenName>«»</givenName></customer>"),
        ("element of a namespace", "<s:Person><s:FamilyName>«»</s:FamilyName></s:Person>"),
        ("attribute", "<customer givenName=\"«»\" a=\"b\"/>"),
        ("attribute in single quotes", "<customer family-name='«»'/>"),
        ("JSON", r#"{"customer": {"name": "«»"}}"#),
        ("JSON in a list", r#" [{"attendee": {"name": "«»"}}]"#),
        ("JSON in a sentence", r#"wrong: {"givenName": "«»", "a": 1} was sent"#),
        ("JSON that is cut off", r#"{"customer": {"@type": "Person", "givenName": "«»", "fam"#),
    ] {
        table.string(kind, text);
    }
    let json = |person: &str| format!(r#"{{"customer": {{"@type": "Person", "name": "{person}"}}}}"#);
    let packings: [(&str, Packing<'_>); 8] = [
        ("JSON in a string in a string", &|person| nested(&json(person), 2)),
        ("JSON in strings, three deep", &|person| nested(&json(person), 3)),
        ("base64 of JSON", &|person| nested(&STANDARD.encode(json(person)), 1)),
        ("base64 for URLs of JSON", &|person| nested(&URL_SAFE_NO_PAD.encode(json(person)), 1)),
        ("base64 of gzip of JSON", &|person| nested(&STANDARD.encode(gzip(json(person).as_bytes())), 1)),
        ("base64 of JSON with JSON in a string", &|person| nested(&STANDARD.encode(nested(&json(person), 1)), 1)),
        ("base64 of an address", &|person| nested(&STANDARD.encode(format!("{person}@post.example.org")), 1)),
        ("base64 of a form", &|person| nested(&STANDARD.encode(format!("a=b&givenName={person}")), 1)),
    ];
    for (kind, pack) in packings {
        table.body(format!("string, {kind}"), JSON, pack);
    }
}

fn bodies(table: &mut Table) {
    for name in [
        "email",
        "customer[givenName]",
        "customer%5BgivenName%5D",
        "customer.givenName",
        "attendee[0][name]",
        "orderedItem[0].attendee.name",
        "customer_name",
    ] {
        table.text(format!("form, {name}"), FORM, &format!("a=b&{name}=«»&z="));
    }
    table.text("form, JSON within".to_owned(), FORM, "payload=%7B%22customer%22%3A+%7B%22name%22%3A%22«»%22%7D%7D&x=1");
    table.text("form, address in a reference, with escapes".to_owned(), FORM, "a=«»%26%2364%3Bpost.example.org");
    let part = "--b\r\nContent-Disposition: form-data; name";
    for (kind, text) in [
        ("field", format!("{part}=\"givenName\"\r\n\r\n«»\r\n--b--\r\n")),
        ("name of a field", format!("{part}=\"«»@post.example.org\"\r\n\r\nx\r\n--b--\r\n")),
        ("name of a file", format!("{part}=\"f\"; filename=\"«».txt\"\r\n\r\nx\r\n--b--\r\n")),
        ("JSON", format!("{part}=\"f\"\r\n\r\n{{\"customer\": {{\"name\": \"«»\"}}}}\r\n--b--\r\n")),
    ] {
        table.text(format!("multipart, {kind}"), "multipart/form-data; boundary=b", &text);
    }
    for (kind, text) in [
        ("element", "<customer><name>«»</name></customer>"),
        ("attribute", "<customer name=\"«»\"/>"),
        ("CDATA", "<name><![CDATA[«»]]></name>"),
        ("references, with escapes", "<p>«»&#64;post.example.org</p>"),
    ] {
        table.text(format!("XML, {kind}"), XML, text);
    }
    table.text("page".to_owned(), "text/html", "<p>Dear «»,</p>");
    table.text("text".to_owned(), TEXT, "Dear «»,\nyour booking is made.");
    table.text("comma-separated values".to_owned(), "text/csv", "id,name\n1,«»\n");
    table.text("lines of JSON".to_owned(), "application/x-ndjson", "{\"a\": 1}\n{\"customer\": {\"name\": \"«»\"}}\n");
    table.text("JSON that is cut off".to_owned(), JSON, "{\"customer\": {\"name\": \"«»\", \"ema");
    table.text("JSON without a media type".to_owned(), "", "{\"customer\": {\"name\": \"«»\"}}");
    table.text("JSON behind a byte order mark".to_owned(), JSON, "\u{feff}{\"customer\": {\"name\": \"«»\"}}");
}

fn packed(table: &mut Table) {
    let json = |person: &str| format!(r#"{{"a": "é", "customer": {{"@type": "Person", "name": "{person}"}}, "z": 1}}"#);
    let packings: [(&str, Packing<'_>); 13] = [
        ("gzip", &|person| gzip(json(person).as_bytes())),
        ("zstd", &|person| zstd(json(person).as_bytes())),
        ("zlib", &|person| zlib(json(person).as_bytes())),
        ("gzip twice", &|person| gzip(&gzip(json(person).as_bytes()))),
        ("gzip in zstd", &|person| zstd(&gzip(json(person).as_bytes()))),
        ("UTF-16, little", &|person| utf16(&json(person), false)),
        ("UTF-16, big", &|person| utf16(&json(person), true)),
        ("UTF-16, little, with a mark", &|person| utf16(&format!("\u{feff}{}", json(person)), false)),
        ("UTF-16, big, with a mark", &|person| utf16(&format!("\u{feff}{}", json(person)), true)),
        ("UTF-16 in gzip", &|person| gzip(&utf16(&json(person), false))),
        ("base64", &|person| STANDARD.encode(json(person)).into_bytes()),
        ("base64 of gzip", &|person| STANDARD.encode(gzip(json(person).as_bytes())).into_bytes()),
        ("text in gzip", &|person| gzip(format!("Dear {person},").as_bytes())),
    ];
    for (kind, pack) in packings {
        table.body(format!("packed, {kind}"), JSON, pack);
    }
    table.body("packed, form in gzip".to_owned(), FORM, |person| gzip(format!("customer[name]={person}").as_bytes()));
    table.body("packed, UTF-16 of a form".to_owned(), FORM, |person| utf16(&format!("a=b&givenName={person}"), false));
    for (coding, body) in
        [("gzip", &gzip as &dyn Fn(&[u8]) -> Vec<u8>), ("gzip", &zstd), ("br", &gzip), ("lzma", &gzip)]
    {
        let number = table.0.len();
        table.add(format!("packed under {coding}, {number}"), |person, exchange| {
            exchange.request.headers = [("Content-Type", JSON), ("Content-Encoding", coding)].into_iter().collect();
            exchange.request.body = Body::complete(body(json(person).as_bytes()));
        });
    }
}

fn elsewhere(table: &mut Table) {
    table.add("reason phrase".to_owned(), |person, exchange| {
        if let Some(response) = &mut exchange.response {
            response.reason = format!("{person}@post.example.org is unknown");
        }
    });
    table.add("failure".to_owned(), |person, exchange| {
        let detail = format!("https://a.example/?email={person}%40post.example.org");
        exchange.failure = Some(Failure { kind: FailureKind::BrokenOff, detail, answered: None });
    });
    table.add("rewritten link".to_owned(), |person, exchange| {
        let link = |host: &str| format!("https://{host}.example/?givenName={person}");
        exchange.rewritten = vec![RewrittenLink { at: "/next".to_owned(), sent: link("a"), given: link("b") }];
    });
    table.add("place of a rewritten link".to_owned(), |person, exchange| {
        let at = format!("/{person}@post.example.org/next");
        exchange.rewritten = vec![RewrittenLink { at, sent: "a".to_owned(), given: "b".to_owned() }];
    });
    table.add("the person again, in a URL".to_owned(), |person, exchange| {
        exchange.request.target = format!("{}/{person}%20Hale/{person}+Hale", exchange.request.target);
        let json = format!(r#"{{"customer": {{"givenName": "{person}", "familyName": "Hale"}}}}"#);
        exchange.request.headers.push("Content-Type", JSON.to_owned());
        exchange.request.body = Body::complete(json);
    });
}
