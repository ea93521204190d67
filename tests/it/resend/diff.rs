//! What differs between two recordings, and in which class.

use serde_json::{Value, json};
use umpire::diff::{DifferenceClass, VerdictChangeKind};

use super::support::{GOLDEN, change_answer, folder, golden_against, replace, text, umpire};

/// Order UUIDs of the golden recording.
const FIRST: &str = "05b4474e-feb1-54ee-9688-8c5f9a2d19ef";
const SECOND: &str = "f9ad7d8d-3cbd-5254-b547-981e1dfe125e";

/// The pointers and classes of what differs, without what differs in any two runs.
fn unexpected(diff: &umpire::diff::RecordingDiff) -> Vec<(u64, String)> {
    let of = |exchange: &umpire::diff::ExchangeDiff| {
        let number = exchange.a;
        exchange.unexpected().map(move |value| (number, value.pointer.clone())).collect::<Vec<_>>()
    };
    diff.exchanges.iter().flat_map(of).collect()
}

#[test]
fn a_recording_is_the_same_as_itself() {
    let diff = golden_against(|_| {});
    assert!(diff.is_same() && diff.exchanges.is_empty() && diff.classes.is_empty(), "{diff:?}");
    assert_eq!((diff.paired, diff.same, diff.a.bookings), (36, 36, 9));
}

#[test]
fn uuids_customers_and_the_origin_are_bound() {
    let diff = golden_against(|exchanges| {
        replace(exchanges, FIRST, "99999999-0000-4000-8000-000000000001");
        replace(exchanges, SECOND, "99999999-0000-4000-8000-000000000002");
        replace(exchanges, "ida.marlowe@mail.example", "someone.else@post.example");
        replace(exchanges, "Marlowe", "Someone");
        replace(exchanges, "https://sandbox.example", "http://127.0.0.1:9999");
    });
    assert_eq!(unexpected(&diff), [], "{diff:#?}");
    assert_eq!(diff.classes.keys().copied().collect::<Vec<_>>(), [DifferenceClass::Bound]);
    assert!(diff.same >= 30 && diff.only_a.is_empty() && diff.only_b.is_empty(), "{diff:#?}");
}

#[test]
fn a_uuid_that_stands_for_two_others_differs() {
    let diff = golden_against(|exchanges| {
        replace(exchanges, FIRST, "99999999-0000-4000-8000-000000000001");
        change_answer(&mut exchanges[7], |order| order["identifier"] = json!("99999999-0000-4000-8000-00000000000f"));
        change_answer(&mut exchanges[7], |order| {
            order["@id"] = json!(format!("https://sandbox.example/api/openbooking/orders/{SECOND}"));
        });
    });
    assert_eq!(unexpected(&diff), [(8, "/response/body/@id".to_owned())]);
}

#[test]
fn each_class_has_its_values() {
    let diff = golden_against(|exchanges| {
        change_answer(&mut exchanges[6], |quote| {
            quote["lease"]["leaseExpires"] = json!("2026-12-29T18:16:18Z");
            quote["orderedItem"][0]["orderedItem"]["startDate"] = json!("2026-12-03T06:30:00Z");
            quote["orderedItem"][0]["orderedItem"]["remainingAttendeeCapacity"] = json!(4);
        });
        change_answer(&mut exchanges[7], |order| order["orderNumber"] = json!("SBX-000099"));
        change_answer(&mut exchanges[1], |page| {
            page["next"] = json!("https://sandbox.example/feeds/scheduled-sessions?afterChangeNumber=99");
            page["items"][0]["modified"] = json!(99);
            page["items"].as_array_mut().unwrap().remove(1);
        });
    });
    let class = |class: DifferenceClass| diff.classes.get(&class).copied().unwrap_or_default();
    assert_eq!(unexpected(&diff), []);
    assert_eq!(class(DifferenceClass::Lease), 1);
    assert_eq!(class(DifferenceClass::Time), 1);
    assert_eq!(class(DifferenceClass::Capacity), 1);
    assert_eq!(class(DifferenceClass::OrderNumber), 1);
    assert_eq!(class(DifferenceClass::FeedPosition), 3, "{diff:#?}");
}

#[test]
fn prices_names_statuses_and_members_are_none_of_these() {
    let diff = golden_against(|exchanges| {
        change_answer(&mut exchanges[6], |quote| {
            quote["totalPaymentDue"]["price"] = json!(11.71);
            quote["orderedItem"][0]["orderedItem"]["superEvent"]["name"] = json!("Closed Swim");
            quote["seller"].as_object_mut().unwrap().remove("legalName");
            quote["seller"]["more"] = json!(true);
        });
        exchanges[7].response.as_mut().unwrap().status = 200;
        change_answer(&mut exchanges[9], |quote| {
            quote["orderedItem"][0]["orderedItem"]["@id"] =
                json!("https://sandbox.example/id/scheduled-sessions/open-swim");
        });
    });
    let expected = [
        (7, "/response/body/seller/legalName"),
        (7, "/response/body/seller/more"),
        (7, "/response/body/orderedItem/0/orderedItem/superEvent/name"),
        (7, "/response/body/totalPaymentDue/price"),
        (8, "/response/status"),
        (10, "/response/body/orderedItem/0/orderedItem/@id"),
    ];
    let mut found = unexpected(&diff);
    found.sort();
    let mut expected: Vec<(u64, String)> = expected.map(|(number, pointer)| (number, pointer.to_owned())).into();
    expected.sort();
    assert_eq!(found, expected);
    assert!(!diff.is_same());
}

