//! Finding nvcc and reading what it writes: its version, its warnings, its failures, its dependency files.

use std::path::{Path, PathBuf};

/// The oldest nvcc that compiles the kernels.
pub const OLDEST: (u32, u32) = (12, 0);

/// What the search looks at, taken from the environment by the caller.
#[derive(Default)]
pub struct Places {
    /// `TILEWORK_NVCC`: a person's own choice, so nothing else is tried when it is wrong.
    pub chosen: Option<PathBuf>,
    /// Those of `CUDA_HOME` and `CUDA_PATH` that are set, with their names.
    pub homes: Vec<(&'static str, PathBuf)>,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// Folders in which `scripts/setup.sh` may have left `cuda-toolchain`.
    pub targets: Vec<PathBuf>,
}

/// The first nvcc in the order of `Places`, or a message that says where it looked.
pub fn find(places: &Places, is_file: impl Fn(&Path) -> bool) -> Result<PathBuf, String> {
    if let Some(chosen) = &places.chosen {
        let wrong = || {
            format!(
                "TILEWORK_NVCC is `{}`, which is no file: set it to the path of nvcc itself, or unset it to search",
                chosen.display()
            )
        };
        return if is_file(chosen) { Ok(chosen.clone()) } else { Err(wrong()) };
    }
    let exe = format!("nvcc{}", std::env::consts::EXE_SUFFIX);
    let in_path = places.path.iter().map(|folder| folder.join(&exe));
    let homes = places.homes.iter().map(|(name, home)| (*name, home.join("bin").join(&exe)));
    let installed = places
        .targets
        .iter()
        .map(|target| ("scripts/setup.sh's place", target.join("cuda-toolchain/nvidia/cu13/bin").join(&exe)));
    let candidates = homes.clone().map(|(_, file)| file).chain(in_path).chain(installed.clone().map(|(_, file)| file));
    if let Some(found) = candidates.into_iter().find(|file| is_file(file)) {
        return Ok(found);
    }
    let line = |(place, file): (&str, PathBuf)| format!("\n  {place}: {}", file.display());
    let looked: String = homes
        .map(line)
        .chain([format!("\n  PATH: {exe} in its {} folders", places.path.len())])
        .chain(installed.map(line))
        .collect();
    Err(format!(
        "the feature `cuda` needs nvcc to compile the kernels, and none was found. It looked for{looked}\n\
         Run scripts/setup.sh, which puts one under target/cuda-toolchain (no GPU or driver needed); \
         or install the CUDA toolkit and set CUDA_HOME; or set TILEWORK_NVCC to the path of nvcc."
    ))
}

/// The version in the output of `nvcc --version`: "... release 13.0, V13.0.88" is (13, 0).
pub fn version(output: &str) -> Option<(u32, u32)> {
    let release = output.split("release ").nth(1)?.split(',').next()?;
    let (major, minor) = release.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Refuses a version that is too old, or that could not be read.
pub fn check_version(nvcc: &Path, output: &str) -> Result<(u32, u32), String> {
    let found = version(output)
        .ok_or_else(|| format!("`{} --version` printed no release number:\n{output}", nvcc.display()))?;
    if found >= OLDEST {
        return Ok(found);
    }
    Err(format!(
        "{} is CUDA {}.{}, and the kernels need {}.{} or later: install a newer toolkit, or unset TILEWORK_NVCC and \
         CUDA_HOME, take it off PATH and run scripts/setup.sh",
        nvcc.display(),
        found.0,
        found.1,
        OLDEST.0,
        OLDEST.1
    ))
}

/// What a person can do about a failed compilation whose output has a known cause.
pub fn advice(output: &str) -> Option<&'static str> {
    let has = |text: &str| output.contains(text);
    if has("unsupported GNU version") || has("unsupported clang version") || has("unsupported Microsoft Visual Studio")
    {
        Some(
            "the host C++ compiler is newer than this nvcc supports: set NVCC_CCBIN to an older one \
             (the line above names the newest that works), for example NVCC_CCBIN=/usr/bin/g++-13",
        )
    } else if has("Unsupported gpu architecture") {
        Some(
            "this nvcc does not know one of the architectures: set TILEWORK_CUDA_ARCHS to a comma list of \
             those that `nvcc --list-gpu-code` prints, such as TILEWORK_CUDA_ARCHS=80,90a",
        )
    } else if has("Failed to preprocess host compiler properties") {
        Some("nvcc found no host C++ compiler: install one (scripts/setup.sh does), or set NVCC_CCBIN to its path")
    } else {
        None
    }
}

/// The lines of a log that warn, each once: nvcc repeats them for every architecture.
pub fn warnings(log: &str) -> Vec<&str> {
    let mut seen = Vec::new();
    for line in log.lines() {
        let warns = line.contains("warning") && !line.starts_with("Remark:");
        if warns && !seen.contains(&line) {
            seen.push(line);
        }
    }
    seen
}

/// The prerequisites in a dependency file of the make form, without its target.
pub fn dependencies(rule: &str) -> Vec<PathBuf> {
    let Some((_, files)) = rule.split_once(" : ").or_else(|| rule.split_once(": ")) else {
        return Vec::new();
    };
    let files = files.replace("\\\n", " ").replace("\\ ", "\0");
    files.split_whitespace().map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

/// The options for ptxas that a file asks for in a line of its own among its first.
pub fn ptxas_options(source: &str) -> Vec<String> {
    let own = source.lines().take(3).find_map(|line| line.strip_prefix("// tilework-ptxas:"));
    own.unwrap_or_default().split_whitespace().map(String::from).collect()
}
