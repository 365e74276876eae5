//! Chooses the proxy of a request by the rules of Go's `golang.org/x/net/http/httpproxy`.
//!
//! Terraform and providers in Go use these rules, so the same environment has the same effect on all of them. There is
//! one difference: an invalid proxy URL is an error here, and Go ignores it.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::TransportError;
use crate::system::Environment;
use crate::system::secret::SecretString;

/// The first variable with a value is used, in the order of Go 1.26, which Terraform is built with.
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Set for CGI programs. There, `HTTP_PROXY` comes from a header that the caller controls.
const CGI: &str = "REQUEST_METHOD";

const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The proxies of an environment. None by default.
#[derive(Clone, Default)]
pub(in crate::huaweicloud) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    no_proxy: Vec<NoProxyEntry>,
    is_cgi: bool,
    /// Passwords in the URLs. They are redacted in messages while this value exists.
    _secrets: Vec<SecretString>,
}

/// A proxy variable, and its URL if it is valid.
#[derive(Clone)]
struct Proxy {
    variable: &'static str,
    url: Option<Url>,
}

impl Proxies {
    pub(in crate::huaweicloud) fn from_environment(environment: &Environment) -> Self {
        let set = |names: [&'static str; 2]| {
            names.into_iter().find_map(|variable| Some((variable, environment.get(variable)?)))
        };
        let [http, https] = [HTTP, HTTPS].map(|names| {
            set(names).map(|(variable, text)| Proxy { variable, url: parse_proxy_url(text.trim()) })
        });
        let urls = [&http, &https].into_iter().flatten().filter_map(|proxy| proxy.url.as_ref());
        Self {
            _secrets: urls.flat_map(secrets).collect(),
            no_proxy: set(NO_PROXY).map(|(_, text)| parse_no_proxy(&text)).unwrap_or_default(),
            is_cgi: environment.get(CGI).is_some(),
            http,
            https,
        }
    }

    /// Whether no proxy is configured.
    pub(super) fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// Returns the proxy for a request to this URL.
    pub(in crate::huaweicloud) fn choose(&self, url: &Url) -> Result<Option<&Url>, TransportError> {
        let (proxy, is_http) = match url.scheme() {
            "http" => (&self.http, true),
            "https" => (&self.https, false),
            _ => return Ok(None),
        };
        let Some(Proxy { variable, url: proxy }) = proxy else { return Ok(None) };
        let error = |cause: &str| Err(TransportError::InvalidProxy { variable, cause: cause.to_owned() });
        if is_http && self.is_cgi {
            return error(
                "REQUEST_METHOD is set, so this is a CGI program, and its caller may have set HTTP_PROXY",
            );
        }
        if !self.is_used_for(url) {
            return Ok(None);
        }
        match proxy {
            Some(proxy) => Ok(Some(proxy)),
            None => error("it is not a URL such as http://proxy.example.com:3128"),
        }
    }

    fn is_used_for(&self, url: &Url) -> bool {
        let port = url.port_or_known_default().map(|port| port.to_string()).unwrap_or_default();
        let (name, address) = match url.host() {
            Some(Host::Domain(name)) => (name.to_ascii_lowercase(), None),
            Some(Host::Ipv4(address)) => (String::new(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (String::new(), Some(IpAddr::V6(address).to_canonical())),
            None => return true,
        };
        let is_local = name == "localhost" || address.is_some_and(|address| address.is_loopback());
        !is_local && !self.no_proxy.iter().any(|entry| entry.matches(&name, address, &port))
    }
}

/// Parses the URL of a proxy, or a host with an optional port.
fn parse_proxy_url(text: &str) -> Option<Url> {
    if text.contains("://") {
        let url = Url::parse(text).ok()?;
        return (url.host().is_some() && SCHEMES.contains(&url.scheme())).then_some(url);
    }
    let url = Url::parse(&format!("http://{text}")).ok()?;
    (url.path() == "/" && !text.contains('\\')).then_some(url)
}

/// Returns the password, or the user name if there is no password, and the value of the header that contains it.
fn secrets(proxy: &Url) -> Vec<SecretString> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(proxy.username()), proxy.password().map(decoded));
    if user.is_empty() && password.is_none() {
        return Vec::new();
    }
    let pair = format!("{user}:{}", password.as_deref().unwrap_or_default());
    vec![SecretString::from(STANDARD.encode(pair)), SecretString::from(password.unwrap_or(user))]
}

