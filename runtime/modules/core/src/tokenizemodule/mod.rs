//! `_tokenize`: the token iterator behind the module `tokenize`.
mod lexer;
mod strict;

use krait_object::args::{Args, Signature};
use krait_object::layout::Field;
use krait_object::native::{State, Trace, add_type, alloc, part, required};
use krait_object::{
    Attached, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type, exc, none, pytype,
    raise,
};
use lexer::{Fault, Lexer, Problem, Stop, Token, kind};

/// The lexer, taken out while it runs.
pub struct Reader(Option<Lexer>);
impl Trace for Reader {}

krait_object::native! {
    /// `TokenizerIter`.
    pub struct TokenizerIter { readline: Slot, encoding: Slot<Str>, reader: State<Reader>, extra: Field<bool> }
}
pytype! {
    static TOKENIZER_ITER: "_tokenize.TokenizerIter" for TokenizerIter {
        base: Object, flags: [HAVE_GC],
        slots: {
            tp_dealloc = TokenizerIter::dealloc,
            tp_traverse = TokenizerIter::traverse,
            tp_iter = |_: Attached<'_>, this: &TokenizerIter| this.to_ref(),
            tp_iternext = TokenizerIter::next,
            tp_new = TokenizerIter::construct,
        },
    }
}

impl TokenizerIter {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<TokenizerIter>> {
        const SIG: Signature = Signature::parse("tokenizeriter", "(readline, /, *, extra_tokens, encoding=None)");
        let [readline, extra, encoding] = SIG.bind::<3>(py, args)?;
        let extra = extra.map_or(Ok(false), |extra| extra.is_true(py))?;
        let encoding = encoding.and_then(|encoding| encoding.downcast::<Str>()).map(|encoding| encoding.to_ref());
        let readline = required(py, readline)?.to_ref();
        let this = alloc::<TokenizerIter>(py, ty)?;
        this.reader.init(Reader(Some(Lexer::new(!extra))));
        this.extra.set(extra);
        drop(this.readline.replace(Some(readline)));
        drop(this.encoding.replace(encoding));
        Ok(this)
    }

    fn read_line(&self, py: Attached<'_>) -> PyResult<Option<Vec<u32>>> {
        let line = match part(py, &self.readline)?.call0(py) {
            Ok(line) => line,
            Err(raised) if raised.matches(py, exc::StopIteration()) => {
                raised.clear(py);
                return Ok(None);
            }
            Err(raised) => return Err(raised),
        };
        let Some(encoding) = self.encoding.get() else {
            return match line.as_object().downcast::<Str>() {
                Some(text) => Ok(Some(text.to_code_points())),
                None => Err(raise!(py, TypeError, "readline() returned a non-string object")),
            };
        };
        let Some(bytes) = line.as_object().downcast::<krait_object::Bytes>() else {
            return Err(raise!(py, TypeError, "readline() returned a non-bytes object"));
        };
        let encoding = encoding.to_string_lossy();
        let text = krait_object::codecs::decode(py, bytes.as_slice(), Some(&*encoding), Some("replace"))?;
        Ok(Some(text.to_code_points()))
    }

    fn next(py: Attached<'_>, this: &TokenizerIter) -> PyResult<Option<Ref<Tuple>>> {
        // Other threads wait, unless the reading of a line lets them in.
        let _section = this.lock(py);
        {
            let Some(mut lexer) = this.reader.lock().0.take() else {
                return Err(raise!(py, ValueError, "tokenizer already executing"));
            };
            let result = lexer.next(&mut || this.read_line(py));
            this.reader.lock().0 = Some(lexer);
            match result {
                Ok(None) => Ok(None),
                Ok(Some(token)) => this.report(py, token).map(Some),
                Err(Stop::Raised(raised)) => Err(raised),
                Err(Stop::Problem(problem)) => Err(fail(py, &problem)),
            }
        }
    }

    fn report(&self, py: Attached<'_>, token: Token) -> PyResult<Ref<Tuple>> {
        let place = |(row, column): lexer::Place| -> PyResult<Ref<Object>> {
            let column = if token.placeless { (-1).into_object(py)? } else { column.into_object(py)? };
            Ok(Tuple::pair(py, row.into_object(py)?, column)?.upcast())
        };
        let mut number = token.kind;
        if !self.extra.get() && number == kind::OP {
            number = exact_kind(py, &token)?;
        }
        let items = vec![
            number.into_object(py)?,
            Str::from_code_points(py, &token.text)?.upcast(),
            place(token.start)?,
            place(token.end)?,
            Str::from_code_points(py, &token.line)?.upcast(),
        ];
        Tuple::from_vec(py, items)
    }
}

/// The operator's own token type, from the module `token`.
fn exact_kind(py: Attached<'_>, token: &Token) -> PyResult<u8> {
    let module = (krait_object::hooks::hooks().import)(py, "token")?;
    let table = module.get_attr(py, krait_object::id!(py, EXACT_TOKEN_TYPES))?;
    let text = Str::from_code_points(py, &token.text)?;
    match table.get_item_opt(py, text.as_object())? {
        Some(number) => Ok(number.as_i32(py)? as u8),
        None => Ok(kind::OP),
    }
}

fn fail(py: Attached<'_>, problem: &Problem) -> Raised {
    let class = match problem.fault {
        Fault::Syntax => exc::SyntaxError(),
        Fault::Indentation => exc::IndentationError(),
        Fault::Tab => exc::TabError(),
    };
    let build = || -> PyResult<Raised> {
        let Some((row, column)) = problem.place else { return Ok(py.raise(class, &problem.message)) };
        let line = problem.line.split(|&point| point == u32::from('\n')).next().unwrap_or_default();
        let line = Str::from_code_points(py, line)?.upcast();
        let (row, column) = (row.into_object(py)?, column.into_object(py)?);
        let (end_row, end_column) = match problem.end {
            Some((row, column)) => (row.into_object(py)?, column.into_object(py)?),
            None => (none(), none()),
        };
        let details = vec!["<string>".into_object(py)?, row, column, line, end_row, end_column];
        let details = Tuple::from_vec(py, details)?.upcast();
        let args = Tuple::pair(py, problem.message.as_str().into_object(py)?, details)?;
        let error = class.as_object().call_pos(py, args.as_slice())?;
        Ok(py.raise_value(class, &error))
    };
    build().unwrap_or_else(|raised| raised)
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<TokenizerIter>(py, module, "TokenizerIter")
}
