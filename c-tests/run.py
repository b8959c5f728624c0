#!/usr/bin/env python3
"""Compiles and runs the C tests against a libevpl.so, in parallel, each in a network of its own.

A test is one C file, c-tests/<area>/<name>.c, except in areas that have a run script of their own. Its first
comment lines may hold directives:

    // matrix: mech mode          axes it runs over; `none` runs it once; default: mech mode
    // protocols: A B             one more axis, handed over as EVPL_TEST_PROTOCOL
    // net: yes                   needs a network namespace; skipped where none can be made
    // expect: exit 134 stderr=R  how it ends; R is searched in its standard error
    // timeout: 30                seconds
    // link: none                 not linked with the library; EVPL_TEST_LIBRARY names it
    // cflags: -DX                added to the compiler's line

A test exits 0 (passed), 77 (skipped, the reason printed as `skipped: why`) or otherwise (failed).
"""

import argparse
import fnmatch
import hashlib
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
AXES = {
    "mech": ("EVPL_TEST_CORE_MECH", ("epoll", "select")),
    "mode": ("EVPL_TEST_MODE", ("event", "default")),
}
EXIT_SKIPPED = 77
OUTPUT_LINES_MAX = 40
DIRECTIVES = {"matrix", "protocols", "net", "expect", "timeout", "link", "cflags"}


