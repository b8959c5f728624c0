#!/usr/bin/env python3
"""What tests/vm/run promises about a guest, checked from inside: in-guest.py CHECK [ARGUMENT]..."""

import glob
import mmap
import os
import socket
import subprocess
import sys
import time

TCP_ULP = 31
NVME_CLASS = "0x010802"
BLOCK = 4096


def check(holds, what):
    if not holds:
        sys.exit(f"not so: {what}")


def read(path):
    with open(path) as file:
        return file.read().strip()


def surroundings(host_release, directory, scratch, *arguments):
    """The command's surroundings are those of the caller, and what it writes stays in the guest."""
    check(os.uname().release != host_release, "another kernel")
    check(os.getcwd() == directory, "the caller's directory")
    check(arguments == ("two words", "a\nline", ""), "the arguments as they were given")
    check(os.environ.get("EVPL_VM") == "passed on", "our variables are passed on")
    check(os.environ.get("CHOSEN") == "a=b", "chosen variables are passed on")
    check("UNCHOSEN" not in os.environ, "others are not")
    check(sys.stdin.read() == "", "standard input is empty")
    for place in (directory, scratch, "/dev/shm", "/run"):
        with open(os.path.join(place, "written-in-the-guest"), "w") as file:
            file.write("x")
    check(socket.create_server(("127.0.0.1", 0)), "lo has IPv4")
    check(socket.create_server(("::1", 0), family=socket.AF_INET6), "lo has IPv6")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(scratch, "guest.sock"))


def tls():
    """The kernel takes over a connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    connection = socket.create_connection(listener.getsockname())
    connection.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    check("TlsCurrTxSw" in read("/proc/net/tls_stat"), "the module counts")


def rxe():
    """An RDMA device comes up over lo and over an interface of its own."""
    check(os.path.isdir("/sys/module/rdma_rxe"), "the module is loaded")
    for command in (
        "ip link set dummy0 up",
        "rdma link add rxe0 type rxe netdev lo",
        "rdma link add rxe1 type rxe netdev dummy0",
    ):
        subprocess.run(command.split(), check=True)
    for device in ("rxe0", "rxe1"):
        check("ACTIVE" in read(f"/sys/class/infiniband/{device}/ports/1/state"), f"{device} is up")
    check(os.path.exists("/dev/infiniband/rdma_cm"), "connection manager")


def nvme(disk, text):
    """The first device shows the file; what is written, past all caches, reaches it."""
    device = f"/dev/{disk}n1"
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    block = mmap.mmap(-1, BLOCK)
    os.preadv(fd, [block], 0)
    check(block[: len(text)] == text.encode(), f"{device} begins with the file's text")
    os.pwritev(fd, [block], BLOCK)
    os.close(fd)


def vfio(disk):
    """A device is handed from its driver to user space, alone in its group."""
    device = os.path.basename(os.path.realpath(f"/sys/class/nvme/{disk}/device"))
    node = f"/sys/bus/pci/devices/{device}"
    check(read(f"{node}/class") == NVME_CLASS, "it is an NVMe controller")
    for file, text in (
        (f"{node}/driver/unbind", device),
        (f"{node}/driver_override", "vfio-pci"),
        ("/sys/bus/pci/drivers_probe", device),
    ):
        with open(file, "w") as attribute:
            attribute.write(text)
    group = os.path.realpath(f"{node}/iommu_group")
    check(os.listdir(f"{group}/devices") == [device], "it is alone in its group")
    check(os.path.exists(f"/dev/vfio/{os.path.basename(group)}"), "user space can open the group")


def storage(text):
    """Two NVMe devices: one for the kernel, one for VFIO."""
    deadline = time.monotonic() + 20
    while len(glob.glob("/dev/nvme?n1")) < 2:
        check(time.monotonic() < deadline, "two NVMe disks appear")
        time.sleep(0.1)
    # The kernel probes them side by side and may number them either way.
    serials = {read(f"/sys/class/nvme/{disk}/serial"): disk for disk in os.listdir("/sys/class/nvme")}
    nvme(serials["nvme0"], text)
    vfio(serials["nvme1"])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
    print(f"{sys.argv[1]} as promised")
