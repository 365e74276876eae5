//! Schemas of blocks as constant data: attributes, nested blocks and their documentation.

mod check;

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::validator::Validator;
use crate::tfplugin::value::{Type, Value};

/// The schema of a provider, a data source or an ephemeral resource.
pub struct Schema {
    /// The description in Markdown. It is the first paragraph of the documentation page.
    pub description: &'static str,
    /// The attributes, in any order.
    pub attributes: Cow<'static, [Attribute]>,
    /// The nested blocks.
    pub blocks: &'static [Block],
    /// Whether the provider runs the validators. Required if values may also come from environment variables or files.
    pub is_validated_by_provider: bool,
    value_type: OnceLock<Type>,
}

/// A nested block. It contains arguments only: the provider returns results in attributes.
pub struct Block {
    /// The name in the configuration language.
    pub name: &'static str,
    /// The nesting mode.
    pub nesting: Nesting,
    /// The description in Markdown, as whole sentences.
    pub description: &'static str,
    /// The attributes, in any order.
    pub attributes: &'static [Attribute],
    /// The nested blocks.
    pub blocks: &'static [Block],
}

/// The nesting mode of a block: how many times it may appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// At most one block. The value is an object or null.
    Single,
    /// Any number of blocks. The value is a list of objects.
    List,
    /// Any number of blocks without order. The value is a set of objects.
    Set,
}

/// An attribute: an argument, a result, or both.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The name in the configuration language.
    pub name: &'static str,
    /// The type of the value.
    pub ty: AttributeType,
    /// Whether the user or the provider sets the value.
    pub behavior: Behavior,
    /// Whether Terraform redacts the value in its output. The state contains it in plain text.
    pub sensitive: bool,
    /// The description in Markdown, as whole sentences. [`Self::documentation`] also contains the fields below.
    pub description: &'static str,
    /// The validator for the value, or for each string and number in a collection.
    pub validator: Option<Validator>,
    /// The environment variables that the provider reads if the value is null. Only the documentation uses them.
    pub variables: &'static [&'static str],
    /// The value that [`Config`](crate::tfplugin::config::Config) returns for null, as a string.
    pub default: Option<&'static str>,
}

/// The type of an attribute as constant data.
#[derive(Clone, Copy, Debug)]
pub enum AttributeType {
    /// A string.
    String,
    /// A boolean.
    Bool,
    /// A number of any size and precision.
    Number,
    /// Any type. Each value contains its type.
    Dynamic,
    /// A list of values of one type.
    List(&'static AttributeType),
    /// A set of values of one type.
    Set(&'static AttributeType),
    /// A map of values of one type.
    Map(&'static AttributeType),
    /// An object with these attributes. They have a name and a type, but no description.
    Object(&'static [(&'static str, AttributeType)]),
}

/// Whether the user or the provider sets the value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// The user must set the value.
    Required,
    /// The user may set the value.
    Optional,
    /// The provider sets the value.
    Computed,
    /// The user may set the value. Otherwise, the provider sets it.
    OptionalComputed,
}

/// A new attribute is optional.
impl Attribute {
    /// An attribute of any type.
    pub const fn new(name: &'static str, ty: AttributeType, description: &'static str) -> Self {
        Self {
            name,
            ty,
            behavior: Behavior::Optional,
            sensitive: false,
            description,
            validator: None,
            variables: &[],
            default: None,
        }
    }

    /// A string attribute.
    pub const fn string(name: &'static str, description: &'static str) -> Self {
        Self::new(name, AttributeType::String, description)
    }

    /// A boolean attribute.
    pub const fn bool(name: &'static str, description: &'static str) -> Self {
        Self::new(name, AttributeType::Bool, description)
    }

    /// A number attribute.
    pub const fn number(name: &'static str, description: &'static str) -> Self {
        Self::new(name, AttributeType::Number, description)
    }

    /// A list with elements of one type.
    pub const fn list(name: &'static str, ty: &'static AttributeType, description: &'static str) -> Self {
        Self::new(name, AttributeType::List(ty), description)
    }

    /// A map with elements of one type.
    pub const fn map(name: &'static str, ty: &'static AttributeType, description: &'static str) -> Self {
        Self::new(name, AttributeType::Map(ty), description)
    }

    /// The user must set the value.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.behavior = Behavior::Required;
        self
    }

    /// The provider sets the value.
    #[must_use]
    pub const fn computed(mut self) -> Self {
        self.behavior = Behavior::Computed;
        self
    }

    /// The user may set the value. Otherwise, the provider sets it.
    #[must_use]
    pub const fn optional_computed(mut self) -> Self {
        self.behavior = Behavior::OptionalComputed;
        self
    }

    /// Terraform redacts the value in its output.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// The value that `Config` returns for null. It is never part of a plan or a state.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// The environment variables that the provider reads if the value is null.
    #[must_use]
    pub const fn variables(mut self, names: &'static [&'static str]) -> Self {
        self.variables = names;
        self
    }

    /// The validator for the value, or for each string and number in a collection.
    #[must_use]
    pub const fn validated(mut self, validator: Validator) -> Self {
        self.validator = Some(validator);
        self
    }

    /// The full description, with validator, environment variables and default, in Markdown.
    pub fn documentation(&self) -> String {
        let mut documentation = self.description.to_owned();
        if let Some(validator) = self.validator {
            let subject = match self.ty {
                AttributeType::List(_) | AttributeType::Set(_) | AttributeType::Map(_) => "Each value must",
                _ => "Must",
            };
            documentation.extend([" ", subject, " be ", &validator.expected(), "."]);
        }
        if !self.variables.is_empty() {
            documentation.extend([" Environment: `", &self.variables.join("` or `"), "`."]);
        }
        if let Some(default) = self.default {
            documentation.extend([" Default: `", default, "`."]);
        }
        documentation
    }
}

