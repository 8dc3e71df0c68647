//! Tables and plots of measurements: on the terminal, in results.md, and of all kept results in BENCHMARKS.md.

mod plot;
mod race;
mod results;
mod table;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use results::{Run, load};
use table::tables;

const METHOD: &str = "\
*device*: the device's own clock around calls enqueued back to back, on resident inputs that rotate so that they don't lie in a
cache, or are noted as so small that they may. *call*: from the call to its completion. *round trip*: from host arrays to a host
array. *rate*: the fewest operations or bytes that the work needs, by the device's time (a transfer: by the call's). *of ceiling*:
the time at the measured ceilings as a share of the time taken. *ratio*: PyTorch's time by ours, both the device's, measured in
one run: above 1 is faster than PyTorch. *ratio to cuBLAS*: cuBLAS's time by ours, measured in turns: both sides as CUDA graphs
of about the same length, on the same rotating inputs, on one stream of one process, by the same events; the median over pairs of
replays, in which who begins alternates. cuBLAS is the fastest, tried on the case, of its own choice and cuBLASLt's first twelve
algorithms with 64 MiB of workspace; f32 is without TF32. *to its own choice*: the same against what cuBLAS takes by itself (of 8-bit
factors, cuBLASLt's first proposal). Products that follow one another are independent: ours begin beside those before them, in both of
these columns, and cuBLAS's do not. *if each waits*: the ratio to the fastest if each of ours waits for the one before it to end before it
reads (except that small factors may be on their way to the L2 cache by then). *in a chain*, where an output has the shape of a: both sides
multiply what they made last by another b, as layers do, and ours may fetch that b before they wait. Every result was verified before it
was timed.
";

/// Prints the measurements in `dir`, beside the peers', and writes them there as results.md with plots.
pub fn report(dir: &Path) -> Result<(), Box<dyn Error>> {
    let runs = load(dir)?;
    let mut text = format!("# Measurements of {}\n\n{METHOD}", runs[0].date);
    for run in &runs {
        println!("\n{}\n{}\n", title(run), about(run));
        for table in tables(run) {
            println!("{}", table.terminal());
        }
        let plots = plot::plots(run, dir)?;
        text += &section(run, "", &plots, 2);
    }
    let path = dir.join("results.md");
    fs::write(&path, text)?;
    println!("written: {}", path.display());
    Ok(())
}

/// Writes BENCHMARKS.md beside the folder `results`: of every machine in it the newest measurements, and links to the older.
pub fn document(results: &Path) -> Result<(), Box<dyn Error>> {
    let mut text = format!(
        "# Benchmarks\n\nMade by `suite --document` of the measurements kept below `results/`, which `scripts/run_bench.sh` wrote. \
         Not to be edited.\n\n{METHOD}"
    );
    let folder = results.file_name().and_then(|name| name.to_str()).ok_or("the folder of results has no name")?;
    for machine in folders(results)? {
        let mut dates = folders(&results.join(&machine))?;
        let Some(newest) = dates.pop() else { continue };
        let link = |date: &str| format!("{folder}/{machine}/{date}/");
        let _ = write!(text, "\n## {machine}, {newest}\n");
        let dir = results.join(&machine).join(&newest);
        for run in load(&dir)? {
            let plots = plot::plots(&run, &dir)?;
            text += &section(&run, &link(&newest), &plots, 3);
        }
        for date in dates.iter().rev() {
            let _ = write!(text, "\nEarlier: [{date}]({}results.md)\n", link(date));
        }
    }
    fs::write(results.with_file_name("BENCHMARKS.md"), text)?;
    Ok(())
}

/// A run as Markdown, under a heading of `level`; `link` leads to the folder of its plots.
fn section(run: &Run, link: &str, plots: &[String], level: usize) -> String {
    let mut text = format!("\n{} {}\n\n{}\n", "#".repeat(level), title(run), about(run));
    for table in tables(run) {
        let _ = write!(text, "\n{} {}\n\n{}", "#".repeat(level + 1), table.title, table.markdown());
    }
    if !plots.is_empty() {
        text.push('\n');
    }
    for file in plots {
        let _ = writeln!(text, "![{}]({link}{file})", file.trim_end_matches(".svg"));
    }
    text
}

fn title(run: &Run) -> String {
    format!("{}: {}", run.stem.replacen('-', ":", 1), run.device)
}

fn about(run: &Run) -> String {
    let mut facts: Vec<String> = run.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    facts.push(run.date.clone());
    facts.push(match &run.peer {
        Some(peer) => format!("beside {}", peer.name),
        None => "no peer".into(),
    });
    if let Some(rival) = &run.rival {
        facts.push(format!("products in turns with {rival}"));
    }
    if run.quick {
        facts.push("a quick run: few repetitions".into());
    }
    facts.join(", ")
}

/// The names of the folders in `dir`, sorted.
fn folders(dir: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = vec![];
    for entry in fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}
