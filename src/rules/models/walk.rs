//! Walks a message once and notes every node that deviates from the models.
//!
//! `body → for each object its type → for each member its property → Deviation`
//!
//! Where nothing deviates nothing is allocated. What no rule asks for is not looked for.

mod values;

use std::cell::{Cell, OnceCell};

use super::data_model::{
    DeviationKind, DeviationKinds, HAS_ID, HAS_OTHER, HAS_TYPE, Members, ModelId, ModelProfile, Models, NO_MODEL,
    NO_PROPERTY, Property, PropertyId,
};
use super::message_kind::MessageKind;
use crate::exchange::secrets::is_secret;
use crate::json::{JsonKind, Value};
use crate::openbooking::{ParsedExchange, Stage};
use crate::rules::models::json_ld::is_prefixed;

/// Most deviations noted of one message. Past it they are counted only: a message that is wrong throughout has said so.
const MAX_DEVIATIONS: usize = 1_000;

/// Most steps along properties that inherit, such as `superEvent`.
const MAX_INHERITANCE: usize = 5;

/// Something that is not as the models have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// What is wrong.
    pub what: DeviationKind,
    /// Place in the document of the node that is wrong; of the object where something is missing.
    pub node: u32,
    /// Type of the object that has the property.
    pub model: ModelId,
    /// The property.
    pub property: PropertyId,
    /// For what is missing: its place in the profile's list, and the profile's in the type's.
    pub entry: (u16, u16),
}

/// The walks over the two messages of an exchange, each made when a rule first asks.
#[derive(Debug, Default)]
pub(crate) struct ModelValidator {
    request: OnceCell<Vec<Deviation>>,
    response: OnceCell<Vec<Deviation>>,
    omitted: Cell<u64>,
}

impl ModelValidator {
    /// Deviations that were counted and not noted, because a message has too many.
    pub(crate) fn omitted(&self) -> u64 {
        self.omitted.get()
    }

    /// What deviates in the request, whose root is given.
    pub(crate) fn request(
        &self,
        root: Value<'_>,
        parsed: &ParsedExchange,
        models: &Models,
        wanted: DeviationKinds,
    ) -> &[Deviation] {
        self.request.get_or_init(|| {
            let mut walk = ModelWalk::new(models, MessageKind::of_request(parsed.stage), wanted);
            walk.root(root, parsed.stage.request_type());
            self.omitted.set(self.omitted.get() + walk.omitted);
            walk.found
        })
    }

    /// What deviates in the response, whose root is given. Of a feed the data of its items are walked.
    pub(crate) fn response(
        &self,
        root: Value<'_>,
        parsed: &ParsedExchange,
        models: &Models,
        wanted: DeviationKinds,
    ) -> &[Deviation] {
        self.response.get_or_init(|| {
            let kind = MessageKind::of_response(parsed);
            let mut walk = ModelWalk::new(models, kind, wanted);
            let kind_of = |root: Value<'_>| kind.map(|kind| kind.of_root(root.get("@type").and_then(Value::as_str)));
            if matches!(parsed.stage, Stage::OrdersFeed | Stage::OrderProposalsFeed | Stage::OpportunityFeed) {
                for item in root.get("items").into_iter().flat_map(Value::items) {
                    if let Some(data) = item.get("data").filter(|data| data.is_object()) {
                        walk.kind = kind_of(data);
                        walk.root(data, None);
                    }
                }
            } else {
                walk.kind = kind_of(root);
                walk.root(root, None);
            }
            self.omitted.set(self.omitted.get() + walk.omitted);
            walk.found
        })
    }
}

/// The property that an object is a value of.
#[derive(Clone, Copy)]
struct ParentProperty<'w> {
    name: &'w str,
    /// Types that the property takes; empty if anything goes.
    models: &'w [ModelId],
    model: ModelId,
    property: PropertyId,
}

struct ModelWalk<'m> {
    models: &'m Models,
    kind: Option<MessageKind>,
    wanted: DeviationKinds,
    dynamic_payment: bool,
    /// Inside a secret. Recordings have other texts and numbers there, so that only its structure is judged.
    in_secret: bool,
    /// Inside an item with an error, which may hold references where others hold what they refer to.
    in_error: bool,
    found: Vec<Deviation>,
    /// Deviations past the most that are noted.
    omitted: u64,
}

