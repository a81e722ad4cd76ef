use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::{EventId, ExerciseId, SiteId, Timestamp, Value, field};

use super::super::tests::{A, B, Store, ask, event, many, store, table};
use super::super::{QueryError, Scope, Stopped};
use super::{SqlError, SqlRequest, SqlResult, query};
use crate::limits;

fn request(sql: &str) -> SqlRequest {
    SqlRequest {
        sql: sql.to_owned(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope: Scope::All,
        include_exercise: false,
        rows_max: 1_000,
        memory_bytes: limits::SQL_MEMORY_BYTES,
        deadline: None,
    }
}

fn run(store: &Store, request: &SqlRequest) -> Result<SqlResult, QueryError> {
    match query(&store.journal, &store.archive, request, &AtomicBool::new(false)) {
        Ok(result) => Ok(result),
        Err(SqlError::Statement(error)) => Err(error),
        Err(SqlError::Store(error)) => panic!("{error}"),
    }
}

fn rows(store: &Store, sql: &str) -> Vec<Vec<String>> {
    run(store, &request(sql)).unwrap_or_else(|e| panic!("{sql}: {e:?}")).rows
}

fn code(store: &Store, sql: &str) -> &'static str {
    run(store, &request(sql)).expect_err(sql).code
}

#[test]
fn counts_equal_those_of_the_search() {
    for archived in [0, 1, 30, 60] {
        let store = store(&many(), archived);
        for (search, sql) in [
            (
                "* | count by user.name",
                "SELECT user.name, count(*) FROM events GROUP BY user.name \
                 ORDER BY count(*) DESC, user.name",
            ),
            (
                "source.ip:10.0.1.* source.port:>1020 | count by site sensor",
                "SELECT site, sensor, count(*) n FROM events WHERE source.ip LIKE '10.0.1.%' \
                 AND source.port > 1020 GROUP BY site, sensor ORDER BY n DESC, site, sensor",
            ),
            (
                "\"for bob\" | count by native.list",
                "SELECT field(fields, 'native.list') AS l, count(*) n FROM events \
                 WHERE raw LIKE '%for bob%' GROUP BY l ORDER BY n DESC, l",
            ),
            ("* | count", "SELECT count(*) FROM events"),
        ] {
            let expected = table(ask(&store, search, Scope::All));
            assert!(!expected.is_empty());
            assert_eq!(rows(&store, sql), expected, "{archived} archived: {sql}");
        }
    }
}

#[test]
fn a_row_says_what_the_record_says() {
    let store = store(&many(), 30);
    for n in [3usize, 40] {
        let record = &many()[n];
        let sql = format!(
            "SELECT id, time, site, sensor, service, exercise, source.port, raw FROM events \
             WHERE id = '{}'",
            record.id
        );
        let expected = [
            record.id.to_string(),
            record.time.to_rfc3339(),
            record.site.to_string(),
            record.sensor.name().to_owned(),
            "sshd".to_owned(),
            "false".to_owned(),
            (1_000 + n).to_string(),
            record.raw_text().to_owned(),
        ];
        assert_eq!(rows(&store, &sql), [expected]);
    }
}

