//! The control socket: how the command line talks to a node that runs. A Unix socket in the data
//! folder that only the folder's owner can open; one JSON request a connection, one JSON answer.
//!
//! Whoever can open the socket can read the data folder, so requests act as that person
//! ([`Caller::local`]); every one is in the audit log like any other.

mod ask;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::{DrillId, Lang, RevealId, SiteId, Text, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::account::{Caller, Role};
use crate::alert::AlertFilter;
use crate::centre::Centre;
use crate::error::Error;
use crate::facade::rules::ExceptionDraft;
use crate::facade::sql::SqlForm;
use crate::hunt::Often;
use crate::view::{Cursor, SearchForm};

pub use ask::ask;

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 8 << 20;
/// How long the command line waits for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// How long it waits for one that reads the whole archive.
const READ_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// What the command line may ask of a running node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Search log records.
    Search {
        /// The query.
        query: String,
        /// From when.
        from: Option<Timestamp>,
        /// Until when.
        to: Option<Timestamp>,
        /// At most this many records.
        limit: usize,
        /// Also records of exercises.
        exercises: bool,
        /// Go on behind a page that was given.
        after: Option<Cursor>,
        /// How long it may run, in milliseconds.
        deadline_ms: Option<u64>,
        /// After how long a page of records may end, in milliseconds.
        slice_ms: Option<u64>,
    },
    /// Answer an SQL statement.
    Sql {
        /// The statement.
        sql: String,
        /// From when.
        from: Option<Timestamp>,
        /// Until when.
        to: Option<Timestamp>,
        /// At most this many rows.
        limit: usize,
        /// Also records of exercises.
        exercises: bool,
        /// How long it may look at records, in milliseconds.
        deadline_ms: Option<u64>,
    },
    /// The node's figures, what is wrong with it, and its sensors.
    Status,
    /// All alert groups, closed ones and exercises too.
    Alerts,
    /// A one-time login token for an account.
    OneTimeLink {
        /// The account.
        account: String,
    },
    /// Seal everything that is durable into the archive.
    Seal,
    /// The files of the archive.
    ArchiveFiles,
    /// Read the whole archive and compare it with its list and the evidence log.
    ArchiveVerify,
    /// Copy to a folder what a backup of the archive lacks.
    ArchiveBackup {
        /// The folder.
        to: PathBuf,
    },
    /// Bring back from a backup what is missing or damaged.
    ArchiveRestore {
        /// The folder.
        from: PathBuf,
    },
    /// Load rules, pipelines and lists again.
    ReloadRules,
    /// Run rules over past events; those in force when none are given.
    Backtest {
        /// Rule files.
        sources: Vec<rules::Source>,
        /// From when.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// All exceptions.
    Exceptions,
    /// Ask for an exception.
    AddException {
        /// Who asks.
        by: String,
        /// For what.
        draft: ExceptionDraft,
    },
    /// What an exception would cover.
    PreviewException {
        /// The exception.
        draft: ExceptionDraft,
        /// From when.
        from: Timestamp,
        /// Until when.
        to: Timestamp,
    },
    /// Agree to an exception.
    ApproveException {
        /// Who agrees.
        by: String,
        /// Which.
        id: String,
    },
    /// End an exception.
    RemoveException {
        /// Who ends it.
        by: String,
        /// Which.
        id: String,
    },
    /// All saved hunts.
    Hunts,
    /// Save a query under a name.
    SaveHunt {
        /// Who saves it.
        by: String,
        /// The name.
        name: String,
        /// The query.
        query: String,
    },
    /// Remove a saved hunt.
    RemoveHunt {
        /// Who removes it.
        by: String,
        /// The name.
        name: String,
    },
    /// Draft a rule from a saved hunt.
    PromoteHunt {
        /// The name.
        name: String,
        /// From when on its count is worth an alert.
        often: Option<Often>,
    },
    /// Use up an approved reveal request.
    TakeReveal {
        /// Its ticket.
        ticket: String,
        /// The dataset it is wanted for.
        dataset: String,
    },
    /// Note how much was opened by it.
    NoteRevealed {
        /// The request.
        id: RevealId,
        /// Cells; none when it failed.
        opened: Option<u64>,
    },
    /// Note that a key store is put under the node's guard, or taken from under it; what the guard
    /// is called.
    Guard {
        /// The key store.
        store: String,
        /// Whether it is put there.
        on: bool,
    },
    /// Start a drill; only a node that runs can.
    StartDrill {
        /// Slug of its playbook.
        slug: String,
        /// The school it plays at.
        site: SiteId,
    },
    /// A drill's board; the latest one if none is named.
    Drill {
        /// The drill.
        id: Option<DrillId>,
    },
    /// A drill's after-action report as HTML.
    DrillReport {
        /// The drill.
        id: DrillId,
        /// Its language.
        lang: Lang,
    },
}

impl Request {
    const fn patience(&self) -> Duration {
        match self {
            Self::ArchiveVerify | Self::ArchiveBackup { .. } | Self::ArchiveRestore { .. } => {
                READ_WITHIN
            }
            _ => ANSWER_WITHIN,
        }
    }

