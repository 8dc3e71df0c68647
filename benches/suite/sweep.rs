//! The sweep: the forms of the kernels for large products, at the shapes of the benchmark. Of `tf32_pass` those for large outputs, where it is
//! chosen.
//!
//! What the library chooses is held against it (`src/backend/cuda/matmul/sweep.rs`). The form is forced by `TILEWORK_MATMUL`, which a process
//! reads once, so each form has a process of its own, which this program starts. A form that cannot compute a product leaves it to what
//! would be chosen: the reader has to know.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use tilework::Device;

use super::case::{Case, Work};
use super::cases;
use super::measure::{self, Effort};
use super::race::Rivals;

const VARIABLE: &str = "TILEWORK_MATMUL";

/// What the names of cases begin with, and the forms to be tried on them.
const FORMS: [(&str, &str, &[&str]); 8] = [
    (
        "matmul/matmul/bf16/",
        "wgmma",
        &[
            "128x256/2x1",
            "128x256/1x1",
            "128x192/1x1",
            "128x160/2x1",
            "128x128/1x1",
            "128x64/1x1",
            "64x128/1x1",
            "64x64/1x1",
            "128x128_split/1x2",
            "128x128_split/1x4",
            "128x128_split/1x8",
            "128x64_split/1x2",
            "64x64_split/1x2",
            "64x64_split/1x4",
            "64x64_split/1x8x1",
            "64x64_split/1x8x15",
        ],
    ),
    (
        "matmul/matmul, tf32/f32/",
        "tf32",
        &[
            "128x256/2x1",
            "128x256/1x1",
            "128x192/1x1",
            "128x128/1x1",
            "128x64/1x1",
            "64x128/1x1",
            "64x64/1x1",
            "128x128_split/1x2",
            "128x64_split/1x2",
            "64x128_split/1x2",
            "64x64_split/1x2",
            "64x64_split/1x4",
            "64x64_split/1x8x1",
            "64x64_split/1x8x15",
        ],
    ),
    ("matmul/matmul, tf32/f32/", "tf32_pass", &["128x256/2x1", "128x192/1x1", "128x128/1x1", "64x128/1x1"]),
    (
        "matmul/matmul_scaled/f8e4m3/",
        "fp8",
        &[
            "128x256/2x1",
            "128x256/1x1",
            "128x192/1x1",
            "128x160/1x1",
            "128x128/1x1",
            "64x128/1x1",
            "64x64/1x1",
            "64x64_split/1x2",
            "64x64_split/1x8x1",
            "64x64_split/1x8x15",
        ],
    ),
    ("matmul/matmul, fma/f32/", "simt", &["128x256", "128x128", "64x64", "32x64"]),
    ("matmul/matmul, fma/f32/", "simt_ring", &["128x256", "64x128", "32x64"]),
    ("matmul/matmul/f32/", "split", &["128x128", "64x128"]),
    ("matmul/matmul/f64/", "dmma", &["192x96", "128x128", "64x128", "64x64", "32x32", "16x128", "16x32"]),
];

/// Writes the table of all forms whose family or cases' names contain `filter`.
pub fn sweep(device: &str, filter: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let mut table = String::from("precision\tbatch x m x n x k\tform\tamong others, us\talone, us\n");
    for (prefix, family, forms) in FORMS {
        if !prefix.contains(filter) && !family.contains(filter) {
            continue;
        }
        for form in forms {
            let form = format!("{family}/{form}");
            eprintln!("{prefix} by {form}");
            let output = Command::new(&program)
                .args(["--device", device, "--filter", prefix, "--swept"])
                .env(VARIABLE, &form)
                .stderr(Stdio::inherit())
                .output()?;
            if !output.status.success() {
                return Err(format!("{prefix} by {form}: {}", output.status).into());
            }
            table += &String::from_utf8(output.stdout)?;
        }
    }
    Ok(std::fs::write(to, table)?)
}

/// Whether forms of kernels are tried on `case`: where there are tiles to be chosen.
fn is_swept(case: &Case) -> bool {
    let plain = match case.work {
        Work::Matmul(product) => product.transposed == [false; 2] && !product.packed,
        Work::ScaledMatmul(_) => true,
        _ => false,
    };
    case.group == "matmul" && plain && case.shape[1] > 16
}

/// Prints the lines of the form that is forced.
pub fn swept(device: &Device, filter: &str) -> Result<(), Box<dyn Error>> {
    let form = std::env::var(VARIABLE)?;
    let rivals = Rivals::without_cublas(device).ok_or("products are swept on CUDA devices alone")?;
    let wanted = |case: &Case| case.id().starts_with(filter) && is_swept(case);
    for case in cases().into_iter().filter(wanted) {
        let row = measure::measure(&case, device, Some(&rivals), Effort::new(true, device));
        let micros = |name: &str| row["race"][name].as_f64().map(|seconds| 1e6 * seconds);
        let (Some(among), Some(alone)) = (micros("ours_s"), micros("waiting_s")) else {
            return Err(format!("{} by {form}: {}, {}", case.id(), row["status"], row["race"]).into());
        };
        println!("{}\t{}\t{form}\t{among:.3}\t{alone:.3}", case.precision(), case.size());
    }
    Ok(())
}
