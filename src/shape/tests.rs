//! What counts as the same request, and what as another.

use super::*;
use crate::json::Document;
use crate::openbooking::is_uuid;

const A: &str = "14a19ffd-7278-4296-9c71-96669e5c5b00";
const B: &str = "24a19ffd-7278-4296-9c71-96669e5c5b00";

fn shape(json: &str) -> Shape {
    let document = Document::parse_str(json).unwrap();
    shape_of(document.root(), Normalizer { is_order: &|_| true, origin: Some(("http://here:1", "https://there")) })
}

fn c2(customer: &str, item: &str) -> String {
    format!(
        r#"{{"@type":"OrderQuote","customer":{customer},"seller":"https://there/s/1","orderedItem":[{{"@type":"OrderItem",
        "position":0,"acceptedOffer":"https://there/o/1","orderedItem":{item}}}]}}"#
    )
}

#[test]
fn who_asks_is_free_and_what_is_asked_for_is_not() {
    let one = c2(r#"{"@type":"Person","email":"a@x","givenName":"Ann"}"#, r#""https://there/i/1""#);
    let same = [
        c2(r#"{"givenName":"Bo","@type":"Person","email":"b@y"}"#, r#""https://there/i/1""#),
        c2(r#"{"@type":"Person","email":"a@x","givenName":"Ann"}"#, r#""http://here:1/i/1""#),
    ];
    for other in same {
        assert_eq!(shape(&one), shape(&other), "{other}");
    }
    let different = [
        c2(r#"{"@type":"Person","email":"a@x","givenName":"Ann"}"#, r#""https://there/i/2""#),
        c2(r#"{"@type":"Organization","email":"a@x","givenName":"Ann"}"#, r#""https://there/i/1""#),
        c2(r#"{"@type":"Person","givenName":"Ann"}"#, r#""https://there/i/1""#),
        c2(r#"{"@type":"Person","email":"","givenName":"Ann"}"#, r#""https://there/i/1""#),
        c2(r#"{"@type":"Person","email":"a@x","givenName":"Ann"}"#, r#"{"@type":"Slot","@id":"https://there/i/1"}"#),
    ];
    for other in different {
        assert_ne!(shape(&one), shape(&other), "{other}");
    }
}

#[test]
fn numbers_by_value_times_and_orders_by_place() {
    for (a, b, same) in [
        (r#"{"p":14.990}"#.to_owned(), r#"{"p":14.99}"#.to_owned(), true),
        (r#"{"p":14.9}"#.to_owned(), r#"{"p":14.99}"#.to_owned(), false),
        (r#"{"t":"2025-04-17T12:07:14Z"}"#.to_owned(), r#"{"t":"2026-01-01T00:00:00+01:00"}"#.to_owned(), true),
        (format!(r#"{{"@id":"x/{A}#/1"}}"#), format!(r#"{{"@id":"x/{B}#/1"}}"#), true),
        (format!(r#"{{"@id":"x/{A}#/1"}}"#), format!(r#"{{"@id":"x/{B}#/2"}}"#), false),
    ] {
        assert_eq!(shape(&a) == shape(&b), same, "{a} {b}");
    }
}

#[test]
fn what_stands_for_what_is_found_leaf_by_leaf() {
    let recorded = Document::parse_str(&c2(r#"{"email":"a@x","givenName":"Ann"}"#, r#""https://there/i/1""#)).unwrap();
    let present = Document::parse_str(&c2(r#"{"givenName":"Bo","email":"b@y"}"#, r#""https://there/i/1""#)).unwrap();
    let found: Vec<_> = bindings(recorded.root(), present.root())
        .into_iter()
        .map(|binding| (binding.pointer, binding.party, binding.recorded, binding.present))
        .collect();
    let expected = [("/customer/email", "customer", "a@x", "b@y"), ("/customer/givenName", "customer", "Ann", "Bo")];
    assert_eq!(found, expected.map(|(a, b, c, d)| (a.to_owned(), b, c.to_owned(), d.to_owned())));
}

#[test]
fn differences_name_each_pointer_and_nothing_personal() {
    let recorded = Document::parse_str(&c2(r#"{"email":"a@x","givenName":"Ann"}"#, r#""https://there/i/1""#)).unwrap();
    let present = Document::parse_str(&c2(r#"{"email":"secret"}"#, r#""https://there/i/2""#)).unwrap();
    let normalizer = Normalizer { is_order: &|_| false, origin: None };
    let found = differences(recorded.root(), present.root(), (normalizer, normalizer), 10);
    let pointers: Vec<_> = found.iter().map(|difference| difference.pointer.as_str()).collect();
    assert_eq!(pointers, ["/customer/email", "/customer/givenName", "/orderedItem/0/orderedItem"]);
    assert_eq!(found[2].present.as_deref(), Some(r#""https://there/i/2""#));
    assert!(!format!("{found:?}").contains("secret"), "{found:?}");
}

#[test]
fn operations_have_no_order_in_them() {
    let none = |_| false;
    for (method, target, key) in [
        ("PUT", format!("/api/orders/{A}"), "PUT /api/orders/*"),
        ("GET", format!("/api/orders/{A}/"), "GET /api/orders/*"),
        ("PUT", format!("/api/ordres/{A}"), "PUT /api/ordres/*"),
        ("GET", format!("/feeds/{A}"), &format!("GET /feeds/{A}")),
        ("GET", "/feed?b=2&a=1".to_owned(), "GET /feed?a=1&b=2"),
        ("PUT", "/ordeers/abc".to_owned(), "PUT /ordeers/abc"),
    ] {
        assert_eq!(operation(method, &target, &none).key, key);
    }
    assert_eq!(operation("GET", &format!("/feeds/{A}"), &|_| true).key, "GET /feeds/*");
    assert_eq!(operation("GET", &format!("/feed?id={A}"), &|_| true).key, "GET /feed?id=*");
    assert!(is_uuid(A) && parse_uuid(A).is_some());
}
