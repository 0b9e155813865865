//! `_stat`: file modes.
use crate::linux;
use crate::util::add_ints;
use krait_object::{Attached, Module, Object, PyResult, functions, raise};

fn mode_arg(py: Attached<'_>, mode: &Object) -> PyResult<u32> {
    let value = mode.index(py)?.to_u64();
    match value.map(u32::try_from) {
        Some(Ok(mode)) => Ok(mode),
        _ => Err(raise!(py, OverflowError, "mode out of range")),
    }
}

macro_rules! kinds {
    ($($name:ident: $kind:expr;)*) => {$(
        fn $name(py: Attached<'_>, _: &Object, mode: &Object) -> PyResult<bool> {
            Ok(mode_arg(py, mode)? & libc::S_IFMT == $kind)
        }
    )*};
}
kinds! {
    is_dir: libc::S_IFDIR;
    is_chr: libc::S_IFCHR;
    is_blk: libc::S_IFBLK;
    is_reg: libc::S_IFREG;
    is_fifo: libc::S_IFIFO;
    is_lnk: libc::S_IFLNK;
    is_sock: libc::S_IFSOCK;
}

fn never(py: Attached<'_>, _: &Object, mode: &Object) -> PyResult<bool> {
    mode_arg(py, mode).map(|_| false)
}

fn imode(py: Attached<'_>, _: &Object, mode: &Object) -> PyResult<u32> {
    Ok(mode_arg(py, mode)? & 0o7777)
}

fn ifmt(py: Attached<'_>, _: &Object, mode: &Object) -> PyResult<u32> {
    Ok(mode_arg(py, mode)? & libc::S_IFMT)
}

fn filemode(py: Attached<'_>, _: &Object, mode: &Object) -> PyResult<String> {
    let mode = mode_arg(py, mode)?;
    let mut text = String::with_capacity(10);
    text.push(match mode & libc::S_IFMT {
        libc::S_IFREG => '-',
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFBLK => 'b',
        libc::S_IFCHR => 'c',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        _ => '?',
    });
    for (shift, special, letter) in [(6, libc::S_ISUID, 's'), (3, libc::S_ISGID, 's'), (0, libc::S_ISVTX, 't')] {
        let bits = mode >> shift & 7;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    Ok(text)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "S_ISDIR" => is_dir, "($self, object, /)", "Whether the mode is a directory's.";
            o "S_ISCHR" => is_chr, "($self, object, /)", "Whether the mode is a character device's.";
            o "S_ISBLK" => is_blk, "($self, object, /)", "Whether the mode is a block device's.";
            o "S_ISREG" => is_reg, "($self, object, /)", "Whether the mode is a regular file's.";
            o "S_ISFIFO" => is_fifo, "($self, object, /)", "Whether the mode is a named pipe's.";
            o "S_ISLNK" => is_lnk, "($self, object, /)", "Whether the mode is a symbolic link's.";
            o "S_ISSOCK" => is_sock, "($self, object, /)", "Whether the mode is a socket's.";
            o "S_ISDOOR" => never, "($self, object, /)", "Whether the mode is a door's.";
            o "S_ISPORT" => never, "($self, object, /)", "Whether the mode is an event port's.";
            o "S_ISWHT" => never, "($self, object, /)", "Whether the mode is a whiteout's.";
            o "S_IMODE" => imode, "($self, object, /)", "The permission bits.";
            o "S_IFMT" => ifmt, "($self, object, /)", "The bits of the file's type.";
            o "filemode" => filemode, "($self, object, /)", "The mode as ls shows it.";
        },
    )?;
    add_ints(py, module, linux::STAT)
}
