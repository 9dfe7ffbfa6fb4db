//! Loopback ports that stay with their server while it is down.

use rustix::net::{bind, getsockname, socket_with, sockopt, AddressFamily, SocketAddrAny, SocketFlags, SocketType};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

/// A port of a server, and the one of its cluster bus: bound here, without listening, for as long as this lives. The kernel gives them to nobody,
/// neither to an outgoing connection nor to who asks for any free port, yet lets the server listen on them, for it sets SO_REUSEADDR as we do.
/// So a server that is killed finds its port free again.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reserved: [OwnedFd; 2],
}

impl Port {
    /// Reserves one that nobody uses.
    #[track_caller]
    pub fn reserve() -> Self {
        for _ in 0..100 {
            let (server, number) = bound(0).expect("a free port");
            // Where a node of a cluster listens for others.
            let bus = number.checked_add(10_000).and_then(bound);
            if let Some((bus, _)) = bus {
                return Self { number, _reserved: [server, bus] };
            }
        }
        panic!("no free port in 100 attempts");
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

/// A socket that is bound to this port, 0 for any, and the port; none if it is in use. Only once it is bound may others bind to it too: two tests that
/// ask for the same port do not both get it.
fn bound(port: u16) -> Option<(OwnedFd, u16)> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).ok()?;
    sockopt::set_socket_reuseaddr(&socket, true).expect("an option of a socket");
    let address: SocketAddr = getsockname(&socket).and_then(SocketAddrAny::try_into).expect("the address of a socket");
    Some((socket, address.port()))
}
