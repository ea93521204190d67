//! Links in header fields.
//!
//! `Location, Content-Location: the whole value` · `Link: <target>; parameters, <target>; …` (RFC 8288 section 3)

use super::{FoundLink, MOST, Origin};
use crate::exchange::Headers;

/// Links of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldLinks {
    /// Which of the message's fields.
    pub field: usize,
    /// Its links; where their origins are written is told within the value.
    pub links: Vec<FoundLink>,
}

/// The links in header fields that go to `origin`: `Location`, `Content-Location`, and the targets of `Link`. The
/// context of a `Link` (`anchor`) is a name, and stays.
pub(crate) fn find_in_fields(fields: &Headers, origin: &Origin) -> Vec<FieldLinks> {
    let (mut found, mut count, mut link_number) = (Vec::new(), 0, 0);
    for (number, field) in fields.0.iter().enumerate() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let whole = is("location") || is("content-location");
        if !(whole || is("link")) {
            continue;
        }
        let Ok(value) = std::str::from_utf8(&field.value) else { continue };
        let mut links = Vec::new();
        let mut check = |start: usize, url: &str, at: String| {
            if count < MOST
                && let Some((named, length)) = Origin::of(url)
                && named == *origin
            {
                count += 1;
                links.push(FoundLink { at, url: url.to_owned(), origin: start..start + length });
            }
        };
        if whole {
            check(0, value, format!("field {}", field.name));
        } else {
            for (start, url) in (Targets { value, at: 0 }) {
                link_number += 1;
                check(start, url, format!("field {} {link_number}", field.name));
            }
        }
        if !links.is_empty() {
            found.push(FieldLinks { field: number, links });
        }
    }
    found
}

/// Where `Location` of these fields leads, if that is `host` by another scheme or port: who follows it goes past the
/// proxy, and giving it the proxy's address would send it round in a circle.
pub(crate) fn elsewhere<'f>(fields: &'f Headers, origin: &Origin) -> Option<&'f str> {
    let location = fields.get("location")?;
    let (named, _) = Origin::of(location)?;
    (named.host == origin.host && named != *origin).then_some(location)
}

/// The targets of a `Link` field: what stands between angle brackets, but not within a quoted parameter.
struct Targets<'v> {
    value: &'v str,
    at: usize,
}

impl<'v> Iterator for Targets<'v> {
    type Item = (usize, &'v str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.value.as_bytes();
        let mut quoted = false;
        while let Some(&byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' if quoted => self.at += 1,
                b'"' => quoted = !quoted,
                b'<' if !quoted => {
                    let length = self.value[self.at..].find('>')?;
                    let start = self.at;
                    self.at += length + 1;
                    return Some((start, &self.value[start..start + length]));
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::of("https://up.example").unwrap().0
    }

    fn found(name: &'static str, value: &'static str) -> Vec<(String, &'static str)> {
        let fields: Headers = [("x", "https://up.example/"), (name, value)].into_iter().collect();
        let found = find_in_fields(&fields, &origin());
        assert!(found.len() <= 1 && found.iter().all(|found| found.field == 1), "{found:?}");
        let links = found.into_iter().flat_map(|found| found.links);
        links.map(|link| (link.at, &value[link.origin])).collect()
    }

    #[test]
    fn addresses_that_are_the_whole_value() {
        assert_eq!(found("Location", "https://up.example/a?b"), [("field Location".into(), "https://up.example")]);
        let at = "field content-location".to_owned();
        assert_eq!(found("content-location", "HTTPS://UP.example:443"), [(at, "HTTPS://UP.example:443")]);
        for other in ["/a", "a", "", "https://up.example.org/", "http://up.example/", "//up.example/"] {
            assert_eq!(found("Location", other), [], "{other}");
        }
        assert_eq!(found("Referer", "https://up.example/"), []);
    }

    #[test]
    fn targets_and_no_parameters() {
        let value = r#"<https://up.example/1>; rel="next", </2>; title="a \" <https://up.example/no>", <https://up.example:443/3>; anchor="https://up.example/4""#;
        let expected =
            [("field Link 1".into(), "https://up.example"), ("field Link 3".into(), "https://up.example:443")];
        assert_eq!(found("Link", value), expected);
        for other in ["<https://up.example/", "https://up.example/", "\"<https://up.example/>", "<\\", "\"\\"] {
            assert_eq!(found("Link", other), [], "{other}");
        }
        let many: Headers = (0..2 * MOST).map(|_| ("Link", "<https://up.example/>")).collect();
        assert_eq!(find_in_fields(&many, &origin()).len(), MOST);
    }

    #[test]
    fn the_same_host_by_another_way() {
        let elsewhere =
            |location: &'static str| elsewhere(&[("Location", location)].into_iter().collect(), &origin()).is_some();
        assert!(elsewhere("http://up.example/") && elsewhere("https://UP.example:8443/x"));
        assert!(!elsewhere("https://up.example/") && !elsewhere("https://other.example/") && !elsewhere("/x"));
    }
}
