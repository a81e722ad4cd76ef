use super::*;

struct Fixture {
    book: AccountBook,
    _dir: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let state = Arc::new(State::open(dir.path()).unwrap().state);
    let random = Arc::new(ring::rand::SystemRandom::new());
    let book = AccountBook::open(state, Seal::new(&[1; 32]), random).unwrap();
    book.create(
        NewAccount {
            name: "li.na".into(),
            display_name: "李娜".into(),
            role: Role::Analyst,
            lang: Lang::Zh,
        },
        at(0),
    )
    .unwrap();
    Fixture { book, _dir: dir }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + secs)
}

fn secret(text: &str) -> Sensitive<String> {
    Sensitive::new(text.into())
}

fn enter(f: &Fixture) -> Caller {
    let link = f.book.one_time_link("li.na", at(0)).unwrap();
    let token = f.book.login_once(link.reveal(), at(1)).unwrap();
    assert!(matches!(f.book.login_once(link.reveal(), at(2)), Err(Error::BadCredentials)));
    f.book.caller(token.reveal(), at(2)).unwrap().unwrap()
}

#[test]
fn a_link_works_once_and_not_too_late() {
    let f = fixture();
    enter(&f);
    let link = f.book.one_time_link("li.na", at(0)).unwrap();
    let late = at(60 * limits::ONE_TIME_LINK_MINUTES as i64 + 1);
    assert!(matches!(f.book.login_once(link.reveal(), late), Err(Error::BadCredentials)));
}

#[test]
fn sessions_end_when_idle_and_when_old() {
    let f = fixture();
    let link = f.book.one_time_link("li.na", at(0)).unwrap();
    let token = f.book.login_once(link.reveal(), at(0)).unwrap();
    let mut t = 0;
    while t < 3600 * limits::SESSION_HOURS as i64 {
        assert!(f.book.caller(token.reveal(), at(t)).unwrap().is_some(), "{t}");
        t += 600;
    }
    assert!(f.book.caller(token.reveal(), at(t + 600)).unwrap().is_none(), "too old");
    let link = f.book.one_time_link("li.na", at(0)).unwrap();
    let token = f.book.login_once(link.reveal(), at(0)).unwrap();
    assert!(f.book.caller(token.reveal(), at(901)).unwrap().is_none(), "idle");
}

#[test]
fn five_failures_lock_for_a_while() {
    let f = fixture();
    let caller = enter(&f);
    f.book.set_password(&caller, &secret(""), &secret("Qingxi-2026-spring")).unwrap();
    for n in 0..4 {
        let e = f.book.login("li.na", &secret("wrong"), None, at(10 + n)).unwrap_err();
        assert!(matches!(e, Error::BadCredentials));
    }
    let e = f.book.login("li.na", &secret("wrong"), None, at(20)).unwrap_err();
    assert!(matches!(e, Error::Locked));
    let right = secret("Qingxi-2026-spring");
    assert!(matches!(f.book.login("li.na", &right, None, at(21)), Err(Error::Locked)));
    let later = at(21 + 60 * limits::LOCK_MINUTES as i64);
    assert!(f.book.login("li.na", &right, None, later).is_ok());
    assert!(matches!(f.book.login("nobody", &right, None, later), Err(Error::BadCredentials)));
}

#[test]
fn a_code_of_the_second_factor_works_once() {
    let f = fixture();
    let caller = enter(&f);
    let right = secret("Qingxi-2026-spring");
    f.book.set_password(&caller, &secret(""), &right).unwrap();
    let (key, uri) = f.book.propose_totp(&caller).unwrap();
    assert!(uri.starts_with("otpauth://totp/Xuedun:li.na?secret="));
    let code = |t: Timestamp| totp::code_at(key.reveal(), t.secs() as u64 / 30);
    f.book.enrol_totp(&caller, &key, &code(at(0)), at(0)).unwrap();
    assert!(matches!(f.book.login("li.na", &right, None, at(60)), Err(Error::CodeNeeded)));
    let now = at(90);
    f.book.login("li.na", &right, Some(&code(now)), now).unwrap();
    let again = f.book.login("li.na", &right, Some(&code(now)), now);
    assert!(matches!(again, Err(Error::BadCredentials)), "a code works once");
}

#[test]
fn an_assessor_is_out_after_the_day() {
    let f = fixture();
    let role = Role::Assessor { until: at(100) };
    let new =
        NewAccount { name: "assessor".into(), display_name: "测评".into(), role, lang: Lang::Zh };
    f.book.create(new, at(0)).unwrap();
    let link = f.book.one_time_link("assessor", at(0)).unwrap();
    let token = f.book.login_once(link.reveal(), at(50)).unwrap();
    assert!(f.book.caller(token.reveal(), at(99)).unwrap().is_some());
    assert!(f.book.caller(token.reveal(), at(101)).unwrap().is_none());
}
