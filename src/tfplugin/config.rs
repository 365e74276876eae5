//! The values of one block, by name and in Rust's types.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tfplugin::diagnostic::{self, AttributePath, Diagnostic};
use crate::tfplugin::schema::{Attribute, Block, Nesting, Schema};
use crate::tfplugin::validator::{DURATION, parse_duration};
use crate::tfplugin::value::{Field, Number, Value};

/// The configuration of a block, with its schema and path.
pub struct Config<'a> {
    value: &'a Value,
    attributes: &'a [Attribute],
    blocks: &'a [Block],
    path: AttributePath,
}

impl<'a> Config<'a> {
    /// The configuration of an outermost block.
    pub fn new(schema: &'a Schema, value: &'a Value) -> Self {
        Self { value, attributes: &schema.attributes, blocks: schema.blocks, path: AttributePath::default() }
    }

    /// The whole block as it was written.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Where an attribute or block of this block is.
    pub fn path(&self, name: &str) -> AttributePath {
        self.path.member(name)
    }

    /// The attributes and blocks of this block that are not wholly known.
    pub fn unknown(&self) -> Vec<AttributePath> {
        let Value::Map(members) = self.value else { return Vec::new() };
        let unknown = members.iter().filter(|(_, value)| !value.is_wholly_known());
        unknown.map(|(name, _)| self.path(name)).collect()
    }

    /// The state: the block as it was written, with these results.
    pub fn state<'b>(&self, results: impl IntoIterator<Item = (&'b str, Value)>) -> Value {
        self.value.clone().with(results)
    }

    /// An attribute's value. A null one has the default of the schema, if that has one.
    pub fn get<T: FromValue<'a>>(&self, name: &str) -> Result<Field<T>, Diagnostic> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        let attribute = found.ok_or_else(|| self.no_such(name))?;
        let value = self.value.attribute(name).unwrap_or(&Value::Null);
        let fit = match (value, attribute.default) {
            (Value::Null, None) => return Ok(Field::Null),
            (Value::Null, Some(default)) => T::from_text(default),
            _ if !value.is_wholly_known() => return Ok(Field::Unknown),
            _ => T::from_value(value),
        };
        fit.map(Field::Known).ok_or_else(|| attribute.invalid(&self.path(name), value, T::EXPECTED))
    }

    /// The value of an attribute that must have one.
    pub fn required<T: FromValue<'a>>(&self, name: &str) -> Result<T, Diagnostic> {
        let path = self.path(name);
        self.optional(name)?.ok_or_else(|| Attribute::missing(&path))
    }

    /// The value of an attribute that must be known, or None for null.
    pub fn optional<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>, Diagnostic> {
        match self.get(name)? {
            Field::Known(value) => Ok(Some(value)),
            Field::Null => Ok(None),
            Field::Unknown => Err(unknown(self.path(name))),
        }
    }

    /// The configuration of a single block inside this one.
    pub fn block(&self, name: &str) -> Result<Field<Self>, Diagnostic> {
        let block = self.declared(name, |nesting| nesting == Nesting::Single)?;
        Ok(match self.value.attribute(name) {
            None | Some(Value::Null) => Field::Null,
            Some(Value::Unknown(_)) => Field::Unknown,
            Some(value) => Field::Known(self.inside(block, value, self.path(name))),
        })
    }

    /// The configurations of blocks of one name inside this one.
    pub fn blocks(&self, name: &str) -> Result<Field<Vec<Self>>, Diagnostic> {
        let block = self.declared(name, |nesting| nesting != Nesting::Single)?;
        let items = match self.value.attribute(name) {
            Some(Value::List(items)) => items.as_slice(),
            Some(Value::Unknown(_)) => return Ok(Field::Unknown),
            _ => &[],
        };
        let inside = items
            .iter()
            .zip(0..)
            .map(|(value, index)| self.inside(block, value, block.item_path(self.path(name), index)));
        Ok(Field::Known(inside.collect()))
    }

    fn declared(&self, name: &str, fits: fn(Nesting) -> bool) -> Result<&'a Block, Diagnostic> {
        let found = self.blocks.iter().find(|block| block.name == name && fits(block.nesting));
        found.ok_or_else(|| self.no_such(name))
    }

    fn inside(&self, block: &'a Block, value: &'a Value, path: AttributePath) -> Self {
        Self { value, attributes: block.attributes, blocks: block.blocks, path }
    }

    fn no_such(&self, name: &str) -> Diagnostic {
        let detail = format!(
            "The provider requested {}, but its schema has no such attribute or block. Report this to the developers of \
             the provider.",
            self.path(name)
        );
        diagnostic::PROVIDER_BUG.error(detail)
    }
}

