//! Plots of rate against size: ours, PyTorch, and the ceiling.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use super::results::{Row, Run};

const OURS: RGBColor = RGBColor(178, 34, 34);
const PEER: RGBColor = RGBColor(31, 119, 180);
const CEILING: RGBColor = RGBColor(120, 120, 120);

/// What is plotted: group and work.
const PLOTTED: [(&str, &str); 4] =
    [("elementwise", "add"), ("softmax", "softmax"), ("norm", "rms_norm"), ("matmul", "matmul")];

/// A rate by size.
type Curve = Vec<(f64, f64)>;

struct Plot {
    title: String,
    size: &'static str,
    unit: &'static str,
    ours: Curve,
    peer: Curve,
    ceiling: Option<f64>,
}

/// Draws what there is to draw of `run` into `dir`, and tells the files' names.
pub fn plots(run: &Run, dir: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut files = vec![];
    for (group, work) in PLOTTED {
        for dtype in ["f32", "f16", "bf16"] {
            let rows = run.group(group).filter(|row| row.work == work && row.dtype == dtype);
            let plot = Plot::new(run, format!("{work} {dtype}"), rows);
            if plot.ours.len() > 1 {
                let file = format!("{}-{work}-{dtype}.svg", run.stem);
                plot.draw(&dir.join(&file))?;
                files.push(file);
            }
        }
    }
    Ok(files)
}

impl Plot {
    fn new<'a>(run: &Run, title: String, rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut plot = Self {
            title: format!("{title}, {}", run.device),
            size: "elements",
            unit: "GB/s",
            ours: vec![],
            peer: vec![],
            ceiling: run.ceilings["copy_bytes_per_s"].as_f64().map(|rate| rate / 1e9),
        };
        for row in rows {
            let Some(size) = side(&row.shape) else { continue };
            let mut unit = 1e9;
            if row.flops.is_some() {
                unit = 1e12;
                plot.unit = "TFLOP/s";
                plot.ceiling = run.ceilings["matmul_flops_per_s"][row.dtype.as_str()].as_f64().map(|rate| rate / 1e12);
            }
            if row.shape.len() > 1 {
                plot.size = "rows and columns";
            }
            let point = |seconds: f64| (size, row.rate(seconds) / unit);
            plot.ours.extend(row.seconds().map(point));
            plot.peer.extend(row.peer_seconds().map(point));
        }
        plot
    }

    fn draw(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let points = || self.ours.iter().chain(&self.peer);
        let (least, most) = points()
            .fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), &(size, _)| (least.min(size), most.max(size)));
        let top = points().map(|&(_, rate)| rate).chain(self.ceiling).fold(0.0, f64::max);
        let root = SVGBackend::new(path, (720, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d((least..most).log_scale().base(2.0), 0.0..1.1 * top)?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .x_desc(self.size)
            .y_desc(self.unit)
            .x_label_formatter(&|&size| if size < 1e5 { format!("{size:.0}") } else { format!("2^{:.0}", size.log2()) })
            .draw()?;
        if let Some(ceiling) = self.ceiling {
            chart
                .draw_series(DashedLineSeries::new([(least, ceiling), (most, ceiling)], 6, 4, CEILING.stroke_width(1)))?
                .label("ceiling")
                .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], CEILING));
        }
        for (curve, name, colour) in [(&self.peer, "PyTorch", PEER), (&self.ours, "tilework", OURS)] {
            if curve.is_empty() {
                continue;
            }
            chart
                .draw_series(LineSeries::new(curve.iter().copied(), colour.stroke_width(2)).point_size(3))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(CEILING)
            .draw()?;
        root.present()?;
        Ok(())
    }
}

/// Where a case stands on the axis of sizes: a flat one by its length, a square one by its side, others not at all.
fn side(shape: &[u64]) -> Option<f64> {
    match *shape {
        [n] => Some(n as f64),
        [rows, columns] if rows == columns => Some(rows as f64),
        [1, m, n, k] if m == n && n == k => Some(n as f64),
        _ => None,
    }
}