/// An entry of `NO_PROXY`.
#[derive(Clone)]
enum NoProxyEntry {
    All,
    /// Addresses with the same first `bits` bits.
    Network {
        address: IpAddr,
        bits: u8,
    },
    Address {
        address: IpAddr,
        port: Option<String>,
    },
    /// Names that end in `suffix`, which starts with a dot. `includes_domain` adds the name without the dot.
    Domain {
        suffix: String,
        includes_domain: bool,
        port: Option<String>,
    },
}

fn parse_no_proxy(text: &str) -> Vec<NoProxyEntry> {
    let entries = text.split(',').map(|entry| entry.trim().to_lowercase());
    let entries: Vec<String> = entries.filter(|entry| !entry.is_empty()).collect();
    if entries.iter().any(|entry| entry == "*") {
        return vec![NoProxyEntry::All];
    }
    entries.iter().filter_map(|entry| NoProxyEntry::parse(entry)).collect()
}

impl NoProxyEntry {
    fn parse(entry: &str) -> Option<Self> {
        if let Some((address, bits)) = parse_network(entry) {
            return Some(Self::Network { address, bits });
        }
        let (host, port) = match split_host_port(entry) {
            Some((host, port)) => (host, Some(port.to_owned()).filter(|port| !port.is_empty())),
            None => (entry, None),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address { address: address.to_canonical(), port });
        }
        let host = if host.starts_with("*.") { &host[1..] } else { host };
        let includes_domain = !host.starts_with('.');
        let name = host.strip_prefix('.').unwrap_or(host);
        if host.is_empty() {
            return None;
        }
        let name = match Host::parse(name) {
            Ok(Host::Domain(ascii)) if !name.is_ascii() => ascii,
            _ => name.to_owned(),
        };
        Some(Self::Domain { suffix: format!(".{name}"), includes_domain, port })
    }

    /// Whether a host matches. `name` is empty if the host is an address.
    fn matches(&self, name: &str, address: Option<IpAddr>, port: &str) -> bool {
        let matches_port = |known: &Option<String>| known.as_deref().is_none_or(|known| known == port);
        match self {
            Self::All => true,
            Self::Network { address: network, bits } => {
                address.is_some_and(|address| is_within(address, *network, *bits))
            }
            Self::Address { address: known, port } => address == Some(*known) && matches_port(port),
            Self::Domain { suffix, includes_domain, port } => {
                (name.ends_with(suffix) || *includes_domain && suffix[1..] == *name) && matches_port(port)
            }
        }
    }
}

/// Parses a network such as `10.0.0.0/8`.
fn parse_network(entry: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = entry.split_once('/')?;
    let digits =
        Some(bits).filter(|bits| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, digits.parse().ok()?);
    let max_bits = if address.is_ipv4() { 32 } else { 128 };
    let mapped = address.to_canonical();
    let bits = Some(bits).filter(|bits| *bits <= max_bits)?;
    Some((mapped, if mapped.is_ipv4() == address.is_ipv4() { bits } else { bits.saturating_sub(96) }))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let is_same = |equal_bits: u32| equal_bits >= u32::from(bits);
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            is_same((address.to_bits() ^ network.to_bits()).leading_zeros())
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            is_same((address.to_bits() ^ network.to_bits()).leading_zeros())
        }
        _ => false,
    }
}

