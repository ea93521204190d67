//! Places within what is compressed, encoded or nested.

use super::*;

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(content).expect("gzip");
    coder.finish().expect("gzip")
}

pub fn zlib(content: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(content).expect("zlib");
    coder.finish().expect("zlib")
}

pub fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("zstd")
}

pub fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// What becomes of a secret on its way into a body.
pub type Packing<'p> = &'p dyn Fn(&str) -> Vec<u8>;

pub fn packed(table: &mut Table) {
    let json = |secret: &str| format!(r#"{{"a": "é", "access_token": "{secret}", "z": 1}}"#);
    let packings: [(&str, Packing<'_>); 22] = [
        ("gzip", &|secret| gzip(json(secret).as_bytes())),
        ("zstd", &|secret| zstd(json(secret).as_bytes())),
        ("zlib", &|secret| zlib(json(secret).as_bytes())),
        ("gzip twice", &|secret| gzip(&gzip(json(secret).as_bytes()))),
        ("gzip in zstd", &|secret| zstd(&gzip(json(secret).as_bytes()))),
        ("gzip of a form", &|secret| gzip(format!("a=1&client_secret={secret}").as_bytes())),
        ("UTF-16, little", &|secret| utf16(&json(secret), false)),
        ("UTF-16, big", &|secret| utf16(&json(secret), true)),
        ("UTF-16, little, with a mark", &|secret| utf16(&format!("\u{feff}{}", json(secret)), false)),
        ("UTF-16, big, with a mark", &|secret| utf16(&format!("\u{feff}{}", json(secret)), true)),
        ("UTF-16 in gzip", &|secret| gzip(&utf16(&json(secret), false))),
        ("base64", &|secret| STANDARD.encode(json(secret)).into_bytes()),
        ("base64 for URLs", &|secret| URL_SAFE_NO_PAD.encode(json(secret)).into_bytes()),
        ("base64 twice", &|secret| STANDARD.encode(STANDARD.encode(json(secret))).into_bytes()),
        ("base64 of gzip", &|secret| STANDARD.encode(gzip(json(secret).as_bytes())).into_bytes()),
        ("base64 of JSON in JSON", &|secret| format!(r#"{{"a": "{}"}}"#, STANDARD.encode(json(secret))).into_bytes()),
        ("base64 of gzip in JSON", &|secret| {
            format!(r#"{{"a": "{}"}}"#, STANDARD.encode(gzip(json(secret).as_bytes()))).into_bytes()
        }),
        ("base64 of a form in JSON", &|secret| {
            format!(r#"{{"a": "{}"}}"#, STANDARD.encode(format!("a=1&client_secret={secret}"))).into_bytes()
        }),
        ("JSON in a string", &|secret| nested(&json(secret), 1)),
        ("JSON in a string in a string", &|secret| nested(&json(secret), 2)),
        ("JSON in strings, three deep", &|secret| nested(&json(secret), 3)),
        ("base64 of JSON with JSON in a string", &|secret| STANDARD.encode(nested(&json(secret), 1)).into_bytes()),
    ];
    for (kind, pack) in packings {
        table.body(format!("packed, {kind}"), JSON, pack);
    }
    for (coding, body) in [
        ("br", &gzip as &dyn Fn(&[u8]) -> Vec<u8>),
        ("gzip", &zstd),
        ("identity", &gzip),
        ("lzma", &zstd),
        ("gzip", &|content| gzip(&gzip(content))),
        ("zstd", &|content| zstd(&zlib(content))),
        ("gzip", &|content| content.to_vec()),
        ("gzip", &|content| {
            let mut cut = gzip(content);
            cut.truncate(cut.len() - 8);
            cut
        }),
    ] {
        let number = table.0.len();
        table.add(format!("packed under {coding}, {number}"), |secret, exchange| {
            exchange.request.headers = [("Content-Type", JSON), ("Content-Encoding", coding)].into_iter().collect();
            exchange.request.body = Body::complete(body(json(secret).as_bytes()));
        });
    }
}

/// JSON as the text of a member of JSON, so many times.
pub fn nested(json: &str, times: usize) -> Vec<u8> {
    let once = |json: String, _| serde_json::json!({ "a": json }).to_string();
    (0..times).fold(json.to_owned(), once).into_bytes()
}
