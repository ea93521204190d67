//! Where personal data stand in a message: which members of which objects, by the OpenActive models.
//!
//! ```text
//! customer, attendee, …          → everything below        accessPass, accessCode, accessChannel → all but labels
//! orderItemIntakeFormResponse    → value                   payment → identifier, accountId, values
//! email, telephone, givenName, … → wherever else they stand
//! seller, broker, opportunities, open data, terms → what an organisation publishes of itself: left alone
//! ```
//!
//! What a choice is among (types, enumerations, countries, options of a form) is no personal datum and stays.

/// What holds below a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberRule {
    /// Nothing known; members of telling names are personal, and values found elsewhere are found again.
    Plain,
    /// An organisation's own details or open data: nothing is personal there but what stands under a telling object.
    Published,
    /// All of it is personal.
    Personal,
    /// What lets somebody in: all but its labels.
    Access,
    /// A payment.
    Payment,
    /// Answers to a form: their values.
    Answers,
}

/// Objects that are personal as a whole.
const PERSONS: [&str; 9] = [
    "customer",
    "attendee",
    "emergencycontact",
    "hasaccount",
    "customeraccount",
    "participant",
    "member",
    "guardian",
    "user",
];

/// Objects that let somebody in.
const ACCESS: [&str; 3] = ["accesspass", "accesscode", "accesschannel"];

/// Objects that an organisation publishes of itself or of what it offers.
const PUBLISHED: [&str; 24] = [
    "seller",
    "broker",
    "organizer",
    "provider",
    "publisher",
    "bookingservice",
    "location",
    "superevent",
    "subevent",
    "facilityuse",
    "individualfacilityuse",
    "aggregatefacilityuse",
    "event",
    "acceptedoffer",
    "offers",
    "orderitemintakeform",
    "attendeedetailsrequired",
    "termsofservice",
    "accessservice",
    "distribution",
    "contactpoint",
    "totalpaymenttax",
    "unittaxspecification",
    "totalpaymentdue",
];

/// Members, parameters and form fields that are personal wherever they stand. `name` is not among them: everything has one.
const NAMES: [&str; 38] = [
    "email",
    "emailaddress",
    "mail",
    "telephone",
    "telephonenumber",
    "phone",
    "phonenumber",
    "mobile",
    "mobilenumber",
    "faxnumber",
    "givenname",
    "familyname",
    "additionalname",
    "firstname",
    "middlename",
    "lastname",
    "surname",
    "fullname",
    "nickname",
    "birthdate",
    "birthday",
    "dateofbirth",
    "dob",
    "username",
    "preferredusername",
    "login",
    "streetaddress",
    "addressline1",
    "addressline2",
    "postcode",
    "customername",
    "customeremail",
    "attendeename",
    "attendeeemail",
    "ordercustomernote",
    "ipaddress",
    "membershipnumber",
    "customerid",
];

/// Members within a personal object that say what a thing is, not whose.
const KINDS: [&str; 7] =
    ["type", "context", "taxmode", "addresscountry", "propertyid", "isopenbookingallowed", "hashiddenentitlements"];

/// Members that only label what lets somebody in.
const LABELS: [&str; 7] =
    ["type", "context", "name", "propertyid", "codetype", "encodingformat", "disambiguatingdescription"];

/// Members of a payment that are the payer's, or lead to the payer.
const OF_PAYMENTS: [&str; 4] = ["identifier", "accountid", "paymenttoken", "value"];

/// Members whose text people wrote, or that says something of what was sent.
const TEXTS: [&str; 14] = [
    "description",
    "detail",
    "details",
    "errordescription",
    "message",
    "reason",
    "title",
    "note",
    "text",
    "errors",
    "customernotice",
    "cancellationmessage",
    "ordersellernote",
    "error",
];

/// True for a member that says what a thing is, which one, or where it goes on.
pub(super) fn is_structure(name: &str) -> bool {
    matches!(name, "type" | "context" | "id" | "next" | "propertyid" | "instance")
}

