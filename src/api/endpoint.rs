//! A peer's or listening point's name, and its resolution.
//!
//! A name is resolved when it is used. Local and in-process names and IP literals need nothing for
//! that. A host name's first use blocks in the system's resolver; later, when the result is older
//! than the time-out, a thread refreshes it while the old address is served. Endpoints are shared
//! by threads and belong to the caller; those still open at exit are closed by `close_all`.

use crate::abi::evpl_endpoint;
use crate::transport::PeerName;
use crate::transport::address::{Address, AddressKind};
use crate::{log_debug, log_error};
use core::ffi::{CStr, c_int};
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a resolved host name is used, in milliseconds. Set at initialisation.
pub static RESOLVE_TIMEOUT_MS: AtomicU32 = AtomicU32::new(5000);

#[derive(Debug)]
pub struct Endpoint {
    /// As the caller gave it, in-process names with their prefix.
    address: CString,
    port: c_int,
    target: Target,
    /// The peer's name in TLS, if it is another than the one above.
    tls_name: Mutex<Option<Arc<str>>>,
}

#[derive(Debug)]
enum Target {
    Local(Arc<Address>),
    Inproc(Arc<Address>),
    Literal(Arc<Address>),
    Host(Arc<Host>),
    /// An inet name that cannot be resolved, with the reason.
    Unusable(&'static str),
}

impl Endpoint {
    /// NULL, after a line in the log, for an address no endpoint can have.
    pub fn create(address: Option<&CStr>, port: c_int) -> *mut evpl_endpoint {
        publish("endpoint", address, |address| Endpoint::new(address, port))
    }

    /// An endpoint on this machine: `/path` or `@name`.
    pub fn create_local(path: Option<&CStr>) -> *mut evpl_endpoint {
        publish("local endpoint", path, Endpoint::new_local)
    }

    /// An endpoint in this process, by its bare name.
    pub fn create_inproc(name: Option<&CStr>) -> *mut evpl_endpoint {
        publish("inproc endpoint", name, Endpoint::new_inproc)
    }

    /// Frees the endpoint. Who resolved it keeps the address.
    ///
    /// # Safety
    /// No other thread uses the endpoint, and no reference to it is left.
    pub unsafe fn close(endpoint: *mut evpl_endpoint) {
        // A program's own exit handler may come after ours, which closed the endpoint already.
        if !open_endpoints().remove(&endpoint.addr()) {
            log_error!("core", "close of an endpoint that is not open");
            return;
        }
        // SAFETY: the set holds what `publish` made from a box, each until it is taken out.
        drop(unsafe { Box::from_raw(endpoint.cast::<Endpoint>()) });
    }

    pub fn is_local(&self) -> bool {
        self.kind() == AddressKind::Local
    }

    pub fn is_inproc(&self) -> bool {
        self.kind() == AddressKind::Inproc
    }

    pub fn kind(&self) -> AddressKind {
        match self.target {
            Target::Local(_) => AddressKind::Local,
            Target::Inproc(_) => AddressKind::Inproc,
            Target::Literal(_) | Target::Host(_) | Target::Unusable(_) => AddressKind::Inet,
        }
    }

    pub fn address(&self) -> &CStr {
        &self.address
    }

    pub fn port(&self) -> c_int {
        self.port
    }

    /// False for what cannot be a host name.
    pub fn set_tls_name(&self, name: Option<&CStr>) -> bool {
        let name = match name.map(CStr::to_str) {
            None => None,
            Some(Ok(name)) if PeerName::is_host_name(name) => Some(name.into()),
            Some(_) => return false,
        };
        *self.tls_name.lock().unwrap_or_else(PoisonError::into_inner) = name;
        true
    }

    /// The name by which a program knows the peer.
    pub fn peer_name(&self) -> PeerName {
        let chosen = self.tls_name.lock().unwrap_or_else(PoisonError::into_inner);
        match &*chosen {
            Some(name) => PeerName::Chosen(name.clone()),
            None => match &self.target {
                Target::Host(host) => PeerName::Host(host.name.clone()),
                _ => PeerName::None,
            },
        }
    }

