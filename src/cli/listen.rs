//! Addresses to listen on: as people write them, and as others reach them.
//!
//! ```text
//! "8080", "localhost:8080", "[::1]:8080" ─► SocketAddr, or how to write it
//! 0.0.0.0:8080 ─► 127.0.0.1:8080 for this machine, 192.168.1.5:8080 for others
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

const THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An address and a port to listen on. A port alone is one of 127.0.0.1, as is one of localhost; names are not looked up.
///
/// # Errors
///
/// What is wrong, and how to write it.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let given = text.trim();
    if let Ok(address) = given.parse() {
        return Ok(address);
    }
    if given.contains('/') {
        return Err("a URL is no address to listen on: write address and port alone, such as 127.0.0.1:8080".to_owned());
    }
    if let Ok(ip) = given.parse::<IpAddr>() {
        return Err(bare(ip, given));
    }
    if given.starts_with('[') && given.ends_with(']') {
        return Err(format!("the port is missing: write {given}:8080"));
    }
    let Some((host, port)) = given.rsplit_once(':') else {
        return match number(given) {
            Some(port) => port.map(|port| SocketAddr::new(THIS_MACHINE, port)),
            None if given.is_empty() => Err("write ADDRESS:PORT, such as 127.0.0.1:8080".to_owned()),
            None => Err(format!("the port is missing: write {given}:8080, or a port alone for this machine")),
        };
    };
    let port = number(port).unwrap_or_else(|| Err(format!("{port:?} is no port: write a number behind the colon")))?;
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::new(THIS_MACHINE, port));
    }
    Err(match host {
        "" => format!(
            "the address is missing: write {port} for this machine alone, 0.0.0.0:{port} for other machines, too"
        ),
        "*" => format!("write 0.0.0.0:{port} for every IPv4 address of this machine, [::]:{port} for IPv6"),
        _ if host.parse::<Ipv6Addr>().is_ok() => format!("write an IPv6 address in brackets: [{host}]:{port}"),
        _ => format!(
            "names are not looked up to listen on: write an address of this machine, such as 127.0.0.1:{port}, or 0.0.0.0:{port} \
             for all of them"
        ),
    })
}

/// What to write in place of an address alone.
fn bare(ip: IpAddr, given: &str) -> String {
    if ip.is_ipv4() {
        return format!("the port is missing: write {given}:8080");
    }
    let with_port = given.rsplit_once(':').filter(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    match with_port {
        Some((address, port)) if number(port).is_some_and(|port| port.is_ok()) => {
            format!("write an IPv6 address in brackets, so that the port can be told from it: [{address}]:{port}")
        }
        _ => format!("the port is missing: write [{given}]:8080"),
    }
}

/// A port, if the text is a number.
fn number(text: &str) -> Option<Result<u16, String>> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().map_err(|_| format!("{text} is no port: ports are 0 (any that is free) to 65535")))
}

/// Where this machine reaches what listens at that address: loopback where it listens on all.
pub(crate) fn from_here(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => THIS_MACHINE,
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, at.port())
}

/// Where other machines most likely reach what listens on all addresses: at the one that this machine uses towards the
/// network. `None` if it listens on one address, or there is no network.
pub(crate) fn from_elsewhere(at: SocketAddr) -> Option<SocketAddr> {
    // Nothing is sent: the system only chooses the address. The far ones are kept for documentation (RFC 5737, RFC 3849).
    let (near, far) = match at.ip() {
        ip if !ip.is_unspecified() => return None,
        IpAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        IpAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    let socket = UdpSocket::bind(near).ok()?;
    socket.connect(far).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    let usable = match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    };
    usable.then(|| SocketAddr::new(ip, at.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_as_people_write_them() {
        for (text, meant) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            (" 8080 ", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("LocalHost:0", "127.0.0.1:0"),
            ("[::1]:8080", "[::1]:8080"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::]:80", "[::]:80"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn or_how_to_write_them_is_said() {
        for (text, way) in [
            (":8080", "write 8080 for this machine alone, 0.0.0.0:8080"),
            ("::1:8080", "[::1]:8080"),
            ("1:2:3:4:5:6:7:8:8080", "[1:2:3:4:5:6:7:8]:8080"),
            ("fe80::1", "[fe80::1]:8080"),
            ("::1", "[::1]:8080"),
            ("::", "[::]:8080"),
            ("[::1]", "[::1]:8080"),
            ("127.0.0.1", "127.0.0.1:8080"),
            ("localhost", "localhost:8080"),
            ("*:8080", "0.0.0.0:8080"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("127.0.0.1:", "is no port"),
            ("127.0.0.1:http", "is no port"),
            ("127.0.0.1:65536", "65536 is no port"),
            ("99999", "99999 is no port"),
            ("my-machine:8080", "127.0.0.1:8080"),
            ("256.0.0.1:80", "127.0.0.1:80"),
            ("-1", "port"),
            ("", "127.0.0.1:8080"),
        ] {
            let said = address(text).unwrap_err();
            assert!(said.contains(way), "{text}: {said}");
        }
    }

    #[test]
    fn nobody_is_told_to_connect_to_no_address() {
        let there = |text: &str| from_here(text.parse().unwrap()).to_string();
        assert_eq!(there("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(there("[::]:80"), "[::1]:80");
        assert_eq!(there("192.0.2.7:80"), "192.0.2.7:80");
        assert_eq!(from_elsewhere("192.0.2.7:80".parse().unwrap()), None);
        for all in ["0.0.0.0:80", "[::]:80"] {
            let elsewhere = from_elsewhere(all.parse().unwrap());
            assert!(elsewhere.is_none_or(|at| !at.ip().is_unspecified() && !at.ip().is_loopback()), "{elsewhere:?}");
        }
    }
}
