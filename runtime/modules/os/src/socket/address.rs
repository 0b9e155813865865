//! Socket addresses and names.
use crate::objects;
use crate::util::*;
use crate::vm;
use krait_object::hooks::hooks;
use krait_object::{Attached, Bytes, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Tuple, id, raise};
use std::ffi::{CStr, CString, c_int};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address for the system.
pub struct Address {
    pub storage: libc::sockaddr_storage,
    pub len: libc::socklen_t,
}

impl Address {
    pub fn empty() -> Address {
        // SAFETY: plain data; zero is valid.
        let storage = unsafe { std::mem::zeroed() };
        Address { storage, len: size_of::<libc::sockaddr_storage>() as libc::socklen_t }
    }

    fn of<T: Copy>(value: T) -> Address {
        let mut address = Address::empty();
        // SAFETY: the storage is large enough and aligned for every address struct.
        unsafe { (&raw mut address.storage).cast::<T>().write(value) };
        address.len = size_of::<T>() as libc::socklen_t;
        address
    }

    pub fn ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub fn mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }
}

/// `socket.gaierror`, raised for an error of the resolver.
pub fn gai_error(py: Attached<'_>, code: c_int) -> Raised {
    fn build(py: Attached<'_>, code: c_int) -> PyResult<Raised> {
        let class = (hooks().import)(py, "_socket")?.get_attr(py, id!(py, gaierror))?;
        // SAFETY: a static string of the C library.
        let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy().into_owned();
        let args = tuple(py, objects!(py; code, text))?;
        Ok(match (*class).downcast::<krait_object::Type>() {
            Some(class) => py.raise_value(class, args.as_object()),
            None => py.bad_internal_call(),
        })
    }
    if code == libc::EAI_SYSTEM {
        return krait_object::exceptions::raise_os_error(py, errno());
    }
    build(py, code).unwrap_or_else(|raised| raised)
}

