"""What tshark reads of flow packets, beside what a sensor made of the same packets.

    cflow.py relay FILE OWN PEER    passes datagrams on to PEER and writes them to FILE as a capture
    cflow.py read FILE PORT         a line for each flow that tshark reads in it
"""

import socket
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET


def relay(path, own, peer):
    """Runs until it is killed."""
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    here.bind(("127.0.0.1", own))
    address = socket.inet_aton("127.0.0.1")
    with open(path, "wb", buffering=0) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        while True:
            data = here.recv(65535)
            passed_on = data
            # Softflowd counts flows alone in a header of version 9, where RFC 3954 counts templates too, and
            # tshark stops at that count: the copy says that there are as many as will come.
            if data[:2] == b"\0\x09":
                data = data[:2] + b"\xff\xff" + data[4:]
            udp = struct.pack(">HHHH", own, peer, 8 + len(data), 0) + data
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, address, address)
            packet = ip + udp
            out.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
            here.sendto(passed_on, ("127.0.0.1", peer))


# Of each flow: the names that tshark has for a column, the first that is there.
COLUMNS = [
    ("cflow.srcaddr", "cflow.srcaddrv6"),
    ("cflow.dstaddr", "cflow.dstaddrv6"),
    ("cflow.srcport",),
    ("cflow.dstport",),
    ("cflow.protocol",),
    ("cflow.packets", "cflow.packets64"),
    ("cflow.octets", "cflow.octets64"),
    ("cflow.tcpflags", "cflow.tcpflags16"),
]


def flows(tree):
    """Every innermost field of tshark's that holds an address of a source."""
    for field in tree.iter("field"):
        held = {child.get("name"): child.get("show") for child in field.iter("field")}
        direct = {child.get("name") for child in field}
        if direct & set(COLUMNS[0]):
            yield held


def read(path, port):
    command = ["tshark", "-r", path, "-d", f"udp.port=={port},cflow", "-Y", "cflow", "-T", "pdml"]
    pdml = subprocess.run(command, check=True, capture_output=True).stdout
    for held in flows(ET.fromstring(pdml)):
        row = [next((held[n] for n in names if n in held), "0") for names in COLUMNS]
        row[7] = str(int(row[7], 0))
        if row[4] not in ("6", "17"):
            row[2:4] = "0", "0"
        print(*row)


if __name__ == "__main__":
    if sys.argv[1] == "relay":
        relay(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        read(sys.argv[2], int(sys.argv[3]))
