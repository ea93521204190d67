//! Values of messages as people are shown them.

use crate::json::{self, JsonKind, Value};

/// Most characters of a value that people are shown.
pub(crate) const MOST_SHOWN: usize = 200;

/// So many bytes have more characters than are shown.
pub(crate) const MOST_SHOWN_BYTES: usize = 4 * MOST_SHOWN;

/// Cuts a text for people at about 200 characters.
pub(crate) fn shorten(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MOST_SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// A node of a message: texts bare, everything else as JSON; `nothing` for what isn't there. At most about 200 characters.
pub(crate) fn show(node: Option<Value<'_>>) -> String {
    let Some(node) = node else { return "nothing".to_owned() };
    shorten(match node.kind() {
        JsonKind::Number => {
            let literal = node.as_number().unwrap_or_default();
            match (literal.parse::<i64>(), json::decimal(literal)) {
                (Ok(int), _) => int.to_string(),
                (Err(_), Some(decimal)) => decimal.to_string(),
                (Err(_), None) => literal[..literal.len().min(MOST_SHOWN_BYTES)].to_owned(),
            }
        }
        JsonKind::String => match node.as_str().unwrap_or_default() {
            "" => "\"\"".to_owned(),
            text => text[..text.floor_char_boundary(MOST_SHOWN_BYTES)].to_owned(),
        },
        JsonKind::Null | JsonKind::Bool | JsonKind::Array | JsonKind::Object => node.to_json_up_to(MOST_SHOWN_BYTES),
    })
}
