//! The one line that a plugin prints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Hosts take less for no certificate.
const SHORTEST_CERTIFICATE: usize = 51;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    pub core_protocol: String,
    pub protocol_version: String,
    /// `unix` or `tcp`.
    pub network: String,
    pub address: String,
    pub rpc_type: String,
    /// The server's certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// Only there if the host asked for multiplexing.
    pub multiplexing: Option<String>,
}

impl Handshake {
    /// As strictly as the strictest host. `text` is the line without its end. A seventh field is right only if the host
    /// `asked` for multiplexing: old hosts take it for a part of the certificate.
    pub fn parse(text: &str, asked: bool) -> Result<Self, String> {
        let fields: Vec<&str> = text.split('|').collect();
        let (six, multiplexing) = match fields.as_slice() {
            [six @ .., last @ ("true" | "false")] if asked => (six, Some((*last).to_owned())),
            six => (six, None),
        };
        let [core, protocol, network, address, kind, certificate] = *six else {
            return Err(format!("{} fields in {text:?}", fields.len()));
        };
        let number = |field: &str| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
        let known = matches!(network, "unix" | "tcp") && kind == "grpc";
        if !(number(core) && number(protocol) && known) || address.is_empty() || address.trim() != address {
            return Err(format!("a field of {text:?} is not what a host knows"));
        }
        let certificate = match certificate {
            "" => None,
            text => Some(STANDARD_NO_PAD.decode(text).map_err(|error| format!("{error} in {text:?}"))?),
        };
        Ok(Self {
            core_protocol: core.into(),
            protocol_version: protocol.into(),
            network: network.into(),
            address: address.into(),
            rpc_type: kind.into(),
            certificate,
            multiplexing,
        })
    }

    /// As a host of today: blanks around the line do not matter, nor does what follows the certificate, which may be
    /// missing. The certificate may be padded, which no host takes, so that it can be looked at all the same.
    pub fn parse_lenient(text: &str) -> Result<Self, String> {
        let mut fields = text.trim().split('|');
        let mut field = || fields.next().map(str::to_owned);
        let (Some(core), Some(protocol), Some(network), Some(address)) = (field(), field(), field(), field())
        else {
            return Err(format!("{text:?} is not the line of a plugin"));
        };
        let (kind, certificate) =
            (field().unwrap_or_else(|| "netrpc".to_owned()), field().unwrap_or_default());
        match (core.as_str(), network.as_str(), kind.as_str()) {
            ("1", "unix" | "tcp", "grpc") => {}
            ("1", "unix" | "tcp", _) => return Err(format!("it serves {kind} rather than grpc")),
            ("1", ..) => return Err(format!("it listens on network {network:?}, neither unix nor tcp")),
            _ => return Err(format!("{text:?} is not the line of a plugin of core protocol 1")),
        }
        let certificate = (certificate.len() >= SHORTEST_CERTIFICATE)
            .then(|| STANDARD_NO_PAD.decode(certificate.trim_end_matches('=')))
            .transpose()
            .map_err(|error| format!("its certificate is not base64: {error}"))?;
        Ok(Self {
            core_protocol: core,
            protocol_version: protocol,
            network,
            address,
            rpc_type: kind,
            certificate,
            multiplexing: field(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_today_takes_more() {
        let certificate = STANDARD_NO_PAD.encode([7; 40]);
        for line in [
            format!("1|5|tcp|127.0.0.1:1|grpc|{certificate}"),
            format!(" 1|5|tcp|127.0.0.1:1|grpc|{certificate}==|false\r"),
        ] {
            let parsed = Handshake::parse_lenient(&line).unwrap();
            assert_eq!(
                (parsed.protocol_version.as_str(), parsed.certificate),
                ("5", Some(vec![7; 40])),
                "{line}"
            );
        }
        for line in ["1|6|unix|/x|grpc", "1|6|unix|/x|grpc|", "1|6|unix|/x|grpc|AAEC|true"] {
            assert_eq!(Handshake::parse_lenient(line).unwrap().certificate, None, "{line}");
        }
    }

    #[test]
    fn what_no_host_takes_has_its_reason() {
        let broken = format!("1|6|unix|/x|grpc|{}", "?".repeat(60));
        for (line, word) in [
            ("welcome", "not the line of a plugin"),
            ("2|6|unix|/x|grpc|", "core protocol 1"),
            ("1|6|udp|/x|grpc|", "udp"),
            ("1|6|unix|/x", "netrpc"),
            (broken.as_str(), "base64"),
        ] {
            let reason = Handshake::parse_lenient(line).unwrap_err();
            assert!(reason.contains(word), "{line}: {reason}");
        }
    }

    #[test]
    fn a_line_has_six_fields_and_a_seventh_where_it_was_asked_for() {
        let parsed = Handshake::parse("1|6|unix|/x/y|grpc|AAEC", false).unwrap();
        assert_eq!((parsed.address.as_str(), parsed.certificate.as_deref()), ("/x/y", Some(&[0, 1, 2][..])));
        assert_eq!(Handshake::parse("1|6|tcp|127.0.0.1:1|grpc|", true).unwrap().certificate, None);
        let line = "1|6|tcp|a|grpc||false";
        assert_eq!(Handshake::parse(line, true).unwrap().multiplexing.as_deref(), Some("false"));
        assert!(Handshake::parse(line, false).is_err());
    }

    #[test]
    fn anything_looser_is_refused() {
        for bad in [
            "",
            "1|6|unix|/x|grpc",
            "1|6|unix|/x|grpc||true|x",
            "1|6|unix|/x|grpc||maybe",
            "1|+6|unix|/x|grpc|",
            " 1|6|unix|/x|grpc|",
            "1|6|udp|/x|grpc|",
            "1|6|unix||grpc|",
            "1|6|unix| /x|grpc|",
            "1|6|unix|/x|netrpc|",
            "1|6|unix|/x|grpc|AAE=",
            "1|6|unix|/x|grpc|-_-_",
            "1|6|unix|/x|grpc|AAEC\r",
        ] {
            assert!(Handshake::parse(bad, true).is_err(), "{bad:?}");
        }
    }
}
