#!/usr/bin/env python3
"""Detection against rsigma on the same events and rules, one after the other, in one run.

    benches/detect.py --xuedun target/release/xuedun --rsigma PATH [--events 250000] [--rounds 3]
                      [--lanes lean,mixed,full] [--json-limit target/release/examples/throughput]
                      [--callgrind]

Makes lanes of events from the corpora (../shared/corpora, or XUEDUN_CORPORA) under target/bench:
lean (the Windows corpus, repeated with other hosts, users, ids and times), full (the same with a
rendered message and an agent's envelope), mixed (Windows, web, DNS and firewall events). Runs both
programs with and without log-source routing, ours also with a tenth of the rules and with ten
times as many (copies with other ids and other texts). The rate is events / (CPU time - CPU time on
an empty file); the best of the rounds counts. CPU time is used because it stands other load on the
machine; wall time is shown too. No test runs this.
"""
import argparse, gzip, json, os, random, re, shutil, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPORA = Path(os.environ.get("XUEDUN_CORPORA", ROOT.parent / "shared" / "corpora"))
GUID = re.compile(r"([0-9a-fA-F]{8})(-[0-9a-fA-F]{4}-)")
RECORD = re.compile(r'"(RecordNumber|ProcessId|ThreadID)":(\d+)')
RENAMED = ["theshire", "mordor", "WORKSTATION", "pgustavo", "pbeesly", "wardog", "sbeavers", "lgandalf"]


def corpus():
    with gzip.open(CORPORA / "events" / "windows_25k.jsonl.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def varied(line, turn):
    """The event as another site would have it: hosts, users, ids and times differ."""
    if turn == 0:
        return line
    for word in RENAMED:
        line = re.sub(word, f"{word[:3]}{turn}{word[3:]}", line, flags=re.IGNORECASE)
    line = GUID.sub(lambda m: f"{int(m[1], 16) ^ (turn * 0x01010101):08x}{m[2]}", line)
    line = RECORD.sub(lambda m: f'"{m[1]}":{int(m[2]) + turn * 97}', line)
    return re.sub(r"\b20(19|20|21)-", lambda m: f"{2019 + turn}-", line)


def full(line):
    event = json.loads(line)
    text = "\r\n".join(f"{k}: {v}" for k, v in event.items())[:1500]
    event["message"] = f"{event.get('Category', 'Event')}:\r\n{text}"
    event["agent"] = {"type": "winlogbeat", "version": "8.15.0", "id": "5f0c7c3e-6d5f-4b0e-9d0e-2f3a1c9b7e11"}
    event["ecs"] = {"version": "8.0.0"}
    event["tags"] = ["beats_input", "windows"]
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def web(rng):
    path = rng.choice(["/", "/login", "/api/v1/students", "/static/app.js", "/jw/course/list", "/upload.php"])
    return {
        "category": "webserver", "date": f"2026-11-{rng.randint(1, 28):02}", "c-ip": address(rng),
        "cs-method": rng.choice(["GET", "GET", "GET", "POST"]), "cs-uri-stem": path,
        "cs-uri-query": f"id={rng.randint(1, 10**9)}&t={rng.random():.9f}", "sc-status": rng.choice([200, 200, 302, 404]),
        "cs-user-agent": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{rng.randint(90, 130)}.0",
        "cs-referer": f"https://www.school{rng.randint(1, 300)}.example.edu/", "cs-host": f"www.school{rng.randint(1, 300)}.example.edu",
    }


def dns(rng):
    name = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(rng.randint(4, 20)))
    return {
        "category": "dns", "query": f"{name}.{rng.choice(['example.com', 'edu.cn', 'cdn.example.net'])}",
        "record_type": rng.choice(["A", "AAAA", "TXT"]), "src_ip": address(rng), "answer": address(rng), "rcode": "NOERROR",
    }


def firewall(rng):
    return {
        "category": "firewall", "action": rng.choice(["allow", "deny"]), "src_ip": address(rng), "dst_ip": address(rng),
        "src_port": rng.randint(1024, 65535), "dst_port": rng.choice([22, 53, 80, 443, 3389, 445]),
        "blocked": "true", "bytes": rng.randint(40, 10**7), "policy": f"p{rng.randint(1, 40)}",
    }