#[test]
fn conditions_narrow_the_walk_and_leave_the_answer_as_it_is() {
    let store = store(&many(), 60);
    let at = |n: i64| Timestamp::from_secs(1_790_000_000 + n).to_rfc3339();
    for (condition, expected, looked_at) in [
        (format!("time >= '{}' AND time < '{}'", at(20), at(23)), 3, 16),
        (format!("time BETWEEN '{}' AND '{}'", at(20), at(22)), 3, 16),
        (format!("'{}' <= time", at(58)), 2, 16),
        (format!("time = '{}'", at(58)), 1, 16),
        ("user.name = 'alice'".to_owned(), 0, 60),
        ("user.name = 'Alice'".to_owned(), 20, 60),
        ("source.ip = '10.9.9.9'".to_owned(), 0, 0),
        ("source.ip IN ('10.0.1.1', '10.0.2.2')".to_owned(), 2, 60),
        ("source.ip = '10.0.1.1' OR source.port >= 1058".to_owned(), 3, 60),
        ("NOT (user.name = 'bob') AND source.port < 1003".to_owned(), 2, 16),
        ("user.name LIKE 'A%'".to_owned(), 20, 60),
        ("user.name LIKE 'a%'".to_owned(), 0, 60),
        ("user.name ILIKE 'a%'".to_owned(), 20, 60),
        ("raw LIKE '%port 1007 登录%'".to_owned(), 1, 60),
        ("raw NOT LIKE '%port 1007 登录%'".to_owned(), 59, 60),
        ("source.port <> 1007".to_owned(), 59, 60),
        (format!("site = '{}'", SiteId::from_u64(A).unwrap()), 30, 60),
    ] {
        let sql = format!("SELECT count(*) FROM events WHERE {condition}");
        let result = run(&store, &request(&sql)).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!(result.rows, [[expected.to_string()]], "{condition}");
        assert!(result.scanned <= looked_at, "{condition}: {} looked at", result.scanned);
    }
}

#[test]
fn scope_exercises_and_time_hold_whatever_the_statement_says() {
    let mut all = many();
    let mut drill = event(60, A, "root", 1);
    drill.exercise = Some(ExerciseId::from_u128(5));
    all.push(drill);
    for archived in [0, 61] {
        let store = store(&all, archived);
        let own = Scope::Sites([SiteId::from_u64(A).unwrap()].into());
        let other = SiteId::from_u64(B).unwrap();
        let count = |sql: String, exercises: bool| {
            let request =
                SqlRequest { scope: own.clone(), include_exercise: exercises, ..request(&sql) };
            run(&store, &request).unwrap().rows[0][0].clone()
        };
        let all = || "SELECT count(*) FROM events".to_owned();
        assert_eq!((count(all(), false), count(all(), true)), ("30".into(), "31".into()));
        assert_eq!(count(format!("{} WHERE site = '{other}' OR true", all()), false), "30");
        assert_eq!(count(format!("{} WHERE site = '{other}'", all()), false), "0");
        let joined = "SELECT count(*) FROM events a JOIN events b ON a.id = b.id".to_owned();
        assert_eq!(count(joined, false), "30");
        let to = Timestamp::from_secs(1_790_000_010);
        let request = SqlRequest { to, ..request("SELECT count(*) FROM events") };
        assert_eq!(run(&store, &request).unwrap().rows, [["10"]]);
    }
}

#[test]
fn nothing_but_the_table_can_be_read() {
    let store = store(&many(), 30);
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM 'file:///etc/passwd.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM generate_series(1, 1000000000)",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM datafusion.public.other",
        "SELECT nothing FROM events",
        "SELECT nothing(id) FROM events",
        "WITH t AS (SELECT 1) SELECT * INTO u FROM t",
    ] {
        let code = code(&store, sql);
        assert!(matches!(code, "Q020" | "Q021" | "Q022"), "{sql}: {code}");
    }
    for sql in ["COPY events TO '/tmp/x'", "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'"] {
        assert_eq!(code(&store, sql), "Q021");
    }
}

#[test]
fn an_unknown_column_is_told_with_its_place() {
    let store = store(&many(), 30);
    let sql = "SELECT id\nFROM events WHERE sourceip = 'x'";
    let error = run(&store, &request(sql)).unwrap_err();
    assert_eq!((error.code, &sql[error.span.clone()]), ("Q022", "sourceip"), "{error:?}");
    let error = run(&store, &request("SELECT 1 / (source.port - 1000) FROM events"));
    assert_eq!(error.unwrap_err().code, "Q025");
}