#[test]
fn of_another_kind_of_answer_only_the_type_is_said() {
    let diff = golden_against(|exchanges| {
        let refused = exchanges[35].response.clone();
        exchanges[5].response = refused;
        change_answer(&mut exchanges[5], |answer| *answer = json!({ "@type": "OpenBookingError", "statusCode": 409 }));
    });
    let pointers = [(6, "/response/status".to_owned()), (6, "/response/body/@type".to_owned())];
    assert_eq!(unexpected(&diff), pointers);
}

#[test]
fn numbers_are_compared_by_value_and_personal_values_are_not_shown() {
    let diff = golden_against(|exchanges| {
        let text = String::from_utf8(exchanges[6].response.as_ref().unwrap().body.bytes.to_vec()).unwrap();
        let text = text
            .replace("\"price\":11.7,", "\"price\":11.700,")
            .replace("\"givenName\":\"Ida\"", "\"givenName\":\"Zoe\"");
        exchanges[6].response.as_mut().unwrap().body = umpire::exchange::Body::complete(text);
    });
    assert_eq!(unexpected(&diff), [(7, "/response/body/customer/givenName".to_owned())]);
    let value = &diff.exchanges[0].differences[0];
    assert_eq!((&value.a, &value.b), (&None, &None));
}

#[test]
fn a_finding_that_is_new_comes_with_both_numbers() {
    let diff = golden_against(|exchanges| {
        // Two exchanges less at the start: numbers differ, pairs stay.
        exchanges.drain(..2);
        change_answer(&mut exchanges[4], |quote| drop(quote.as_object_mut().unwrap().remove("totalPaymentDue")));
    });
    let change =
        diff.verdicts.iter().find(|change| change.change == VerdictChangeKind::New && change.a == Some(7)).unwrap();
    assert_eq!((change.b, change.stage), (Some(5), "C2"), "{change:?}");
    assert_eq!(diff.only_a.iter().map(|only| only.number).collect::<Vec<_>>(), [1, 2]);
    assert!(!diff.only_a[0].of_booking);
}

#[test]
fn bookings_are_paired_by_shape_whatever_their_order() {
    let diff = golden_against(|exchanges| {
        let second: Vec<_> = exchanges.drain(8..11).collect();
        exchanges.splice(5..5, second);
        let last: Vec<_> = exchanges.drain(31..35).collect();
        exchanges.splice(5..5, last);
        replace(exchanges, FIRST, "99999999-0000-4000-8000-000000000001");
        replace(exchanges, SECOND, "99999999-0000-4000-8000-000000000002");
    });
    assert_eq!((diff.paired, unexpected(&diff)), (36, vec![]), "{diff:#?}");
    let numbers: Vec<_> =
        diff.exchanges.iter().filter(|exchange| (6..=11).contains(&exchange.a)).map(|exchange| exchange.b).collect();
    assert_eq!(numbers, [13, 14, 15, 10, 11, 12]);
}

#[test]
fn a_booking_without_a_counterpart_is_listed() {
    let diff = golden_against(|exchanges| drop(exchanges.drain(5..8)));
    assert_eq!(diff.only_a.iter().map(|only| only.number).collect::<Vec<_>>(), [6, 7, 8]);
    assert!(diff.only_b.is_empty() && !diff.is_same());
}

#[test]
fn the_program_compares_as_text_json_and_markdown() {
    let run = |arguments: &[&str]| {
        let output = umpire().current_dir(env!("CARGO_MANIFEST_DIR")).arg("diff").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, said) = run(&[GOLDEN, GOLDEN]);
    assert_eq!(status, Some(0));
    assert_eq!(said, "36 of 36 exchanges the same, no verdict changed, nothing unexpected differs\n");
    let (status, said) = run(&[GOLDEN, "captures/faulty.har"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("agent-broker/customer-required") && said.contains("only in captures/faulty.har"), "{said}");
    let (status, said) = run(&[GOLDEN, "captures/faulty.har", "--format", "json"]);
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &json["format_version"], &json["a"]["exchanges"]), (Some(1), &json!(1), &json!(36)));
    assert!(
        json["verdicts"].as_array().unwrap().iter().any(|change| change["rule"] == "agent-broker/customer-required")
    );
    let (status, said) = run(&[GOLDEN, "captures/faulty.har", "--format", "markdown"]);
    assert_eq!(status, Some(1));
    assert!(
        said.contains("## Verdicts that changed") && said.contains("| new finding | failure | broker | `"),
        "{said}"
    );
    assert_eq!(run(&[GOLDEN, "captures/none.har"]).0, Some(2));
}

#[test]
fn a_recording_that_is_cut_off_is_not_compared() {
    let folder = folder();
    let cut = folder.path().join("cut.har");
    let whole = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN)).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let output = umpire().current_dir(env!("CARGO_MANIFEST_DIR")).args(["diff", GOLDEN, text(&cut)]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
