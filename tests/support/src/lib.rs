//! What the tests and examples stand on and the provider never ships.