    /// The address to use now; none, after a line in the log, if the name leads nowhere.
    pub fn resolve(&self) -> Option<Arc<Address>> {
        match &self.target {
            Target::Local(address) | Target::Inproc(address) | Target::Literal(address) => {
                Some(address.clone())
            }
            Target::Host(host) => host.resolve(),
            Target::Unusable(reason) => {
                let (name, port) = (self.address.to_string_lossy(), self.port);
                log_error!(
                    "core",
                    "endpoint {name} port {port} does not resolve: {reason}"
                );
                None
            }
        }
    }

    fn new(address: &CStr, port: c_int) -> Result<Endpoint, &'static str> {
        let bytes = address.to_bytes();
        if matches!(bytes.first(), Some(b'/' | b'@')) {
            return Endpoint::new_local(address);
        }
        if bytes.starts_with(INPROC_PREFIX) {
            let name = &address.to_bytes_with_nul()[INPROC_PREFIX.len()..];
            return Endpoint::new_inproc(
                CStr::from_bytes_with_nul(name).expect("the end of a C string is one"),
            );
        }
        if bytes.len() > HOST_LEN_MAX {
            return Err("longer than 255 bytes");
        }
        Ok(Endpoint {
            address: address.to_owned(),
            port,
            target: inet_target(address, port),
            tls_name: Mutex::default(),
        })
    }

    fn new_local(path: &CStr) -> Result<Endpoint, &'static str> {
        match path.to_bytes() {
            [b'/' | b'@'] | [] => Err("fewer than 2 characters"),
            name @ [b'/', ..] if name.len() <= PATH_LEN_MAX => Ok(name),
            name @ [b'@', ..] if name.len() <= ABSTRACT_LEN_MAX => Ok(name),
            [b'/' | b'@', ..] => Err("too long for a local address"),
            _ => Err("neither /path nor @name"),
        }
        .map(|name| Endpoint {
            address: path.to_owned(),
            port: 0,
            target: Target::Local(Arc::new(Address::local(name))),
            tls_name: Mutex::default(),
        })
    }

    fn new_inproc(name: &CStr) -> Result<Endpoint, &'static str> {
        let bytes = name.to_bytes();
        if bytes.is_empty() {
            return Err("empty name");
        }
        if bytes.len() > INPROC_LEN_MAX {
            return Err("name longer than 107 bytes");
        }
        let address = CString::new([INPROC_PREFIX, bytes].concat())
            .expect("the name is a C string and the prefix has no zero");
        let target = Target::Inproc(Arc::new(Address::inproc(bytes.into(), 0)));
        Ok(Endpoint {
            address,
            port: 0,
            target,
            tls_name: Mutex::default(),
        })
    }
}

/// Closes what the program left open. For process exit.
pub fn close_all() {
    let open = core::mem::take(&mut *open_endpoints());
    close_each(open);
}

/// Frees endpoints that were taken out of the open ones.
fn close_each(endpoints: BTreeSet<usize>) {
    for endpoint in endpoints {
        let endpoint = core::ptr::with_exposed_provenance_mut::<Endpoint>(endpoint);
        // SAFETY: the set holds what `publish` made from a box, each until it is taken out.
        drop(unsafe { Box::from_raw(endpoint) });
    }
}

const HOST_LEN_MAX: usize = 255;
const PATH_LEN_MAX: usize = 107;
const ABSTRACT_LEN_MAX: usize = 108;
const INPROC_LEN_MAX: usize = 107;
const INPROC_PREFIX: &[u8] = b"inproc://";

