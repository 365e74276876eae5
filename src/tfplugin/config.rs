//! Typed access to the values of a block.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tfplugin::diagnostic::{self, AttributePath, Diagnostic};
use crate::tfplugin::schema::{Attribute, Block, Nesting, Schema};
use crate::tfplugin::validator::{DURATION, parse_duration};
use crate::tfplugin::value::{ConfigValue, Number, Value};

/// The configuration of a block, with its schema and its path.
pub struct Config<'a> {
    value: &'a Value,
    attributes: &'a [Attribute],
    blocks: &'a [Block],
    path: AttributePath,
}

impl<'a> Config<'a> {
    /// The configuration of a provider, a data source or an ephemeral resource.
    pub fn new(schema: &'a Schema, value: &'a Value) -> Self {
        Self { value, attributes: &schema.attributes, blocks: schema.blocks, path: AttributePath::default() }
    }

    /// The value of the whole block, without defaults.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// The path of an attribute or nested block.
    pub fn path(&self, name: &str) -> AttributePath {
        self.path.at_name(name)
    }

    /// The paths of the attributes and nested blocks that contain an unknown value.
    pub fn unknown_paths(&self) -> Vec<AttributePath> {
        let Value::Map(entries) = self.value else { return Vec::new() };
        let unknown = entries.iter().filter(|(_, value)| !value.is_wholly_known());
        unknown.map(|(name, _)| self.path(name)).collect()
    }

    /// The state of a data source: the configuration with these results.
    pub fn state<'b>(&self, results: impl IntoIterator<Item = (&'b str, Value)>) -> Value {
        self.value.clone().with(results)
    }

    /// The value of an attribute. If it is null, the default in the schema is returned.
    pub fn get<T: FromValue<'a>>(&self, name: &str) -> Result<ConfigValue<T>, Diagnostic> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        let attribute = found.ok_or_else(|| self.undeclared(name))?;
        let value = self.value.attribute(name).unwrap_or(&Value::Null);
        let converted = match (value, attribute.default) {
            (Value::Null, None) => return Ok(ConfigValue::Null),
            (Value::Null, Some(default)) => T::from_string(default),
            _ if !value.is_wholly_known() => return Ok(ConfigValue::Unknown),
            _ => T::from_value(value),
        };
        converted
            .map(ConfigValue::Known)
            .ok_or_else(|| attribute.invalid(&self.path(name), value, T::EXPECTED))
    }

    /// The value of a required attribute. Fails if it is null or unknown.
    pub fn required<T: FromValue<'a>>(&self, name: &str) -> Result<T, Diagnostic> {
        let path = self.path(name);
        self.optional(name)?.ok_or_else(|| Attribute::missing(&path))
    }

    /// The value of an optional attribute, `None` if it is null. Fails if it is unknown.
    pub fn optional<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>, Diagnostic> {
        match self.get(name)? {
            ConfigValue::Known(value) => Ok(Some(value)),
            ConfigValue::Null => Ok(None),
            ConfigValue::Unknown => Err(unknown_value(self.path(name))),
        }
    }

    /// The configuration of a nested block with the nesting mode [`Nesting::Single`].
    pub fn block(&self, name: &str) -> Result<ConfigValue<Self>, Diagnostic> {
        let block = self.find_block(name, |nesting| nesting == Nesting::Single)?;
        Ok(match self.value.attribute(name) {
            None | Some(Value::Null) => ConfigValue::Null,
            Some(Value::Unknown(_)) => ConfigValue::Unknown,
            Some(value) => ConfigValue::Known(self.nested(block, value, self.path(name))),
        })
    }

    /// The configurations of the nested blocks with this name.
    pub fn blocks(&self, name: &str) -> Result<ConfigValue<Vec<Self>>, Diagnostic> {
        let block = self.find_block(name, |nesting| nesting != Nesting::Single)?;
        let elements = match self.value.attribute(name) {
            Some(Value::List(elements)) => elements.as_slice(),
            Some(Value::Unknown(_)) => return Ok(ConfigValue::Unknown),
            _ => &[],
        };
        let configs = elements
            .iter()
            .zip(0..)
            .map(|(value, index)| self.nested(block, value, block.element_path(&self.path(name), index)));
        Ok(ConfigValue::Known(configs.collect()))
    }

    fn find_block(&self, name: &str, has_mode: fn(Nesting) -> bool) -> Result<&'a Block, Diagnostic> {
        let found = self.blocks.iter().find(|block| block.name == name && has_mode(block.nesting));
        found.ok_or_else(|| self.undeclared(name))
    }

    fn nested(&self, block: &'a Block, value: &'a Value, path: AttributePath) -> Self {
        Self { value, attributes: block.attributes, blocks: block.blocks, path }
    }

    fn undeclared(&self, name: &str) -> Diagnostic {
        let detail = format!(
            "The provider requested {}, but its schema has no such attribute or block. Report this to the developers of \
             the provider.",
            self.path(name)
        );
        diagnostic::PROVIDER_BUG.error(detail)
    }
}

fn unknown_value(path: AttributePath) -> Diagnostic {
    let detail = format!(
        "The value of {path} is not known before apply. First create the resource that it depends on, for example with \
         -target, or set it to a known value."
    );
    diagnostic::VALUE_NOT_KNOWN_YET.error(detail).at(path)
}

