//! The shape of a configuration block as plain constant data: what users may write, what they get, and the prose
//! that becomes the documentation.
//!
//! Nothing here knows a message of the protocol.

use std::borrow::Cow;

use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Diagnostics};
use crate::tfplugin::value::{Refinement, Type, Value};

/// The attributes of one block: the provider's settings, or a data source.
pub struct Schema {
    /// Markdown; the first thing on its page.
    pub description: &'static str,
    pub attributes: Cow<'static, [Attribute]>,
    pub blocks: &'static [Block],
}

/// A block inside a block. What is computed is an attribute instead: blocks are for what users write.
pub struct Block {
    pub name: &'static str,
    pub nesting: Nesting,
    pub description: &'static str,
    pub attributes: &'static [Attribute],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// At most one: an object, or null.
    Single,
    /// Any number, in their order.
    List,
}

#[derive(Clone)]
pub struct Attribute {
    pub name: &'static str,
    pub kind: Kind,
    pub mode: Mode,
    /// Core masks the value in its output. It is plain in the state and on the wire all the same.
    pub sensitive: bool,
    /// Markdown, whole sentences: it stands as documentation.
    pub description: Cow<'static, str>,
}

#[derive(Clone, Copy)]
pub enum Kind {
    String,
    Bool,
    Number,
    MapOfStrings,
    ListOfStrings,
    /// A list of objects with these members. A member has a name and a type but no description.
    ListOfObjects(&'static [(&'static str, Kind)]),
}

/// Who gives the value: the user, the provider, or the user first and else the provider.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Required,
    Optional,
    Computed,
    OptionalComputed,
}

impl Attribute {
    pub const fn new(name: &'static str, kind: Kind, mode: Mode, description: &'static str) -> Self {
        Self { name, kind, mode, sensitive: false, description: Cow::Borrowed(description) }
    }
}

impl Attribute {
    /// Masked in core's output.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.sensitive = true;
        self
    }
}

impl Kind {
    pub fn value_type(self) -> Type {
        match self {
            Self::String => Type::String,
            Self::Bool => Type::Bool,
            Self::Number => Type::Number,
            Self::MapOfStrings => Type::Map(Box::new(Type::String)),
            Self::ListOfStrings => Type::List(Box::new(Type::String)),
            Self::ListOfObjects(members) => {
                let members = members.iter().map(|(name, kind)| ((*name).to_owned(), kind.value_type()));
                Type::List(Box::new(Type::Object(members.collect())))
            }
        }
    }
}

fn object(attributes: &[Attribute]) -> Type {
    Type::Object(attributes.iter().map(|it| (it.name.to_owned(), it.kind.value_type())).collect())
}

impl Block {
    fn value_type(&self) -> Type {
        match self.nesting {
            Nesting::Single => object(self.attributes),
            Nesting::List => Type::List(Box::new(object(self.attributes))),
        }
    }
}

impl Schema {
    /// The type of the block's value: an object with exactly these attributes and blocks.
    pub fn value_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|it| (it.name.to_owned(), it.kind.value_type()));
        let blocks = self.blocks.iter().map(|block| (block.name.to_owned(), block.value_type()));
        Type::Object(attributes.chain(blocks).collect())
    }

    /// The block in which nothing is set.
    pub fn blank(&self) -> Value {
        let attributes = self.attributes.iter().map(|attribute| (attribute.name, Value::Null));
        let blocks = self.blocks.iter().map(|block| match block.nesting {
            Nesting::Single => (block.name, Value::Null),
            Nesting::List => (block.name, Value::List(Vec::new())),
        });
        Value::object(attributes.chain(blocks))
    }

    /// The configuration with an unknown value for each attribute that the provider would fill in.
    pub fn with_unknown_results(&self, config: &Value) -> Value {
        let unknown = |attribute: &Attribute| {
            let result = matches!(attribute.mode, Mode::Computed | Mode::OptionalComputed);
            result && matches!(config.attribute(attribute.name), None | Some(Value::Null))
        };
        let unknown = self.attributes.iter().filter(|attribute| unknown(attribute));
        config.clone().with(unknown.map(|it| (it.name, Value::Unknown(Refinement::default()))))
    }

    /// What core leaves to the provider: a required attribute that is explicitly null, a computed one that is set.
    pub fn check(&self, config: &Value) -> Diagnostics {
        let faults = self.attributes.iter().filter_map(|attribute| {
            let null = matches!(config.attribute(attribute.name), None | Some(Value::Null));
            let (summary, detail) = match attribute.mode {
                Mode::Required if null => (
                    "Missing Required Attribute",
                    format!(
                        "The attribute {} must have a value, but it is null. Set it to a value, or remove the block.",
                        attribute.name
                    ),
                ),
                Mode::Computed if !null => (
                    "Read-Only Attribute Set",
                    format!(
                        "The attribute {} is filled in by the provider and cannot be set. Remove it from the block.",
                        attribute.name
                    ),
                ),
                _ => return None,
            };
            Some(Diagnostic::error(summary, detail).at(AttributePath::attribute(attribute.name)))
        });
        faults.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_unknown_and_arguments_are_kept() {
        const ATTRIBUTES: &[Attribute] = &[
            Attribute::new("name", Kind::String, Mode::Required, ""),
            Attribute::new("filter", Kind::String, Mode::Optional, ""),
            Attribute::new("region", Kind::String, Mode::OptionalComputed, ""),
            Attribute::new("zone", Kind::String, Mode::OptionalComputed, ""),
            Attribute::new("found", Kind::ListOfStrings, Mode::Computed, ""),
        ];
        let schema = Schema { description: "", attributes: ATTRIBUTES.into(), blocks: &[] };
        let config = schema.blank().with([("name", "a".into()), ("zone", "b".into())]);
        let unknown = || Value::Unknown(Refinement::default());
        let expected = config.clone().with([("region", unknown()), ("found", unknown())]);
        assert!(schema.with_unknown_results(&config) == expected);
    }
}
