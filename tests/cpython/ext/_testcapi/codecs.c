/* The codec registry. */
#include "parts.h"
#include "../functions.h"

#define FUNCTIONS(ONE, MANY)                                                                             \
    ONE(codec_register, NOTHING(PyCodec_Register(a)))                                                     \
    ONE(codec_unregister, NOTHING(PyCodec_Unregister(a)))                                                 \
    MANY(codec_known_encoding, PyBool_FromLong(PyCodec_KnownEncoding(s)), "z", &s)                       \
    MANY(codec_encode, PyCodec_Encode(a, s, t), "O&zz", A, &s, &t)                                       \
    MANY(codec_decode, PyCodec_Decode(a, s, t), "O&zz", A, &s, &t)                                       \
    MANY(codec_encoder, PyCodec_Encoder(s), "z", &s)                                                     \
    MANY(codec_decoder, PyCodec_Decoder(s), "z", &s)                                                     \
    MANY(codec_incremental_encoder, PyCodec_IncrementalEncoder(s, t), "zz", &s, &t)                      \
    MANY(codec_incremental_decoder, PyCodec_IncrementalDecoder(s, t), "zz", &s, &t)                      \
    MANY(codec_stream_reader, PyCodec_StreamReader(s, a, t), "zO&z", &s, A, &t)                          \
    MANY(codec_stream_writer, PyCodec_StreamWriter(s, a, t), "zO&z", &s, A, &t)                          \
    MANY(codec_register_error, NUMBER(PyCodec_RegisterError(s, a)), "zO&", &s, A)                        \
    MANY(codec_lookup_error, PyCodec_LookupError(s), "z", &s)                                            \
    ONE(codec_strict_errors, PyCodec_StrictErrors(a))                                                    \
    ONE(codec_ignore_errors, PyCodec_IgnoreErrors(a))                                                    \
    ONE(codec_replace_errors, PyCodec_ReplaceErrors(a))                                                  \
    ONE(codec_xmlcharrefreplace_errors, PyCodec_XMLCharRefReplaceErrors(a))                              \
    ONE(codec_backslashreplace_errors, PyCodec_BackslashReplaceErrors(a))

PART(codecs, FUNCTIONS)