/// A Rust type that a value can be converted to.
pub trait FromValue<'a>: Sized {
    /// The expected value, as a phrase after "must be".
    const EXPECTED: &'static str;

    /// Converts a value that is wholly known and not null.
    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::String(string) = value { Self::from_string(string) } else { None }
    }

    /// Converts a string value or the default of an attribute.
    fn from_string(_string: &'a str) -> Option<Self> {
        None
    }
}

impl<'a> FromValue<'a> for &'a Value {
    const EXPECTED: &'static str = "a value";

    fn from_value(value: &'a Value) -> Option<Self> {
        Some(value)
    }
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";

    fn from_string(string: &'a str) -> Option<Self> {
        Some(string)
    }
}

impl FromValue<'_> for String {
    const EXPECTED: &'static str = <&str as FromValue<'_>>::EXPECTED;

    fn from_string(string: &str) -> Option<Self> {
        Some(string.to_owned())
    }
}

impl FromValue<'_> for Duration {
    const EXPECTED: &'static str = DURATION;

    fn from_string(string: &str) -> Option<Self> {
        parse_duration(string)
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bool(value) = value { Some(*value) } else { None }
    }

    fn from_string(string: &str) -> Option<Self> {
        string.parse().ok()
    }
}

impl FromValue<'_> for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Number(Number::Signed(number)) = value { Some(*number) } else { None }
    }

    fn from_string(string: &str) -> Option<Self> {
        string.parse().ok()
    }
}

impl FromValue<'_> for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Number(_) = value { value.scalar().known()?.parse().ok() } else { None }
    }

    fn from_string(string: &str) -> Option<Self> {
        string.parse().ok()
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Vec<T> {
    const EXPECTED: &'static str = "a list without null elements";

    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::List(elements) = value { elements.iter().map(T::from_value).collect() } else { None }
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for BTreeMap<&'a str, T> {
    const EXPECTED: &'static str = "a map without null elements";

    fn from_value(value: &'a Value) -> Option<Self> {
        let Value::Map(entries) = value else { return None };
        entries.iter().map(|(key, value)| Some((key.as_str(), T::from_value(value)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::schema::AttributeType;

    const BLOCK_ATTRIBUTES: &[Attribute] = &[Attribute::number("count", "").required()];
    const BLOCKS: &[Block] = &[
        Block::new("single", Nesting::Single, "", BLOCK_ATTRIBUTES),
        Block::new("list", Nesting::List, "", BLOCK_ATTRIBUTES),
    ];

    fn schema() -> Schema {
        let attributes = vec![
            Attribute::string("string", ""),
            Attribute::string("timeout", "").default("5m"),
            Attribute::bool("flag", "").default("true"),
            Attribute::list("strings", &AttributeType::String, ""),
            Attribute::map("entries", &AttributeType::Number, ""),
        ];
        Schema::new("", attributes).with_blocks(BLOCKS)
    }

    #[test]
    fn null_unknown_and_known_values_are_distinguished() {
        let (schema, unknown) = (schema(), Value::unknown());
        let strings = Value::List(vec!["a".into(), unknown.clone()]);
        let value = schema.null_object().with([("string", "x".into()), ("strings", strings)]);
        let config = Config::new(&schema, &value);
        assert_eq!(config.get("string"), Ok(ConfigValue::Known("x")));
        assert_eq!(config.get::<Vec<&str>>("strings"), Ok(ConfigValue::Unknown));
        assert_eq!(config.get::<BTreeMap<&str, i64>>("entries"), Ok(ConfigValue::Null));
        assert_eq!(config.optional::<Vec<&str>>("strings").unwrap_err().summary, "Value Not Known Yet");
        let missing = config.required::<BTreeMap<&str, f64>>("entries").unwrap_err();
        assert_eq!(missing.summary, "Missing Required Attribute");
    }

    #[test]
    fn default_is_returned_for_null_but_not_in_the_state() {
        let schema = schema();
        let value = schema.null_object();
        let config = Config::new(&schema, &value);
        assert_eq!(config.required("timeout"), Ok(Duration::from_secs(300)));
        assert_eq!(config.required("flag"), Ok(true));
        assert_eq!(config.state([]), value);
    }

    #[test]
    fn invalid_value_is_an_error_at_its_path() {
        let schema = schema();
        let counts = [1.into(), Value::Number(Number::Float(0.5))];
        let elements = counts.map(|count| Value::object([("count", count)]));
        let value =
            schema.null_object().with([("timeout", "soon".into()), ("list", Value::List(elements.into()))]);
        let config = Config::new(&schema, &value);
        let Diagnostic { path, detail, .. } = config.get::<Duration>("timeout").unwrap_err();
        assert_eq!(path, Some(AttributePath::attribute("timeout")));
        assert!(detail.contains("\"soon\"") && detail.contains(DURATION), "{detail}");
        assert_eq!(config.block("single").unwrap().known().map(|_| ()), None);
        let blocks = config.blocks("list").unwrap().known().unwrap();
        assert_eq!(blocks[0].required("count"), Ok(1));
        let error = blocks[1].required::<i64>("count").unwrap_err();
        assert_eq!(error.path.unwrap().to_string(), "list[1].count");
        assert_eq!(config.get::<bool>("other").unwrap_err().summary, "Provider Bug");
    }
}
