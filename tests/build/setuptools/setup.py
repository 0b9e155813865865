from setuptools import Extension, setup

setup(name='sample', version='1', py_modules=[], ext_modules=[Extension('sample', ['sample.c'])])
