//! Types and properties of the data models, by name.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::message_kind::{MessageKind, MessageKinds};

/// What can be wrong with a node, in the eyes of the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum DeviationKind {
    /// `null`, `""` or `[]`.
    Empty,
    /// A string of nothing but white space.
    Blank,
    /// An `@id`, or a reference, that is no absolute URI.
    Id,
    /// A value of another JSON type than the property takes.
    Type,
    /// One value where the property takes a list.
    List,
    /// An object of another type than the property takes.
    Class,
    /// A text that is no URL, number or time of day, where the property takes that.
    Format,
    /// A text that is no date, date-time with offset or duration, where the property takes that.
    Date,
    /// A date where a date-time is better.
    DateOnly,
    /// No currency of ISO 4217.
    Currency,
    /// No country of ISO 3166-1.
    Country,
    /// No value of the enumeration.
    Enum,
    /// A property that the type doesn't have.
    Unknown,
    /// A required property isn't there.
    Missing,
    /// None of several properties is there.
    NoneOf,
    /// A recommended property isn't there.
    Recommended,
    /// A property is there that must not be.
    Forbidden,
    /// An `@id` alone where the object must stand.
    Object,
    /// An object without `@type`, more than an `@id`, where the property takes objects of certain types.
    Untyped,
    /// An `@type` that neither the models have nor another vocabulary.
    UnknownType,
}

impl DeviationKind {
    /// True where a value is there that is wrong in itself, so that nobody can be held to repeat it.
    pub(crate) fn spoils_value(self) -> bool {
        !matches!(self, Self::Missing | Self::NoneOf | Self::Recommended | Self::Forbidden | Self::Untyped)
    }

    const NAMES: [(&str, Self); 20] = [
        ("empty", Self::Empty),
        ("blank", Self::Blank),
        ("id", Self::Id),
        ("type", Self::Type),
        ("list", Self::List),
        ("class", Self::Class),
        ("format", Self::Format),
        ("date", Self::Date),
        ("date-only", Self::DateOnly),
        ("currency", Self::Currency),
        ("country", Self::Country),
        ("enum", Self::Enum),
        ("unknown", Self::Unknown),
        ("missing", Self::Missing),
        ("none-of", Self::NoneOf),
        ("recommended", Self::Recommended),
        ("forbidden", Self::Forbidden),
        ("object", Self::Object),
        ("untyped", Self::Untyped),
        ("unknown-type", Self::UnknownType),
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
    }

    /// The kind as a bit of a [`DeviationKinds`].
    pub(super) const fn bit(self) -> DeviationKinds {
        1 << self as u32
    }
}

/// A set of [`DeviationKind`].
pub(crate) type DeviationKinds = u32;

/// A type of the models, by its place in [`Models`].
pub(crate) type ModelId = u16;

/// A property of a type, by its place in [`Model::properties`]. [`NO_PROPERTY`] for one that the type doesn't have.
pub(crate) type PropertyId = u16;

/// Stands for a property that the type doesn't have.
pub(crate) const NO_PROPERTY: PropertyId = PropertyId::MAX;

/// Stands for an object of an unknown type.
pub(crate) const NO_MODEL: ModelId = ModelId::MAX;

/// A table by name. The names in it are those of our own files, so that no hash against hostile names is needed.
pub(super) type ByName<T> = HashMap<Box<str>, T, BuildHasherDefault<NameHasher>>;

/// Mixes length, first and last eight bytes of a name, which tell nearly all names of the models apart.
#[derive(Debug, Default, Clone)]
pub(super) struct NameHasher(pub(super) u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        };
        let mixed = (first ^ last.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// What `str` adds behind its bytes.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// All types.
#[derive(Debug, Default, Clone)]
pub(crate) struct Models {
    pub(super) by_name: ByName<ModelId>,
    pub(super) all: Vec<Model>,
    pub(super) enumerations: Vec<Enumeration>,
    pub(super) error: Option<ModelId>,
}

/// One type.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) name: Box<str>,
    pub(super) ancestors: Vec<ModelId>,
    pub(super) by_name: ByName<PropertyId>,
    pub(super) properties: Vec<Property>,
    pub(super) profiles: Vec<ModelProfile>,
}

