//! Reads `rules/models/*.toml`.
//!
//! `files → definitions by name → properties with those inherited → Models`

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::data_model::{
    ByName, Enumeration, HAS_ID, HAS_OTHER, HAS_TYPE, MAX_PROPERTIES, MemberMasks, Model, ModelId, ModelProfile,
    Models, Property, PropertyId, ValueShape,
};
use super::formats;
use super::message_kind::{MessageKind, MessageKinds};

/// File of the enumerations.
const ENUMERATIONS: &str = "enumerations";

/// The files, each with its name without ending and its text.
type ModelFiles<'s> = [(&'s str, &'s str)];

/// What is wrong with a file of the models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}.toml: {what}")]
pub(crate) struct ModelError {
    /// Name of the file without ending.
    pub file: String,
    /// What is wrong.
    pub what: String,
    /// Byte offset, where that is known.
    pub at: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeDefinition {
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default, rename = "id")]
    _id: bool,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    #[serde(default)]
    at: Vec<AtStages>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct AtStages {
    stages: Vec<String>,
    inside: Vec<Box<str>>,
    required: Vec<Box<str>>,
    one_of: Vec<Vec<Box<str>>>,
    recommended: Vec<Box<str>>,
    forbidden: Vec<Box<str>>,
    object: Vec<Box<str>>,
}

struct Reader {
    /// Definitions by name, with the file that each is from.
    definitions: BTreeMap<String, (String, TypeDefinition)>,
    ids: HashMap<String, ModelId>,
    enumerations: Vec<Enumeration>,
}

impl Models {
    /// Reads all files.
    pub(crate) fn parse(sources: &ModelFiles<'_>) -> Result<Self, ModelError> {
        let mut reader = Reader { definitions: BTreeMap::new(), ids: HashMap::new(), enumerations: Vec::new() };
        for (file, text) in sources {
            let broken = |error: toml::de::Error| ModelError {
                file: (*file).to_owned(),
                what: error.message().to_owned(),
                at: error.span().map(|span| span.start),
            };
            if *file == ENUMERATIONS {
                let read: BTreeMap<Box<str>, Vec<Box<str>>> = toml::from_str(text).map_err(broken)?;
                reader.enumerations = read.into_iter().map(|(name, values)| Enumeration { name, values }).collect();
            } else {
                let read: BTreeMap<String, TypeDefinition> = toml::from_str(text).map_err(broken)?;
                reader
                    .definitions
                    .extend(read.into_iter().map(|(name, definition)| (name, ((*file).to_owned(), definition))));
            }
        }
        reader.finish()
    }
}

impl Reader {
    fn finish(mut self) -> Result<Models, ModelError> {
        for (place, name) in self.definitions.keys().enumerate() {
            self.ids.insert(name.clone(), place as ModelId);
        }
        let mut models = Vec::with_capacity(self.definitions.len());
        for (name, (file, definition)) in &self.definitions {
            let model = self.model(name, definition).map_err(|what| ModelError {
                file: file.clone(),
                what: format!("{name}: {what}"),
                at: None,
            })?;
            models.push(model);
        }
        let error = self.ids.get("OpenBookingError").copied();
        let by_name = self.ids.into_iter().map(|(name, id)| (name.into_boxed_str(), id)).collect();
        Ok(Models { by_name, all: models, enumerations: self.enumerations, error })
    }