def address(rng):
    return f"{rng.choice([10, 172, 202])}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def make_lane(path, kind, events):
    lines, rng = corpus(), random.Random(7)
    with open(path, "w", encoding="utf-8") as out:
        for at in range(events):
            line = varied(lines[at % len(lines)], at // len(lines))
            if kind == "full":
                line = full(line)
            elif kind == "mixed" and at % 10 >= 4:
                make = (web, web, web, dns, dns, firewall)[at % 10 - 4]
                line = json.dumps(make(rng), separators=(",", ":"))
            out.write(line + "\n")


def make_rules(work):
    """Folders of all rules, of a tenth, and of ten times as many."""
    files = sorted(f for d in sorted((CORPORA / "sigma").glob("rules*")) for f in d.rglob("*.yml"))
    sets = {name: work / f"rules-{name}" for name in ("all", "tenth", "tenfold")}
    for name, folder in sets.items():
        if folder.exists():
            continue
        folder.mkdir(parents=True)
        for at, file in enumerate(files):
            if name == "tenth" and at % 10:
                continue
            text = file.read_text(encoding="utf-8")
            for copy in range(10 if name == "tenfold" else 1):
                (folder / f"{at:05}-{copy}.yml").write_text(other(text, copy), encoding="utf-8")
    return sets


def other(text, copy):
    """The rule under another id, looking for texts that differ: not one comparison is shared."""
    if copy == 0:
        return text
    text = re.sub(r"\b([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-)", lambda m: f"{int(m[1], 16) ^ (copy * 0x11111111):08x}{m[2]}", text)
    text = re.sub(r"^(name: .*)$", rf"\1_{copy}", text, flags=re.M)
    start = text.find("\ndetection:")
    head, body = text[:start], text[start:]
    # Quoted values of lists and fields: a digit before the last letter of their last word.
    body = re.sub(r"([A-Za-z]{3,})([A-Za-z])('(?:\s*#.*)?)$", rf"\g<1>{copy}\2\3", body, flags=re.M)
    return head + body


def run(command):
    """CPU seconds, wall seconds, peak memory in kB, lines of output."""
    import time
    began = time.monotonic()
    out = open(ROOT / "target/bench/out", "wb")
    child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    out.close()
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss


def ours(args, rules, events, routing):
    return [args.xuedun, "detect", "--rules", rules, "--input", events, "--json"] + ([] if routing else ["--no-routing"])


def theirs(args, rules, events, routing):
    return [args.rsigma, "engine", "eval", "-r", rules, "-e", f"@{events}"] + (["--logsource-routing"] if routing else [])


def measure(commands, empty, events, rounds):
    """For each command its best rate per CPU second, wall rate, memory and load time; interleaved."""
    best = [None] * len(commands)
    for _ in range(rounds):
        for at, (command, idle) in enumerate(zip(commands, empty)):
            load, load_wall, _ = run(idle)
            cpu, wall, memory = run(command)
            found = {"load": load, "cpu": events / max(cpu - load, 1e-9), "wall": events / max(wall - load_wall, 1e-9), "rss": memory / 1024}
            have = best[at] or found
            best[at] = {
                "load": min(have["load"], found["load"]), "cpu": max(have["cpu"], found["cpu"]),
                "wall": max(have["wall"], found["wall"]), "rss": max(have["rss"], found["rss"]),
            }
    return best


def instructions(command):
    file = ROOT / "target/bench/callgrind.out"
    subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", *map(str, command)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return int(next(line.split()[1] for line in open(file) if line.startswith(("summary:", "totals:"))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--xuedun", default=ROOT / "target/release/xuedun")
    parser.add_argument("--rsigma", default=shutil.which("rsigma"))
    parser.add_argument("--json-limit")
    parser.add_argument("--events", type=int, default=250_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lanes", default="lean,mixed,full")
    parser.add_argument("--callgrind", action="store_true")
    args = parser.parse_args()
    work = ROOT / "target/bench"
    work.mkdir(parents=True, exist_ok=True)
    rules = make_rules(work)
    none = work / "none.jsonl"
    none.write_text("")
    print("| lane | rules | routing | ours/s (CPU) | rsigma/s (CPU) | ratio | wall ratio | ours MB | rsigma MB | ours load s | rsigma load s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for lane in args.lanes.split(","):
        events = work / f"{lane}-{args.events}.jsonl"
        if not events.exists():
            make_lane(events, lane, args.events)
        for routing in (True, False):
            for size in ("all", "tenth", "tenfold"):
                sides = [ours, theirs] if args.rsigma and size == "all" else [ours]
                commands = [side(args, rules[size], events, routing) for side in sides]
                empty = [side(args, rules[size], none, routing) for side in sides]
                found = measure(commands, empty, args.events, args.rounds)
                us, peer = found[0], (found[1] if len(found) > 1 else None)
                cell = lambda key, form: form.format(peer[key]) if peer else "–"
                ratio = lambda key: f"{us[key] / peer[key]:.1f}" if peer else "–"
                print(f"| {lane} | {size} | {'yes' if routing else 'no'} | {us['cpu']:,.0f} | {cell('cpu', '{:,.0f}')} | {ratio('cpu')} | {ratio('wall')} "
                      f"| {us['rss']:.0f} | {cell('rss', '{:.0f}')} | {us['load']:.2f} | {cell('load', '{:.2f}')} |", flush=True)
        if args.json_limit:
            print(subprocess.run([args.json_limit, "--", events], capture_output=True, text=True).stdout.strip())
        if args.callgrind:
            few = work / f"{lane}-few.jsonl"
            with open(events, encoding="utf-8") as file, open(few, "w", encoding="utf-8") as out:
                for at, line in enumerate(file):
                    if at % 25 == 0:
                        out.write(line)
            count = sum(1 for _ in open(few, encoding="utf-8"))
            for routing in (True, False):
                for name, side in (("ours", ours), ("rsigma", theirs)):
                    if name == "rsigma" and not args.rsigma:
                        continue
                    per = (instructions(side(args, rules["all"], few, routing)) - instructions(side(args, rules["all"], none, routing))) / count
                    print(f"{lane}: routing {routing}, {name}: {per:,.0f} instructions per event", flush=True)


if __name__ == "__main__":
    sys.exit(main())
