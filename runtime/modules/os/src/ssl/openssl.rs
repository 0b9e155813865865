//! OpenSSL 3, opened when `_ssl` is first imported: the functions used, and the structs that its headers show.
use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};

/// Objects that only the library looks into.
pub type Ptr = *mut c_void;

pub type VerifyCallback = Option<unsafe extern "C" fn(c_int, Ptr) -> c_int>;
pub type PasswordCallback = Option<unsafe extern "C" fn(*mut c_char, c_int, c_int, Ptr) -> c_int>;
pub type NameCallback = unsafe extern "C" fn(Ptr, *mut c_int, Ptr) -> c_int;
pub type MessageCallback = unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, usize, Ptr, Ptr);
pub type KeylogCallback = unsafe extern "C" fn(Ptr, *const c_char);
pub type AlpnCallback =
    unsafe extern "C" fn(Ptr, *mut *const c_uchar, *mut c_uchar, *const c_uchar, c_uint, Ptr) -> c_int;
pub type PskClientCallback =
    unsafe extern "C" fn(Ptr, *const c_char, *mut c_char, c_uint, *mut c_uchar, c_uint) -> c_uint;
pub type PskServerCallback = unsafe extern "C" fn(Ptr, *const c_char, *mut c_uchar, c_uint) -> c_uint;

