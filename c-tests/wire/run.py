#!/usr/bin/env python3
"""What DATAGRAM_TCP_RDMA puts on the wire, held against docs/tcp-rdma.md and against a decoder of its own.

The recorded exchange is played against the library from either end. Then two processes talk through a proxy
that cuts their bytes into random pieces and keeps them; every frame is taken apart, and each answer is compared
with what a target must say to the requests before it, byte by byte.

    run.py --include DIRECTORY --lib DIRECTORY [--cc COMPILER] [--cflags FLAGS] [--seeds N]
"""

import argparse
import os
import random
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import traceback

import decode

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "tcp-rdma.md")
TIMEOUT_S = 90
LENGTH = 1 << 20


class Ends:
    """The compiled program, and its two roles."""

    def __init__(self, options, directory):
        self.binary = os.path.join(directory, "ends")
        lib = os.path.abspath(options.lib)
        subprocess.run(
            [*shlex.split(options.cc), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-O1", "-pthread", "-D_GNU_SOURCE",
             *shlex.split(options.cflags), f"-I{options.include}", "-o", self.binary, os.path.join(HERE, "ends.c"),
             f"-L{lib}", "-levpl", f"-Wl,-rpath,{lib}", "-ldl"], check=True)

    def server(self, mode, seed, environment):
        """Port and process of one that listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = self.start("server", port, mode, seed, environment)
        if process.stdout.readline().strip() != "listening":
            raise decode.Wrong(f"the server does not listen: {process.communicate()[1]}")
        return port, process

    def start(self, role, port, mode, seed, environment):
        return subprocess.Popen([self.binary, role, str(port), mode, str(seed)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})


def ended_well(process):
    try:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise decode.Wrong(f"{process.args}: no end") from None
    if process.returncode != 0:
        raise decode.Wrong(f"{process.args}: status {process.returncode}\n{errors}")


def expect(peer, wanted, what):
    peer.settimeout(20)
    found = b""
    while len(found) < len(wanted):
        more = peer.recv(len(wanted) - len(found))
        if not more:
            raise decode.Wrong(f"{what}: ends after {len(found)} bytes of {len(wanted)}")
        found += more
    for at, (one, other) in enumerate(zip(found, wanted)):
        if one != other:
            raise decode.Wrong(f"{what}: byte {at} is {one:#04x}, not {other:#04x}")


def play(peer, exchange, as_server):
    for number, (from_server, data) in enumerate(exchange):
        if from_server == as_server:
            peer.sendall(data)
        else:
            expect(peer, data, f"frame {number}")


def recorded_client(ends, environment):
    """The library is the server: memory is where it says."""
    exchange = decode.trace(DOCUMENT)
    port, process = ends.server("recorded", 0, environment)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        first = exchange[0][1]
        recorded_place = first[36:48]
        peer.settimeout(20)
        head = peer.recv(56, socket.MSG_WAITALL)
        place = head[36:48]
        if head != first.replace(recorded_place, place):
            raise decode.Wrong(f"the offer is {head.hex()}")
        key = recorded_place[:4][::-1] + recorded_place[4:][::-1]
        real = place[:4][::-1] + place[4:][::-1]
        play(peer, [(server, data.replace(key, real)) for server, data in exchange[1:]], False)
    ended_well(process)


def recorded_server(ends, environment):
    """The library is the client, and gets what was recorded, to the last bit."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = ends.start("client", listener.getsockname()[1], "recorded", 0, environment)
        peer, _ = listener.accept()
        with peer:
            play(peer, decode.trace(DOCUMENT), True)
            ended_well(process)


def proxied(ends, seed, environment):
    """Both directions of a conversation, client's bytes first."""
    choices = random.Random(seed)
    port, server = ends.server("random", seed, environment)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = ends.start("client", listener.getsockname()[1], "random", seed, environment)
        near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", port))
    for one in (near, far):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    said = {near: bytearray(), far: bytearray()}
    other = {near: far, far: near}
    open_ends = [near, far]
    while open_ends:
        ready, _, _ = select.select(open_ends, [], [], TIMEOUT_S)
        if not ready:
            raise decode.Wrong("the ends fell silent")
        for end in ready:
            data = end.recv(choices.choice((1, 31, 33, 100, 5000, 1 << 16)))
            said[end] += data
            if data:
                other[end].sendall(data)
            else:
                open_ends.remove(end)
                other[end].shutdown(socket.SHUT_WR)
    for one in (near, far):
        one.close()
    ended_well(client)
    ended_well(server)
    return said[near], said[far]


def published(frames, is_server):
    """The memory that an end offers in its first message, as the program fills it."""
    offer = next(frame for frame in frames if frame.opcode == decode.SEND and frame.length == 24)
    key = int.from_bytes(offer.payload[4:8], sys.byteorder)
    address = int.from_bytes(offer.payload[8:16], sys.byteorder)
    return decode.Memory(key, address, bytes((i * 7 + i // 251 + is_server) & 255 for i in range(LENGTH)))


def conversation(ends, seed, environment):
    said = [list(decode.frames(data, name)) for data, name in
            zip(proxied(ends, seed, environment), ("client's", "server's"))]
    count = decode.check_answers(said[0], said[1], published(said[1], 1), "to the client")
    count += decode.check_answers(said[1], said[0], published(said[0], 0), "to the server")
    if count < 100:
        raise decode.Wrong(f"only {count} operations")


def decoder_refuses():
    """The checker itself notices what is wrong."""
    good = [decode.Frame(decode.READ_REQUEST, 4, 1, 4096, 0, (10).to_bytes(4, "big"))]
    memory = lambda: decode.Memory(1, 4096, bytes(range(100)))
    right = list(decode.answers(good, memory()))
    decode.check_answers(good, right, memory(), "")
    bad = [[], right * 2, [decode.Frame(decode.READ_REPLY, 10, 1, 4096, 0, bytes(10))],
           [decode.Frame(decode.READ_REPLY, 10, 1, 4096, 1, right[0].payload)],
           [decode.Frame(decode.ERROR, 22, 1, 4096, 0, b"")]]
    streams = [right[0].encode()[:-1], b"x" * 32, decode.Frame(7, 0, 0, 0, 0, b"").encode(),
               decode.Frame(decode.SEND, 0, 1, 0, 0, b"").encode()]
    for attempt in [*(lambda b=b: decode.check_answers(good, b, memory(), "") for b in bad),
                    *(lambda s=s: list(decode.frames(s)) for s in streams)]:
        try:
            attempt()
        except decode.Wrong:
            continue
        raise decode.Wrong("the decoder takes what is wrong")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", default=os.path.join(HERE, "..", "..", "include"))
    parser.add_argument("--lib", required=True)
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cflags", default="")
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="evpl-wire-") as directory:
        ends = Ends(options, directory)
        cases = [("the decoder refuses", decoder_refuses)]
        for mech in ("epoll", "select"):
            environment = {"EVPL_TEST_CORE_MECH": mech}
            cases += [(f"recorded exchange, the library serves, {mech}",
                       lambda e=environment: recorded_client(ends, e)),
                      (f"recorded exchange, the library asks, {mech}",
                       lambda e=environment: recorded_server(ends, e))]
            cases += [(f"random conversation {seed}, {mech}",
                       lambda s=seed, e=environment: conversation(ends, s, e))
                      for seed in range(1, options.seeds + 1)]
        for name, case in cases:
            try:
                case()
                passed += 1
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"failed wire: {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