    /// The query that it holds, for showing where it is wrong.
    fn query(&self) -> Option<String> {
        match self {
            Self::Search { query, .. } | Self::SaveHunt { query, .. } => Some(query.clone()),
            Self::Sql { sql, .. } => Some(sql.clone()),
            _ => None,
        }
    }

    /// Whether only a node that runs can answer.
    pub const fn needs_node(&self) -> bool {
        matches!(self, Self::StartDrill { .. })
    }
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The answer.
    Ok(Value),
    /// What went wrong.
    Error {
        /// The stable code.
        code: String,
        /// What a person reads.
        message: Text,
    },
}

/// Where the socket of a data folder is.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Answers one request. Blocks; never panics on what it is asked. A search ends with what there is
/// when `cancel` is set.
pub fn answer(centre: &Arc<Centre>, request: Request, cancel: &AtomicBool) -> Answer {
    let caller = Caller::local("local");
    let query = request.query().unwrap_or_default();
    let done = perform(centre, &caller, request, cancel);
    match done {
        Ok(value) => Answer::Ok(value),
        Err(error) => {
            Answer::Error { code: error.code().to_owned(), message: told(&error, &query) }
        }
    }
}

/// The error in both languages; of a query with its place, of a configuration with its own words.
fn told(error: &Error, query: &str) -> Text {
    let detail = match error {
        Error::Query(error) => {
            let shown = |lang| format!("\n{}", error.render(query, lang));
            Text::new(shown(Lang::Zh), shown(Lang::En))
        }
        Error::Config(config) => config.text(),
        Error::NotARule(why) => why.detail(),
        Error::Store(error) => {
            let text = format!("{} [{}]", causes(error), error.code());
            Text::new(text.clone(), text)
        }
        Error::Evidence(evidence) => crate::evidence::text(evidence),
        _ => Text::new(error.to_string(), error.to_string()),
    };
    let (zh, en) = (error.title(Lang::Zh), error.title(Lang::En));
    Text::new(format!("{zh}：{}", detail.zh), format!("{en}: {}", detail.en))
}

/// An error of the store with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn perform(
    centre: &Arc<Centre>,
    caller: &Caller,
    request: Request,
    cancel: &AtomicBool,
) -> Result<Value, Error> {
    let plain = |value: serde_json::Result<Value>| {
        value.map_err(|e| Error::Part { part: "control", message: e.to_string() })
    };
    match request {
        Request::Search { query, from, to, limit, exercises, after, deadline_ms, slice_ms } => {
            let form =
                SearchForm { query, from, to, limit, exercises, after, deadline_ms, slice_ms };
            plain(serde_json::to_value(centre.search_until(caller, &form, cancel)?))
        }
        Request::Sql { sql, from, to, limit, exercises, deadline_ms } => {
            let form = SqlForm { sql, from, to, limit, exercises, deadline_ms };
            plain(serde_json::to_value(centre.sql(caller, &form, cancel)?))
        }
        Request::Status => plain(serde_json::to_value(centre.status(caller)?)),
        Request::Alerts => {
            let filter = AlertFilter { exercises: true, ..AlertFilter::default() };
            plain(serde_json::to_value(centre.all_alerts(caller, &filter)?))
        }
        Request::OneTimeLink { account } => {
            Ok(Value::String(centre.one_time_link(&account)?.into_inner()))
        }
        Request::Seal => Ok(Value::from(centre.seal_all()?)),
        Request::ArchiveFiles => plain(serde_json::to_value(centre.archive_files(caller)?)),
        Request::ArchiveVerify => plain(serde_json::to_value(centre.check_archive(caller)?)),
        Request::ArchiveBackup { to } => {
            Ok(Value::from(centre.back_up_archive(&keeper(caller), &to)?))
        }
        Request::ArchiveRestore { from } => {
            plain(serde_json::to_value(centre.restore_archive(&keeper(caller), &from)?))
        }
        Request::ReloadRules => Ok(Value::from(centre.reload_rules(caller)?)),
        Request::Backtest { sources, from, to } => {
            plain(serde_json::to_value(centre.backtest(caller, &sources, from, to)?))
        }
        Request::Exceptions => plain(serde_json::to_value(centre.exceptions(caller)?)),
        Request::AddException { by, draft } => {
            plain(serde_json::to_value(centre.add_exception(&Caller::local(&by), &draft)?))
        }
        Request::PreviewException { draft, from, to } => {
            plain(serde_json::to_value(centre.preview_exception(caller, &draft, from, to)?))
        }
        Request::ApproveException { by, id } => {
            plain(serde_json::to_value(centre.approve_exception(&Caller::local(&by), &id)?))
        }
        Request::RemoveException { by, id } => {
            centre.remove_exception(&Caller::local(&by), &id)?;
            Ok(Value::Null)
        }
        Request::Hunts => plain(serde_json::to_value(centre.hunts(caller)?)),
        Request::SaveHunt { by, name, query } => {
            let by = Caller::local(&by);
            plain(serde_json::to_value(centre.save_hunt(&by, &name, &query)?))
        }
        Request::RemoveHunt { by, name } => {
            centre.remove_hunt(&Caller::local(&by), &name)?;
            Ok(Value::Null)
        }
        Request::PromoteHunt { name, often } => {
            Ok(Value::String(centre.promote_hunt(caller, &name, often.as_ref())?))
        }
        Request::TakeReveal { ticket, dataset } => {
            let (request, grant) = centre.take_reveal(caller, &ticket, &dataset)?;
            Ok(json!({ "id": request.id, "purpose": request.purpose, "grant": grant }))
        }
        Request::NoteRevealed { id, opened } => {
            centre.note_revealed(caller, id, opened)?;
            Ok(Value::Null)
        }
        Request::Guard { store, on } => {
            centre.note_guard(caller, &store, on)?;
            Ok(Value::from(centre.guard_name()))
        }
        Request::StartDrill { slug, site } => {
            plain(serde_json::to_value(centre.start_drill(caller, &slug, site)?))
        }
        Request::Drill { id } => {
            let latest = || centre.drills(caller).map(|rows| rows.first().map(|r| r.id));
            let id = match id {
                Some(id) => Some(id),
                None => latest()?,
            };
            let id = id.ok_or(Error::NotFound { what: "drill" })?;
            plain(serde_json::to_value(centre.drill(caller, id)?))
        }
        Request::DrillReport { id, lang } => {
            let caller = Caller { lang, ..caller.clone() };
            Ok(Value::String(centre.drill_report(&caller, id)?))
        }
    }
}

