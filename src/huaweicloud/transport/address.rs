//! Which addresses a download may connect to. The link comes from a server, so it could lead to a service that trusts
//! this machine, such as the metadata service, which returns credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The addresses that a download may connect to. Link-local and metadata addresses are never allowed. Private addresses
/// are, because object storage has one in a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressPolicy {
    /// Whether addresses of this machine are allowed.
    pub(crate) allows_loopback: bool,
}

/// An address that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefusedAddress {
    #[error("the address {0} is link-local or of a metadata service, so the provider does not connect to it")]
    LinkLocal(IpAddr),
    #[error("the address {0} is this machine, so the provider does not connect to it")]
    Loopback(IpAddr),
}

/// Metadata services of clouds that have no link-local address.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

impl AddressPolicy {
    /// Checks an address, and each IPv4 address that a translator would make of it.
    pub(crate) fn check(self, address: IpAddr) -> Result<(), RefusedAddress> {
        let embedded = match address {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(address) => embedded(address),
        };
        for candidate in embedded.into_iter().map(IpAddr::V4).chain([address]) {
            if is_link_local(candidate) || METADATA.contains(&candidate) {
                return Err(RefusedAddress::LinkLocal(address));
            }
            if is_this_machine(candidate) && !self.allows_loopback {
                return Err(RefusedAddress::Loopback(address));
            }
        }
        Ok(())
    }

    /// Checks the host of a URL if it is an address. The resolver checks names.
    pub(crate) fn check_host(self, url: &Url) -> Result<(), RefusedAddress> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

/// Whether the host of a URL is this machine.
pub(crate) fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_this_machine(address.into()),
        Some(Host::Ipv6(address)) => is_this_machine(IpAddr::V6(address).to_canonical()),
        None => false,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Whether a connection to the address reaches this machine: loopback, or the unspecified address.
fn is_this_machine(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified(),
    }
}

/// Returns the IPv4 addresses that an IPv6 address may stand for.
fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |indexes: [usize; 4]| Ipv4Addr::from(indexes.map(|index| octets[index]));
    match address.segments() {
        // ::1 and :: are no IPv4 addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        // IPv4-compatible, IPv4-mapped and IPv4-translated addresses, and the well-known prefix of NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            vec![at([12, 13, 14, 15])]
        }
        // The local prefixes of NAT64 (RFC 8215), which have one of several lengths.
        [0x64, 0xff9b, 1, ..] => {
            let candidates =
                [at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), at([12, 13, 14, 15])];
            // A zero comes from a prefix of another length.
            candidates.into_iter().filter(|address| address.octets()[0] != 0).collect()
        }
        // 6to4.
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        _ => Vec::new(),
    }
}

/// Resolves names, and leaves out the addresses that are not allowed. The HTTP client connects only to the addresses that
/// this returns.
impl Resolve for AddressPolicy {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = *self;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (mut allowed, mut refused) = (Vec::new(), None);
            for address in found {
                match policy.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(address: &str, allows_loopback: bool) -> &'static str {
        match (AddressPolicy { allows_loopback }).check(address.parse().unwrap()) {
            Ok(()) => "allowed",
            Err(RefusedAddress::LinkLocal(_)) => "link-local",
            Err(RefusedAddress::Loopback(_)) => "loopback",
        }
    }

    #[test]
    fn link_local_address_is_refused_in_every_form() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "::169.254.169.254",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1::a9:fea9:fe00:0",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(outcome(address, true), "link-local", "{address}");
        }
    }

    #[test]
    fn address_of_this_machine_is_refused_unless_allowed() {
        for address in
            ["127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
        {
            assert_eq!(outcome(address, false), "loopback", "{address}");
            assert_eq!(outcome(address, true), "allowed", "{address}");
        }
    }

    #[test]
    fn private_and_public_addresses_are_allowed() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.125.0.1",
            "198.51.100.1",
            "fd12::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "fec0::1",
        ] {
            assert_eq!(outcome(address, false), "allowed", "{address}");
        }
    }

    #[test]
    fn host_that_is_an_address_in_any_notation_is_checked() {
        let policy = AddressPolicy { allows_loopback: false };
        for (url, is_allowed) in [
            ("https://169.254.169.254/", false),
            ("https://0xa9fea9fe/", false),
            ("https://2852039166/", false),
            ("https://0251.0376.0251.0376/", false),
            ("https://[::ffff:a9fe:a9fe]/", false),
            ("https://127.1/", false),
            ("https://10.1/", true),
            ("https://obs.example.com/", true),
        ] {
            assert_eq!(policy.check_host(&Url::parse(url).unwrap()).is_ok(), is_allowed, "{url}");
        }
    }

    #[tokio::test]
    async fn name_that_resolves_to_a_refused_address_is_an_error() {
        let resolve =
            |allows_loopback| AddressPolicy { allows_loopback }.resolve("localhost".parse().unwrap());
        let error = resolve(false).await.err().unwrap();
        assert!(matches!(error.downcast_ref(), Some(RefusedAddress::Loopback(_))), "{error}");
        assert!(resolve(true).await.unwrap().count() > 0);
    }
}
