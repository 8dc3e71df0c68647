//! What this computer is.

use super::parallel;
use crate::backend::{BackendKind, DeviceInfo};
use crate::dtype::DType;

/// The processor's name, the memory, and what the operations run on.
pub fn info() -> DeviceInfo {
    DeviceInfo {
        backend: BackendKind::Cpu,
        name: field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        ordinal: 0,
        is_software: false,
        memory: total_memory(),
        dtypes: DType::ALL.to_vec(),
        facts: vec![("simd", simd_level().to_owned()), ("threads", parallel::threads().to_string())],
    }
}

/// The value of `key: value` in one of Linux's information files.
fn field(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, value) = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == key)?;
    Some(value.trim().to_owned())
}

fn total_memory() -> Option<u64> {
    memory("MemTotal")
}

/// The bytes that could be used now without swapping, where the system tells.
pub fn available_memory() -> Option<u64> {
    memory("MemAvailable")
}

fn memory(key: &str) -> Option<u64> {
    let kibibytes: u64 = field("/proc/meminfo", key)?.split(' ').next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The widest instructions that the loops were compiled for and that this processor has.
fn simd_level() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return match pulp::Arch::new() {
        pulp::Arch::Scalar => "sse2",
        pulp::Arch::V3(_) => "avx2+fma",
        #[allow(unreachable_patterns, reason = "further levels depend on pulp's features")]
        _ => "avx512",
    };
    #[cfg(target_arch = "aarch64")]
    return "neon";
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return "portable";
}
