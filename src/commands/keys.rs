//! `xuedun keys`: the key store of protected data – erase one person, change the root key.

use std::io::Read;
use std::path::{Path, PathBuf};

use centre::World;
use centre::control::Request;
use centre::records_proof::RecordsAct;
use compliance::records::Error;
use compliance::records::protect::Root;
use events::{Lang, Sensitive};

use super::audit::DataArg;
use super::node::ConfigArg;
use super::protect::{KeyArgs, passphrase, root_bytes};
use super::{Done, Failure, Outcome, print_json, print_line, root};

/// Bytes read of a file that names a subject.
const SUBJECT_BYTES_MAX: u64 = 4096;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the datasets that have keys
    List {
        #[command(flatten)]
        keys: KeyArgs,
        /// One JSON object a dataset
        #[arg(long)]
        json: bool,
    },
    /// Destroy the keys of one person: what was protected of them can never be read again
    Erase {
        #[command(flatten)]
        keys: KeyArgs,
        #[command(flatten)]
        data: DataArg,
        /// The dataset
        #[arg(long)]
        dataset: String,
        /// File that names the person as the subject column did; - for standard input
        #[arg(long, value_name = "FILE")]
        subject_file: PathBuf,
        /// What was destroyed, as JSON
        #[arg(long)]
        json: bool,
    },
    /// After a backup of the key store came back: repeat every erasure that the evidence log holds
    Reapply {
        #[command(flatten)]
        keys: KeyArgs,
        #[command(flatten)]
        data: DataArg,
        /// What was destroyed, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the root key: the dataset keys are wrapped anew, no data is touched
    Rotate {
        #[command(flatten)]
        keys: KeyArgs,
        #[command(flatten)]
        data: DataArg,
        /// File with the new root key, 64 hexadecimal digits; made if it is not there
        #[arg(long, value_name = "FILE", required_unless_present_any = ["new_passphrase_file", "new_root"])]
        new_root_key: Option<PathBuf>,
        /// File with the new passphrase, in place of a root key
        #[arg(long, value_name = "FILE", conflicts_with = "new_root_key")]
        new_passphrase_file: Option<PathBuf>,
        /// File that says where the new root key stays; the one of --root again for the newest
        /// version of a transit key
        #[arg(long, value_name = "FILE", conflicts_with_all = ["new_root_key", "new_passphrase_file"])]
        new_root: Option<PathBuf>,
    },
    /// Put the key store under a node's guard: nothing is opened for a purpose without an approval of it
    Guard {
        #[command(flatten)]
        keys: KeyArgs,
        /// Configuration of the node
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Take it from under that node's guard; its audit log says so
        #[arg(long)]
        end: bool,
    },
    /// Make the root key in its token or at its transit service, where it is to stay
    MakeRoot {
        /// File that says where
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::List { keys, json } => list(&keys, json, lang),
        Verb::Erase { keys, data, dataset, subject_file, json } => {
            erase(&keys, &data, &dataset, &subject_file, json, lang)
        }
        Verb::Reapply { keys, data, json } => reapply(&keys, &data, json, lang),
        Verb::Rotate { keys, data, new_root_key, new_passphrase_file, new_root } => {
            let mut ring = keys.open_existing(lang)?;
            let root = match (new_root, new_passphrase_file, new_root_key) {
                (Some(path), ..) => root::read(&path, lang)?,
                (_, Some(path), _) => Root::passphrase(passphrase(&path)?.into_inner()),
                (_, _, Some(path)) => Root::key(root_bytes(&path, lang)?),
                (None, None, None) => return Err(Failure::usage("X041", "--new-root-key")),
            };
            let world = World::real();
            let ledger = data.open()?;
            ring.rotate_root(&root, &*world.random).map_err(fail)?;
            let datasets = ring.datasets().count();
            ledger.evidence().record(&RecordsAct::Rewrapped { datasets }, world.now())?;
            let line = lang.pick("已用新根密钥重新封装的数据集密钥", "dataset keys wrapped anew");
            print_line(&format!("{line}: {datasets}"))?;
            Ok(Outcome::Clean)
        }
        Verb::Guard { keys, config, end } => guard(&keys, config, end, lang),
        Verb::MakeRoot { root } => {
            root::read(&root, lang)?.make().map_err(fail)?;
            print_line(
                lang.pick("根密钥已生成，不可导出", "the root key is made; it cannot be taken out"),
            )?;
            Ok(Outcome::Clean)
        }
    }
}

