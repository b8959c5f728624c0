#!/usr/bin/env python3
"""Makes each call of the library into the kernel and the C library fail once, and judges what happens.

A clean run of a scenario counts its calls. Then it runs again for the n-th call of each kind and each way it can
fail: for every n if there are few, else for a sample that changes with --seed; --all takes every n. A run ends well
if the scenario completes, or if the library ends the process as documented: one line at level fatal, and status 134
where a loop or doorbell has no descriptors, 1 where there is no memory. Anything else is a failure, and so are heap
blocks that the clean run does not have at its end.
"""

import argparse
import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
# The rounds of a faulty run: the failure is in the first, the next shows that nothing lingers.
ROUNDS = 2
TIMEOUT = 20
RDMA = ("DATAGRAM_INPROC", "DATAGRAM_TCP_RDMA")
STREAMS = ("STREAM_SOCKET_TCP", "STREAM_SOCKET_UNIX", "STREAM_INPROC", *RDMA)
SCENARIOS = {
    "connect": STREAMS,
    "echo": STREAMS,
    "bulk": STREAMS,
    "close": STREAMS,
    "listen": STREAMS,
    "threads": STREAMS,
    "rdma": RDMA,
    "udp": ("DATAGRAM_SOCKET_UDP",),
    "loop": ("STREAM_INPROC",),
    "memory": ("STREAM_INPROC",),
}
# How each kind of call can fail, and whether it may end the process.
KINDS = {
    "socket": (("EMFILE", "ENOBUFS"), None),
    "name": (("ENOBUFS", "EADDRINUSE"), None),
    "connect": (("ECONNREFUSED", "EADDRNOTAVAIL", "ENETUNREACH", "EINTR", "ENOMEM"), None),
    "accept": (("EMFILE", "ECONNABORTED", "EINTR", "ENOMEM"), None),
    "read": (("ECONNRESET", "EINTR", "ENOMEM"), None),
    "write": (("EPIPE", "ECONNRESET", "EINTR", "ENOBUFS"), None),
    "wake": (("EINTR",), None),
    "epoll": (("ENOSPC", "ENOMEM"), "no descriptor"),
    "wait": (("EINTR", "ENOMEM"), None),
    "fine-wait": (("EINTR", "ENOSYS"), None),
    "eventfd": (("EMFILE",), "no descriptor"),
    "mmap": (("ENOMEM",), "no memory"),
    "malloc": (("ENOMEM",), "no memory"),
    "thread": (("EAGAIN", "EPERM"), "no thread"),
}
# Status and text of the documented ends.
ENDS = {
    "no descriptor": (134, re.compile(r"evpl_create: |evpl_add_doorbell: |evpl_add_fd_event: ")),
    "no memory": (1, re.compile(r"memory")),
    "no thread": (134, re.compile(r"starting a thread failed")),
}
# What a mechanism's wait never says.
IMPOSSIBLE = {("epoll", "wait", "ENOMEM")}


class Case:
    """One scenario over one protocol with one mechanism."""

    def __init__(self, scenario, protocol, mech):
        self.scenario, self.protocol, self.mech = scenario, protocol, mech
        self.name = f"{scenario}[{protocol},{mech}]"
        self.counts = {}
        self.blocks = 0