krait_vm::library! {
    /// The functions, under their own names.
    pub struct Api in [
        [if cfg!(target_os = "macos") { c"libssl.3.dylib" } else { c"libssl.so.3" }],
        [if cfg!(target_os = "macos") { c"libcrypto.3.dylib" } else { c"libcrypto.so.3" }],
    ] {
        fn OpenSSL_version_num() -> c_ulong;
        fn OpenSSL_version(c_int) -> *const c_char;
        fn ERR_peek_last_error() -> c_ulong;
        fn ERR_clear_error();
        fn ERR_reason_error_string(c_ulong) -> *const c_char;
        fn RAND_bytes(*mut c_uchar, c_int) -> c_int;
        fn RAND_status() -> c_int;
        fn RAND_add(*const c_void, c_int, f64);
        fn OBJ_txt2obj(*const c_char, c_int) -> Ptr;
        fn OBJ_nid2obj(c_int) -> Ptr;
        fn OBJ_obj2nid(Ptr) -> c_int;
        fn OBJ_nid2sn(c_int) -> *const c_char;
        fn OBJ_nid2ln(c_int) -> *const c_char;
        fn OBJ_sn2nid(*const c_char) -> c_int;
        fn OBJ_obj2txt(*mut c_char, c_int, Ptr, c_int) -> c_int;
        fn ASN1_OBJECT_free(Ptr);
        fn ASN1_STRING_to_UTF8(*mut *mut c_uchar, Ptr) -> c_int;
        fn ASN1_STRING_get0_data(Ptr) -> *const c_uchar;
        fn ASN1_STRING_length(Ptr) -> c_int;
        fn ASN1_TIME_print(Ptr, Ptr) -> c_int;
        fn i2a_ASN1_INTEGER(Ptr, Ptr) -> c_int;
        fn CRYPTO_free(Ptr, *const c_char, c_int);
        fn OPENSSL_sk_num(Ptr) -> c_int;
        fn OPENSSL_sk_value(Ptr, c_int) -> Ptr;
        fn OPENSSL_sk_pop_free(Ptr, unsafe extern "C" fn(Ptr));
        fn BIO_new(Ptr) -> Ptr;
        fn BIO_s_mem() -> Ptr;
        fn BIO_new_file(*const c_char, *const c_char) -> Ptr;
        fn BIO_new_mem_buf(*const c_void, c_int) -> Ptr;
        fn BIO_free(Ptr) -> c_int;
        fn BIO_up_ref(Ptr) -> c_int;
        fn BIO_read(Ptr, Ptr, c_int) -> c_int;
        fn BIO_write(Ptr, *const c_void, c_int) -> c_int;
        fn BIO_ctrl(Ptr, c_int, c_long, Ptr) -> c_long;
        fn BIO_ctrl_pending(Ptr) -> usize;
        fn BIO_set_flags(Ptr, c_int);
        fn BIO_clear_flags(Ptr, c_int);
        fn PEM_read_bio_X509(Ptr, Ptr, PasswordCallback, Ptr) -> Ptr;
        fn PEM_write_bio_X509(Ptr, Ptr) -> c_int;
        fn PEM_read_bio_DHparams(Ptr, Ptr, PasswordCallback, Ptr) -> Ptr;
        fn DH_free(Ptr);
        fn d2i_X509_bio(Ptr, Ptr) -> Ptr;
        fn i2d_X509(Ptr, *mut *mut c_uchar) -> c_int;
        fn X509_free(Ptr);
        fn X509_up_ref(Ptr) -> c_int;
        fn X509_cmp(Ptr, Ptr) -> c_int;
        fn X509_subject_name_hash(Ptr) -> c_ulong;
        fn X509_get_subject_name(Ptr) -> Ptr;
        fn X509_get_issuer_name(Ptr) -> Ptr;
        fn X509_get_version(Ptr) -> c_long;
        fn X509_get_serialNumber(Ptr) -> Ptr;
        fn X509_get0_notBefore(Ptr) -> Ptr;
        fn X509_get0_notAfter(Ptr) -> Ptr;
        fn X509_get_ext_d2i(Ptr, c_int, *mut c_int, *mut c_int) -> Ptr;
        fn X509_check_ca(Ptr) -> c_int;
        fn X509_NAME_entry_count(Ptr) -> c_int;
        fn X509_NAME_get_entry(Ptr, c_int) -> Ptr;
        fn X509_NAME_ENTRY_get_object(Ptr) -> Ptr;
        fn X509_NAME_ENTRY_get_data(Ptr) -> Ptr;
        fn X509_NAME_ENTRY_set(Ptr) -> c_int;
        fn X509_NAME_print_ex(Ptr, Ptr, c_int, c_ulong) -> c_int;
        fn GENERAL_NAME_print(Ptr, Ptr) -> c_int;
        fn GENERAL_NAME_free(Ptr);
        fn ACCESS_DESCRIPTION_free(Ptr);
        fn DIST_POINT_free(Ptr);
        fn X509_STORE_add_cert(Ptr, Ptr) -> c_int;
        fn X509_STORE_get0_objects(Ptr) -> Ptr;
        fn X509_STORE_lock(Ptr) -> c_int;
        fn X509_STORE_unlock(Ptr) -> c_int;
        fn X509_OBJECT_get_type(Ptr) -> c_int;
        fn X509_OBJECT_get0_X509(Ptr) -> Ptr;
        fn X509_VERIFY_PARAM_set_flags(Ptr, c_ulong) -> c_int;
        fn X509_VERIFY_PARAM_clear_flags(Ptr, c_ulong) -> c_int;
        fn X509_VERIFY_PARAM_get_flags(Ptr) -> c_ulong;
        fn X509_VERIFY_PARAM_set_hostflags(Ptr, c_uint);
        fn X509_VERIFY_PARAM_set1_host(Ptr, *const c_char, usize) -> c_int;
        fn X509_VERIFY_PARAM_set1_ip(Ptr, *const c_uchar, usize) -> c_int;
        fn X509_verify_cert_error_string(c_long) -> *const c_char;
        fn X509_get_default_cert_file() -> *const c_char;
        fn X509_get_default_cert_file_env() -> *const c_char;
        fn X509_get_default_cert_dir() -> *const c_char;
        fn X509_get_default_cert_dir_env() -> *const c_char;
        fn COMP_get_type(Ptr) -> c_int;
        fn TLS_method() -> Ptr;
        fn TLS_client_method() -> Ptr;
        fn TLS_server_method() -> Ptr;
        fn TLSv1_method() -> Ptr;
        fn TLSv1_1_method() -> Ptr;
        fn TLSv1_2_method() -> Ptr;
        fn SSL_CTX_new(Ptr) -> Ptr;
        fn SSL_CTX_free(Ptr);
        fn SSL_CTX_ctrl(Ptr, c_int, c_long, Ptr) -> c_long;
        fn SSL_CTX_callback_ctrl(Ptr, c_int, Option<unsafe extern "C" fn()>) -> c_long;
        fn SSL_CTX_set_options(Ptr, u64) -> u64;
        fn SSL_CTX_clear_options(Ptr, u64) -> u64;
        fn SSL_CTX_get_options(Ptr) -> u64;
        fn SSL_CTX_set_cipher_list(Ptr, *const c_char) -> c_int;
        fn SSL_CTX_set_alpn_protos(Ptr, *const c_uchar, c_uint) -> c_int;
        fn SSL_CTX_set_alpn_select_cb(Ptr, AlpnCallback, Ptr);
        fn SSL_CTX_use_certificate_chain_file(Ptr, *const c_char) -> c_int;
        fn SSL_CTX_use_PrivateKey_file(Ptr, *const c_char, c_int) -> c_int;
        fn SSL_CTX_check_private_key(Ptr) -> c_int;
        fn SSL_CTX_set_default_passwd_cb(Ptr, PasswordCallback);
        fn SSL_CTX_set_default_passwd_cb_userdata(Ptr, Ptr);
        fn SSL_CTX_load_verify_locations(Ptr, *const c_char, *const c_char) -> c_int;
        fn SSL_CTX_set_default_verify_paths(Ptr) -> c_int;
        fn SSL_CTX_get_cert_store(Ptr) -> Ptr;
        fn SSL_CTX_set_verify(Ptr, c_int, VerifyCallback);
        fn SSL_CTX_get_verify_mode(Ptr) -> c_int;
        fn SSL_CTX_get0_param(Ptr) -> Ptr;
        fn SSL_set_session_id_context(Ptr, *const c_uchar, c_uint) -> c_int;
        fn SSL_CTX_set_num_tickets(Ptr, usize) -> c_int;
        fn SSL_CTX_get_num_tickets(Ptr) -> usize;
        fn SSL_CTX_get_security_level(Ptr) -> c_int;
        fn SSL_CTX_set_keylog_callback(Ptr, Option<KeylogCallback>);
        fn SSL_CTX_set_msg_callback(Ptr, Option<MessageCallback>);
        fn SSL_CTX_set_psk_client_callback(Ptr, Option<PskClientCallback>);
        fn SSL_CTX_set_psk_server_callback(Ptr, Option<PskServerCallback>);
        fn SSL_CTX_use_psk_identity_hint(Ptr, *const c_char) -> c_int;
        fn SSL_CTX_set_post_handshake_auth(Ptr, c_int);
        fn SSL_CTX_set_ex_data(Ptr, c_int, Ptr) -> c_int;
        fn SSL_CTX_get_ex_data(Ptr, c_int) -> Ptr;
        fn SSL_select_next_proto(*mut *mut c_uchar, *mut c_uchar, *const c_uchar, c_uint, *const c_uchar, c_uint) -> c_int;
        fn SSL_new(Ptr) -> Ptr;
        fn SSL_free(Ptr);
        fn SSL_ctrl(Ptr, c_int, c_long, Ptr) -> c_long;
        fn SSL_set_fd(Ptr, c_int) -> c_int;
        fn SSL_set_bio(Ptr, Ptr, Ptr);
        fn SSL_set_connect_state(Ptr);
        fn SSL_set_accept_state(Ptr);
        fn SSL_do_handshake(Ptr) -> c_int;
        fn SSL_read_ex(Ptr, Ptr, usize, *mut usize) -> c_int;
        fn SSL_write_ex(Ptr, *const c_void, usize, *mut usize) -> c_int;
        fn SSL_pending(Ptr) -> c_int;
        fn SSL_shutdown(Ptr) -> c_int;
        fn SSL_get_shutdown(Ptr) -> c_int;
        fn SSL_set_shutdown(Ptr, c_int);
        fn SSL_set_read_ahead(Ptr, c_int);
        fn SSL_get_error(Ptr, c_int) -> c_int;
        fn SSL_get_SSL_CTX(Ptr) -> Ptr;
        fn SSL_set_SSL_CTX(Ptr, Ptr) -> Ptr;
        fn SSL_get1_peer_certificate(Ptr) -> Ptr;
        fn SSL_get_peer_cert_chain(Ptr) -> Ptr;
        fn SSL_get0_verified_chain(Ptr) -> Ptr;
        fn SSL_get_verify_result(Ptr) -> c_long;
        fn SSL_get0_param(Ptr) -> Ptr;
        fn SSL_get_verify_mode(Ptr) -> c_int;
        fn SSL_set_verify(Ptr, c_int, VerifyCallback);
        fn SSL_set_post_handshake_auth(Ptr, c_int);
        fn SSL_verify_client_post_handshake(Ptr) -> c_int;
        fn SSL_get_ciphers(Ptr) -> Ptr;
        fn SSL_get_client_ciphers(Ptr) -> Ptr;
        fn SSL_get_current_cipher(Ptr) -> Ptr;
        fn SSL_CIPHER_get_name(Ptr) -> *const c_char;
        fn SSL_CIPHER_get_version(Ptr) -> *const c_char;
        fn SSL_CIPHER_get_bits(Ptr, *mut c_int) -> c_int;
        fn SSL_CIPHER_get_id(Ptr) -> u32;
        fn SSL_CIPHER_description(Ptr, *mut c_char, c_int) -> *mut c_char;
        fn SSL_CIPHER_is_aead(Ptr) -> c_int;
        fn SSL_CIPHER_get_cipher_nid(Ptr) -> c_int;
        fn SSL_CIPHER_get_digest_nid(Ptr) -> c_int;
        fn SSL_CIPHER_get_kx_nid(Ptr) -> c_int;
        fn SSL_CIPHER_get_auth_nid(Ptr) -> c_int;
        fn SSL_get_version(Ptr) -> *const c_char;
        fn SSL_is_init_finished(Ptr) -> c_int;
        fn SSL_get_finished(Ptr, Ptr, usize) -> usize;
        fn SSL_get_peer_finished(Ptr, Ptr, usize) -> usize;
        fn SSL_session_reused(Ptr) -> c_int;
        fn SSL_get0_alpn_selected(Ptr, *mut *const c_uchar, *mut c_uint);
        fn SSL_get_current_compression(Ptr) -> Ptr;
        fn SSL_get_servername(Ptr, c_int) -> *const c_char;
        fn SSL_set_ex_data(Ptr, c_int, Ptr) -> c_int;
        fn SSL_get_ex_data(Ptr, c_int) -> Ptr;
        fn SSL_get1_session(Ptr) -> Ptr;
        fn SSL_set_session(Ptr, Ptr) -> c_int;
        fn SSL_SESSION_free(Ptr);
        fn SSL_SESSION_get_id(Ptr, *mut c_uint) -> *const c_uchar;
        fn SSL_SESSION_get_time(Ptr) -> c_long;
        fn SSL_SESSION_get_timeout(Ptr) -> c_long;
        fn SSL_SESSION_has_ticket(Ptr) -> c_int;
        fn SSL_SESSION_get_ticket_lifetime_hint(Ptr) -> c_ulong;
    }
}

