//! The shape of a configuration block as plain constant data: what users may write, what they get, and the prose
//! that becomes the documentation. Nothing here knows a message of the protocol.

mod check;

use std::borrow::Cow;

use crate::tfplugin::diagnostic::{AttributePath, Step};
use crate::tfplugin::validator::Validator;
use crate::tfplugin::value::{Type, Value};

/// The attributes and blocks of one outermost block: the provider's, or that of a data source.
pub struct Schema {
    /// Markdown; the first thing on its page.
    pub description: &'static str,
    /// The attributes, in any order.
    pub attributes: Cow<'static, [Attribute]>,
    /// The blocks inside.
    pub blocks: &'static [Block],
    /// Whether the provider runs the validators itself, as it must where values come from elsewhere as well.
    pub is_validated_by_provider: bool,
}

/// A block inside a block. Results are attributes: blocks are for what users write.
pub struct Block {
    /// The name in the configuration language.
    pub name: &'static str,
    /// How often it may be written.
    pub nesting: Nesting,
    /// Markdown, whole sentences.
    pub description: &'static str,
    /// The attributes, in any order.
    pub attributes: &'static [Attribute],
    /// The blocks inside.
    pub blocks: &'static [Block],
}

/// How often a block may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// At most once: an object, or null.
    Single,
    /// Any number of times, in order.
    List,
    /// Any number of times, in no order.
    Set,
}

/// An argument, a result, or both.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The name in the configuration language.
    pub name: &'static str,
    /// The type of its values.
    pub ty: AttributeType,
    /// Who sets the value.
    pub mode: Mode,
    /// Whether core masks the value in its output. It is plain in the state and on the wire all the same.
    pub sensitive: bool,
    /// Markdown, whole sentences, without what the fields below say.
    pub description: &'static str,
    /// What each of its texts and numbers must be like.
    pub validator: Option<Validator>,
    /// Environment variables that the provider reads for null. The layer only names them in the documentation.
    pub variables: &'static [&'static str],
    /// What getters return for null, as text.
    pub default: Option<&'static str>,
}

/// The type of an attribute's values, as constant data.
#[derive(Clone, Copy, Debug)]
pub enum AttributeType {
    /// Text.
    String,
    /// True or false.
    Bool,
    /// A number of any size and precision.
    Number,
    /// Any type; each value has its own.
    Dynamic,
    /// Values of one type in order.
    List(&'static AttributeType),
    /// Values of one type, each once.
    Set(&'static AttributeType),
    /// Values of one type by key.
    Map(&'static AttributeType),
    /// An object with these members. A member has a name and a type but no description.
    Object(&'static [(&'static str, AttributeType)]),
}

/// Who sets the value: the user, the provider, or the user first and else the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The user must.
    Required,
    /// The user may.
    Optional,
    /// The provider does.
    Computed,
    /// The user may, and otherwise the provider does.
    OptionalComputed,
}

/// Attributes are optional unless a further word says otherwise.
impl Attribute {
    /// An attribute of any type.
    pub const fn new(name: &'static str, ty: AttributeType, description: &'static str) -> Self {
        Self {
            name,
            ty,
            mode: Mode::Optional,
            sensitive: false,
            description,
            validator: None,
            variables: &[],
            default: None,
        }
    }

    /// A text.
    pub const fn string(name: &'static str, description: &'static str) -> Self {
        Self::new(name, AttributeType::String, description)
    }

    /// True or false.
    pub const fn bool(name: &'static str, description: &'static str) -> Self {
        Self::new(name, AttributeType::Bool, description)
    }

    /// A number.
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

    /// The user must set it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.mode = Mode::Required;
        self
    }

    /// The provider sets it.
    #[must_use]
    pub const fn computed(mut self) -> Self {
        self.mode = Mode::Computed;
        self
    }

    /// The user may set it, and otherwise the provider does.
    #[must_use]
    pub const fn optional_computed(mut self) -> Self {
        self.mode = Mode::OptionalComputed;
        self
    }

    /// Core masks its value.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Getters return this for null. It is never written into a value or a state.
    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// The provider reads these environment variables for null.
    #[must_use]
    pub const fn variables(mut self, names: &'static [&'static str]) -> Self {
        self.variables = names;
        self
    }

    /// Each of its texts and numbers must pass this check.
    #[must_use]
    pub const fn validated(mut self, validator: Validator) -> Self {
        self.validator = Some(validator);
        self
    }

    /// The description with validator, variables and default: what hosts and the documentation show.
    pub fn documentation(&self) -> String {
        let mut text = self.description.to_owned();
        if let Some(validator) = self.validator {
            let subject = match self.ty {
                AttributeType::List(_) | AttributeType::Set(_) | AttributeType::Map(_) => "Each value must",
                _ => "Must",
            };
            text += &format!(" {subject} be {}.", validator.expected());
        }
        if !self.variables.is_empty() {
            text += &format!(" Environment: `{}`.", self.variables.join("` or `"));
        }
        if let Some(default) = self.default {
            text += &format!(" Default: `{default}`.");
        }
        text
    }
}

impl AttributeType {
    /// The type constraint.
    pub fn value_type(&self) -> Type {
        match self {
            Self::String => Type::String,
            Self::Bool => Type::Bool,
            Self::Number => Type::Number,
            Self::Dynamic => Type::Dynamic,
            Self::List(ty) => Type::List(Box::new(ty.value_type())),
            Self::Set(ty) => Type::Set(Box::new(ty.value_type())),
            Self::Map(ty) => Type::Map(Box::new(ty.value_type())),
            Self::Object(members) => {
                Type::Object(members.iter().map(|(name, ty)| ((*name).to_owned(), ty.value_type())).collect())
            }
        }
    }
}

impl Block {
    /// A block without blocks inside.
    pub const fn new(
        name: &'static str,
        nesting: Nesting,
        description: &'static str,
        attributes: &'static [Attribute],
    ) -> Self {
        Self { name, nesting, description, attributes, blocks: &[] }
    }

    /// The path of one of these blocks. Core knows those of a set by their values only.
    pub(super) fn item_path(&self, path: AttributePath, index: i64) -> AttributePath {
        if self.nesting == Nesting::List { path.then(Step::Index(index)) } else { path }
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
    /// A schema without blocks.
    pub fn new(description: &'static str, attributes: impl Into<Cow<'static, [Attribute]>>) -> Self {
        let attributes = attributes.into();
        Self { description, attributes, blocks: &[], is_validated_by_provider: false }
    }

    /// The schema with these blocks.
    #[must_use]
    pub fn with_blocks(self, blocks: &'static [Block]) -> Self {
        Self { blocks, ..self }
    }

    /// The schema whose validators [`Self::check`] skips, because the provider runs them.
    #[must_use]
    pub fn validated_by_provider(self) -> Self {
        Self { is_validated_by_provider: true, ..self }
    }

    /// The type of the block's value: an object with exactly these attributes and blocks.
    pub fn value_type(&self) -> Type {
        object_type(&self.attributes, self.blocks)
    }

    /// The value of a block in which nothing is set.
    pub fn null_object(&self) -> Value {
        let attributes = self.attributes.iter().map(|attribute| (attribute.name, Value::Null));
        let blocks = self.blocks.iter().map(|block| match block.nesting {
            Nesting::Single => (block.name, Value::Null),
            Nesting::List | Nesting::Set => (block.name, Value::List(Vec::new())),
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
        config.clone().with(unknown.map(|attribute| (attribute.name, Value::unknown())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::validator::one_of;

    #[test]
    fn results_are_unknown_and_arguments_are_kept() {
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
    fn validator_variables_and_default_are_documented() {
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
