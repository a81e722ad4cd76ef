"""Writes each fenced block of VERIFY.md, as it stands, to a file: steps.py VERIFY.md FOLDER"""
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
for i, (kind, body) in enumerate(re.findall(r"```(sh|python)\n(.*?)```", text, re.S)):
    open(f"{sys.argv[2]}/{i}.{kind}", "w", encoding="utf-8").write(body)
