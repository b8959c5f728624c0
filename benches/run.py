#!/usr/bin/env python3
"""Measures evpl against floors in plain C (and libuv and tokio), taking turns, and prints a table.

Each figure is the median over the rounds. A ratio is the median of the rounds' ratios, each between runs
that followed one another, so that what else the machine does falls on both sides. Whether evpl or the
floor goes first alternates. Rounds during which other programs had more than a little of the processors
are left out, as far as enough others remain.

    run.py --bin DIRECTORY [--only TEXT]... [--rounds N] [--json FILE] [--markdown FILE] [--list]
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 90
# The share of all processors that other programs may have in a round that counts, and how many rounds
# count at least, the quietest ones.
FOREIGN_MAX = 0.04
QUIET_MIN = 3


class Failed(Exception):
    """A program that ended badly or too late."""


def command_run(command, env=None):
    """The figures a program prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
                              env=env)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{' '.join(command)}: no end after {TIMEOUT_S} s") from late
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: status {done.returncode} {done.stderr.strip()[-200:]}")
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def busy_s():
    """Processor time that anybody on the machine had, time stolen by the host included."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Server:
    """An echo server in a process of its own."""

    def __init__(self, command, env=None):
        self.command = command
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        if self.process.stdout.readline().strip() != "listening":
            raise Failed(f"{' '.join(command)} does not listen")

    @property
    def pid(self):
        return str(self.process.pid)

    def cpu_s(self):
        """Of all its threads."""
        total = 0
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Bench:
    """Where programs are, and the servers that run meanwhile."""

    def __init__(self, directory):
        self.directory = directory
        self.servers = {}
        self.scratch = tempfile.mkdtemp(prefix="evpl-bench-")
        self.make_certificate()

    def make_certificate(self):
        """The certificate that every TLS program shows, found through the environment."""
        certificate, key = (os.path.join(self.scratch, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost",
                        "-days", "2", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        os.environ.update(EVPL_BENCH_CERT=certificate, EVPL_BENCH_KEY=key)

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name, *arguments, core=None):
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        return [*pinned, self.path(name), *map(str, arguments)]

    def server(self, kind):
        """Port and server of one kind, started at first use, on core 0."""
        if kind in self.servers and self.servers[kind][1].process.poll() is not None:
            raise Failed(f"server {kind} ended with {self.servers[kind][1].process.returncode}")
        if kind not in self.servers:
            port = free_port()
            env = None
            if kind == "counted":
                counts = os.path.join(self.scratch, "counts")
                with open(counts, "wb") as file:
                    file.write(bytes(4096))
                env = dict(os.environ, LD_PRELOAD=self.path("counts.so"), EVPL_BENCH_COUNTS=counts)
            command = {
                "evpl": ["echo_evpl", "event", port], "counted": ["echo_evpl", "event", port],
                "evpl-default": ["echo_evpl", "default", port],
                "uring": ["echo_evpl", "event", f"uring:{port}"],
                "raw": ["echo_raw", port], "libuv": ["echo_uv", port], "tokio": ["tokio-echo", port],
            }[kind]
            self.servers[kind] = port, Server(self.program(*command, core=0), env)
        return self.servers[kind]

    def load(self, kind, connections, depth=1, seconds=0.5):
        port, server = self.server(kind)
        extra = [os.path.join(self.scratch, "counts")] if kind == "counted" else []
        return command_run(self.program("load", port, connections, seconds, server.pid, depth, *extra,
                                        core=1))

    def rtt_counted(self, *arguments):
        """A run of rtt with the system calls of both ends, for each message."""
        counts = os.path.join(self.scratch, "rtt-counts")
        with open(counts, "wb") as file:
            file.write(bytes(4096))
        env = dict(os.environ, LD_PRELOAD=self.path("counts.so"), EVPL_BENCH_COUNTS=counts)
        figures = command_run(self.program("rtt", *arguments), env)
        with open(counts, "rb") as file:
            waits, receives, sends, others = struct.unpack("@4L", file.read(struct.calcsize("@4L")))
        figures["calls"] = (waits + receives + sends + others) / figures["messages"]
        return figures

    def connects(self, kind, *arguments):
        port, _ = self.server(kind)
        how, *rest = arguments
        return command_run(self.program("connects", how, port, *rest, core=1))

    def victim(self, kind, what):
        port, _ = self.server(kind)
        return command_run(self.program("victim", port, what, 1.0))

    def memory(self, address):
        """A server of its own, as what it has served before counts."""
        address = address.replace("PORT", free_port())
        server = Server(self.program("echo_evpl", "event", address))
        try:
            return command_run(self.program("memory", address, 10000, 65536, server.pid))
        finally:
            server.stop()

    def own_s(self):
        """Processor time of this program and what it started."""
        return sum(usage.ru_utime + usage.ru_stime for usage in
                   map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))) + \
            sum(server.cpu_s() for _, server in self.servers.values())

    @contextlib.contextmanager
    def watched(self):
        """What share of the processors went to other programs meanwhile."""
        started, busy, own = time.monotonic(), busy_s(), self.own_s()
        watch = {}
        yield watch
        foreign = busy_s() - busy - (self.own_s() - own)
        watch["foreign"] = max(0.0, foreign / (time.monotonic() - started) / os.cpu_count())

    def close(self):
        for _, server in self.servers.values():
            server.stop()
        shutil.rmtree(self.scratch)


class Check:
    """Programs that take turns, and what is read from them.

    `contenders` maps a name to a function that runs it once; evpl is "ours". `gates` are
    (row, figure, unit, scale, floor or None, limit or None): a limit is ("<=" or ">=", number), for the
    ratio to the floor, or for our own figure where there is no floor.
    """

    def __init__(self, section, name, contenders, gates, rounds=None):
        self.section, self.name, self.contenders, self.gates = section, name, contenders, gates
        self.rounds = rounds
        self.samples = {contender: [] for contender in contenders}
        self.foreign = []
        self.failures = []

    def round(self, bench, number):
        order = list(self.contenders)
        if number % 2:
            order.reverse()
        try:
            with bench.watched() as watch:
                taken = {contender: self.contenders[contender]() for contender in order}
        except Failed as failed:
            self.failures.append(str(failed))
            return
        for contender, figures in taken.items():
            self.samples[contender].append(figures)
        self.foreign.append(watch["foreign"])

    def quiet(self):
        """The rounds that count."""
        by_quiet = sorted(range(len(self.foreign)), key=lambda i: self.foreign[i])
        return [i for place, i in enumerate(by_quiet)
                if place < QUIET_MIN or self.foreign[i] <= FOREIGN_MAX]

    def rows(self):
        return [self.row(*gate) for gate in self.gates]

    def row(self, title, figure, unit, scale, floor, limit):
        row = {"section": self.section, "target": title, "unit": unit, "floor_is": floor or "",
               "limit": f"{limit[0]} {limit[1]:g}" if limit else "", "floor": None, "ratio": None,
               "quartiles": None, "ours": None, "met": None}
        quiet = self.quiet()
        row["rounds"] = len(quiet)
        row["foreign"] = max((self.foreign[i] for i in quiet), default=0)
        ours = [self.samples["ours"][i][figure] * scale for i in quiet]
        if not ours:
            row["failure"] = "; ".join(self.failures) or "no figure"
            row["met"] = False if limit else None
            return row
        row["ours"] = statistics.median(ours)
        value = row["ours"]
        if floor:
            floors = [self.samples[floor][i][figure] * scale for i in quiet]
            ratios = [a / b for a, b in zip(ours, floors)]
            row["floor"] = statistics.median(floors)
            row["ratio"] = value = statistics.median(ratios)
            if len(ratios) > 3:
                low, _, high = statistics.quantiles(ratios, n=4)
                row["quartiles"] = [low, high]
        if self.failures:
            row["failure"] = "; ".join(self.failures)
        if limit:
            row["met"] = (value <= limit[1] if limit[0] == "<=" else value >= limit[1]) \
                and not self.failures
        return row


def checks_all(bench):
    def rtt(way, transport, *rest, core=None):
        return lambda: command_run(bench.program("rtt", way, transport, *rest, core=core))

    def bulk(way, transport, size):
        return lambda: command_run(bench.program("bulk", way, transport, size))

    def rdma(what, transport, size):
        return lambda: command_run(bench.program("rdma", what, transport, size))

    def inproc(*arguments):
        return lambda: command_run(bench.program("inproc", *arguments))

    def loop(*arguments):
        return lambda: command_run(bench.program("loop", *arguments))

    names = {"tcp": "TCP", "udp": "UDP", "unix": "Unix", "inproc": "stream", "inproc-msg": "datagram"}
    checks = []
    add = lambda *arguments, **options: checks.append(Check(*arguments, **options))

    section = "Round trip, 64 B"
    for transport, limit in (("tcp", 1.15), ("udp", 1.15), ("unix", 1.2)):
        add(section, f"rtt-default-{transport}",
            {"ours": rtt("default", transport), "raw spin": rtt("spin", transport)},
            [(f"{names[transport]}, default mode, a core each", "rtt_us", "us", 1,
              "raw spin", ("<=", limit))])
        add(section, f"rtt-free-{transport}",
            {"ours": rtt("default", transport, 1, 0.25, -1, -1),
             "raw spin": rtt("spin", transport)},  # which would not do without a core each
            [(f"{names[transport]}, default mode, threads not pinned", "rtt_us", "us", 1, "raw spin",
              ("<=", limit))])
        add(section, f"rtt-event-{transport}",
            {"ours": rtt("event", transport), "raw epoll": rtt("epoll", transport)},
            [(f"{names[transport]}, event mode, a core each", "rtt_us", "us", 1,
              "raw epoll", ("<=", 1.05))])

    section = "RDMA"
    for mode in ("default", "event"):
        add(section, f"rdma-rtt-{mode}",
            {"ours": rtt(mode, "tcp-rdma"), "our TCP": rtt(mode, "tcp")},
            [(f"TCP_RDMA, round trip of 64 B, {mode} mode", "rtt_us", "us", 1, "our TCP",
              ("<=", 1.15))])
    for what in ("read", "write"):
        add(section, f"rdma-{what}-tcp",
            {"ours": rdma(what, "tcp-rdma", 1048576), "our TCP": bulk("event", "tcp", 1048576)},
            [(f"TCP_RDMA, {what} of 1 MiB", "gb_per_s", "GB/s", 1, "our TCP", (">=", 0.9)),
             (f"TCP_RDMA, {what} of 1 MiB, processor time", "cpu_s_per_gb", "s/GB", 1, "our TCP",
              None)])
        for size, text, limit in ((65536, "64 KiB", None), (1048576, "1 MiB", (">=", 0.9))):
            add(section, f"rdma-{what}-inproc-{size}",
                {"ours": rdma(what, "inproc-msg", size), "memcpy": bulk("raw", "inproc", size)},
                [(f"in process, {what} of {text}", "gb_per_s", "GB/s", 1, "memcpy", limit),
                 (f"in process, {what} of {text}, processor time", "cpu_s_per_gb", "s/GB", 1,
                  "memcpy", limit and ("<=", 1.1))])

    section = "Pipelined, depth 16, 64 B"
    for transport, limit in (("tcp", 0.8), ("unix", 0.7)):
        add(section, f"pipelined-{transport}",
            {"ours": rtt("default", transport, 16), "raw spin": rtt("spin", transport, 16)},
            [(f"{names[transport]}, default mode", "messages_per_s", "k/s", 1e-3, "raw spin",
              (">=", limit))])

    section = "Both ends on one core"
    for transport in ("tcp", "udp", "unix"):
        add(section, f"one-core-{transport}",
            {"ours": rtt("default", transport, 1, 0.25, 0, 0),
             "event mode": rtt("event", transport, 1, 0.25, 0, 0)},
            [(f"{names[transport]}, default mode, threads pinned", "rtt_us", "us", 1, "event mode",
              ("<=", 1.1))])
        add(section, f"taskset-{transport}",
            {"ours": rtt("default", transport, 1, 0.25, -1, -1, core=0),
             "event mode": rtt("event", transport, 1, 0.25, -1, -1, core=0)},
            [(f"{names[transport]}, default mode, taskset -c 0", "rtt_us", "us", 1, "event mode",
              ("<=", 1.1))])

    section = "Bulk, event mode"
    for transport in ("tcp", "unix"):
        for size, text in ((65536, "64 KiB"), (1048576, "1 MiB")):
            add(section, f"bulk-{transport}-{size}",
                {"ours": bulk("event", transport, size), "raw blocking": bulk("raw", transport, size)},
                [(f"{names[transport]}, {text}", "gb_per_s", "GB/s", 1, "raw blocking", (">=", 1.0)),
                 (f"{names[transport]}, {text}, processor time", "cpu_s_per_gb", "s/GB", 1,
                  "raw blocking", ("<=", 1.0))])

    section = "io_uring against our own TCP"
    for way, most, rest in (("default", 1.1, []),
                            ("event", 1.0, [("Round trip, 64 B, event mode, 99th percentile", "p99_us",
                                             "us", 1, None, ("<=", 150))])):
        add(section, f"uring-rtt-{way}", {"ours": rtt(way, "uring"), "our TCP": rtt(way, "tcp")},
            [(f"Round trip, 64 B, {way} mode", "rtt_us", "us", 1, "our TCP", ("<=", most))] + rest)
    for size, text in ((65536, "64 KiB"), (1048576, "1 MiB")):
        add(section, f"uring-bulk-{size}",
            {"ours": bulk("event", "uring", size), "our TCP": bulk("event", "tcp", size)},
            [(f"Bulk, event mode, {text}", "gb_per_s", "GB/s", 1, "our TCP", (">=", 1.0)),
             (f"Bulk, event mode, {text}, processor time", "cpu_s_per_gb", "s/GB", 1, "our TCP",
              ("<=", 1.0))])
    # 1.2 times the messages for each second of processor time.
    add(section, "uring-echo-64",
        {"ours": lambda: bench.load("uring", 64, 16), "our TCP": lambda: bench.load("evpl", 64, 16)},
        [("64 connections, depth 16, server's processor time", "server_cpu_us_per_message", "us", 1,
          "our TCP", ("<=", round(1 / 1.2, 2))),
         ("64 connections, depth 16", "messages_per_s", "k/s", 1e-3, "our TCP", None)])
    for connections in (1, 100, 1000):
        title = f"{connections} connection{'s' if connections > 1 else ''}, depth 1"
        add(section, f"uring-echo-{connections}",
            {"ours": lambda c=connections: bench.load("uring", c),
             "our TCP": lambda c=connections: bench.load("evpl", c)},
            [(f"{title}, server's processor time", "server_cpu_us_per_message", "us", 1, "our TCP", None),
             (title, "messages_per_s", "k/s", 1e-3, "our TCP", None)])
    for way in ("event", "default"):
        add(section, f"uring-calls-{way}",
            {"ours": lambda w=way: bench.rtt_counted(w, "uring", 16),
             "our TCP": lambda w=way: bench.rtt_counted(w, "tcp", 16)},
            [(f"Depth 16, 64 B, {way} mode, system calls of both ends for each message", "calls", "", 1,
              None, ("<=", 0.2) if way == "event" else None),
             (f"Depth 16, 64 B, {way} mode, system calls of both ends for each message", "calls", "", 1,
              "our TCP", None)], rounds=3)
    add(section, "uring-idle", {"ours": loop("idle", 1, "uring")},
        [("Two idle loops, default mode, processor time", "cpu_percent", "%", 1, None, ("<=", 0.5))],
        rounds=3)
    add(section, "uring-memory", {"ours": lambda: bench.memory("uring:PORT")},
        [(f"Each of 10,000 connections, {side}, {state}", f"{side}_{figure}", "B", 1, None, ("<=", most))
         for figure, state, most in (("fresh", "fresh", 1024), ("used", "after 64 KiB", 1536))
         for side in ("client", "server")] +
        [("Connections opened, echoed and closed", "closed", "", 1, None, (">=", 10000))], rounds=1)

    section = "TLS 1.3, AES-256-GCM"
    add(section, "tls-rtt", {"ours": rtt("default", "tls"), "TCP": rtt("default", "tcp")},
        [("Round trip of 64 B, default mode, a core each", "rtt_us", "us", 1, "TCP", ("<=", 1.6))])
    add(section, "tls-pipelined", {"ours": rtt("default", "tls", 16)},
        [("Depth 16, 64 B, default mode", "messages_per_s", "M/s", 1e-6, None, (">=", 0.6))])
    floors = {"rustls": lambda: command_run(bench.program("rustls-loop", "bulk", 65536, 0.4)),
              "OpenSSL": lambda: command_run(bench.program("bulk_ssl", 65536, 0.4))}
    add(section, "tls-bulk-default", {"ours": bulk("default", "tls", 65536), **floors},
        [("Bulk, 64 KiB, default mode", "gb_per_s", "GB/s", 1, "rustls", (">=", 0.9)),
         ("Bulk, 64 KiB, default mode", "gb_per_s", "GB/s", 1, "OpenSSL", (">=", 1.0))])
    add(section, "tls-bulk-event", {"ours": bulk("event", "tls", 65536), **floors},
        [("Bulk, 64 KiB, event mode", "gb_per_s", "GB/s", 1, "rustls", None),
         ("Bulk, 64 KiB, event mode", "gb_per_s", "GB/s", 1, "OpenSSL", (">=", 1.0)),
         ("Bulk, 64 KiB, event mode, processor time", "cpu_s_per_gb", "s/GB", 1, "OpenSSL",
          ("<=", 1.0))])
    add(section, "tls-handshakes",
        {"ours": lambda: command_run(bench.program("tls", "handshakes", 0.4)),
         "rustls": lambda: command_run(bench.program("rustls-loop", "handshakes", 0.4))},
        [("Handshakes, four at a time, RSA 2048", "handshakes_per_s", "/s", 1, "rustls", (">=", 0.95)),
         ("the same, processor time of both ends", "cpu_us_per_handshake", "us", 1, "rustls", None)])
    add(section, "tls-idle", {"ours": lambda: command_run(bench.program("tls", "idle", 9000))},
        [("9,000 connections in one process", "connections", "", 1, None, (">=", 9000)),
         ("of these lost meanwhile", "disconnected", "", 1, None, ("<=", 0)),
         ("memory of each end after the handshake", "bytes_per_end", "KiB", 1 / 1024, None, ("<=", 12)),
         ("time to open them", "seconds", "s", 1, None, None)], rounds=1)

    section = "Echo server, event mode, 64 B"
    for connections in (1, 100, 1000):
        title = f"{connections} connection{'s' if connections > 1 else ''}"
        add(section, f"echo-{connections}",
            {"ours": lambda c=connections: bench.load("evpl", c),
             "raw epoll": lambda c=connections: bench.load("raw", c),
             "libuv": lambda c=connections: bench.load("libuv", c),
             "tokio": lambda c=connections: bench.load("tokio", c)},
            [(title, "messages_per_s", "k/s", 1e-3, floor, (">=", 1.0))
             for floor in ("raw epoll", "libuv", "tokio")] +
            [(f"{title}, server's processor time", "server_cpu_us_per_message", "us", 1, "raw epoll",
              None)])

    section = "One connection among hostile ones, 64 B every 250 us"
    add(section, "victim-quiet",
        {"ours": lambda: bench.victim("evpl-default", "quiet"),
         "raw epoll": lambda: bench.victim("raw", "quiet")},
        [(f"nobody else, {figure}", f"{figure}_us", "us", 1, "raw epoll", None)
         for figure in ("p50", "p99")])
    for what, title in (("connects", "2,000 connects a second"),
                        ("resets", "1,000 resets a second"), ("deaf", "16 peers that never read"),
                        ("trickle", "64 peers byte by byte")):
        add(section, f"victim-{what}",
            {"ours": lambda w=what: bench.victim("evpl-default", w),
             "quiet": lambda: bench.victim("evpl-default", "quiet"),
             "raw epoll": lambda w=what: bench.victim("raw", w)},
            [(f"{title}, p99", "p99_us", "us", 1, "quiet", ("<=", 2.0)),
             (f"{title}, p99", "p99_us", "us", 1, "raw epoll", None)])

    section = "In process"
    for transport in ("inproc", "inproc-msg"):
        name = names[transport]
        add(section, f"{transport}-rtt",
            {"ours": rtt("default", transport), "shared memory": rtt("spin", transport)},
            [(f"{name}, round trip, polling", "rtt_us", "us", 1, None, ("<=", 0.5)),
             (f"{name}, round trip, polling", "rtt_us", "us", 1, "shared memory", ("<=", 3.0))])
        add(section, f"{transport}-event",
            {"ours": rtt("event", transport), "eventfd and epoll": rtt("epoll", transport),
             "eventfd": rtt("blocking", transport)},
            [(f"{name}, round trip, event mode", "rtt_us", "us", 1, "eventfd and epoll", ("<=", 1.1)),
             (f"{name}, round trip, event mode", "rtt_us", "us", 1, "eventfd", None)])
        add(section, f"{transport}-depth-16", {"ours": rtt("default", transport, 16)},
            [(f"{name}, depth 16, messages moved each way", "messages_per_s", "M/s", 2e-6, None,
              (">=", 10.0)),
             (f"{name}, depth 16, messages echoed", "messages_per_s", "M/s", 1e-6, None, None)])
        add(section, f"{transport}-64k",
            {"ours": bulk("default", transport, 65536), "memcpy": bulk("raw", transport, 65536)},
            [(f"{name}, ordinary buffers of 64 KiB", "gb_per_s", "GB/s", 1, None, (">=", 15.0)),
             (f"{name}, ordinary buffers of 64 KiB", "gb_per_s", "GB/s", 1, "memcpy", None)])
        add(section, f"{transport}-shared", {"ours": inproc("shared", transport, 1000)},
            [(f"{name}, SHARED buffers of 1 B to 4 MiB, runs of 1000 that copied", "copied_runs", "",
              1, None, ("<=", 0)),
             (f"{name}, the longest of those runs", "longest_ms", "ms", 1, None, ("<=", 1000))],
            rounds=1)
        add(section, f"{transport}-million", {"ours": inproc("many", transport, 1000000)},
            [(f"{name}, 1,000,000 connections, both ends", "process_mib", "MiB", 1, None,
              ("<=", 1024)),
             (f"{name}, descriptors they take", "descriptors", "", 1, None, ("<=", 0)),
             (f"{name}, time to open them", "seconds", "s", 1, None, None)],
            rounds=1)

    section = "Steady state, TCP echo, event mode, for each message"
    once = 1.001  # the pass at either end of the window may count for the other side
    for connections in (1, 100):
        title = f"{connections} connection{'s' if connections > 1 else ''}"
        add(section, f"steady-{connections}", {"ours": lambda c=connections: bench.load("counted", c)},
            [(f"{title}: {text}", figure, "", 1, None, ("<=", most)) for figure, text, most in
             (("waits", "waits", once), ("receives", "receives", once),
              ("sends", "sends", once), ("other_calls", "other calls", 0.0),
              ("allocations", "heap allocations", 0.0))], rounds=1)

    section = "Memory for each end of 10,000 connections between two processes"
    for title, address, fresh in (("TCP", "PORT", 1024), ("Unix", "@evpl-bench-memory", 1024),
                                  ("TCP_RDMA", "rdma:PORT", 1536)):
        add(section, f"memory-{title.lower()}", {"ours": lambda a=address: bench.memory(a)},
            [(f"{title}, {side}, {state}", f"{side}_{figure}", "B", 1, None, ("<=", most))
             for figure, state, most in (("fresh", "fresh", fresh), ("used", "after 64 KiB", 1536))
             for side in ("client", "server")] +
            [(f"{title}, opened, echoed and closed", "closed", "", 1, None, (">=", 10000))], rounds=1)

    section = "Connecting"
    for how, title in (("sequential", "connect and close"), ("echo", "connect, echo 64 B, close")):
        add(section, f"connect-{how}",
            {"ours": lambda h=how: bench.connects("evpl", h, 0.4),
             "raw accept4": lambda h=how: bench.connects("raw", h, 0.4)},
            [(f"One after another: {title}", "connects_per_s", "k/s", 1e-3, "raw accept4",
              (">=", 0.85))])
    add(section, "connect-storm",
        {"ours": lambda: bench.connects("evpl", "storm", 9900, 256),
         "raw accept4": lambda: bench.connects("raw", "storm", 9900, 256)},
        [("9,900 connections, 256 under way", "connects_per_s", "k/s", 1e-3, None, (">=", 12.0)),
         ("9,900 connections, 256 under way", "connects_per_s", "k/s", 1e-3, "raw accept4", None),
         ("listen queue overflows meanwhile", "overflows", "", 1, None, ("<=", 0))], rounds=5)

    # A hundred times as many timers: log n is 1.7 times the work and the rest is the caches; linear would
    # be 100 times.
    section = "Loop"
    add(section, "timers", {"ours": loop("timers", 100000), "1,000 timers": loop("timers", 1000)},
        [(f"100,000 timers, {what} one", f"{what}_ns", "ns", 1, "1,000 timers", ("<=", 10.0))
         for what in ("add", "remove", "fire")], rounds=5)
    add(section, "doorbells", {"ours": loop("doorbells", 1000000)},
        [("1,000,000 doorbell rings, growth", "growth", "KiB", 1 / 1024, None, ("<=", 256)),
         ("1,000,000 doorbell rings, each", "ns", "ns", 1, None, None)], rounds=3)
    add(section, "deferrals", {"ours": loop("deferrals", 1000000)},
        [("1,000,000 deferrals, growth", "growth", "KiB", 1 / 1024, None, ("<=", 256)),
         ("1,000,000 deferrals, each", "ns", "ns", 1, None, None)], rounds=3)
    add(section, "idle", {"ours": loop("idle", 1)},
        [("Two idle loops, default mode, processor time", "cpu_percent", "%", 1, None, ("<=", 0.5))],
        rounds=3)
    return checks


def number(value):
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def cells(row):
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    spread = ""
    if row["quartiles"]:
        spread = "{:.2f} .. {:.2f}".format(*row["quartiles"])
    ours = f"{number(row['ours'])} {row['unit']}".strip() if row["ours"] is not None else "failed"
    floor = f"{number(row['floor'])} ({row['floor_is']})" if row["floor"] is not None else ""
    rounds = f"{row['rounds']}, {row['foreign']:.0%}"
    return [row["target"], ours, floor, number(row["ratio"]), spread, row["limit"], met, rounds]


HEADINGS = ["Figure", "Ours", "Floor", "Ratio", "Quartiles", "Target", "Met", "Rounds, others"]


def sections(rows):
    order = dict.fromkeys(row["section"] for row in rows)
    return [(section, [row for row in rows if row["section"] == section]) for section in order]


def markdown(rows):
    lines = []
    for section, inside in sections(rows):
        lines += [f"### {section}", "", "| " + " | ".join(HEADINGS) + " |",
                  "|" + "---|" * len(HEADINGS)]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in inside]
        lines.append("")
    return "\n".join(lines)


def text(rows):
    widths = [62, 14, 28, 7, 14, 8, 7, 10]
    line = lambda values: "".join(f"{v:<{w}} " for v, w in zip(values, widths)).rstrip()
    lines = []
    for section, inside in sections(rows):
        lines += ["", section, line(HEADINGS)]
        lines += [line(cells(row)) for row in inside]
        lines += [f"    {row['failure']}" for row in inside if row.get("failure")]
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")),
                     platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def replace_tables(path, rows, about):
    """Puts the tables between the two marks of a document, or writes a document of only them."""
    begin, end = "<!-- tables -->\n", "<!-- end of tables -->"
    body = f"{begin}\n{about}\n\n{markdown(rows)}\n{end}"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            old = file.read()
        head, _, rest = old.partition(begin)
        _, _, tail = rest.partition(end)
    else:
        head, tail = "", "\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + body + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="where the programs were built")
    parser.add_argument("--only", action="append", default=[], help="part of the name of a check")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=600, help="no round starts after that")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()

    bench = Bench(options.bin)
    checks = [check for check in checks_all(bench)
              if not options.only or any(part in check.name for part in options.only)]
    if options.list:
        print("\n".join(check.name for check in checks))
        return 0
    load = os.getloadavg()[0]
    started = time.monotonic()
    with contextlib.closing(bench):
        for number_of_round in range(options.rounds):
            if number_of_round and time.monotonic() - started > options.seconds:
                break
            for check in checks:
                if number_of_round < (check.rounds or options.rounds):
                    check.round(bench, number_of_round)
            print(f"round {number_of_round + 1} of {options.rounds}, "
                  f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    rows = [row for check in checks for row in check.rows()]
    limits = [row for row in rows if row["met"] is not None]
    met = sum(row["met"] for row in limits)
    about = (f"{machine()}; load average {load:.2f} at the start; {options.rounds} rounds, "
             f"{time.monotonic() - started:.0f} s; {met} of {len(limits)} targets met.")
    print(text(rows))
    print(f"\n{about}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"about": about, "rows": rows}, file, indent=1)
    if options.markdown:
        replace_tables(options.markdown, rows, about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