impl AttributeType {
    /// The type as a type constraint of the configuration language.
    pub fn value_type(&self) -> Type {
        match self {
            Self::String => Type::String,
            Self::Bool => Type::Bool,
            Self::Number => Type::Number,
            Self::Dynamic => Type::Dynamic,
            Self::List(ty) => Type::List(Box::new(ty.value_type())),
            Self::Set(ty) => Type::Set(Box::new(ty.value_type())),
            Self::Map(ty) => Type::Map(Box::new(ty.value_type())),
            Self::Object(attributes) => Type::Object(
                attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.value_type())).collect(),
            ),
        }
    }
}

impl Block {
    /// A block without nested blocks.
    pub const fn new(
        name: &'static str,
        nesting: Nesting,
        description: &'static str,
        attributes: &'static [Attribute],
    ) -> Self {
        Self { name, nesting, description, attributes, blocks: &[] }
    }

    /// The path of one of these blocks. The protocol has no path for a block in a set.
    pub(super) fn element_path(&self, path: &AttributePath, index: i64) -> AttributePath {
        if self.nesting == Nesting::List { path.at_list_index(index) } else { path.clone() }
    }

    fn value_type(&self) -> Type {
        let object = object_type(self.attributes, self.blocks);
        match self.nesting {
            Nesting::Single => object,
            Nesting::List => Type::List(Box::new(object)),
            Nesting::Set => Type::Set(Box::new(object)),
        }
    }
}

fn object_type(attributes: &[Attribute], blocks: &[Block]) -> Type {
    let attributes =
        attributes.iter().map(|attribute| (attribute.name.to_owned(), attribute.ty.value_type()));
    let blocks = blocks.iter().map(|block| (block.name.to_owned(), block.value_type()));
    Type::Object(attributes.chain(blocks).collect())
}

impl Schema {
    /// A schema without nested blocks.
    pub fn new(description: &'static str, attributes: impl Into<Cow<'static, [Attribute]>>) -> Self {
        let attributes = attributes.into();
        let (blocks, value_type) = (&[][..], OnceLock::new());
        Self { description, attributes, blocks, is_validated_by_provider: false, value_type }
    }

    /// The schema with these nested blocks.
    #[must_use]
    pub fn with_blocks(self, blocks: &'static [Block]) -> Self {
        Self { blocks, value_type: OnceLock::new(), ..self }
    }

    /// The schema with validators that the provider runs. [`Self::check`] skips them.
    #[must_use]
    pub fn validated_by_provider(self) -> Self {
        Self { is_validated_by_provider: true, ..self }
    }

    /// The type of the block: an object with these attributes and nested blocks.
    pub fn value_type(&self) -> &Type {
        self.value_type.get_or_init(|| object_type(&self.attributes, self.blocks))
    }

    /// The value of a block without any argument.
    pub fn null_object(&self) -> Value {
        let attributes = self.attributes.iter().map(|attribute| (attribute.name, Value::Null));
        let blocks = self.blocks.iter().map(|block| match block.nesting {
            Nesting::Single => (block.name, Value::Null),
            Nesting::List | Nesting::Set => (block.name, Value::List(Vec::new())),
        });
        Value::object(attributes.chain(blocks))
    }

    /// The configuration with an unknown value for each attribute that the provider sets.
    pub fn with_unknown_results(&self, config: &Value) -> Value {
        let is_unknown = |attribute: &Attribute| {
            let is_computed = matches!(attribute.behavior, Behavior::Computed | Behavior::OptionalComputed);
            is_computed && matches!(config.attribute(attribute.name), None | Some(Value::Null))
        };
        let unknown = self.attributes.iter().filter(|attribute| is_unknown(attribute));
        config.clone().with(unknown.map(|attribute| (attribute.name, Value::unknown())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::validator::one_of;

    #[test]
    fn computed_attributes_become_unknown_and_arguments_stay() {
        let attributes = vec![
            Attribute::string("name", "").required(),
            Attribute::string("filter", ""),
            Attribute::string("region", "").optional_computed(),
            Attribute::string("zone", "").optional_computed(),
            Attribute::list("found", &AttributeType::String, "").computed(),
        ];
        let schema = Schema::new("", attributes);
        let config = schema.null_object().with([("name", "a".into()), ("zone", "b".into())]);
        let expected = config.clone().with([("region", Value::unknown()), ("found", Value::unknown())]);
        assert!(schema.with_unknown_results(&config) == expected);
    }

    #[test]
    fn documentation_contains_validator_variables_and_default() {
        let plain = Attribute::string("colour", "The colour.");
        assert_eq!(plain.documentation(), "The colour.");
        let full = plain.validated(one_of(&["red", "blue"])).variables(&["A", "B"]).default("red");
        let expected =
            "The colour. Must be one of \"red\" or \"blue\". Environment: `A` or `B`. Default: `red`.";
        assert_eq!(full.documentation(), expected);
        let list =
            Attribute::list("colours", &AttributeType::String, "The colours.").validated(one_of(&["red"]));
        assert_eq!(list.documentation(), "The colours. Each value must be \"red\".");
    }
}
