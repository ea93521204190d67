//! The page of a dataset site: the Dataset that it carries as JSON-LD, or what is wrong with it.
//!
//! ```text
//! page ─► scripts of type application/ld+json ─► a Dataset, or the one of a list or @graph ─► ParsedBody::Json
//!     └─► no such, but the signs of one that leads to a booking API ────────────────────────► ParsedBody::NotJson
//! ```

use super::ParsedBody;
use crate::json::{Document, JsonError, Value, write_escaped};

/// The Dataset that an HTML page carries, or why it can't be read; `None` for any other page.
pub(super) fn dataset(page: &str) -> Option<ParsedBody> {
    let found = scripts(page, "application/ld+json").find_map(|script| {
        let document = Document::parse_str(script).ok()?;
        if describes_dataset(document.root()) { Some(document) } else { only_dataset(document.root()) }
    });
    found.map(ParsedBody::Json).or_else(|| unreadable_dataset(page).map(ParsedBody::NotJson))
}

/// True for a Dataset, and for what has the members of one that leads to a booking API, whatever type it says.
fn describes_dataset(root: Value<'_>) -> bool {
    let is = |name: Value<'_>| name.as_str() == Some("Dataset");
    let types = root.get("@type");
    types.is_some_and(|types| is(types) || types.items().any(is))
        || root.get("distribution").is_some()
            && (root.find("/accessService/endpointUrl").is_some() || root.get("bookingService").is_some())
}

/// What stands in the scripts of that type, as far as they end.
fn scripts<'p>(page: &'p str, media_type: &'p str) -> impl Iterator<Item = &'p str> {
    let tag = |rest: &'p str| Some(rest.split_once('>')?.1.split_once("</script")?.0.trim());
    page.split(media_type).skip(1).filter_map(tag)
}

/// What is wrong with the Dataset of a page that certainly has one, and one that leads to a booking API.
fn unreadable_dataset(page: &str) -> Option<JsonError> {
    const SIGNS: [&str; 4] = ["\"Dataset\"", "\"accessService\"", "\"endpointUrl\"", "openactive.io"];
    if !page.contains("</html") {
        return None;
    }
    let has_signs = |script: &&str| script.starts_with(['{', '[']) && SIGNS.iter().all(|sign| script.contains(sign));
    let broken =
        scripts(page, "application/ld+json").filter(has_signs).find_map(|script| Document::parse_str(script).err());
    let is_dataset = |script: &str| {
        Document::parse_str(script).is_ok_and(|document| {
            document.root().get("@type").and_then(Value::as_str) == Some("Dataset")
                && document.root().find("/accessService/endpointUrl").is_some()
        })
    };
    let of_other_type = || {
        let is_there = scripts(page, "\"application/json\"").filter(has_signs).any(is_dataset);
        is_there
            .then_some(JsonError { what: "no script of type application/ld+json, only one of application/json", at: 0 })
    };
    broken.filter(|error| !error.is_limit()).or_else(of_other_type)
}

/// The one Dataset of a list of objects, or of a graph whose context holds for it as well.
fn only_dataset(root: Value<'_>) -> Option<Document> {
    let graph = root.get("@graph");
    let mut datasets = graph.unwrap_or(root).items().filter(|one| describes_dataset(*one));
    let dataset = datasets.next().filter(|_| datasets.next().is_none())?;
    let contexts = [root.get("@context"), dataset.get("@context")];
    let contexts: Vec<String> = contexts.into_iter().flatten().flat_map(contexts_of).collect();
    let member = |name: &str, value: &str| format!("\"{}\": {value}", write_escaped(name));
    let rest = dataset.entries().filter(|(name, _)| *name != "@context");
    let context = (!contexts.is_empty()).then(|| member("@context", &format!("[{}]", contexts.join(", "))));
    let members: Vec<String> =
        context.into_iter().chain(rest.map(|(name, value)| member(name, &value.to_json()))).collect();
    let text = format!("{{{}}}", members.join(", "));
    Document::parse_str(&text).ok()
}

fn contexts_of(context: Value<'_>) -> Vec<String> {
    if context.is_array() { context.items().map(Value::to_json).collect() } else { vec![context.to_json()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_may_stand_in_a_list_or_a_graph() {
        const DATASET: &str =
            r#"{"@type": "Dataset", "@context": "https://openactive.io/", "accessService": {"@type": "WebAPI"}}"#;
        const OTHER: &str = r#"{"@type": "WebSite"}"#;
        let read = |script: &str| match dataset(&format!("<script type=\"application/ld+json\">{script}</script>"))? {
            ParsedBody::Json(document) => Some(document.root().to_json()),
            other => panic!("{other:?}"),
        };
        let expected = |context: &str| {
            let text =
                format!(r#"{{"@context": [{context}], "@type": "Dataset", "accessService": {{"@type": "WebAPI"}}}}"#);
            Some(Document::parse_str(&text).unwrap().root().to_json())
        };
        assert_eq!(read(&format!("[{OTHER}, {DATASET}]")), expected("\"https://openactive.io/\""));
        let graph = format!(r#"{{"@context": ["https://schema.org/"], "@graph": [{DATASET}, {OTHER}]}}"#);
        assert_eq!(read(&graph), expected("\"https://schema.org/\", \"https://openactive.io/\""));
        for none in [format!("[{DATASET}, {DATASET}]"), format!("[{OTHER}]"), "[]".to_owned()] {
            assert_eq!(read(&none), None);
        }
    }

    #[test]
    fn a_dataset_that_can_not_be_read_is_one() {
        const DATASET: &str = r#"{"@type": "Dataset", "@context": "https://openactive.io/",
            "accessService": {"endpointUrl": "https://a.example"}}"#;
        const LINKED: &str = "<script type=\"application/ld+json\">";
        const PLAIN: &str = "<script type=\"application/json\">";
        const END: &str = "</script></html>";
        let wrong =
            |before: &str, script: &str, behind: &str| match dataset(&format!("<html>{before}{script}{behind}"))? {
                ParsedBody::NotJson(error) => Some(error.what),
                other => panic!("{other:?}"),
            };
        let broken = DATASET.replace("\"Dataset\",", "\"Dataset\"");
        assert!(wrong(LINKED, &broken, END).is_some());
        assert!(wrong(PLAIN, DATASET, END).is_some_and(|what| what.contains("only one of application/json")));
        // It may be cut off, or lead nowhere; or be something else of the page.
        assert_eq!(wrong(LINKED, &broken, ""), None);
        assert_eq!(wrong(LINKED, &broken, "</script>"), None);
        assert_eq!(wrong(LINKED, &broken.replace("endpointUrl", "url"), END), None);
        assert_eq!(wrong(PLAIN, &broken, END), None);
        assert_eq!(wrong(PLAIN, &format!("{{\"props\": {DATASET}}}"), END), None);
    }
}
