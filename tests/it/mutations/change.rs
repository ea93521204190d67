//! Changes of one exchange, in the words of the tables. What each word means is said at the head of `changes.txt`.

use jiff::SignedDuration;
use serde_json::Value;
use umpire::exchange::Exchange;

use super::recording::{Recording, from_json, to_json};

fn parent<'v, 'p>(value: &'v mut Value, pointer: &'p str) -> Option<(&'v mut Value, &'p str)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((value.pointer_mut(parent)?, key))
}

fn put(value: &mut Value, pointer: &str, new: Value) -> Option<()> {
    match parent(value, pointer)? {
        (Value::Array(items), "-") => items.push(new),
        (Value::Array(items), index) => *items.get_mut(index.parse::<usize>().ok()?)? = new,
        (Value::Object(members), key) => drop(members.insert(key.to_owned(), new)),
        _ => return None,
    }
    Some(())
}

fn take(value: &mut Value, pointer: &str) -> Option<()> {
    match parent(value, pointer)? {
        (Value::Object(members), key) => members.shift_remove(key).map(drop),
        (Value::Array(items), index) => {
            let index = index.parse().ok().filter(|index| *index < items.len())?;
            items.remove(index);
            Some(())
        }
        _ => None,
    }
}

/// Makes one change. What the verbs mean is said at the head of the table.
fn change(value: &mut Value, step: &str, acceptance: impl Fn() -> Option<Value>) -> Option<()> {
    let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
    let (pointer, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "set" => put(value, pointer, serde_json::from_str(argument).ok()?),
        "remove" => take(value, pointer),
        "copy" => {
            let copied = value.pointer(pointer)?.clone();
            put(value, argument, copied)
        }
        "text" => {
            take(value, &format!("{pointer}/body"))?;
            put(value, &format!("{pointer}/text"), argument.into())
        }
        "status" => {
            let status: u16 = rest.parse().ok()?;
            if value.pointer("/response/body/statusCode").is_some() {
                put(value, "/response/body/statusCode", status.into())?;
            }
            put(value, "/response/status", status.into())
        }
        "type" => put(value, "/response/body/@type", rest.into()),
        "item-type" => {
            let items = value.pointer_mut("/response/body/orderedItem")?.as_array_mut()?;
            *items.iter_mut().find_map(|item| item.pointer_mut("/error/0/@type"))? = rest.into();
            Some(())
        }
        "refuse" => {
            let status: u16 = pointer.parse().ok()?;
            let answer = serde_json::json!({
                "status": status,
                "headers": { "content-type": "application/vnd.openactive.booking+json; version=1" },
                "body": {
                    "@context": "https://openactive.io/", "@type": argument, "statusCode": status,
                    "name": format!("A name of {argument}"), "description": "What went wrong, and what to do.",
                },
            });
            put(value, "/response", answer)
        }
        "accept" => put(value, "/response", acceptance()?),
        "gzip" => {
            put(value, &format!("{pointer}/gzip"), true.into())?;
            put(value, &format!("{pointer}/headers/content-encoding"), "gzip".into())
        }
        "no-content" => put(value, "/response", serde_json::json!({ "status": 204, "headers": {} })),
        _ => None,
    }
}

/// The exchanges around the one that a cell names, and the same with changes made to that one.
pub(crate) fn changed(
    recording: &Recording,
    exchange: &str,
    changes: &[String],
) -> Result<(Vec<Exchange>, Vec<Exchange>), String> {
    let place = recording.find(exchange)?;
    let (stage, original) = &recording.exchanges[place];
    let before = recording.around(place);
    let mut after = before.clone();
    let mut at = before.iter().position(|exchange| exchange.id == original.id).ok_or("it is not among them")?;
    for step in changes {
        match step.as_str() {
            "drop" => drop(after.remove(at)),
            "again" => {
                after.insert(at + 1, Exchange { id: 10_000, ..after[at].clone() });
                at += 1;
            }
            step if step.starts_with("later ") => {
                let seconds = step["later ".len()..].parse().map_err(|_| format!("{step:?} can't be done"))?;
                let later = after[at].started.saturating_add(SignedDuration::from_secs(seconds));
                after[at].started = later.map_err(|error| error.to_string())?;
            }
            step => {
                let mut value = to_json(&after[at]);
                change(&mut value, step, || recording.acceptance(*stage))
                    .ok_or_else(|| format!("{step:?} can't be done"))?;
                after[at] = from_json(&value, after[at].started, after[at].id);
            }
        }
    }
    Ok((before, after))
}
