//! An immutable map from hashable objects to objects: copying it costs nothing, and a changed one shares nearly all with
//! the old one (a hash array mapped trie: Bagwell, "Ideal Hash Trees", 2001).
//!
//! Nodes are objects that never change, so that the collector sees each once, however many maps share it.
//! A level of the trie looks at five bits of a 32-bit hash. Keys whose hashes are equal lie in one node of their own.
use krait_object::native::{Fixed, Trace, alloc, ready};
use krait_object::{Attached, Object, PyResult, Ref, Visit, pytype};
use std::ffi::c_int;

/// A key with its value.
#[derive(Clone)]
pub struct Pair {
    pub key: Ref<Object>,
    pub value: Ref<Object>,
    hash: u32,
}

#[derive(Clone)]
enum Entry {
    Pair(Pair),
    Child(Ref<Node>),
}

enum Body {
    /// Entries by the bits of the hash that the level looks at: one for each bit that is set, in their order.
    Branch { bits: u32, entries: Vec<Entry> },
    /// Keys of one hash.
    Collision(Vec<Pair>),
}

impl Trace for Body {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        let pair = |pair: &Pair| pair.key.trace(visit).and_then(|()| pair.value.trace(visit));
        match self {
            Body::Branch { entries, .. } => entries.iter().try_for_each(|entry| match entry {
                Entry::Pair(entry) => pair(entry),
                Entry::Child(node) => node.trace(visit),
            }),
            Body::Collision(pairs) => pairs.iter().try_for_each(pair),
        }
    }
}

krait_object::native! {
    /// A node of the trie.
    pub struct Node { body: Fixed<Body> }
}
pytype! {
    static NODE_TYPE: "hamt_node" for Node {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "A node of an immutable map.",
        slots: {
            tp_dealloc = Node::dealloc,
            tp_traverse = Node::traverse,
        },
    }
}

const LEVEL: u32 = 5;

/// The bit of an entry for a hash at a level.
fn bit(hash: u32, shift: u32) -> u32 {
    1 << (hash >> shift & 31)
}

/// Where the entry of a bit is.
fn place(bits: u32, bit: u32) -> usize {
    (bits & (bit - 1)).count_ones() as usize
}

/// 32 bits of a hash, of which all matter.
fn fold(hash: isize) -> u32 {
    (hash as u64 as u32) ^ (hash as u64 >> 32) as u32
}

