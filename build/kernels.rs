//! Compiles each `.cu` file into a fatbin of its own and writes the table of them that Rust embeds.
//!
//! A file is compiled again only when the text of its command, of the compiler's version or of a file it includes has changed;
//! its stamp, a hash of all those, lies beside the fatbin. The key there serves other builds (`siblings.rs`). What nvcc and
//! ptxas printed is kept in `ptxas/NAME.log`.

use crate::arch::{Arch, Targets};
use crate::nvcc;
use crate::siblings::Siblings;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

const ARGUMENTS: [&str; 8] =
    ["-fatbin", "-O3", "-std=c++17", "--expt-relaxed-constexpr", "-Xptxas", "-v", "-Xfatbin", "-compress-all"];

/// nvcc and the arguments that every file shares.
pub struct Compiler {
    pub nvcc: PathBuf,
    /// The output of `nvcc --version`, a part of every stamp.
    pub version: String,
    pub include: Vec<PathBuf>,
    pub archs: Vec<Arch>,
}

/// One `.cu` file and the places of what comes of it.
struct Module {
    /// The path below `cuda/` without its extension, such as `matmul/wgmma`.
    name: String,
    source: PathBuf,
    targets: Targets,
    /// What the file's `// tilework-ptxas:` line asks of ptxas.
    options: Vec<String>,
    fatbin: PathBuf,
    dependencies: PathBuf,
    stamp: PathBuf,
    /// The file of the key, and the key of a fatbin made now.
    key_file: PathBuf,
    key: String,
    log: PathBuf,
}

/// Compiles what has changed below `cuda`, and writes `OUT_DIR/kernels.rs`. The error is for a person to read.
pub fn build(compiler: &Compiler, cuda: &Path, out: &Path) -> Result<(), String> {
    let siblings = Siblings::new(&[cuda, &out.join("include")], out).map_err(|e| at(cuda, e))?;
    let mut modules = discover(cuda, out, &compiler.archs)?;
    for module in &mut modules {
        let settings =
            (ARGUMENTS, &module.options, module.targets.gencode(), &compiler.version, std::env::var_os("NVCC_CCBIN"));
        module.key = siblings.key(&module.source, settings).map_err(|e| at(&module.source, e))?;
        module.make_folders().map_err(|e| at(out, e))?;
    }
    prune_logs(&logs(out), &modules).map_err(|e| at(out, e))?;
    let mut stale: Vec<_> = modules.iter().filter(|module| !compiler.is_fresh(module)).collect();
    stale.retain(|module| !module.take_from(&siblings, out));
    compiler.compile_all(&stale)?;
    // Every run repeats the warnings, so that one does not vanish when another file is the one compiled.
    for module in &modules {
        let log = fs::read_to_string(&module.log).unwrap_or_default();
        nvcc::warnings(&log).iter().for_each(|line| println!("cargo::warning={line}"));
    }
    write_if_changed(&out.join("kernels.rs"), &table(&modules)).map_err(|e| at(out, e))
}

/// The table of a build without kernels, for documentation built where there is no compiler.
pub fn write_empty_table(out: &Path) -> Result<(), String> {
    write_if_changed(&out.join("kernels.rs"), &table(&[])).map_err(|e| at(out, e))
}

/// The folder of the compiler's logs, for tests that read register spills from them.
pub fn logs(out: &Path) -> PathBuf {
    out.join("ptxas")
}