/// The addresses that the resolver knows for a name.
pub fn resolve(
    py: Attached<'_>,
    host: Option<&CStr>,
    service: Option<&CStr>,
    [family, kind, protocol, flags]: [c_int; 4],
) -> PyResult<Vec<([c_int; 3], String, Address)>> {
    // SAFETY: plain data; zero is valid.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = family;
    hints.ai_socktype = kind;
    hints.ai_protocol = protocol;
    hints.ai_flags = flags;
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    let found = vm::without(py, || {
        let mut list = std::ptr::null_mut();
        // SAFETY: C strings or null; the list is freed below.
        let code = unsafe { libc::getaddrinfo(pointer(host), pointer(service), &raw const hints, &raw mut list) };
        if code != 0 {
            return Err(code);
        }
        let mut found = Vec::new();
        let mut at = list;
        // SAFETY: a linked list of filled structs.
        while let Some(entry) = unsafe { at.as_ref() } {
            let mut address = Address::empty();
            let len = (entry.ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
            // SAFETY: both are at least `len` bytes.
            unsafe {
                std::ptr::copy_nonoverlapping(entry.ai_addr.cast::<u8>(), address.mut_ptr().cast::<u8>(), len);
            }
            address.len = len as libc::socklen_t;
            let name = if entry.ai_canonname.is_null() {
                String::new()
            } else {
                // SAFETY: a C string.
                unsafe { CStr::from_ptr(entry.ai_canonname) }.to_string_lossy().into_owned()
            };
            found.push(([entry.ai_family, entry.ai_socktype, entry.ai_protocol], name, address));
            at = entry.ai_next;
        }
        // SAFETY: made by the successful call.
        unsafe { libc::freeaddrinfo(list) };
        Ok(found)
    });
    found.map_err(|code| gai_error(py, code))
}

/// A host's name for the resolver.
pub fn host_arg(py: Attached<'_>, host: &Object) -> PyResult<CString> {
    if let Some(text) = host.downcast::<Str>() {
        let bytes = match text.is_ascii() {
            true => text.to_utf8(py)?.as_bytes().to_vec(),
            false => {
                let encoded = krait_object::codecs::encode(py, text, Some("idna"), None)?;
                encoded.as_slice().to_vec()
            }
        };
        return CString::new(bytes).map_err(|_| raise!(py, TypeError, "host name must not contain null character"));
    }
    if let Some(bytes) = host.downcast::<Bytes>() {
        return CString::new(bytes.as_slice())
            .map_err(|_| raise!(py, TypeError, "host name must not contain null character"));
    }
    if let Some(array) = host.downcast::<krait_object::ByteArray>() {
        return CString::new(array.to_vec(py)?)
            .map_err(|_| raise!(py, TypeError, "host name must not contain null character"));
    }
    Err(raise!(py, TypeError, "str, bytes or bytearray expected, not {}", host.ty().name()))
}

/// The first address of a host in a family.
pub fn host_address(py: Attached<'_>, host: &CStr, family: c_int) -> PyResult<Address> {
    let text = host.to_str().unwrap_or_default();
    if text.is_empty() {
        let flags = [family, libc::SOCK_DGRAM, 0, libc::AI_PASSIVE];
        let mut found = resolve(py, None, Some(c"0"), flags)?;
        if found.is_empty() {
            return Err(raise!(py, OSError, "wildcard resolved to multiple address"));
        }
        return Ok(found.remove(0).2);
    }
    if text == "255.255.255.255" || text == "<broadcast>" {
        return Ok(inet(Ipv4Addr::BROADCAST, 0));
    }
    if (family == libc::AF_INET || family == libc::AF_UNSPEC)
        && let Ok(address) = text.parse::<Ipv4Addr>()
    {
        return Ok(inet(address, 0));
    }
    let mut found = resolve(py, Some(host), None, [family, 0, 0, 0])?;
    if found.is_empty() {
        return Err(gai_error(py, libc::EAI_NONAME));
    }
    Ok(found.remove(0).2)
}

fn inet(address: Ipv4Addr, port: u16) -> Address {
    // SAFETY: plain data; zero is valid.
    let mut raw: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    raw.sin_family = libc::AF_INET as libc::sa_family_t;
    raw.sin_port = port.to_be();
    raw.sin_addr.s_addr = u32::from(address).to_be();
    Address::of(raw)
}

fn port_arg(py: Attached<'_>, function: &str, port: &Object) -> PyResult<u16> {
    let port = port.as_i64(py)?;
    u16::try_from(port).map_err(|_| raise!(py, OverflowError, "{function}(): port must be 0-65535."))
}

/// An address argument of a socket's method.
pub fn address_arg(py: Attached<'_>, function: &str, family: c_int, object: &Object) -> PyResult<Address> {
    match family {
        libc::AF_UNIX => unix(py, object),
        libc::AF_INET => {
            let items = object.downcast::<Tuple>().map(Tuple::as_slice).ok_or_else(|| {
                raise!(py, TypeError, "{function}(): AF_INET address must be tuple, not {}", object.ty().name())
            })?;
            let [host, port] = items else {
                return Err(raise!(
                    py,
                    TypeError,
                    "{function}(): AF_INET address must be a pair (host, port), not {}",
                    items.len()
                ));
            };
            let host = host_arg(py, host)?;
            let mut address = host_address(py, &host, libc::AF_INET)?;
            let port = port_arg(py, function, port)?;
            // SAFETY: an address of the family.
            unsafe { (*(&raw mut address.storage).cast::<libc::sockaddr_in>()).sin_port = port.to_be() };
            Ok(address)
        }
        libc::AF_INET6 => {
            let items = object.downcast::<Tuple>().map(Tuple::as_slice).ok_or_else(|| {
                raise!(py, TypeError, "{function}(): AF_INET6 address must be tuple, not {}", object.ty().name())
            })?;
            if !(2..=4).contains(&items.len()) {
                return Err(raise!(
                    py,
                    TypeError,
                    "{function}(): AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])"
                ));
            }
            let host = host_arg(py, items[0])?;
            let mut address = host_address(py, &host, libc::AF_INET6)?;
            let port = port_arg(py, function, items[1])?;
            let flow = items.get(2).map_or(Ok(0), |flow| flow.as_i64(py))?;
            let scope = items.get(3).map_or(Ok(0), |scope| scope.as_u64_mask(py))?;
            let Ok(flow) =
                u32::try_from(flow).map_err(|_| ()).and_then(|flow| if flow > 0xfffff { Err(()) } else { Ok(flow) })
            else {
                return Err(raise!(py, OverflowError, "{function}(): flowinfo must be 0-1048575."));
            };
            // SAFETY: an address of the family.
            unsafe {
                let raw = &mut *(&raw mut address.storage).cast::<libc::sockaddr_in6>();
                raw.sin6_port = port.to_be();
                raw.sin6_flowinfo = flow.to_be();
                if items.len() > 3 {
                    raw.sin6_scope_id = scope as u32;
                }
            }
            Ok(address)
        }
        _ => Err(raise!(py, OSError, "{function}(): unknown address family")),
    }
}

fn unix(py: Attached<'_>, object: &Object) -> PyResult<Address> {
    let bytes = match object.downcast::<Str>() {
        Some(text) => text.to_fs_bytes(py)?,
        None => krait_object::protocols::buffer::BytesArg::new(py, object)?.as_slice().to_vec(),
    };
    // SAFETY: plain data; zero is valid.
    let mut raw: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    let abstract_name = bytes.first() == Some(&0);
    let room = raw.sun_path.len() - usize::from(!abstract_name);
    if bytes.len() > room {
        return Err(raise!(py, OSError, "AF_UNIX path too long"));
    }
    raw.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in raw.sun_path.iter_mut().zip(&bytes) {
        *to = *from as std::ffi::c_char;
    }
    let mut address = Address::of(raw);
    let head = std::mem::offset_of!(libc::sockaddr_un, sun_path);
    let tail = if abstract_name || bytes.is_empty() { bytes.len() } else { bytes.len() + 1 };
    address.len = (head + tail) as libc::socklen_t;
    Ok(address)
}

/// The text of an IPv4 or IPv6 address.
fn host_text(address: &Address) -> String {
    // SAFETY: the family says which struct it is.
    unsafe {
        match c_int::from(address.storage.ss_family) {
            libc::AF_INET => {
                let raw = &*(&raw const address.storage).cast::<libc::sockaddr_in>();
                Ipv4Addr::from(u32::from_be(raw.sin_addr.s_addr)).to_string()
            }
            _ => {
                // Without the name of the scope, which is a part of its own.
                let raw = &*(&raw const address.storage).cast::<libc::sockaddr_in6>();
                let mut text = [0 as std::ffi::c_char; 64];
                let size = text.len() as libc::socklen_t;
                unsafe extern "C" {
                    fn inet_ntop(
                        family: c_int,
                        address: *const std::ffi::c_void,
                        text: *mut std::ffi::c_char,
                        size: libc::socklen_t,
                    ) -> *const std::ffi::c_char;
                }
                let bytes = (&raw const raw.sin6_addr).cast();
                if inet_ntop(libc::AF_INET6, bytes, text.as_mut_ptr(), size).is_null() {
                    return Ipv6Addr::from(raw.sin6_addr.s6_addr).to_string();
                }
                CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
            }
        }
    }
}

/// The host's text as an object.
pub fn host_object(py: Attached<'_>, address: &Address) -> PyResult<Ref<Object>> {
    host_text(address).into_object(py)
}

/// An address as Python sees it.
pub fn address_object(py: Attached<'_>, address: &Address) -> PyResult<Ref<Object>> {
    if address.len == 0 {
        return Ok(krait_object::none());
    }
    // SAFETY: the family says which struct it is.
    unsafe {
        match c_int::from(address.storage.ss_family) {
            libc::AF_INET => {
                let raw = &*(&raw const address.storage).cast::<libc::sockaddr_in>();
                Ok(tuple(py, objects!(py; host_text(address), u16::from_be(raw.sin_port)))?.upcast())
            }
            libc::AF_INET6 => {
                let raw = &*(&raw const address.storage).cast::<libc::sockaddr_in6>();
                let flow = u32::from_be(raw.sin6_flowinfo);
                let parts = objects!(py; host_text(address), u16::from_be(raw.sin6_port), flow, raw.sin6_scope_id);
                Ok(tuple(py, parts)?.upcast())
            }
            libc::AF_UNIX => {
                let head = std::mem::offset_of!(libc::sockaddr_un, sun_path);
                let raw = &*(&raw const address.storage).cast::<libc::sockaddr_un>();
                let len = (address.len as usize).saturating_sub(head).min(raw.sun_path.len());
                let bytes = std::slice::from_raw_parts(raw.sun_path.as_ptr().cast::<u8>(), len);
                if bytes.first() == Some(&0) {
                    return Ok(Bytes::new(py, bytes)?.upcast());
                }
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                fs_text(py, &bytes[..end])
            }
            family => {
                let len = (address.len as usize).saturating_sub(2).min(size_of::<libc::sockaddr_storage>() - 2);
                let bytes = std::slice::from_raw_parts((&raw const address.storage).cast::<u8>().add(2), len);
                Ok(tuple(py, vec![family.into_object(py)?, Bytes::new(py, bytes)?.upcast()])?.upcast())
            }
        }
    }
}