class Test:
    """One source file and its directives."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.relpath(path, HERE)[:-2]
        directives = self.read_directives()
        self.axes = directives.get("matrix", "mech mode").replace("none", "").split()
        self.protocols = directives.get("protocols", "").split()
        self.net = directives.get("net") == "yes"
        self.timeout = float(directives.get("timeout", 20))
        self.linked = directives.get("link") != "none"
        self.cflags = shlex.split(directives.get("cflags", ""))
        expect = re.fullmatch(
            r"exit (\d+)(?:\s+stderr=(.*))?", directives.get("expect", "exit 0")
        )
        if not expect:
            sys.exit(f"{path}: bad expect directive")
        self.expect_exit = int(expect[1])
        self.expect_stderr = re.compile(expect[2]) if expect[2] else None
        unknown = [axis for axis in self.axes if axis not in AXES]
        if unknown:
            sys.exit(f"{path}: unknown axis {unknown[0]}")

    def read_directives(self):
        directives = {}
        with open(self.path) as source:
            for line in source:
                if not line.startswith("//"):
                    break
                match = re.match(r"// ?([a-z]+): (.*)", line)
                if match and match[1] in DIRECTIVES:
                    directives[match[1]] = match[2].strip()
        return directives

    def variants(self):
        """Every combination of the axes, as (label, environment)."""
        axes = [[(value, {AXES[axis][0]: value}) for value in AXES[axis][1]] for axis in self.axes]
        if self.protocols:
            axes.append([(name, {"EVPL_TEST_PROTOCOL": name}) for name in self.protocols])
        for combination in itertools.product(*axes):
            environment = {}
            for _, part in combination:
                environment.update(part)
            labels = ",".join(label for label, _ in combination)
            yield f"{self.name}[{labels}]" if labels else self.name, environment


class Runner:
    def __init__(self, options):
        self.options = options
        self.include = os.path.abspath(options.include)
        self.lib = os.path.abspath(options.lib)
        self.cflags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-D_GNU_SOURCE"]
        if options.sanitize:
            self.cflags += [f"-fsanitize={options.sanitize}", "-fno-omit-frame-pointer", "-O1"]
        self.cflags += shlex.split(options.cflags)
        key = hashlib.sha256(repr((options.cc, self.cflags, self.include, self.lib)).encode())
        build = options.build or os.path.join(self.lib, "c-tests")
        self.build = os.path.join(os.path.abspath(build), key.hexdigest()[:12])
        self.namespace = self.find_namespace()
        self.headers_time = max(
            os.path.getmtime(path)
            for path in [*list_files(HERE, ".h"), *list_files(self.include, ".h")]
        )

    @staticmethod
    def find_namespace():
        """The command prefix that gives a process its own network with a working loopback."""
        for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
            prefix = [*unshare, "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
            try:
                if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
                    return prefix
            except OSError:
                return None
        return None

    def binary(self, test):
        return os.path.join(self.build, test.name)

    def compile(self, test):
        """The compiler's complaint, or None."""
        binary = self.binary(test)
        newest = max(self.headers_time, os.path.getmtime(test.path))
        if os.path.exists(binary) and os.path.getmtime(binary) > newest:
            return None
        os.makedirs(os.path.dirname(binary), exist_ok=True)
        link = [f"-L{self.lib}", "-levpl", f"-Wl,-rpath,{self.lib}"] if test.linked else []
        command = [
            *shlex.split(self.options.cc),
            *self.cflags,
            *test.cflags,
            f"-I{self.include}",
            "-o",
            binary,
            test.path,
            *link,
            "-ldl",
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout or f"exit {done.returncode}" if done.returncode else None

    def run(self, test, environment):
        """(verdict, detail) of one run."""
        if test.net and not self.namespace:
            return "skipped", "network namespaces are not permitted"
        command = [*shlex.split(self.options.wrapper), self.binary(test)]
        if self.namespace:
            command = [*self.namespace, *command]
        scratch = tempfile.mkdtemp(prefix="evpl-test-")
        full = {
            **os.environ,
            **environment,
            "EVPL_TEST_TMPDIR": scratch,
            # Tests check what the library does when an allocation fails.
            "ASAN_OPTIONS": "allocator_may_return_null=1:" + os.environ.get("ASAN_OPTIONS", ""),
            "EVPL_TEST_LIBRARY": os.path.join(self.lib, "libevpl.so"),
        }
        try:
            return self.judge(test, *self.execute(test, command, full, scratch))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def execute(self, test, command, environment, scratch):
        timeout = test.timeout * self.options.timeout_factor
        # Output goes to files: a descendant that outlives the test cannot hold the runner up.
        with open(os.path.join(scratch, ".out"), "w+", errors="replace") as out, open(
            os.path.join(scratch, ".err"), "w+", errors="replace"
        ) as err:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                code = None
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            out.seek(0)
            err.seek(0)
            return code, out.read(), err.read()

    @staticmethod
    def judge(test, code, out, err):
        if code is None:
            return "failed", f"timed out after {test.timeout:g} s\n{tail(out + err)}"
        code = 128 - code if code < 0 else code
        if code == EXIT_SKIPPED:
            reason = re.search(r"^skipped: (.*)", out, re.MULTILINE)
            return "skipped", reason[1] if reason else "no reason given"
        if code != test.expect_exit:
            return "failed", f"exit {code}, not {test.expect_exit}\n{tail(out + err)}"
        if test.expect_stderr and not test.expect_stderr.search(err):
            return "failed", f"no {test.expect_stderr.pattern!r} in stderr\n{tail(err)}"
        return "passed", tail("\n" + out) if out else ""


def tail(text):
    return "\n".join("    " + line for line in text.splitlines()[-OUTPUT_LINES_MAX:])


def list_files(root, suffix):
    for directory, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.endswith(suffix):
                yield os.path.join(directory, name)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", default=os.path.join(HERE, "..", "include"))
    parser.add_argument("--lib", required=True, help="directory of libevpl.so")
    parser.add_argument("--build", help="directory for the binaries; default: <lib>/c-tests")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cflags", default="")
    parser.add_argument("--sanitize", choices=("address", "thread"))
    parser.add_argument("--wrapper", default="", help="command put before each test")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--filter", default="", help="regular expression over run names")
    parser.add_argument("--timeout-factor", type=float, default=1)
    parser.add_argument("--known-skips", help="file of name patterns that may be skipped")
    parser.add_argument("--compile-only", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="do not print passed runs")
    return parser.parse_args()


def known_skips(path):
    if not path:
        return None
    with open(path) as lines:
        return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def main():
    options = parse_options()
    runner = Runner(options)
    allowed_skips = known_skips(options.known_skips)
    runs = []
    for path in list_files(HERE, ".c"):
        if any(os.path.exists(os.path.join(os.path.dirname(path), own)) for own in ("run.sh", "run.py")):
            continue
        test = Test(path)
        for label, environment in test.variants():
            if re.search(options.filter, label):
                runs.append((label, test, environment))
    tests = {test.name: test for _, test, _ in runs}
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    def report(label, verdict, detail):
        if verdict == "skipped" and allowed_skips is not None:
            if not any(fnmatch.fnmatchcase(label, pattern) for pattern in allowed_skips):
                verdict, detail = "failed", f"skip that is not known: {detail}"
        counts[verdict] += 1
        if verdict != "passed" or not options.quiet:
            print(f"{verdict} {label}{': ' if detail else ''}{detail}", flush=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        built = dict(zip(tests, pool.map(runner.compile, tests.values())))
        for name, complaint in built.items():
            if complaint:
                report(name, "failed", f"does not compile\n{tail(complaint)}")
        runs = [run for run in runs if not built[run[1].name]]
        if not options.compile_only:
            results = pool.map(lambda run: runner.run(run[1], run[2]), runs)
            for (label, _, _), (verdict, detail) in zip(runs, results):
                report(label, verdict, detail)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
