//! Compiles the CUDA kernels where the feature `cuda` is on; does nothing otherwise, and then needs no SDK.
//!
//! Environment: `TILEWORK_NVCC`, `CUDA_HOME`, `CUDA_PATH` (where nvcc is), `NVCC_CCBIN` (its host compiler) and
//! `TILEWORK_CUDA_ARCHS` (a comma list such as `80,90a`; by default that of the GPU present, else `80,90a`).

#[cfg(feature = "cuda")]
#[path = "build/arch.rs"]
mod arch;
#[cfg(feature = "cuda")]
#[path = "build/driver.rs"]
mod driver;
#[cfg(feature = "cuda")]
#[path = "build/kernels.rs"]
mod kernels;
#[cfg(feature = "cuda")]
#[path = "build/nvcc.rs"]
mod nvcc;
#[cfg(feature = "cuda")]
#[path = "build/siblings.rs"]
mod siblings;
#[cfg(feature = "cuda")]
#[path = "build/vocabulary.rs"]
mod vocabulary;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    if let Err(message) = cuda() {
        for line in message.lines() {
            // Each such line fails the build; an exit status of failure would bury them under cargo's own account.
            println!("cargo::error={line}");
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<(), String> {
    use std::env::{split_paths, var, var_os};
    use std::path::PathBuf;

    for file in ["build", "cuda", "src/backend/vocabulary.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for variable in ["TILEWORK_NVCC", "CUDA_HOME", "CUDA_PATH", "NVCC_CCBIN", "TILEWORK_CUDA_ARCHS", "DOCS_RS"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let folder = |name: &str| var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo set no {name}"));
    let (root, out) = (folder("CARGO_MANIFEST_DIR")?, folder("OUT_DIR")?);
    println!("cargo::rustc-env=TILEWORK_PTXAS_LOGS={}", kernels::logs(&out).display());
    if var_os("DOCS_RS").is_some() {
        return kernels::write_empty_table(&out);
    }
    // OUT_DIR is TARGET/PROFILE/build/PACKAGE/out, with the triple after TARGET in a cross build.
    let mut targets: Vec<_> = out.ancestors().skip(4).take(2).map(PathBuf::from).chain([root.join("target")]).collect();
    targets.dedup();
    let places = nvcc::Places {
        chosen: var_os("TILEWORK_NVCC").map(PathBuf::from),
        homes: ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(|name| Some((name, var_os(name)?.into()))).collect(),
        path: var_os("PATH").map(|path| split_paths(&path).collect()).unwrap_or_default(),
        targets,
    };
    let nvcc = nvcc::find(&places, |file| file.is_file())?;
    let version = std::process::Command::new(&nvcc).arg("--version").output();
    let version = version.map_err(|error| format!("{} could not be run: {error}", nvcc.display()))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    nvcc::check_version(&nvcc, &version)?;
    let archs = match var("TILEWORK_CUDA_ARCHS") {
        Ok(list) => arch::parse_list(&list).map_err(|error| format!("TILEWORK_CUDA_ARCHS: {error}"))?,
        Err(_) => match driver::gpu_present() {
            Some(arch) => vec![arch],
            None => arch::parse_list("80,90a")?,
        },
    };
    let header = out.join("include/tilework/vocabulary.h");
    kernels::write_if_changed(&header, &vocabulary::header())
        .map_err(|error| format!("{}: {error}", header.display()))?;
    let include = vec![out.join("include"), root.join("cuda/include")];
    kernels::build(&kernels::Compiler { nvcc, version, include, archs }, &root.join("cuda"), &out)
}