    fn model(&self, name: &str, definition: &TypeDefinition) -> Result<Model, String> {
        let ancestors = definition
            .is
            .iter()
            .map(|parent| self.ids.get(parent).copied().ok_or_else(|| format!("there is no type {parent:?}")))
            .collect::<Result<_, _>>()?;
        let mut properties: Vec<Property> = Vec::new();
        let mut by_name = ByName::default();
        for (property, written) in self.properties(name, 0)? {
            by_name.insert(property.clone().into_boxed_str(), properties.len() as PropertyId);
            let read = self.property(&property, written).map_err(|what| format!("{property}: {what}"))?;
            properties.push(read);
        }
        if properties.len() > MAX_PROPERTIES {
            return Err(format!("has more than {MAX_PROPERTIES} properties"));
        }
        let members = |lists: &[&Vec<Box<str>>]| {
            lists.iter().copied().flatten().fold(0, |members, name| {
                members
                    | match &**name {
                        "@id" => HAS_ID,
                        "@type" => HAS_TYPE,
                        other => by_name.get(other).map_or(HAS_OTHER, |id| 1 << id),
                    }
            })
        };
        let profiles = definition
            .at
            .iter()
            .map(|at| {
                Ok(ModelProfile {
                    stages: kinds_of_messages(&at.stages)?,
                    inside: at.inside.clone(),
                    required: at.required.clone(),
                    one_of: at.one_of.clone(),
                    recommended: at.recommended.clone(),
                    forbidden: at.forbidden.clone(),
                    object: at.object.clone(),
                    masks: MemberMasks {
                        required: members(&[&at.required]),
                        recommended: members(&[&at.recommended]),
                        restricted: members(&[&at.forbidden, &at.object]),
                    },
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Model { name: name.into(), ancestors, by_name, properties, profiles })
    }

    /// Properties of a type as they are written, those of its first parent included.
    fn properties(&self, name: &str, depth: usize) -> Result<BTreeMap<String, &str>, String> {
        const MOST: usize = 8;
        let Some((_, definition)) = self.definitions.get(name) else {
            return Err(format!("there is no type {name:?}"));
        };
        if depth > MOST {
            return Err("is derived from itself".to_owned());
        }
        let mut all = match definition.is.first() {
            Some(parent) => self.properties(parent, depth + 1)?,
            None => BTreeMap::new(),
        };
        for gone in &definition.without {
            if all.remove(gone).is_none() {
                return Err(format!("without {gone:?}, which there is none of"));
            }
        }
        all.extend(definition.properties.iter().map(|(property, written)| (property.clone(), written.as_str())));
        Ok(all)
    }

    fn property(&self, name: &str, written: &str) -> Result<Property, String> {
        let mut parts = written.split(", ");
        let mut property = Property {
            name: name.into(),
            single: ValueShape::default(),
            list: ValueShape::default(),
            reference: false,
            inherits: false,
            described: "".into(),
        };
        let mut described: Vec<String> = Vec::new();
        for kind in parts.next().unwrap_or_default().split(" | ") {
            let (in_list, kind) = match kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(kind) => (true, kind),
                None => (false, kind),
            };
            let words = self.shape(kind, if in_list { &mut property.list } else { &mut property.single })?;
            described.push(if in_list { format!("a list of {}", words.plural) } else { words.singular });
        }
        for flag in parts {
            match flag {
                "reference" => property.reference = true,
                "inherits" => property.inherits = true,
                _ => return Err(format!("{flag:?} means nothing here")),
            }
        }
        if property.reference {
            described.push("its @id".to_owned());
        }
        property.described = match described.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => described.concat(),
        }
        .into();
        Ok(property)
    }

    fn shape(&self, kind: &str, shape: &mut ValueShape) -> Result<NounForms, String> {
        if let Some((_, bit, words)) = formats::NAMES.iter().find(|(name, ..)| *name == kind) {
            shape.scalars |= bit;
            return Ok(NounForms { singular: (*words).to_owned(), plural: format!("what is {words}") });
        }
        if let Some(place) = self.enumerations.iter().position(|enumeration| *enumeration.name == *kind) {
            shape.enumerations.push(place as u16);
            let values = self.enumerations[place].values.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
            return Ok(NounForms { singular: format!("one of {values}"), plural: values });
        }
        let article = if kind.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
        let words = NounForms { singular: format!("{article} {kind}"), plural: format!("{kind} objects") };
        if kind == "Thing" {
            shape.any_object = true;
            return Ok(NounForms { singular: "an object".to_owned(), plural: "objects".to_owned() });
        }
        let id = self.ids.get(kind).ok_or_else(|| format!("there is no type {kind:?}"))?;
        shape.models.push(*id);
        Ok(words)
    }
}

struct NounForms {
    singular: String,
    plural: String,
}

fn kinds_of_messages(names: &[String]) -> Result<MessageKinds, String> {
    if names.iter().any(|name| name == "any") {
        return Ok(MessageKinds::ANY);
    }
    let kind = |name: &String| MessageKind::from_name(name).ok_or_else(|| format!("there is no stage {name:?}"));
    names.iter().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Models::parse(&[("x", text)]).unwrap_err().what
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(error("[A]\nis = [\"B\"]"), "A: there is no type \"B\"");
        assert_eq!(error("[A.properties]\nx = \"Texts\""), "A: x: there is no type \"Texts\"");
        assert_eq!(error("[A.properties]\nx = \"Text, optional\""), "A: x: \"optional\" means nothing here");
        assert_eq!(error("[[A.at]]\nstages = [\"C3 request\"]"), "A: there is no stage \"C3 request\"");
        assert_eq!(error("[A]\nis = [\"A\"]"), "A: is derived from itself");
        assert!(error("[A]\ncolour = 1").contains("colour"));
    }

    #[test]
    fn properties_are_inherited() {
        let text = "[A.properties]\nx = \"Text\"\ny = \"Integer\"\n[B]\nis = [\"A\"]\nwithout = [\"y\"]\n[B.properties]\nz = \"[A] | Text, reference\"";
        let models = Models::parse(&[("x", text)]).unwrap();
        let model = models.model(models.find("B").unwrap()).unwrap();
        assert!(model.property("x").is_some() && model.property("y").is_none());
        assert_eq!(&*model.property("z").unwrap().1.described, "a list of A objects, a text or its @id");
    }
}
