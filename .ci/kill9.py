"""Clients that send numbered records to one input each and write down what was answered.

kill9.py FOLDER INPUT TARGET TOKEN: runs until FOLDER/stop exists. Every record bears an id; FOLDER/sent.INPUT
has each id before it is sent, FOLDER/acknowledged.INPUT those that the input has taken on. Nothing is sent
twice, so that what is stored twice is the node's doing. FOLDER/round says which round it is.

Syslog over TCP answers nothing (RFC 6587), but is promised to be durable within 200 ms: an id counts as
acknowledged once it was sent a second ago over a connection that still stands, so that the node cannot have been
killed in between. FOLDER/prompt.INPUT has those of the promised time itself.
"""

import http.client
import json
import os
import select
import shutil
import socket
import sys
import time
from collections import deque

BATCH = 10
PAUSE = 0.02


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Http:
    """POST of a body to a path; acknowledged by a 2xx answer."""

    def __init__(self, target, token):
        self.target, self.token, self.connection = target, token, None

    def send(self, ids, round_):
        path, kind, body = self.request(ids, round_)
        headers = {"Authorization": f"{self.scheme} {self.token}", "Content-Type": kind}
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.target, timeout=10)
            self.connection.request("POST", path, body.encode(), headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            time.sleep(0.05)
            return []
        return self.taken(ids, answer.status, text)

    scheme = "Bearer"

    def taken(self, ids, status, _text):
        return ids if 200 <= status < 300 else []


class Jsonl(Http):
    """Failed VPN logons of many accounts from one address per round: a correlation runs across the kill."""

    def request(self, ids, round_):
        documents = [
            {"@timestamp": now(), "message": i, "event": {"action": "login", "outcome": "failure"}, "user": {"name": i},
             "source": {"ip": f"203.0.113.{round_}"}, "logsource": {"product": "sangfor", "category": "vpn"}}
            for i in ids
        ]
        return "/ingest", "application/x-ndjson", "\n".join(map(json.dumps, documents))


class Bulk(Http):
    """Elastic's `_bulk`: every item has its own status."""

    def request(self, ids, _round):
        pairs = [f'{{"create":{{"_index":"ci"}}}}\n{json.dumps({"@timestamp": now(), "message": i})}\n' for i in ids]
        return "/_bulk", "application/x-ndjson", "".join(pairs)

    def taken(self, ids, status, text):
        if status != 200:
            return []
        items = json.loads(text)["items"]
        return [i for i, item in zip(ids, items) if item["create"]["status"] == 201]


class Hec(Http):
    """Splunk's HTTP event collector."""

    scheme = "Splunk"

    def request(self, ids, _round):
        return "/services/collector/event", "application/json", "".join(json.dumps({"event": i, "host": "ci"}) for i in ids)

    def taken(self, ids, status, text):
        return ids if status == 200 and json.loads(text)["code"] == 0 else []


class Otlp(Http):
    """OpenTelemetry logs."""

    def request(self, ids, _round):
        at = str(time.time_ns())
        records = [{"timeUnixNano": at, "body": {"stringValue": i}} for i in ids]
        body = {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {}, "logRecords": records}]}]}
        return "/v1/logs", "application/json", json.dumps(body)


class Stream:
    """A connection that is made anew when the node is there again."""

    def __init__(self, target, _token):
        host, port = target.split(":")
        self.at, self.connection = (host, int(port)), None

    def send(self, ids, _round):
        try:
            if self.connection is None:
                self.connection = socket.create_connection(self.at, timeout=10)
                self.opened()
            return self.exchange(ids)
        except OSError:
            self.connection = None
            time.sleep(0.05)
            return []

    def opened(self):
        pass


class Relp(Stream):
    """RELP by its own words: every line has a number, and is acknowledged by the answer of that number."""

    def command(self, name, data):
        self.number += 1
        text = data.encode()
        self.connection.sendall(b"%d %s %d %s\n" % (self.number, name, len(text), text))
        return self.number

    def opened(self):
        self.number, self.answers = 0, self.connection.makefile("rb")
        self.command(b"open", "relp_version=0\nrelp_software=ci\ncommands=syslog")
        self.answered()

    def answered(self):
        """The number that is answered 200: `1 rsp 6 200 OK`; the answer to `open` has more lines."""
        number, word, length, data = self.line().split(b" ", 3)
        while len(data) <= int(length):
            data += self.line()
        if word != b"rsp" or not data.startswith(b"200"):
            raise OSError(f"RELP answers {data!r}")
        return int(number)

    def line(self):
        line = self.answers.readline()
        if not line.endswith(b"\n"):
            raise OSError("the connection has ended")
        return line

    def exchange(self, ids):
        numbers = {self.command(b"syslog", f"<13>1 {now()} ci ci - - - {i}"): i for i in ids}
        taken = []
        try:
            for _ in ids:
                taken.append(numbers[self.answered()])
        except OSError:
            self.connection = None
        return taken