/// A name in lower case and without separators, a prefix and the sign of JSON-LD's keywords taken off:
/// `beta:given_name`, `https://schema.org/givenName` and `givenName` are the same, so are `@type` and `type`.
pub(super) fn normal(name: &str) -> String {
    let name = match name.split_once("://") {
        Some((_, rest)) => rest.rsplit(['/', '#']).next().unwrap_or_default(),
        None => name.rsplit_once(':').map_or(name, |(_, name)| name),
    };
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What holds below a member of this normal name that is an object or a list. `in_list` says that the object it belongs
/// to stands in a list, as an OrderItem does.
pub(super) fn below(above: MemberRule, name: &str, is_object: bool) -> MemberRule {
    match above {
        MemberRule::Personal if name == "termsofservice" => MemberRule::Published,
        MemberRule::Personal | MemberRule::Access => above,
        _ if PERSONS.contains(&name) => MemberRule::Personal,
        _ if ACCESS.contains(&name) => MemberRule::Access,
        _ if name == "orderitemintakeformresponse" => MemberRule::Answers,
        MemberRule::Answers | MemberRule::Payment => above,
        _ if name == "payment" => MemberRule::Payment,
        MemberRule::Published => MemberRule::Published,
        MemberRule::Plain if PUBLISHED.contains(&name) || (name == "ordereditem" && is_object) => MemberRule::Published,
        MemberRule::Plain if NAMES.contains(&name) => MemberRule::Personal,
        MemberRule::Plain => MemberRule::Plain,
    }
}

/// True if a string or number under a member of this normal name is personal.
pub(super) fn is_personal(place: MemberRule, name: &str) -> bool {
    match place {
        MemberRule::Personal => !KINDS.contains(&name),
        MemberRule::Access => !LABELS.contains(&name),
        MemberRule::Answers => name == "value",
        MemberRule::Payment => OF_PAYMENTS.contains(&name) || NAMES.contains(&name),
        MemberRule::Plain => is_personal_name(name),
        MemberRule::Published => PERSONS.contains(&name) || ACCESS.contains(&name),
    }
}

/// True for a normal name of an object that is a person.
pub(super) fn is_person(name: &str) -> bool {
    PERSONS.contains(&name)
}

/// True for a member that says what a thing is within a personal object.
pub(super) fn is_kind(name: &str) -> bool {
    KINDS.contains(&name)
}

/// True for a normal name that is personal wherever it stands, also as a parameter of a URL or form.
pub(super) fn is_personal_name(name: &str) -> bool {
    is_attribute_of_people(name) || PERSONS.contains(&name) || ACCESS.contains(&name)
}

/// True for the normal name of what people alone have.
pub(super) fn is_attribute_of_people(name: &str) -> bool {
    NAMES.contains(&name)
}

/// True if words of this exchange's persons are looked for in a member of this normal name.
pub(super) fn is_text(name: &str) -> bool {
    TEXTS.contains(&name)
}

/// True for a value that stands for a choice which everybody knows: a term of the vocabularies, or a gender by its name.
pub(super) fn is_term(name: &str, value: &str) -> bool {
    const VOCABULARIES: [&str; 6] = [
        "https://schema.org/",
        "http://schema.org/",
        "https://openactive.io/",
        "http://openactive.io/",
        "schema:",
        "oa:",
    ];
    let term = VOCABULARIES.iter().find_map(|start| value.strip_prefix(start));
    let is_name = |term: &str| !term.is_empty() && term.bytes().all(|byte| byte.is_ascii_alphanumeric());
    term.is_some_and(is_name) || (name == "gender" && matches!(value, "Male" | "Female" | "male" | "female"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_programs_like() {
        for name in ["givenName", "given_name", "GIVEN-NAME", "beta:givenName"] {
            assert!(is_personal(MemberRule::Plain, &normal(name)), "{name}");
        }
        for name in ["name", "@type", "identifier", "orderNumber"] {
            assert!(!is_personal(MemberRule::Plain, &normal(name)), "{name}");
        }
    }

    #[test]
    fn organisations_are_no_persons() {
        let seller = below(MemberRule::Plain, "seller", true);
        assert!(!is_personal(seller, "email") && !is_personal(below(seller, "address", true), "streetaddress"));
        let opportunity = below(MemberRule::Plain, "ordereditem", true);
        assert_eq!(below(opportunity, "organizer", true), MemberRule::Published);
        assert_eq!(below(opportunity, "attendee", true), MemberRule::Personal);
        assert_eq!(below(MemberRule::Plain, "ordereditem", false), MemberRule::Plain, "items of an Order");
    }

    #[test]
    fn choices_stay() {
        assert!(is_term("gender", "https://schema.org/Male") && is_term("gender", "Female"));
        assert!(!is_term("name", "Female") && !is_term("url", "https://schema.org/a/b") && !is_term("url", "schema:"));
        assert!(!is_personal(MemberRule::Personal, "taxmode") && is_personal(MemberRule::Personal, "vatid"));
    }
}