impl<'m> ModelWalk<'m> {
    fn new(models: &'m Models, kind: Option<MessageKind>, wanted: DeviationKinds) -> Self {
        Self {
            models,
            kind,
            wanted,
            dynamic_payment: false,
            in_secret: false,
            in_error: false,
            found: Vec::new(),
            omitted: 0,
        }
    }

    fn root(&mut self, root: Value<'_>, expected: Option<&str>) {
        let payment = root.get("payment").and_then(|payment| payment.get("@type"));
        self.dynamic_payment = payment.and_then(Value::as_str) == Some("DynamicPayment");
        // What the root must be is judged by rules of its own; here it only stands in for a missing type.
        let expected = expected.and_then(|name| self.models.find(name)).filter(|_| root.get("@type").is_none());
        let holder = ParentProperty { name: "", models: expected.as_slice(), model: NO_MODEL, property: NO_PROPERTY };
        match root.kind() {
            JsonKind::Object => self.object(root, holder),
            _ => self.anything(root, holder),
        }
    }

    fn wants(&self, what: DeviationKind) -> bool {
        self.wanted & what.bit() != 0
    }

    fn note(&mut self, what: DeviationKind, node: Value<'_>, model: ModelId, property: PropertyId) {
        self.note_entry(what, node, model, property, (0, 0));
    }

    fn note_entry(
        &mut self,
        what: DeviationKind,
        node: Value<'_>,
        model: ModelId,
        property: PropertyId,
        entry: (u16, u16),
    ) {
        if !self.wants(what) {
        } else if self.found.len() < MAX_DEVIATIONS {
            self.found.push(Deviation { what, node: node.place(), model, property, entry });
        } else {
            self.omitted += 1;
        }
    }

    /// The type of an object: what it says itself, else what its property takes.
    fn type_of(&self, object: Value<'_>, holder: ParentProperty<'_>) -> Option<ModelId> {
        let fallback = match holder.models {
            [only] => Some(*only),
            _ => None,
        };
        let Some(stated) = object.get("@type") else { return fallback };
        let name = |value: Value<'_>| value.as_str().and_then(|name| self.models.find(name));
        if let Some(name) = stated.as_str() {
            // A prefixed type is derived from what the property takes.
            return self.models.find(name).or_else(|| fallback.filter(|_| is_prefixed(name)));
        }
        stated.items().find_map(name).or(fallback)
    }

    /// Notes a type that isn't there, or that nobody knows; false then. An object with nothing but an `@id` is a reference.
    fn stated_type(&mut self, object: Value<'_>, holder: ParentProperty<'_>) -> bool {
        let Some(stated) = object.get("@type") else {
            let is_reference = object.entries().all(|(key, _)| key.starts_with('@'));
            if !is_reference {
                self.note(DeviationKind::Untyped, object, holder.model, holder.property);
            }
            return is_reference;
        };
        let known = |name: &str| self.models.find(name).is_some() || is_prefixed(name);
        let is_known = match stated.kind() {
            JsonKind::String => stated.as_str().is_some_and(|name| name.is_empty() || known(name)),
            JsonKind::Array => stated.is_empty() || stated.items().any(|name| name.as_str().is_some_and(known)),
            // Nothing in place of a type is a finding of its own.
            kind => kind == JsonKind::Null,
        };
        if !is_known {
            self.note(DeviationKind::UnknownType, stated, holder.model, holder.property);
        }
        is_known
    }

    /// True if a property takes objects of one type alone, of which no other is derived.
    fn is_sole_type(&self, holder: ParentProperty<'_>) -> bool {
        matches!(holder.models, [only] if !self.models.all.iter().any(|model| model.ancestors.contains(only)))
    }

