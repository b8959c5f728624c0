//! A resolved address: what an endpoint's name became, or who a peer is.
//!
//! Immutable and shared: binds and queued messages hold an `Arc<Address>` each. C holds one as an
//! opaque pointer, which is that `Arc`'s. In-process names have no kernel form.

use crate::abi::evpl_address;
use crate::sys::socket::interface_name;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

/// What kind of name leads to an address, and what kind of address a protocol takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    Inet,
    Local,
    Inproc,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Form);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    V4(SocketAddrV4),
    V6(SocketAddrV6),
    Path(Box<[u8]>),
    /// Without the leading zero.
    Abstract(Box<[u8]>),
    Unnamed,
    /// Serial 0 is the listener, others number the connections to it.
    Inproc {
        name: Arc<[u8]>,
        serial: u32,
    },
    Other(u16),
}

const _: () = assert!(size_of::<Address>() <= 40);

impl Address {
    /// From what the kernel filled in. `len` is what it returned, which may exceed the storage.
    pub fn from_sockaddr(storage: &libc::sockaddr_storage, len: libc::socklen_t) -> Address {
        // SAFETY: the structure is initialised, has no padding, and is read as bytes within its size.
        let bytes = unsafe { &*core::ptr::from_ref(storage).cast::<[u8; STORAGE_LEN]>() };
        Address(from_bytes(&bytes[..STORAGE_LEN.min(len as usize)]))
    }

    /// Puts the kernel's form into `storage`; 0 when there is none.
    pub fn to_sockaddr(&self, storage: &mut libc::sockaddr_storage) -> libc::socklen_t {
        // SAFETY: the structure is initialised and any bytes are valid in it.
        let bytes = unsafe { &mut *core::ptr::from_mut(storage).cast::<[u8; STORAGE_LEN]>() };
        to_bytes(&self.0, bytes) as libc::socklen_t
    }

    /// From the name of a local endpoint: `/path` or `@name`.
    pub fn local(name: &[u8]) -> Address {
        match name.split_first() {
            Some((b'@', name)) => Address(Form::Abstract(name.into())),
            _ => Address(Form::Path(name.into())),
        }
    }

    pub fn inproc(name: Arc<[u8]>, serial: u32) -> Address {
        Address(Form::Inproc { name, serial })
    }

