"""Garbage of one thread that another thread collects, and classes among it."""
import collections.abc
import functools
import gc
import itertools
import sys
import threading
import typing
import unittest


def collect_elsewhere():
    thread = threading.Thread(target=gc.collect)
    thread.start()
    thread.join()


class Root:
    pass


class CollectedElsewhere(unittest.TestCase):
    def setUp(self):
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def left(self):
        return [cls.__name__ for cls in Root.__subclasses__()]

    def test_plain_class(self):
        def make():
            class Plain(Root):
                def method(self):
                    return self

        make()
        collect_elsewhere()
        self.assertEqual(self.left(), [])

    def test_generic_abstract_class(self):
        def make():
            class Table(Root, typing.MutableMapping[str, str]):
                pass

            class Other(collections.abc.Sized, Root):
                pass

        make()
        collect_elsewhere()
        self.assertEqual(self.left(), [])

    def test_functions_and_instances(self):
        class Watched:
            pass

        import weakref

        def make():
            watched = Watched()
            watched.function = lambda: watched
            return weakref.ref(watched)

        refs = [make() for _ in range(100)]
        collect_elsewhere()
        self.assertEqual([ref for ref in refs if ref() is not None], [])


class Types(unittest.TestCase):
    def test_union_of_unhashable_classes(self):
        class Meta(type):
            __hash__ = None

        class A(metaclass=Meta):
            pass

        class B(metaclass=Meta):
            pass

        self.assertEqual((A | B | A).__args__, (A, B))
        self.assertEqual(A | B, B | A)
        with self.assertRaisesRegex(TypeError, "unhashable type: 'Meta'"):
            hash(A | B)

    def test_super_class_attribute(self):
        class C:
            def kind(self):
                return super().__class__

        self.assertIs(C().kind(), super)

    def test_static_method_through_super(self):
        class Base:
            @staticmethod
            def make(*args):
                return args

        class Derived(Base):
            @classmethod
            def through(cls):
                return super().make(1)

        self.assertEqual(Derived.through(), (1,))

    def test_class_and_cell_in_class_body(self):
        class Outer:
            def method(self):
                class Inner:
                    outer = __class__

                    def own(self):
                        return __class__

                return Inner

        inner = Outer().method()
        self.assertIs(inner.outer, Outer)
        self.assertIs(inner().own(), inner)

    def test_annotation_named_as_the_class_dict(self):
        class C:
            __classdict__: int

        self.assertEqual(C.__annotations__, {"__classdict__": int})

    def test_custom_mro_without_the_class(self):
        class Base:
            pass

        class Meta(type):
            def mro(cls):
                return [Base]

        with self.assertRaises(TypeError):
            Meta("C", (), {})


class Next:
    """An iterator that gives what it was told to give."""

    def __iter__(self):
        return self

    def __next__(self):
        return self.item


class IteratorsInThemselves(unittest.TestCase):
    """Iterators that keep an item which is the iterator itself, or a part of it."""

    def leaves_nothing(self, once):
        for _ in range(3):
            once()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(20):
            once()
        gc.collect()
        self.assertLess(len(gc.get_objects()) - before, 20)

    def check(self, make):
        def once():
            source = Next()
            iterator = make(source)
            source.item = iterator
            next(iterator)

        self.leaves_nothing(once)

    def test_tee(self):
        self.check(lambda source: itertools.tee(source)[0])

    def test_cycle(self):
        self.check(itertools.cycle)

    # These leak in CPython 3.14.
    @unittest.skipUnless(hasattr(sys, "krait"), "not collected elsewhere")
    def test_others(self):
        self.check(itertools.pairwise)
        self.check(itertools.groupby)
        self.check(lambda source: itertools.accumulate(source, lambda total, item: item))

    def test_key(self):
        def once():
            key = functools.cmp_to_key(lambda a, b: 0)(1)
            key.obj = key

        self.leaves_nothing(once)

    def test_large_objects_that_die_young(self):
        """The collector forgets them: their memory belongs to others at once."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        kept = []
        for size in range(1500, 12000, 250):
            for _ in range(20):
                tuple([[]] * size)
            kept.append([[None] * (size + 16) for _ in range(20)])
            gc.collect(0)
        self.assertTrue(all(item is None for lists in kept for each in lists for item in each))


if __name__ == "__main__":
    unittest.main()