    fn object(&mut self, object: Value<'_>, holder: ParentProperty<'_>) {
        let known_type = self.in_secret
            || holder.models.is_empty()
            || holder.property == NO_PROPERTY
            || self.stated_type(object, holder);
        let model = if self.in_secret { None } else { self.type_of(object, holder) };
        let Some(id) = model else { return self.unknown_object(object) };
        let models = self.models;
        let Some(model) = models.model(id) else { return };
        let takes_it = holder.models.is_empty() || holder.models.iter().any(|taken| models.related(id, *taken));
        if !takes_it {
            self.note(DeviationKind::Class, object, holder.model, holder.property);
        }
        let mut members: Members = 0;
        let outside = self.in_error;
        self.in_error |= has_error(object);
        for (key, value) in object.entries() {
            match key.as_bytes().first() {
                Some(b'@') => {
                    members |= match key {
                        "@id" => HAS_ID,
                        "@type" => HAS_TYPE,
                        _ => 0,
                    };
                    self.keyword(key, value, id);
                }
                _ => match model.property(key) {
                    Some((property, facts)) => {
                        members |= 1 << property;
                        self.member(value, facts, id, property);
                    }
                    None => {
                        members |= HAS_OTHER;
                        // Of an object that doesn't say which of several things it is nobody knows what it may have.
                        if !key.contains(':') && (known_type || self.is_sole_type(holder)) {
                            self.note(DeviationKind::Unknown, value, id, NO_PROPERTY);
                        }
                        self.unknown_member(key, value, id);
                    }
                },
            }
        }
        self.in_error = outside;
        if self.in_error && members & HAS_ID != 0 && members & !(HAS_ID | HAS_TYPE) == 0 {
            return;
        }
        match self.kind.and_then(|kind| model.profile(kind, holder.name)) {
            // Of an object that could be several things nobody knows what it lacks.
            Some((place, profile)) if (known_type || self.is_sole_type(holder)) && self.deviates(profile, members) => {
                self.profile(object, profile, id, place, holder);
            }
            _ => {}
        }
    }

    /// True if an object with these members may deviate from a profile in what is asked for.
    fn deviates(&self, profile: &ModelProfile, members: Members) -> bool {
        const RESTRICTIONS: DeviationKinds = DeviationKind::Forbidden.bit() | DeviationKind::Object.bit();
        let lacks = |wanted: Members| wanted & !(members & !HAS_OTHER) != 0;
        self.wants(DeviationKind::Missing) && lacks(profile.masks.required)
            || self.wants(DeviationKind::Recommended) && lacks(profile.masks.recommended)
            || self.wanted & RESTRICTIONS != 0 && profile.masks.restricted & members != 0
            || self.wants(DeviationKind::NoneOf) && !profile.one_of.is_empty()
    }

    fn unknown_object(&mut self, object: Value<'_>) {
        for (key, value) in object.entries() {
            if key.starts_with('@') {
                self.keyword(key, value, NO_MODEL);
            } else {
                self.unknown_member(key, value, NO_MODEL);
            }
        }
    }

    fn unknown_member(&mut self, name: &str, value: Value<'_>, model: ModelId) {
        let outside = (self.in_secret, self.kind);
        self.in_secret |= (value.is_object() || value.is_array()) && is_secret(name.as_bytes());
        if name.contains(':') {
            // What an extension asks of its objects at a stage is its own affair.
            self.kind = None;
        }
        self.anything(value, ParentProperty { name, models: &[], model, property: NO_PROPERTY });
        (self.in_secret, self.kind) = outside;
    }

    fn keyword(&mut self, key: &str, value: Value<'_>, model: ModelId) {
        if !self.empty(value, model, NO_PROPERTY) && key == "@id" {
            self.absolute(value, model, NO_PROPERTY);
        }
    }

    fn profile(
        &mut self,
        object: Value<'_>,
        profile: &ModelProfile,
        model: ModelId,
        place: u16,
        holder: ParentProperty<'_>,
    ) {
        // `Untyped` says so where the property takes objects of certain types.
        let untyped = self.wants(DeviationKind::Untyped) && !holder.models.is_empty() && holder.property != NO_PROPERTY;
        let in_error = has_error(object);
        for (what, names) in
            [(DeviationKind::Missing, &profile.required), (DeviationKind::Recommended, &profile.recommended)]
        {
            if self.wants(what) {
                for (entry, name) in names.iter().enumerate() {
                    let said = untyped && &**name == "@type";
                    if !said && !self.has(object, name, model, 0) && !self.excused(object, name, in_error) {
                        self.note_entry(what, object, model, self.property(model, name), (entry as u16, place));
                    }
                }
            }
        }
        for (entry, names) in profile.one_of.iter().enumerate() {
            if self.wants(DeviationKind::NoneOf) && !names.iter().any(|name| self.has(object, name, model, 0)) {
                self.note_entry(DeviationKind::NoneOf, object, model, NO_PROPERTY, (entry as u16, place));
            }
        }
        for name in &profile.forbidden {
            if let Some(value) = object.get(name) {
                self.note(DeviationKind::Forbidden, value, model, self.property(model, name));
            }
        }
        for name in profile.object.iter().filter(|_| !in_error) {
            if let Some(value) = object.get(name).filter(|value| value.as_str().is_some()) {
                self.note(DeviationKind::Object, value, model, self.property(model, name));
            }
        }
    }

