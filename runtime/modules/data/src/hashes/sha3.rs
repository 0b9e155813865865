//! `_sha3`: SHA-3 and SHAKE.
use super::{digest_input, hex, in_background, unsigned_long, usual_data};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, Trace, add_type, alloc, required};
use krait_object::{Attached, Bytes, IntoObject, Layout, Module, Object, PyResult, Ref, Type, pytype, raise};
use sha3::Digest;
use sha3::digest::{ExtendableOutput, Update, XofReader};

struct Hasher<H>(H);

impl<H> Trace for Hasher<H> {}

macro_rules! class {
    ($Type:ident $symbol:ident $full:literal $name:literal $hasher:ty, $rate:literal $suffix:literal, [$($method:tt)*]) => {
        krait_object::native! {
            /// Objects of one hash function.
            struct $Type { state: State<Hasher<$hasher>> }
        }
        pytype! {
            static $symbol: $full for $Type {
                base: Object, flags: [],
                slots: { tp_dealloc = $Type::dealloc, tp_new = $Type::construct },
                methods: {
                    noargs "copy" => $Type::copy, "($self, /)", "Return a copy of the hash object.";
                    $($method)*
                    o "update" => $Type::update, "($self, data, /)", "Update this hash object's state with the provided bytes-like object.";
                },
                getset: {
                    "block_size" => |_: Attached<'_>, _: &$Type| $rate / 8, "How many bytes are hashed at a time.";
                    "digest_size" => |_: Attached<'_>, _: &$Type| $Type::DIGEST, "The length of the hash in bytes.";
                    "name" => |_: Attached<'_>, _: &$Type| $name, "The name of the hash function.";
                    "_capacity_bits" => |_: Attached<'_>, _: &$Type| 1600 - $rate, "Bits of the state that input does not touch.";
                    "_rate_bits" => |_: Attached<'_>, _: &$Type| $rate, "Bits of the state that take input.";
                    "_suffix" => |py: Attached<'_>, _: &$Type| Bytes::new(py, &[$suffix]), "What is appended to the input.";
                },
            }
        }
        impl $Type {
            fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<$Type>> {
                const SIG: Signature = Signature::parse($name, "(data=b'', *, usedforsecurity=True, string=None)");
                let [data, _, string] = SIG.bind::<3>(py, args)?;
                let mut hasher = <$hasher>::default();
                if let Some(data) = usual_data(py, data, string)? {
                    let data = digest_input(py, data)?;
                    in_background(data.as_slice(), |data| Update::update(&mut hasher, data));
                }
                let this = alloc::<$Type>(py, ty)?;
                this.state.init(Hasher(hasher));
                Ok(this)
            }

            fn copy(py: Attached<'_>, this: &$Type) -> PyResult<Ref<$Type>> {
                let hasher = this.state.lock().0.clone();
                let copy = alloc::<$Type>(py, Self::type_object())?;
                copy.state.init(Hasher(hasher));
                Ok(copy)
            }

            fn update(py: Attached<'_>, this: &$Type, data: &Object) -> PyResult<()> {
                let data = digest_input(py, data)?;
                in_background(data.as_slice(), |data| Update::update(&mut this.state.lock().0, data));
                Ok(())
            }
        }
    };
}

macro_rules! sha3 {
    ($Type:ident $symbol:ident $full:literal $name:literal $hasher:ty, $rate:literal $size:literal) => {
        class!($Type $symbol $full $name $hasher, $rate 6, [
            noargs "digest" => |py: Attached<'_>, this: &$Type| { let hasher = this.state.lock().0.clone(); Bytes::new(py, &hasher.finalize()) }, "($self, /)", "Return the digest value as a bytes object.";
            noargs "hexdigest" => |_: Attached<'_>, this: &$Type| { let hasher = this.state.lock().0.clone(); hex(&hasher.finalize()) }, "($self, /)", "Return the digest value as a string of hexadecimal digits.";
        ]);
        impl $Type {
            const DIGEST: i32 = $size;
        }
    };
}

macro_rules! shake {
    ($Type:ident $symbol:ident $full:literal $name:literal $hasher:ty, $rate:literal) => {
        class!($Type $symbol $full $name $hasher, $rate 31, [
            sig "digest" => |py: Attached<'_>, this: &$Type, [length]: [Arg<'_>; 1]| this.read(py, length).and_then(|bytes| Bytes::new(py, &bytes)), "($self, /, length)", "Return that many bytes of the digest.";
            sig "hexdigest" => |py: Attached<'_>, this: &$Type, [length]: [Arg<'_>; 1]| this.read(py, length).map(|bytes| hex(&bytes)), "($self, /, length)", "Return that many bytes of the digest in hexadecimal digits.";
        ]);
        impl $Type {
            const DIGEST: i32 = 0;

            fn read(&self, py: Attached<'_>, length: Arg<'_>) -> PyResult<Vec<u8>> {
                let length = length_arg(py, length)?;
                let hasher = self.state.lock().0.clone();
                let mut out = krait_object::reserve::zeros(py, length)?;
                hasher.finalize_xof().read(&mut out);
                Ok(out)
            }
        }
    };
}

/// The length of an extendable digest.
fn length_arg(py: Attached<'_>, length: Arg<'_>) -> PyResult<usize> {
    match unsigned_long(py, required(py, length)?)? {
        length if length >= 1 << 29 => Err(raise!(py, ValueError, "length is too large")),
        length => Ok(length as usize),
    }
}

sha3!(Sha3x224 SHA3_224 "_sha3.sha3_224" "sha3_224" sha3::Sha3_224, 1152 28);
sha3!(Sha3x256 SHA3_256 "_sha3.sha3_256" "sha3_256" sha3::Sha3_256, 1088 32);
sha3!(Sha3x384 SHA3_384 "_sha3.sha3_384" "sha3_384" sha3::Sha3_384, 832 48);
sha3!(Sha3x512 SHA3_512 "_sha3.sha3_512" "sha3_512" sha3::Sha3_512, 576 64);
shake!(Shake128 SHAKE_128 "_sha3.shake_128" "shake_128" sha3::Shake128, 1344);
shake!(Shake256 SHAKE_256 "_sha3.shake_256" "shake_256" sha3::Shake256, 1088);

/// Fills `_sha3`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Sha3x224>(py, module, "sha3_224")?;
    add_type::<Sha3x256>(py, module, "sha3_256")?;
    add_type::<Sha3x384>(py, module, "sha3_384")?;
    add_type::<Sha3x512>(py, module, "sha3_512")?;
    add_type::<Shake128>(py, module, "shake_128")?;
    add_type::<Shake256>(py, module, "shake_256")?;
    module.add(py, "implementation", &*"RustCrypto".into_object(py)?)?;
    super::threshold(py, module)
}
