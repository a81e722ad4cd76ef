"""Presidio's pattern recognisers, without a language model, over the rows of `benches/records.rs`.

    python3 -m venv peer && peer/bin/pip install presidio-analyzer
    XUEDUN_PEER_PYTHON=$PWD/peer/bin/python cargo bench -p compliance --bench records -- 1000000

The bench runs it over its own file; by hand: `python benches/records_peer.py FILE.csv [ROWS]`.
Prints MB/s of CPU time.
"""
import csv
import importlib.metadata
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
version = importlib.metadata.version("presidio-analyzer")
print(f"Presidio {version}, {len(recognisers)} recognisers, {len(rows)} rows, {size / 1e6:.2f} MB, {spent:.2f} CPU s, {size / 1e6 / spent:.3f} MB/s, {hits} hits")