/// Removes the logs of files that are no more, which would speak of kernels that are no more.
fn prune_logs(folder: &Path, modules: &[Module]) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            prune_logs(&path, modules)?;
        } else if !modules.iter().any(|module| module.log == path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn at(path: &Path, error: io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Every `.cu` below `cuda` that the architectures leave something of, in the order of their names.
fn discover(cuda: &Path, out: &Path, archs: &[Arch]) -> Result<Vec<Module>, String> {
    let mut folders = vec![cuda.to_path_buf()];
    let mut modules = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| at(&folder, e))? {
            let path = entry.map_err(|e| at(&folder, e))?.path();
            if path.is_dir() {
                if path != cuda.join("include") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "cu") {
                let source = fs::read_to_string(&path).map_err(|e| at(&path, e))?;
                let targets = Targets::of_file(&source, archs).map_err(|e| format!("{}: {e}", path.display()))?;
                let options = nvcc::ptxas_options(&source);
                modules.extend(targets.map(|targets| Module::new(cuda, path, targets, options, out)));
            }
        }
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(modules)
}

impl Module {
    fn new(cuda: &Path, source: PathBuf, targets: Targets, options: Vec<String>, out: &Path) -> Module {
        let below = source.strip_prefix(cuda).unwrap_or(&source).with_extension("");
        let name = below.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        let place = |folder: &str, extension: &str| out.join(folder).join(&below).with_extension(extension);
        Module {
            name,
            targets,
            options,
            fatbin: place("fatbin", "fatbin"),
            dependencies: place("fatbin", "d"),
            stamp: place("fatbin", "stamp"),
            key_file: place("fatbin", "key"),
            key: String::new(),
            log: logs(out).join(&below).with_extension("log"),
            source,
        }
    }

    fn make_folders(&self) -> io::Result<()> {
        [&self.fatbin, &self.log].into_iter().filter_map(|file| file.parent()).try_for_each(fs::create_dir_all)
    }

    /// Takes the fatbin and its log from another build of the same text, and no stamp: its includes are not known here.
    fn take_from(&self, siblings: &Siblings, out: &Path) -> bool {
        let relative = |file: &Path| file.strip_prefix(out).map(Path::to_path_buf).unwrap_or_default();
        self.unseal();
        siblings.copy(&self.key, &relative(&self.key_file), [&relative(&self.fatbin), &relative(&self.log)], out)
            && fs::write(&self.key_file, &self.key).is_ok()
    }

    /// Takes back the word that the fatbin is that of some text, before it is written anew.
    fn unseal(&self) {
        for file in [&self.stamp, &self.key_file] {
            let _ = fs::remove_file(file);
        }
    }
}

impl Compiler {
    fn command(&self, module: &Module) -> Command {
        let mut command = Command::new(&self.nvcc);
        command.args(ARGUMENTS).args(module.targets.gencode());
        for option in &module.options {
            command.args(["-Xptxas", option]);
        }
        for folder in &self.include {
            command.arg("-I").arg(folder);
        }
        command.args(["-MMD", "-MF"]).arg(&module.dependencies).arg("-o").arg(&module.fatbin).arg(&module.source);
        command
    }

    /// A hash of all that decides the fatbin, or `None` where a file of it cannot be read.
    fn stamp(&self, module: &Module) -> Option<String> {
        let mut hasher = DefaultHasher::new();
        (format!("{:?}", self.command(module)), &self.version, std::env::var_os("NVCC_CCBIN")).hash(&mut hasher);
        for file in nvcc::dependencies(&fs::read_to_string(&module.dependencies).ok()?) {
            fs::read(file).ok()?.hash(&mut hasher);
        }
        Some(format!("{:016x}", hasher.finish()))
    }

    fn is_fresh(&self, module: &Module) -> bool {
        module.fatbin.is_file()
            && module.log.is_file()
            && (fs::read_to_string(&module.key_file).is_ok_and(|old| old == module.key)
                || fs::read_to_string(&module.stamp).is_ok_and(|old| Some(old) == self.stamp(module)))
    }

    /// Runs one nvcc a file, as many at a time as cargo grants, and reports every failure, not only the first.
    fn compile_all(&self, modules: &[&Module]) -> Result<(), String> {
        let slots = Slots::new();
        let mut waiting = modules.iter();
        let mut running: Vec<Run> = Vec::new();
        let mut failures = String::new();
        loop {
            while waiting.len() > 0
                && let Some(slot) = slots.take(running.len())
            {
                running.extend(waiting.next().map(|module| self.start(module, slot)).transpose()?);
            }
            if running.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            for index in (0..running.len()).rev() {
                let Some(status) = running[index].child.try_wait().map_err(|e| at(&self.nvcc, e))? else { continue };
                let Run { module, started, .. } = running.swap_remove(index);
                if status.success() {
                    self.seal(module, started).map_err(|e| at(&module.stamp, e))?;
                    continue;
                }
                let output = fs::read_to_string(&module.log).unwrap_or_default();
                let _ = writeln!(failures, "nvcc failed on {} ({status}):\n{output}", module.source.display());
                // What a person has to set right first would fail every file alike.
                if let Some(advice) = nvcc::advice(&output) {
                    let _ = writeln!(failures, "{advice}");
                    waiting = [].iter();
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    fn start<'a>(&self, module: &'a Module, slot: Slot) -> Result<Run<'a>, String> {
        module.unseal();
        let log = File::create(&module.log).map_err(|e| at(&module.log, e))?;
        let copy = log.try_clone().map_err(|e| at(&module.log, e))?;
        let started = SystemTime::now();
        let child = self.command(module).stdout(copy).stderr(log).spawn().map_err(|e| at(&self.nvcc, e))?;
        Ok(Run { module, child, started, _slot: slot })
    }

    /// Writes stamp and key, unless a file was changed while it was being compiled: nobody knows which text nvcc read.
    fn seal(&self, module: &Module, started: SystemTime) -> io::Result<()> {
        for file in nvcc::dependencies(&fs::read_to_string(&module.dependencies)?) {
            if fs::metadata(file)?.modified()? >= started {
                return Ok(());
            }
        }
        fs::write(&module.stamp, self.stamp(module).unwrap_or_default())?;
        fs::write(&module.key_file, &module.key)
    }
}

/// An nvcc at work on a file.
struct Run<'a> {
    module: &'a Module,
    child: Child,
    started: SystemTime,
    _slot: Slot,
}

/// The right to run one more process. The first comes with the build script itself, the others from cargo's jobserver.
struct Slot {
    _token: Option<jobserver::Acquired>,
}

struct Slots {
    client: Option<jobserver::Client>,
    most: usize,
}

impl Slots {
    fn new() -> Slots {
        // SAFETY: cargo passes its jobserver's descriptors to build scripts, and nothing has opened or closed any before.
        let client = unsafe { jobserver::Client::from_env() };
        let most = std::env::var("NUM_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(1);
        Slots { client, most }
    }

    fn take(&self, running: usize) -> Option<Slot> {
        if running == 0 {
            return Some(Slot { _token: None });
        }
        if running >= self.most {
            return None;
        }
        match self.client.as_ref().map(jobserver::Client::try_acquire) {
            Some(Ok(token)) => token.map(|token| Slot { _token: Some(token) }),
            // Without a jobserver that can be asked, cargo's number of jobs is the limit.
            Some(Err(_)) | None => Some(Slot { _token: None }),
        }
    }
}

/// Rust source of `MODULES`, in the types of `src/backend/cuda/modules.rs`.
fn table(modules: &[Module]) -> String {
    let arch = |arch: &Arch| format!("Arch {{ number: {}, suffix: {:?} }}", arch.number, arch.suffix);
    let mut text = String::from("pub(crate) static MODULES: &[Module] = &[\n");
    for Module { name, targets, fatbin, .. } in modules {
        let real: Vec<_> = targets.real.iter().map(arch).collect();
        let ptx = targets.ptx.as_ref().map_or("None".into(), |ptx| format!("Some({})", arch(ptx)));
        let _ = writeln!(
            text,
            "    Module {{ name: {name:?}, fatbin: include_bytes!({:?}), real: &[{}], ptx: {ptx} }},",
            fatbin,
            real.join(", ")
        );
    }
    text + "];\n"
}

/// Leaves an unchanged file's time alone, so that what depends on it is not built again.
pub fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
