//! Where a server listens and how its clients reach it.
//!
//! A server has up to three points. One echoes, one counts: it answers with how much it received. Where
//! there are one-sided operations one offers memory: it says where as soon as somebody connects. Inet
//! servers have them on neighbouring ports, Unix ones at as many paths, in-process ones under as many names.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::ffi::{Endpoint, Kind, Protocol};

pub struct Route {
    pub echo: Endpoint,
    pub count: Endpoint,
    pub memory: Endpoint,
    /// Where a client of a protocol without connections binds.
    pub client: Option<Endpoint>,
    /// For people.
    pub text: String,
    /// Removed with the route.
    _directory: Option<Directory>,
}

/// Ports are taken again and again until their neighbours are free.
const ATTEMPTS_MAX: u32 = 100;

impl Route {
    /// A free place for client and server in this process.
    pub fn within(protocol: Protocol) -> Result<Route, String> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        match protocol.kind {
            Kind::Inet => Route::at(protocol, &Ipv4Addr::LOCALHOST.to_string(), free_ports()?),
            Kind::Inproc => Route::named(&format!("inproc://evpl_perf-{serial}"), None),
            Kind::Local => {
                let directory = Directory::new(serial)?;
                let path = directory.0.join("socket");
                let path = path.to_str().ok_or("the temporary directory is not text")?;
                Route::named(path, Some(directory))
            }
        }
    }

    /// The place that two processes agreed on.
    pub fn at(protocol: Protocol, address: &str, port: u16) -> Result<Route, String> {
        match protocol.kind {
            Kind::Inproc => Err("client and server have to be one process".to_owned()),
            Kind::Local => Route::named(address, None),
            Kind::Inet => Ok(Route {
                echo: Endpoint::new(address, port)?,
                count: Endpoint::new(address, port + 1)?,
                memory: Endpoint::new(address, port + 2)?,
                client: Some(Endpoint::new(&client_address(address), 0)?),
                text: format!("{address} ports {port} to {}", port + 2),
                _directory: None,
            }),
        }
    }

    fn named(name: &str, directory: Option<Directory>) -> Result<Route, String> {
        Ok(Route {
            echo: Endpoint::new(name, 0)?,
            count: Endpoint::new(&format!("{name}.count"), 0)?,
            memory: Endpoint::new(&format!("{name}.memory"), 0)?,
            client: None,
            text: format!("{name} and {name}.count"),
            _directory: directory,
        })
    }
}

/// To reach loopback a client has to be on it; from anywhere else the host chooses.
fn client_address(server: &str) -> String {
    match server.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => address.to_string(),
        Ok(IpAddr::V6(_)) => "::".to_owned(),
        _ => Ipv4Addr::UNSPECIFIED.to_string(),
    }
}

/// A port that is free now, and so are the next two.
fn free_ports() -> Result<u16, String> {
    for _ in 0..ATTEMPTS_MAX {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let port = first
            .as_ref()
            .ok()
            .and_then(|listener| listener.local_addr().ok())
            .map(|address| address.port());
        if let Some(port) = port
            && port <= u16::MAX - 2
            && [port + 1, port + 2]
                .iter()
                .all(|next| TcpListener::bind((Ipv4Addr::LOCALHOST, *next)).is_ok())
        {
            return Ok(port);
        }
    }
    Err("no three neighbouring ports are free on loopback".to_owned())
}

struct Directory(PathBuf);

impl Directory {
    fn new(serial: u32) -> Result<Directory, String> {
        let path = std::env::temp_dir().join(format!("evpl_perf-{}-{serial}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left is in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_binds_where_it_can_reach_the_server() {
        assert_eq!(client_address("127.0.0.1"), "127.0.0.1");
        assert_eq!(client_address("::1"), "::1");
        assert_eq!(client_address("10.0.0.1"), "0.0.0.0");
        assert_eq!(client_address("2001:db8::1"), "::");
        assert_eq!(client_address("host.example"), "0.0.0.0");
    }

    #[test]
    fn a_temporary_directory_goes_with_its_owner() {
        let directory = Directory::new(u32::MAX).unwrap();
        let path = directory.0.clone();
        fs::write(path.join("file"), "x").unwrap();
        drop(directory);
        assert!(!path.exists());
    }
}
