//! The JSON-LD of an HTML page.
//!
//! `<script type="application/ld+json"> … </script> ─► where … stands`

use std::ops::Range;

/// Where the JSON-LD blocks of a page stand, in their order. Reads no more of HTML than it takes to find them.
pub(super) fn json_ld(page: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let tag = at + find(&page[at..], b"<script")?;
            let start = tag + memchr::memchr(b'>', &page[tag..])? + 1;
            let end = start + find(&page[start..], b"</script")?;
            at = end;
            if find(&page[tag..start], b"application/ld+json").is_some() {
                return Some(start..end);
            }
        }
    })
}

/// Where a text of lower case begins, whatever the case of the page.
fn find(page: &[u8], text: &[u8]) -> Option<usize> {
    let [first, rest @ ..] = text else { return Some(0) };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), page)
        .find(|&at| page[at + 1..].get(..rest.len()).is_some_and(|here| here.eq_ignore_ascii_case(rest)))
}
