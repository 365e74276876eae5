mod setting;
pub(super) use setting::{fault, waiting};
pub fn explain(_: &crate::api::Error) -> crate::diagnostic::Diagnostic { todo!() }
