//! [`Opcode`] and what is known about each instruction.

/// Properties of an instruction, as `_opcode.has_arg` and its siblings report them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u8);

impl Flags {
    /// The instruction uses its argument.
    pub const ARG: Flags = Flags(1);
    /// The argument indexes `co_consts`.
    pub const CONST: Flags = Flags(2);
    /// The argument indexes `co_names` (perhaps shifted, see `oparg`).
    pub const NAME: Flags = Flags(4);
    /// The argument is a relative jump.
    pub const JUMP: Flags = Flags(8);
    /// The argument indexes the fast locals.
    pub const LOCAL: Flags = Flags(16);
    /// The argument indexes a cell or free variable among the fast locals.
    pub const FREE: Flags = Flags(32);
    /// The pseudo instruction opens a block with an exception handler.
    pub const EXC: Flags = Flags(64);

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    const fn union(list: &[Flags]) -> Flags {
        let (mut bits, mut i) = (0, 0);
        while i < list.len() {
            bits |= list[i].0;
            i += 1;
        }
        Flags(bits)
    }
}

macro_rules! define_opcodes {
    ($(($name:ident, $num:literal, $cache:literal, [$($flag:ident)*], $base:ident, $n:ident, $pops:expr, $pushes:expr))*) => {
        /// An instruction of CPython 3.14, with its number there.
        #[allow(clippy::upper_case_acronyms, missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Opcode { $($name = $num),* }

        impl Opcode {
            /// Every instruction, ordered by number.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$name),*];

            /// The instruction with this number, if there is one.
            pub const fn from_u8(number: u8) -> Option<Opcode> {
                match number {
                    $($num => Some(Opcode::$name),)*
                    _ => None,
                }
            }

            /// The name as `dis.opname` has it.
            pub const fn name(self) -> &'static str {
                match self { $(Opcode::$name => stringify!($name)),* }
            }

            /// How many code units of inline cache follow the instruction.
            pub const fn cache_entries(self) -> usize {
                match self { $(Opcode::$name => $cache),* }
            }

            /// Properties of the instruction.
            pub const fn flags(self) -> Flags {
                match self { $(Opcode::$name => const { Flags::union(&[$(Flags::$flag),*]) }),* }
            }

            /// The instruction that a specialised or instrumented one stands for; itself for all others.
            pub const fn base(self) -> Opcode {
                match self { $(Opcode::$name => Opcode::$base),* }
            }

            /// How many values the instruction takes from the stack.
            #[allow(unused_variables)]
            pub const fn pops(self, oparg: u32) -> u32 {
                match self { $(Opcode::$name => { let $n = oparg; $pops })* }
            }

            /// How many values the instruction leaves on the stack (on the jump, if it jumps).
            #[allow(unused_variables)]
            pub const fn pushes(self, oparg: u32) -> u32 {
                match self { $(Opcode::$name => { let $n = oparg; $pushes })* }
            }
        }
    };
}
crate::for_each_opcode!(define_opcodes);

/// Numbers below this one are not an instruction's that has an argument.
pub const HAVE_ARGUMENT: u8 = 43;
/// Numbers from this one on are instrumented instructions.
pub const MIN_INSTRUMENTED_OPCODE: u8 = 234;

impl Opcode {
    /// Change of the stack's depth.
    pub const fn stack_effect(self, oparg: u32) -> i32 {
        self.pushes(oparg) as i32 - self.pops(oparg) as i32
    }

    /// Whether the argument means something.
    pub const fn has_arg(self) -> bool {
        self.flags().contains(Flags::ARG)
    }

    /// Whether the argument is a relative jump.
    pub const fn has_jump(self) -> bool {
        self.flags().contains(Flags::JUMP)
    }

    /// Whether the jump goes backwards.
    pub const fn jumps_backward(self) -> bool {
        matches!(self.base(), Opcode::JUMP_BACKWARD | Opcode::JUMP_BACKWARD_NO_INTERRUPT | Opcode::END_ASYNC_FOR)
    }

    /// Whether this is a specialised form that only the interpreter writes.
    pub const fn is_specialized(self) -> bool {
        !self.is_instrumented() && self as u8 != self.base() as u8
    }

    /// Whether this is an instrumented form.
    pub const fn is_instrumented(self) -> bool {
        self as u8 >= MIN_INSTRUMENTED_OPCODE && self as u8 != Opcode::ENTER_EXECUTOR as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_caches() {
        assert_eq!(Opcode::ALL.len(), 227);
        assert_eq!(Opcode::RESUME as u8, 128);
        assert_eq!(Opcode::from_u8(82), Some(Opcode::LOAD_CONST));
        assert_eq!(Opcode::from_u8(122), None);
        assert_eq!(Opcode::LOAD_ATTR.cache_entries(), 9);
        assert_eq!(Opcode::LOAD_ATTR_SLOT.cache_entries(), 9);
        assert_eq!(Opcode::LOAD_ATTR_SLOT.base(), Opcode::LOAD_ATTR);
        assert!(Opcode::LOAD_ATTR_SLOT.is_specialized());
        assert!(!Opcode::LOAD_ATTR.is_specialized());
        for &op in Opcode::ALL {
            assert_eq!(Opcode::from_u8(op as u8), Some(op));
            assert_eq!(op.base().base(), op.base());
        }
    }

    #[test]
    fn effects_as_recorded() {
        // `_opcode.stack_effect` of CPython 3.14.10.
        for (op, arg, effect) in [
            (Opcode::CALL, 3, -4),
            (Opcode::LOAD_GLOBAL, 1, 2),
            (Opcode::LOAD_ATTR, 2, 0),
            (Opcode::LOAD_ATTR, 3, 1),
            (Opcode::BUILD_MAP, 2, -3),
            (Opcode::UNPACK_EX, 0x0102, 3),
            (Opcode::WITH_EXCEPT_START, 0, 1),
            (Opcode::BUILD_INTERPOLATION, 3, -2),
            (Opcode::FOR_ITER, 7, 1),
            (Opcode::COPY, 3, 1),
            (Opcode::SWAP, 3, 0),
        ] {
            assert_eq!(op.stack_effect(arg), effect, "{op:?}");
        }
    }
}