/// Whether two keys of equal hash are equal.
fn same(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<bool> {
    if left.is(right) { Ok(true) } else { left.eq(py, right) }
}

fn make(py: Attached<'_>, body: Body) -> PyResult<Ref<Node>> {
    let node = alloc::<Node>(py, ready::<Node>(py)?)?;
    node.body.init(body);
    Ok(node)
}

/// A node of two pairs with different keys.
fn join(py: Attached<'_>, shift: u32, old: Pair, new: Pair) -> PyResult<Ref<Node>> {
    if old.hash == new.hash {
        return make(py, Body::Collision(vec![old, new]));
    }
    let (old_bit, new_bit) = (bit(old.hash, shift), bit(new.hash, shift));
    let entries = match old_bit.cmp(&new_bit) {
        std::cmp::Ordering::Less => vec![Entry::Pair(old), Entry::Pair(new)],
        std::cmp::Ordering::Greater => vec![Entry::Pair(new), Entry::Pair(old)],
        std::cmp::Ordering::Equal => vec![Entry::Child(join(py, shift + LEVEL, old, new)?)],
    };
    make(py, Body::Branch { bits: old_bit | new_bit, entries })
}

/// What became of a node without a key.
enum Left {
    /// The key was not there.
    Unchanged,
    Nothing,
    One(Pair),
    More(Ref<Node>),
}

impl Node {
    fn body(&self, py: Attached<'_>) -> PyResult<&Body> {
        self.body.get().ok_or_else(|| py.bad_internal_call())
    }

    fn find(&self, py: Attached<'_>, shift: u32, hash: u32, key: &Object) -> PyResult<Option<Ref<Object>>> {
        match self.body(py)? {
            Body::Branch { bits, entries } => {
                let bit = bit(hash, shift);
                if bits & bit == 0 {
                    return Ok(None);
                }
                match &entries[place(*bits, bit)] {
                    Entry::Child(node) => node.find(py, shift + LEVEL, hash, key),
                    Entry::Pair(pair) if pair.hash == hash && same(py, key, &pair.key)? => Ok(Some(pair.value.clone())),
                    Entry::Pair(_) => Ok(None),
                }
            }
            Body::Collision(pairs) => {
                for pair in pairs {
                    if pair.hash == hash && same(py, key, &pair.key)? {
                        return Ok(Some(pair.value.clone()));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The node with a pair, and whether it has one more; `None` when it has that very value already.
    fn with(&self, py: Attached<'_>, shift: u32, pair: &Pair) -> PyResult<Option<(Ref<Node>, bool)>> {
        let (bits, entries) = match self.body(py)? {
            Body::Branch { bits, entries } => (*bits, entries),
            Body::Collision(pairs) => return self.with_collision(py, shift, pairs, pair),
        };
        let bit = bit(pair.hash, shift);
        let at = place(bits, bit);
        let (entry, grown) = if bits & bit == 0 {
            let mut entries = entries.clone();
            entries.insert(at, Entry::Pair(pair.clone()));
            return Ok(Some((make(py, Body::Branch { bits: bits | bit, entries })?, true)));
        } else {
            match &entries[at] {
                Entry::Child(node) => match node.with(py, shift + LEVEL, pair)? {
                    Some((node, grown)) => (Entry::Child(node), grown),
                    None => return Ok(None),
                },
                Entry::Pair(old) if old.hash == pair.hash && same(py, &pair.key, &old.key)? => {
                    if old.value.is(&*pair.value) {
                        return Ok(None);
                    }
                    (Entry::Pair(Pair { key: old.key.clone(), ..pair.clone() }), false)
                }
                Entry::Pair(old) => (Entry::Child(join(py, shift + LEVEL, old.clone(), pair.clone())?), true),
            }
        };
        let mut entries = entries.clone();
        entries[at] = entry;
        Ok(Some((make(py, Body::Branch { bits, entries })?, grown)))
    }

    fn with_collision(
        &self,
        py: Attached<'_>,
        shift: u32,
        pairs: &[Pair],
        pair: &Pair,
    ) -> PyResult<Option<(Ref<Node>, bool)>> {
        use krait_object::Layout;
        let hash = pairs.first().map_or(pair.hash, |pair| pair.hash);
        if hash != pair.hash {
            // One level more, in which the hashes may differ.
            let above = make(py, Body::Branch { bits: bit(hash, shift), entries: vec![Entry::Child(self.to_ref())] })?;
            return above.with(py, shift, pair);
        }
        let mut new = pairs.to_vec();
        for old in &mut new {
            if same(py, &pair.key, &old.key)? {
                if old.value.is(&*pair.value) {
                    return Ok(None);
                }
                old.value = pair.value.clone();
                return Ok(Some((make(py, Body::Collision(new))?, false)));
            }
        }
        new.push(pair.clone());
        Ok(Some((make(py, Body::Collision(new))?, true)))
    }

    fn without(&self, py: Attached<'_>, shift: u32, hash: u32, key: &Object) -> PyResult<Left> {
        let (bits, entries) = match self.body(py)? {
            Body::Branch { bits, entries } => (*bits, entries),
            Body::Collision(pairs) => {
                for (at, pair) in pairs.iter().enumerate() {
                    if pair.hash == hash && same(py, key, &pair.key)? {
                        let mut pairs = pairs.clone();
                        pairs.remove(at);
                        return Ok(match pairs.len() {
                            1 => Left::One(pairs.remove(0)),
                            _ => Left::More(make(py, Body::Collision(pairs))?),
                        });
                    }
                }
                return Ok(Left::Unchanged);
            }
        };
        let bit = bit(hash, shift);
        if bits & bit == 0 {
            return Ok(Left::Unchanged);
        }
        let at = place(bits, bit);
        let entry = match &entries[at] {
            Entry::Child(node) => match node.without(py, shift + LEVEL, hash, key)? {
                Left::Unchanged => return Ok(Left::Unchanged),
                Left::Nothing => None,
                Left::One(pair) => Some(Entry::Pair(pair)),
                Left::More(node) => Some(Entry::Child(node)),
            },
            Entry::Pair(pair) if pair.hash == hash && same(py, key, &pair.key)? => None,
            Entry::Pair(_) => return Ok(Left::Unchanged),
        };
        let mut entries = entries.clone();
        let bits = match entry {
            Some(entry) => {
                entries[at] = entry;
                bits
            }
            None => {
                entries.remove(at);
                bits & !bit
            }
        };
        Ok(match entries.as_slice() {
            [] => Left::Nothing,
            [Entry::Pair(pair)] => Left::One(pair.clone()),
            _ => Left::More(make(py, Body::Branch { bits, entries })?),
        })
    }

    fn gather(&self, into: &mut Vec<Pair>) {
        match self.body.get() {
            Some(Body::Branch { entries, .. }) => {
                for entry in entries {
                    match entry {
                        Entry::Pair(pair) => into.push(pair.clone()),
                        Entry::Child(node) => node.gather(into),
                    }
                }
            }
            Some(Body::Collision(pairs)) => into.extend(pairs.iter().cloned()),
            None => {}
        }
    }
}

/// See the [module](self).
#[derive(Clone, Default)]
pub struct Map {
    root: Option<Ref<Node>>,
    len: usize,
}

impl Trace for Map {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.root.trace(visit)
    }
}

impl Map {
    /// Without keys.
    pub const EMPTY: Map = Map { root: None, len: 0 };

    pub fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    ///
    /// # Errors
    /// What comparing keys raises.
    pub fn find(&self, py: Attached<'_>, hash: isize, key: &Object) -> PyResult<Option<Ref<Object>>> {
        self.root.as_ref().map_or(Ok(None), |root| root.find(py, 0, fold(hash), key))
    }

    /// The map with a key set; `None` when it has that very value already.
    ///
    /// # Errors
    /// What comparing keys raises.
    pub fn with(&self, py: Attached<'_>, hash: isize, key: Ref<Object>, value: Ref<Object>) -> PyResult<Option<Map>> {
        let pair = Pair { key, value, hash: fold(hash) };
        let Some(root) = &self.root else {
            let body = Body::Branch { bits: bit(pair.hash, 0), entries: vec![Entry::Pair(pair)] };
            return Ok(Some(Map { root: Some(make(py, body)?), len: 1 }));
        };
        let found = root.with(py, 0, &pair)?;
        Ok(found.map(|(root, grown)| Map { root: Some(root), len: self.len + usize::from(grown) }))
    }

    /// The map without a key; `None` when it does not have it.
    ///
    /// # Errors
    /// What comparing keys raises.
    pub fn without(&self, py: Attached<'_>, hash: isize, key: &Object) -> PyResult<Option<Map>> {
        let Some(root) = &self.root else { return Ok(None) };
        let root = match root.without(py, 0, fold(hash), key)? {
            Left::Unchanged => return Ok(None),
            Left::Nothing => None,
            Left::One(pair) => {
                Some(make(py, Body::Branch { bits: bit(pair.hash, 0), entries: vec![Entry::Pair(pair)] })?)
            }
            Left::More(root) => Some(root),
        };
        Ok(Some(Map { root, len: self.len - 1 }))
    }

    /// All pairs, in the order of the keys' hashes.
    pub fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::with_capacity(self.len);
        if let Some(root) = &self.root {
            root.gather(&mut pairs);
        }
        pairs
    }
}
