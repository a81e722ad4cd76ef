#!/usr/bin/env python3
"""relink.py IN OUT LAYER: the IP packets of an Ethernet capture (pcap) behind another link layer.

LAYER: ppp, ppp-hdlc, cisco-hdlc, ppp-dir, pppoe (in Ethernet), wlan, radiotap. By turns the variants
that a layer allows: PPP with and without its address, with a protocol of one byte; 802.11 with QoS, with
four addresses, padded, and two packets in one frame. Addresses become the layer's own, so that flows
of different layers are not the same flow.
"""
import struct
import sys

IP4, IP6 = 0x0800, 0x86DD
PPP = {IP4: 0x21, IP6: 0x57}


def ppp(kind, packet, n):
    head = [b"\xff\x03" + struct.pack(">H", PPP[kind]), struct.pack(">H", PPP[kind]), bytes([PPP[kind]])]
    return head[n % 3] + packet


def cisco(kind, packet, n):
    return b"\x0f\x00" + struct.pack(">H", kind) + packet


def session(kind, packet):
    return b"\x11\x00\x00\x07" + struct.pack(">H", len(packet) + 2) + struct.pack(">H", PPP[kind]) + packet


def snap(kind, packet):
    return b"\xaa\xaa\x03\x00\x00\x00" + struct.pack(">H", kind) + packet


def wlan(kind, packet, n, padded=False):
    """A data frame. Every fifth holds the packet as the second of an aggregate, whose first is ARP."""
    four, qos, aggregate = n % 4 == 3, n % 2 == 1 or n % 5 == 4, n % 5 == 4
    head = bytes([0x88 if qos else 0x08, 3 if four else 1, 0, 0]) + b"\x02" * 18
    head += struct.pack("<H", n % 4096 << 4) + (b"\x02" * 6 if four else b"")
    if qos:
        head += bytes([0x80 if aggregate else 0, 0])
    if padded:
        head += b"\0" * (-len(head) % 4)
    if not aggregate:
        return head + snap(kind, packet)
    first = snap(0x0806, b"\0" * 28)
    out = b"\x02" * 12 + struct.pack(">H", len(first)) + first
    out += b"\0" * (-len(out) % 4)
    body = snap(kind, packet)
    return head + out + b"\x02" * 12 + struct.pack(">H", len(body)) + body


def radiotap(kind, packet, n):
    padded = n % 3 == 0 and n % 5 != 4  # tshark 4.0 does not read an aggregate behind padding
    flags = 0x20 if padded else 0
    if n % 2:  # the time before the flags, and a second word of what is present
        head = struct.pack("<BBHII4xQB", 0, 0, 0, 0x80000003, 0, n, flags)
    else:
        head = struct.pack("<BBHIB", 0, 0, 0, 2, flags)
    head = head[:2] + struct.pack("<H", len(head)) + head[4:]
    return head + wlan(kind, packet, n, padded)


LAYERS = {
    "ppp": (9, ppp),
    "ppp-hdlc": (50, lambda k, p, n: cisco(k, p, n) if n % 4 == 3 else ppp(k, p, n)),
    "cisco-hdlc": (104, cisco),
    "ppp-dir": (204, lambda k, p, n: bytes([n % 2]) + ppp(k, p, n)),
    "pppoe": (1, lambda k, p, n: b"\x02" * 12 + b"\x88\x64" + session(k, p)),
    "wlan": (105, wlan),
    "radiotap": (127, radiotap),
}


def own(kind, packet, number):
    """The packet between addresses of the layer's number."""
    packet = bytearray(packet)
    for at in (12, 16) if kind == IP4 else (9, 25):
        if at < len(packet):
            packet[at] = 41 + number
    return bytes(packet)


def main(source, target, layer):
    link, wrap = LAYERS[layer]
    number = list(LAYERS).index(layer)
    data = open(source, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    out, at, n = [data[:20] + struct.pack(order + "I", link)], 24, 0
    while at + 16 <= len(data):
        secs, fraction, kept, _ = struct.unpack(order + "IIII", data[at : at + 16])
        frame = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        kind = struct.unpack(">H", frame[12:14])[0] if len(frame) > 14 else 0
        if kind not in PPP:
            continue
        new = wrap(kind, own(kind, frame[14:], number), n)
        out.append(struct.pack(order + "IIII", secs, fraction, len(new), len(new)) + new)
        n += 1
    open(target, "wb").write(b"".join(out))


main(*sys.argv[1:])
