//! Rules, their expressions, and feeds to be judged.
//!
//! `text ─► RuleBook ─► judged` · `page ─► judged`

use std::sync::Arc;

use umpire::exchange::Exchange;
use umpire::openbooking::media_type::BOOKING_V1;
use umpire::rules::{BookingSystemInfo, Judge, RuleBook};

use super::engine::{bytes, files, fuzz};
use super::material::{BOOK, JSON, bodies, exchange};

#[test]
fn rules() {
    let seeds = bytes(files("rules", "toml"));
    let words = [
        "[[check]]\n",
        "[[example]]\n",
        "when = ''' '''\n",
        "each = \"/request/body/**/*\"\n",
        "stages = [\"any\"]\n",
        "'''",
        "\"\"\"",
        "at = \".\"\n",
        "native = \"request-json\"\n",
        "model = { of = \"request\", finds = [] }\n",
        "(",
        ")",
        "{",
        "}",
        "= 1\n",
        "downgrade",
        "not_judged",
        "report_once_per",
        "\"",
        "matches(\"(a*)*b\")",
        "{seen}",
    ];
    fuzz("rules", &seeds, &words, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        if let Ok(book) = RuleBook::of_texts(&[("area/name", text)]) {
            assert_eq!(book.rules().len(), 1);
        }
    });
}

#[test]
fn expressions() {
    // Every expression of the book, to be mixed with one another.
    let seeds: Vec<Vec<u8>> = files("rules", "toml")
        .iter()
        .flat_map(|text| text.split("'''").skip(1).step_by(2).map(|part| part.as_bytes().to_vec()).collect::<Vec<_>>())
        .collect();
    let words = [
        "request.body",
        "response.body",
        "flow.earlier",
        "flow.b",
        "recording.recent",
        "item",
        "call.order_uuid",
        "size(",
        "distinct(",
        "anywhere(request.body, \"a\")",
        ".exists(x, ",
        ".all(x, ",
        ".filter(x, ",
        ".map(x, ",
        ".exists_one(x, ",
        ")",
        "(",
        " && ",
        " || ",
        " == ",
        " != ",
        " < ",
        " + ",
        " / 0",
        " % 0",
        " - ",
        "!",
        "-",
        "?",
        " : ",
        "[0]",
        "[-1]",
        "[1.5]",
        "[\"@type\"]",
        " in ",
        "null",
        "true",
        "1e300",
        "9223372036854775807",
        "same(",
        "quoted(",
        "instant(",
        "seconds(\"P9999999999D\")",
        "refused(400, \"A\")",
        "sum(",
        "near(1, 2, 3)",
        ".matches(\"a|b\")",
        "has(request.body.x)",
        "open_data(",
        "others(",
        "flow_of(",
        "x",
        "[",
        "]",
        ",",
        "'",
        "\"",
    ];
    let bodies = bodies();
    let paths = ["order-quote-templates", "order-quotes", "orders", "order-proposals"];
    let traffic: Vec<Arc<Exchange>> = (0..12)
        .map(|number| {
            let target = format!("/a/{}/5b0b7f3e-6d1c-4f0a-9c52-7e1a4d90b6c3", paths[number % paths.len()]);
            let (request, response) = (&bodies[number * 3 % bodies.len()], &bodies[number * 7 % bodies.len()]);
            Arc::new(exchange("PUT", &target, BOOKING_V1, request, response))
        })
        .collect();
    fuzz("expressions", &seeds, &words, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        if text.contains("'''") {
            return;
        }
        let rule = |each: &str| {
            format!(
                "title = \"t\"\nseverity = \"failure\"\nside = \"broker\"\nscope = \"flow\"\nstages = [\"any\"]\nspec = \"s\"\n\
                 why = \"w\"\nfix = \"f\"\nat = \"/request\"\nexpected = \"e\"\nmessage = \"{{seen}}\"\n{each}expect = '''\n{text}'''\n"
            )
        };
        for each in ["", "each = \"/request/body/**/*\"\n"] {
            let Ok(book) = RuleBook::of_texts(&[("area/name", &rule(each))]) else { return };
            let mut judge = Judge::new(Arc::new(book), BookingSystemInfo::default());
            for exchange in &traffic {
                judge.judge(Arc::clone(exchange));
            }
        }
    });
}

#[test]
fn feeds() {
    let pages = ["orders-feed", "proposals-feed", "opportunity-feed", "sessions-with-offers"];
    let seeds: Vec<Vec<u8>> = pages
        .iter()
        .map(|name| std::fs::read_to_string(format!("rules/examples/{name}.json")).expect("a text"))
        .map(|text| {
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["response"]["body"].to_string().into_bytes()
        })
        .collect();
    let words = [
        &JSON[..],
        &[
            "\"items\":[",
            "\"next\":",
            "\"modified\":",
            "\"state\":\"deleted\"",
            "\"kind\":",
            "\"data\":{",
            "\"id\":\"1\"",
            "\"superEvent\":",
        ],
    ]
    .concat();
    let site = ("/openactive", "text/html");
    let feeds = [
        ("/api/orders-rpde?afterTimestamp=1", BOOKING_V1),
        ("/api/order-proposals-rpde", BOOKING_V1),
        ("/feeds/sessions?afterChangeNumber=1", "application/vnd.openactive.rpde+json; version=1"),
        site,
    ];
    fuzz("feeds", &seeds, &words, |input| {
        let mut judge = Judge::new(Arc::clone(&BOOK), BookingSystemInfo::default());
        let html = [b"<script type=\"application/ld+json\">", input, b"</script>"].concat();
        for (target, kind) in feeds {
            let body = if target == site.0 { &html } else { input };
            for _ in 0..2 {
                judge.judge(Arc::new(exchange("GET", target, kind, b"", body)));
            }
        }
    });
}
