//! The functions of `_socket`.
use super::address::{Address, address_arg, address_object, gai_error, host_address, host_arg, host_object, resolve};
use crate::objects;
use crate::util::*;
use crate::vm;
use krait_object::exceptions::raise_os_error;
use krait_object::layout::PyMethodDef;
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Int, Layout, List, Object, PyResult, Ref, Str, Tuple, functions, raise};
use std::ffi::{CStr, CString, c_char, c_int};

type Opt<'a> = Option<&'a Object>;

/// A text argument of a C function.
fn text_arg(py: Attached<'_>, function: &str, which: &str, text: &Object) -> PyResult<CString> {
    let text = krait_object::builtins::textargs::str_arg(py, function, which, text)?;
    CString::new(text.to_utf8(py)?.as_bytes()).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

/// A host name that is a function's argument; the errors of other types differ.
fn host_arg_of(py: Attached<'_>, function: &str, host: &Object) -> PyResult<CString> {
    let is_text = [Str::type_object(), Bytes::type_object(), krait_object::ByteArray::type_object()]
        .into_iter()
        .any(|ty| host.ty().is_subtype_of(ty));
    if !is_text {
        let name = krait_object::builtins::textargs::arg_type(host);
        return Err(raise!(py, TypeError, "{function}() argument 1 must be str, bytes or bytearray, not {name}"));
    }
    host_arg(py, host)
}

fn gethostname(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    let mut name = [0 as c_char; 1024];
    // SAFETY: the buffer is one longer than stated.
    quick(py, || unsafe { libc::gethostname(name.as_mut_ptr(), name.len() - 1) })?;
    // SAFETY: a C string.
    unsafe { c_text(py, name.as_ptr()) }
}

fn sethostname(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<()> {
    let name = fs_bytes(py, name)?;
    // SAFETY: as many bytes as stated.
    quick(py, || unsafe { libc::sethostname(name.as_ptr(), name.as_bytes().len()) }).map(drop)
}

fn gethostbyname(py: Attached<'_>, _: &Object, [host]: [Opt<'_>; 1]) -> PyResult<Ref<Object>> {
    let host = host_arg_of(py, "gethostbyname", need(py, host)?)?;
    host_object(py, &host_address(py, &host, libc::AF_INET)?)
}

fn gethostbyname_ex(py: Attached<'_>, _: &Object, [host]: [Opt<'_>; 1]) -> PyResult<Ref<Tuple>> {
    let name = host_arg_of(py, "gethostbyname_ex", need(py, host)?)?;
    let found = resolve(py, Some(&name), None, [libc::AF_INET, libc::SOCK_STREAM, 0, libc::AI_CANONNAME])?;
    let canonical = found.iter().map(|(_, name, _)| name.clone()).find(|name| !name.is_empty());
    let canonical = canonical.unwrap_or_else(|| name.to_string_lossy().into_owned());
    let addresses = found.iter().map(|(_, _, address)| host_object(py, address)).collect::<PyResult<Vec<_>>>()?;
    tuple(py, objects!(py; canonical, List::new(py)?, List::from_vec(py, addresses)?))
}

