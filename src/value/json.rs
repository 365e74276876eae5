use super::*;
pub fn decode(_: &[u8], _: &Type) -> Result<Value, Error> { todo!() }
pub fn encode(_: &Value, _: &Type) -> Result<Vec<u8>, Error> { todo!() }
