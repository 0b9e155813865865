//! Certificates: `Certificate` objects, and dicts that describe them.
use super::errors::{raise_last, raise_plain};
use super::openssl::{AccessDescription, DistPoint, GeneralName, MemBio, Ptr, api, items, text};
use crate::util::*;
use krait_object::layout::Field;
use krait_object::native::alloc;
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, Bytes, Dict, IntoObject, Layout, List, Object, PyResult, Ref, Str, Tuple, mem, none, not_implemented,
    pytype, raise,
};
use std::ffi::{c_int, c_uchar};
use std::ptr::{self, NonNull};

type Opt<'a> = Option<&'a Object>;

pub const ENCODING_PEM: c_int = 1;
pub const ENCODING_DER: c_int = 2;
const NID_SUBJECT_ALT_NAME: c_int = 85;
const NID_CRL_DISTRIBUTION_POINTS: c_int = 103;
const NID_INFO_ACCESS: c_int = 177;
const NID_OCSP: c_int = 178;
const NID_CA_ISSUERS: c_int = 179;
/// RFC 2253 names, without escapes of characters beyond ASCII.
const NAME_FLAGS: u64 = 0x0111_0317 & !4;

/// `_ssl.Certificate`.
#[repr(C)]
pub struct Certificate {
    ob_base: krait_object::layout::PyObject,
    x509: Field<Ptr>,
}

pytype! {
    pub static CERTIFICATE_TYPE: "_ssl.Certificate" for Certificate {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = Certificate::dealloc,
            tp_repr = Certificate::repr,
            tp_hash = Certificate::hash,
            tp_richcompare = Certificate::compare,
        },
        methods: {
            sig "public_bytes" => Certificate::public_bytes, "($self, /, format=1)", "The certificate as text (PEM) or bytes (DER).";
            noargs "get_info" => |py: Attached<'_>, this: &Certificate| describe(py, this.x509.get()), "($self, /)", "What the certificate says.";
        },
    }
}

impl Certificate {
    /// An object of a certificate, of which it gets a reference of its own.
    ///
    /// # Safety
    /// `x509` is a live certificate.
    pub unsafe fn new(py: Attached<'_>, x509: Ptr) -> PyResult<Ref<Certificate>> {
        let this = alloc::<Certificate>(py, Self::type_object())?;
        // SAFETY: by the contract.
        unsafe { (api().X509_up_ref)(x509) };
        this.x509.set(x509);
        Ok(this)
    }

    /// A list of a chain, or `None` for no chain.
    ///
    /// # Safety
    /// `chain` is null or a live stack of certificates.
    pub unsafe fn list(py: Attached<'_>, chain: Ptr) -> PyResult<Ref<Object>> {
        if chain.is_null() {
            return Ok(none());
        }
        // SAFETY: by the contract.
        let certificates = unsafe { items(chain).into_iter().map(|x509| Certificate::new(py, x509).map(Ref::upcast)) };
        Ok(List::from_vec(py, certificates.collect::<PyResult<Vec<_>>>()?)?.upcast())
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the reference is ours.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                if !this.x509.get().is_null() {
                    (api().X509_free)(this.x509.get());
                }
            });
        }
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
        let bio = MemBio::new().ok_or_else(|| py.no_memory())?;
        // SAFETY: live objects.
        unsafe { (api().X509_NAME_print_ex)(bio.0, (api().X509_get_subject_name)(this.x509.get()), 0, NAME_FLAGS) };
        let name = String::from_utf8_lossy(&bio.take()).into_owned();
        Ok(format!("<{} '{name}'>", this.as_object().ty().tp_name()))
    }

    fn hash(_: Attached<'_>, this: &Self) -> PyResult<isize> {
        // SAFETY: a live certificate.
        Ok(unsafe { (api().X509_subject_name_hash)(this.x509.get()) } as isize)
    }

    fn compare(py: Attached<'_>, this: &Self, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Certificate>() else { return Ok(not_implemented()) };
        // SAFETY: live certificates.
        let same = unsafe { (api().X509_cmp)(this.x509.get(), other.x509.get()) } == 0;
        match op {
            CompareOp::Eq => same.into_object(py),
            CompareOp::Ne => (!same).into_object(py),
            _ => Ok(not_implemented()),
        }
    }

    fn public_bytes(py: Attached<'_>, this: &Self, [format]: [Opt<'_>; 1]) -> PyResult<Ref<Object>> {
        match int_or(py, format, ENCODING_PEM)? {
            ENCODING_PEM => {
                let bio = MemBio::new().ok_or_else(|| py.no_memory())?;
                // SAFETY: live objects.
                if unsafe { (api().PEM_write_bio_X509)(bio.0, this.x509.get()) } == 0 {
                    return Err(raise_last(py));
                }
                String::from_utf8_lossy(&bio.take()).into_owned().into_object(py)
            }
            // SAFETY: a live certificate.
            ENCODING_DER => Ok(unsafe { der(py, this.x509.get())? }.upcast()),
            _ => Err(raise!(py, ValueError, "Unsupported format")),
        }
    }
}