fn gethostbyaddr(py: Attached<'_>, _: &Object, [host]: [Opt<'_>; 1]) -> PyResult<Ref<Tuple>> {
    let name = host_arg_of(py, "gethostbyaddr", need(py, host)?)?;
    let address = host_address(py, &name, libc::AF_UNSPEC)?;
    let mut text = [0 as c_char; 1025];
    // SAFETY: the buffer is as long as stated.
    let code = vm::without(py, || unsafe {
        libc::getnameinfo(
            address.ptr(),
            address.len,
            text.as_mut_ptr(),
            text.len() as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    });
    if code != 0 {
        return Err(gai_error(py, code));
    }
    // SAFETY: a C string.
    let name = unsafe { c_text(py, text.as_ptr())? };
    let addresses = List::from_vec(py, vec![host_object(py, &address)?])?;
    tuple(py, objects!(py; name, List::new(py)?, addresses))
}

fn getaddrinfo(py: Attached<'_>, _: &Object, args: [Opt<'_>; 6]) -> PyResult<Ref<List>> {
    let [host, port, family, kind, protocol, flags] = args;
    let host = match given(host) {
        None => None,
        Some(host) if host.downcast::<Str>().is_some() || host.downcast::<Bytes>().is_some() => {
            Some(host_arg(py, host)?)
        }
        Some(_) => return Err(raise!(py, TypeError, "getaddrinfo() argument 1 must be string or None")),
    };
    let port = need(py, port)?;
    let service = if port.is_none() {
        None
    } else if let Some(number) = port.downcast::<Int>() {
        let number = number.as_object().as_i64(py)?;
        Some(c_string(py, number.to_string().into_bytes())?)
    } else if let Some(text) = port.downcast::<Str>() {
        Some(c_string(py, text.to_utf8(py)?.as_bytes().to_vec())?)
    } else if let Some(bytes) = port.downcast::<Bytes>() {
        Some(c_string(py, bytes.as_slice().to_vec())?)
    } else {
        return Err(raise!(py, OSError, "Int or String expected"));
    };
    let hints = [int_or(py, family, 0)?, int_or(py, kind, 0)?, int_or(py, protocol, 0)?, int_or(py, flags, 0)?];
    let found = resolve(py, host.as_deref(), service.as_deref(), hints)?;
    let results = List::new(py)?;
    for ([family, kind, protocol], name, address) in found {
        let address = address_object(py, &address)?;
        results.push(py, tuple(py, objects!(py; family, kind, protocol, name, address))?.upcast())?;
    }
    Ok(results)
}

fn getnameinfo(py: Attached<'_>, _: &Object, [address, flags]: [Opt<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let object = need(py, address)?;
    let flags = int_arg(py, need(py, flags)?)?;
    let Some(items) = object.downcast::<Tuple>().map(Tuple::as_slice) else {
        return Err(raise!(py, TypeError, "getnameinfo() argument 1 must be a tuple"));
    };
    if !(2..=4).contains(&items.len()) {
        return Err(raise!(py, TypeError, "getnameinfo(): illegal sockaddr argument"));
    }
    let Some(host) = items[0].downcast::<Str>() else {
        return Err(raise!(py, TypeError, "getnameinfo(): illegal sockaddr argument"));
    };
    let host = host_arg(py, host.as_object())?;
    let found = resolve(py, Some(&host), Some(c"0"), [0, libc::SOCK_DGRAM, 0, libc::AI_NUMERICHOST])?;
    let Some(([family, ..], ..)) = found.first() else { return Err(gai_error(py, libc::EAI_NONAME)) };
    if *family == libc::AF_INET && items.len() != 2 {
        return Err(raise!(py, OSError, "IPv4 sockaddr must be 2 tuple"));
    }
    let address: Address = address_arg(py, "getnameinfo", *family, object)?;
    let (mut host, mut service) = ([0 as c_char; 1025], [0 as c_char; 64]);
    // SAFETY: the buffers are as long as stated.
    let code = vm::without(py, || unsafe {
        libc::getnameinfo(
            address.ptr(),
            address.len,
            host.as_mut_ptr(),
            host.len() as libc::socklen_t,
            service.as_mut_ptr(),
            service.len() as libc::socklen_t,
            flags,
        )
    });
    if code != 0 {
        return Err(gai_error(py, code));
    }
    // SAFETY: C strings.
    unsafe { tuple(py, vec![c_text(py, host.as_ptr())?, c_text(py, service.as_ptr())?]) }
}

fn optional_text(py: Attached<'_>, function: &str, text: Opt<'_>) -> PyResult<Option<CString>> {
    text.map(|text| text_arg(py, function, "argument 2", text)).transpose()
}

/// The C library's tables of names are not safe for several threads.
static TABLES: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn getservbyname(py: Attached<'_>, _: &Object, [name, protocol]: [Opt<'_>; 2]) -> PyResult<u16> {
    let (name, protocol) =
        (text_arg(py, "getservbyname", "argument 1", need(py, name)?)?, optional_text(py, "getservbyname", protocol)?);
    let port = vm::without(py, || {
        let _lock = TABLES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let protocol = protocol.as_ref().map_or(std::ptr::null(), |protocol| protocol.as_ptr());
        // SAFETY: C strings or null; the entry is read under the lock.
        unsafe { libc::getservbyname(name.as_ptr(), protocol).as_ref() }.map(|entry| u16::from_be(entry.s_port as u16))
    });
    port.ok_or_else(|| raise!(py, OSError, "service/proto not found"))
}