/// `GENERAL_NAME`: a kind and a pointer to what it says.
#[repr(C)]
pub struct GeneralName {
    pub kind: c_int,
    pub value: Ptr,
}

/// `ACCESS_DESCRIPTION`.
#[repr(C)]
pub struct AccessDescription {
    pub method: Ptr,
    pub location: *mut GeneralName,
}

/// The start of `DIST_POINT`.
#[repr(C)]
pub struct DistPoint {
    pub name: *mut DistPointName,
}

/// The start of `DIST_POINT_NAME`.
#[repr(C)]
pub struct DistPointName {
    pub kind: c_int,
    pub names: Ptr,
}

/// Opens the library.
///
/// # Errors
/// The linker's complaint.
pub fn open() -> Result<(), &'static str> {
    Api::open().map(|_| ())
}

/// The library's functions.
pub fn api() -> &'static Api {
    Api::get()
}

/// Text of the library, empty for none.
///
/// # Safety
/// `text` is null or a C string.
pub unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The items of one of the library's stacks, borrowed; nothing for null.
///
/// # Safety
/// `stack` is null or a live stack, which nobody changes meanwhile.
pub unsafe fn items(stack: Ptr) -> Vec<Ptr> {
    if stack.is_null() {
        return Vec::new();
    }
    // SAFETY: by the contract.
    unsafe { (0..(api().OPENSSL_sk_num)(stack)).map(|at| (api().OPENSSL_sk_value)(stack, at)).collect() }
}

/// A memory buffer of the library, freed at the end.
pub struct MemBio(pub Ptr);

impl MemBio {
    pub fn new() -> Option<MemBio> {
        // SAFETY: no precondition.
        let bio = unsafe { (api().BIO_new)((api().BIO_s_mem)()) };
        (!bio.is_null()).then_some(MemBio(bio))
    }

    /// Everything that is in the buffer.
    pub fn take(&self) -> Vec<u8> {
        // SAFETY: a live buffer.
        unsafe {
            let mut out = vec![0; (api().BIO_ctrl_pending)(self.0)];
            let read = (api().BIO_read)(self.0, out.as_mut_ptr().cast(), out.len() as c_int);
            out.truncate(read.max(0) as usize);
            out
        }
    }
}

impl Drop for MemBio {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { (api().BIO_free)(self.0) };
    }
}
