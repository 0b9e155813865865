"""`sys.remote_exec`: another process runs a script between two instructions of its main thread."""
import os
import subprocess
import sys
import tempfile

TARGET = """
import sys, time
print("ready", flush=True)
done = False
end = time.monotonic() + 30
while not done and time.monotonic() < end:
    done = "told" in sys.modules
print("told" if done else "not told", flush=True)
"""

folder = tempfile.TemporaryDirectory()
script = os.path.join(folder.name, "script é.py")
with open(script, "w") as file:
    file.write("import sys, types\nassert '__file__' not in globals()\nsys.modules['told'] = types.ModuleType('told')\n")


def target(*options):
    process = subprocess.Popen([sys.executable, *options, "-c", TARGET], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


assert sys.is_remote_debug_enabled()
process = target()
refused = outcome(sys.remote_exec, process.pid, script)
if refused is not None and refused.startswith("PermissionError"):
    process.kill()
    process.wait()
    print("skipped: the system does not let processes write to each other")
    raise SystemExit
assert refused is None, refused
assert process.communicate(timeout=60)[0] == "told\n"

process = target("-X", "disable-remote-debug")
assert outcome(sys.remote_exec, process.pid, script) == (
    "RuntimeError: Remote debugging is not enabled in the remote process"
)
process.kill()
process.communicate()

# This process itself, with an error that goes no further.
with open(script, "a") as file:
    file.write("raise ValueError('of the script')\n")
heard = []
sys.unraisablehook = lambda report: heard.append((report.err_msg, str(report.exc_value)))
sys.remote_exec(os.getpid(), script)
for _ in range(100):
    pass
sys.unraisablehook = sys.__unraisablehook__
assert sys.modules["told"] and heard == [(f"Error executing debugger script {script}", "of the script")], heard

for arguments, expected in (
    ((os.getpid(), script + "x"), "FileNotFoundError: Script file does not exist"),
    ((os.getpid(), None), "TypeError: expected str, bytes or os.PathLike object, not NoneType"),
    (("one", script), "TypeError: 'str' object cannot be interpreted as an integer"),
    ((os.getpid(), "a\0b"), "ValueError: embedded null byte"),
):
    assert outcome(sys.remote_exec, *arguments) == expected, outcome(sys.remote_exec, *arguments)