    fn property(&self, model: ModelId, name: &str) -> PropertyId {
        self.models.model(model).and_then(|model| model.property(name)).map_or(NO_PROPERTY, |(id, _)| id)
    }

    /// True if an object has a property, or inherits it.
    fn has(&self, object: Value<'_>, name: &str, model: ModelId, depth: usize) -> bool {
        if object.get(name).is_some() {
            return true;
        }
        let Some(facts) = self.models.model(model).filter(|_| depth < MAX_INHERITANCE && !name.starts_with('@')) else {
            return false;
        };
        facts.properties.iter().filter(|property| property.inherits || &*property.name == "facilityUse").any(
            |property| {
                object.get(&property.name).filter(|above| above.is_object()).is_some_and(|above| {
                    let holder = ParentProperty {
                        name: &property.name,
                        models: &property.single.models,
                        model,
                        property: NO_PROPERTY,
                    };
                    let above_model = self.type_of(above, holder).unwrap_or(NO_MODEL);
                    self.has(above, name, above_model, depth + 1)
                })
            },
        )
    }

    /// What may be missing for a reason that the message itself gives.
    fn excused(&self, object: Value<'_>, name: &str, in_error: bool) -> bool {
        match name {
            "acceptedOffer" => in_error || self.dynamic_payment,
            "orderedItem" => in_error,
            "totalPaymentDue" => self.dynamic_payment,
            "location" => object
                .get("eventAttendanceMode")
                .and_then(Value::as_str)
                .is_some_and(|mode| mode.ends_with("/OnlineEventAttendanceMode")),
            _ => false,
        }
    }
}

