//! What stands behind `field:` — a text with wildcards, a number's range, an address range, and for
//! `time` a moment or a range of them.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use events::Timestamp;
use events::field::ColumnKind;
use events::time::BEIJING_OFFSET_SECS;

use super::QueryError;
use super::expr::{Expr, Pattern, Place, Test, cidr};
use super::parse::error;

/// One condition: `value`, `wild*`, `>5`, `<=5`, `5..9`, `5..`, `10.0.0.0/8`, `*`; of `time` also
/// `2026-11-28`, `>=2026-11-28T08:00`, `2026-11-28T08..2026-11-28T09`.
pub(super) fn condition(
    place: Place,
    value: &str,
    span: &Range<usize>,
) -> Result<Expr, QueryError> {
    if place == Place::Time && value != "*" && !value.contains(['*', '?']) {
        return when(value, span);
    }
    let test = test(value, span)?;
    let address = matches!(place, Place::Field(f) if f.column().is_some_and(|c| c.kind == ColumnKind::Address));
    match &test {
        Test::Fits(_) if address && value.contains('/') => {
            let (zh, en) = ("网段应如 10.1.0.0/16", "an address range is such as 10.1.0.0/16");
            Err(error("Q018", span.clone(), zh, en))
        }
        Test::Between { low: Some((low, _)), high: Some((high, _)) } if low > high => {
            Err(backwards(span))
        }
        _ => Ok(Expr::Is(place, test)),
    }
}

fn backwards(span: &Range<usize>) -> QueryError {
    let (zh, en) = ("范围的下限大于上限", "the range ends before it begins");
    error("Q017", span.clone(), zh, en)
}

fn test(value: &str, span: &Range<usize>) -> Result<Test, QueryError> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite());
    let bound = |text: &str, with: bool| {
        let number = number(text).map(|n| Some((n, with)));
        number.ok_or_else(|| error("Q015", span.clone(), "此处应为数字", "a number is expected"))
    };
    if value.is_empty() {
        return Err(error("Q007", span.clone(), "冒号后缺少取值", "a value is missing"));
    }
    if value == "*" {
        return Ok(Test::Exists);
    }
    if let Some((sign, rest)) = signed(value) {
        let with = sign.ends_with('=');
        return Ok(match sign.starts_with('>') {
            true => Test::Between { low: bound(rest, with)?, high: None },
            false => Test::Between { low: None, high: bound(rest, with)? },
        });
    }
    if let Some((low, high)) = value.split_once("..") {
        let (from, to) = (number(low).map(|n| (n, true)), number(high).map(|n| (n, true)));
        let open = |text: &str, bound: Option<_>| bound.is_some() || text.is_empty();
        if (from.is_some() || to.is_some()) && open(low, from) && open(high, to) {
            return Ok(Test::Between { low: from, high: to });
        }
        if low.parse::<IpAddr>().is_ok() && high.parse::<IpAddr>().is_ok() {
            let (zh, en) = ("地址范围请写成网段，如 10.1.0.0/16", "write addresses as 10.1.0.0/16");
            return Err(error("Q018", span.clone(), zh, en));
        }
    }
    Ok(cidr(value).unwrap_or_else(|| Test::Fits(Pattern::wild(value))))
}

/// The comparison that a value begins with, and the rest.
fn signed(value: &str) -> Option<(&'static str, &str)> {
    let signs = [">=", "<=", ">", "<"].into_iter();
    signs.filter_map(|sign| Some((sign, value.strip_prefix(sign)?))).next()
}

/// When a record must have happened.
fn when(value: &str, span: &Range<usize>) -> Result<Expr, QueryError> {
    let moment = |text: &str| {
        moment(text).ok_or_else(|| {
            let zh = "时间如 2026-11-28、2026-11-28T08:30、2026-11-28T08:30:00+08:00";
            let en = "a time is such as 2026-11-28, 2026-11-28T08:30, 2026-11-28T08:30:00+08:00";
            error("Q016", span.clone(), zh, en)
        })
    };
    let always = Timestamp::MIN..Timestamp::MAX;
    let range = if let Some((sign, rest)) = signed(value) {
        let Range { start, end } = moment(rest)?;
        match sign {
            ">=" => start..always.end,
            ">" => end..always.end,
            "<=" => always.start..end,
            _ => always.start..start,
        }
    } else if let Some((low, high)) = value.split_once("..") {
        let from = if low.is_empty() { always.start } else { moment(low)?.start };
        let to = if high.is_empty() { always.end } else { moment(high)?.end };
        if from >= to {
            return Err(backwards(span));
        }
        from..to
    } else {
        moment(value)?
    };
    Ok(Expr::When(range))
}

/// When a time begins that is written as in a query: a day, hour, minute, second or instant, with a
/// space for the `T` if need be, in Beijing time if it names no offset.
pub fn instant(text: &str) -> Option<Timestamp> {
    Some(moment(text.trim())?.start)
}

/// A day, hour, minute, second or instant as written, from its begin to before its end; in Beijing
/// time if it does not say otherwise.
fn moment(text: &str) -> Option<Range<Timestamp>> {
    let (day, rest) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone)?;
    let (more, unit) = match clock.len() {
        0 if rest.is_empty() => ("00:00:00", Duration::from_secs(86_400)),
        2 => (":00:00", Duration::from_secs(3_600)),
        5 => (":00", Duration::from_secs(60)),
        8 => ("", Duration::from_secs(1)),
        10.. => ("", Duration::from_nanos(1)),
        _ => return None,
    };
    let local = format!("{day}T{clock}{more}");
    let start = match zone {
        "" => Timestamp::parse_local(&local, BEIJING_OFFSET_SECS),
        zone => Timestamp::parse_rfc3339(&format!("{local}{zone}")),
    };
    let start = start.ok()?;
    Some(start..start.plus(unit))
}