/// A certificate's bytes.
///
/// # Safety
/// `x509` is a live certificate.
pub unsafe fn der(py: Attached<'_>, x509: Ptr) -> PyResult<Ref<Bytes>> {
    let mut data: *mut c_uchar = ptr::null_mut();
    // SAFETY: by the contract; the library allocates.
    unsafe {
        let len = (api().i2d_X509)(x509, &mut data);
        if len < 0 {
            return Err(raise_last(py));
        }
        let bytes = Bytes::new(py, std::slice::from_raw_parts(data, len as usize));
        (api().CRYPTO_free)(data.cast(), ptr::null(), 0);
        bytes
    }
}

/// The dotted numbers or the name of an object identifier.
///
/// # Safety
/// `object` is live.
pub unsafe fn object_text(object: Ptr, numbers: bool) -> String {
    let mut buffer = vec![0u8; 512];
    // SAFETY: by the contract; the buffer is as long as stated.
    let len = unsafe { (api().OBJ_obj2txt)(buffer.as_mut_ptr().cast(), buffer.len() as c_int, object, numbers.into()) };
    buffer.truncate((len.max(0) as usize).min(511));
    String::from_utf8_lossy(&buffer).into_owned()
}

/// # Safety
/// `string` is a live `ASN1_STRING`.
unsafe fn asn1_bytes<'a>(string: Ptr) -> &'a [u8] {
    // SAFETY: by the contract.
    unsafe {
        let (data, len) = ((api().ASN1_STRING_get0_data)(string), (api().ASN1_STRING_length)(string));
        if data.is_null() || len <= 0 { &[] } else { std::slice::from_raw_parts(data, len as usize) }
    }
}

