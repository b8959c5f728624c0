"""DATAGRAM_TCP_RDMA as docs/tcp-rdma.md has it, written down a second time: what takes a connection's bytes
apart shares nothing with the library that makes them. Every deviation is a Wrong with its place."""

import struct

HEADER = struct.Struct(">4sIIIQQ")
MAGIC = b"TRMA"
SEND, READ_REQUEST, READ_REPLY, WRITE_REQUEST, WRITE_REPLY, ERROR = range(1, 7)
NAMES = {1: "SEND", 2: "READ_REQUEST", 3: "READ_REPLY", 4: "WRITE_REQUEST", 5: "WRITE_REPLY", 6: "ERROR"}
LENGTH_MAX = 64 << 20
EINVAL = 22


class Wrong(Exception):
    """The bytes are not what the protocol says."""


class Frame:
    def __init__(self, opcode, length, key, address, number, payload):
        self.opcode, self.length, self.key, self.address, self.number = opcode, length, key, address, number
        self.payload = payload

    def __str__(self):
        return (f"{NAMES[self.opcode]} length {self.length} key {self.key} address {self.address:#x} "
                f"id {self.number}")

    def encode(self):
        return HEADER.pack(MAGIC, self.opcode, self.length, self.key, self.address, self.number) + self.payload


def frames(data, where=""):
    """The frames that `data` consists of; nothing may be left over."""
    at = 0
    while at < len(data):
        place = f"{where} byte {at}"
        if len(data) - at < HEADER.size:
            raise Wrong(f"{place}: ends inside a header")
        magic, opcode, length, key, address, number = HEADER.unpack_from(data, at)
        if magic != MAGIC:
            raise Wrong(f"{place}: magic {magic!r}")
        if opcode not in NAMES:
            raise Wrong(f"{place}: opcode {opcode}")
        following = 0 if opcode == ERROR else length
        if opcode == READ_REQUEST and length != 4 or opcode == WRITE_REPLY and length != 0 \
                or opcode == ERROR and not 1 <= length <= 4095 or following > LENGTH_MAX:
            raise Wrong(f"{place}: {NAMES[opcode]} length {length}")
        if opcode == SEND and (key or address or number):
            raise Wrong(f"{place}: SEND key {key} address {address:#x} id {number}")
        at += HEADER.size
        if len(data) - at < following:
            raise Wrong(f"{place}: ends inside the payload of {NAMES[opcode]}")
        yield Frame(opcode, length, key, address, number, bytes(data[at:at + following]))
        at += following


class Memory:
    """What one end has published: one piece, which only its peer writes to."""

    def __init__(self, key, address, content):
        self.key, self.address, self.content = key, address, bytearray(content)

    def reaches(self, key, address, length):
        return key == self.key and self.address <= address and address + length <= self.address + len(self.content)


def answers(requests, memory):
    """What a target with this memory has to say to these frames, byte by byte."""
    for frame in requests:
        head = (frame.key, frame.address, frame.number)
        start = frame.address - memory.address
        if frame.opcode == READ_REQUEST:
            wanted = int.from_bytes(frame.payload, "big")
            if wanted and not memory.reaches(frame.key, frame.address, wanted):
                yield Frame(ERROR, EINVAL, *head, b"")
            else:
                yield Frame(READ_REPLY, wanted, *head, bytes(memory.content[start:start + wanted]) if wanted else b"")
        elif frame.opcode == WRITE_REQUEST:
            if frame.length and not memory.reaches(frame.key, frame.address, frame.length):
                yield Frame(ERROR, EINVAL, *head, b"")
            else:
                if frame.length:
                    memory.content[start:start + frame.length] = frame.payload
                yield Frame(WRITE_REPLY, 0, *head, b"")


def check_answers(requests, replies, memory, where):
    """`replies` go the other way; what else goes there does not matter."""
    expected = answers(requests, memory)
    count = 0
    for found in replies:
        if found.opcode not in (READ_REPLY, WRITE_REPLY, ERROR):
            continue
        wanted = next(expected, None)
        if wanted is None:
            raise Wrong(f"{where}: {found} answers nothing")
        if wanted.encode() != found.encode():
            raise Wrong(f"{where}: answer {count} is {found}, not {wanted}, or has other bytes")
        count += 1
    missing = next(expected, None)
    if missing is not None:
        raise Wrong(f"{where}: {missing} was never sent")
    return count


def trace(path):
    """The recorded exchange of the document, as (from the server, bytes)."""
    inside, exchange = False, []
    with open(path, encoding="utf-8") as document:
        for line in document:
            if line.startswith("```"):
                inside = line.strip() == "```trace"
                continue
            if not inside or line.startswith("#"):
                continue
            words = line.split()
            if words and words[0] in ("S>C", "C>S"):
                exchange.append((words.pop(0) == "S>C", bytearray()))
            for word in words:
                digits, _, times = word.partition("*")
                exchange[-1][1].extend(bytes.fromhex(digits) * int(times or 1))
    return [(from_server, bytes(data)) for from_server, data in exchange]
