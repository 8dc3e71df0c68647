//! The compiled kernels: a table of fatbins that the build script wrote, one for each `.cu` file.
//!
//! A fatbin holds real code for some architectures and perhaps PTX, which the driver translates for a newer GPU. Which of
//! them exist is known here, so a variant that a GPU cannot run is passed over before anything is loaded.

use std::fmt;

/// An architecture that kernels were compiled for: `90a` is number 90, suffix `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arch {
    number: u32,
    suffix: Option<char>,
}

impl Arch {
    /// Whether a GPU of this compute capability (90 for 9.0) runs real code of the architecture. Code of a plain one, or of a
    /// family ("f"), runs on the later minor versions of its major one; "a" marks code that promises nothing to the next GPU.
    fn runs_on(self, capability: u32) -> bool {
        match self.suffix {
            Some('a') => self.number == capability,
            _ => self.number / 10 == capability / 10 && self.number <= capability,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        self.suffix.map_or(Ok(()), |suffix| write!(f, "{suffix}"))
    }
}

/// The fatbin of one `.cu` file.
#[derive(Debug)]
pub(crate) struct Module {
    /// The path below `cuda/` without its extension: `elementwise/unary`.
    pub(crate) name: &'static str,
    pub(crate) fatbin: &'static [u8],
    real: &'static [Arch],
    ptx: Option<Arch>,
}

impl Module {
    /// Whether the fatbin has code for a GPU of this compute capability (90 for 9.0).
    pub(crate) fn runs_on(&self, capability: u32) -> bool {
        self.real.iter().any(|arch| arch.runs_on(capability)) || self.ptx.is_some_and(|arch| arch.number <= capability)
    }

    /// What it was compiled for, for an error message: `80, 90a, PTX 80`.
    pub(crate) fn architectures(&self) -> String {
        let real = self.real.iter().map(Arch::to_string);
        real.chain(self.ptx.map(|arch| format!("PTX {arch}"))).collect::<Vec<_>>().join(", ")
    }
}

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// The module of that name, or `None` where the build was for architectures that it has no code for.
pub(crate) fn find(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.name == name)
}

#[cfg(test)]
mod tests {
    use super::{Arch, Module};

    const PLAIN: Arch = Arch { number: 80, suffix: None };
    const HOPPER: Arch = Arch { number: 90, suffix: Some('a') };

    fn module(real: &'static [Arch], ptx: Option<Arch>) -> Module {
        Module { name: "test", fatbin: &[], real, ptx }
    }

    fn runs_on(module: &Module) -> Vec<u32> {
        [75, 80, 86, 89, 90, 100, 120].into_iter().filter(|&capability| module.runs_on(capability)).collect()
    }

    #[test]
    fn real_code_runs_within_its_major_version_and_ptx_on_all_later_ones() {
        assert_eq!(runs_on(&module(&[PLAIN], None)), [80, 86, 89]);
        assert_eq!(runs_on(&module(&[PLAIN, HOPPER], None)), [80, 86, 89, 90]);
        assert_eq!(runs_on(&module(&[PLAIN, HOPPER], Some(PLAIN))), [80, 86, 89, 90, 100, 120]);
    }

    #[test]
    fn code_for_one_architecture_runs_on_no_other() {
        assert_eq!(runs_on(&module(&[HOPPER], None)), [90]);
    }

    #[test]
    fn an_error_can_name_the_architectures() {
        assert_eq!(module(&[PLAIN, HOPPER], Some(PLAIN)).architectures(), "80, 90a, PTX 80");
    }
}
