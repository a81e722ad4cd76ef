#!/usr/bin/env python3
"""What the whole program takes in and stores, beside rsyslogd, syslog-ng and nfcapd, in one run on the same input.

    benches/ingest.py --xuedun target/release/xuedun [--seconds 3] [--dir DIR] [--only tcp,plain,udp,bulk,flow]

Syslog over UDP at fixed rates and over TCP as fast as it is taken (lines that match rules, and `plain` ones that match
none), `_bulk` over HTTP acknowledged durable, NetFlow v9 at fixed packet rates. Lines say the second in which they are
about to be sent. syslog-ng is unpacked from Debian's archive
into the run's folder: its package cannot be installed beside rsyslog's. Each program gets the same bytes from the same sender, one program at a time, in turn. `stored` is what the file of rsyslogd, the
files of nfcapd, and a search of our node hold afterwards: journalled, matched with the shipped rules and archived. CPU is user and system time of the program from before the first byte until all is stored (ours: archived), divided
by what it stored. Loss is of what was sent.
"""

import argparse
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

LINE = b"<38>%s srv-1 sshd[4242]: Failed password for user%07d from 203.0.113.%d port %d ssh2"
PLAIN = b"<30>%s srv-1 systemd[1]: session %07d of pupil 10.1.%d.9 closed after %d ms, all well"
TOKEN = "0123456789abcdef"
DOCUMENT = b'{"create":{}}\n{"@timestamp":"%s","message":"session %07d of pupil 10.1.%d.9 closed after %d ms, all well"}\n'
PER_REQUEST, CONNECTIONS = 2000, 4
TICKS = os.sysconf("SC_CLK_TCK")
FLOWS = 40


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) // 1024


def size(path):
    return sum(os.path.getsize(f) for f in glob.glob(f"{path}/**", recursive=True) if os.path.isfile(f))


def until(done, seconds=120):
    end = time.time() + seconds
    while not done():
        if time.time() > end:
            return False
        time.sleep(0.05)
    return True


def lines(n, per_second, line=LINE):
    """Lines as they would be written from now on at a rate, in Beijing time as our sensors take it."""
    start, stamps = time.time() + 8 * 3600, {}
    stamp = lambda k: stamps.setdefault(k, time.strftime("%b %d %H:%M:%S", time.gmtime(start + k)).encode())
    return [line % (stamp(int(i / per_second)), i, i % 250, 1024 + i % 60000) for i in range(n)]


def packets(n, flows=FLOWS):
    words = lambda *w: struct.pack(f"!{len(w)}H", *w)
    template = words(300, 9, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4, 22, 4, 21, 4)
    head = words(0, len(template) + 4) + template
    out, now = [], int(time.time())
    for i in range(n):
        rows = b"".join(
            socket.inet_aton(f"10.1.{i % 250}.{k + 1}") + socket.inet_aton("198.51.100.9")
            + struct.pack("!HHBIIII", 1024 + (i * flows + k) % 60000, 443, 6, 1500, 3, 4000, 9000)
            for k in range(flows)
        )
        data = words(300, len(rows) + 4) + rows
        out.append(struct.pack("!HHIIII", 9, flows + 1, 10000, now, i, 7) + head + data)
    return out


class Datagrams:
    """Records ready for sendmmsg (the structures of Linux on 64 bits): a Python call a datagram is too slow."""

    def __init__(self, records):
        self.count, self.bytes = len(records), b"".join(records)
        base = ctypes.cast(ctypes.c_char_p(self.bytes), ctypes.c_void_p).value
        places, at = [], base
        for record in records:
            places.append(struct.pack("=QQ", at, len(record)))
            at += len(record)
        self.places = b"".join(places)
        first = ctypes.cast(ctypes.c_char_p(self.places), ctypes.c_void_p).value
        heads = (struct.pack("=QQQQQQQQ", 0, 0, first + 16 * i, 1, 0, 0, 0, 0) for i in range(self.count))
        self.heads = ctypes.create_string_buffer(b"".join(heads))


def send_udp(records, at, per_second):
    libc = ctypes.CDLL(None, use_errno=True)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(at)
    ready = Datagrams(records)
    heads = ctypes.addressof(ready.heads)
    start, sent = time.time(), 0
    while sent < ready.count:
        due = min(ready.count, int((time.time() - start) * per_second) + 1)
        while sent < due:
            done = libc.sendmmsg(s.fileno(), ctypes.c_void_p(heads + 64 * sent), min(due - sent, 256), 0)
            if done < 0:
                raise OSError(ctypes.get_errno(), "sendmmsg")
            sent += done
        time.sleep(0.0005)
    return time.time() - start


