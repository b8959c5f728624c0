#!/usr/bin/env python3
"""TLS against OpenSSL in both directions: as Python's ssl module, as s_client and s_server, and in curl.

Compiles endpoint.c, makes certificates, and runs every case whose name matches --filter.
"""

import argparse
import os
import re
import select
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = []
# Those that need the kernel's module.
KERNEL_CASES = []
WAIT_S = 30
MIB = 1 << 20
SUITES_12 = [
    f"ECDHE-{auth}-{cipher}"
    for auth in ("RSA", "ECDSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
]
SUITES_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


def case(function):
    CASES.append(function)
    return function


def kernel_case(function):
    KERNEL_CASES.append(function)
    return case(function)


class Skip(Exception):
    pass


class Endpoint:
    """A run of endpoint.c; ends with the `with` block."""

    # Those of the case that runs.
    started = []

    def __init__(self, mode, port, *arguments, **settings):
        Endpoint.started.append(self)
        if T.kernel:
            settings = {"KTLS": 1, **settings}
        environment = {**os.environ, **{f"TLS_{key}": str(value) for key, value in settings.items()}}
        self.command = [T.binary, mode, str(port), *map(str, arguments)]
        self.process = subprocess.Popen(
            self.command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = []
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()

    def collect(self):
        for line in self.process.stderr:
            self.log.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def line(self):
        return self.process.stdout.readline().strip()

    def expect(self, pattern):
        line = self.line()
        assert re.search(pattern, line), f"{line!r}, not {pattern!r}; log: {''.join(self.log)}"
        return line

    def expect_log(self, pattern):
        until(lambda: re.search(pattern, "".join(self.log)), f"log line {pattern!r} in {self.log}")

    def errors(self):
        return [line for line in self.log if "level=error" in line]

    def finish(self, code=0):
        assert self.process.wait(WAIT_S) == code, f"exit {self.process.returncode}: {self.log}"


def until(condition, what):
    end = time.time() + WAIT_S
    while not condition():
        assert time.time() < end, what
        time.sleep(0.01)


def server(**settings):
    port = free_port()
    endpoint = Endpoint("server", port, **settings)
    endpoint.expect("listening")
    endpoint.port = port
    return endpoint


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def client_context(**changes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return adjust(context, **changes)


def server_context(name="rsa", **changes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(T.file(f"{name}.pem"), T.file(f"{name}.key"))
    return adjust(context, **changes)


def adjust(context, version=None, ciphers=None, alpn=None, ca=None, cert=None):
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(alpn)
    if ca:
        context.load_verify_locations(T.file(ca))
        context.verify_mode = ssl.CERT_REQUIRED
    if cert:
        context.load_cert_chain(T.file(f"{cert}.pem"), T.file(f"{cert}.key"))
    return context


def dial(port, context=None, session=None, **changes):
    raw = socket.create_connection(("127.0.0.1", port), WAIT_S)
    return (context or client_context(**changes)).wrap_socket(raw, session=session)


def echo(connection, count):
    """Sends and receives at once, so that neither side waits for the other."""
    data = os.urandom(min(count, MIB)) * -(-count // MIB)
    data = data[:count]
    assert transfer(connection, data, count) == data


def transfer(connection, data, count):
    """Sends `data` while it receives until there are `count` bytes, or to the end with None. One thread
    does both: OpenSSL's connections are not made for two, and Python 3.11 then takes one's error for the
    other's, an end of file for one."""
    connection.settimeout(0)
    unsent, back = memoryview(data), bytearray()
    while unsent or count is None or len(back) < count:
        wanted, moved = select.POLLIN, False
        if unsent:
            try:
                unsent = unsent[connection.send(unsent[: 1 << 18]) :]
                moved = True
            except ssl.SSLWantWriteError:
                wanted |= select.POLLOUT
            except ssl.SSLWantReadError:
                pass
        try:
            part = connection.recv(1 << 18)
            if not part and count is None:
                break
            assert part, f"ended after {len(back)} of {count}"
            back += part
            moved = True
        except ssl.SSLWantReadError:
            pass
        if not moved:
            ready = select.poll()
            ready.register(connection, wanted)
            assert ready.poll(WAIT_S * 1000), f"stalled after {len(back)} of {count}"
    connection.settimeout(WAIT_S)
    return back


class Listener:
    """A Python TLS server that runs `serve` on each of `count` connections, one after the other."""

    def __init__(self, serve, context=None, count=1):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.outcome = []
        self.count = count
        self.thread = threading.Thread(target=self.run, args=(serve, context), daemon=True)
        self.thread.start()

    def run(self, serve, context):
        for _ in range(self.count):
            self.run_one(serve, context)

    def run_one(self, serve, context):
        raw, _ = self.socket.accept()
        raw.settimeout(WAIT_S)
        try:
            connection = raw
            if context:
                # An end without close_notify is then an error.
                connection = context.wrap_socket(
                    raw, server_side=True, suppress_ragged_eofs=False
                )
            self.outcome.append(serve(connection))
        except Exception as error:
            self.outcome.append(error)

    def results(self):
        self.thread.join(WAIT_S)
        assert len(self.outcome) == self.count, f"the peer did not end: {self.outcome}"
        return self.outcome

    def result(self):
        return self.results()[0]


def serve_echo(connection):
    while True:
        data = connection.recv(1 << 18)
        if not data:
            return "clean end"
        connection.sendall(data)


# ---- versions and suites --------------------------------------------------------------------------


@case
def every_suite_of_12_with_our_server():
    for suite in SUITES_12:
        name = "ec" if "ECDSA" in suite else "rsa"
        with server(CERT=T.file(f"{name}.pem"), KEY=T.file(f"{name}.key")) as ours:
            peer = dial(ours.port, version=ssl.TLSVersion.TLSv1_2, ciphers=suite)
            assert peer.cipher()[0] == suite, peer.cipher()
            echo(peer, 300_000)


@case
def every_suite_of_12_with_our_client():
    for suite in SUITES_12:
        name = "ec" if "ECDSA" in suite else "rsa"
        context = server_context(name, version=ssl.TLSVersion.TLSv1_2, ciphers=suite)
        peer = Listener(serve_echo, context)
        with Endpoint("client", peer.port, 300_000) as ours:
            ours.finish()
        assert peer.result() == "clean end", peer.result()


@case
def every_suite_of_13_with_s_client():
    with server(CERT=T.file("ec.pem"), KEY=T.file("ec.key")) as ours:
        for suite in SUITES_13:
            out = s_client(ours.port, "-tls1_3", "-ciphersuites", suite, text=["hello"])
            assert f"Cipher is {suite}" in out, out
            assert "hello" in out.split("\n"), out


@case
def every_suite_of_13_with_s_server():
    for suite in SUITES_13:
        with s_server("-tls1_3", "-ciphersuites", suite, "-rev") as port:
            with Endpoint("quiet", port) as ours:
                ours.expect("connected")


@case
def preferences_follow_the_client():
    with server(KTLS=1) as ours:
        assert dial(ours.port).cipher()[0] == "TLS_AES_256_GCM_SHA384"
        chosen = dial(ours.port, version=ssl.TLSVersion.TLSv1_2).cipher()[0]
        assert chosen == "ECDHE-RSA-AES256-GCM-SHA384", chosen


@case
def our_client_prefers_aes_128_for_the_kernel():
    # Python's server follows its own order in TLS 1.3, so the client's list is read off its hello.
    for settings, expected in (({"KTLS": 1}, 0x1301), ({"KTLS": 0}, 0x1302)):
        peer = Listener(lambda connection: connection.recv(1 << 16))
        with Endpoint("quiet", peer.port, **settings) as ours:
            hello = peer.result()
            # Record and message headers, version, random, session identifier, length of the list.
            at = 9 + 2 + 32
            at += 1 + hello[at] + 2
            assert int.from_bytes(hello[at : at + 2], "big") == expected, hello.hex()


@case
def large_echo_with_our_server():
    with server() as ours:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            peer = dial(ours.port, version=version)
            echo(peer, T.large)
            peer.unwrap()


@case
def large_echo_with_our_client():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        peer = Listener(serve_echo, server_context(version=version))
        with Endpoint("client", peer.port, T.large) as ours:
            ours.finish()
        assert peer.result() == "clean end", peer.result()


@case
def ourselves():
    with server() as theirs, Endpoint("client", theirs.port, T.large) as ours:
        ours.finish()
        theirs.expect("connected")
        theirs.expect(f"disconnected .*received={T.large}$")


@case
def old_versions_are_refused():
    with server() as ours:
        out = s_client(ours.port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        assert "Cipher is (NONE)" in out, out
        ours.expect("disconnected")
        ours.expect_log("handshake with .* failed: unsupported protocol version")


# ---- records in the kernel -------------------------------------------------------------------------


def kernel_counts():
    """Sockets that the kernel ever sealed and opened for, and the changes of their keys."""
    with open("/proc/net/tls_stat") as lines:
        counts = dict(line.split() for line in lines)
    return [int(counts.get(name, 0)) for name in ("TlsTxSw", "TlsRxSw", "TlsTxRekeyOk", "TlsRxRekeyOk")]


def kernel_changes_keys():
    return [int(part) for part in re.findall(r"\d+", os.uname().release)[:2]] >= [6, 14]


class counted:
    """Checks by how much the kernel's counts grow while the block runs."""

    def __init__(self, *growth):
        self.growth = list(growth)

    def __enter__(self):
        self.before = kernel_counts()

    def __exit__(self, kind, *_):
        if kind is None:
            growth = [after - before for before, after in zip(self.before, kernel_counts())]
            assert growth == self.growth, f"{growth}, not {self.growth}"


def sockets_in_kernel(version):
    return 1 if version == ssl.TLSVersion.TLSv1_2 or kernel_changes_keys() else 0


@kernel_case
def the_kernel_seals_and_opens_every_suite():
    for suite in SUITES_12:
        name = "ec" if "ECDSA" in suite else "rsa"
        with server(CERT=T.file(f"{name}.pem"), KEY=T.file(f"{name}.key")) as ours:
            # The first connection of a process tries a socket of its own.
            dial(ours.port).unwrap()
            ours.expect("connected")
            with counted(1, 1, 0, 0):
                echo(dial(ours.port, version=ssl.TLSVersion.TLSv1_2, ciphers=suite), 300_000)
    with server(CERT=T.file("ec.pem"), KEY=T.file("ec.key")) as ours:
        dial(ours.port).unwrap()
        ours.expect("connected")
        used = sockets_in_kernel(ssl.TLSVersion.TLSv1_3)
        for suite in SUITES_13:
            with counted(used, used, 0, 0):
                out = s_client(ours.port, "-tls1_3", "-ciphersuites", suite, text=["hello"])
            assert "hello" in out.split("\n"), out


@kernel_case
def the_kernel_carries_large_echoes():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        used = sockets_in_kernel(version)
        with server() as ours:
            dial(ours.port).unwrap()
            ours.expect("connected")
            ours.expect("disconnected")
            with counted(used, used, 0, 0):
                peer = dial(ours.port, version=version)
                echo(peer, T.large)
                peer.unwrap()
                ours.expect("connected")
                ours.expect("disconnected")
            assert not ours.errors(), ours.log


@kernel_case
def the_kernel_changes_keys_or_does_not_get_them():
    used = sockets_in_kernel(ssl.TLSVersion.TLSv1_3)
    with server() as ours:
        dial(ours.port).unwrap()
        ours.expect("connected")
        # One asks for nothing in return, the other for our key to change as well.
        for command, answered in (("k", 0), ("K", 1)):
            with counted(used, used, used * answered, used):
                out = s_client(ours.port, "-tls1_3", text=["before", command, "after"])
            assert "before" in out.split("\n") and "after" in out.split("\n"), out
        if used:
            assert not re.search("kernel TLS is not used", "".join(ours.log)), ours.log
        else:
            ours.expect_log("kernel TLS is not used: for TLS 1.3, as the kernel cannot change keys")


@kernel_case
def damage_is_noticed_by_the_kernel():
    with server() as ours, InMemory(ours.port, version=ssl.TLSVersion.TLSv1_2) as peer:
        done = False
        while not done:
            done, pending = peer.step(peer.tls.do_handshake)
            peer.raw.sendall(pending if not done else b"")
        ours.expect("connected")
        peer.tls.write(b"good")
        peer.raw.sendall(peer.outgoing.read())
        assert peer.read(4) == b"good"
        peer.tls.write(b"bad")
        record = bytearray(peer.outgoing.read())
        record[-1] ^= 1
        peer.raw.sendall(record)
        ours.expect("disconnected .*received=4$")
        ours.expect_log("failed: record does not authenticate")
        try:
            peer.read(1)
            raise AssertionError("the connection goes on")
        except ssl.SSLError as error:
            assert "BAD_RECORD_MAC" in str(error), error
        except ConnectionError:
            # The kernel keeps the bad record and resets over it, which may overtake the alert.
            pass


@case
def without_the_module_nothing_changes():
    with server(KTLS=1) as ours:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            echo(dial(ours.port, version=version), 300_000)
        # It may have been loaded just now.
        if os.path.exists("/proc/net/tls_stat"):
            raise Skip("the kernel has the module tls")
        told = [line for line in ours.log if "kernel TLS is not used: the kernel has no module tls" in line]
        assert len(told) == 1 and "level=info" in told[0], ours.log


# ---- cipher lists ---------------------------------------------------------------------------------


@case
def cipher_list_narrows_12():
    for listed, chosen in (
        ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("BOGUS:ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("HIGH:!aNULL:!AESGCM", "ECDHE-RSA-CHACHA20-POLY1305"),
    ):
        with server(CIPHERS=listed) as ours:
            peer = dial(ours.port, version=ssl.TLSVersion.TLSv1_2)
            assert peer.cipher()[0] == chosen, peer.cipher()
            assert dial(ours.port).version() == "TLSv1.3"


@case
def cipher_list_that_selects_nothing_fails():
    for listed in ("", "BOGUS", "TLS_AES_128_GCM_SHA256", "AES128-SHA"):
        with Endpoint("server", free_port(), CIPHERS=listed) as ours:
            ours.expect("cannot listen: errno 22")
            ours.expect_log(f'cipher list "{listed}" selects no suite')
        with Endpoint("quiet", free_port(), CIPHERS=listed) as ours:
            ours.expect("disconnected")
            ours.expect_log(f'cipher list "{listed}" selects no suite')


@case
def no_shared_cipher():
    with server(CIPHERS="ECDHE-RSA-AES128-GCM-SHA256") as ours:
        try:
            dial(ours.port, version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-RSA-CHACHA20-POLY1305")
            raise AssertionError("the handshake went through")
        except ssl.SSLError as error:
            assert "HANDSHAKE_FAILURE" in str(error), error
        ours.expect("disconnected")
        ours.expect_log("no shared cipher")


# ---- certificates ---------------------------------------------------------------------------------


def client_sees(server_name, log, **settings):
    """Our verifying client against a server with that certificate; log None: it connects."""
    peer = Listener(serve_echo, server_context(server_name))
    arguments = {"VERIFY": 1, **settings}
    with Endpoint("quiet", peer.port, **arguments) as ours:
        if log is None:
            ours.expect("connected")
        else:
            ours.expect("disconnected")
            ours.expect_log(f"handshake with 127.0.0.1:{peer.port} failed: {log}")


@case
def certificates_that_verify():
    client_sees("leaf", None, CA=T.file("ca.pem"))
    client_sees("chain", None, CA=T.file("ca.pem"))
    # A self-signed one that says it is a CA, and is in the file itself.
    client_sees("ca", None, CA=T.file("ca.pem"))
    client_sees("rsa", None, CA=T.file("both.pem"))


@case
def certificates_that_do_not_verify():
    client_sees("rsa", "unknown CA", CA=T.file("ca.pem"))
    client_sees("leaf", "unknown CA", CA=T.file("rsa.pem"))
    client_sees("leaf", "unknown CA")
    client_sees("expired", "certificate has expired", CA=T.file("ca.pem"))
    client_sees("oldself", "certificate has expired", CA=T.file("oldself.pem"))


@case
def verification_off_accepts_anything():
    for name in ("rsa", "leaf", "expired", "oldself"):
        peer = Listener(serve_echo, server_context(name))
        with Endpoint("client", peer.port, 1000) as ours:
            ours.finish()


@case
def peers_check_our_certificate():
    with server(CERT=T.file("chain.pem"), KEY=T.file("chain.key")) as ours:
        echo(dial(ours.port, ca="ca.pem"), 1000)
        try:
            dial(ours.port, ca="rsa.pem")
            raise AssertionError("the handshake went through")
        except ssl.SSLError as error:
            assert "CERTIFICATE_VERIFY_FAILED" in str(error), error
        ours.expect("connected")
        ours.expect("disconnected")
        ours.expect_log("failed: peer sent alert UnknownC[Aa]")


@case
def generated_certificate():
    with server() as ours:
        raw = dial(ours.port).getpeercert(True)
        text = subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-text", "-noout"],
            input=raw, capture_output=True, check=True,
        ).stdout.decode()
    for part in (
        "Version: 3", "Serial Number: 1 ", "sha256WithRSAEncryption", "Public-Key: (2048 bit)",
        "Subject: C = US, ST = Self-Signed, L = Self-Signed, O = Self-Signed, OU = Self-Signed, CN = localhost",
        "CA:FALSE", "DNS:localhost, IP Address:127.0.0.1", "Subject Key Identifier",
    ):
        assert part in text, f"{part}: {text}"


@case
def client_certificates():
    both = {"CERT": T.file("chain.pem"), "KEY": T.file("chain.key"), "CA": T.file("ca.pem"), "VERIFY": 1}
    with server(**both) as ours:
        with Endpoint("client", ours.port, 1000, **both) as client:
            client.finish()
        ours.expect("connected")
        ours.expect("disconnected")
        echo(dial(ours.port, cert="leaf"), 1000)
        ours.expect("connected")
        ours.expect("disconnected")
        for cert, reason in ((None, "did not present a certificate"), ("rsa", "unknown CA")):
            try:
                dial(ours.port, cert=cert).recv(1)
                raise AssertionError("the handshake went through")
            except (ssl.SSLError, ConnectionError):
                pass
            ours.expect("disconnected")
            ours.expect_log(reason)


@case
def a_large_ca_file_does_not_keep_clients_out():
    def authority(number):
        subject = f"/O={'o' * 60}/OU={'u' * 60}/CN={'n' * 50}{number}"
        command = ["openssl", "req", "-x509", "-new", "-key", T.file("ec.key"), "-subj", subject]
        return subprocess.run(command, capture_output=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        others = b"".join(pool.map(authority, range(600)))
    with open(T.file("ca.pem"), "rb") as ca, open(T.file("many.pem"), "wb") as many:
        many.write(others + ca.read())
    own = {"CERT": T.file("chain.pem"), "KEY": T.file("chain.key"), "VERIFY": 1}
    with server(**own, CA=T.file("many.pem")) as ours:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            echo(dial(ours.port, client_context(version=version, cert="leaf")), 1000)


@case
def settings_that_cannot_be_honoured():
    for settings, reason in (
        ({"CERT": "/nonexistent", "KEY": "/nonexistent"}, "/nonexistent: .*No such file"),
        ({"CERT": T.file("rsa.pem"), "KEY": T.file("ec.key")}, "certificate and key"),
        ({"CERT": T.file("rsa.key"), "KEY": T.file("rsa.key")}, "no certificate in"),
        ({"CA": "/nonexistent", "VERIFY": 1}, "/nonexistent"),
    ):
        with Endpoint("server", free_port(), **settings) as ours:
            ours.expect("cannot listen")
            ours.expect_log(reason)
        with Endpoint("quiet", free_port(), **settings) as ours:
            ours.expect("disconnected")
            ours.expect_log(reason)


@case
def kinds_of_keys():
    for name in ("rsa", "rsa-pkcs1", "ec", "ec-sec1"):
        with server(CERT=T.file(f"{name.split('-')[0]}.pem"), KEY=T.file(f"{name}.key")) as ours:
            echo(dial(ours.port), 1000)


@case
def client_certificates_apart_from_verification():
    own = {"CERT": T.file("chain.pem"), "KEY": T.file("chain.key"), "CA": T.file("ca.pem")}
    with server(**own, CLIENT_CERT=1) as ours:
        echo(dial(ours.port, cert="leaf"), 1000)
        ours.expect("connected")
        for options, reason in (
            ([], "did not present a certificate"),
            (["-cert", T.file("rsa.pem"), "-key", T.file("rsa.key")], "unknown CA"),
        ):
            s_client(ours.port, *options)
            ours.expect_log(reason)
        # Servers are not verified: a client of the same settings takes any.
        peer = Listener(serve_echo, server_context("rsa"))
        with Endpoint("client", peer.port, 1000, **own, CLIENT_CERT=1) as client:
            client.finish()
        if shutil.which("curl"):
            for options, served in (([], False), (["--cert", T.file("leaf.pem"), "--key", T.file("leaf.key")], True)):
                assert ("GET / HTTP" in curl(ours.port, *options)) == served, ours.log
    with server(**own, CLIENT_CERT=0, VERIFY=1) as ours:
        echo(dial(ours.port), 1000)


# ---- sessions and names ----------------------------------------------------------------------------


@case
def our_server_resumes():
    for settings, resumed in (
        ({}, True),
        ({"TICKETS": 0}, False),
        ({"TICKETS": 0, "SERVER_SESSIONS": 100}, True),
        ({"TICKETS": 1, "SERVER_SESSIONS": 100, "ALPN": "h2"}, True),
    ):
        with server(**settings) as ours:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = client_context(version=version, alpn=["h2"])
                first = dial(ours.port, context)
                echo(first, 1000)
                assert not first.session_reused
                second = dial(ours.port, context, session=first.session)
                echo(second, 300_000)
                assert second.session_reused == resumed, (settings, version)
            for flag in ("-tls1_2", "-tls1_3"):
                s_client(ours.port, flag, "-sess_out", T.file("session"), text=["hello"])
                if os.path.exists(T.file("session")):
                    out = s_client(ours.port, flag, "-sess_in", T.file("session"), text=["hello"])
                    assert ("Reused, TLS" in out) == resumed, out
                    os.remove(T.file("session"))


@case
def our_client_resumes():
    for settings, resumed in (({}, False), ({"CLIENT_SESSIONS": 10}, True)):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):

            def serve(connection):
                serve_echo(connection)
                return connection.session_reused

            peer = Listener(serve, server_context(version=version), count=3)
            with Endpoint("client", peer.port, 100_000, REPEAT=3, **settings) as ours:
                ours.finish()
            assert peer.results() == [False, resumed, resumed], (settings, version, peer.results())


@case
def ourselves_resume():
    with server() as theirs, Endpoint("client", theirs.port, MIB, REPEAT=5, CLIENT_SESSIONS=10) as ours:
        ours.finish()
        assert not theirs.errors() and not ours.errors(), (theirs.log, ours.log)


@case
def names_are_sent_if_asked_for():
    for settings, sent in (
        ({"HOST": "localhost"}, None),
        ({"HOST": "localhost", "SEND_NAME": 1}, "localhost"),
        ({"SEND_NAME": 1}, None),
        ({"NAME": "example.org"}, "example.org"),
        ({"HOST": "localhost", "SEND_NAME": 1, "NAME": "example.org"}, "example.org"),
        ({"HOST": "localhost", "VERIFY_NAME": 1}, None),
    ):
        seen = []
        context = server_context()
        context.sni_callback = lambda connection, name, context: seen.append(name)
        peer = Listener(serve_echo, context)
        with Endpoint("client", peer.port, 1000, **settings) as ours:
            ours.finish()
        assert seen == [sent], (settings, seen)


@case
def names_are_verified_if_asked_for():
    trusted = {"CA": T.file("ca.pem"), "VERIFY_NAME": 1}
    other = "certificate is for another name"
    client_sees("leaf", None, **trusted, HOST="localhost")
    client_sees("leaf", None, **trusted, NAME="localhost")
    client_sees("leaf", other, **trusted)
    client_sees("leaf", other, **trusted, HOST="localhost", NAME="example.org")
    client_sees("rsa", other, CA=T.file("rsa.pem"), VERIFY_NAME=1, HOST="localhost")
    client_sees("rsa", None, CA=T.file("rsa.pem"), HOST="localhost")
    client_sees("address", None, **trusted)


@case
def secrets_are_logged_if_asked_for():
    for settings in ({}, {"KEY_LOG": 1}):
        theirs, ours_file = T.file("secrets.theirs"), T.file("secrets.ours")
        for name in (theirs, ours_file):
            if os.path.exists(name):
                os.remove(name)
        os.environ["SSLKEYLOGFILE"] = ours_file
        try:
            with server(**settings) as ours:
                del os.environ["SSLKEYLOGFILE"]
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    context = client_context(version=version)
                    context.keylog_filename = theirs
                    echo(dial(ours.port, context), 1000)
        finally:
            os.environ.pop("SSLKEYLOGFILE", None)
        if not settings:
            assert not os.path.exists(ours_file)
            continue
        with open(theirs) as lines:
            wanted = {line for line in lines if not line.startswith("#")}
        with open(ours_file) as lines:
            found = set(lines)
        # The same secrets under the same labels: what decodes with theirs decodes with ours.
        assert len(wanted) >= 5 and wanted <= found | {w for w in wanted if "EXPORTER" in w}, (wanted, found)


# ---- ALPN -----------------------------------------------------------------------------------------


@case
def alpn_of_our_server():
    for ours_list, theirs, chosen in (
        ("h2,http/1.1", ["http/1.1", "h2"], "h2"),
        ("h2,http/1.1", ["http/1.1"], "http/1.1"),
        ("h2", ["http/1.1"], None),
        ("h2", [], None),
    ):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with server(ALPN=ours_list) as ours:
                peer = dial(ours.port, alpn=theirs, version=version)
                assert peer.selected_alpn_protocol() == chosen
                echo(peer, 1000)
                ours.expect(f"connected alpn={chosen or ''} ")


@case
def alpn_of_our_client():
    for theirs, chosen in ((["http/1.1", "h2"], "http/1.1"), (["spdy"], ""), ([], "")):
        peer = Listener(serve_echo, server_context(alpn=theirs))
        with Endpoint("quiet", peer.port, ALPN="h2,http/1.1") as ours:
            ours.expect(f"connected alpn={chosen} ")


@case
def alpn_names_of_16_bytes_do_not_count():
    for name, reported in (("fifteen-bytes-x", "fifteen-bytes-x"), ("sixteen-bytes-xx", "")):
        with server(ALPN=name) as ours:
            assert dial(ours.port, alpn=[name]).selected_alpn_protocol() == name
            ours.expect(f"connected alpn={reported} ")


# ---- ends of connections ---------------------------------------------------------------------------


@case
def close_notify_ends_and_loses_nothing():
    with server() as ours:
        peer = dial(ours.port)
        transfer(peer, b"x" * 20 * MIB, 0)
        # The echo is not read: our side is still full of it when it is told the end.
        peer.settimeout(0)
        try:
            peer.unwrap()
        except ssl.SSLError:
            pass
        # OpenSSL reads no more after its own end, and our side sends until somebody does.
        with socket.socket(fileno=peer.detach()) as raw:
            raw.settimeout(WAIT_S)
            drain(raw)
        ours.expect("connected")
        ours.expect(f"disconnected .*received={20 * MIB}$")
        assert not ours.errors(), ours.log


def drain(peer):
    try:
        while peer.recv(1 << 18):
            pass
    except (OSError, ValueError):
        pass


@case
def truncation_is_reported_and_loses_nothing():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        peer = Listener(lambda connection: (connection.sendall(b"y" * 5 * MIB), connection.close()),
                        server_context(version=version))
        with Endpoint("quiet", peer.port) as ours:
            ours.expect("connected")
            ours.expect(f"disconnected .*received={5 * MIB}$")
            ours.expect_log("truncated: no close_notify")


@case
def we_say_close_notify():
    peer = Listener(serve_echo, server_context())
    with Endpoint("quiet", peer.port) as ours:
        ours.expect("connected")
        ours.process.stdin.write("finish\n")
        ours.process.stdin.flush()
        ours.expect("disconnected")
        assert not ours.errors(), ours.log
    assert peer.result() == "clean end", peer.result()


@case
def peers_that_do_not_speak_tls():
    for greeting, reason in (
        (b"GET / HTTP/1.1\r\n\r\n", "wrong version number"),
        (os.urandom(40) + b"\r\n\r\n" * 9, "failed"),
        (b"\x16\x03\x01\xff\xff" + bytes(100), "failed"),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "failed"),
    ):
        with server() as ours, socket.create_connection(("127.0.0.1", ours.port)) as peer:
            peer.sendall(greeting)
            ours.expect("disconnected")
            ours.expect_log(f"handshake with .* {reason}" if " " in reason else reason)
        peer = Listener(lambda connection, greeting=greeting: connection.sendall(greeting))
        with Endpoint("quiet", peer.port) as ours:
            ours.expect("disconnected")
            ours.expect_log("handshake with .* failed")


@case
def peers_that_go_away_in_the_handshake():
    with server() as ours:
        hello = client_hello()
        for count in (0, 1, 5, len(hello) // 2, len(hello)):
            with socket.create_connection(("127.0.0.1", ours.port)) as peer:
                peer.sendall(hello[:count])
            ours.expect("disconnected")
        echo(dial(ours.port), 1000)
    peer = Listener(lambda connection: connection.recv(10))
    with Endpoint("quiet", peer.port) as ours:
        ours.expect("disconnected")
        ours.expect_log("the peer closed the connection|reset")


def client_hello():
    outgoing = ssl.MemoryBIO()
    tls = client_context().wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@case
def a_stalled_handshake_costs_nothing():
    with server() as ours, socket.create_connection(("127.0.0.1", ours.port)) as peer:
        peer.sendall(client_hello()[:50])
        time.sleep(0.2)
        before = cpu_ticks(ours.process.pid)
        time.sleep(2)
        used = cpu_ticks(ours.process.pid) - before
        assert used <= 10, f"{used} ticks of CPU"
    # A server that does not answer.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with Endpoint("quiet", silent.getsockname()[1]) as ours:
            peer, _ = silent.accept()
            peer.recv(10)
            before = cpu_ticks(ours.process.pid)
            time.sleep(1)
            used = cpu_ticks(ours.process.pid) - before
            assert used <= 10, f"{used} ticks of CPU"
            peer.close()


@case
def a_stalled_handshake_ends_after_a_minute():
    with Endpoint("stalled", free_port()) as ours:
        ours.finish()
        ours.expect("disconnected")
        ours.expect_log("the peer took too long")


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class InMemory:
    """A Python client whose bytes the case itself moves."""

    def __init__(self, port, **changes):
        self.raw = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client_context(**changes).wrap_bio(self.incoming, self.outgoing)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def step(self, function, receive=1 << 16):
        """Calls `function` once; if it waits for the peer, hands it what there is."""
        try:
            return True, function()
        except ssl.SSLWantReadError:
            pending = self.outgoing.read()
            if pending:
                return False, pending
            self.incoming.write(self.raw.recv(receive))
            return False, b""

    def read(self, count):
        back = b""
        while len(back) < count:
            done, part = self.step(lambda: self.tls.read(1 << 16))
            back += part if done else b""
        return back

    def last_flight(self, data):
        """Shakes hands up to the client's last flight and returns that, with data right behind it."""
        done = False
        while not done:
            done, pending = self.step(self.tls.do_handshake)
            if not done and pending:
                self.raw.sendall(pending)
        self.tls.write(data)
        return self.outgoing.read()


@case
def a_hello_that_trickles():
    for settings in ({}, {"ALPN": "h2"}):
        with server(**settings) as ours, InMemory(ours.port, alpn=["h2"]) as peer:
            done = False
            while not done:
                done, pending = peer.step(peer.tls.do_handshake, receive=7)
                for byte in pending if not done else peer.outgoing.read():
                    peer.raw.sendall(bytes([byte]))
            ours.expect("connected alpn=" + ("h2" if settings else ""))


@case
def a_last_flight_with_data_cut_anywhere():
    both = {"CERT": T.file("chain.pem"), "KEY": T.file("chain.key"), "CA": T.file("ca.pem"), "VERIFY": 1}
    data = os.urandom(100)
    for settings, changes in (({}, {}), ({"ALPN": "h2"}, {"alpn": ["h2"]}), (both, {"cert": "leaf"})):
        with server(**settings) as ours:
            cut, count = 0, 1
            while cut < count:
                with InMemory(ours.port, **changes) as peer:
                    flight = peer.last_flight(data)
                    count = len(flight)
                    peer.raw.sendall(flight[:cut])
                    # Long enough for the server to have read the first part alone, most of the time.
                    time.sleep(0.0005 if cut else 0)
                    peer.raw.sendall(flight[cut:])
                    assert peer.read(len(data)) == data, f"cut at {cut} of {count}"
                # A certificate is a thousand bytes whose records are like each other.
                cut += 1 if count < 300 else 7


# ---- other programs -------------------------------------------------------------------------------


@case
def key_updates_from_s_client():
    with server() as ours:
        for command in ("K", "k"):
            out = s_client(ours.port, "-tls1_3", text=["before", command, "after"])
            assert "before" in out.split("\n") and "after" in out.split("\n"), out


@case
def renegotiation_from_s_client():
    with server() as ours:
        out = s_client(ours.port, "-tls1_2", text=["before", "R"])
        assert "no renegotiation" in out, out


@case
def curl_gets_its_request_back():
    if not shutil.which("curl"):
        raise Skip("curl is not installed")
    with server(ALPN="http/1.1", CERT=T.file("chain.pem"), KEY=T.file("chain.key")) as ours:
        for version in ("1.2", "1.3"):
            out = curl(ours.port, f"--tlsv{version}", "--tls-max", version, path="/some/path")
            assert "GET /some/path HTTP/" in out, out


def curl(port, *options, path="/"):
    """What curl gets back from our server, which echoes its request."""
    return subprocess.run(
        ["curl", "-sS", "--http0.9", "-m", "2", *options, "--cacert", T.file("ca.pem"),
         "--resolve", f"localhost:{port}:127.0.0.1", f"https://localhost:{port}{path}"],
        capture_output=True, text=True,
    ).stdout


def s_client(port, *options, text=()):
    """What s_client writes while it sends the lines of `text`, each after the last one's effect: the echo
    of data, the confirmation of a command."""
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    out = []
    reader = threading.Thread(target=lambda: out.extend(iter(lambda: process.stdout.read(1), "")))
    reader.start()

    def seen(what):
        until(lambda: re.search(what, "".join(out), re.MULTILINE) or not reader.is_alive(),
              f"{what!r} in {''.join(out)}")

    try:
        seen("Verify return code")
        for line in text:
            if reader.is_alive():
                process.stdin.write(line + "\n")
                process.stdin.flush()
                seen({"K": "KEYUPDATE", "k": "KEYUPDATE", "R": "no renegotiation"}.get(line, f"^{line}$"))
        process.stdin.close()
        reader.join(WAIT_S)
        assert not reader.is_alive(), "".join(out)
    except BrokenPipeError:
        pass
    finally:
        process.kill()
        process.wait()
        reader.join()
    return "".join(out)


class s_server:
    def __init__(self, *options):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", str(self.port), "-cert", T.file("rsa.pem"),
             "-key", T.file("rsa.key"), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        while b"ACCEPT" not in self.process.stdout.readline():
            assert self.process.poll() is None, "s_server ended"
        return self.port

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# ---- the runner ------------------------------------------------------------------------------------


class T:
    """What the cases share."""

    directory = binary = None
    kernel = False
    large = 100 * MIB

    @classmethod
    def file(cls, name):
        return os.path.join(cls.directory, name)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=T.directory)


def make_certificates():
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    past = ["-not_before", "20200101000000Z", "-not_after", "20210101000000Z"]
    for name, key in (("rsa", ["-newkey", "rsa:2048"]), ("ec", ec), ("ca", ec)):
        kind = "keyCertSign,cRLSign,digitalSignature" if name == "ca" else "digitalSignature"
        openssl("req", "-x509", "-nodes", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-days", "30", "-subj", f"/CN={name}", "-addext", f"keyUsage={kind}",
                "-addext", "basicConstraints=critical,CA:" + ("TRUE" if name == "ca" else "FALSE"))
    openssl("rsa", "-in", "rsa.key", "-traditional", "-out", "rsa-pkcs1.key")
    openssl("ec", "-in", "ec.key", "-out", "ec-sec1.key")
    with open(T.file("ca.cnf"), "w") as config:
        config.write(
            "[ca]\ndefault_ca=x\n[x]\ndatabase=index\nserial=serial\nnew_certs_dir=.\npolicy=p\n"
            "default_md=sha256\nunique_subject=no\nx509_extensions=leaf\n[p]\ncommonName=supplied\n"
            "[leaf]\nbasicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n"
            "[address]\nbasicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n"
            "[middle]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
        )
    open(T.file("index"), "w").close()
    with open(T.file("serial"), "w") as serial:
        serial.write("1000\n")

    def issue(name, issuer, *options):
        openssl("req", "-new", "-nodes", *ec, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        openssl("ca", "-batch", "-config", "ca.cnf", "-notext", "-in", f"{name}.csr", "-out",
                f"{name}.pem", "-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key", *options)

    dates = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]
    issue("leaf", "ca", "-days", "30")
    issue("expired", "ca", *dates)
    issue("address", "ca", "-days", "30", "-extensions", "address")
    issue("middle", "ca", "-days", "30", "-extensions", "middle")
    issue("chain", "middle", "-days", "30")
    openssl("req", "-new", "-nodes", *ec, "-keyout", "oldself.key", "-out", "oldself.csr",
            "-subj", "/CN=oldself")
    openssl("ca", "-batch", "-config", "ca.cnf", "-notext", "-in", "oldself.csr", "-out",
            "oldself.pem", "-selfsign", "-keyfile", "oldself.key", *dates)
    join("chain.pem", "chain.pem", "middle.pem")
    join("both.pem", "ca.pem", "rsa.pem")


def join(target, *names):
    text = "".join(open(T.file(name)).read() for name in names)
    with open(T.file(target), "w") as out:
        out.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--include", default=os.path.join(HERE, "..", "..", "include"))
    parser.add_argument("--lib", required=True, help="directory of libevpl.so")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--filter", default="")
    parser.add_argument("--kernel", action="store_true",
                        help="let the kernel have the keys, and look whether it does")
    parser.add_argument("--large", type=int, default=100, metavar="MIB",
                        help="how much the large echoes carry; default: 100")
    options = parser.parse_args()
    if not shutil.which("openssl"):
        print("skipped tls: openssl is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    T.kernel = options.kernel
    T.large = options.large * MIB
    T.directory = tempfile.mkdtemp(prefix="evpl-tls-")
    T.binary = T.file("endpoint")
    lib = os.path.abspath(options.lib)
    failed = passed = skipped = 0
    try:
        subprocess.run(
            [*shlex.split(options.cc), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-pthread",
             "-D_GNU_SOURCE", f"-I{options.include}", "-o", T.binary,
             os.path.join(HERE, "endpoint.c"), f"-L{lib}", "-levpl", f"-Wl,-rpath,{lib}"],
            check=True,
        )
        make_certificates()
        for function in CASES:
            name = function.__name__
            if not re.search(options.filter, name) or (function in KERNEL_CASES and not T.kernel):
                continue
            Endpoint.started.clear()
            try:
                function()
                complaints = [line for endpoint in Endpoint.started for line in endpoint.log
                              if "Sanitizer" in line]
                assert not complaints, complaints
                passed += 1
                print(f"passed tls/{name}", flush=True)
            except Skip as why:
                skipped += 1
                print(f"skipped tls/{name}: {why}", flush=True)
            except Exception:
                failed += 1
                print(f"failed tls/{name}\n{traceback.format_exc()}", flush=True)
                for endpoint in Endpoint.started:
                    print(f"{endpoint.command}\n{''.join(endpoint.log[-20:])}", flush=True)
    finally:
        shutil.rmtree(T.directory, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
