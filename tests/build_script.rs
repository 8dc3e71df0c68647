//! The build script's decisions: which architectures a file is compiled for, which nvcc is taken, what its output means.

#[path = "../build/arch.rs"]
mod arch;
#[path = "../build/nvcc.rs"]
mod nvcc;

use arch::{Arch, Targets, parse_list};
use nvcc::Places;
use std::path::{Path, PathBuf};

fn names(archs: &[Arch]) -> Vec<String> {
    archs.iter().map(Arch::to_string).collect()
}

#[test]
fn architectures_are_read_sorted_and_without_duplicates() {
    assert_eq!(names(&parse_list("90a,80").unwrap()), ["80", "90a"]);
    assert_eq!(names(&parse_list(" sm_90 , compute_90a,90, 100f,").unwrap()), ["90", "90a", "100f"]);
    assert_eq!(Arch::parse("103").unwrap(), Arch { number: 103, suffix: None });
}

#[test]
fn what_is_no_architecture_is_named_in_the_error() {
    for wrong in ["turing", "9.0", "90b", "a", "+80", "-80", "8", "80000", "sm_"] {
        let error = parse_list(wrong).unwrap_err();
        assert!(error.contains(&format!("`{wrong}`")), "{wrong}: {error}");
    }
    assert!(parse_list("").unwrap_err().contains("empty"));
    assert!(parse_list(" , ").unwrap_err().contains("empty"));
}

#[test]
fn a_gpu_gets_its_own_architecture() {
    assert_eq!(Arch::of_device(9, 0).to_string(), "90a");
    assert_eq!(Arch::of_device(8, 6).to_string(), "86");
    assert_eq!(Arch::of_device(12, 0).to_string(), "120");
}

#[test]
fn a_file_gets_all_architectures_and_ptx_of_the_lowest_plain_one() {
    let targets = Targets::of_file("// A kernel.\n", &parse_list("90,80,90a").unwrap()).unwrap().unwrap();
    assert_eq!(
        targets.gencode(),
        [
            "-gencode=arch=compute_80,code=sm_80",
            "-gencode=arch=compute_90,code=sm_90",
            "-gencode=arch=compute_90a,code=sm_90a",
            "-gencode=arch=compute_80,code=compute_80",
        ]
    );
    let hopper = Targets::of_file("", &parse_list("90a").unwrap()).unwrap().unwrap();
    assert_eq!(hopper.ptx, None);
}

#[test]
fn a_file_for_certain_hardware_gets_only_that_or_is_left_out() {
    let source = "// tilework-archs: 90a\n#include <stdint.h>\n";
    let targets = Targets::of_file(source, &parse_list("80,90a").unwrap()).unwrap().unwrap();
    assert_eq!(targets.gencode(), ["-gencode=arch=compute_90a,code=sm_90a"]);
    assert_eq!(Targets::of_file(source, &parse_list("80,90").unwrap()), Ok(None));
    assert!(Targets::of_file("// tilework-archs: hopper\n", &parse_list("80").unwrap()).is_err());
}

#[test]
fn a_file_says_among_its_first_lines_what_it_asks_of_ptxas() {
    let source = "// tilework-archs: 90a\n// tilework-ptxas: -O1 -w\n// A kernel.\n";
    assert_eq!(nvcc::ptxas_options(source), ["-O1", "-w"]);
    assert!(nvcc::ptxas_options("// A kernel.\n// Of many.\n\n// tilework-ptxas: -O1\n").is_empty());
}

fn everywhere() -> Places {
    Places {
        chosen: None,
        homes: vec![("CUDA_HOME", "/home".into()), ("CUDA_PATH", "/path".into())],
        path: vec!["/usr/bin".into(), "/opt/bin".into()],
        targets: vec!["/target".into()],
    }
}

