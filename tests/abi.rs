//! The committed bindings are what bindgen makes of the headers today.
//!
//! `TILEWORK_BLESS=1 cargo test --test abi` writes them anew. Without libclang the tests are reported as ignored.

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs;
use std::path::Path;

/// A header and the Rust file that is generated from it, relative to the crate's root.
const GENERATED: [(&str, &str); 2] = [
    ("cuda/include/tilework/abi.h", "src/backend/cuda/abi.rs"),
    ("tests/host-twins/twins/twins.h", "tests/host-twins/src/lib.rs"),
];

fn main() {
    let libclang = clang_sys::load();
    let trials = GENERATED.map(|(header, bindings)| match &libclang {
        Ok(()) => Trial::test(bindings, move || check(header, bindings)),
        Err(_) => {
            let reason = "libclang is not installed (scripts/setup.sh --test)";
            Trial::test(format!("{bindings}: {reason}"), || Ok(())).with_ignored_flag(true)
        }
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit();
}

fn check(header: &str, bindings: &str) -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join(bindings);
    let fresh = generate(&root.join(header), header)?;
    if std::env::var_os("TILEWORK_BLESS").is_some() {
        return fs::write(&file, fresh).map_err(Failed::from);
    }
    let committed = fs::read_to_string(&file)?;
    match committed.lines().zip(fresh.lines()).position(|(old, new)| old != new) {
        None if committed.len() == fresh.len() => Ok(()),
        line => Err(format!(
            "{bindings} is stale from line {}: {header} has changed since. Run TILEWORK_BLESS=1 cargo test --test abi",
            line.map_or(committed.lines().count().min(fresh.lines().count()), |line| line) + 1
        )
        .into()),
    }
}

fn generate(header: &Path, name: &str) -> Result<String, Failed> {
    let bindings = bindgen::Builder::default()
        .header(header.to_string_lossy())
        .raw_line(format!("//! Generated from {name} by bindgen: TILEWORK_BLESS=1 cargo test --test abi."))
        .disable_header_comment()
        .clang_arg("-fparse-all-comments")
        .allowlist_item("Tw.*|TW_.*|twin_.*")
        .derive_default(true)
        .use_core()
        .rustfmt_configuration_file(Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("rustfmt.toml")))
        .generate()?;
    Ok(bindings.to_string())
}