fn unknown(path: AttributePath) -> Diagnostic {
    let detail = format!(
        "The value of {path} is not known before apply. Create what it depends on first, for example with -target, or \
         set it to a known value."
    );
    diagnostic::VALUE_NOT_KNOWN_YET.error(detail).at(path)
}

/// A type that a value of a configuration can be read as.
pub trait FromValue<'a>: Sized {
    /// What is expected, in words that complete "must be".
    const EXPECTED: &'static str;

    /// Reads a value that is wholly known and not null.
    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::String(text) = value { Self::from_text(text) } else { None }
    }

    /// Reads the text of a string, or the default of an attribute.
    fn from_text(_text: &'a str) -> Option<Self> {
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
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &'a str) -> Option<Self> {
        Some(text)
    }
}

impl FromValue<'_> for String {
    const EXPECTED: &'static str = <&str as FromValue<'_>>::EXPECTED;

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromValue<'_> for Duration {
    const EXPECTED: &'static str = DURATION;

    fn from_text(text: &str) -> Option<Self> {
        parse_duration(text)
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bool(value) = value { Some(*value) } else { None }
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromValue<'_> for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Number(Number::Signed(number)) = value { Some(*number) } else { None }
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromValue<'_> for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Number(_) = value { value.scalar().known()?.parse().ok() } else { None }
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Vec<T> {
    const EXPECTED: &'static str = "a list without null elements";

    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::List(items) = value { items.iter().map(T::from_value).collect() } else { None }
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

    const INNER: &[Attribute] = &[Attribute::number("count", "").required()];
    const BLOCKS: &[Block] =
        &[Block::new("single", Nesting::Single, "", INNER), Block::new("several", Nesting::List, "", INNER)];

    fn schema() -> Schema {
        let attributes = vec![
            Attribute::string("text", ""),
            Attribute::string("limit", "").default("5m"),
            Attribute::bool("flag", "").default("true"),
            Attribute::list("texts", &AttributeType::String, ""),
            Attribute::map("entries", &AttributeType::Number, ""),
        ];
        Schema::new("", attributes).with_blocks(BLOCKS)
    }

    #[test]
    fn null_unknown_and_known_are_told_apart() {
        let (schema, unknown) = (schema(), Value::unknown());
        let texts = Value::List(vec!["a".into(), unknown.clone()]);
        let value = schema.null_object().with([("text", "x".into()), ("texts", texts)]);
        let config = Config::new(&schema, &value);
        assert_eq!(config.get("text"), Ok(Field::Known("x")));
        assert_eq!(config.get::<Vec<&str>>("texts"), Ok(Field::Unknown));
        assert_eq!(config.get::<BTreeMap<&str, i64>>("entries"), Ok(Field::Null));
        assert_eq!(config.optional::<Vec<&str>>("texts").unwrap_err().summary, "Value Not Known Yet");
        let missing = config.required::<BTreeMap<&str, f64>>("entries").unwrap_err();
        assert_eq!(missing.summary, "Missing Required Attribute");
    }

    #[test]
    fn default_is_returned_for_null_and_stays_out_of_the_state() {
        let schema = schema();
        let value = schema.null_object();
        let config = Config::new(&schema, &value);
        assert_eq!(config.required("limit"), Ok(Duration::from_secs(300)));
        assert_eq!(config.required("flag"), Ok(true));
        assert_eq!(config.state([]), value);
    }

    #[test]
    fn wrong_value_is_an_error_at_its_path() {
        let schema = schema();
        let several = [1.into(), Value::Number(Number::Float(0.5))];
        let several = several.map(|count| Value::object([("count", count)]));
        let value =
            schema.null_object().with([("limit", "soon".into()), ("several", Value::List(several.into()))]);
        let config = Config::new(&schema, &value);
        let Diagnostic { path, detail, .. } = config.get::<Duration>("limit").unwrap_err();
        assert_eq!(path, Some(AttributePath::attribute("limit")));
        assert!(detail.contains("\"soon\"") && detail.contains(DURATION), "{detail}");
        assert_eq!(config.block("single").unwrap().known().map(|_| ()), None);
        let blocks = config.blocks("several").unwrap().known().unwrap();
        assert_eq!(blocks[0].required("count"), Ok(1));
        let error = blocks[1].required::<i64>("count").unwrap_err();
        assert_eq!(error.path.unwrap().to_string(), "several[1].count");
        assert_eq!(config.get::<bool>("other").unwrap_err().summary, "Provider Bug");
    }
}
