//! The benchmark program behind `scripts/run_bench.sh`.
//!
//! `suite --list-devices`; `suite --device cuda:0 --json FILE [--quick] [--filter TEXT]` measures and writes; `suite --report DIR`
//! makes tables and plots of what was written; `suite --document DIR` makes BENCHMARKS.md of committed results; `suite --sweep FILE`
//! times the forms of the kernels for products. Without a command, as `cargo test --bench suite` calls it, every case that is small runs once
//! on the CPU and is verified.

mod case;
mod ceilings;
mod families;
mod measure;
mod products;
#[cfg_attr(not(feature = "cuda"), path = "race/without_cuda.rs")]
mod race;
mod report;
mod seeds;
mod sweep;
mod verify;
mod work;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tilework::{BackendKind, Device};

use case::Case;
use measure::Effort;
use race::Rivals;

#[derive(Parser)]
struct Arguments {
    /// Print the names of the devices that are worth measuring here.
    #[arg(long)]
    list_devices: bool,
    /// The device to measure: cpu, cuda:N or wgpu:N.
    #[arg(long)]
    device: Option<String>,
    /// Where to write the measurements.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Fewer repetitions.
    #[arg(long)]
    quick: bool,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Make tables and plots of the measurements in this folder.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Make BENCHMARKS.md of the results below this folder.
    #[arg(long)]
    document: Option<PathBuf>,
    /// Time the forms of the kernels for products, those that `--filter` is found in, and write the table.
    #[arg(long)]
    sweep: Option<PathBuf>,
    /// One of the processes of a sweep.
    #[arg(long, hide = true)]
    swept: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(dir) = &arguments.report {
        report::report(dir)?;
    } else if let Some(dir) = &arguments.document {
        report::document(dir)?;
    } else if arguments.list_devices {
        for device in Device::all() {
            println!("{}:{}", device.kind().name(), device.info().ordinal);
        }
    } else if let Some(path) = &arguments.sweep {
        sweep::sweep(arguments.device.as_deref().unwrap_or("cuda:0"), &arguments.filter, path)?;
    } else if let Some(name) = arguments.device.as_ref().filter(|_| arguments.swept) {
        sweep::swept(&name.parse()?, &arguments.filter)?;
    } else if let Some(name) = &arguments.device {
        let device = name.parse()?;
        let results = measure_all(&device, &arguments)?;
        let path = arguments.json.unwrap_or_else(|| PathBuf::from(format!("{}.json", name.replace(':', "-"))));
        std::fs::write(&path, serde_json::to_string_pretty(&results)?)?;
        return Ok(if failures(&results) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    } else {
        return Ok(check_small());
    }
    Ok(ExitCode::SUCCESS)
}

fn cases() -> Vec<Case> {
    [families::cases(), products::cases(), seeds::cases()].concat()
}

fn measure_all(device: &Device, arguments: &Arguments) -> Result<Value, Box<dyn Error>> {
    eprintln!("{device}: ceilings");
    let mut ceilings = ceilings::ceilings(device, arguments.quick)?;
    let launch = ceilings::launch(device)?;
    let rivals = Rivals::open(device);
    let wanted = |case: &Case| {
        case.id().contains(&arguments.filter)
            && products::suits(case, device)
            && (!arguments.quick || products::is_quick(case))
            && is_bearable(case, device, arguments.quick)
    };
    let cases: Vec<Case> = cases().into_iter().filter(wanted).collect();
    let bar = ProgressBar::new(cases.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}")?);
    let effort = Effort::new(arguments.quick, device);
    let mut rows = vec![];
    for case in &cases {
        bar.set_message(case.id());
        let row = measure::measure(case, device, rivals.as_ref(), effort);
        let row = refuse_impossible(case, device, row, &mut ceilings)?;
        let status = row["status"].as_str().unwrap_or_default().to_owned();
        if status.starts_with("wrong") || status.starts_with("failed") {
            bar.println(format!("{}: {status}", case.id()));
        }
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let info = device.info();
    let facts: serde_json::Map<String, Value> =
        info.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    Ok(json!({
        "device": { "name": info.name, "backend": info.backend.name(), "ordinal": info.ordinal, "facts": facts },
        "rival": rivals.as_ref().map(Rivals::cublas), "date": date(seconds), "quick": arguments.quick, "ceilings": ceilings, "launch": launch, "cases": rows,
    }))
}

/// Whether a processor, or a rasteriser that runs on one, gets through `case` in seconds. GPUs get through all.
fn is_bearable(case: &Case, device: &Device, quick: bool) -> bool {
    let (flops, bytes) = match device.kind() {
        _ if device.info().is_software => (1e9, 1e8),
        BackendKind::Cpu if quick => (2e10, 1e9),
        _ => return true,
    };
    case.flops().unwrap_or(0.0) <= flops && case.bytes() <= bytes
}

/// A rate above what the machine can do means that the benchmark is wrong, unless the data may have been in a cache. The ceilings of a
/// processor are measured again first.
fn refuse_impossible(
    case: &Case,
    device: &Device,
    mut row: Value,
    ceilings: &mut Value,
) -> Result<Value, Box<dyn Error>> {
    let Some(seconds) = row["device_s"].as_f64() else { return Ok(row) };
    // Fewer bytes than this over all sets may stay in a cache, and some do.
    let total = case.bytes() * row["sets"].as_f64().unwrap_or(1.0);
    row["cached"] = (total < 200e6).into();
    if total < 200e6 || case.is_matmul() {
        return Ok(row);
    }
    let rate = case.bytes() / seconds;
    let is_possible = |ceilings: &Value| {
        let bandwidth = |name: &str| ceilings[name].as_f64().unwrap_or(f64::INFINITY);
        rate <= 1.05 * bandwidth("copy_bytes_per_s").max(bandwidth("read_bytes_per_s"))
    };
    let attempts = if ceilings::runs_on_a_processor(device) { 3 } else { 0 };
    for _ in 0..attempts {
        if !is_possible(ceilings) {
            ceilings::raise(ceilings, device, case.bytes())?;
        }
    }
    if !is_possible(ceilings) {
        row["status"] = format!("refused: {:.0} GB/s is above the ceiling", rate / 1e9).into();
        row["device_s"] = Value::Null;
    }
    Ok(row)
}

fn failures(results: &Value) -> usize {
    let bad = |row: &Value| {
        ["wrong", "failed", "refused"].iter().any(|s| row["status"].as_str().is_some_and(|t| t.starts_with(s)))
    };
    results["cases"].as_array().map_or(1, |rows| rows.iter().filter(|row| bad(row)).count())
}

/// Every case of modest size once, verified, on the CPU.
fn check_small() -> ExitCode {
    let effort = Effort { batch: Duration::ZERO, batches: 1, longest_call: Duration::from_secs(5) };
    let device = Device::cpu();
    let (mut passed, mut failed, mut large) = (0, 0, 0);
    for case in cases() {
        if case.bytes() > 4e6 || case.flops().is_some_and(|flops| flops > 1e9) {
            large += 1;
            continue;
        }
        let row = measure::measure(&case, &device, None, effort);
        match row["status"].as_str() {
            Some("ok") => passed += 1,
            status => {
                failed += 1;
                println!("{}: {}", case.id(), status.unwrap_or("no status"));
            }
        }
    }
    println!("benchmark cases run once on the CPU; the large ones are left to a measuring run");
    println!("{passed} passed, {failed} failed, {large} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Year, month and day of a Unix time (Howard Hinnant's algorithm for civil dates).
fn date(seconds: u64) -> String {
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}
