//! Parses the handshake line of a plugin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Hosts ignore a shorter certificate field.
const MIN_CERTIFICATE_LENGTH: usize = 51;

/// The fields of a handshake line, as go-plugin names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    pub core_protocol: String,
    pub protocol_version: String,
    /// `unix` or `tcp`.
    pub network: String,
    pub address: String,
    /// `grpc` or `netrpc`.
    pub rpc_type: String,
    /// The server certificate in DER.
    pub certificate: Option<Vec<u8>>,
    /// Only if the host requested multiplexing.
    pub multiplexing: Option<String>,
}

impl Handshake {
    /// Parses a line as the strictest host does. `line` has no line break. A seventh field is valid only if the host
    /// requested multiplexing, because old hosts treat it as part of the certificate.
    pub fn parse(line: &str, multiplexing_requested: bool) -> Result<Self, String> {
        let fields: Vec<&str> = line.split('|').collect();
        let (fields, multiplexing) = match fields.as_slice() {
            [first_six @ .., last @ ("true" | "false")] if multiplexing_requested => {
                (first_six, Some((*last).to_owned()))
            }
            fields => (fields, None),
        };
        let [core, protocol, network, address, kind, certificate] = *fields else {
            return Err(format!("{line:?} has {} fields", fields.len()));
        };
        let is_number = |field: &str| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
        let supported = matches!(network, "unix" | "tcp") && kind == "grpc";
        if !(is_number(core) && is_number(protocol) && supported)
            || address.is_empty()
            || address.trim() != address
        {
            return Err(format!("{line:?} has an invalid field"));
        }
        let certificate = match certificate {
            "" => None,
            field => Some(STANDARD_NO_PAD.decode(field).map_err(|error| format!("{error} in {field:?}"))?),
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

    /// Parses a line as current hosts do: whitespace around it and text after the certificate are ignored, and the
    /// certificate may be missing. Unlike hosts, it accepts a padded certificate, so that it can be shown.
    pub fn parse_lenient(line: &str) -> Result<Self, String> {
        let mut fields = line.trim().split('|');
        let mut field = || fields.next().map(str::to_owned);
        let (Some(core), Some(protocol), Some(network), Some(address)) = (field(), field(), field(), field())
        else {
            return Err(format!("{line:?} is not the handshake line of a plugin"));
        };
        let (kind, certificate) =
            (field().unwrap_or_else(|| "netrpc".to_owned()), field().unwrap_or_default());
        match (core.as_str(), network.as_str(), kind.as_str()) {
            ("1", "unix" | "tcp", "grpc") => {}
            ("1", "unix" | "tcp", _) => return Err(format!("the plugin uses {kind} instead of grpc")),
            ("1", ..) => return Err(format!("network {network:?} is neither unix nor tcp")),
            _ => return Err(format!("{line:?} does not have core protocol 1")),
        }
        let certificate = (certificate.len() >= MIN_CERTIFICATE_LENGTH)
            .then(|| STANDARD_NO_PAD.decode(certificate.trim_end_matches('=')))
            .transpose()
            .map_err(|error| format!("the certificate is not valid Base64: {error}"))?;
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
    fn lenient_parser_accepts_what_current_hosts_accept() {
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
    fn invalid_line_has_a_reason() {
        let broken = format!("1|6|unix|/x|grpc|{}", "?".repeat(60));
        for (line, part) in [
            ("welcome", "not the handshake line"),
            ("2|6|unix|/x|grpc|", "core protocol 1"),
            ("1|6|udp|/x|grpc|", "udp"),
            ("1|6|unix|/x", "netrpc"),
            (broken.as_str(), "Base64"),
        ] {
            let reason = Handshake::parse_lenient(line).unwrap_err();
            assert!(reason.contains(part), "{line}: {reason}");
        }
    }

    #[test]
    fn seventh_field_needs_requested_multiplexing() {
        let parsed = Handshake::parse("1|6|unix|/x/y|grpc|AAEC", false).unwrap();
        assert_eq!((parsed.address.as_str(), parsed.certificate.as_deref()), ("/x/y", Some(&[0, 1, 2][..])));
        assert_eq!(Handshake::parse("1|6|tcp|127.0.0.1:1|grpc|", true).unwrap().certificate, None);
        let line = "1|6|tcp|a|grpc||false";
        assert_eq!(Handshake::parse(line, true).unwrap().multiplexing.as_deref(), Some("false"));
        assert!(Handshake::parse(line, false).is_err());
    }

    #[test]
    fn strict_parser_rejects_invalid_lines() {
        for line in [
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
            assert!(Handshake::parse(line, true).is_err(), "{line:?}");
        }
    }
}
