//! What ptxas said of the kernels when they were compiled: none spills registers, no wgmma waits for the one before.
#![cfg(feature = "cuda")]

use std::fs;
use std::path::{Path, PathBuf};

/// Kernels that may spill, how many bytes, and why that is the lesser cost.
const EXCEPTIONS: [(&str, u64, &str); 2] = [
    ("'sin_", 12, "around the reduction of arguments so large that no normal use meets it"),
    ("'cos_", 12, "as for sine"),
];

/// The logs of this build, by path.
fn logs() -> Vec<(PathBuf, String)> {
    fn visit(folder: &Path, logs: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, logs);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                logs.push((path, text));
            }
        }
    }
    let mut logs = Vec::new();
    visit(Path::new(env!("TILEWORK_PTXAS_LOGS")), &mut logs);
    assert!(!logs.is_empty(), "no log below {}", env!("TILEWORK_PTXAS_LOGS"));
    logs
}

/// The kernels in a log with the bytes that each spills: ptxas names a kernel first and its properties after.
fn spills(log: &str) -> Vec<(&str, u64)> {
    let mut kernel = "";
    let mut spills = Vec::new();
    for line in log.lines() {
        if let Some(rest) = line.split("Compiling entry function ").nth(1) {
            kernel = rest;
        } else if line.contains("bytes spill stores") {
            let numbers = line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u64>().ok());
            // The first number is the stack frame, which a kernel may have for an array that is no spill.
            spills.push((kernel, numbers.skip(1).sum()));
        }
    }
    spills
}

#[test]
fn spills_are_read_from_a_log() {
    let log = "ptxas info    : Compiling entry function 'k' for 'sm_80'\nptxas info    : Function properties for k\n    \
               16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads\n\
               ptxas info    : Compiling entry function 'k' for 'sm_90a'\n    \
               0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n";
    assert_eq!(spills(log), [("'k' for 'sm_80'", 12), ("'k' for 'sm_90a'", 0)]);
}

#[test]
fn no_kernel_spills_registers() {
    let (mut kernels, mut offenders) = (0, Vec::new());
    for (path, log) in logs() {
        let found = spills(&log);
        kernels += found.len();
        for (kernel, bytes) in found {
            let exception = EXCEPTIONS.iter().find(|(name, ..)| kernel.starts_with(name));
            if bytes > exception.map_or(0, |(_, most, _)| *most) {
                offenders.push(format!("{}: {kernel}: {bytes} bytes", path.display()));
            }
        }
    }
    assert!(kernels > 0, "no log names a kernel");
    assert!(offenders.is_empty(), "{} of {kernels} kernels spill:\n{}", offenders.len(), offenders.join("\n"));
}

#[test]
fn no_wgmma_is_serialized() {
    for (path, log) in logs() {
        let line = log.lines().find(|line| line.contains("wgmma") && line.contains("serialized"));
        assert!(line.is_none(), "{}: {}", path.display(), line.unwrap_or_default());
    }
}
