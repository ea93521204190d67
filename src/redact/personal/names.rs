//! Names of several words and names that are paths: what they say where no model does.
//!
//! ```text
//! X-Customer-Name · primaryContactEmail ─► words ─► the last ones say that it is somebody's
//! customer[givenName] · orderedItem[0].attendee.name ─► steps ─► what holds below each of them
//! ```

use super::places::{self, MemberRule, below, is_personal, is_personal_name, normal};

/// Longest name that is looked at, in bytes.
const LONGEST: usize = 128;

/// Most words that are looked at, from the end.
const MOST_WORDS: usize = 4;

/// What names of several words end in that are personal, besides [`places::is_attribute_of_people`]; in words without what
/// stands between them.
const MORE_ENDINGS: [&str; 6] = ["phoneno", "mobilephone", "forename", "addressline", "homeaddress", "postalcode"];

/// Names that are personal alone and say something else behind other words: `voice mail`, `last login`.
const ALONE: [&str; 2] = ["mail", "login"];

/// Whose name, address or number something may be.
const PEOPLE: [&str; 18] = [
    "customer",
    "attendee",
    "participant",
    "member",
    "guardian",
    "user",
    "patient",
    "person",
    "recipient",
    "guest",
    "contact",
    "passenger",
    "parent",
    "child",
    "buyer",
    "payer",
    "holder",
    "cardholder",
];

/// What people have that other things have, too.
const ATTRIBUTES: [&str; 7] = ["name", "names", "address", "number", "no", "id", "note"];

/// Organisations and things: what is theirs is published.
const OTHERS: [&str; 20] = [
    "seller",
    "organizer",
    "organiser",
    "organisation",
    "organization",
    "provider",
    "publisher",
    "broker",
    "support",
    "system",
    "company",
    "business",
    "venue",
    "location",
    "site",
    "merchant",
    "operator",
    "club",
    "facility",
    "host",
];

/// First words of what is no value but a question.
const QUESTIONS: [&str; 6] = ["is", "has", "needs", "requires", "allow", "allows"];

/// The words of a name in lower case, the last ones.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            let begins = !before.is_ascii_alphanumeric()
                || (character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()));
            match words.last_mut() {
                Some(word) if !begins => word.push(character.to_ascii_lowercase()),
                _ => words.push(character.to_ascii_lowercase().to_string()),
            }
        }
        before = character;
    }
    words
}

/// True for a name of several words of which the last say that its value is personal.
pub(super) fn says_personal(name: &str) -> bool {
    if name.len() > LONGEST {
        return false;
    }
    let words = words(name);
    let is_of_others = words.iter().any(|word| OTHERS.contains(&word.as_str()));
    let is_question = words.first().is_some_and(|first| QUESTIONS.contains(&first.as_str()));
    if words.len() < 2 || is_of_others || is_question {
        return false;
    }
    let ends = |count: usize| {
        let ending = words.len().checked_sub(count).map(|start| words[start..].concat()).unwrap_or_default();
        let ending = ending.as_str();
        MORE_ENDINGS.contains(&ending) || places::is_attribute_of_people(ending) && !ALONE.contains(&ending)
    };
    let (last, before) = (&words[words.len() - 1], &words[words.len() - 2]);
    let singular = before.strip_suffix('s').unwrap_or(before);
    (1..=MOST_WORDS).any(ends) || (ATTRIBUTES.contains(&last.as_str()) && PEOPLE.contains(&singular))
}

/// True for the name of an object that is a person in some role: `leadAttendee`.
pub(super) fn says_person(name: &str) -> bool {
    let words = words(name);
    let is_of_others = words.iter().any(|word| OTHERS.contains(&word.as_str()));
    words.len() > 1 && !is_of_others && words.last().is_some_and(|last| places::is_person(last))
}

/// True for a header field whose value is personal.
pub(super) fn is_personal_field(name: &str) -> bool {
    normal(name) == "from" || is_personal_parameter(name) || says_person(name)
}

/// True for a parameter of a URL or form, or another name that stands alone, whose value is personal.
pub(super) fn is_personal_parameter(name: &str) -> bool {
    let (place, last) = resolved(MemberRule::Plain, name);
    let of_name = place != MemberRule::Published && (is_personal_name(&normal(last)) || says_personal(last));
    is_personal(place, &normal(last)) || of_name
}

/// Where a name leads that may be a path, from a place on, and its last step.
pub(super) fn resolved(place: MemberRule, name: &str) -> (MemberRule, &str) {
    if name.len() > LONGEST || name.contains("://") || !name.contains(['[', '.']) {
        return (place, name);
    }
    let steps =
        name.split(['[', ']', '.']).filter(|step| !step.is_empty() && !step.bytes().all(|b| b.is_ascii_digit()));
    let mut steps: Vec<&str> = steps.collect();
    let Some(last) = steps.pop() else { return (place, name) };
    (steps.iter().fold(place, |place, step| below(place, &normal(step), false)), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_whose_it_is() {
        for name in [
            "X-Customer-Name",
            "x_user_email",
            "primaryContactEmail",
            "billing_postcode",
            "attendeeNames",
            "X-User-Id",
            "memberDateOfBirth",
            "addressLine1OfCustomerName",
        ] {
            assert!(says_personal(name), "{name}");
        }
        for name in [
            "email",
            "name",
            "sellerEmail",
            "X-Broker-Name",
            "venue_postcode",
            "isMobile",
            "requiresCustomerName",
            "orderNumber",
            "X-Request-Id",
            "userAgent",
            "clientId",
            "fileName",
            "serviceName",
            "attendeeDetailsRequired",
            "hasContactEmail",
        ] {
            assert!(!says_personal(name), "{name}");
        }
        assert!(is_personal_field("X-Remote-User") && is_personal_field("From") && !is_personal_field("User-Agent"));
        assert!(says_person("leadAttendee") && !says_person("attendee") && !says_person("userAgent"));
    }

    #[test]
    fn paths_lead_below_what_they_name() {
        for name in [
            "customer[givenName]",
            "customer[name]",
            "customer.address.addressLocality",
            "orderedItem[0][attendee][email]",
            "orderedItem[0].attendee.name",
            "user[login]",
            "given_name",
            "a.b.email",
        ] {
            assert!(is_personal_parameter(name), "{name}");
        }
        for name in
            ["seller[email]", "organizer.name", "name", "orderedItem[0][name]", "customer[@type]", "a[0]", "[]", "."]
        {
            assert!(!is_personal_parameter(name), "{name}");
        }
    }
}
