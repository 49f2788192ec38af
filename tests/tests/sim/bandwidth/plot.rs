//! A run as a picture: rates above, the queue below.

use super::scenario::{Run, Sample};
use std::{fmt::Write, path::Path};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 18.0;
const RATES: (f64, f64) = (34.0, 220.0);
const QUEUE: (f64, f64) = (252.0, 330.0);
const HEIGHT: f64 = 356.0;

/// A line has no more points; of the samples between two, the highest is drawn.
const COLUMNS: usize = 240;

/// The colours of the senders, and of the capacity.
const COLOURS: [&str; 3] = ["#0b62d6", "#c2410c", "#15803d"];
const CAPACITY: &str = "#64748b";

/// A scale from 0 to a round number.
struct Axis {
    most: f64,
    step: f64,
    top: f64,
    bottom: f64,
}

impl Axis {
    fn new(most: f64, (top, bottom): (f64, f64), lines: f64) -> Self {
        let rough = most.max(1e-9) / lines;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough).unwrap();
        Self { most: (most / step).ceil() * step, step, top, bottom }
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (value / self.most).min(1.0) * (self.bottom - self.top)
    }

    fn draw(&self, svg: &mut String, text: impl Fn(f64) -> String) {
        let lines = (self.most / self.step).round() as u32;
        for value in (0..=lines).map(|line| f64::from(line) * self.step) {
            let y = self.y(value);
            let right = WIDTH - RIGHT;
            writeln!(svg, "<path d='M{LEFT} {y:.1}H{right}' stroke='#e2e8f0'/>").unwrap();
            let (x, y) = (LEFT - 6.0, y + 4.0);
            writeln!(svg, "<text x='{x}' y='{y:.1}' text-anchor='end'>{}</text>", text(value)).unwrap();
        }
    }
}

/// Saves what a run looks like, if `SWITCHBOARD_TEST_PLOTS` names a directory.
pub(crate) fn save(run: &Run) {
    if let Some(directory) = std::env::var_os("SWITCHBOARD_TEST_PLOTS") {
        let words = run.name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let name = words.collect::<Vec<_>>().join("-").to_lowercase();
        std::fs::write(Path::new(&directory).join(name).with_extension("svg"), svg(run)).unwrap();
    }
}

/// The picture of a run, as SVG.
fn svg(run: &Run) -> String {
    let seconds = run.samples.last().unwrap().at;
    let most = run.samples.iter().map(|sample| sample.capacity).filter(|rate| rate.is_finite());
    let estimates = run.samples.iter().flat_map(|sample| sample.estimate.clone());
    let capacity = most.fold(0.0, f64::max);
    let rates = Axis::new(estimates.fold(capacity, f64::max).min(1.6 * capacity) / 1e6, RATES, 5.0);
    let waits = run.samples.iter().map(|sample| sample.queue).fold(20.0, f64::max);
    let queue = Axis::new(waits, QUEUE, 3.0);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' font-size='11' fill='#334155'>\n\
         <rect width='100%' height='100%' fill='#fff'/>\n<text x='{LEFT}' y='20' font-size='13'>{}</text>\n",
        run.name
    );
    rates.draw(&mut svg, |value| format!("{} Mbit/s", trimmed(value)));
    queue.draw(&mut svg, |value| format!("{} ms", trimmed(value)));
    let x = |at: f64| LEFT + at / seconds * (WIDTH - LEFT - RIGHT);
    for tick in (0..=(seconds as u32)).step_by(if seconds > 60.0 { 20 } else { 10 }) {
        let (at, y) = (x(tick.into()), HEIGHT - 8.0);
        writeln!(svg, "<text x='{at:.0}' y='{y}' text-anchor='middle'>{tick} s</text>").unwrap();
    }
    let columns: Vec<&[Sample]> = run.samples.chunks(run.samples.len().div_ceil(COLUMNS)).collect();
    let mut line = |axis: &Axis, colour: &str, width: f64, value: &dyn Fn(&Sample) -> f64| {
        let mut path = String::new();
        let mut last = None;
        for column in &columns {
            let y = axis.y(column.iter().map(value).fold(0.0, f64::max)).round();
            // A level line needs no more points than its ends.
            if last != Some(y) {
                let at = x(column[0].at).round();
                let drawn =
                    if last.is_none() { write!(path, "M{at} {y}") } else { write!(path, "H{at}V{y}") };
                drawn.unwrap();
                last = Some(y);
            }
        }
        write!(path, "H{}", x(seconds).round()).unwrap();
        writeln!(svg, "<path d='{path}' fill='none' stroke='{colour}' stroke-width='{width}'/>").unwrap();
    };
    line(&rates, CAPACITY, 1.5, &|sample| sample.capacity / 1e6);
    for (flow, colour) in (0..run.samples[0].estimate.len()).zip(COLOURS) {
        line(&rates, colour, 1.5, &|sample| sample.estimate[flow] / 1e6);
    }
    line(&queue, CAPACITY, 1.0, &|sample| sample.queue);
    let (y, right) = (QUEUE.0 - 8.0, WIDTH - RIGHT);
    writeln!(svg, "<text x='{LEFT}' y='{y}'>longest wait before the bottleneck</text>").unwrap();
    writeln!(
        svg,
        "<text x='{right}' y='20' text-anchor='end'><tspan fill='{CAPACITY}'>capacity</tspan> \
         <tspan fill='{}'>estimate</tspan></text>\n</svg>",
        COLOURS[0]
    )
    .unwrap();
    svg
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