#[test]
fn rows_and_memory_are_bounded() {
    let store = store(&many(), 30);
    let five = SqlRequest { rows_max: 5, ..request("SELECT id FROM events") };
    let result = run(&store, &five).unwrap();
    assert_eq!((result.rows.len(), result.more), (5, true));
    let result = run(&store, &request("SELECT id FROM events LIMIT 5")).unwrap();
    assert_eq!((result.rows.len(), result.more), (5, false));
    let sql = "SELECT count(DISTINCT a.raw || b.raw || c.id) FROM events a, events b, events c";
    let small = SqlRequest { memory_bytes: 1 << 20, ..request(sql) };
    assert_eq!(run(&store, &small).unwrap_err().code, "Q023");
}

#[test]
fn a_deadline_gives_what_was_seen_and_ends_what_goes_on() {
    let store = store(&many(), 60);
    let now = Some(Instant::now());
    let late = SqlRequest { deadline: now, ..request("SELECT count(*) FROM events") };
    let result = run(&store, &late).unwrap();
    assert_eq!(result.stopped, Some(Stopped::Deadline));
    assert_eq!(result.rows, [["0"]], "nothing was looked at");
    let cancelled = AtomicBool::new(true);
    let endless = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) \
                   SELECT max(n) FROM t";
    let error = query(&store.journal, &store.archive, &request(endless), &cancelled);
    let Err(SqlError::Statement(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.code, "Q024");
    let ten = |name: &str| format!("(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)) {name}(n)");
    let lists: Vec<String> = ('a'..='l').map(|name| ten(&name.to_string())).collect();
    let product = format!("SELECT count(*) FROM {} WHERE a.n + l.n < b.n", lists.join(", "));
    let deadline = Some(Instant::now() + Duration::from_millis(200));
    let error = run(&store, &SqlRequest { deadline, ..request(&product) }).unwrap_err();
    assert_eq!(error.code, "Q024");
}

#[test]
fn a_statement_that_is_all_nesting_is_answered_or_refused() {
    let store = store(&many(), 30);
    let ors = vec!["source.port=1"; limits::SQL_TOKENS_MAX / 6 - 10].join(" OR ");
    assert_eq!(rows(&store, &format!("SELECT id FROM events WHERE {ors}")).len(), 0);
    let sums = vec!["1"; limits::SQL_TOKENS_MAX / 2 - 2].join("+");
    assert_eq!(rows(&store, &format!("SELECT {sums}")).len(), 1);
    let deep = format!("SELECT {}1{}", "(".repeat(400), ")".repeat(400));
    assert_eq!(code(&store, &deep), "Q020");
    let not = format!("SELECT id FROM events WHERE {} true", "NOT ".repeat(900));
    assert_eq!(code(&store, &not), "Q020");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let store = store(&many(), 60);
    let file = &store.archive.files()[0];
    let mut bytes = std::fs::read(store.archive.path(file)).unwrap();
    bytes[8..200].fill(0xff);
    std::fs::write(store.archive.path(file), bytes).unwrap();
    let result =
        run(&store, &request("SELECT count(DISTINCT raw), count(DISTINCT id) FROM events"));
    assert_eq!(result.unwrap().unreadable, std::slice::from_ref(&file.name));
    std::fs::remove_file(store.archive.path(file)).unwrap();
    let result = run(&store, &request("SELECT count(*) FROM events")).unwrap();
    assert_eq!((result.unreadable, result.rows), (vec![file.name.clone()], vec![vec!["0".into()]]));
}

#[test]
fn values_beside_the_columns_are_found_by_name() {
    let mut odd = event(1, A, "root", 7);
    odd.push_named("Native.Port", Value::Int(42));
    odd.push(field::USER_NAME, Value::Str("second"));
    odd.id = EventId::from_u128(99);
    for archived in [0, 1] {
        let store = store(&[odd.clone()], archived);
        let sql = "SELECT field(fields, 'Native.Port'), field(fields, 'user.name'), \
                   field(fields, 'none'), user.name FROM events";
        assert_eq!(rows(&store, sql), [["42", "second", "", "root"]]);
    }
}