def bodies(n):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()).encode()
    documents = [DOCUMENT % (now, i, i % 250, 1024 + i % 60000) for i in range(n)]
    return [b"".join(documents[i : i + PER_REQUEST]) for i in range(0, n, PER_REQUEST)]


def send_bulk(requests, at):
    """Over some connections at once; a request is sent when the one before it was acknowledged."""
    failed, start = [], time.time()

    def run(mine):
        head = f"POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/x-ndjson\r\n"
        with socket.create_connection(at) as s:
            stream = s.makefile("rb")
            for body in mine:
                while True:
                    s.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                    status, length = stream.readline().split()[1], 0
                    while (line := stream.readline().strip()) != b"":
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    answer = stream.read(length)
                    if status == b"200" and b'"errors":false' in answer.replace(b" ", b""):
                        break
                    if status != b"429":
                        failed.append((status, answer[:200]))
                        return
                    time.sleep(0.01)

    threads = [threading.Thread(target=run, args=(requests[i::CONNECTIONS],)) for i in range(CONNECTIONS)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    if failed:
        raise SystemExit(f"a bulk request was refused: {failed[0]}")
    return time.time() - start


def send_tcp(records, at):
    body, start = b"\n".join(records) + b"\n", time.time()
    with socket.create_connection(at) as s:
        s.sendall(body)
    return time.time() - start


class Rsyslog:
    name = "rsyslogd"

    def __init__(self, work):
        self.log = f"{work}/rsyslog.log"
        conf = f"""global(workDirectory="{work}")
module(load="imudp") module(load="imtcp")
input(type="imudp" port="24991" address="127.0.0.1" rcvbufSize="8m")
input(type="imtcp" port="24992" address="127.0.0.1")
template(name="raw" type="string" string="%rawmsg%\\n")
action(type="omfile" file="{self.log}" template="raw" ioBufferSize="256k" flushOnTXEnd="off" flushInterval="1" asyncWriting="on")
"""
        open(f"{work}/rsyslog.conf", "w").write(conf)
        self.process = subprocess.Popen(["rsyslogd", "-n", "-f", f"{work}/rsyslog.conf", "-i", f"{work}/rsyslog.pid"])
        self.udp, self.tcp = ("127.0.0.1", 24991), ("127.0.0.1", 24992)
        until(lambda: connects(self.tcp), 20)

    def stored(self):
        if not os.path.exists(self.log):
            return 0
        with open(self.log, "rb") as f:
            return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 22), b""))

    def disk(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0


class SyslogNg:
    """Writes the line to a file with its default parsing, its window and fetches widened for speed."""

    name, port, options = "syslog-ng tuned", 24994, " log-iw-size(100000) log-fetch-limit(1000)"

    def __init__(self, parent):
        work = tempfile.mkdtemp(dir=parent)
        self.log, root = f"{work}/syslog-ng.log", f"{work}/syslog-ng"
        subprocess.run("apt-get download -qq syslog-ng-core && dpkg -x syslog-ng-core_*.deb syslog-ng", shell=True, check=True, cwd=work)
        libraries = f"{root}/usr/lib/syslog-ng"
        modules = next(d for d in glob.glob(f"{libraries}/[0-9]*"))
        conf = f"""@version: {os.path.basename(modules)}
options {{ stats-freq(0); keep-hostname(yes); chain-hostnames(no); use-dns(no); }};
source s_tcp {{ network(ip("127.0.0.1") port({self.port}) transport("tcp"){self.options}); }};
destination d_file {{ file("{self.log}"); }};
log {{ source(s_tcp); destination(d_file); flags(flow-control); }};
"""
        open(f"{work}/syslog-ng.conf", "w").write(conf)
        command = [f"{root}/usr/sbin/syslog-ng", "--module-path", modules, "--no-caps", "-F", "-f", f"{work}/syslog-ng.conf"]
        command += ["--persist-file", f"{work}/ng.persist", "--pidfile", f"{work}/ng.pid", "--control", f"{work}/ng.ctl"]
        self.process = subprocess.Popen(command, env=dict(os.environ, LD_LIBRARY_PATH=libraries), stdout=subprocess.DEVNULL)
        self.tcp = ("127.0.0.1", self.port)
        until(lambda: connects(self.tcp), 20)

    stored, disk = Rsyslog.stored, Rsyslog.disk


class SyslogNgAsInstalled(SyslogNg):
    """The same with its own defaults, as its documentation begins."""

    name, port, options = "syslog-ng as installed", 24995, ""


class Nfcapd:
    name = "nfcapd"

    def __init__(self, work):
        self.dir, self.out = f"{work}/nf", f"{work}/nfcapd.out"
        os.mkdir(self.dir)
        command = ["nfcapd", "-w", self.dir, "-b", "127.0.0.1", "-p", "24993", "-t", "3600", "-B", "33554432"]
        self.process = subprocess.Popen(command, stdout=open(self.out, "w"), stderr=subprocess.STDOUT)
        self.flow, self.before = ("127.0.0.1", 24993), 0
        until(lambda: "Startup" in open(self.out).read(), 20)

    def finish(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        return sum(map(int, re.findall(r"Flows: (\d+),", open(self.out).read())))

    def disk(self):
        return size(self.dir)


class Xuedun:
    name = "xuedun"

    def __init__(self, work, binary):
        self.work, self.binary = work, binary
        run = lambda *args: subprocess.run([binary, *args], check=True, stdout=subprocess.DEVNULL)
        run("init", "--dir", f"{work}/node")
        self.config = f"{work}/node/xuedun.toml"
        text = re.sub(r"(?ms)^\[\[sensor\]\].*?(?=^\[(?!\[?sensor)|\Z)", "", open(self.config).read())
        for name, kind, port in (("udp", "syslog-udp", 24981), ("tcp", "syslog-tcp", 24982), ("flow", "netflow", 24983)):
            text += f'\n[[sensor]]\nname = "{name}"\ninput = {{ type = "{kind}", listen = "127.0.0.1:{port}" }}\n'
        text += f'\n[[sensor]]\nname = "bulk"\ninput = {{ type = "http", listen = "127.0.0.1:24984", token = "{TOKEN}" }}\n'
        open(self.config, "w").write(self.prepare(text))
        environment = dict(os.environ, LC_ALL="C.UTF-8", XUEDUN_CONSOLE__LISTEN="127.0.0.1:24980", XUEDUN_STORE__ARCHIVE_AFTER_SECS="2")
        out = open(f"{work}/serve.out", "w")
        self.process = subprocess.Popen([binary, "serve", "--config", self.config], stdout=out, stderr=open(f"{work}/serve.err", "w"), env=environment)
        self.udp, self.tcp, self.flow, self.bulk = (("127.0.0.1", p) for p in (24981, 24982, 24983, 24984))
        until(lambda: "ready" in open(f"{work}/serve.out").read().split(), 60)

    def prepare(self, text):
        """What another bench adds to the configuration."""
        return text

    def figure(self, name):
        return self.status()["figures"][name]

    def rest(self):
        """Until all that is journalled is archived."""
        until(lambda: self.figure("archived") >= self.figure("journalled"), 120)

    def status(self):
        out = subprocess.run([self.binary, "status", "--config", self.config, "--json"], stdout=subprocess.PIPE, check=False)
        return json.loads(out.stdout)

    def counted(self, sensor):
        return next(s for s in self.status()["sensors"] if s["name"] == sensor)

    def stored(self, sensor):
        query = f"sensor:{sensor} | count"
        command = [self.binary, "search", "--config", self.config, "--from", "1900-01-01T00:00:00Z", "--to", "2200-01-01T00:00:00Z", "--json", query]
        row = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        return next((int(v) for v in json.loads(row.splitlines()[0]).values()), 0) if row.strip() else 0


def connects(at):
    try:
        socket.create_connection(at).close()
        return True
    except OSError:
        return False


def settled(count):
    """What a count comes to once it rests for two seconds."""
    last, since = count(), time.time()
    while time.time() - since < 2:
        time.sleep(0.25)
        now = count()
        if now != last:
            last, since = now, time.time()
    return last


def row(what, program, sent, took, stored, used, done, note=""):
    lost = 100 * (sent - stored) / sent
    each = 1e6 * used / stored if stored else 0
    print(f"| {what} | {program} | {sent:,} | {sent / took:,.0f} | {stored:,} | {lost:.2f} % | {stored / done:,.0f} | {each:.2f} | {note} |", flush=True)


def measure(what, program, send, sent, progress, stored, rest=lambda: None):
    """Sends, waits until progress and then the program rest, and counts what is stored more than before."""
    before, begun, used, started = stored(), progress(), cpu(program.process.pid), time.time()
    took, reached = send(), [0.0, -1]

    def moved():
        n = progress() - begun
        if n != reached[1]:
            reached[:] = [time.time(), n]
        return n

    settled(moved)
    rest()
    used = cpu(program.process.pid) - used
    row(what, program.name, sent, took, stored() - before, used, reached[0] - started)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xuedun", required=True)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--udp", default="50000,100000,150000")
    parser.add_argument("--tcp", type=int, default=1_000_000)
    parser.add_argument("--flow", default="5000,10000,100000x1", help="packets a second, and with xN how many flows in each (40)")
    parser.add_argument("--only", default="tcp,plain,udp,bulk,flow")
    parser.add_argument("--dir")
    args = parser.parse_args()
    work = tempfile.mkdtemp(dir=args.dir)
    print("| input | program | sent | sent/s | stored | lost | stored/s until all is | CPU µs each | |\n|-|-|-|-|-|-|-|-|-|")
    programs = []
    try:
        ours, theirs = Xuedun(work, os.path.abspath(args.xuedun)), Rsyslog(work)
        others = [SyslogNg(work), SyslogNgAsInstalled(work)]
        programs += [ours.process, theirs.process, *(other.process for other in others)]
        matched = lambda: ours.figure("matched")
        only = args.only.split(",")
        for name, line in (("tcp", LINE), ("plain", PLAIN)):
            if name not in only:
                continue
            # About as fast as it will be taken: a line's second is that of its sending.
            records, what = lines(args.tcp, 150_000, line), f"syslog TCP, {'every line matches' if line is LINE else 'no line matches'}"
            theirs_before = theirs.disk()
            measure(what, theirs, lambda: send_tcp(records, theirs.tcp), len(records), theirs.disk, theirs.stored)
            theirs_bytes = (theirs.disk() - theirs_before) / len(records)
            for other in others:
                measure(what, other, lambda: send_tcp(records, other.tcp), len(records), other.disk, other.stored)
            before = size(f"{work}/node/data/archive")
            measure(what, ours, lambda: send_tcp(records, ours.tcp), len(records), matched, lambda: ours.stored("tcp"), ours.rest)
            print(f"on disk: {(size(f'{work}/node/data/archive') - before) / len(records):.1f} B an event, rsyslogd {theirs_bytes:.1f}")
        for rate in map(int, args.udp.split(",") if "udp" in only else ()):
            records = lines(int(rate * args.seconds), rate, PLAIN)
            what, n = f"syslog UDP {rate:,}/s", len(records)
            measure(what, theirs, lambda: send_udp(records, theirs.udp, rate), n, theirs.disk, theirs.stored)
            measure(what, ours, lambda: send_udp(records, ours.udp, rate), n, matched, lambda: ours.stored("udp"), ours.rest)
        if "bulk" in only:
            requests = bodies(args.tcp // 2)
            measure("_bulk over HTTP, acknowledged", ours, lambda: send_bulk(requests, ours.bulk), args.tcp // 2, matched, lambda: ours.stored("bulk"), ours.rest)
        for spec in args.flow.split(",") if "flow" in only else ():
            rate, _, flows = spec.partition("x")
            rate, flows = int(rate), int(flows or FLOWS)
            sent = packets(int(rate * args.seconds), flows)
            what, n = f"NetFlow v9 {rate:,} packets/s of {flows}", len(sent) * flows
            peer = Nfcapd(f"{tempfile.mkdtemp(dir=work)}")
            used = cpu(peer.process.pid)
            took = send_udp(sent, peer.flow, rate)
            time.sleep(1)
            used, stored = cpu(peer.process.pid) - used, peer.finish()
            row(what, peer.name, n, took, stored, used, took, f"{peer.disk() / max(stored, 1):.1f} B each on disk")
            before = size(f"{work}/node/data/archive")
            measure(what, ours, lambda: send_udp(sent, ours.flow, rate), n, matched, lambda: ours.stored("flow"), ours.rest)
            print(f"on disk: {(size(f'{work}/node/data/archive') - before) / n:.1f} B a flow")
        print(f"\npeak memory of our node {rss(ours.process.pid)} MB, of rsyslogd {rss(theirs.process.pid)} MB")
        for sensor in ("udp", "tcp", "bulk", "flow"):
            print(f"our counters of {sensor}: {json.dumps({k: v for k, v in ours.counted(sensor).items() if k in ('received', 'decoded', 'undecoded', 'dropped')})}")
    finally:
        for process in programs:
            process.terminate()
            process.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