/// The addresses of all open endpoints.
static OPEN: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn open_endpoints() -> MutexGuard<'static, BTreeSet<usize>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn publish(
    what: &str,
    name: Option<&CStr>,
    new: impl Fn(&CStr) -> Result<Endpoint, &'static str>,
) -> *mut evpl_endpoint {
    super::global::ensure_init();
    match name.map_or(Err("the name is NULL"), new) {
        Ok(endpoint) => {
            let endpoint = Box::into_raw(Box::new(endpoint));
            open_endpoints().insert(endpoint.expose_provenance());
            endpoint.cast()
        }
        Err(reason) => {
            let name = name.unwrap_or_default().to_string_lossy();
            log_error!("core", "{what} {name} refused: {reason}");
            core::ptr::null_mut()
        }
    }
}

fn inet_target(name: &CStr, port: c_int) -> Target {
    let Ok(port) = u16::try_from(port) else {
        return Target::Unusable("port out of range");
    };
    let Ok(name) = name.to_str() else {
        return Target::Unusable("not a host name");
    };
    match name.parse::<IpAddr>() {
        Ok(ip) => Target::Literal(Arc::new(Address::from(SocketAddr::new(ip, port)))),
        Err(_) => Target::Host(Arc::new(Host::new(name, port, lookup_system))),
    }
}

type Lookup = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

fn lookup_system(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((name, port).to_socket_addrs()?.collect())
}

/// A host name and what it last resolved to. Shared with the thread that refreshes it, which may
/// outlive the endpoint.
#[derive(Debug)]
struct Host {
    name: Arc<str>,
    port: u16,
    lookup: Lookup,
    resolved: RwLock<Option<Resolved>>,
    /// Held during the first lookup, so that other threads wait for its result.
    first: Mutex<()>,
    /// Whether a thread is refreshing.
    refreshing: AtomicBool,
}

#[derive(Clone, Debug)]
struct Resolved {
    address: Arc<Address>,
    /// When the resolver last answered, or failed to: a failure must not make each use start a
    /// thread.
    asked: Instant,
}

impl Host {
    fn new(name: &str, port: u16, lookup: Lookup) -> Host {
        Host {
            name: name.into(),
            port,
            lookup,
            resolved: RwLock::new(None),
            first: Mutex::new(()),
            refreshing: AtomicBool::new(false),
        }
    }

    fn resolve(self: &Arc<Self>) -> Option<Arc<Address>> {
        let Some(resolved) = self.resolved() else {
            return self.resolve_first();
        };
        let timeout_ms = RESOLVE_TIMEOUT_MS.load(Ordering::Relaxed);
        if resolved.asked.elapsed() > Duration::from_millis(timeout_ms.into()) {
            self.resolve_refresh(&resolved.address);
        }
        Some(resolved.address)
    }

    fn resolve_first(&self) -> Option<Arc<Address>> {
        let _first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resolved) = self.resolved() {
            return Some(resolved.address);
        }
        match self.ask() {
            Ok(address) => {
                self.store(address.clone());
                Some(address)
            }
            Err(error) => {
                log_error!(
                    "core",
                    "host {} port {} does not resolve: {error}",
                    self.name,
                    self.port
                );
                None
            }
        }
    }

    fn resolve_refresh(self: &Arc<Self>, stale: &Arc<Address>) {
        if self.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (host, stale) = (self.clone(), stale.clone());
        let refresh = move || {
            let address = host.ask().unwrap_or_else(|error| {
                log_debug!("core", "host {} keeps address {stale}: {error}", host.name);
                stale
            });
            host.store(address);
            host.refreshing.store(false, Ordering::Release);
        };
        let spawned = std::thread::Builder::new()
            .name("evpl-resolve".into())
            .spawn(refresh);
        if let Err(error) = spawned {
            log_error!("core", "host {} cannot be refreshed: {error}", self.name);
            self.refreshing.store(false, Ordering::Release);
        }
    }

    /// Asks the resolver and picks one of the addresses of the preferred family.
    fn ask(&self) -> io::Result<Arc<Address>> {
        let mut found = (self.lookup)(&self.name, self.port)?;
        if found.iter().any(SocketAddr::is_ipv4) {
            found.retain(SocketAddr::is_ipv4);
        }
        found.sort_unstable();
        found.dedup();
        match found.len() {
            0 => Err(io::Error::other("the resolver knows no address")),
            count => Ok(Arc::new(Address::from(
                found[(random() % count as u64) as usize],
            ))),
        }
    }

    fn resolved(&self) -> Option<Resolved> {
        self.resolved
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn store(&self, address: Arc<Address>) {
        let resolved = Resolved {
            address,
            asked: Instant::now(),
        };
        *self
            .resolved
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(resolved);
    }
}