fn utf8(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Object>> {
    Ok(krait_object::codecs::decode_utf8(py, bytes, None, true)?.0.upcast())
}

fn pair(py: Attached<'_>, name: &str, value: Ref<Object>) -> PyResult<Ref<Object>> {
    Ok(Tuple::pair(py, name.into_object(py)?, value)?.upcast())
}

/// A distinguished name as a tuple of sets of pairs.
///
/// # Safety
/// `name` is a live `X509_NAME`.
unsafe fn name_tuple(py: Attached<'_>, name: Ptr) -> PyResult<Ref<Object>> {
    let (mut sets, mut set, mut level) = (Vec::new(), Vec::new(), -1);
    // SAFETY: by the contract; entries belong to the name.
    unsafe {
        for at in 0..(api().X509_NAME_entry_count)(name) {
            let entry = (api().X509_NAME_get_entry)(name, at);
            let own_level = (api().X509_NAME_ENTRY_set)(entry);
            if level >= 0 && own_level != level {
                sets.push(Tuple::from_vec(py, std::mem::take(&mut set))?.upcast());
            }
            level = own_level;
            let attribute = object_text((api().X509_NAME_ENTRY_get_object)(entry), false);
            let mut data: *mut c_uchar = ptr::null_mut();
            let len = (api().ASN1_STRING_to_UTF8)(&mut data, (api().X509_NAME_ENTRY_get_data)(entry));
            if len < 0 {
                return Err(raise_last(py));
            }
            let value = utf8(py, std::slice::from_raw_parts(data, len as usize));
            (api().CRYPTO_free)(data.cast(), ptr::null(), 0);
            set.push(pair(py, &attribute, value?)?);
        }
    }
    if !set.is_empty() {
        sets.push(Tuple::from_vec(py, set)?.upcast());
    }
    Ok(Tuple::from_vec(py, sets)?.upcast())
}

fn address_text(bytes: &[u8]) -> String {
    match bytes.len() {
        4 => bytes.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        16 => bytes
            .chunks_exact(2)
            .map(|pair| format!("{:X}", u16::from_be_bytes([pair[0], pair[1]])))
            .collect::<Vec<_>>()
            .join(":"),
        _ => String::from("<invalid>"),
    }
}

/// # Safety
/// `name` is a live `GENERAL_NAME`.
unsafe fn general_name(py: Attached<'_>, name: *mut GeneralName) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract; the kind says what the pointer is.
    unsafe {
        let value = (*name).value;
        match (*name).kind {
            4 => {
                let inner = name_tuple(py, value)?;
                pair(py, "DirName", inner)
            }
            1 => pair(py, "email", utf8(py, asn1_bytes(value))?),
            2 => pair(py, "DNS", utf8(py, asn1_bytes(value))?),
            6 => pair(py, "URI", utf8(py, asn1_bytes(value))?),
            7 => pair(py, "IP Address", address_text(asn1_bytes(value)).into_object(py)?),
            8 => pair(py, "Registered ID", object_text(value, false).into_object(py)?),
            _ => {
                let bio = MemBio::new().ok_or_else(|| py.no_memory())?;
                (api().GENERAL_NAME_print)(bio.0, name.cast());
                let shown = String::from_utf8_lossy(&bio.take()).into_owned();
                let (kind, value) = shown.split_once(':').unwrap_or((&shown, ""));
                pair(py, kind, value.into_object(py)?)
            }
        }
    }
}

/// # Safety
/// `x509` is a live certificate.
unsafe fn alt_names(py: Attached<'_>, x509: Ptr) -> PyResult<Vec<Ref<Object>>> {
    // SAFETY: by the contract; the extension is ours until it is freed.
    unsafe {
        let names = (api().X509_get_ext_d2i)(x509, NID_SUBJECT_ALT_NAME, ptr::null_mut(), ptr::null_mut());
        let found = items(names).into_iter().map(|name| general_name(py, name.cast())).collect();
        if !names.is_null() {
            (api().OPENSSL_sk_pop_free)(names, api().GENERAL_NAME_free);
        }
        found
    }
}

/// The addresses of an access method.
///
/// # Safety
/// As [`alt_names`].
unsafe fn access_uris(py: Attached<'_>, x509: Ptr, method: c_int) -> PyResult<Vec<Ref<Object>>> {
    // SAFETY: as there.
    unsafe {
        let info = (api().X509_get_ext_d2i)(x509, NID_INFO_ACCESS, ptr::null_mut(), ptr::null_mut());
        let mut found = Vec::new();
        let mut failed = None;
        for item in items(info) {
            let item = item.cast::<AccessDescription>();
            let location = (*item).location;
            if (api().OBJ_obj2nid)((*item).method) != method || location.is_null() || (*location).kind != 6 {
                continue;
            }
            match utf8(py, asn1_bytes((*location).value)) {
                Ok(uri) => found.push(uri),
                Err(raised) => {
                    failed = Some(raised);
                    break;
                }
            }
        }
        if !info.is_null() {
            (api().OPENSSL_sk_pop_free)(info, api().ACCESS_DESCRIPTION_free);
        }
        match failed {
            Some(raised) => Err(raised),
            None => Ok(found),
        }
    }
}

/// # Safety
/// As [`alt_names`].
unsafe fn crl_uris(py: Attached<'_>, x509: Ptr) -> PyResult<Vec<Ref<Object>>> {
    // SAFETY: as there.
    unsafe {
        let points = (api().X509_get_ext_d2i)(x509, NID_CRL_DISTRIBUTION_POINTS, ptr::null_mut(), ptr::null_mut());
        let mut uris = Vec::new();
        for point in items(points) {
            let name = (*point.cast::<DistPoint>()).name;
            // Relative names and empty points say no address.
            if name.is_null() || (*name).kind != 0 {
                continue;
            }
            for name in items((*name).names) {
                let name = name.cast::<GeneralName>();
                if (*name).kind == 6 {
                    uris.push(asn1_bytes((*name).value).to_vec());
                }
            }
        }
        if !points.is_null() {
            (api().OPENSSL_sk_pop_free)(points, api().DIST_POINT_free);
        }
        uris.iter().map(|uri| utf8(py, uri)).collect()
    }
}

/// # Safety
/// `print` writes into the buffer it gets.
fn printed(py: Attached<'_>, print: impl FnOnce(Ptr) -> c_int) -> PyResult<Ref<Object>> {
    let bio = MemBio::new().ok_or_else(|| py.no_memory())?;
    if print(bio.0) <= 0 {
        return Err(raise_last(py));
    }
    utf8(py, &bio.take())
}

/// What a certificate says, as the dict of `getpeercert`.
pub fn describe(py: Attached<'_>, x509: Ptr) -> PyResult<Ref<Dict>> {
    let dict = Dict::new(py)?;
    // SAFETY: the caller has a live certificate; parts belong to it.
    unsafe {
        dict.set_str(py, "subject", &*name_tuple(py, (api().X509_get_subject_name)(x509))?)?;
        dict.set_str(py, "issuer", &*name_tuple(py, (api().X509_get_issuer_name)(x509))?)?;
        dict.set_str(py, "version", &*((api().X509_get_version)(x509) + 1).into_object(py)?)?;
        let serial = printed(py, |bio| (api().i2a_ASN1_INTEGER)(bio, (api().X509_get_serialNumber)(x509)))?;
        dict.set_str(py, "serialNumber", &serial)?;
        let before = printed(py, |bio| (api().ASN1_TIME_print)(bio, (api().X509_get0_notBefore)(x509)))?;
        dict.set_str(py, "notBefore", &before)?;
        let after = printed(py, |bio| (api().ASN1_TIME_print)(bio, (api().X509_get0_notAfter)(x509)))?;
        dict.set_str(py, "notAfter", &after)?;
        let lists = [
            ("subjectAltName", alt_names(py, x509)?),
            ("OCSP", access_uris(py, x509, NID_OCSP)?),
            ("caIssuers", access_uris(py, x509, NID_CA_ISSUERS)?),
            ("crlDistributionPoints", crl_uris(py, x509)?),
        ];
        for (name, values) in lists {
            if !values.is_empty() {
                dict.set_str(py, name, Tuple::from_vec(py, values)?.as_object())?;
            }
        }
    }
    super::errors::clear();
    Ok(dict)
}

/// `_test_decode_cert(path)`.
pub fn decode_file(py: Attached<'_>, _: &Object, path: &Object) -> PyResult<Ref<Dict>> {
    let path = fs_bytes(py, path)?;
    // SAFETY: C strings; null results are checked, and what is made is freed.
    unsafe {
        let file = (api().BIO_new_file)(path.as_ptr(), c"r".as_ptr());
        if file.is_null() {
            super::errors::clear();
            return Err(raise_plain(py, "Can't open file"));
        }
        let x509 = (api().PEM_read_bio_X509)(file, ptr::null_mut(), None, ptr::null_mut());
        (api().BIO_free)(file);
        if x509.is_null() {
            super::errors::clear();
            return Err(raise_plain(py, "Error decoding PEM-encoded file"));
        }
        let dict = describe(py, x509);
        (api().X509_free)(x509);
        dict
    }
}

/// What `txt2obj` and `nid2obj` give: number, names and dotted text.
///
/// # Safety
/// `object` is live.
pub unsafe fn object_tuple(py: Attached<'_>, object: Ptr) -> PyResult<Ref<Tuple>> {
    // SAFETY: by the contract.
    unsafe {
        let nid = (api().OBJ_obj2nid)(object);
        if nid == 0 {
            return Err(raise!(py, ValueError, "Unknown object"));
        }
        let (short, long) = (text((api().OBJ_nid2sn)(nid)), text((api().OBJ_nid2ln)(nid)));
        let dotted = object_text(object, true);
        let dotted = if dotted.is_empty() { none() } else { dotted.into_object(py)? };
        Tuple::from_vec(py, vec![nid.into_object(py)?, short.into_object(py)?, long.into_object(py)?, dotted])
    }
}

/// Text as an object, or `None` for null.
///
/// # Safety
/// `text` is null or a C string.
pub unsafe fn optional_text(py: Attached<'_>, raw: *const std::ffi::c_char) -> PyResult<Ref<Object>> {
    if raw.is_null() {
        return Ok(none());
    }
    // SAFETY: by the contract.
    let text = unsafe { text(raw) };
    Ok(Str::new(py, &text)?.upcast())
}
