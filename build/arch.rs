//! GPU architectures as nvcc names them: `80`, `90`, `90a`.
//!
//! Real code of a plain architecture runs on its own and the later minor versions of the same major one; code of an
//! architecture with a suffix ("a", "f") runs there alone. PTX of a plain one runs on every later GPU, translated by the driver.

use std::fmt;

/// One architecture: `90a` is number 90, suffix `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arch {
    pub number: u32,
    pub suffix: Option<char>,
}

impl Arch {
    /// Reads `90a`, `sm_90a` or `compute_90a`.
    pub fn parse(text: &str) -> Result<Arch, String> {
        let text = text.trim();
        let name = text.strip_prefix("sm_").or_else(|| text.strip_prefix("compute_")).unwrap_or(text);
        let (digits, suffix) = match name.strip_suffix(['a', 'f']) {
            Some(digits) => (digits, name.chars().last()),
            None => (name, None),
        };
        match digits.parse() {
            Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) && (10..1000).contains(&number) => {
                Ok(Arch { number, suffix })
            }
            _ => Err(format!(
                "`{text}` is no GPU architecture: write a compute capability without its dot, such as 80, 90 or 90a"
            )),
        }
    }

    /// What a GPU of compute capability `major.minor` runs best: Hopper's kernels use instructions that only `90a` has.
    pub fn of_device(major: u32, minor: u32) -> Arch {
        let number = major * 10 + minor;
        Arch { number, suffix: (number == 90).then_some('a') }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        self.suffix.iter().try_for_each(|suffix| write!(f, "{suffix}"))
    }
}

/// Reads a comma list, sorted and without duplicates; an empty list is an error.
pub fn parse_list(text: &str) -> Result<Vec<Arch>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let mut archs = parts.map(Arch::parse).collect::<Result<Vec<_>, _>>()?;
    archs.sort();
    archs.dedup();
    if archs.is_empty() { Err("the list of GPU architectures is empty".into()) } else { Ok(archs) }
}

/// What one `.cu` file is compiled for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    pub real: Vec<Arch>,
    /// The plain architecture whose PTX is kept for GPUs newer than all of `real`.
    pub ptx: Option<Arch>,
}

impl Targets {
    /// The architectures wanted, or those of them that the file's `// tilework-archs:` line names. Such a file is written for
    /// certain hardware, so it gets no PTX; `None` says that none of the wanted architectures is one of its own.
    pub fn of_file(source: &str, wanted: &[Arch]) -> Result<Option<Targets>, String> {
        let Some(own) = source.lines().next().and_then(|line| line.trim().strip_prefix("// tilework-archs:")) else {
            let ptx = wanted.iter().copied().filter(|arch| arch.suffix.is_none()).min();
            return Ok(Some(Targets { real: wanted.to_vec(), ptx }));
        };
        let own = parse_list(own)?;
        let real: Vec<_> = wanted.iter().copied().filter(|arch| own.contains(arch)).collect();
        Ok((!real.is_empty()).then_some(Targets { real, ptx: None }))
    }

    /// nvcc's `-gencode` arguments.
    pub fn gencode(&self) -> Vec<String> {
        let real = self.real.iter().map(|arch| format!("-gencode=arch=compute_{arch},code=sm_{arch}"));
        let ptx = self.ptx.iter().map(|arch| format!("-gencode=arch=compute_{arch},code=compute_{arch}"));
        real.chain(ptx).collect()
    }
}