#[cfg(test)]
mod tests {
    use super::super::Query;
    use super::super::tests::{ask, many, store, table};
    use super::super::{QueryError, Scope};

    fn refused(text: &str) -> QueryError {
        Query::parse(text).unwrap_err()
    }

    #[test]
    fn a_time_is_a_moment_or_a_range_of_them() {
        // Sixty records, one a second from 14:13:20 UTC on: 22:13:20 in Beijing.
        for archived in [0, 25, 60] {
            let store = store(&many(), archived);
            let count = |q: &str| ask(&store, q, Scope::All).matched;
            assert_eq!(count("time:2026-09-21"), 60);
            assert_eq!(count("time:2026-09-20"), 0);
            assert_eq!(count("time:2026-09-21T22"), 60);
            assert_eq!(count("time:2026-09-21T22:13"), 40);
            assert_eq!(count("time:2026-09-21T14:13"), 0);
            assert_eq!(count("time:2026-09-21T14:13Z"), 40, "an offset counts");
            assert_eq!(count("time:2026-09-21T14:13:20Z"), 1);
            assert_eq!(count("time:\"2026-09-21T22:13:20+08:00\""), 1);
            assert_eq!(count("time:\"2026-09-21 22:13:20\""), 1, "a space for the T");
            assert_eq!(count("time:2026-09-21T22:13:20.5"), 0);
            assert_eq!(count("time:>2026-09-21T22:13"), 20, "after that minute");
            assert_eq!(count("time:>=2026-09-21T22:13"), 60);
            assert_eq!(count("time:<2026-09-21T22:14"), 40);
            assert_eq!(count("time:<=2026-09-21T22:14"), 60);
            assert_eq!(count("time:2026-09-21T22:13:20..2026-09-21T22:13:29"), 10, "both ends");
            assert_eq!(count("@timestamp:2026-09-21T22:14.."), 20);
            assert_eq!(count("NOT time:..2026-09-21T22:13"), 20);
            assert_eq!(count("time:2026-09-21T22:13:2*"), 10, "as text, with wildcards");
            assert_eq!(count("time:(2026-09-21T22:13:20 OR 2026-09-21T22:13:22)"), 2);
            assert_eq!(count("time:*"), 60);
        }
    }

    #[test]
    fn a_range_may_be_open() {
        let store = store(&many(), 25);
        let count = |q: &str| ask(&store, q, Scope::All).matched;
        assert_eq!(count("source.port:1050.."), 10);
        assert_eq!(count("source.port:..1009"), 10);
        assert_eq!(count("user.name:.."), 0, "two dots are a text");
    }

    #[test]
    fn what_could_only_be_a_mistake_is_told() {
        for (text, code, at) in [
            ("time:yesterday", "Q016", 0),
            ("a time:>=2026", "Q016", 2),
            ("time:2026-11-28..2026-11-27", "Q017", 0),
            ("source.port:9..5", "Q017", 0),
            ("source.ip:10.1.0.0/33", "Q018", 0),
            ("source.ip:10.0.0.1..10.0.0.9", "Q018", 0),
            ("a or b", "Q019", 2),
            ("a && b", "Q019", 2),
            ("not a", "Q019", 0),
            ("!user.name:root", "Q019", 0),
            ("source.port:[1 TO 5]", "Q019", 0),
        ] {
            let error = refused(text);
            assert_eq!((error.code, error.span.start), (code, at), "{text}");
        }
        for fine in ["\"or\"", "url.path:/a/b", "user.name:[x]", "source.ip:10.*", "orb !"] {
            assert!(Query::parse(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_histogram_has_its_fullest_buckets_if_asked() {
        let store = store(&many(), 60);
        let rows = |q: &str| table(ask(&store, q, Scope::All));
        assert_eq!(rows("* | histogram 1m").len(), 2);
        assert_eq!(rows("* | histogram 1m | top 1"), [["2026-09-21T22:13:00+08:00", "40"]]);
    }

    #[test]
    fn a_day_begins_at_midnight_in_beijing() {
        let mut events = many();
        for (n, event) in events.iter_mut().enumerate() {
            // 22:13:20, then 01:13:20 of the next day: both of one day in UTC.
            if n >= 25 {
                event.time = event.time.plus(std::time::Duration::from_secs(3 * 3_600));
            }
        }
        for archived in [0, 40, 60] {
            let store = store(&events, archived);
            let rows = |q: &str| table(ask(&store, q, Scope::All));
            let days = [["2026-09-21T00:00:00+08:00", "25"], ["2026-09-22T00:00:00+08:00", "35"]];
            assert_eq!(rows("* | histogram 1d"), days);
            assert_eq!(rows("time:2026-09-22 | count"), [["35"]]);
            assert_eq!(rows("* | histogram 12h")[0][0], "2026-09-21T12:00:00+08:00");
            assert_eq!(rows("* | table time | head 1"), [["2026-09-22T01:14:19+08:00"]]);
        }
        assert_eq!(super::instant("2026-09-22"), super::instant("2026-09-21T16:00Z"));
        assert_eq!(super::instant(" 2026-09-22 08:30 "), super::instant("2026-09-22T00:30:00Z"));
        assert_eq!(super::instant("tomorrow"), None);
    }
}
