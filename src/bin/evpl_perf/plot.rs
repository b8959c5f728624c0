//! Two panels side by side: percentiles of the round trip, and throughput, both by message size.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::{Latency, Measurement};
use crate::workload::Workload;

const PANEL_SIZE: (u32, u32) = (1400, 620);

/// Above the highest point, for the legend.
const LEGEND_ROOM: f64 = 5.0;

/// Colours that people with the usual colour blindness can tell apart.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(120, 94, 240),
    RGBColor(230, 159, 0),
    RGBColor(80, 80, 80),
];

/// Percentiles with the opacity of their line.
const PERCENTILES: [(f64, Percentile); 3] = [
    (1.0, |latency| latency.p50),
    (0.5, |latency| latency.p99),
    (0.2, |latency| latency.p99_9),
];

type Percentile = fn(&Latency) -> f64;

struct Line {
    /// In the legend, if it is the first of its colour.
    label: Option<&'static str>,
    color: RGBAColor,
    points: Vec<(f64, f64)>,
}

pub fn draw(path: &Path, measurements: &[Measurement]) -> Result<(), String> {
    let root = SVGBackend::new(path, PANEL_SIZE).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    let (left, right) = root.split_horizontally(PANEL_SIZE.0 / 2);
    for (area, title, unit, lines) in [
        (
            left,
            "Round trip: p50, p99, p99.9 (dark to light)",
            "microseconds",
            latency_lines(measurements),
        ),
        (right, "One direction", "MB/s", bulk_lines(measurements)),
    ] {
        draw_panel(&area, title, unit, &lines).map_err(|error| failed(&error))?;
    }
    root.present().map_err(|error| failed(&error))
}

fn latency_lines(measurements: &[Measurement]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (protocol, color) in colors(measurements) {
        for (index, (opacity, of)) in PERCENTILES.into_iter().enumerate() {
            let points = points(measurements, protocol, Workload::Latency, |measurement| {
                measurement.latency.as_ref().map(of)
            });
            lines.push(Line {
                label: (index == 0).then_some(protocol),
                color: color.mix(opacity),
                points,
            });
        }
    }
    lines
}

fn bulk_lines(measurements: &[Measurement]) -> Vec<Line> {
    colors(measurements)
        .into_iter()
        .map(|(protocol, color)| Line {
            label: Some(protocol),
            color: color.to_rgba(),
            points: points(measurements, protocol, Workload::Bulk, |measurement| {
                Some(measurement.bytes_per_second() / 1e6)
            }),
        })
        .collect()
}

/// Every protocol once, in the order of the measurements, with the same colour in both panels.
fn colors(measurements: &[Measurement]) -> Vec<(&'static str, RGBColor)> {
    let mut protocols: Vec<&str> = Vec::new();
    for measurement in measurements {
        if !protocols.contains(&measurement.protocol) {
            protocols.push(measurement.protocol);
        }
    }
    protocols
        .into_iter()
        .zip(PALETTE.into_iter().cycle())
        .collect()
}

/// By size. What is not positive has no place on a logarithmic axis.
fn points(
    measurements: &[Measurement],
    protocol: &str,
    workload: Workload,
    value: impl Fn(&Measurement) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = measurements
        .iter()
        .filter(|measurement| measurement.protocol == protocol && measurement.workload == workload)
        .filter_map(|measurement| Some((f64::from(measurement.size), value(measurement)?)))
        .filter(|point| point.1 > 0.0)
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_panel(
    area: &Area,
    title: &str,
    unit: &str,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    let all = || lines.iter().flat_map(|line| &line.points);
    if all().next().is_none() {
        let text = format!("{title}: not measured");
        area.draw(&Text::new(text, (40, 40), ("sans-serif", 20)))?;
        return Ok(());
    }
    let x = bounds(all().map(|point| point.0));
    let y = bounds(all().map(|point| point.1));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{title}, {unit}"), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1 * LEGEND_ROOM).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("message size, bytes")
        .y_desc(unit)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value}"))
        .light_line_style(WHITE)
        .draw()?;
    for line in lines.iter().filter(|line| !line.points.is_empty()) {
        let style = line.color.stroke_width(2);
        let series = chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
        if let Some(label) = line.label {
            series
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        let dot = |point: &(f64, f64)| Circle::new(*point, 3, line.color.filled());
        chart.draw_series(line.points.iter().map(dot))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}

/// A range that is never empty, with some room on both sides.
fn bounds(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    const ROOM: f64 = 1.5;
    let min = values.clone().fold(f64::INFINITY, f64::min);
    let max = values.fold(0.0, f64::max);
    (min / ROOM, max * ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    fn draw_to_text(name: &str, measurements: &[Measurement]) -> String {
        let file = format!("evpl_perf-{}-{name}.svg", std::process::id());
        let path = std::env::temp_dir().join(file);
        draw(&path, measurements).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        text
    }

    #[test]
    fn a_plot_names_every_protocol() {
        let measurements = [
            sample("STREAM_SOCKET_TCP", Workload::Latency, 64, 20),
            sample("STREAM_SOCKET_TCP", Workload::Latency, 4096, 30),
            sample("STREAM_INPROC", Workload::Latency, 64, 5),
            sample("STREAM_INPROC", Workload::Bulk, 64, 0),
        ];
        let text = draw_to_text("all", &measurements);
        for label in ["STREAM_SOCKET_TCP", "STREAM_INPROC", "p99.9", "MB/s"] {
            assert!(text.contains(label), "{label}");
        }
        assert!(text.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn a_plot_of_one_point_or_none_is_drawn() {
        let one = [sample("STREAM_SOCKET_TCP", Workload::Latency, 64, 20)];
        assert!(draw_to_text("one", &one).contains("One direction: not measured"));
        assert!(draw_to_text("none", &[]).contains("(dark to light): not measured"));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        let error = draw(Path::new("/nonexistent/x.svg"), &[]).unwrap_err();
        assert!(error.starts_with("/nonexistent/x.svg"), "{error}");
    }

    #[test]
    fn points_are_in_order_of_size() {
        let measurements = [
            sample("A", Workload::Bulk, 512, 0),
            sample("A", Workload::Bulk, 64, 0),
        ];
        let lines = bulk_lines(&measurements);
        let sizes: Vec<f64> = lines[0].points.iter().map(|point| point.0).collect();
        assert_eq!(sizes, [64.0, 512.0]);
    }
}