    /// `None` for a family that no protocol here uses.
    pub fn kind(&self) -> Option<AddressKind> {
        match self.0 {
            Form::V4(_) | Form::V6(_) => Some(AddressKind::Inet),
            Form::Path(_) | Form::Abstract(_) | Form::Unnamed => Some(AddressKind::Local),
            Form::Inproc { .. } => Some(AddressKind::Inproc),
            Form::Other(_) => None,
        }
    }

    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.0 {
            Form::V4(addr) => Some(addr.into()),
            Form::V6(addr) => Some(addr.into()),
            _ => None,
        }
    }

    /// The file of a local address, if it has one.
    pub fn path(&self) -> Option<&[u8]> {
        match &self.0 {
            Form::Path(path) => Some(path),
            _ => None,
        }
    }

    pub fn inproc_name(&self) -> Option<&Arc<[u8]>> {
        match &self.0 {
            Form::Inproc { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The argument for socket(2).
    pub fn family(&self) -> libc::c_int {
        match self.0 {
            Form::V4(_) => libc::AF_INET,
            Form::V6(_) => libc::AF_INET6,
            Form::Path(_) | Form::Abstract(_) | Form::Unnamed => libc::AF_UNIX,
            Form::Inproc { .. } => libc::AF_UNSPEC,
            Form::Other(family) => libc::c_int::from(family),
        }
    }

    /// What C reads about an address that may be absent.
    pub fn text(address: Option<&Address>) -> String {
        address.map_or_else(|| "(NULL)".to_owned(), Address::to_string)
    }

    /// The pointer C sees while the caller keeps its reference.
    pub fn as_raw(this: &Arc<Address>) -> *mut evpl_address {
        Arc::as_ptr(this).cast_mut().cast()
    }

    /// Gives the reference to the pointer.
    pub fn into_raw(this: Arc<Address>) -> *mut evpl_address {
        Arc::into_raw(this).cast_mut().cast()
    }

    /// Takes the reference back.
    ///
    /// # Safety
    /// The pointer came from `into_raw`, whose reference has not been taken back.
    pub unsafe fn from_raw(raw: *mut evpl_address) -> Arc<Address> {
        // SAFETY: the contract above.
        unsafe { Arc::from_raw(raw.cast::<Address>()) }
    }

    /// Another reference to what the pointer leads to.
    ///
    /// # Safety
    /// The pointer came from `into_raw` or `as_raw`, and that reference still exists.
    pub unsafe fn clone_raw(raw: *mut evpl_address) -> Arc<Address> {
        let raw = raw.cast::<Address>();
        // SAFETY: the contract above; the new count is the result's.
        unsafe {
            Arc::increment_strong_count(raw);
            Arc::from_raw(raw)
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Address {
        match addr {
            SocketAddr::V4(addr) => Address(Form::V4(addr)),
            SocketAddr::V6(addr) => Address(Form::V6(addr)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match &self.0 {
            Form::V4(addr) => write!(out, "{}:{}", addr.ip(), addr.port()),
            Form::V6(addr) => match compatible_v4(addr.ip()) {
                Some(v4) => write!(out, "[::{v4}]:{}", addr.port()),
                None => write!(out, "[{}{}]:{}", addr.ip(), Zone(addr), addr.port()),
            },
            Form::Path(path) => write!(out, "unix:{}", String::from_utf8_lossy(path)),
            // Zeros are legal in these names and would end the text for C.
            Form::Abstract(name) => {
                write!(
                    out,
                    "unix:@{}",
                    String::from_utf8_lossy(name).replace('\0', "@")
                )
            }
            Form::Unnamed => out.write_str("unix:*"),
            Form::Inproc { name, serial } => {
                write!(out, "inproc:{}", String::from_utf8_lossy(name))?;
                if *serial != 0 {
                    write!(out, "#{serial}")
                } else {
                    Ok(())
                }
            }
            Form::Other(family) => write!(out, "(family {family})"),
        }
    }
}

/// The zone of an address that means something on one link only, as `%eth0`; empty for any other.
struct Zone<'a>(&'a SocketAddrV6);

impl fmt::Display for Zone<'_> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (first, zone) = (self.0.ip().segments()[0], self.0.scope_id());
        // Unicast of RFC 4291 section 2.5.6, and multicast of the interface and the link.
        let is_of_a_link = first & 0xffc0 == 0xfe80 || matches!(first & 0xff0f, 0xff01 | 0xff02);
        if zone == 0 || !is_of_a_link {
            return Ok(());
        }
        match interface_name(zone) {
            Some(name) => write!(out, "%{name}"),
            // It is gone, or in another network namespace.
            None => write!(out, "%{zone}"),
        }
    }
}

const STORAGE_LEN: usize = size_of::<libc::sockaddr_storage>();
const V4_LEN: usize = size_of::<libc::sockaddr_in>();
const V6_LEN: usize = size_of::<libc::sockaddr_in6>();
/// Where the name starts in a local address, and how long it can be.
const PATH_OFFSET: usize = core::mem::offset_of!(libc::sockaddr_un, sun_path);
const PATH_LEN_MAX: usize = size_of::<libc::sockaddr_un>() - PATH_OFFSET;

fn from_bytes(bytes: &[u8]) -> Form {
    let Some((family, _)) = bytes.split_first_chunk() else {
        return Form::Other(0);
    };
    let family = u16::from_ne_bytes(*family);
    match libc::c_int::from(family) {
        libc::AF_INET if bytes.len() >= V4_LEN => Form::V4(SocketAddrV4::new(
            Ipv4Addr::from(array::<4>(bytes, 4)),
            port(bytes),
        )),
        libc::AF_INET6 if bytes.len() >= V6_LEN => Form::V6(SocketAddrV6::new(
            Ipv6Addr::from(array::<16>(bytes, 8)),
            port(bytes),
            u32::from_ne_bytes(array(bytes, 4)),
            u32::from_ne_bytes(array(bytes, 24)),
        )),
        libc::AF_UNIX => match &bytes[PATH_OFFSET..] {
            [] => Form::Unnamed,
            [0, name @ ..] => Form::Abstract(name.into()),
            // The count may include the terminator, and need not.
            path => Form::Path(
                path.split(|byte| *byte == 0)
                    .next()
                    .unwrap_or_default()
                    .into(),
            ),
        },
        _ => Form::Other(family),
    }
}

/// The used length; what lies behind it is not touched.
fn to_bytes(form: &Form, bytes: &mut [u8; STORAGE_LEN]) -> usize {
    let mut len = 0;
    let mut put = |part: &[u8]| {
        bytes[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    };
    match form {
        Form::V4(addr) => {
            put(&(libc::AF_INET as u16).to_ne_bytes());
            put(&addr.port().to_be_bytes());
            put(&addr.ip().octets());
            put(&[0; 8]);
        }
        Form::V6(addr) => {
            put(&(libc::AF_INET6 as u16).to_ne_bytes());
            put(&addr.port().to_be_bytes());
            put(&addr.flowinfo().to_ne_bytes());
            put(&addr.ip().octets());
            put(&addr.scope_id().to_ne_bytes());
        }
        Form::Path(path) => {
            put(&(libc::AF_UNIX as u16).to_ne_bytes());
            put(&path[..path.len().min(PATH_LEN_MAX)]);
            if path.len() < PATH_LEN_MAX {
                put(&[0]);
            }
        }
        Form::Abstract(name) => {
            put(&(libc::AF_UNIX as u16).to_ne_bytes());
            put(&[0]);
            put(&name[..name.len().min(PATH_LEN_MAX - 1)]);
        }
        Form::Unnamed => put(&(libc::AF_UNIX as u16).to_ne_bytes()),
        Form::Inproc { .. } | Form::Other(_) => (),
    }
    len
}

fn array<const LEN: usize>(bytes: &[u8], offset: usize) -> [u8; LEN] {
    *bytes[offset..]
        .first_chunk()
        .expect("the caller checked the length of the whole")
}

fn port(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(array(bytes, 2))
}

/// C's text form shows `::a.b.c.d` for these, Rust's does not.
fn compatible_v4(ip: &Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = ip.segments();
    let octets = ip.octets();
    (segments[..6] == [0; 6] && segments[6] != 0).then(|| Ipv4Addr::from(array::<4>(&octets, 12)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> libc::sockaddr_storage {
        // SAFETY: all zeros is a valid value of this structure.
        unsafe { core::mem::zeroed() }
    }

    fn round_trip(address: &Address) -> (Address, libc::socklen_t) {
        let mut storage = storage();
        let len = address.to_sockaddr(&mut storage);
        (Address::from_sockaddr(&storage, len), len)
    }

    fn inet(text: &str) -> Address {
        Address::from(text.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn texts_are_the_documented_ones() {
        let name: Arc<[u8]> = Arc::from(&b"srv"[..]);
        for (address, text) in [
            (inet("10.0.0.1:80"), "10.0.0.1:80"),
            (inet("[2001:db8::1]:443"), "[2001:db8::1]:443"),
            (inet("[::1]:1"), "[::1]:1"),
            (inet("[::]:0"), "[::]:0"),
            (inet("[::ffff:1.2.3.4]:5"), "[::ffff:1.2.3.4]:5"),
            (inet("[::1.2.3.4]:5"), "[::1.2.3.4]:5"),
            (inet("[fe80::1]:5"), "[fe80::1]:5"),
            (inet("[fe80::1%1]:5"), "[fe80::1%lo]:5"),
            (inet("[ff02::1%1]:5"), "[ff02::1%lo]:5"),
            (inet("[fe80::1%2147483647]:5"), "[fe80::1%2147483647]:5"),
            (inet("[2001:db8::1%1]:5"), "[2001:db8::1]:5"),
            (Address::local(b"/tmp/s"), "unix:/tmp/s"),
            (Address::local(b"@name"), "unix:@name"),
            (Address::local(b"@a\0b"), "unix:@a@b"),
            (Address(Form::Unnamed), "unix:*"),
            (Address::inproc(name.clone(), 0), "inproc:srv"),
            (
                Address::inproc(name, 4_294_967_295),
                "inproc:srv#4294967295",
            ),
            (Address(Form::Other(17)), "(family 17)"),
        ] {
            assert_eq!(address.to_string(), text);
            assert_eq!(Address::text(Some(&address)), text);
        }
        assert_eq!(Address::text(None), "(NULL)");
    }

    #[test]
    fn kernel_forms_round_trip() {
        let long_path = [b"/".as_slice(), &[b'p'; 106]].concat();
        let long_name = [b"@".as_slice(), &[b'n'; 107]].concat();
        for (address, expected_len) in [
            (inet("192.168.1.2:65535"), 16),
            (inet("[fe80::1:2%7]:443"), 28),
            (Address::local(b"/tmp/s"), 2 + 6 + 1),
            (Address::local(&long_path), 110),
            (Address::local(b"@name"), 2 + 5),
            (Address::local(&long_name), 110),
            (Address(Form::Unnamed), 2),
        ] {
            let (back, len) = round_trip(&address);
            assert_eq!((back, len), (address, expected_len));
        }
    }

    #[test]
    fn the_kernel_form_is_what_libc_lays_out() {
        let mut storage = storage();
        inet("1.2.3.4:258").to_sockaddr(&mut storage);
        // SAFETY: the storage holds an address of this family.
        let addr = unsafe { &*(&raw const storage).cast::<libc::sockaddr_in>() };
        assert_eq!(libc::c_int::from(addr.sin_family), libc::AF_INET);
        assert_eq!(u16::from_be(addr.sin_port), 258);
        assert_eq!(u32::from_be(addr.sin_addr.s_addr), 0x0102_0304);
        inet("[1::2%9]:258").to_sockaddr(&mut storage);
        // SAFETY: the storage holds an address of this family.
        let addr = unsafe { &*(&raw const storage).cast::<libc::sockaddr_in6>() };
        assert_eq!(u16::from_be(addr.sin6_port), 258);
        assert_eq!(
            (addr.sin6_addr.s6_addr[1], addr.sin6_addr.s6_addr[15]),
            (1, 2)
        );
        assert_eq!(addr.sin6_scope_id, 9);
    }

    #[test]
    fn odd_lengths_from_the_kernel_are_survived() {
        let mut storage = storage();
        assert_eq!(
            Address::from_sockaddr(&storage, 0).to_string(),
            "(family 0)"
        );
        storage.ss_family = libc::AF_INET as u16;
        assert_eq!(
            Address::from_sockaddr(&storage, 4).to_string(),
            "(family 2)"
        );
        storage.ss_family = libc::AF_PACKET as u16;
        assert_eq!(
            Address::from_sockaddr(&storage, 20).to_string(),
            "(family 17)"
        );
        let len = Address::local(b"/a").to_sockaddr(&mut storage);
        assert_eq!(
            Address::from_sockaddr(&storage, len + 500).path(),
            Some(&b"/a"[..])
        );
    }

    #[test]
    fn an_address_without_kernel_form_has_length_0() {
        let address = Address::inproc(Arc::from(&b"n"[..]), 1);
        assert_eq!(address.to_sockaddr(&mut storage()), 0);
        assert_eq!(address.kind(), Some(AddressKind::Inproc));
    }

    #[test]
    fn raw_pointers_count_references() {
        let address = Arc::new(inet("1.2.3.4:5"));
        // SAFETY: `address` is alive.
        let second = unsafe { Address::clone_raw(Address::as_raw(&address)) };
        assert_eq!(Arc::strong_count(&address), 2);
        let raw = Address::into_raw(second);
        // SAFETY: `raw` holds a reference until the next line takes it.
        let third = unsafe { Address::clone_raw(raw) };
        // SAFETY: `raw` came from `into_raw`.
        let second = unsafe { Address::from_raw(raw) };
        assert_eq!(Arc::strong_count(&address), 3);
        drop((second, third));
        assert_eq!(Arc::strong_count(&address), 1);
    }
}