/// Who owns the data folder keeps it: for backups that person is the system administrator.
fn keeper(caller: &Caller) -> Caller {
    Caller { role: Role::SystemAdmin, ..caller.clone() }
}

/// Listens until dropped. A socket that a killed node left behind is replaced.
pub async fn serve(centre: Arc<Centre>) -> Result<(), Error> {
    let path = socket_path(centre.data_dir());
    let io = |source| Error::Io { what: format!("the control socket {}", path.display()), source };
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(io)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    loop {
        let (stream, _) = listener.accept().await.map_err(io)?;
        let centre = Arc::clone(&centre);
        tokio::spawn(async move {
            if let Err(error) = one(centre, stream).await {
                tracing::warn!(%error, "a control request failed");
            }
        });
    }
}

async fn one(centre: Arc<Centre>, stream: tokio::net::UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(REQUEST_BYTES_MAX));
    read.read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => {
            let cancel = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&cancel);
            let task = tokio::task::spawn_blocking(move || answer(&centre, request, &seen));
            // Who closes their side of the connection wants what there is by now.
            let hung_up = async {
                let mut rest = Vec::new();
                let _ = read.read_to_end(&mut rest).await;
                cancel.store(true, Ordering::Relaxed);
                std::future::pending::<std::convert::Infallible>().await
            };
            tokio::select! {
                done = task => done.map_err(std::io::Error::other)?,
                never = hung_up => match never {},
            }
        }
        Err(error) => Answer::Error {
            code: "N011".to_owned(),
            message: Text::new(error.to_string(), error.to_string()),
        },
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await
}
