//! Other builds below the same target folder: another profile, other features, the packed crate. What nvcc made for one of
//! them serves here too, if all that went into it is the same.
//!
//! The key of a fatbin hashes more than its stamp does: every header there is, not only those that it includes, since which
//! those are is known only after a compilation. In return it names no path, so builds in different folders have equal keys.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

pub struct Siblings {
    headers: DefaultHasher,
    /// The output folders of the other builds.
    outs: Vec<PathBuf>,
}

impl Siblings {
    /// Reads the headers below `roots`, and looks for other builds beside `out`, which is TARGET/PROFILE/build/PACKAGE/out.
    pub fn new(roots: &[&Path], out: &Path) -> io::Result<Siblings> {
        let mut headers = DefaultHasher::new();
        for root in roots {
            hash_headers(root, root, &mut headers)?;
        }
        let name = std::env::var("CARGO_PKG_NAME").unwrap_or_default() + "-";
        let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let outs = out
            .ancestors()
            .nth(4)
            .into_iter()
            .flat_map(|target| entries(target.to_path_buf()))
            .flat_map(|profile| entries(profile.join("build")))
            .filter(|package| package.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&name)))
            .map(|package| package.join("out"))
            .filter(|other| other != out)
            .collect();
        Ok(Siblings { headers, outs })
    }

    /// The key of a file compiled with these settings.
    pub fn key(&self, source: &Path, settings: impl Hash) -> io::Result<String> {
        let mut hasher = self.headers.clone();
        (settings, fs::read(source)?).hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }

    /// Copies `files`, relative to an output folder, from a build in which `key_file` holds the key; says whether one did.
    pub fn copy(&self, key: &str, key_file: &Path, files: [&Path; 2], out: &Path) -> bool {
        let holds_key = |other: &&PathBuf| fs::read_to_string(other.join(key_file)).is_ok_and(|theirs| theirs == key);
        let copied = |other: &PathBuf| files.iter().all(|file| fs::copy(other.join(file), out.join(file)).is_ok());
        self.outs.iter().filter(holds_key).any(copied)
    }
}

/// Hashes name and text of every file below `folder` that is no kernel itself, in the order of their names.
fn hash_headers(root: &Path, folder: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash_headers(root, &path, hasher)?;
        } else if path.extension().is_none_or(|extension| extension != "cu") {
            (path.strip_prefix(root).ok(), fs::read(&path)?).hash(hasher);
        }
    }
    Ok(())
}
