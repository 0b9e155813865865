"""Builds one sample with each build tool against an install prefix, and runs it: `run.py PREFIX [TOOL]...`.

A tool that is not there is skipped, and why is said. `--tools DIR` names a folder of tools (`bin/` and packages) besides
those on the path; `--fetch` fills it from the package index first, if that can be reached.
The exit status is 1 when a sample fails, never for a tool that is missing.
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ['setuptools', 'meson', 'ninja', 'cmake', 'maturin']


class Skipped(Exception):
    pass


class Prefix:
    """What the samples are built for, and where."""

    def __init__(self, folder, tools, work):
        self.folder, self.tools, self.work = os.path.abspath(folder), tools, work
        found = [name for name in os.listdir(os.path.join(self.folder, 'bin')) if re.fullmatch(r'python3\.14t?', name)]
        if len(found) != 1:
            raise SystemExit(f'{folder}: no prefix of one interpreter')
        self.name, = found
        self.flags = self.name.removeprefix('python3.14')
        self.python = os.path.join(self.folder, 'bin', self.name)
        lib = os.path.join(self.folder, 'lib')
        path = [os.path.join(self.folder, 'bin'), os.environ['PATH']]
        self.env = {**os.environ, 'LD_LIBRARY_PATH': lib, 'PKG_CONFIG_PATH': os.path.join(lib, 'pkgconfig')}
        if tools:
            path.insert(1, os.path.join(tools, 'bin'))
            self.env['PYTHONPATH'] = tools
        self.env['PATH'] = os.pathsep.join(path)

    def need(self, *names):
        for name in names:
            if shutil.which(name, path=self.env['PATH']) is None:
                raise Skipped(f'no {name} here')

    def at_least(self, tool, *least):
        """Skips the sample when a tool is older than the first version that knows what it asks for."""
        version = re.search(r'(\d+)\.(\d+)', self.run(tool, '--version'))
        if tuple(map(int, version.groups())) < least:
            raise Skipped(f'{tool} {version[0]} is too old')

    def run(self, *command, cwd=None, **more):
        done = subprocess.run(command, cwd=cwd or self.work, env={**self.env, **more}, text=True, errors='replace',
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        if done.returncode:
            raise RuntimeError(f'{shlex.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}')
        return done.stdout

    def copy(self, sample, *sources):
        folder = os.path.join(self.work, sample)
        shutil.copytree(os.path.join(HERE, sample), folder)
        for source in sources:
            shutil.copy(os.path.join(HERE, source), folder)
        return folder

    def check_host(self, exe):
        said = self.run(exe, PYTHONHOME=self.folder)
        if said != '45\n':
            raise RuntimeError(f'the program says {said!r}')

    def check_module(self, folder):
        """Imports the module from a folder and sees that it is of the interpreter's mode."""
        code = ('import sys, sample; mode = "nogil" if "t" in sys.abiflags else "gil"; '
                'assert sample.add(40, 2) == 42 and sample.mode == mode, (sample.mode, mode); '
                'assert mode == "gil" or not sys._is_gil_enabled()')
        self.run(self.python, '-c', code, PYTHONPATH=folder)


def plain(prefix):
    """A C compiler, told by python3.14-config and by pkg-config."""
    prefix.need('cc')
    config = os.path.join(prefix.folder, 'bin', prefix.name + '-config')
    suffix = prefix.run(config, '--extension-suffix').strip()
    ways = [('config', lambda embed: prefix.run(config, '--cflags', '--ldflags', *['--embed'] * embed))]
    if shutil.which('pkg-config'):
        package = f'python-3.14{prefix.flags}'
        ways.append(('pkg-config', lambda embed: prefix.run('pkg-config', '--cflags', '--libs', package + '-embed' * embed)))
    for name, ask in ways:
        folder = os.path.join(prefix.work, name)
        os.mkdir(folder)
        exe, module = os.path.join(folder, 'host'), os.path.join(folder, 'sample' + suffix)
        prefix.run('cc', os.path.join(HERE, 'host.c'), '-o', exe, *shlex.split(ask(True)))
        prefix.run('cc', '-shared', '-fPIC', os.path.join(HERE, 'sample.c'), '-o', module, *shlex.split(ask(False)))
        prefix.check_host(exe)
        prefix.check_module(folder)