fn getservbyport(py: Attached<'_>, _: &Object, [port, protocol]: [Opt<'_>; 2]) -> PyResult<String> {
    let port = int_arg(py, need(py, port)?)?;
    let Ok(port) = u16::try_from(port) else {
        return Err(raise!(py, OverflowError, "getservbyport: port must be 0-65535."));
    };
    let protocol = optional_text(py, "getservbyport", protocol)?;
    let name = vm::without(py, || {
        let _lock = TABLES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let protocol = protocol.as_ref().map_or(std::ptr::null(), |protocol| protocol.as_ptr());
        // SAFETY: a C string or null; the entry is read under the lock.
        unsafe {
            let entry = libc::getservbyport(c_int::from(port.to_be()), protocol).as_ref()?;
            Some(CStr::from_ptr(entry.s_name).to_string_lossy().into_owned())
        }
    });
    name.ok_or_else(|| raise!(py, OSError, "port/proto not found"))
}

fn getprotobyname(py: Attached<'_>, _: &Object, [name]: [Opt<'_>; 1]) -> PyResult<c_int> {
    let name = text_arg(py, "getprotobyname", "argument 1", need(py, name)?)?;
    let number = vm::without(py, || {
        let _lock = TABLES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // SAFETY: a C string; the entry is read under the lock.
        unsafe { libc::getprotobyname(name.as_ptr()).as_ref() }.map(|entry| entry.p_proto)
    });
    number.ok_or_else(|| raise!(py, OSError, "protocol not found"))
}

/// A number without sign that fits in `T`, which C calls `kind`.
fn unsigned<T: TryFrom<u64>>(py: Attached<'_>, number: &Object, kind: &str) -> PyResult<T> {
    let number = number.index(py)?;
    if number.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    let fitting = number.to_u64().and_then(|number| T::try_from(number).ok());
    fitting.ok_or_else(|| raise!(py, OverflowError, "Python int too large for C {kind}"))
}