/// One property of a type.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) name: Box<str>,
    /// What may stand alone.
    pub(super) single: ValueShape,
    /// What may stand in a list.
    pub(super) list: ValueShape,
    pub(super) reference: bool,
    pub(super) inherits: bool,
    /// For people.
    pub(super) described: Box<str>,
}

/// What a value may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ValueShape {
    /// Bits of [`formats::Scalar`].
    pub(super) scalars: u16,
    pub(super) enumerations: Vec<u16>,
    pub(super) models: Vec<ModelId>,
    pub(super) any_object: bool,
}

impl ValueShape {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn takes_objects(&self) -> bool {
        self.any_object || !self.models.is_empty()
    }
}

/// What holds of a type at some stages. Properties by name, since `@id` and `@type` are among them.
#[derive(Debug, Clone)]
pub(super) struct ModelProfile {
    pub(super) stages: MessageKinds,
    pub(super) inside: Vec<Box<str>>,
    pub(super) required: Vec<Box<str>>,
    pub(super) one_of: Vec<Vec<Box<str>>>,
    pub(super) recommended: Vec<Box<str>>,
    pub(super) forbidden: Vec<Box<str>>,
    pub(super) object: Vec<Box<str>>,
    /// `required`, `recommended`, and all that must not be there or not as it is, as sets.
    pub(super) masks: MemberMasks,
}

/// A set of an object's members: a bit for each property of its type, by id, and these.
pub(super) type Members = u128;

pub(super) const HAS_ID: Members = 1 << 125;
pub(super) const HAS_TYPE: Members = 1 << 126;
/// Some member that the type doesn't have.
pub(super) const HAS_OTHER: Members = 1 << 127;

/// Most properties of a type, so that each has a bit in [`Members`].
pub(super) const MAX_PROPERTIES: usize = 125;

/// What a profile asks, in a form that tells at once whether an object deviates at all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MemberMasks {
    pub(super) required: Members,
    pub(super) recommended: Members,
    pub(super) restricted: Members,
}

#[derive(Debug, Clone)]
pub(super) struct Enumeration {
    pub(super) name: Box<str>,
    pub(super) values: Vec<Box<str>>,
}

impl Models {
    /// The type with a name; every `…Error` is an `OpenBookingError`.
    pub(super) fn find(&self, name: &str) -> Option<ModelId> {
        let known = self.by_name.get(name).copied();
        known.or_else(|| self.error.filter(|_| name.ends_with("Error")))
    }

    pub(super) fn model(&self, id: ModelId) -> Option<&Model> {
        self.all.get(usize::from(id))
    }

    /// True if one of the two is the other, or derived from it.
    pub(super) fn related(&self, a: ModelId, b: ModelId) -> bool {
        self.is_a(a, b) || self.is_a(b, a)
    }

    pub(super) fn is_a(&self, id: ModelId, ancestor: ModelId) -> bool {
        id == ancestor || self.model(id).is_some_and(|model| model.ancestors.contains(&ancestor))
    }
}

impl Model {
    pub(super) fn property(&self, name: &str) -> Option<(PropertyId, &Property)> {
        let id = *self.by_name.get(name)?;
        Some((id, &self.properties[usize::from(id)]))
    }

    /// What holds in a kind of message, for an object that is the value of property `holder`.
    pub(super) fn profile(&self, kind: MessageKind, holder: &str) -> Option<(u16, &ModelProfile)> {
        let at_stage = || (0..).zip(&self.profiles).filter(|(_, profile)| profile.stages.contains(kind));
        at_stage()
            .find(|(_, profile)| profile.inside.iter().any(|name| **name == *holder))
            .or_else(|| at_stage().find(|(_, profile)| profile.inside.is_empty()))
    }
}
