//! Codecs over files.
use super::incremental::{Decoder, Encoder};
use super::{MultibyteCodec, READER_ARGS, WRITER_ARGS, errors_of, errors_value, text_of};
use krait_object::args::Args;
use krait_object::native::{Arg, State as Cell, alloc, part, required, type_name};
use krait_object::typedef::member;
use krait_object::{
    Attached, Bool, Bytes, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Type, id, pytype, raise,
};
use std::mem::offset_of;

krait_object::native! {
    /// `MultibyteStreamReader`.
    pub struct StreamReader { stream: Slot, errors: Slot<Str>, decoder: Cell<Decoder> }
}
pytype! {
    static READER: "_multibytecodec.MultibyteStreamReader" for StreamReader {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Read text from a binary stream.\n\nSubclasses have the codec in their attribute codec.",
        slots: {
            tp_dealloc = StreamReader::dealloc, tp_traverse = StreamReader::traverse,
            tp_new = StreamReader::construct, tp_init = |_: Attached<'_>, _: &StreamReader, _: Args<'_>| Ok(()),
        },
        methods: {
            sig "read" => |py: Attached<'_>, this: &StreamReader, [size]: [Arg<'_>; 1]| this.read(py, id!(py, read), size_arg(py, size)?), "($self, sizeobj=None, /)", "Read and decode about so many bytes; all there are by default.";
            sig "readline" => |py: Attached<'_>, this: &StreamReader, [size]: [Arg<'_>; 1]| this.read(py, id!(py, readline), size_arg(py, size)?), "($self, sizeobj=None, /)", "Read and decode a line, or about so many bytes of it.";
            sig "readlines" => StreamReader::readlines, "($self, sizehintobj=None, /)", "Read and decode about so many bytes and return the lines.";
            noargs "reset" => |_: Attached<'_>, this: &StreamReader| this.decoder.lock().reset(), "($self, /)", "Forget what is pending and begin anew.";
        },
        getset: {
            "errors" => |_: Attached<'_>, this: &StreamReader| this.errors.get(), StreamReader::set_errors, "The name of the error handler.";
        },
        members: [member("stream\0", _Py_T_OBJECT, offset_of!(StreamReader, stream), Py_READONLY, c"the binary stream")],
    }
}

/// A number of bytes; -1 means all.
fn size_arg(py: Attached<'_>, size: Arg<'_>) -> PyResult<isize> {
    match size.filter(|size| !size.is_none()) {
        None => Ok(-1),
        Some(size) => match size.downcast::<Int>() {
            Some(size) => size.as_isize(py),
            None => Err(raise!(py, TypeError, "arg 1 must be an integer")),
        },
    }
}

