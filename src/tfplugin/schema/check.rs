//! The checks of a configuration that core leaves to the provider. Pure.

use super::{Attribute, AttributeType, Block, Mode, Schema};
use crate::tfplugin::diagnostic::{self, AttributePath, Diagnostic, Diagnostics, Step};
use crate::tfplugin::value::Value;

impl Schema {
    /// What core leaves to the provider: a required attribute that is null, a computed one that is set, and a value
    /// that its validator refuses. Skips unknown values.
    pub fn check(&self, config: &Value) -> Diagnostics {
        let mut check = Check { validates: !self.is_validated_by_provider, found: Diagnostics::default() };
        check.block(&self.attributes, self.blocks, config, &AttributePath::default());
        check.found
    }
}

impl Attribute {
    /// The error for a required attribute without a value.
    pub(in crate::tfplugin) fn missing(path: &AttributePath) -> Diagnostic {
        let detail = format!(
            "The attribute {path} is required, but it is null. Set it to a value, or remove the block."
        );
        diagnostic::MISSING_REQUIRED_ATTRIBUTE.error(detail).at(path.clone())
    }

    /// The error for a value that does not fit. Core prints the line at an error's path, so that of a sensitive
    /// attribute has none.
    pub(in crate::tfplugin) fn invalid(
        &self,
        path: &AttributePath,
        value: &Value,
        expected: &str,
    ) -> Diagnostic {
        let diagnostic = |what: &str| {
            let detail = format!("{path}{what} must be {expected}. Correct the value.");
            diagnostic::INVALID_ATTRIBUTE_VALUE.error(detail)
        };
        if self.sensitive {
            return diagnostic("");
        }
        let what = match (value, value.scalar().known()) {
            (Value::String(text), _) => format!(" is {text:?}, but"),
            (_, Some(text)) => format!(" is {text}, but"),
            _ => String::new(),
        };
        diagnostic(&what).at(path.clone())
    }
}

/// Collects what is wrong with a configuration.
struct Check {
    /// Whether the validators are run.
    validates: bool,
    found: Diagnostics,
}

impl Check {
    fn block(&mut self, attributes: &[Attribute], blocks: &[Block], value: &Value, path: &AttributePath) {
        if !matches!(value, Value::Map(_)) {
            return;
        }
        let member = |name| (value.attribute(name).unwrap_or(&Value::Null), path.member(name));
        for attribute in attributes {
            let (value, path) = member(attribute.name);
            self.attribute(attribute, value, &path);
        }
        for block in blocks {
            let (value, path) = member(block.name);
            let mut inside =
                |value: &Value, path: &AttributePath| self.block(block.attributes, block.blocks, value, path);
            match value {
                Value::List(items) => {
                    for (item, index) in items.iter().zip(0..) {
                        inside(item, &block.item_path(path.clone(), index));
                    }
                }
                value => inside(value, &path),
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &Value, path: &AttributePath) {
        match (attribute.mode, value) {
            (Mode::Required, Value::Null) => self.found.push(Attribute::missing(path)),
            (_, Value::Null) => {}
            (Mode::Computed, _) => {
                let detail =
                    format!("Only the provider can set the attribute {path}. Remove it from the block.");
                self.found.push(diagnostic::READ_ONLY_ATTRIBUTE_SET.error(detail).at(path.clone()));
            }
            _ if self.validates => self.texts(attribute, value, path),
            _ => {}
        }
    }

    /// Checks the text or number, or those inside. Anything else passes.
    fn texts(&mut self, attribute: &Attribute, value: &Value, path: &AttributePath) {
        let inside = |step| path.clone().then(step);
        match value {
            Value::List(items) => {
                // Core knows the elements of a set by their values only.
                let is_set = matches!(attribute.ty, AttributeType::Set(_));
                for (value, index) in items.iter().zip(0..) {
                    let path = if is_set { path.clone() } else { inside(Step::Index(index)) };
                    self.texts(attribute, value, &path);
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.texts(attribute, value, &inside(Step::Key(key.clone())));
                }
            }
            value => {
                if let (Some(validator), Some(text)) = (attribute.validator, value.scalar().known())
                    && let Err(expected) = validator.check(&text)
                {
                    self.found.push(attribute.invalid(path, value, &expected));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::schema::Nesting;
    use crate::tfplugin::validator::{between, one_of};

    #[test]
    fn errors_are_found_inside_blocks_and_collections() {
        const COUNT: Attribute = Attribute::number("count", "").required().validated(between(1, 3));
        const ID: Attribute = Attribute::string("id", "").computed();
        const INNER: &[Block] = &[Block::new("inner", Nesting::List, "", &[COUNT, ID])];
        const OUTER: &[Block] = &[Block { blocks: INNER, ..Block::new("outer", Nesting::Single, "", &[]) }];
        let colour = |name| Attribute::new(name, AttributeType::List(&AttributeType::String), "");
        let attributes = vec![
            colour("colours").validated(one_of(&["red", "blue"])),
            Attribute::string("secret", "").sensitive().validated(one_of(&["red", "blue"])),
        ];
        let schema = Schema::new("", attributes).with_blocks(OUTER);
        let inner = |count, id| Value::object([("count", count), ("id", id)]);
        let inner = Value::List(vec![
            inner(Value::Null, Value::Null),
            inner(4.into(), "x".into()),
            inner(Value::unknown(), Value::Null),
        ]);
        let colours = Value::List(vec!["red".into(), Value::Null, "green".into()]);
        let value = schema.null_object().with([
            ("colours", colours),
            ("secret", "green".into()),
            ("outer", Value::object([("inner", inner)])),
        ]);
        let path = |error: &Diagnostic| error.path.as_ref().map(ToString::to_string).unwrap_or_default();
        let found: Vec<_> = schema.check(&value).iter().map(|error| (error.summary, path(error))).collect();
        let expected = [
            ("Invalid Attribute Value", "colours[2]"),
            ("Invalid Attribute Value", ""),
            ("Missing Required Attribute", "outer.inner[0].count"),
            ("Invalid Attribute Value", "outer.inner[1].count"),
            ("Read-Only Attribute Set", "outer.inner[1].id"),
        ];
        assert_eq!(found, expected.map(|(summary, path)| (summary, path.to_owned())));
        assert!(!schema.check(&value).iter().any(|error| error.detail.contains("secret is \"green\"")));
        let found = schema.validated_by_provider().check(&value);
        let found: Vec<_> = found.into_iter().map(|error| error.summary).collect();
        assert_eq!(found, ["Missing Required Attribute", "Read-Only Attribute Set"]);
    }
}
