#!/usr/bin/env python3
"""How long a record takes from its sending to the alert that one can see, while the node takes in others.

    benches/alerts.py --xuedun target/release/xuedun [--rate 20000] [--seconds 30] [--dir DIR]

Background: plain syslog lines over TCP at a fixed rate, matched with the shipped rules. Beside them, over a TCP
connection of its own, a probe twice a second at moments that are not in step with the second: one line that a rule of
one event matches, then five lines of which a correlation of five makes one alert; by turns with whole seconds
(RFC 3164, the background's own form) and with microseconds (RFC 5424). Each probe has a user of its own. The alerts
are asked for over the control socket every few milliseconds; the time is from the last line's sending to the answer
that first holds the alert, so it holds the asking too.
"""

import argparse
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time

from ingest import PLAIN, Xuedun, lines

RULES = """title: One
id: probe-one
logsource: {product: linux}
detection: {s: {user.name|startswith: one}, condition: s}
level: medium
---
title: Part
id: probe-part
name: probe_part
logsource: {product: linux}
detection: {s: {user.name|startswith: five}, condition: s}
level: informational
---
title: Five
id: probe-five
correlation: {type: event_count, rules: [probe_part], group-by: [user.name], timespan: 1m, condition: {gte: 5}}
level: medium
"""
STAMPS = {
    "whole seconds": lambda now: "<38>" + time.strftime("%b %d %H:%M:%S", time.gmtime(now + 8 * 3600)) + " srv-2 sshd[42]:",
    "microseconds": lambda now: "<38>1 " + time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z srv-3 sshd 42 - -",
}


class Node(Xuedun):
    """The node of `ingest.py` with two more sensors and the probes' rules."""

    def __init__(self, work, binary):
        self.probes = {name: ("127.0.0.1", 24986 + at) for at, name in enumerate(STAMPS)}
        os.mkdir(f"{work}/rules")
        open(f"{work}/rules/probe.yml", "w").write(RULES)
        super().__init__(work, binary)

    def prepare(self, text):
        for at, (_, port) in enumerate(self.probes.values()):
            text += f'\n[[sensor]]\nname = "probe-{at}"\ninput = {{ type = "syslog-tcp", listen = "127.0.0.1:{port}" }}\n'
        return re.sub(r"(?m)^paths = \[\]", f'paths = ["{self.work}/rules"]', text)

    def alerts(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(f"{self.work}/node/data/control.sock")
        s.sendall(b'{"ask":"alerts"}\n')
        out = b""
        while part := s.recv(1 << 16):
            out += part
        return out


def background(at, rate, stop, sent):
    """Ten writes a second, of what is due."""
    s = socket.create_connection(at)
    begun = time.time()
    while not stop.is_set():
        due = int((time.time() - begun) * rate) - sent[0]
        s.sendall(b"\n".join(lines(due, rate, PLAIN)) + b"\n" if due > 0 else b"")
        sent[0] += max(due, 0)
        time.sleep(0.05)


def probe(s, stamp, name):
    user, times = name, 1 if name.startswith("one") else 5
    for n in range(times):
        line = f"{stamp(time.time())} Failed password for {user} from 203.0.113.9 port {1024 + n} ssh2\n"
        s.sendall(line.encode())
    return time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xuedun", required=True)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--dir")
    args = parser.parse_args()
    work = tempfile.mkdtemp(dir=args.dir)
    node, stop, sent = Node(work, os.path.abspath(args.xuedun)), threading.Event(), [0]
    waiting, took = {}, {}

    def watch():
        while not stop.is_set():
            text = node.alerts().decode()
            now = time.time()
            for name in re.findall(r'"((?:one|five)\d+x)"', text):
                if name in waiting:
                    kind, at = waiting.pop(name)
                    took.setdefault(kind, []).append(now - at)
            time.sleep(0.005)

    try:
        threads = [threading.Thread(target=background, args=(node.tcp, args.rate, stop, sent)), threading.Thread(target=watch)]
        connections = {name: socket.create_connection(at) for name, at in node.probes.items()}
        begun = time.time()
        for thread in threads:
            thread.start()
        time.sleep(3)
        for n in range(int(args.seconds / 0.53)):
            form = list(STAMPS)[n % 2]
            for kind in ("one", "five"):
                name = f"{kind}{n}x"
                waiting[name] = (kind, form), time.time() + 60
                at = probe(connections[form], STAMPS[form], name)
                if name in waiting:
                    waiting[name] = (kind, form), at
            time.sleep(0.53)
        time.sleep(5)
        stop.set()
        for thread in threads:
            thread.join()
        print(f"{sent[0]:,} lines in the background, {sent[0] / (time.time() - begun):,.0f}/s; {len(waiting)} probes not seen")
        print("| alert of | the probe's times | probes | p50 ms | p99 ms | longest ms |\n|-|-|-|-|-|-|")
        for (kind, form), all_of in sorted(took.items(), reverse=True):
            all_of.sort()
            p50, p99 = (1e3 * all_of[min(int(len(all_of) * p), len(all_of) - 1)] for p in (0.5, 0.99))
            print(f"| {'one event' if kind == 'one' else 'five events'} | {form} | {len(all_of)} | {p50:.0f} | {p99:.0f} | {1e3 * all_of[-1]:.0f} |")
    finally:
        stop.set()
        node.process.terminate()
        node.process.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
