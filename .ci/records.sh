#!/usr/bin/env bash
# Student records in files of every kind as other programs write them, large ones in bounded memory; and
# files that are broken, damaged, or not for this key: a named error, no output, nothing revealed.
# Packages: python3-venv jq.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
XUEDUN=$(cd "$ROOT" && realpath "$XUEDUN")
cd "$WORK"
X=("$XUEDUN" --lang en)
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check openpyxl==3.1.5 xlsxwriter==3.2.0 pyarrow || { fail "writers of XLSX and Parquet from the package index"; finish; exit 1; }

# code NAME CODE EXIT COMMAND...: the command ends with EXIT, tells CODE, and leaves no out.csv.
code() {
    local name=$1 code=$2 exit=$3 rc=0
    shift 3
    rm -f out.csv*
    "$@" </dev/null >out 2>err || rc=$?
    if [ "$rc" = "$exit" ] && grep -q "$code" err && [ -z "$(compgen -G 'out.csv*')" ]; then pass "$name ($code)"; else
        fail "$name" "exit $rc, $(head -c 300 err) $(compgen -G 'out.csv*')"
    fi
    equal "$name: nothing revealed" 0 "$(cat out err | grep -cE '13800138[0-9]{3}|张三丰' || true)"
}

# --- one table of 500 pupils, written by other programs in every form it comes in
cat >table.py <<'P'
import csv, json, random, sys
r = random.Random(11)
W, C = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), '10X98765432'
HEAD = ['姓名', '身份证件号', '手机号', '家庭住址', '备注']
def row(i):
    b = f"330106{r.randint(2008, 2016)}{r.randint(1, 12):02}{r.randint(1, 28):02}{i % 1000:03}"
    ident = b + C[sum(int(d) * w for d, w in zip(b, W)) % 11]
    name = r.choice('王李张刘陈杨') + r.choice('伟芳娜敏静强') + r.choice('洋艳勇杰涛明')
    return [name, ident, f"138{r.randint(0, 10**8 - 1):08}", f"浙江省杭州市西湖区文三路{r.randint(1, 300)}号", f'说"好",第{i}次\n另行']
if __name__ == '__main__':
    import openpyxl, pyarrow as pa, pyarrow.parquet as pq, xlsxwriter
    rows = [row(i) for i in range(500)]
    def text(delimiter=',', quoting=csv.QUOTE_MINIMAL, end='\r\n'):
        import io
        out = io.StringIO(newline='')
        w = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
        w.writerow(HEAD); w.writerows(rows)
        return out.getvalue()
    for name, body in {
        'utf8.csv': text().encode(), 'bom.csv': text().encode('utf-8-sig'), 'gb.csv': text().encode('gb18030'),
        'le.csv': text().encode('utf-16'), 'be.csv': b'\xfe\xff' + text().encode('utf-16-be'), 'nobom.tsv': text('\t').encode('utf-16-le'),
        'tab.tsv': text('\t', end='\n').encode('gbk'), 'semicolon.csv': text(';', csv.QUOTE_ALL).encode(), 'bar.txt': text('|', end='\n').encode(),
        'lines.jsonl': '\n'.join(json.dumps(dict(zip(HEAD, x)), ensure_ascii=False) for x in rows).encode(),
        'escaped.ndjson': '\n'.join(json.dumps(dict(zip(HEAD, x))) for x in rows).encode('utf-8-sig'),
    }.items():
        open(name, 'wb').write(body)
    book = openpyxl.Workbook(); sheet = book.active
    for x in [HEAD, *rows]: sheet.append(x)
    book.create_sheet('空'); book.save('openpyxl.xlsx')
    for name, inline in ('inline.xlsx', True), ('shared.xlsx', False):
        book = xlsxwriter.Workbook(name, {'constant_memory': inline}); sheet = book.add_worksheet()
        for i, x in enumerate([HEAD, *rows]): sheet.write_row(i, 0, x)
        book.close()
    columns = {h: [x[i] for x in rows] for i, h in enumerate(HEAD)}
    pq.write_table(pa.table(columns), 'snappy.parquet', row_group_size=100)
    pq.write_table(pa.table(columns), 'zstd.parquet', compression='zstd', use_dictionary=False)
    pq.write_table(pa.table(columns), 'gzip.parquet', compression='gzip', data_page_version='2.0')