fn has_error(object: Value<'_>) -> bool {
    object.get("error").is_some_and(|error| !error.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    const MODELS: &str = r#"
        [Thing1.properties]
        count = "Integer"
        when = "DateTime"
        parts = "[Part]"
        part = "Part, reference"
        parent = "Thing1, inherits"
        location = "Text"
        [[Thing1.at]]
        stages = ["C1 response"]
        required = ["@id", "location"]
        one_of = [["count", "when"]]
        forbidden = ["parts"]
        object = ["part"]
        [Part]
        is = ["Thing1"]
        [Part.properties]
        colour = "Text"
        [[Part.at]]
        stages = ["C1 response"]
        inside = ["part"]
        forbidden = ["parent"]
    "#;

    fn found(text: &str) -> Vec<(DeviationKind, String)> {
        let models = Models::parse(&[("x", MODELS)]).unwrap();
        let document = Document::parse_str(text).unwrap();
        let mut walk = ModelWalk::new(&models, Some(MessageKind::C1Response), DeviationKinds::MAX);
        walk.root(document.root(), None);
        walk.found.iter().map(|found| (found.what, document.value_at(found.node).unwrap().pointer())).collect()
    }

    fn at(what: DeviationKind, pointer: &str) -> (DeviationKind, String) {
        (what, pointer.to_owned())
    }

    #[test]
    fn nothing_deviates() {
        let text = r#"{"@type":"Thing1","@id":"https://a.example/1","count":1,"location":"here","x:y":{"z":[1]}}"#;
        assert_eq!(found(text), []);
    }

    #[test]
    fn values() {
        let text = r#"{"@type":"Part","count":"1","when":"today","parts":{"@type":"Part"},"part":"p","parent":[],"colour":" ","size":1}"#;
        let wanted = [
            at(DeviationKind::Type, "/count"),
            at(DeviationKind::Date, "/when"),
            at(DeviationKind::List, "/parts"),
            at(DeviationKind::Id, "/part"),
            at(DeviationKind::Empty, "/parent"),
            at(DeviationKind::Blank, "/colour"),
            at(DeviationKind::Unknown, "/size"),
        ];
        assert_eq!(found(text), wanted);
    }

    #[test]
    fn profiles() {
        let text = r#"{"@type":"Thing1","parts":[{"@type":"Part"}],"part":"https://a.example/2"}"#;
        let wanted = [
            at(DeviationKind::Missing, ""),
            at(DeviationKind::Missing, ""),
            at(DeviationKind::NoneOf, ""),
            at(DeviationKind::Forbidden, "/parts"),
            at(DeviationKind::Object, "/part"),
        ];
        assert_eq!(found(text), wanted);
        let text = r#"{"@type":"Part","part":{"@type":"Part","parent":{"@id":"https://a.example/2"}}}"#;
        let wanted = [at(DeviationKind::Forbidden, "/part/parent")];
        let forbidden = |found: &(DeviationKind, String)| found.0 == DeviationKind::Forbidden;
        assert_eq!(found(text).into_iter().filter(forbidden).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn an_item_with_an_error_may_hold_references() {
        let item = |error: &str, part: &str| {
            let text = format!(
                r#"{{"@type":"Thing1","@id":"https://a.example/1","count":1,"location":"here","error":{error},"parent":{part}}}"#
            );
            found(&text).into_iter().filter(|found| found.0 == DeviationKind::Missing).count()
        };
        let reference = r#"{"@type":"Thing1","@id":"https://a.example/2"}"#;
        assert_eq!(item(r#"[{"@type":"E"}]"#, reference), 0);
        assert_eq!(item("[]", reference), 1);
        assert_eq!(item(r#"[{"@type":"E"}]"#, r#"{"@type":"Thing1","@id":"https://a.example/2","count":1}"#), 1);
    }

    #[test]
    fn an_extension_asks_for_what_it_wants() {
        let text = r#"{"@type":"Thing1","@id":"https://a.example/1","count":1,"location":"here","x:of":[{"@type":"Thing1","count":"1"}]}"#;
        assert_eq!(found(text), [at(DeviationKind::Type, "/x:of/0/count")]);
    }

    #[test]
    fn what_is_inherited_is_there() {
        let text = r#"{"@type":"Thing1","@id":"https://a.example/1","count":1,"parent":{"@type":"Thing1","@id":"https://a.example/2","count":1,"location":"here"}}"#;
        assert_eq!(found(text), []);
        let online = r#"{"@type":"Thing1","@id":"https://a.example/1","count":1,"eventAttendanceMode":"https://schema.org/OnlineEventAttendanceMode"}"#;
        assert_eq!(found(online), [at(DeviationKind::Unknown, "/eventAttendanceMode")]);
    }

    #[test]
    fn what_is_a_secret_is_no_model() {
        let part = r#"{"@type":"Part","@id":"x","colour":" ","size":[1,null]}"#;
        for (name, wanted) in [
            ("x:token", vec![at(DeviationKind::Empty, "/x:token/a/0/size/1")]),
            (
                "x:thing",
                vec![
                    at(DeviationKind::Id, "/x:thing/a/0/@id"),
                    at(DeviationKind::Blank, "/x:thing/a/0/colour"),
                    at(DeviationKind::Unknown, "/x:thing/a/0/size"),
                    at(DeviationKind::Empty, "/x:thing/a/0/size/1"),
                ],
            ),
        ] {
            let text = format!(r#"{{"@type":"Part","{name}":{{"@type":"Other","a":[{part}]}}}}"#);
            assert_eq!(found(&text), wanted);
        }
    }

    #[test]
    fn an_object_of_another_type() {
        let text = r#"{"@type":"Part","part":{"@type":"Other","count":1}}"#;
        assert_eq!(found(text), [at(DeviationKind::UnknownType, "/part/@type")]);
        let text =
            r#"{"@type":"Part","part":{"count":1},"parts":[{"@id":"https://a.example/1"},{"@type":["x:Y","Part"]}]}"#;
        assert_eq!(found(text), [at(DeviationKind::Untyped, "/part")]);
        let models = Models::parse(&[("x", "[A.properties]\na = \"B\"\n[B]\n[C]\nis = [\"B\"]\n[D]\n")]).unwrap();
        for (text, wanted) in [(r#"{"@type":"A","a":{"@type":"D"}}"#, 1), (r#"{"@type":"A","a":{"@type":"C"}}"#, 0)] {
            let document = Document::parse_str(text).unwrap();
            let mut walk = ModelWalk::new(&models, None, DeviationKind::Class.bit());
            walk.root(document.root(), None);
            assert_eq!(walk.found.len(), wanted, "{text}");
        }
    }
}
