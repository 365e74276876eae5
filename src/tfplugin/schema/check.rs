//! Validates the rules of a schema that Terraform does not validate itself.

use super::{Attribute, AttributeType, Behavior, Block, Schema};
use crate::tfplugin::diagnostic::{self, AttributePath, Diagnostic, Diagnostics};
use crate::tfplugin::value::Value;

impl Schema {
    /// The errors in a configuration that Terraform does not find.
    ///
    /// These are required attributes that are null, read-only attributes that are set, and values that a validator
    /// rejects. Unknown values are skipped.
    pub fn check(&self, config: &Value) -> Diagnostics {
        let mut checker = ConfigChecker {
            runs_validators: !self.is_validated_by_provider,
            diagnostics: Diagnostics::default(),
        };
        checker.check_block(&self.attributes, self.blocks, config, &AttributePath::default());
        checker.diagnostics
    }
}

impl Attribute {
    /// The error for a required attribute that is null.
    pub(in crate::tfplugin) fn missing(path: &AttributePath) -> Diagnostic {
        let detail = format!(
            "The attribute {path} is required, but it is null. Set it to a value, or remove the block."
        );
        diagnostic::MISSING_REQUIRED_ATTRIBUTE.error(detail).at(path.clone())
    }

    /// The error for a value that has the wrong type or that a validator rejects.
    ///
    /// The error for a sensitive attribute has no path, because Terraform prints the line at the path.
    pub(in crate::tfplugin) fn invalid(
        &self,
        path: &AttributePath,
        value: &Value,
        expected: &str,
    ) -> Diagnostic {
        let diagnostic = |current: &str| {
            let detail = format!("{path}{current} must be {expected}. Correct the value.");
            diagnostic::INVALID_ATTRIBUTE_VALUE.error(detail)
        };
        if self.sensitive {
            return diagnostic("");
        }
        let current = match (value, value.scalar().known()) {
            (Value::String(string), _) => format!(" is {string:?}, but"),
            (_, Some(scalar)) => format!(" is {scalar}, but"),
            _ => String::new(),
        };
        diagnostic(&current).at(path.clone())
    }
}

/// Collects the errors in a configuration.
struct ConfigChecker {
    runs_validators: bool,
    diagnostics: Diagnostics,
}

impl ConfigChecker {
    fn check_block(
        &mut self,
        attributes: &[Attribute],
        blocks: &[Block],
        value: &Value,
        path: &AttributePath,
    ) {
        if !matches!(value, Value::Map(_)) {
            return;
        }
        let value_of = |name| value.attribute(name).unwrap_or(&Value::Null);
        for attribute in attributes {
            self.check_attribute(attribute, value_of(attribute.name), path);
        }
        for block in blocks {
            let (value, path) = (value_of(block.name), path.at_name(block.name));
            let mut check_nested = |value: &Value, path: &AttributePath| {
                self.check_block(block.attributes, block.blocks, value, path);
            };
            match value {
                Value::List(elements) => {
                    for (element, index) in elements.iter().zip(0..) {
                        check_nested(element, &block.element_path(&path, index));
                    }
                }
                value => check_nested(value, &path),
            }
        }
    }

    fn check_attribute(&mut self, attribute: &Attribute, value: &Value, parent: &AttributePath) {
        let path = || parent.at_name(attribute.name);
        match (attribute.behavior, value) {
            (Behavior::Required, Value::Null) => self.diagnostics.push(Attribute::missing(&path())),
            (_, Value::Null) => {}
            (Behavior::Computed, _) => {
                let path = path();
                let detail =
                    format!("Only the provider can set the attribute {path}. Remove it from the block.");
                self.diagnostics.push(diagnostic::READ_ONLY_ATTRIBUTE_SET.error(detail).at(path));
            }
            _ if self.runs_validators => self.run_validator(attribute, value, &path()),
            _ => {}
        }
    }

    /// Runs the validator for a string or a number, or for each one in a collection.
    fn run_validator(&mut self, attribute: &Attribute, value: &Value, path: &AttributePath) {
        match value {
            Value::List(elements) => {
                // The protocol has no path for an element of a set.
                let is_set = matches!(attribute.ty, AttributeType::Set(_));
                for (element, index) in elements.iter().zip(0..) {
                    let path = if is_set { path.clone() } else { path.at_list_index(index) };
                    self.run_validator(attribute, element, &path);
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.run_validator(attribute, value, &path.at_map_key(key));
                }
            }
            value => {
                if let (Some(validator), Some(scalar)) = (attribute.validator, value.scalar().known())
                    && let Err(expected) = validator.check(&scalar)
                {
                    self.diagnostics.push(attribute.invalid(path, value, &expected));
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
    fn errors_in_nested_blocks_and_collections_are_found() {
        const COUNT: Attribute = Attribute::number("count", "").required().validated(between(1, 3));
        const ID: Attribute = Attribute::string("id", "").computed();
        const INNER_BLOCKS: &[Block] = &[Block::new("inner", Nesting::List, "", &[COUNT, ID])];
        const OUTER_BLOCKS: &[Block] =
            &[Block { blocks: INNER_BLOCKS, ..Block::new("outer", Nesting::Single, "", &[]) }];
        let attributes = vec![
            Attribute::list("colours", &AttributeType::String, "").validated(one_of(&["red", "blue"])),
            Attribute::string("secret", "").sensitive().validated(one_of(&["red", "blue"])),
        ];
        let schema = Schema::new("", attributes).with_blocks(OUTER_BLOCKS);
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
        let errors: Vec<_> = schema.check(&value).iter().map(|error| (error.summary, path(error))).collect();
        let expected = [
            ("Invalid Attribute Value", "colours[2]"),
            ("Invalid Attribute Value", ""),
            ("Missing Required Attribute", "outer.inner[0].count"),
            ("Invalid Attribute Value", "outer.inner[1].count"),
            ("Read-Only Attribute Set", "outer.inner[1].id"),
        ];
        assert_eq!(errors, expected.map(|(summary, path)| (summary, path.to_owned())));
        assert!(!schema.check(&value).iter().any(|error| error.detail.contains("secret is \"green\"")));
        let errors = schema.validated_by_provider().check(&value);
        let summaries: Vec<_> = errors.into_iter().map(|error| error.summary).collect();
        assert_eq!(summaries, ["Missing Required Attribute", "Read-Only Attribute Set"]);
    }
}
