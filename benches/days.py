#!/usr/bin/env python3
"""Makes an archive of many days out of one of a day, for `search`: every file under as many names, the list's
times and sequence numbers moved on by a day each time. The rows keep their times, so ask it only what
reads no rows: counts and histograms that the list and the counts by minute answer.

    benches/days.py DAY DAYS OUT        # folders as `cargo bench -p store --bench search` makes them
"""

import copy
import datetime
import json
import os
import sys


def moved(time, days):
    """An RFC 3339 time in UTC, so many days later; the digits of its second stay."""
    whole, rest = time[:19], time[19:]
    later = datetime.datetime.fromisoformat(whole) + datetime.timedelta(days=days)
    return later.isoformat() + rest


def main():
    day, days, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with open(f"{day}/archive/manifest.json", encoding="utf-8") as text:
        listed = json.load(text)
    step = listed["archived_through"]
    files = []
    for number in range(days):
        for file in copy.deepcopy(listed["files"]):
            old = f"{day}/archive/{file['name']}"
            for key in ("hour", "time_min", "time_max", "received_max"):
                file[key] = moved(file[key], number)
            for key in ("first_seq", "last_seq"):
                file[key] += number * step
            hour, first, last = file["hour"], file["first_seq"], file["last_seq"]
            file["name"] = f"{hour[:10]}/{hour[11:13]}-{first:016}-{last:016}.parquet"
            new = f"{out}/archive/{file['name']}"
            os.makedirs(os.path.dirname(new), exist_ok=True)
            os.link(old, new)
            files.append(file)
    listed.update(files=files, archived_through=days * step, dropped=[])
    with open(f"{out}/archive/manifest.json", "w", encoding="utf-8") as text:
        json.dump(listed, text)


main()