fn list(keys: &KeyArgs, json: bool, lang: Lang) -> Done {
    let ring = keys.open_existing(lang)?;
    let (kind, versions) = ring.root_versions();
    for name in ring.datasets() {
        let version = versions.iter().find(|(dataset, _)| *dataset == name).map(|(_, v)| *v);
        if json {
            print_json(&serde_json::json!({
                "dataset": name, "root": kind.name(), "root_version": version,
            }))?;
        } else {
            print_line(name)?;
        }
    }
    Ok(Outcome::Clean)
}

fn guard(keys: &KeyArgs, config: PathBuf, end: bool, lang: Lang) -> Done {
    let mut ring = keys.open_existing(lang)?;
    let store = keys.keys.display().to_string();
    // The node's audit log first: what cannot be written down is not done.
    let node = ConfigArg { config }.ask(Request::Guard { store, on: !end })?;
    let node = node.as_str().unwrap_or_default();
    if let Some(held) = ring.guard().filter(|held| *held != node) {
        return Err(fail(Error::NeedsApproval { node: held.to_owned() }));
    }
    ring.set_guard((!end).then_some(node), &*World::real().random).map_err(fail)?;
    let line = match end {
        false => lang.pick("还原须经该节点批准", "nothing is opened without an approval of node"),
        true => lang.pick("还原不再经该节点批准", "no longer guarded by node"),
    };
    print_line(&format!("{line}: {node}"))?;
    Ok(Outcome::Clean)
}

fn erase(
    keys: &KeyArgs,
    data: &DataArg,
    dataset: &str,
    subject_file: &Path,
    json: bool,
    lang: Lang,
) -> Done {
    let subject = subject(subject_file)?;
    let mut ring = keys.open_existing(lang)?;
    // The log first: an erasure that cannot be recorded is not begun.
    let ledger = data.open()?;
    let world = World::real();
    let erased = ring.erase_subject(dataset, subject.reveal(), &*world.random).map_err(fail)?;
    ledger.evidence().record(&RecordsAct::Erased(&erased), world.now())?;
    if json {
        print_json(&erased)?;
    } else {
        let line = lang.pick("已销毁的密钥", "keys destroyed");
        let name = lang.pick("主体代号", "the subject's keyed name");
        print_line(&format!("{line}: {}; {name}: {}", erased.keys, erased.subject))?;
    }
    // Nobody of that name is a finding: the request was about someone.
    Ok(if erased.keys > 0 { Outcome::Clean } else { Outcome::Findings })
}

fn reapply(keys: &KeyArgs, data: &DataArg, json: bool, lang: Lang) -> Done {
    let mut ring = keys.open_existing(lang)?;
    let ledger = data.open()?;
    let world = World::real();
    let held: Vec<String> = ring.datasets().map(str::to_owned).collect();
    let (mut erasures, mut gone, mut elsewhere) = (0u64, 0u64, 0u64);
    for (dataset, subject) in ledger.evidence().erasures()? {
        if !held.contains(&dataset) {
            elsewhere += 1;
            continue;
        }
        let erased = ring.erase_again(&dataset, &subject, &*world.random).map_err(fail)?;
        erasures += 1;
        gone += erased.keys;
    }
    if json {
        print_json(&serde_json::json!({
            "erasures": erasures, "keys": gone, "of_other_stores": elsewhere,
        }))?;
    } else {
        let line = lang.pick(
            "已重做的销毁 / 再次销毁的密钥 / 属于其他密钥库",
            "erasures repeated / keys destroyed again / of other key stores",
        );
        print_line(&format!("{line}: {erasures} / {gone} / {elsewhere}"))?;
    }
    Ok(Outcome::Clean)
}

/// Who is meant: never on the command line, where every user of the machine could read it.
fn subject(path: &Path) -> Result<Sensitive<String>, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(SUBJECT_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(SUBJECT_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|e| Failure::file(path, &e))?;
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(Failure::usage("X042", path.display().to_string()));
    }
    Ok(Sensitive::new(text))
}

fn fail(error: Error) -> Failure {
    Failure::of(error.code(), &error)
}