P
venv/bin/python table.py
found() { "${X[@]}" classify "$1" --json | jq -c 'if (.column | test("[.]")) then .column |= sub("^.*[.]"; "") else . end | [.column, .element, .grade, .rows, .hits]'; }
found utf8.csv >wanted
equal "every id of the table is found" '500 500' "$(jq -r 'select(.[1] == "id_number") | "\(.[3]) \(.[4])"' wanted)"
for file in bom.csv gb.csv le.csv be.csv nobom.tsv tab.tsv semicolon.csv bar.txt lines.jsonl escaped.ndjson openpyxl.xlsx inline.xlsx shared.xlsx snappy.parquet zstd.parquet gzip.parquet; do
    if found "$file" >got 2>err && cmp -s wanted got; then pass "$file says what the UTF-8 CSV says"; else fail "$file says what the UTF-8 CSV says" "$(head -c 200 err) $(diff wanted got | head -4)"; fi
done
equal "a sample of a workbook" 100 "$("${X[@]}" classify openpyxl.xlsx --sample 100 --json | jq -r 'select(.column | endswith("手机号")) | .rows')"

# --- memory: large files of the kinds whose readers could hold them whole (limit 200 MB, whatever the size)
cat >large.py <<'P'
import sys, xlsxwriter
from table import HEAD, row
kind, n = sys.argv[1], int(sys.argv[2])
if kind == 'sql':
    with open('large.sql', 'w') as out:
        out.write("CREATE TABLE `student` (" + ", ".join(f"`{h}` varchar(200)" for h in HEAD) + ");\n")
        for i in range(0, n, 4000):
            out.write("INSERT INTO `student` VALUES " + ",".join("('" + "','".join(x.replace('\n', '\\n') for x in row(j)) + "')" for j in range(i, min(i + 4000, n))) + ";\n")
else:
    # Every text is in the table that cells share, as a spreadsheet program writes it.
    book = xlsxwriter.Workbook('large.xlsx', {'constant_memory': False}); sheet = book.add_worksheet()
    for i, x in enumerate([HEAD] + [row(j) for j in range(n)]): sheet.write_row(i, 0, x)
    book.close()