/// Splits `host:port` or `[address]:port` like Go's `net.SplitHostPort`. `None` for any other format.
fn split_host_port(entry: &str) -> Option<(&str, &str)> {
    let (host, port) = match entry.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => entry.rsplit_once(':').filter(|(host, _)| !host.contains(':'))?,
    };
    (![host, port].iter().any(|part| part.contains(['[', ']'])) && !port.contains(':'))
        .then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Proxies {
        Proxies::from_environment(&Environment::given(variables))
    }

    fn choose(proxies: &Proxies, url: &str) -> String {
        match proxies.choose(&Url::parse(url).unwrap()) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "direct".to_owned(),
            Err(TransportError::InvalidProxy { variable, .. }) => format!("{variable} rejected"),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn proxies_are_chosen_as_in_go() {
        let table = include_str!("../../../tests/data/proxies.tsv");
        let rows: Vec<&str> = table.lines().filter(|row| !row.starts_with('#')).collect();
        let differs = |row: &&&str| {
            let cells = row.split('\t').collect::<Vec<_>>();
            let [none, url, cgi, expected] = cells[..] else { panic!("{row:?}") };
            let proxies = proxies([
                ("HTTP_PROXY", "http://p:1"),
                ("HTTPS_PROXY", "p:1"),
                ("NO_PROXY", none),
                ("REQUEST_METHOD", cgi),
            ]);
            choose(&proxies, url).replace("http://p:1/", "proxy").replace("HTTP_PROXY ", "") != expected
        };
        let differing: Vec<_> = rows.iter().filter(differs).collect();
        assert!(
            rows.len() > 150 && differing.is_empty(),
            "{} of {}: {differing:#?}",
            differing.len(),
            rows.len()
        );
    }

    #[test]
    fn first_variable_with_a_value_is_used() {
        let url = "https://example.com/";
        for (set, expected) in [
            (vec![("HTTPS_PROXY", ""), ("https_proxy", "http://lower:1")], "http://lower:1/"),
            (vec![("HTTPS_PROXY", "http://upper:1"), ("https_proxy", " ")], "http://upper:1/"),
            (vec![("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1")], "http://upper:1/"),
            (vec![("HTTP_PROXY", "http://p:1"), ("ALL_PROXY", "http://all:1")], "direct"),
            (vec![("https_proxy", "p:1"), ("no_proxy", ""), ("NO_PROXY", "example.com")], "direct"),
            (vec![], "direct"),
        ] {
            assert_eq!(choose(&proxies(set.clone()), url), expected, "{set:?}");
        }
    }

    #[test]
    fn proxy_is_a_url_or_a_host() {
        for (text, expected) in [
            ("proxy.example.com", "http://proxy.example.com/"),
            ("proxy.example.com:3128", "http://proxy.example.com:3128/"),
            ("10.0.0.1:3128", "http://10.0.0.1:3128/"),
            ("[::1]:3128", "http://[::1]:3128/"),
            ("https://proxy.example.com", "https://proxy.example.com/"),
            ("socks5://proxy.example.com:1080", "socks5://proxy.example.com:1080"),
            ("socks5h://proxy.example.com", "socks5h://proxy.example.com"),
            ("user:pass@proxy.example.com:3128", "http://user:pass@proxy.example.com:3128/"),
            ("http://", "https_proxy rejected"),
            ("http://proxy:port", "https_proxy rejected"),
            ("htp://proxy.example.com", "https_proxy rejected"),
            ("proxy example", "https_proxy rejected"),
            ("http:\\\\proxy", "https_proxy rejected"),
            ("http:/proxy", "https_proxy rejected"),
            ("://x", "https_proxy rejected"),
        ] {
            assert_eq!(choose(&proxies([("https_proxy", text)]), "https://example.com/"), expected, "{text}");
        }
        // An invalid proxy URL is ignored if it is not needed.
        let invalid = proxies([("HTTPS_PROXY", "http://"), ("NO_PROXY", "example.com")]);
        assert_eq!(choose(&invalid, "https://example.com/"), "direct");
        assert_eq!(choose(&invalid, "http://other.example/"), "direct");
        assert_eq!(choose(&invalid, "https://other.example/"), "HTTPS_PROXY rejected");
    }

    #[test]
    fn credentials_of_a_proxy_are_redacted() {
        for (text, echoed) in [
            ("http://user:p%40ssword@p:1", "p@ssword or p%40ssword or dXNlcjpwQHNzd29yZA=="),
            ("http://user:pw@p:1", "pw or dXNlcjpwdw=="),
            ("http://long-token@p:1", "long-token or bG9uZy10b2tlbjo="),
        ] {
            let _proxies = proxies([("HTTPS_PROXY", text)]);
            let shown = crate::system::secret::redact(echoed);
            assert!(shown.split(" or ").all(|word| word == "***"), "{shown}");
        }
    }
}