/// Spreads load, no more. The application's `rand` sequence is left alone. This is SplitMix64,
/// whose state is a counter and so can be shared.
fn random() -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0);
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    if STATE.load(Ordering::Relaxed) == 0 {
        let seed = crate::time::monotonic_ns() ^ (u64::from(std::process::id()) << 32);
        STATE.fetch_add(seed | 1, Ordering::Relaxed);
    }
    let mut value = STATE.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(endpoint: &Endpoint) -> Option<String> {
        endpoint.resolve().map(|address| address.to_string())
    }

    fn new(name: &CStr, port: c_int) -> Endpoint {
        Endpoint::new(name, port).unwrap()
    }

    #[test]
    fn a_literal_resolves_in_line_and_a_bad_port_never() {
        assert_eq!(text(&new(c"10.1.2.3", 80)).unwrap(), "10.1.2.3:80");
        assert_eq!(text(&new(c"::1", 65_535)).unwrap(), "[::1]:65535");
        assert_eq!(text(&new(c"0.0.0.0", 0)).unwrap(), "0.0.0.0:0");
        for port in [-1, 65_536] {
            let endpoint = new(c"10.1.2.3", port);
            assert_eq!((endpoint.port(), text(&endpoint)), (port, None));
        }
        assert_eq!(text(&new(c"\xff", 1)), None);
    }

    #[test]
    fn prefixes_choose_the_kind() {
        let path = new(c"/tmp/s", 9);
        assert!(path.is_local() && !path.is_inproc());
        assert_eq!(
            (path.port(), text(&path).unwrap()),
            (0, "unix:/tmp/s".into())
        );
        let name = new(c"inproc://a/b c", 9);
        assert!(name.is_inproc() && !name.is_local());
        assert_eq!((name.port(), name.address()), (0, c"inproc://a/b c"));
        assert_eq!(text(&name).unwrap(), "inproc:a/b c");
        let host = new(c"relative/path", 9);
        assert_eq!((host.kind(), host.port()), (AddressKind::Inet, 9));
    }

    fn padded(prefix: &str, len: usize) -> CString {
        CString::new(format!("{prefix:x<len$}")).unwrap()
    }

    #[test]
    fn names_have_their_limits() {
        for bad in [c"relative/path", c"", c"@", c"/", c"nohost"] {
            assert!(Endpoint::new_local(bad).is_err());
        }
        assert!(Endpoint::new_local(&padded("/", 107)).is_ok());
        assert!(Endpoint::new_local(&padded("/", 108)).is_err());
        assert!(Endpoint::new_local(&padded("@", 108)).is_ok());
        assert!(Endpoint::new_local(&padded("@", 109)).is_err());
        assert!(Endpoint::new_inproc(c"").is_err());
        assert!(Endpoint::new(c"inproc://", 0).is_err());
        assert!(Endpoint::new_inproc(&padded("", 107)).is_ok());
        assert!(Endpoint::new_inproc(&padded("", 108)).is_err());
        assert!(Endpoint::new(&padded("", 255), 0).is_ok());
        assert!(Endpoint::new(&padded("", 256), 0).is_err());
    }

    #[test]
    fn handles_are_closed_once_and_null_names_refused() {
        assert!(Endpoint::create(None, 1).is_null());
        assert!(Endpoint::create_local(None).is_null());
        assert!(Endpoint::create_inproc(None).is_null());
        let raw = Endpoint::create_inproc(Some(c"n"));
        assert!(open_endpoints().contains(&raw.addr()));
        // SAFETY: just created, and not used elsewhere.
        unsafe { Endpoint::close(raw) };
        assert!(!open_endpoints().contains(&raw.addr()));
        // Not `close_all`: other tests have endpoints open.
        let left = Endpoint::create(Some(c"1.2.3.4"), 5);
        close_each(
            open_endpoints()
                .extract_if(left.addr()..=left.addr(), |_| true)
                .collect(),
        );
        assert!(!open_endpoints().contains(&left.addr()));
        // SAFETY: refused without a look at the memory.
        unsafe { Endpoint::close(raw) };
    }

    #[test]
    fn a_system_lookup_finds_this_host() {
        if lookup_system("localhost", 1).is_err() {
            println!("skipped: localhost has no entry");
            return;
        }
        let found = text(&new(c"localhost", 80)).unwrap();
        assert!(found == "127.0.0.1:80" || found == "[::1]:80", "{found}");
        assert_eq!(text(&new(c"name with spaces.invalid", 80)), None);
    }

    fn host(lookup: Lookup) -> Arc<Host> {
        Arc::new(Host::new("h", 7, lookup))
    }

    #[test]
    fn ipv4_is_preferred_and_each_address_is_picked() {
        let many = host(|_, port| {
            let ips = ["::5", "1.1.1.1", "2.2.2.2", "1.1.1.1"];
            Ok(ips
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), port))
                .to_vec())
        });
        let picks: BTreeSet<_> = (0..200).map(|_| many.ask().unwrap().to_string()).collect();
        assert_eq!(
            picks.into_iter().collect::<Vec<_>>(),
            ["1.1.1.1:7", "2.2.2.2:7"]
        );
        let six = host(|_, port| Ok(vec![SocketAddr::new("::5".parse().unwrap(), port)]));
        assert_eq!(six.resolve().unwrap().to_string(), "[::5]:7");
        assert!(host(|_, _| Ok(vec![])).resolve().is_none());
    }

    #[test]
    fn a_stale_address_is_served_while_a_thread_refreshes_it() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        static GATE: Mutex<()> = Mutex::new(());
        let host = host(|_, port| {
            let call = CALLS.fetch_add(1, Ordering::SeqCst);
            let _open = GATE.lock().unwrap();
            match call {
                2 => Err(io::Error::other("resolver down")),
                _ => Ok(vec![SocketAddr::new([9, 9, 9, call as u8].into(), port)]),
            }
        });
        let now = || host.resolve().unwrap().to_string();
        let age = || {
            let mut resolved = host.resolved.write().unwrap();
            let resolved = resolved.as_mut().unwrap();
            resolved.asked = resolved
                .asked
                .checked_sub(Duration::from_secs(3600))
                .unwrap();
        };
        let wait = || {
            while host.refreshing.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
        };
        assert_eq!((now(), now()), ("9.9.9.0:7".into(), "9.9.9.0:7".into()));
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);

        age();
        let gate = GATE.lock().unwrap();
        assert_eq!((now(), now()), ("9.9.9.0:7".into(), "9.9.9.0:7".into()));
        drop(gate);
        wait();
        assert_eq!(
            (now(), CALLS.load(Ordering::SeqCst)),
            ("9.9.9.1:7".into(), 2)
        );

        // A failed refresh keeps the address and is not repeated at once.
        age();
        assert_eq!(now(), "9.9.9.1:7");
        wait();
        assert_eq!(
            (now(), CALLS.load(Ordering::SeqCst)),
            ("9.9.9.1:7".into(), 3)
        );
    }

    #[test]
    fn concurrent_first_uses_ask_once() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let host = host(|_, port| {
            CALLS.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            Ok(vec![SocketAddr::new([1, 2, 3, 4].into(), port)])
        });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(host.resolve().unwrap().to_string(), "1.2.3.4:7"));
            }
        });
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    }
}