#[test]
fn nvcc_is_looked_for_in_the_order_promised() {
    let exe = format!("nvcc{}", std::env::consts::EXE_SUFFIX);
    let order = ["/home/bin", "/path/bin", "/usr/bin", "/opt/bin", "/target/cuda-toolchain/nvidia/cu13/bin"];
    let order = order.map(|folder| Path::new(folder).join(&exe));
    for first in 0..order.len() {
        let found = nvcc::find(&everywhere(), |file| order[first..].iter().any(|there| there == file));
        assert_eq!(found.as_ref(), Ok(&order[first]));
    }
    let chosen = Places { chosen: Some("/mine".into()), ..everywhere() };
    assert_eq!(nvcc::find(&chosen, |_| true), Ok(PathBuf::from("/mine")));
}

#[test]
fn without_nvcc_the_error_says_where_it_looked_and_what_to_do() {
    let error = nvcc::find(&everywhere(), |_| false).unwrap_err();
    for part in ["CUDA_HOME: /home/bin", "CUDA_PATH: /path/bin", "PATH", "/target/cuda-toolchain", "scripts/setup.sh"] {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
    // A wrong choice is not replaced by another nvcc behind the person's back.
    let chosen = Places { chosen: Some("/wrong".into()), ..everywhere() };
    let error = nvcc::find(&chosen, |file| file != Path::new("/wrong")).unwrap_err();
    assert!(error.contains("TILEWORK_NVCC is `/wrong`"), "{error}");
}

#[test]
fn versions_are_read_and_old_ones_refused() {
    let output = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 13.0, V13.0.88\nBuild x\n";
    assert_eq!(nvcc::version(output), Some((13, 0)));
    assert_eq!(nvcc::version("nothing of the kind"), None);
    let check = |output: &str| nvcc::check_version(Path::new("/nvcc"), output);
    assert_eq!(check(output), Ok((13, 0)));
    assert_eq!(check("release 12.0, V12.0.1"), Ok((12, 0)));
    let error = check("release 11.8, V11.8.89").unwrap_err();
    assert!(error.contains("/nvcc is CUDA 11.8") && error.contains("12.0"), "{error}");
    assert!(check("gibberish").unwrap_err().contains("gibberish"));
}

#[test]
fn failures_with_a_known_cause_get_advice() {
    let advice = |output| nvcc::advice(output).unwrap_or_default();
    let gnu =
        "host_config.h:137:2: error: #error -- unsupported GNU version! gcc versions later than 15 are not supported!";
    assert!(advice(gnu).contains("NVCC_CCBIN"));
    assert!(advice("nvcc fatal   : Unsupported gpu architecture 'compute_801'").contains("TILEWORK_CUDA_ARCHS"));
    let missing = "gcc: No such file or directory\nnvcc fatal   : Failed to preprocess host compiler properties.";
    assert!(advice(missing).contains("scripts/setup.sh"));
    assert_eq!(nvcc::advice("x.cu(3): error: identifier \"y\" is undefined"), None);
}

#[test]
fn warnings_are_shown_once() {
    let log = "a.cu(3): warning #177-D: variable \"u\" was declared but never referenced\n\n\
               Remark: The warnings can be suppressed with \"-diag-suppress <warning-number>\"\n\
               a.cu(3): warning #177-D: variable \"u\" was declared but never referenced\n\
               ptxas info    : 0 bytes gmem\n";
    assert_eq!(nvcc::warnings(log), ["a.cu(3): warning #177-D: variable \"u\" was declared but never referenced"]);
}

#[test]
fn dependency_files_are_read() {
    let rule =
        "out/a.fatbin : cuda/a.cu \\\n    /opt/my\\ cuda/include/cuda_fp16.h \\\n    cuda/include/tilework/abi.h\n";
    let files = ["cuda/a.cu", "/opt/my cuda/include/cuda_fp16.h", "cuda/include/tilework/abi.h"].map(PathBuf::from);
    assert_eq!(nvcc::dependencies(rule), files);
    assert!(nvcc::dependencies("").is_empty());
}
