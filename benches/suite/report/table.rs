//! Tables of a run: for a terminal, and as Markdown.

use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde_json::Value;

use super::race;
use super::results::{Row, Run};

pub struct Table {
    pub title: String,
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
    /// How many columns from the left are words, not numbers.
    pub words: usize,
}

impl Table {
    pub fn terminal(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(&self.header).add_rows(&self.rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            if self.is_number(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{}\n{table}\n", self.title)
    }

    pub fn markdown(&self) -> String {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let rule = (0..self.header.len()).map(|index| if self.is_number(index) { "--:" } else { "---" });
        let mut text = line(self.header.clone()) + &line(rule.collect());
        text.extend(self.rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
        text
    }

    fn is_number(&self, column: usize) -> bool {
        column >= self.words && ![NOTE, race::WHERE].contains(&self.header[column])
    }
}

const NOTE: &str = "note";

/// Everything that is said of a run, the short tables first.
pub fn tables(run: &Run) -> Vec<Table> {
    let mut tables = vec![ceilings(run), summary(run), launch(run)];
    tables.extend(race::tables(run));
    tables.extend(run.groups().into_iter().map(|name| group(run, name)));
    tables
}

fn group(run: &Run, name: &str) -> Table {
    let mut header =
        vec!["case", "shape", "device µs", "call µs", "round trip µs", "rate", "of ceiling", "PyTorch µs", "ratio"];
    let mut rows: Vec<Vec<String>> = run.group(name).map(|row| cells(row, &run.ceilings)).collect();
    if run.group(name).any(|row| row.race(race::CUBLAS).is_some()) {
        header.extend(race::HEADER);
        rows.iter_mut().zip(run.group(name)).for_each(|(cells, row)| cells.extend(race::cells(row)));
    }
    header.push(NOTE);
    rows.iter_mut().zip(run.group(name)).for_each(|(cells, row)| cells.push(note(row)));
    Table { title: name.to_owned(), header, rows, words: 2 }
}

fn cells(row: &Row, ceilings: &Value) -> Vec<String> {
    let unit = if row.flops.is_some() { "GFLOP/s" } else { "GB/s" };
    vec![
        format!("{} {}", row.work, row.dtype),
        row.size(),
        micros(row.device),
        micros(row.call),
        micros(row.round_trip),
        row.seconds().map_or_else(dash, |seconds| format!("{} {unit}", number(row.rate(seconds) / 1e9))),
        row.share(ceilings).map_or_else(dash, |share| format!("{:.0}%", 100.0 * share)),
        micros(row.peer_seconds()),
        ratio(row.ratio()),
    ]
}

fn note(row: &Row) -> String {
    let mut notes = vec![];
    if row.status != "ok" {
        notes.push(row.status.clone());
    }
    if row.status == "ok" && row.cached {
        notes.push("may be in a cache".to_owned());
    }
    if let Some(status) = row.peer_status.as_deref().filter(|&status| status != "ok") {
        notes.push(format!("PyTorch: {status}"));
    }
    if let Some(race) = row.race.as_ref().filter(|race| race.status.starts_with("failed")) {
        notes.push(format!("race {}", race.status));
    }
    // A bar would end the cell in Markdown.
    notes.join("; ").replace('|', "/").replace('\n', " ")
}

fn ceilings(run: &Run) -> Table {
    let rate = |value: &Value, unit: f64| value.as_f64().map_or_else(dash, |rate| number(rate / unit));
    let matmul = &run.ceilings["matmul_flops_per_s"];
    Table {
        title: "ceilings".into(),
        header: vec!["", "measured"],
        rows: vec![
            vec!["copy, read and write, GB/s".into(), rate(&run.ceilings["copy_bytes_per_s"], 1e9)],
            vec!["read, GB/s".into(), rate(&run.ceilings["read_bytes_per_s"], 1e9)],
            vec!["matmul f32, TFLOP/s".into(), rate(&matmul["f32"], 1e12)],
            vec!["matmul f16, TFLOP/s".into(), rate(&matmul["f16"], 1e12)],
            vec!["matmul bf16, TFLOP/s".into(), rate(&matmul["bf16"], 1e12)],
        ],
        words: 1,
    }
}

fn summary(run: &Run) -> Table {
    let line = |name: &str| {
        let rows: Vec<&Row> = run.group(name).collect();
        let ratios: Vec<f64> = rows.iter().filter_map(|row| row.ratio()).collect();
        let measured = rows.iter().filter(|row| row.status == "ok").count();
        let least = ratios.iter().copied().reduce(f64::min);
        vec![
            name.to_owned(),
            rows.len().to_string(),
            measured.to_string(),
            ratios.len().to_string(),
            ratio(geometric_mean(&ratios)),
            ratio(least),
        ]
    };
    Table {
        title: "summary".into(),
        header: vec!["group", "cases", "measured", "beside PyTorch", "geometric mean of ratios", "least ratio"],
        rows: run.groups().into_iter().map(line).collect(),
        words: 1,
    }
}

fn launch(run: &Run) -> Table {
    let line = |what: &str, key: &str| {
        let ours = run.launch[key].as_f64();
        let peer = run.peer.as_ref().and_then(|peer| peer.launch[key].as_f64());
        let ratio_of = ours.zip(peer).map(|(ours, peer)| peer / ours);
        vec![what.to_owned(), micros(ours), micros(peer), ratio(ratio_of)]
    };
    Table {
        title: "launch".into(),
        header: vec!["", "µs", "PyTorch µs", "ratio"],
        rows: vec![
            line("x + y on 1,024 elements: the caller's time", "host_s_per_add"),
            line("five operations on 1,000 elements, first call to data on the host", "chain_of_5_s"),
            line("first call of a kernel, result read", "first_call_s"),
            line("second call of it", "second_call_s"),
        ],
        words: 1,
    }
}

pub fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

pub fn dash() -> String {
    "-".into()
}

pub fn micros(seconds: Option<f64>) -> String {
    seconds.map_or_else(dash, |seconds| number(seconds * 1e6))
}

pub fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(dash, |ratio| format!("{ratio:.2}"))
}

/// Three digits at least, and none that mean nothing.
fn number(x: f64) -> String {
    match x {
        _ if x < 10.0 => format!("{x:.2}"),
        _ if x < 100.0 => format!("{x:.1}"),
        _ => format!("{x:.0}"),
    }
}
