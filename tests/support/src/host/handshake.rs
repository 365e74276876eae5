//! The one line that a plugin prints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    pub core: String,
    pub protocol: String,
    /// `unix` or `tcp`.
    pub network: String,
    pub address: String,
    pub kind: String,
    /// The server's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// Only there if the host asked for multiplexing.
    pub multiplexing: Option<String>,
}

impl Handshake {
    /// As strictly as the strictest host. `text` is the line without its end.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split('|').collect();
        let (fields, multiplexing) = match fields.as_slice() {
            [fields @ .., last] if fields.len() == 6 => (fields, Some((*last).to_owned())),
            fields if fields.len() == 6 => (fields, None),
            fields => return Err(format!("{} fields in {text:?}", fields.len())),
        };
        let [core, protocol, network, address, kind, certificate] = fields else {
            return Err(text.to_owned());
        };
        let certificate = match *certificate {
            "" => None,
            text => Some(STANDARD_NO_PAD.decode(text).map_err(|error| format!("{error} in {text:?}"))?),
        };
        Ok(Self {
            core: (*core).into(),
            protocol: (*protocol).into(),
            network: (*network).into(),
            address: (*address).into(),
            kind: (*kind).into(),
            certificate,
            multiplexing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_six_fields_and_a_seventh_at_most() {
        let parsed = Handshake::parse("1|6|unix|/x/y|grpc|AAEC").unwrap();
        assert_eq!((parsed.address.as_str(), parsed.certificate.as_deref()), ("/x/y", Some(&[0, 1, 2][..])));
        assert_eq!(Handshake::parse("1|6|tcp|127.0.0.1:1|grpc|").unwrap().certificate, None);
        assert_eq!(Handshake::parse("1|6|tcp|a|grpc||false").unwrap().multiplexing.as_deref(), Some("false"));
        for bad in
            ["", "1|6|unix|/x|grpc", "1|6|unix|/x|grpc||true|x", "1|6|unix|/x|grpc|AAE=", "1|6|u|/x|grpc|-_"]
        {
            assert!(Handshake::parse(bad).is_err(), "{bad}");
        }
    }
}
