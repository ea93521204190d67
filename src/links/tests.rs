//! Which links are found, and what is left of a message when they are rewritten.

use super::*;

const PROXY: &str = "http://127.0.0.1:8080";

fn origin() -> Origin {
    Origin::of("https://booking.example").unwrap().0
}

/// The message with its links rewritten.
fn rewritten(text: &str, media: LinkMedia) -> String {
    String::from_utf8(rewrite(text.as_bytes(), &find(text.as_bytes(), media, &origin()), PROXY)).unwrap()
}

#[test]
fn origins_are_compared_as_origins() {
    let of = |url| Origin::of(url).unwrap();
    for url in [
        "https://booking.example/x",
        "HTTPS://Booking.Example:443?x",
        "https://booking.example",
        "https://booking.example:#",
    ] {
        assert_eq!(of(url).0, origin(), "{url}");
    }
    assert_eq!(of("https://booking.example:443/x").1, "https://booking.example:443".len());
    assert_eq!(of("http://[::1]:80/").0, of("http://[::1]").0);
    for url in ["http://booking.example/", "https://booking.example:8443/", "https://booking.example.org/"] {
        assert_ne!(of(url).0, origin(), "{url}");
    }
    for url in
        ["/x", "ftp://booking.example/", "https://", "https://me@booking.example/", "https://x:99999/", "http://[::1"]
    {
        assert_eq!(Origin::of(url), None, "{url}");
    }
}

#[test]
fn the_next_page_of_a_feed_and_nothing_else_of_it() {
    let page = r#"{ "next" : "https://booking.example/feeds/s?afterTimestamp=1&afterId=2",
  "items": [{"id": "https://booking.example/s/1", "data": {"@id": "https://booking.example/s/1",
  "url": "https://booking.example/s/1", "next": "https://booking.example/no", "n": 1.50 }}],
  "license": "https://booking.example/l" }"#;
    let expected = page.replacen("https://booking.example/feeds", "http://127.0.0.1:8080/feeds", 1);
    assert_eq!(rewritten(page, LinkMedia::Json), expected);
    let found = find(page.as_bytes(), LinkMedia::Json, &origin());
    assert_eq!((found.len(), found[0].at.as_str()), (1, "/next"));
    assert_eq!(found[0].url, "https://booking.example/feeds/s?afterTimestamp=1&afterId=2");
    // Something else that has a next is no feed.
    let other = r#"{"next": "https://booking.example/x"}"#;
    assert_eq!(rewritten(other, LinkMedia::Json), other);
}

