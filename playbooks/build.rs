//! Lists `library/{response,drill}/*.json`, so that adding a playbook is adding a file.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut table = String::from("&[\n");
    for folder in ["response", "drill"] {
        let dir = Path::new(&root).join("library").join(folder);
        println!("cargo:rerun-if-changed={}", dir.display());
        let mut files: Vec<_> = fs::read_dir(&dir)?.collect::<Result<Vec<_>, _>>()?;
        files.sort_by_key(fs::DirEntry::file_name);
        for file in files {
            let path = file.path();
            if path.extension().is_some_and(|e| e == "json")
                && let Some(stem) = path.file_stem().and_then(|s| s.to_str())
            {
                writeln!(table, "    ({stem:?}, include_str!({:?})),", path.display().to_string())?;
            }
        }
    }
    table.push_str("]\n");
    let out = Path::new(&env::var("OUT_DIR")?).join("library.rs");
    fs::write(out, table)?;
    Ok(())
}