class Faults:
    def __init__(self, options):
        self.options = options
        self.program = os.path.join(options.build, "fault-scenarios")
        self.shim = os.path.join(options.build, "fault-shim.so")
        self.random = random.Random(options.seed)

    def build(self):
        os.makedirs(self.options.build, exist_ok=True)
        flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-pthread"]
        lib = os.path.abspath(self.options.lib)
        shim = [*flags, "-fPIC", "-shared", "-o", self.shim, os.path.join(HERE, "shim.c"), "-ldl"]
        program = [*flags, f"-I{self.options.include}", "-o", self.program, os.path.join(HERE, "scenarios.c")]
        program += [f"-L{lib}", "-levpl", f"-Wl,-rpath,{lib}"]
        for arguments in (shim, program):
            subprocess.run([self.options.cc, *arguments], check=True)

    def execute(self, case, rounds, environment):
        """(status or None, standard output, standard error); a signal shows as 128 plus its number."""
        scratch = tempfile.mkdtemp(prefix="evpl-fault-")
        full = {
            **os.environ,
            **environment,
            "LD_PRELOAD": self.shim,
            "EVPL_TEST_PROTOCOL": case.protocol,
            "EVPL_TEST_CORE_MECH": case.mech,
            "EVPL_TEST_TMPDIR": scratch,
        }
        process = subprocess.Popen(
            [self.program, case.scenario, str(rounds)],
            env=full,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=TIMEOUT * self.options.timeout_factor)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return None, out, err
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        code = process.returncode
        return (128 - code if code < 0 else code), out, err

    def count(self, case):
        """Counts the calls of a clean round; a complaint, or None."""
        with tempfile.NamedTemporaryFile("r", prefix="evpl-fault-counts-") as counts:
            status, out, err = self.execute(case, 1, {"FAULT_COUNTS": counts.name})
            if status != 0:
                return f"status {status}\n{err}"
            case.counts = {kind: int(count) for kind, count in (line.split() for line in counts)}
        status, out, err = self.execute(case, ROUNDS, {})
        if status != 0:
            return f"status {status}\n{err}"
        case.blocks = int(re.search(r"blocks (-?\d+)", out)[1])
        return None

    def choose(self, count):
        """Which calls of `count` are made to fail: the first and the last ones, and some between."""
        most = self.options.sample
        if self.options.all or count <= most:
            return range(1, count + 1)
        edge = most // 3
        between = self.random.sample(range(edge + 1, count - edge + 1), most - 2 * edge)
        return [*range(1, edge + 1), *sorted(between), *range(count - edge + 1, count + 1)]

    def runs(self, case):
        for kind, (ways, _) in KINDS.items():
            for way in ways:
                if (case.mech, kind, way) in IMPOSSIBLE:
                    continue
                for number in self.choose(case.counts[kind]):
                    yield case, kind, way, number

    def run(self, case, kind, way, number):
        """A complaint, or None; and whether the failure came to pass."""
        environment = {"FAULT_KIND": kind, "FAULT_NUMBER": str(number), "FAULT_ERRNO": str(getattr(errno, way))}
        status, out, err = self.execute(case, ROUNDS, environment)
        fatal = [line for line in err.splitlines() if "level=fatal" in line]
        if status is None:
            return "timed out", err
        if status == 0:
            blocks = int(re.search(r"blocks (-?\d+)", out)[1])
            if blocks > case.blocks:
                return f"{blocks} heap blocks at the end, not {case.blocks}", err
            return (None, "completed") if not fatal else ("went on after a fatal line", err)
        end = KINDS[kind][1]
        if end and status == ENDS[end][0] and len(fatal) == 1 and ENDS[end][1].search(fatal[0]):
            return None, "ended as documented"
        return f"status {status}", err


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True, help="directory of libevpl.so")
    parser.add_argument("--include", default=os.path.join(HERE, "..", "..", "include"))
    parser.add_argument("--build", help="directory for shim and program; default: <lib>/fault")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sample", type=int, default=10, help="failing calls of a kind, if it has more")
    parser.add_argument("--all", action="store_true", help="every call, however many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--filter", default="", help="regular expression over the names of the runs")
    parser.add_argument("--timeout-factor", type=float, default=1)
    parser.add_argument("--no-namespace", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build or os.path.join(options.lib, "fault"))
    return options


def enter_namespace():
    """Runs this program again where the loopback interface is its own, if that is permitted."""
    inside = [sys.executable, *sys.argv, "--no-namespace"]
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        prefix = [*unshare, "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
        try:
            if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
                os.execvp(prefix[0], [*prefix, *inside])
        except OSError:
            return


def main():
    options = parse_options()
    if not options.no_namespace:
        enter_namespace()
    faults = Faults(options)
    faults.build()
    passed, failed = 0, 0
    ends = {}
    cases = []
    for scenario, protocols in SCENARIOS.items():
        for protocol in protocols:
            # select differs in what the loop does alone and for one socket, not in every transport.
            mechs = ("epoll", "select") if scenario in ("loop", "udp", "echo") else ("epoll",)
            for mech in mechs:
                case = Case(scenario, protocol, mech)
                complaint = faults.count(case)
                if complaint:
                    failed += 1
                    print(f"failed {case.name} without a fault: {complaint}", flush=True)
                else:
                    cases.append(case)
    runs = []
    for case in cases:
        for run in faults.runs(case):
            name = f"{case.name} {run[1]} {run[3]} {run[2]}"
            if re.search(options.filter, name):
                runs.append((name, run))
    with ThreadPoolExecutor(options.jobs) as pool:
        for (name, _), (complaint, text) in zip(runs, pool.map(lambda run: faults.run(*run[1]), runs)):
            if complaint:
                failed += 1
                tail = "\n".join("    " + line for line in text.splitlines()[-8:])
                print(f"failed {name}: {complaint}\n{tail}", flush=True)
            else:
                passed += 1
                ends[text] = ends.get(text, 0) + 1
    print(", ".join(f"{count} {text}" for text, count in sorted(ends.items())))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