P
peak() { python3 -c 'import resource, subprocess, sys
rc = subprocess.run(sys.argv[1:], stdout=open("large.out", "wb")).returncode
print(rc, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)' "$@"; }
for kind in sql xlsx; do
    venv/bin/python large.py $kind 200000
    read -r rc mb < <(peak "${X[@]}" classify large.$kind --json)
    echo "large.$kind: $(($(stat -c %s large.$kind) >> 20)) MB read with $mb MB"
    if [ "$rc" = 0 ] && [ "$mb" -lt 100 ]; then pass "large.$kind in less than 100 MB"; else fail "large.$kind in less than 100 MB" "exit $rc, $mb MB"; fi
    equal "large.$kind: every row" 200000 "$(jq -r 'select(.column | endswith("手机号")) | .rows' large.out)"
done
rm -f large.xlsx large.sql

# --- workbooks that lie
venv/bin/python - <<'P'
import zipfile
def change(out, part, edit):
    with zipfile.ZipFile('shared.xlsx') as old, zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            body = old.read(item)
            new.writestr(item.filename, edit(body) if item.filename == part else body)
texts = 'xl/sharedStrings.xml'
change('count.xlsx', texts, lambda b: b.replace(b'uniqueCount="', b'uniqueCount="99999999999'))
change('bomb.xlsx', texts, lambda b: b.replace(b'</t>', b'A' * 300_000_000 + b'</t>', 1))
change('missing.xlsx', texts, lambda b: b[:b.index(b'<si>')] + b'</sst>')
change('styles.xlsx', 'xl/styles.xml', lambda b: b.replace(b'<cellXfs', b' ' * 200_000_000 + b'<cellXfs'))
open('cut.xlsx', 'wb').write(open('shared.xlsx', 'rb').read()[:9000])
P
read -r rc mb < <(peak "${X[@]}" classify count.xlsx --json)
if [ "$rc" = 0 ] && [ "$mb" -lt 100 ]; then pass "a workbook that claims 10^14 texts is read"; else fail "a workbook that claims 10^14 texts is read" "exit $rc, $mb MB"; fi
for bad in bomb missing styles cut; do code "a workbook with $bad" 'C00[16]' 4 "${X[@]}" mask "$bad.xlsx" --policy inter-agency --key mask.key --out out.csv; done
printf '姓名,手机号\n张三丰,13800138000\n' >text.xlsx
cp text.xlsx text.parquet
printf '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1张三丰' >old.xls
for bad in text.xlsx text.parquet old.xls; do code "$bad is not what its name says" C006 4 "${X[@]}" mask $bad --policy inter-agency --key mask.key --out out.csv; done
read -r rc mb < <(peak "${X[@]}" classify bomb.xlsx --json 2>/dev/null)
if [ "$rc" = 4 ] && [ "$mb" -lt 100 ]; then pass "a text of 300 MB takes no memory ($mb MB)"; else fail "a text of 300 MB takes no memory" "exit $rc, $mb MB"; fi

# --- ragged rows, NULs, a cell of 100 MB, encodings mixed in one file
printf '姓名,手机号,备注\n张三丰,13800138000\n李芳,138\x0000138001,x,多13800138002\n' >bad.csv
printf '王伟明,13800138003,杭州\n' | iconv -f utf8 -t gb18030 >>bad.csv
"${X[@]}" classify bad.csv --cells --json >cells
for at in 0,1,CN_PHONE 1,1,CN_PHONE 1,3,CN_PHONE 2,0,NAME 2,1,CN_PHONE; do
    IFS=, read -r row col type <<<"$at"
    if [ -n "$(jq -c "select(.row == $row and .col == $col and .type == \"$type\")" cells)" ]; then pass "found in row $row, column $col: $type"; else fail "found in row $row, column $col: $type"; fi
done
"${X[@]}" mask bad.csv --policy inter-agency --key mask.key --out masked.csv >/dev/null
equal "nobody is left when it is masked" 0 "$(grep -cE '138001380|张三丰|王伟明' masked.csv || true)"
code "a row with more cells than the header has no place to be sealed" C005 4 "${X[@]}" protect bad.csv --out out.csv --column 手机号 --keys k.json --root-key k.root
python3 -c 'print("备注,手机号\n" + "好" * 35000000 + ",13800138000\n无,13800138001")' >huge.csv
equal "a cell of 100 MB is searched to its bound, and what is beside it" 2 "$("${X[@]}" classify huge.csv --cells --json | jq -r 'select(.type == "CN_PHONE") | .row' | wc -l)"
code "and never cut when masked" C004 4 "${X[@]}" mask huge.csv --policy inter-agency --key mask.key --out out.csv
code "or sealed" C004 4 "${X[@]}" protect huge.csv --out out.csv --column 手机号 --keys k.json --root-key k.root

# --- dates moved: another date for everyone, each person alike in two tables, proved, or not released
printf '%s\n' 'name = "moved"' 'title = { zh = "偏移", en = "moved" }' 'purpose = { zh = "测", en = "test" }' 'k = 1' 'quasi = []' \
    'unknown = "scan"' 'shift = { days = 30, by = ["student_no", "id_number"] }' '[[rule]]' 'elements = ["birth_date"]' 'method = "date_shift"' >moved.toml
venv/bin/python - <<'P'
import csv, random
from table import row
rows, r = [row(i) for i in range(300)], random.Random(5)
with open('births.csv', 'w', newline='') as a, open('visits.csv', 'w', newline='') as b:
    a, b = csv.writer(a), csv.writer(b)
    a.writerow(['姓名', '身份证件号', '出生日期'])
    b.writerow(['学籍号', '出生日期', '备注'])
    for name, ident, *_ in rows:
        a.writerow([name, ident, f'{ident[6:10]}-{ident[10:12]}-{ident[12:14]}'])
        b.writerow(['G' + ident, f'{ident[6:10]}/{int(ident[10:12])}/{int(ident[12:14])}', r.choice(['无', '请假'])])
P
for table in births visits; do "${X[@]}" mask $table.csv --policy moved.toml --key mask.key --out $table.out.csv --json >$table.json; done
equal "every date of two tables is proved moved" "300 300" "$(jq -r '.dates_moved.cells' births.json visits.json | xargs)"
equal "by another's reading: none stays, none goes farther than 30 days, each person's are moved alike" "300 0 0 0" "$(venv/bin/python - <<'P'
import csv, datetime, re
def days(name, col):
    read = lambda path: [r[col] for r in csv.reader(open(path, encoding='utf-8-sig'))][1:]
    date = lambda text: datetime.date(*map(int, re.split('[-/]', text)))
    return [(date(b) - date(a)).days for a, b in zip(read(name + '.csv'), read(name + '.out.csv'))]
a, b = days('births', 2), days('visits', 1)
print(len(a), sum(d == 0 for d in a), sum(abs(d) > 30 for d in a), sum(x != y for x, y in zip(a, b)))
P
)"
printf '性别,出生日期\n男,2012-03-05\n' >nobody.csv
code "dates of nobody are not moved" C027 4 "${X[@]}" mask nobody.csv --policy moved.toml --key mask.key --out out.csv

# --- sealed cells: another key, cut off, and exchanged between rows, columns and datasets
printf '姓名,手机号,电话\n张三丰,13800138000,13800138009\n李芳芳,13800138001,13800138008\n' >two.csv
seal=("${X[@]}" protect two.csv --column 姓名 --column 手机号 --column 电话 --subject 姓名 --keys k.json --root-key k.root)
"${seal[@]}" --dataset a --out a.csv >/dev/null
"${seal[@]}" --dataset b --out b.csv >/dev/null
show() { "${X[@]}" reveal "$1" --out out.csv --dataset "$2" --purpose drill --keys k.json --root-key "${3:-k.root}"; }
show a.csv a >/dev/null && cmp -s out.csv two.csv && pass "sealed cells open"
printf '%064d' 7 >other.root
code "another root key" C031 4 show a.csv a other.root
python3 - <<'P'
import csv
rows = list(csv.reader(open('a.csv', encoding='utf-8')))
def save(name, edit):
    copy = [list(r) for r in rows]; edit(copy)
    csv.writer(open(name, 'w', encoding='utf-8', newline=''), lineterminator='\n').writerows(copy)
def swap(a, b):
    def edit(t): t[a[0]][a[1]], t[b[0]][b[1]] = t[b[0]][b[1]], t[a[0]][a[1]]
    return edit
save('rows.csv', swap((1, 1), (2, 1)))
save('columns.csv', swap((1, 1), (1, 2)))
def whole(t): t[1], t[2] = t[2], t[1]
save('wholerows.csv', whole)
def cut(to):
    def edit(t): t[1][1] = t[1][1][:to]
    return edit
save('cut1.csv', cut(-4)); save('cut2.csv', cut(20))
def flip(t): t[2][2] = t[2][2][:-6] + ('A' if t[2][2][-6] != 'A' else 'B') + t[2][2][-5:]
save('flip.csv', flip)
P
for change in rows columns wholerows cut1 flip; do code "cells changed: $change" C037 4 show $change.csv a; done
code "a cell cut to its head" C036 4 show cut2.csv a
code "a file of another dataset" C037 4 show b.csv a
code "a dataset that has no key" C033 4 show a.csv none
"${X[@]}" protect two.csv --whole --dataset w --out whole.sealed --keys k.json --root-key k.root >/dev/null
head -c -1 whole.sealed >short.sealed
code "a file sealed whole, its end cut off" C046 4 show short.sealed w
code "and of another dataset" 'C046' 4 show whole.sealed a
finish
