use std::collections::BTreeMap;
#[derive(Clone, Debug, PartialEq)]
pub enum Type { String, Number, Bool, Dynamic, List(Box<Type>), Set(Box<Type>), Map(Box<Type>), Object(BTreeMap<String, Type>), Tuple(Vec<Type>) }
impl Type { pub fn to_json(&self) -> Vec<u8> { vec![] } }