class Tcp(Stream):
    """Syslog lines, which nothing answers."""

    PROMISED, SURE = 0.2, 1.0

    def __init__(self, target, token):
        super().__init__(target, token)
        self.prompt = open(f"{sys.argv[1]}/prompt.tcp", "a")
        self.sent = {self.PROMISED: deque(), self.SURE: deque()}

    def opened(self):
        for sent in self.sent.values():
            sent.clear()

    def exchange(self, ids):
        self.connection.sendall("".join(f"<13>1 {now()} ci ci - - - {i}\n" for i in ids).encode())
        at = time.monotonic()
        for sent in self.sent.values():
            sent.append((at, ids))
        # Asked for the time before the connection: what was sent before it stands as long as that.
        until = time.monotonic()
        if select.select([self.connection], [], [], 0)[0]:
            raise OSError("the node says nothing: the connection has ended")
        note(self.prompt, self.older(self.PROMISED, until))
        return self.older(self.SURE, until)

    def older(self, age, until):
        sent, found = self.sent[age], []
        while sent and sent[0][0] <= until - age:
            found += sent.popleft()[1]
        return found


class Relayed:
    """Lines to an rsyslogd, which keeps each until the node has answered it by RELP."""

    def __init__(self, target, _token):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.connect(target)

    def send(self, ids, _round):
        for i in ids:
            self.socket.send(f"<13>ci: {i}".encode())
        return ids


class File:
    """Lines of a file. Now and then it is rotated: renamed (`file`), or copied and emptied (`copied`)."""

    def __init__(self, target, _token, copies=False):
        self.path, self.copies, self.number, self.round = target, copies, 0, None
        self.file = open(target, "ab", buffering=0)

    def send(self, ids, round_):
        self.file.write("".join(f"{i}\n" for i in ids).encode())
        if self.round not in (None, round_):
            self.number += 1
            if self.copies:
                shutil.copyfile(self.path, f"{self.path}.{self.number}")
                self.file.truncate(0)
            else:
                os.rename(self.path, f"{self.path}.{self.number}")
                self.file = open(self.path, "ab", buffering=0)
        self.round = round_
        return ids


class Copied(File):
    def __init__(self, target, token):
        super().__init__(target, token, copies=True)


class Journald:
    """Entries in the journal's export format to a systemd-journal-remote that reads the pipe."""

    def __init__(self, target, _token):
        self.pipe, self.at = open(target, "wb", buffering=0), time.time_ns() // 1000

    def send(self, ids, _round):
        for i in ids:
            self.at += 1
            head = f"__REALTIME_TIMESTAMP={self.at}\n_BOOT_ID=00000000000000000000000000000001\n_HOSTNAME=ci\n"
            self.pipe.write(f"{head}SYSLOG_IDENTIFIER=ci\nPRIORITY=6\nMESSAGE={i}\n\n".encode())
        return ids


INPUTS = {"jsonl": Jsonl, "bulk": Bulk, "hec": Hec, "otlp": Otlp, "relp": Relp, "tcp": Tcp, "relayed": Relayed, "file": File, "copied": Copied, "journald": Journald}


def note(out, ids):
    out.writelines(f"{i}\n" for i in ids)
    out.flush()


def main():
    folder, name, target, token = sys.argv[1:]
    client, n = INPUTS[name](target, token), 0
    with open(f"{folder}/sent.{name}", "a") as sent, open(f"{folder}/acknowledged.{name}", "a") as acknowledged:
        while not os.path.exists(f"{folder}/stop"):
            with open(f"{folder}/round") as file:
                round_ = int(file.read() or 0)
            n += 1
            ids = [f"k9-{name}-r{round_}b{n}i{i}" for i in range(BATCH)]
            note(sent, ids)
            note(acknowledged, client.send(ids, round_))
            time.sleep(PAUSE)


main()
