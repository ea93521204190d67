//! Which addresses a host has, and which of them may be connected to.
//!
//! ```text
//! host, port ─► --resolve, else name look-up ─► addresses ─► for clients of other machines: without this machine's own
//! ```
//!
//! What is checked here is what is connected to: no name is looked up a second time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use crate::proxy::upstream::live::trouble::Trouble;

/// `HOST:PORT:ADDR[,ADDR…]`, as curl's option of that name has it: that host at that port is at these addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// In lower case; `*` for every host.
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// Why a text is no [`Resolve`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not HOST:PORT:ADDR, such as booking.example.com:443:127.0.0.1 (several addresses: with commas)")]
pub struct ResolveError(String);

impl Resolve {
    /// The addresses that it gives a host at a port, if it is about them.
    pub(super) fn addresses(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let meant = self.port == port && (self.host == "*" || self.host.eq_ignore_ascii_case(host));
        meant.then(|| self.addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect())
    }
}

impl FromStr for Resolve {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        let error = || ResolveError(text.to_owned());
        let (host, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:"),
            None => text.split_once(':'),
        }
        .ok_or_else(error)?;
        let (port, addresses) = rest.split_once(':').ok_or_else(error)?;
        let address =
            |text: &str| text.trim().trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| error());
        let addresses: Vec<IpAddr> = addresses.split(',').map(address).collect::<Result<_, _>>()?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(error)?;
        if host.is_empty() {
            return Err(error());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port, addresses })
    }
}

/// Addresses that Umpire itself listens on.
#[derive(Debug, Clone, Default)]
pub struct OwnListenAddrs(Arc<RwLock<Vec<SocketAddr>>>);

impl OwnListenAddrs {
    /// One more.
    pub fn add(&self, address: SocketAddr) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(address);
    }

    /// True if a connection from `local` to `peer` leads to Umpire itself. Where it listens on every address of the
    /// machine, a connection to itself comes from the address that it goes to.
    pub(super) fn holds(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(|own| {
            own.port() == peer.port() && (own.ip() == peer.ip() || own.ip().is_unspecified() && local.ip() == peer.ip())
        })
    }
}

/// Why a connection is not made that would lead to an address which this machine keeps for itself.
pub(super) fn local_target() -> io::Error {
    let what = "it is an address of this machine itself (loopback or link-local), which clients of other machines are not let \
                through to";
    let remedy = "if they are to reach it, name that very address with --intercept, or open it with --to";
    Trouble { what: what.to_owned(), remedy: remedy.to_owned() }.into_error(io::ErrorKind::PermissionDenied)
}

/// The addresses that may be connected to for clients of other machines; an error if there are none left.
pub(super) fn without_local(mut addresses: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let any = !addresses.is_empty();
    addresses.retain(|address| !is_local(address.ip()));
    if any && addresses.is_empty() { Err(local_target()) } else { Ok(addresses) }
}

/// True for addresses that mean this machine alone, or its link: loopback, the unspecified ones (which a system connects
/// to itself), and link-local ones, where clouds keep a machine's credentials. IPv4 addresses within IPv6 ones count as
/// themselves: mapped and compatible ones (RFC 4291 section 2.5.5), NAT64's (RFC 6052) and 6to4's (RFC 3056).
pub(super) fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || within(ip).is_some_and(|ip| is_local(ip.into()))
        }
    }
}

/// The IPv4 address in an IPv6 address that is made of one.
fn within(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let at = |from: usize| <[u8; 4]>::try_from(&ip.octets()[from..from + 4]).ok().map(Ipv4Addr::from);
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => at(12),
        [0x2002, ..] => at(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_where_it_is_said_to_be() {
        let resolve: Resolve = "Booking.example.com:443:127.0.0.1,[::1]".parse().unwrap();
        assert_eq!((resolve.host.as_str(), resolve.port), ("booking.example.com", 443));
        assert_eq!(resolve.addresses, ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!("[::1]:80:10.0.0.1".parse::<Resolve>().unwrap().host, "::1");
        for wrong in ["", "a", "a:443", "a:443:", "a:x:127.0.0.1", ":443:127.0.0.1", "a:0:127.0.0.1", "a:443:b"] {
            assert!(wrong.parse::<Resolve>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn umpire_knows_itself() {
        let own = OwnListenAddrs::default();
        own.add("127.0.0.1:8080".parse().unwrap());
        own.add("0.0.0.0:9090".parse().unwrap());
        let holds = |local: &str, peer: &str| own.holds(local.parse().unwrap(), peer.parse().unwrap());
        assert!(holds("127.0.0.1:5", "127.0.0.1:8080"));
        assert!(holds("10.0.0.5:5", "10.0.0.5:9090"));
        assert!(!holds("10.0.0.5:5", "10.0.0.6:9090") && !holds("127.0.0.1:5", "127.0.0.1:8081"));
    }

    #[test]
    fn what_a_machine_keeps_for_itself_is_known_in_every_form() {
        for local in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for other in [
            "128.0.0.1",
            "10.0.0.1",
            "192.168.0.1",
            "169.253.0.1",
            "1.0.0.0",
            "::2:0:0",
            "fec0::1",
            "fd00::1",
            "2001:db8::7f00:1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
        ] {
            assert!(!is_local(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn of_several_addresses_only_the_others_are_left() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = addresses(&["127.0.0.1:80", "192.0.2.1:80", "[::1]:80"]);
        assert_eq!(without_local(mixed).unwrap(), addresses(&["192.0.2.1:80"]));
        let error = without_local(addresses(&["127.0.0.1:80", "[fe80::1]:80"])).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(without_local(vec![]).unwrap(), []);
    }
}
