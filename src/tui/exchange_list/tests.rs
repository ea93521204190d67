//! What the list keeps, what it lets go, and what stays in view meanwhile.

use super::*;
use crate::exchange::Exchange;
use crate::finding::Side;
use crate::openbooking::Stage;

#[test]
fn findings_count_to_what_is_kept() {
    let finding = Finding {
        pointer: "/request/body/orderedItem/0".repeat(4),
        message: "a message of some length, as messages are".repeat(3),
        seen: "what was seen".repeat(10),
        expected: "what was expected".repeat(10),
        ..Finding::for_tests("a/b", Side::Broker, Severity::Warning)
    };
    let mut list = ExchangeList::new();
    for index in 0..3_000 {
        let exchange = Arc::new(Exchange::get("https://a.example", "/"));
        let mut judged = Judged::without_verdicts(index, exchange, Stage::C2, None);
        judged.findings = vec![finding.clone(); 300];
        list.push(Arc::new(judged));
    }
    assert!(list.bytes <= MAX_BYTES && list.gone() > 0, "{} bytes, {} gone", list.bytes, list.gone());
    let held: usize = list
        .kept()
        .map(|judged| judged.findings.iter().map(|one| size_of_val(one) + one.message.len()).sum::<usize>())
        .sum();
    assert!(held <= MAX_BYTES && held > MAX_BYTES / 4, "{held}");
}

#[test]
fn the_first_failure_stays_in_view_when_others_are_passed_over() {
    let judged = |index: u64, failed: bool| {
        let exchange = Arc::new(Exchange::get("https://a.example", "/"));
        let mut judged = Judged::without_verdicts(index, exchange, Stage::C2, None);
        judged.findings.extend(failed.then(|| Finding::for_tests("a/b", Side::Broker, Severity::Failure)));
        Arc::new(judged)
    };
    let mut list = ExchangeList::new();
    list.stop_at_first_failure();
    list.pass_over(1_000);
    (1_000..1_256).for_each(|index| list.push(judged(index, index == 1_030)));
    list.pass_over(500_000);
    (501_256..501_300).for_each(|index| list.push(judged(index, false)));
    assert_eq!(list.selected().map(|(_, judged)| judged.index), Some(1_030));
    list.reveal(20);
    let rows: Vec<u64> = list.window(20).map(|(judged, _)| judged.index).collect();
    assert!(rows.len() == 20 && rows.contains(&1_030) && rows.contains(&1_025), "{rows:?}");
    assert_eq!((list.select_number(501_299), list.select_number(2_000)), (Destination::Selected, Destination::Evicted));
    assert_eq!(list.select_number(600_000), Destination::Unknown);
}
