"""Presidio's pattern recognisers, without a language model, over the rows `benches/records.rs` uses.

    pip install presidio-analyzer
    python benches/records_peer.py FILE.csv [ROWS]

Prints MB/s of CPU time, to stand beside the figures of the bench in the same session.
"""
import csv
import sys
import time

import presidio_analyzer.predefined_recognizers as predefined

NAMES = ["CreditCard", "Email", "Ip", "Phone", "Iban", "Date", "Url", "Crypto"]
recognisers = [getattr(predefined, f"{name}Recognizer")() for name in NAMES]
limit = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = [row for _, row in zip(range(limit + 1), csv.reader(file))][1:]
size = sum(len(",".join(row).encode()) + 1 for row in rows)
start = time.process_time()
hits = 0
for row in rows:
    for cell in row:
        for recogniser in recognisers:
            hits += len(recogniser.analyze(cell, recogniser.supported_entities, None) or [])
spent = time.process_time() - start
print(f"{len(rows)} rows, {size / 1e6:.2f} MB, {spent:.2f} CPU s, {size / 1e6 / spent:.3f} MB/s, {hits} hits")
