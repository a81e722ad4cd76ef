//! `xuedun mask --database`: masked copies of live tables, into a PostgreSQL database whole or not at
//! all, or one of them into a file.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use centre::World;
use centre::records_proof::RecordsAct;
use compliance::records::database::target::Target;
use compliance::records::database::{Access, Database};
use compliance::records::{ClassifyOptions, Error, Policy, PolicyKey, Taxonomy, mask_source};
use events::Lang;

use super::classify::day;
use super::database::{address, password, tables};
use super::mask::{Args, finish, place, refused};
use super::{Done, Failure, Outcome, print_line};

/// Masks the tables that were named, or all.
pub fn run(
    args: &Args,
    mut database: Database,
    policy: &Policy,
    key: &PolicyKey,
    lang: Lang,
) -> Done {
    let recorder = args.told.recorder()?;
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let mut target = match &args.to {
        Some(url) => {
            let address = address(url)?;
            let password = password(args.to_password_file.as_deref(), &address, lang)?;
            let access = Access { password, ca: args.source.ca.clone(), bytes_per_s: None };
            Some(Target::open(address, access).map_err(fail)?)
        }
        None => None,
    };
    if target.is_some() {
        database.hold().map_err(fail)?;
    }
    let tables = tables(&database, &args.tables)?;
    if target.is_none() && tables.len() != 1 {
        return Err(fail(Error::NoTable { found: tables.len() }));
    }
    let work = Work::new()?;
    for table in &tables {
        let name = table.full_name();
        let source = database.source(table, None);
        let mut options = ClassifyOptions::new(day(None)?, name.clone());
        options.said = args.confirmed.of(&name)?;
        let out = args.out.clone().unwrap_or_else(|| work.0.join("masked.csv"));
        let mut report = match mask_source(&source, &out, policy, key, &options, &taxonomy) {
            Ok(report) => report,
            Err(Error::Residue { total, samples }) => {
                print_line(&format!("== {name}"))?;
                return refused(total, &samples, lang);
            }
            Err(e) => return Err(fail(e)),
        };
        if let Some(target) = &mut target {
            target.receive(table, &report, &out).map_err(fail)?;
            fs::remove_file(&out).map_err(|e| Failure::file(&out, &e))?;
        }
        place(&mut report, args.population);
        recorder.record(&RecordsAct::Masked { source: &name, report: &report })?;
        if !args.told.json {
            print_line(&format!("== {name}"))?;
        }
        finish(&report, args.told.json, lang)?;
    }
    if let Some(target) = target {
        let received = target.release().map_err(fail)?;
        let word = lang.pick("已写入目标数据库的表", "tables now in the target");
        eprintln!("xuedun: {word}: {received}");
    }
    Ok(Outcome::Clean)
}

/// A folder of its own for masked tables on their way; gone when this is.
struct Work(PathBuf);

impl Work {
    fn new() -> Result<Self, Failure> {
        let path =
            std::env::temp_dir().join(format!("xuedun-mask-{:032x}", World::real().unique()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| Failure::file(&path, &e))?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Not there is as it should be.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fail(error: Error) -> Failure {
    let error = error.unwrapped();
    Failure::of(error.code(), &error)
}