#[test]
fn distributions_and_endpoints() {
    let text = r#"{"@id": "https://booking.example/d", "url": "https://booking.example/d",
        "distribution": [{"contentUrl": "https://booking.example/f"}, {"dcat:accessURL": ["https://booking.example/g"]}],
        "accessService": {"endpointUrl": "https://booking.example/api", "@id": "https://booking.example/api"},
        "image": {"@type": "ImageObject", "contentUrl": "https://booking.example/i.png"},
        "x": {"@type": ["schema:DataDownload"], "http://www.w3.org/ns/dcat#downloadURL": "https://booking.example"},
        "distributions": {"accessURL": {"@id": "https://booking.example/h"}}}"#;
    let found = find(text.as_bytes(), LinkMedia::Json, &origin());
    let places: Vec<_> = found.iter().map(|link| link.at.as_str()).collect();
    assert_eq!(
        places,
        [
            "/distribution/0/contentUrl",
            "/distribution/1/dcat:accessURL/0",
            "/accessService/endpointUrl",
            "/x/http:~1~1www.w3.org~1ns~1dcat#downloadURL",
        ]
    );
    let rewritten = rewritten(text, LinkMedia::Json);
    assert_eq!(rewritten.matches(PROXY).count(), 4);
    assert!(rewritten.contains(r#""@id": "https://booking.example/api""#));
    assert!(rewritten.contains("http://127.0.0.1:8080\"},\n"));
}

#[test]
fn escapes_stay_escapes() {
    let text = r#"{"items":[],"next":"https:\/\/booking.example\/f\/\u00e9?a=\"b\""}"#;
    assert_eq!(rewritten(text, LinkMedia::Json), r#"{"items":[],"next":"http:\/\/127.0.0.1:8080\/f\/\u00e9?a=\"b\""}"#);
    let text = r#"{"items":[],"next":"\u0068ttps://booking.example/f"}"#;
    assert_eq!(rewritten(text, LinkMedia::Json), r#"{"items":[],"next":"http://127.0.0.1:8080/f"}"#);
    let marked = format!("\u{feff}{text}");
    assert_eq!(rewritten(&marked, LinkMedia::Json), "\u{feff}{\"items\":[],\"next\":\"http://127.0.0.1:8080/f\"}");
}

#[test]
fn a_page_of_html_has_them_in_its_json_ld_only() {
    let page = "<html><!-- é --><SCRIPT Type='application/LD+json' id=x>\n{\"endpointUrl\": \"https://booking.example/api\"}\
                </Script><script>var x = {\"endpointUrl\": \"https://booking.example/api\"};</script>\
                <script type=application/ld+json>[{\"distribution\":{\"contentUrl\":\"https://booking.example/f\"}}]</script>\
                <a href=\"https://booking.example/f\">f</a><script type=\"application/ld+json\">{\"endpointUrl\"";
    let found = find(page.as_bytes(), LinkMedia::Html, &origin());
    let places: Vec<_> = found.iter().map(|link| link.at.as_str()).collect();
    assert_eq!(places, ["script 1: /endpointUrl", "script 2: /0/distribution/contentUrl"]);
    let expected = page.replacen("\"https://booking.example/api", "\"http://127.0.0.1:8080/api", 1);
    let expected = expected.replacen(":\"https://booking.example/f", ":\"http://127.0.0.1:8080/f", 1);
    assert_eq!(rewritten(page, LinkMedia::Html), expected);
}

#[test]
fn what_cannot_be_read_has_none() {
    for text in ["", "{", "next", "{\"items\":[],\"next\":7}", "[\"endpointUrl\"]", "\"https://booking.example/\""] {
        assert_eq!(find(text.as_bytes(), LinkMedia::Json, &origin()), [], "{text}");
        assert_eq!(rewritten(text, LinkMedia::Html), text);
    }
}

#[test]
fn media_types() {
    let of = |value: &'static str| LinkMedia::of(&[("Content-Type", value)].into_iter().collect());
    for value in ["application/json", "application/vnd.openactive.rpde+json; version=1", "Application/LD+JSON"] {
        assert_eq!(of(value), Some(LinkMedia::Json), "{value}");
    }
    assert_eq!(of("text/html; charset=utf-8"), Some(LinkMedia::Html));
    assert_eq!(of("text/plain"), None);
    assert_eq!(LinkMedia::of(&Headers::default()), None);
}

/// Pieces of messages with links, to be put together at random.
const PIECES: [&str; 18] = [
    r#"{"items":[],"next":"https://booking.example/f?a=1"}"#,
    r#"{"distribution":[{"contentUrl":"https://booking.example/f"}],"#,
    r#""endpointUrl":"https:\/\/booking.example""#,
    "<script type=\"application/ld+json\">",
    "</script>",
    "https://booking.example",
    "https:\\u002f\\u002fbooking.example:443/",
    "\"next\":\"",
    "\"items\":[",
    "\"accessURL\":",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    "\u{feff}",
    "é\\",
];

proptest::proptest! {
    #[test]
    fn whatever_the_message_all_links_are_rewritten_and_nothing_else(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..14),
    ) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let proxy = Origin::of(PROXY).unwrap().0;
        for media in [LinkMedia::Json, LinkMedia::Html] {
            let found = find(text.as_bytes(), media, &origin());
            let result = rewritten(&text, media);
            assert_eq!(find(result.as_bytes(), media, &origin()), []);
            let places = |links: Vec<FoundLink>| links.into_iter().map(|link| link.at).collect::<Vec<_>>();
            assert_eq!(places(find(result.as_bytes(), media, &proxy)), places(found.clone()));
            if found.is_empty() {
                assert_eq!(result, text);
            }
        }
    }
}