/// `htons` and `ntohs`, which do the same.
fn swap16(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<u16> {
    unsigned::<u16>(py, number, "uint16_t").map(u16::to_be)
}

/// `htonl` and `ntohl`.
fn swap32(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<u32> {
    unsigned::<u32>(py, number, "uint32_t").map(u32::to_be)
}

fn inet_aton(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<Ref<Bytes>> {
    let text = text_arg(py, "inet_aton", "argument", text)?;
    unsafe extern "C" {
        fn inet_aton(text: *const c_char, address: *mut libc::in_addr) -> c_int;
    }
    let mut address = libc::in_addr { s_addr: 0 };
    // SAFETY: a C string and a local variable.
    if unsafe { inet_aton(text.as_ptr(), &raw mut address) } == 0 {
        return Err(raise!(py, OSError, "illegal IP address string passed to inet_aton"));
    }
    Bytes::new(py, &address.s_addr.to_ne_bytes())
}

fn inet_ntoa(py: Attached<'_>, _: &Object, packed: &Object) -> PyResult<String> {
    let packed = BytesArg::new(py, packed)?;
    match <[u8; 4]>::try_from(packed.as_slice()) {
        Ok(bytes) => Ok(std::net::Ipv4Addr::from(bytes).to_string()),
        Err(_) => Err(raise!(py, OSError, "packed IP wrong length for inet_ntoa")),
    }
}

fn inet_pton(py: Attached<'_>, _: &Object, [family, text]: [Opt<'_>; 2]) -> PyResult<Ref<Bytes>> {
    let family = int_arg(py, need(py, family)?)?;
    let text = text_arg(py, "inet_pton", "argument 2", need(py, text)?)?;
    let text = text.to_str().unwrap_or_default();
    let illegal = || raise!(py, OSError, "illegal IP address string passed to inet_pton");
    match family {
        libc::AF_INET => {
            let address: std::net::Ipv4Addr = text.parse().map_err(|_| illegal())?;
            Bytes::new(py, &address.octets())
        }
        libc::AF_INET6 => {
            let address: std::net::Ipv6Addr = text.parse().map_err(|_| illegal())?;
            Bytes::new(py, &address.octets())
        }
        _ => Err(raise_os_error(py, libc::EAFNOSUPPORT)),
    }
}

fn inet_ntop(py: Attached<'_>, _: &Object, [family, packed]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let family = int_arg(py, need(py, family)?)?;
    let packed = BytesArg::new(py, need(py, packed)?)?;
    let size = match family {
        libc::AF_INET => 4,
        libc::AF_INET6 => 16,
        _ => return Err(raise!(py, ValueError, "unknown address family {family}")),
    };
    if packed.as_slice().len() != size {
        return Err(raise!(py, ValueError, "invalid length of packed IP address string"));
    }
    unsafe extern "C" {
        fn inet_ntop(
            family: c_int,
            from: *const std::ffi::c_void,
            to: *mut c_char,
            size: libc::socklen_t,
        ) -> *const c_char;
    }
    let mut text = [0 as c_char; 64];
    // SAFETY: as many bytes as the family has; the buffer is as long as stated.
    unsafe {
        if inet_ntop(family, packed.as_slice().as_ptr().cast(), text.as_mut_ptr(), text.len() as libc::socklen_t)
            .is_null()
        {
            return Err(raise_os_error(py, errno()));
        }
        c_text(py, text.as_ptr())
    }
}

fn if_nameindex(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let list = List::new(py)?;
    // SAFETY: an array that ends with a zero index; freed at the end.
    unsafe {
        let start = libc::if_nameindex();
        if start.is_null() {
            return Err(raise_os_error(py, errno()));
        }
        let mut at = start;
        let mut result = Ok(());
        while result.is_ok() && (*at).if_index != 0 {
            result = c_text(py, (*at).if_name)
                .and_then(|name| tuple(py, objects!(py; (*at).if_index, name)))
                .and_then(|pair| list.push(py, pair.upcast()));
            at = at.add(1);
        }
        libc::if_freenameindex(start);
        result?;
    }
    Ok(list)
}

fn if_nametoindex(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<u32> {
    let name = fs_bytes(py, name)?;
    // SAFETY: a C string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(raise_os_error(py, errno())),
        index => Ok(index),
    }
}

fn if_indextoname(py: Attached<'_>, _: &Object, index: &Object) -> PyResult<Ref<Object>> {
    let index = unsigned::<u32>(py, index, "unsigned int")?;
    let mut name = [0 as c_char; libc::IF_NAMESIZE];
    // SAFETY: the buffer is as long as the call demands.
    unsafe {
        if libc::if_indextoname(index, name.as_mut_ptr()).is_null() {
            return Err(raise_os_error(py, errno()));
        }
        c_text(py, name.as_ptr())
    }
}

fn close(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<()> {
    let fd = int_arg(py, fd)?;
    // SAFETY: the caller owns the descriptor.
    match once(py, || unsafe { libc::close(fd) }) {
        Err(errno) if errno != libc::ECONNRESET => Err(raise_os_error(py, errno)),
        _ => Ok(()),
    }
}

fn dup(py: Attached<'_>, _: &Object, fd: &Object) -> PyResult<c_int> {
    let fd = int_arg(py, fd)?;
    // SAFETY: no memory is involved.
    quick(py, || unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })
}

fn socketpair(py: Attached<'_>, _: &Object, [family, kind, protocol]: [Opt<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let (family, kind) = (int_or(py, family, libc::AF_UNIX)?, int_or(py, kind, libc::SOCK_STREAM)?);
    let protocol = int_or(py, protocol, 0)?;
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    quick(py, || unsafe { libc::socketpair(family, kind | libc::SOCK_CLOEXEC, protocol, ends.as_mut_ptr()) })?;
    let make = |fd| super::Socket::make(py, super::Socket::type_object(), fd, family, kind, protocol);
    tuple(py, vec![make(ends[0])?, make(ends[1])?])
}

fn getdefaulttimeout(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    super::timeout_object(py, super::default_timeout(py))
}

fn setdefaulttimeout(py: Attached<'_>, _: &Object, timeout: &Object) -> PyResult<()> {
    let timeout = super::timeout_value(py, timeout)?;
    super::set_default_timeout(py, timeout);
    Ok(())
}

/// The size that C computes for a control message of some bytes, within what C's sizes hold.
fn cmsg_size(py: Attached<'_>, function: &str, len: &Object, size: impl Fn(u32) -> u32) -> PyResult<u32> {
    let most = libc::c_int::MAX as u32;
    let len = u32::try_from(len.as_isize(py)?).ok().filter(|len| {
        *len < most - 64 || {
            // Near the limit: the result must be within it too.
            *len <= most && size(*len) >= *len && size(*len) <= most
        }
    });
    match len {
        Some(len) => Ok(size(len)),
        None => Err(raise!(py, OverflowError, "{function}() argument out of range")),
    }
}

fn cmsg_len(py: Attached<'_>, _: &Object, len: &Object) -> PyResult<u32> {
    // SAFETY: arithmetic only.
    cmsg_size(py, "CMSG_LEN", len, |len| unsafe { libc::CMSG_LEN(len) })
}

fn cmsg_space(py: Attached<'_>, _: &Object, len: &Object) -> PyResult<u32> {
    // SAFETY: arithmetic only.
    cmsg_size(py, "CMSG_SPACE", len, |len| unsafe { libc::CMSG_SPACE(len) })
}

/// The functions of the module.
pub fn table() -> &'static [PyMethodDef] {
    functions! {
        noargs "gethostname" => gethostname, "", "The machine's name.";
        o "sethostname" => sethostname, "", "Sets the machine's name.";
        format "gethostbyname" => gethostbyname, "(host, /)", "A host's address.";
        format "gethostbyname_ex" => gethostbyname_ex, "(host, /)", "A host's name, aliases and addresses.";
        format "gethostbyaddr" => gethostbyaddr, "(host, /)", "An address's name, aliases and addresses.";
        sig "getaddrinfo" => getaddrinfo, "(host, port, family=0, type=0, proto=0, flags=0)", "All addresses of a host and port.";
        format "getnameinfo" => getnameinfo, "(sockaddr, flags, /)", "An address's host and port names.";
        format "getservbyname" => getservbyname, "(servicename, protocolname=None, /)", "A service's port.";
        format "getservbyport" => getservbyport, "(port, protocolname=None, /)", "A port's service.";
        format "getprotobyname" => getprotobyname, "(name, /)", "A protocol's number.";
        o "htons" => swap16, "", "16 bits in network order.";
        o "ntohs" => swap16, "", "16 bits from network order.";
        o "htonl" => swap32, "", "32 bits in network order.";
        o "ntohl" => swap32, "", "32 bits from network order.";
        o "inet_aton" => inet_aton, "($module, ip_addr, /)", "An IPv4 address's bytes.";
        o "inet_ntoa" => inet_ntoa, "($module, packed_ip, /)", "An IPv4 address's text.";
        sig "inet_pton" => inet_pton, "(af, ip, /)", "An address's bytes.";
        sig "inet_ntop" => inet_ntop, "(af, packed_ip, /)", "An address's text.";
        noargs "if_nameindex" => if_nameindex, "", "Numbers and names of the network interfaces.";
        o "if_nametoindex" => if_nametoindex, "($module, oname, /)", "An interface's number.";
        o "if_indextoname" => if_indextoname, "($module, index, /)", "An interface's name.";
        o "close" => close, "", "Closes a socket's descriptor.";
        o "dup" => dup, "", "A copy of a socket's descriptor.";
        sig "socketpair" => socketpair, "(family=AF_UNIX, type=SOCK_STREAM, proto=0, /)", "Two connected sockets.";
        noargs "getdefaulttimeout" => getdefaulttimeout, "", "The timeout of new sockets.";
        o "setdefaulttimeout" => setdefaulttimeout, "", "Sets the timeout of new sockets.";
        o "CMSG_LEN" => cmsg_len, "", "The length of a control message.";
        o "CMSG_SPACE" => cmsg_space, "", "The room that a control message takes.";
    }
}