impl StreamReader {
    fn construct(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<StreamReader>> {
        let [stream, errors] = READER_ARGS.bind(py, args)?;
        let (stream, errors) = (required(py, stream)?, errors_of(py, "StreamReader", "argument 2", errors)?);
        let codec = MultibyteCodec::of_class(py, class)?;
        let this = alloc::<StreamReader>(py, class)?;
        drop(this.stream.replace(Some(stream.to_ref())));
        drop(this.errors.replace(Some(errors)));
        this.decoder.init(Decoder::new(codec));
        Ok(this)
    }

    fn set_errors(py: Attached<'_>, this: &StreamReader, value: Option<&Object>) -> PyResult<()> {
        drop(this.errors.replace(Some(errors_value(py, value)?)));
        Ok(())
    }

    /// Reads with a method of the stream until there is text, or none is left.
    fn read(&self, py: Attached<'_>, method: &Str, size: isize) -> PyResult<Ref<Str>> {
        if size == 0 {
            return Ok(Str::empty());
        }
        let mut size = (size > 0).then_some(size);
        loop {
            let stream = part(py, &self.stream)?;
            let piece = match size {
                Some(size) => stream.call_method(py, method, &[&*size.into_object(py)?])?,
                None => stream.call_method(py, method, &[])?,
            };
            let Some(data) = piece.as_object().downcast::<Bytes>() else {
                let given = type_name(&piece);
                return Err(raise!(py, TypeError, "stream function returned a non-bytes object ({given})"));
            };
            let data = data.as_slice();
            let last = data.is_empty() || size.is_none();
            let text = Decoder::decode(py, &self.decoder, data, &*part(py, &self.errors)?, last)?;
            if last || !text.is_empty() {
                return Ok(text);
            }
            // A character is not whole yet.
            size = Some(1);
        }
    }

    fn readlines(py: Attached<'_>, this: &StreamReader, [size]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let text = this.read(py, id!(py, read), size_arg(py, size)?)?;
        text.as_object().call_method(py, id!(py, splitlines), &[Bool::of(true).as_object()])
    }
}

krait_object::native! {
    /// `MultibyteStreamWriter`.
    pub struct StreamWriter { stream: Slot, errors: Slot<Str>, encoder: Cell<Encoder> }
}
pytype! {
    static WRITER: "_multibytecodec.MultibyteStreamWriter" for StreamWriter {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Write text to a binary stream.\n\nSubclasses have the codec in their attribute codec.",
        slots: {
            tp_dealloc = StreamWriter::dealloc, tp_traverse = StreamWriter::traverse,
            tp_new = StreamWriter::construct, tp_init = |_: Attached<'_>, _: &StreamWriter, _: Args<'_>| Ok(()),
        },
        methods: {
            o "write" => |py: Attached<'_>, this: &StreamWriter, text: &Object| this.write(py, text), "($self, strobj, /)", "Encode text and write it to the stream.";
            o "writelines" => StreamWriter::writelines, "($self, lines, /)", "Write each item of a sequence.";
            noargs "reset" => StreamWriter::reset, "($self, /)", "Write what is pending and what leads back to ASCII.";
        },
        getset: {
            "errors" => |_: Attached<'_>, this: &StreamWriter| this.errors.get(), StreamWriter::set_errors, "The name of the error handler.";
        },
        members: [member("stream\0", _Py_T_OBJECT, offset_of!(StreamWriter, stream), Py_READONLY, c"the binary stream")],
    }
}

impl StreamWriter {
    fn construct(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<StreamWriter>> {
        let [stream, errors] = WRITER_ARGS.bind(py, args)?;
        let (stream, errors) = (required(py, stream)?, errors_of(py, "StreamWriter", "argument 2", errors)?);
        let codec = MultibyteCodec::of_class(py, class)?;
        let this = alloc::<StreamWriter>(py, class)?;
        drop(this.stream.replace(Some(stream.to_ref())));
        drop(this.errors.replace(Some(errors)));
        this.encoder.init(Encoder::new(codec));
        Ok(this)
    }

    fn set_errors(py: Attached<'_>, this: &StreamWriter, value: Option<&Object>) -> PyResult<()> {
        drop(this.errors.replace(Some(errors_value(py, value)?)));
        Ok(())
    }

    fn encode(&self, py: Attached<'_>, text: &Str, last: bool) -> PyResult<Vec<u8>> {
        Encoder::encode(py, &self.encoder, text, &*part(py, &self.errors)?, last)
    }

    fn send(&self, py: Attached<'_>, data: &[u8]) -> PyResult<()> {
        let data = Bytes::new(py, data)?;
        part(py, &self.stream)?.call_method(py, id!(py, write), &[data.as_object()]).map(drop)
    }

    fn write(&self, py: Attached<'_>, text: &Object) -> PyResult<()> {
        let data = self.encode(py, &*text_of(py, text)?, false)?;
        self.send(py, &data)
    }

    fn writelines(py: Attached<'_>, this: &StreamWriter, lines: &Object) -> PyResult<()> {
        if !lines.is_sequence() {
            return Err(raise!(py, TypeError, "arg must be a sequence object"));
        }
        let mut at = 0;
        while at < lines.len(py)? {
            let line = lines.sequence_item(py, at as isize)?;
            this.write(py, &line)?;
            at += 1;
        }
        Ok(())
    }

    fn reset(py: Attached<'_>, this: &StreamWriter) -> PyResult<()> {
        if !this.encoder.lock().is_pending() {
            return Ok(());
        }
        let data = this.encode(py, &Str::empty(), true)?;
        if data.is_empty() { Ok(()) } else { this.send(py, &data) }
    }
}