def cmake(prefix):
    prefix.need('cc', 'cmake')
    prefix.at_least('cmake', 3, 30)
    build = os.path.join(prefix.work, 'build')
    generator = ['-G', 'Ninja'] if shutil.which('ninja', path=prefix.env['PATH']) else []
    prefix.run('cmake', '-S', os.path.join(HERE, 'cmake'), '-B', build, *generator,
               f'-DPython_EXECUTABLE={prefix.python}', f'-DPython_ROOT_DIR={prefix.folder}')
    prefix.run('cmake', '--build', build)
    prefix.check_host(os.path.join(build, 'host'))
    prefix.check_module(build)


def setuptools(prefix):
    prefix.need('cc')
    try:
        prefix.run(prefix.python, '-c', 'import setuptools')
    except RuntimeError:
        raise Skipped('no setuptools for the interpreter') from None
    folder = prefix.copy('setuptools', 'sample.c')
    prefix.run(prefix.python, 'setup.py', 'build_ext', '--inplace', cwd=folder)
    prefix.check_module(folder)


def meson(prefix):
    prefix.need('cc', 'meson', 'ninja')
    prefix.at_least('meson', 1, 4)
    folder = prefix.copy('meson', 'sample.c', 'host.c')
    prefix.run('meson', 'setup', 'build', f'-Dpython={prefix.python}', cwd=folder)
    prefix.run('meson', 'compile', '-C', 'build', cwd=folder)
    build = os.path.join(folder, 'build')
    prefix.check_host(os.path.join(build, 'host'))
    prefix.check_module(build)


def maturin(prefix):
    prefix.need('cc', 'cargo', 'maturin')
    folder = prefix.copy('maturin')
    # Under its real name it would be a crate of this tree.
    os.rename(os.path.join(folder, 'Cargo.toml.in'), os.path.join(folder, 'Cargo.toml'))
    try:
        prefix.run('cargo', 'fetch', cwd=folder)
    except RuntimeError:
        raise Skipped('PyO3 cannot be fetched') from None
    out = os.path.join(prefix.work, 'wheels')
    prefix.run('maturin', 'build', '--interpreter', prefix.python, '--out', out, cwd=folder,
               CARGO_TARGET_DIR=os.path.join(prefix.work, 'cargo'))
    wheel, = os.listdir(out)
    if f'cp314-cp314{prefix.flags}-' not in wheel:
        raise RuntimeError(f'the wheel is {wheel}')
    where = os.path.join(prefix.work, 'installed')
    shutil.unpack_archive(os.path.join(out, wheel), where, 'zip')
    prefix.check_module(where)


TOOLS = [plain, cmake, setuptools, meson, maturin]


def fetch(folder):
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--target', folder, *PACKAGES]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print('the tools cannot be fetched:', done.stdout.strip().splitlines()[-1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('prefix')
    parser.add_argument('tool', nargs='*', help=', '.join(tool.__name__ for tool in TOOLS))
    parser.add_argument('--tools', metavar='DIR')
    parser.add_argument('--fetch', action='store_true')
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix='krait-build-') as work:
        tools = os.path.abspath(args.tools) if args.tools else None
        if args.fetch:
            tools = tools or os.path.join(work, 'tools')
            fetch(tools)
        for tool in TOOLS:
            if args.tool and tool.__name__ not in args.tool:
                continue
            folder = os.path.join(work, tool.__name__)
            os.mkdir(folder)
            try:
                tool(Prefix(args.prefix, tools, folder))
                print(f'{tool.__name__}: built and ran')
            except Skipped as why:
                print(f'{tool.__name__}: skipped: {why}')
            except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                print(f'{tool.__name__}: failed: {error}')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
